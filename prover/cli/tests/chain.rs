//! Deploying and attesting on a local chain. Needs the tools that `npm ci` brings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use alloy::{
    primitives::{B256, Bytes, I256},
    sol_types::SolCall,
};
use chainfer_chain::{
    abi::{ChainferRegistry::registerModelCall, TensorSpec, Visibility},
    registry::Registry,
    rpc::{Rpc, RpcConfig},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::Path};
use support::{
    Run, chainfer, fixture,
    node::{Anvil, KEY, OTHER, OTHER_KEY, OWNER, cast, prove_bound, root, send},
};

/// What a model was registered with is what the bundle's manifest says, field by field.
fn assert_registered_as_compiled(url: &str, bundle: &Path, deployed: &Value) {
    let manifest: Value =
        serde_json::from_slice(&fs::read(bundle.join("public/manifest.json")).unwrap()).unwrap();
    let list = |name: &str| manifest[name].as_array().unwrap().clone();
    let (chunks, leaves) = (list("chunks"), list("leaves"));
    let number = |value: &Value| value.as_u64().unwrap();
    let rpc = Rpc::new(RpcConfig::new(url)).unwrap();
    let registry = Registry::new(rpc, deployed["registry"].as_str().unwrap().parse().unwrap());
    let id: B256 = deployed["model_id"].as_str().unwrap().parse().unwrap();
    let same = |spec: &TensorSpec, entry: &Value| {
        let public = entry["visibility"] == "public";
        let scale = entry["scale"].as_f64().unwrap();
        assert_eq!(
            [
                spec.leaf,
                spec.chunk.into(),
                spec.offset,
                spec.length,
                spec.zeroPoint
            ]
            .map(u64::from),
            ["leaf", "chunk", "offset", "length", "zero_point"].map(|f| number(&entry[f]))
        );
        assert_eq!(spec.visibility == Visibility::Public.to_abi(), public);
        let wad: f64 = spec.scaleWad.to_string().parse().unwrap();
        assert!(
            (wad / 1e18 - scale).abs() <= 1e-18 + scale * 1e-12,
            "{wad} {scale}"
        );
    };
    let found = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let model = registry.model(id).await.unwrap().unwrap();
        assert_eq!(deployed["record_hash"], model.recordHash.to_string());
        registry.registered(id, model.recordHash, 0).await.unwrap()
    });
    let found = found.unwrap().registration;
    let counts = [
        found.chunks.len(),
        found.leafLengths.len(),
        found.inputs.len(),
        found.outputs.len(),
    ];
    let expected = ["chunks", "leaves", "inputs", "outputs"].map(|name| list(name).len());
    assert_eq!(counts, expected);
    assert!(expected.iter().all(|count| *count > 0));
    assert_eq!(manifest["manifest_id"], found.manifestId.to_string());
    assert_eq!(manifest["key_set"], B256::from(found.keySet).to_string());
    for (spec, chunk) in found.chunks.iter().zip(&chunks) {
        assert_eq!(u64::from(spec.numPublic), number(&chunk["num_public"]));
        assert_eq!(u64::from(spec.hidingBudget), number(&chunk["hide_rows"]));
        assert_eq!(chunk["key_code_hash"], spec.keyHash.to_string());
    }
    for (spec, entry) in found.inputs.iter().zip(list("inputs")) {
        same(spec, &entry);
    }
    for (spec, entry) in found.outputs.iter().zip(list("outputs")) {
        same(spec, &entry);
    }
    for (length, entry) in found.leafLengths.iter().zip(&leaves) {
        assert_eq!(u64::from(*length), number(&entry["length"]));
    }
}

