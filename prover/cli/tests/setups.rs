//! Real setups: files that snarkjs makes, from import to an attestation on a public chain id. Needs the tools that `npm ci` brings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use support::{
    Run, chainfer, chainfer_in, command, fixture,
    node::{Anvil, KEY, OTHER, root},
    run,
};

const SEPOLIA: &str = "11155111";

/// Runs snarkjs in a folder.
fn snarkjs(folder: &Path, args: &[&str]) {
    let program = root().join("node_modules/snarkjs/build/cli.cjs");
    assert!(
        program.is_file(),
        "no {}: run `npm ci` in the repository root",
        program.display()
    );
    let program = program.canonicalize().unwrap();
    let output = Command::new("node")
        .arg(program)
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
}

/// A ceremony with two contributions: `two.ptau`.
fn ceremony(folder: &Path, k: &str) -> PathBuf {
    snarkjs(folder, &["powersoftau", "new", "bn128", k, "zero.ptau"]);
    for (from, to, entropy) in [
        ("zero.ptau", "one.ptau", "-e=first"),
        ("one.ptau", "two.ptau", "-e=second"),
    ] {
        snarkjs(
            folder,
            &[
                "powersoftau",
                "contribute",
                from,
                to,
                "--name=test",
                entropy,
            ],
        );
    }
    folder.join("two.ptau")
}

/// A list with one setup.
fn list(path: &Path, name: &str, imported: &Value) {
    let list = json!({
        "format": "chainfer.known-srs",
        "version": 1,
        "setups": [{ "name": name, "tau_g2": imported["srs"]["tau_g2"], "sources": ["this test"] }],
    });
    fs::write(path, list.to_string()).unwrap();
}

#[test]
fn listed_ptau_goes_from_import_to_an_attestation() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let cache = path("cache");
    let run = |args: Vec<std::ffi::OsString>| chainfer_in(&cache, args);
    let ptau = ceremony(folder.path(), "14");
    let imported = run(args!["srs", "import", ptau, "--json"].to_vec())
        .expect(0)
        .says(&["setup: unknown"])
        .json();
    assert_eq!(
        (&imported["format"], &imported["file_k"]),
        (&json!("ptau"), &json!(14))
    );
    assert_eq!(imported["status"]["setup"], "unknown");
    let digest = imported["srs"]["digest"].as_str().unwrap().to_owned();

    let known = path("known.json");
    list(&known, "Test ceremony", &imported);
    let shown = run(args!["srs", "list", "--known-srs", known, "--json"].to_vec())
        .expect(0)
        .json();
    assert_eq!(shown["setups"][0]["digest"], digest.as_str());
    assert_eq!(shown["setups"][0]["status"]["setup_name"], "Test ceremony");
    assert_eq!(shown["setups"][0]["source"]["hashes"], imported["hashes"]);

    let (model, input) = (fixture("ops/mlp.onnx"), fixture("ops/mlp.json"));
    let bundle = path("bundle");
    let compiled = run(args![
        "compile",
        model,
        "--calibration",
        input,
        "--srs",
        "Test ceremony",
        "--known-srs",
        known,
        "-o",
        bundle,
        "--json"
    ]
    .to_vec())
    .expect(0)
    .json();
    assert_eq!(
        (&compiled["setup"], &compiled["srs"]),
        (&json!("known"), &imported["srs"])
    );

    let anvil = Anvil::start(SEPOLIA);
    let solc = root().join("scripts/solc");
    let state = path("state.sqlite");
    let deploy = |further: &[&str]| -> Run {
        let mut args = args![
            "deploy",
            bundle,
            "--rpc-url",
            anvil.url,
            "--private-key",
            KEY,
            "--solc",
            solc,
            "--state",
            state,
            // Anvil mines no further blocks by itself.
            "--confirmations",
            "1",
            "--json"
        ]
        .to_vec();
        args.extend(further.iter().map(Into::into));
        run(args)
    };
    let flag = ["--known-srs", known.to_str().unwrap()];
    deploy(&[])
        .expect(2)
        .says(&["unknown", SEPOLIA, "--known-srs", "--allow-unknown-srs"]);
    deploy(&["--allow-insecure-srs"]).expect(2);
    let deployed = deploy(&flag).expect(0).json();
    assert_eq!(deployed["setup"], "known");
    let registry = deployed["registry"].as_str().unwrap();

    let proof = path("proof.json");
    let prove = |further: &[&str]| {
        let mut args = args![
            "prove",
            bundle,
            "--input",
            input,
            "--chain-id",
            SEPOLIA,
            "--requester",
            OTHER,
            "--nonce",
            "7",
            "-o",
            proof
        ]
        .to_vec();
        args.extend(further.iter().map(Into::into));
        run(args)
    };
    prove(&[])
        .expect(2)
        .says(&["unknown", "--allow-unknown-srs"]);
    prove(&flag).expect(0);

    let attest = |further: &[&str]| {
        let mut args = args![
            "attest",
            bundle,
            proof,
            "--rpc-url",
            anvil.url,
            "--private-key",
            KEY,
            "--state",
            state,
            "--json"
        ]
        .to_vec();
        args.extend(further.iter().map(Into::into));
        run(args)
    };
    attest(&[]).expect(2).says(&["unknown"]);
    let attested = attest(&[flag.as_slice(), &["--confirmations", "1"]].concat())
        .expect(0)
        .json();
    assert_eq!(attested["status"], "confirmed");

    let model_shown = run(args![
        "check-model",
        bundle,
        "-r",
        anvil.url,
        "--solc",
        solc,
        "--registry",
        registry,
        "--known-srs",
        known,
        "--json"
    ]
    .to_vec())
    .expect(0)
    .json();
    assert_eq!(model_shown["setup_name"], "Test ceremony");

    // What a verifier sees who trusts the ceremony, and one who does not.
    let verify = |further: &[&str]| {
        let mut args = args!["verify", bundle, proof, "--json"].to_vec();
        args.extend(further.iter().map(Into::into));
        run(args)
    };
    let trusting = [flag.as_slice(), &["--require-known-setup"]].concat();
    let seen = verify(&trusting).expect(0).says(&["setup: known"]).json();
    assert_eq!(
        (&seen["valid"], &seen["setup"]),
        (&json!(true), &json!("known"))
    );
    assert_eq!(seen["setup_name"], "Test ceremony");
    let seen = verify(&[])
        .expect(0)
        .says(&["warning", "setup: unknown"])
        .json();
    assert_eq!(
        (&seen["setup"], &seen["insecure_srs"]),
        (&json!("unknown"), &json!(false))
    );
    let seen = verify(&["--require-known-setup"]).expect(1).json();
    assert_eq!(
        (&seen["valid"], &seen["setup"]),
        (&json!(false), &json!("unknown"))
    );
    assert!(
        seen["reason"]
            .as_str()
            .unwrap()
            .contains("--require-known-setup")
    );
    let inspected = run(args!["inspect", bundle, "--json"].to_vec())
        .expect(0)
        .json();
    assert_eq!(inspected["setup"], "unknown");
    let page = run(args!["inspect", bundle].to_vec()).expect(0).stdout;
    assert!(page.contains("UNKNOWN") && page.contains(&digest), "{page}");
}

