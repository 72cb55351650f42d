//! Verifiers that models share: where they are, and what is deployed for a model. Needs the tools that `npm ci` brings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use support::{
    chainfer, fixture,
    node::{Anvil, prove_bound, root, send},
};

/// No compiler: what is in the catalogue needs none.
const NO_SOLC: &str = "/nonexistent/solc";

/// A model on a chain, and one attested inference of it.
struct Used {
    deployed: Value,
}

impl Used {
    /// Address of each chunk's verifier.
    fn verifiers(&self) -> Vec<&str> {
        let chunks = self.deployed["chunks"].as_array().unwrap().iter();
        chunks.map(|c| c["verifier"].as_str().unwrap()).collect()
    }

    /// What was sent, without a hash or an index in it.
    fn steps(&self) -> Vec<String> {
        let sent = self.deployed["transactions"].as_array().unwrap().iter();
        let what = sent.map(|tx| tx["what"].as_str().unwrap().to_owned());
        what.collect()
    }
}

struct Chain {
    folder: tempfile::TempDir,
    node: Anvil,
}

impl Chain {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Compiles, deploys, proves, attests.
    fn attest(&self, model: &str, compile: &[&str], input: &str, deploy: &[&str]) -> Used {
        let bundle = self.path(&format!("{}-{}", model.replace('/', "-"), compile.concat()));
        let mut args = args!["compile", fixture(model), "-o", bundle].to_vec();
        args.extend(compile.iter().map(Into::into));
        chainfer(args).expect(0);
        let state = self.path("state.sqlite");
        let mut args = args!["deploy", bundle, "--keys", "calldata"].to_vec();
        args.extend(deploy.iter().map(Into::into));
        let deployed = send(&self.node.url, &state, &args).expect(0).json();
        let proof = bundle.join("proof.json");
        prove_bound(&bundle, &fixture(input), &proof).expect(0);
        let attested = send(&self.node.url, &state, &args!["attest", bundle, proof]);
        assert_eq!(attested.expect(0).json()["status"], "confirmed");
        Used { deployed }
    }

    /// Names of the catalogue's verifiers that are on the chain.
    fn catalogue(&self) -> BTreeSet<String> {
        let shown = chainfer(args!["catalogue", "-r", self.node.url, "--json"]).expect(0);
        let shown = shown.json();
        assert_eq!(shown["chain_id"], 31337);
        let verifiers = shown["verifiers"].as_array().unwrap().iter();
        let there = verifiers.filter(|v| v["deployed"] == json!(true));
        there
            .map(|v| v["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[test]
fn two_models_use_one_verifier_and_a_third_its_own() {
    let chain = Chain {
        folder: tempfile::tempdir().unwrap(),
        node: Anvil::start("31337"),
    };
    assert_eq!(chain.catalogue(), BTreeSet::new());

    let calibration = fixture("digits_calibration.json");
    let calibration = calibration.to_str().unwrap();
    let gas = ["--optimize", "gas"];
    let options = [&gas[..], &["--calibration", calibration, "--chunks", "3"]].concat();
    let without = ["--solc", NO_SOLC];
    let digits = chain.attest("digits.onnx", &options, "digits_input.json", &without);
    assert_eq!(digits.steps().len(), 5, "registry, three verifiers, model");
    let names = ["conv3", "conv3pool", "dense"].map(str::to_owned);
    assert_eq!(chain.catalogue(), BTreeSet::from(names));

    // A perceptron finds everything there: it is registered, and that is all.
    let registry = digits.deployed["registry"].as_str().unwrap();
    let there = ["--registry", registry];
    let plan = [&without[..], &there].concat();
    let mlp = chain.attest("ops/mlp.onnx", &gas, "ops/mlp.json", &plan);
    assert_eq!(mlp.steps(), ["register model"]);
    assert_eq!(mlp.verifiers(), digits.verifiers()[2..]);

    // Another shape is compiled, deployed, and listed by the registry's owner.
    let solc = root().join("scripts/solc");
    let compiled = ["--solc", solc.to_str().unwrap(), "--registry", registry];
    let wide = chain.attest(
        "ops/mlp.onnx",
        &["--optimize", "time"],
        "ops/mlp.json",
        &compiled,
    );
    let steps = wide.steps();
    assert!(steps[0].starts_with("deploy Halo2Verifier"), "{steps:?}");
    assert!(steps[1].starts_with("list verifier shape"), "{steps:?}");
    assert_eq!(steps[2..], ["register model"]);
    assert!(!digits.verifiers().contains(&wide.verifiers()[0]));
}

#[test]
fn model_of_another_shape_needs_a_compiler() {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, state) = (folder.path().join("bundle"), folder.path().join("state"));
    let model = fixture("ops/mlp.onnx");
    chainfer(args!["compile", model, "--optimize", "time", "-o", bundle]).expect(0);
    let node = Anvil::start("31337");
    let deploy = args!["deploy", bundle, "--solc", NO_SOLC];
    send(&node.url, &state, &deploy).expect(2).says(&[NO_SOLC]);
}

/// The committed catalogue is what the sources generate and the compiler makes of them.
#[test]
fn catalogue_is_what_the_sources_compile_to() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    let solc = root().join("scripts/solc");
    chainfer(args!["catalogue", "--write", made, "--solc", solc]).expect(0);
    let kept = root().join("verifier-gen/catalogue");
    let names = |folder: &Path| -> BTreeSet<_> {
        let files = fs::read_dir(folder).unwrap();
        files.map(|entry| entry.unwrap().file_name()).collect()
    };
    assert_eq!(names(&made), names(&kept));
    for name in names(&kept) {
        let same = fs::read(made.join(&name)).unwrap() == fs::read(kept.join(&name)).unwrap();
        assert!(same, "{name:?} is stale: run scripts/catalogue");
    }
    let shown = chainfer(["catalogue"]).expect(0).stdout;
    assert!(
        shown.contains("full7") && shown.contains("--rpc-url"),
        "{shown}"
    );
}