#[test]
fn deploy_and_attest_on_a_local_chain_and_again_without_sending() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (bundle, proof, state) = (path("bundle"), path("proof.json"), path("state.sqlite"));
    let (model, input) = (fixture("ops/mlp.onnx"), fixture("ops/mlp.json"));
    chainfer(args![
        "compile",
        model,
        "--calibration",
        input,
        "--chunks",
        "2",
        "-o",
        bundle
    ])
    .expect(0);
    let local = Anvil::start("31337");
    let solc = root().join("scripts/solc");
    let deploy = |url: &str, further: &[&str]| -> Run {
        let mut args = args![
            "deploy",
            bundle,
            "--rpc-url",
            url,
            "--private-key",
            KEY,
            "--solc",
            solc
        ]
        .to_vec();
        args.extend(further.iter().map(Into::into));
        chainfer(args)
    };
    let state_text = state.to_str().unwrap();

    let real = Anvil::start("1");
    deploy(
        &real.url,
        &["--state", path("other.sqlite").to_str().unwrap()],
    )
    .expect(2)
    .says(&["insecure", "chain 1", "--allow-insecure-srs"]);
    deploy(
        &local.url,
        &["--state", state_text, "--chain-id", "11155111"],
    )
    .expect(2)
    .says(&["--chain-id is 11155111", "chain 31337"]);
    // More than it may cost.
    deploy(&local.url, &["--state", state_text, "--max-spend", "1gwei"])
        .expect(2)
        .says(&["--max-spend", "0.000000001 ether", "nothing was sent"]);
    deploy("http://127.0.0.1:1", &["--state", state_text])
        .expect(1)
        .says(&["--rpc-url"]);

    let bound = || prove_bound(&bundle, &input, &proof);
    bound().expect(2).says(&["chainfer deploy"]);
    let deployed = deploy(&local.url, &["--state", state_text, "--json"])
        .expect(0)
        .json();
    let chunks = deployed["chunks"].as_array().unwrap();
    assert_eq!(chunks.len(), 2);
    assert_ne!(chunks[0]["key_hash"], chunks[1]["key_hash"]);
    // Registry, registration, the keys where that is cheaper, and the verifiers, which chunks of one shape share.
    let keys = chunks.iter().filter(|c| !c["key"].is_null()).count();
    let verifiers: BTreeSet<&str> = chunks
        .iter()
        .map(|c| c["verifier"].as_str().unwrap())
        .collect();
    assert_eq!(
        deployed["transactions"].as_array().unwrap().len(),
        2 + keys + verifiers.len()
    );
    let file: Value =
        serde_json::from_slice(&fs::read(bundle.join("public/deployments/31337.json")).unwrap())
            .unwrap();
    assert_eq!(file["model_id"], deployed["model_id"]);
    assert_registered_as_compiled(&local.url, &bundle, &deployed);

    // Only the owner lists verifier shapes; another account is told whom to ask, before it has spent anything.
    let other = path("other-bundle");
    let conv = fixture("ops/conv_relu_maxpool.onnx");
    chainfer(args!["compile", conv, "-o", other]).expect(0);
    let registry = deployed["registry"].as_str().unwrap();
    chainfer(args![
        "deploy",
        other,
        "--rpc-url",
        local.url,
        "--private-key",
        OTHER_KEY,
        "--solc",
        solc,
        "--state",
        path("second.sqlite"),
        "--registry",
        registry
    ])
    .expect(2)
    .says(&["not on the registry's list", "addVerifier(0x", OWNER]);

    let proved = bound().expect(0).json();
    assert_eq!(proved["model_id"], deployed["model_id"]);
    let attest = |proof: &Path| {
        let args = args![
            "attest",
            bundle,
            proof,
            "--rpc-url",
            local.url,
            "--private-key",
            KEY,
            "--state",
            state,
            "--json"
        ];
        chainfer(args)
    };
    let mut bad: Value = serde_json::from_slice(&fs::read(&proof).unwrap()).unwrap();
    bad["chunks"][0]["public_values"][0] = json!(format!("0x{:064x}", 5));
    fs::write(path("bad.json"), bad.to_string()).unwrap();
    attest(&path("bad.json"))
        .expect(1)
        .says(&["chunk 0", "does not verify"]);

    let first = attest(&proof).expect(0).json();
    assert_eq!(first["status"], "confirmed");
    assert!(first["total_gas"].as_u64().unwrap() > 100_000);
    let again = attest(&proof).expect(0).json();
    assert_eq!(again["transactions"], first["transactions"]);

    let unbound = path("unbound.json");
    chainfer(args!["prove", bundle, "--input", input, "-o", unbound]).expect(0);
    attest(&unbound).expect(2).says(&["binding"]);
}

/// The calldata of a transaction.
fn calldata(url: &str, hash: &str) -> Bytes {
    cast(&["tx", "--rpc-url", url, hash, "input"])
        .parse()
        .unwrap()
}