#[test]
fn prepared_and_unprepared_ptau_give_the_same_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    ceremony(folder.path(), "8");
    snarkjs(
        folder.path(),
        &["powersoftau", "prepare", "phase2", "two.ptau", "final.ptau"],
    );
    let cache = path("cache");
    let checked = chainfer_in(&cache, args!["srs", "check", path("final.ptau"), "--json"])
        .expect(0)
        .json();
    assert_eq!(checked["lagrange_in_file"], true);
    assert!(!cache.exists(), "check stores nothing");
    let import = |cache: &Path, file: &str| {
        chainfer_in(
            cache,
            args!["srs", "import", path(file), "--k", "5,8", "--json"],
        )
        .expect(0)
        .json()
    };
    let prepared = import(&cache, "final.ptau");
    let computed = import(&path("other-cache"), "two.ptau");
    assert_eq!(prepared["srs"], computed["srs"]);
    for index in 0..2 {
        let [a, b] = [&prepared, &computed].map(|imported| {
            let size = &imported["sizes"][index];
            let content = fs::read(size["path"].as_str().unwrap()).unwrap();
            (size["lagrange_in_file"].clone(), content)
        });
        assert_eq!((a.0, b.0), (json!(true), json!(false)));
        assert!(a.1 == b.1);
    }
}