#[test]
fn deploy_that_cannot_be_recorded_sends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    chainfer(args!["compile", fixture("ops/gemm.onnx"), "-o", bundle]).expect(0);
    let public = bundle.join("public");
    let node = Anvil::start("31337");
    let deploy = |bundle: &Path| {
        chainfer(args![
            "deploy",
            bundle,
            "--rpc-url",
            node.url,
            "--private-key",
            KEY,
            "--solc",
            root().join("scripts/solc"),
            "--state",
            folder.path().join("state.sqlite"),
            "--json"
        ])
    };
    let nonce = || cast(&["nonce", "--rpc-url", &node.url, "--block", "pending", OWNER]);
    let blocked = public.join("deployments");
    fs::write(&blocked, "in the way").unwrap();
    for bundle in [&bundle, &public] {
        deploy(bundle).expect(2).says(&["deployments"]);
        assert_eq!(nonce(), "0");
    }
    fs::remove_file(&blocked).unwrap();
    // The public folder is a bundle's public part, too.
    deploy(&public).expect(0);
    assert_ne!(nonce(), "0");
    assert!(blocked.join("31337.json").is_file());
}

#[test]
fn check_model_names_each_difference_of_a_tampered_record() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    chainfer(args!["compile", fixture("ops/mlp.onnx"), "-o", bundle]).expect(0);
    let local = Anvil::start("31337");
    let solc = root().join("scripts/solc");
    let fixed = args!["check-model", bundle, "-r", local.url, "--solc", solc].to_vec();
    let check = |further: &[&str]| {
        let mut args = fixed.clone();
        args.extend(further.iter().map(Into::into));
        chainfer(args)
    };
    // Who registered it is said by nobody yet.
    check(&["--registry", OWNER])
        .expect(2)
        .says(&["31337.json", "--registrant"]);

    let deployed = chainfer(args![
        "deploy",
        bundle,
        "--rpc-url",
        local.url,
        "--private-key",
        KEY,
        "--solc",
        solc,
        "--state",
        folder.path().join("state.sqlite"),
        "--uri",
        "ipfs://here",
        "--json"
    ])
    .expect(0)
    .json();
    let registry = deployed["registry"].as_str().unwrap();
    // With the model everything is compared, without it everything but the weights, or the record alone.
    let model = fixture("ops/mlp.onnx");
    let model = model.to_str().unwrap();
    let same = check(&["--registry", registry, "--model", model, "--json"]);
    let same = same.expect(0).json();
    assert_eq!(same["as_compiled"], true);
    assert_eq!(same["verdict"], "as_compiled");
    assert_eq!(same["audit"]["verdict"], "as_compiled");
    let said = check(&["--registry", registry, "--model", model])
        .expect(0)
        .stdout;
    assert!(said.starts_with("AS COMPILED: chain 31337"), "{said}");
    for (further, verdict, words) in [
        (&[][..], "structure_audited", "STRUCTURE AUDITED"),
        (&["--record-only"][..], "as_registered", "AS REGISTERED"),
    ] {
        let args = [&["--registry", registry][..], further].concat();
        let outcome = check(&[&args[..], &["--json"]].concat()).expect(0).json();
        assert_eq!(outcome["verdict"], verdict);
        assert_eq!(outcome["record_matches"], true);
        assert_eq!(outcome["as_compiled"], false);
        let said = check(&args).expect(0).stdout;
        assert!(said.contains(words) && said.contains("on trust"), "{said}");
    }
    assert_eq!(same["model_id"], deployed["model_id"]);
    assert_eq!(same["uri"], "ipfs://here");
    assert_eq!(same["differences"], json!([]));
    // A record that matches a bundle whose reports or files do not match its keys.
    let file = |name: &str| bundle.join("public").join(name);
    let layout = fs::read_to_string(file("layout.json")).unwrap();
    fs::write(
        file("layout.json"),
        layout.replace("\"lookups\": ", "\"lookups\": 1"),
    )
    .unwrap();
    let outcome = check(&["--registry", registry, "--json"]).expect(1).json();
    assert_eq!(outcome["verdict"], "not_as_compiled");
    assert_eq!(outcome["record_matches"], true);
    fs::write(file("layout.json"), layout).unwrap();
    // Without a structure nobody finds that out, so that has to be asked for.
    fs::rename(file("structure.json"), file("elsewhere")).unwrap();
    check(&["--registry", registry]).expect(2).says(&[
        "--model FILE",
        "--record-only",
        "structure.json is missing",
    ]);
    check(&["--registry", registry, "--record-only"]).expect(0);
    fs::rename(file("elsewhere"), file("structure.json")).unwrap();
    check(&["--registry", OTHER])
        .expect(2)
        .says(&["is of the registry", "--registrant"]);
    let none = check(&["--registry", registry, "--registrant", OTHER]).expect(1);
    assert!(none.stdout.contains("NOT REGISTERED"), "{}", none.stdout);

    // Another account registers the manifest with a scale and a budget of its own.
    let transactions = deployed["transactions"].as_array().unwrap();
    let hash = transactions.last().unwrap()["hash"].as_str().unwrap();
    let mut call = registerModelCall::abi_decode(&calldata(&local.url, hash)).unwrap();
    let registration = &mut call.registration;
    registration.chunks[0].hidingBudget += 1;
    registration.outputs[0].scaleWad += I256::ONE;
    let data = Bytes::from(call.abi_encode()).to_string();
    cast(&[
        "send",
        "--rpc-url",
        &local.url,
        "--private-key",
        OTHER_KEY,
        registry,
        &data,
    ]);
    let further = ["--registry", registry, "--registrant", OTHER];
    let said = check(&further).expect(1).stdout;
    assert!(said.contains("NOT AS COMPILED"), "{said}");
    let outcome = check(&[&further[..], &["--json"]].concat())
        .expect(1)
        .json();
    assert_eq!(outcome["as_compiled"], false);
    let named: Vec<&str> = outcome["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["what"].as_str().unwrap())
        .collect();
    let expected = ["chunks[0].hiding_budget", "outputs[0].scale_wad"];
    assert_eq!(named, expected);
    assert!(expected.iter().all(|what| said.contains(what)), "{said}");
}