/// Whoever makes a setup alone knows its tau and can prove anything under it. Such a bundle says `insecure: false`, which is true
/// of it and worth nothing.
#[test]
fn setup_of_ones_own_is_unknown_and_no_required_known_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let cache = path("cache");
    ceremony(folder.path(), "12");
    snarkjs(
        folder.path(),
        &[
            "powersoftau",
            "export",
            "challenge",
            "two.ptau",
            "challenge",
        ],
    );
    let (bundle, proof) = (path("bundle"), path("proof.json"));
    let (model, input) = (fixture("ops/mlp.onnx"), fixture("ops/mlp.json"));
    chainfer_in(
        &cache,
        args![
            "compile",
            model,
            "--calibration",
            input,
            "--srs",
            path("challenge"),
            "-o",
            bundle
        ],
    )
    .expect(0)
    .says(&["setup: unknown"]);
    let manifest: Value =
        serde_json::from_slice(&fs::read(bundle.join("public/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["srs"]["insecure"], false);
    chainfer_in(
        &cache,
        args!["prove", bundle, "--input", input, "-o", proof],
    )
    .expect(0);
    let verify = |further: &[&str]| {
        let mut args = args!["verify", bundle, proof, "--json"].to_vec();
        args.extend(further.iter().map(Into::into));
        chainfer_in(&cache, args)
    };
    let seen = verify(&[])
        .expect(0)
        .says(&["warning: setup: unknown"])
        .json();
    assert_eq!(seen["setup"], "unknown");
    let refused = verify(&["--require-known-setup"]).expect(1).json();
    assert_eq!(refused["valid"], false);
    assert_eq!(refused["setup"], "unknown");

    // The same setup in the other formats.
    snarkjs(
        folder.path(),
        &[
            "powersoftau",
            "challenge",
            "contribute",
            "bn128",
            "challenge",
            "response",
            "-e=third",
        ],
    );
    let checked = |file: &str| chainfer_in(&cache, args!["srs", "check", path(file), "--json"]);
    assert_eq!(
        checked("challenge").expect(0).json()["srs"],
        manifest["srs"]
    );
    assert_eq!(checked("two.ptau").expect(0).json()["srs"], manifest["srs"]);
    let response = checked("response").expect(0).json();
    assert_eq!(response["format"], "response");
    assert_ne!(response["srs"], manifest["srs"]);

    // Nobody has contributed: tau is 1.
    checked("zero.ptau").expect(2).says(&["tau is 1"]);
    let bytes = fs::read(path("two.ptau")).unwrap();
    for (name, content) in [
        ("short", &bytes[..bytes.len() - 1]),
        ("long", &[&bytes[..], b"x"].concat()),
    ] {
        fs::write(path(name), content).unwrap();
        checked(name).expect(2).says(&[name]);
    }
    let hash = "00".repeat(64);
    chainfer_in(
        &cache,
        args!["srs", "check", path("two.ptau"), "--hash", hash],
    )
    .expect(2)
    .says(&["BLAKE2b"]);
}

#[test]
fn word_or_digest_is_no_file_and_a_file_comes_before_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let digest = format!("0x{}", "ab".repeat(32));
    let listed = chainfer(["srs", "list", "--json"]).expect(0).json();
    let name = listed["known"][0]["name"].as_str().unwrap();
    for file in ["development", &digest, name] {
        fs::write(folder.path().join(file), "no setup").unwrap();
    }
    let compile = |srs: &str| {
        let model = fixture("ops/gemm.onnx").canonicalize().unwrap();
        let mut command = command(args!["compile", model, "--srs", srs, "-o", "bundle"]);
        command.current_dir(folder.path());
        run(command.env("CHAINFER_CACHE", folder.path().join("cache")))
    };
    compile(&digest)
        .expect(2)
        .says(&["chainfer srs import", &digest]);
    let file = format!("cannot use the setup {name}");
    compile(name).expect(2).says(&[&file, "no setup file"]);
    fs::remove_file(folder.path().join(name)).unwrap();
    compile(name).expect(2).says(&["not in the cache"]);
    compile("development").expect(0);
}

#[test]
fn list_of_known_setups_is_parsed_strictly() {
    let folder = tempfile::tempdir().unwrap();
    let known = folder.path().join("known.json");
    fs::write(&known, r#"{"format":"chainfer.known-srs","version":1,"setups":[{"name":"x","tau_g2":"0x00","sources":[]}]}"#).unwrap();
    chainfer(args!["srs", "list", "--known-srs", known])
        .expect(2)
        .says(&["setups[0].tau_g2"]);
    let shown = chainfer(["srs", "list", "--json"]).expect(0).json();
    let names: Vec<&str> = shown["known"]
        .as_array()
        .unwrap()
        .iter()
        .map(|setup| setup["name"].as_str().unwrap())
        .collect();
    assert!(
        names.iter().any(|name| name.contains("hez_final")),
        "{names:?}"
    );
}