/// Largest execution gas of one transaction (EIP-7825).
const CAP: u64 = 1 << 24;

/// A registry, a verifier and a real proof where state is dear: each step says what it takes at the most, and stays below that.
#[test]
fn deploy_and_attest_under_amsterdam() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (bundle, proof, state) = (path("bundle"), path("proof.json"), path("state.sqlite"));
    let input = fixture("ops/mlp.json");
    chainfer(args![
        "compile",
        fixture("ops/mlp.onnx"),
        "--calibration",
        input,
        "-o",
        bundle
    ])
    .expect(0);
    let node = Anvil::amsterdam("31337");
    let send = |verb: &[std::ffi::OsString]| send(&node.url, &state, verb);
    let solc = root().join("scripts/solc");
    let deployed = send(&args!["deploy", bundle, "--solc", solc])
        .expect(0)
        .says(&["for at most 0."])
        .json();
    let gas = deployed["total_gas"].as_u64().unwrap();
    assert!(gas > CAP, "{gas}");
    prove_bound(&bundle, &input, &proof).expect(0);
    // Three times what it should cost is more than it costs.
    let attested = send(&args!["attest", bundle, proof]).expect(0).json();
    assert_eq!(attested["transactions"].as_array().unwrap().len(), 1);
    let again = send(&args!["attest", bundle, proof]).expect(0).json();
    assert_eq!(again["transactions"], attested["transactions"]);
    let balance = cast(&["balance", "--rpc-url", &node.url, OWNER]);
    let receipt = |tx: &Value, field: &str| -> u128 {
        let hash = tx["hash"].as_str().unwrap();
        let value = cast(&["receipt", "--rpc-url", &node.url, hash, field]);
        value.parse().unwrap()
    };
    let sent = [&deployed, &attested].map(|report| report["transactions"].as_array().unwrap());
    let cost: u128 = sent
        .into_iter()
        .flatten()
        .map(|tx| {
            let gas = receipt(tx, "gasUsed");
            assert_eq!(gas, u128::from(tx["gas_used"].as_u64().unwrap()));
            gas * receipt(tx, "effectiveGasPrice")
        })
        .sum();
    let ether = 10_000 * 10_u128.pow(18);
    assert_eq!(ether - balance.parse::<u128>().unwrap(), cost);
}

#[test]
fn five_real_chunks_are_attested_in_one_capped_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (bundle, proof, state) = (path("bundle"), path("proof.json"), path("state.sqlite"));
    let calibration = fixture("digits_calibration.json");
    chainfer(args![
        "compile",
        fixture("digits.onnx"),
        "--calibration",
        calibration,
        "--chunks",
        "5",
        "-o",
        bundle
    ])
    .expect(0);
    let local = Anvil::start("31337");
    let send = |verb: &[std::ffi::OsString]| send(&local.url, &state, verb);
    let solc = root().join("scripts/solc");
    send(&args!["deploy", bundle, "--solc", solc]).expect(0);
    prove_bound(&bundle, &fixture("digits_input.json"), &proof).expect(0);
    let attested = send(&args!["attest", bundle, proof]).expect(0).json();
    assert_eq!(attested["status"], "confirmed");
    let sent = attested["transactions"].as_array().unwrap();
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert!(
        sent[0]["what"]
            .as_str()
            .unwrap()
            .starts_with("attest chunks 0, 1, 2, 3, 4")
    );
    let gas = sent[0]["gas_used"].as_u64().unwrap();
    assert!(gas <= CAP, "{gas}");
}

#[test]
fn wallet_that_cannot_sign_is_found_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    chainfer(args!["compile", fixture("ops/gemm.onnx"), "-o", bundle]).expect(0);
    let deploy = |wallet: &[&str]| {
        let mut args = args!["deploy", bundle, "--rpc-url", "http://127.0.0.1:1"].to_vec();
        args.extend([
            String::from("--solc").into(),
            root().join("scripts/solc").into_os_string(),
        ]);
        args.extend(wallet.iter().map(Into::into));
        chainfer(args)
    };
    deploy(&[]).expect(2).says(&["--account", "--keystore"]);
    let run = deploy(&["--private-key", "0x1234"])
        .expect(2)
        .says(&["32 bytes"]);
    assert!(!run.stderr.contains("1234"), "{}", run.stderr);
    deploy(&["--keystore", "/nonexistent/key"])
        .expect(2)
        .says(&["/nonexistent/key"]);
    deploy(&["--private-key", KEY, "--account", "me"])
        .expect(2)
        .says(&["cannot be used with"]);
}

#[test]
fn record_and_uri_of_an_earlier_deployment_are_kept_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let bundle = path("bundle");
    chainfer(args!["compile", fixture("ops/mlp.onnx"), "-o", bundle]).expect(0);
    let node = Anvil::start("4242");
    let deploy = |key: &str, uri: &str| {
        chainfer(args![
            "deploy",
            bundle,
            "--rpc-url",
            node.url,
            "--private-key",
            key,
            "--solc",
            root().join("scripts/solc"),
            "--state",
            path(&key[..10]),
            "--allow-insecure-srs",
            "--confirmations",
            "1",
            "--uri",
            uri,
            "--json"
        ])
    };
    let first = deploy(KEY, "ipfs://first").expect(0).json();
    assert_eq!(first["uri"], "ipfs://first");
    assert_eq!(first["earlier_record"], Value::Null);
    // The same deployment again: nothing is sent, and the URI stays.
    let again = deploy(KEY, "ipfs://late").expect(0);
    assert!(
        again
            .stderr
            .contains("--uri \"ipfs://late\" was not recorded"),
        "{}",
        again.stderr
    );
    assert_eq!(again.json()["uri"], "ipfs://first");
    assert_eq!(again.json()["earlier_record"], Value::Null);

    let second = deploy(OTHER_KEY, "").expect(0).json();
    assert_ne!(second["registry"], first["registry"]);
    let earlier = second["earlier_record"].as_str().unwrap();
    let record =
        |path: &Path| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let current = bundle.join("public/deployments/4242.json");
    assert_eq!(record(Path::new(earlier))["registry"], first["registry"]);
    assert_eq!(record(&current)["registry"], second["registry"]);

    // What could not be recorded is not paid for.
    fs::remove_file(&current).unwrap();
    fs::create_dir(&current).unwrap();
    let sent = || cast(&["nonce", "--rpc-url", &node.url, OWNER]);
    let before = sent();
    deploy(KEY, "").expect(2).says(&["4242.json is a folder"]);
    assert_eq!(sent(), before);
}
