//! `chainfer solidity`: the forge project that it writes, and what it refuses to write. That the project's tests pass, and fail on
//! broken verifiers, is tested in forge_project.rs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};
use support::{chainfer, fixture};
use tempfile::TempDir;

/// A bundle of the fixture `ops/mlp` in two chunks.
struct Setup {
    folder: TempDir,
    bundle: PathBuf,
    proof: PathBuf,
}

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bundle = compiled(folder.path(), "bundle");
        let proof = folder.path().join("proof.json");
        chainfer(args![
            "prove",
            bundle,
            "--input",
            fixture("ops/mlp.json"),
            "-o",
            proof
        ])
        .expect(0);
        Self {
            folder,
            bundle,
            proof,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn compiled(folder: &Path, name: &str) -> PathBuf {
    let bundle = folder.join(name);
    let samples = fixture("ops/mlp.json");
    chainfer(args![
        "compile",
        fixture("ops/mlp.onnx"),
        "--calibration",
        samples,
        "--chunks",
        "2",
        "-o",
        bundle
    ])
    .expect(0);
    bundle
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn solc() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/solc")
}

#[test]
fn project_has_what_the_report_says() {
    let setup = Setup::new();
    let out = setup.path("project");
    let run = chainfer(args![
        "solidity",
        setup.bundle.join("public"),
        "--proof",
        setup.proof,
        "-o",
        out,
        "--solc",
        solc(),
        "--json"
    ]);
    let report = run.expect(0).json();
    assert_eq!(report["tests"], true);
    for file in report["files"].as_array().unwrap() {
        assert!(out.join(file.as_str().unwrap()).is_file(), "{file}");
    }
    let contracts = report["contracts"].as_array().unwrap();
    assert_eq!(contracts.len(), 2);
    let proof = read(&setup.proof);
    for (chunk, contract) in contracts.iter().enumerate() {
        let source = fs::read_to_string(contract["file"].as_str().unwrap()).unwrap();
        let name = contract["name"].as_str().unwrap();
        assert!(source.contains(&format!("contract {name} ")), "{name}");
        let key = fs::read_to_string(contract["key"]["file"].as_str().unwrap()).unwrap();
        assert!(key.contains(contract["key"]["code_hash"].as_str().unwrap()));
        assert!(contract["runtime_size"].as_u64().unwrap() <= 24_576);
        let fixture = read(&out.join(format!("test/fixtures/chunk{chunk}.json")));
        assert_eq!(fixture["proof"], proof["chunks"][chunk]["proof"]);
        assert_eq!(fixture["instances"][0], proof["root"]);
        assert_eq!(fixture["instances"][1], proof["context"]);
    }
    // Nothing is left beside it, and it is not written over.
    assert!(
        fs::read_dir(setup.folder.path()).unwrap().all(|e| !e
            .unwrap()
            .file_name()
            .to_string_lossy()
            .ends_with(".tmp"))
    );
    fs::write(out.join("README.md"), "mine").unwrap();
    chainfer(args!["solidity", setup.bundle, "-o", out])
        .expect(2)
        .says(&["project exists", "another folder"]);
    assert_eq!(fs::read_to_string(out.join("README.md")).unwrap(), "mine");

    let plain = setup.path("plain");
    let run = chainfer(args!["solidity", setup.bundle, "-o", plain, "--json"]);
    assert_eq!(run.expect(0).json()["tests"], false);
    assert!(plain.join("script/Deploy.s.sol").is_file());
    assert!(!plain.join("test").exists());
}

#[test]
fn project_is_not_written_for_a_proof_that_does_not_hold() {
    let setup = Setup::new();
    let out = setup.path("project");
    let bad = setup.path("bad.json");
    let good = read(&setup.proof);
    let refuse = |change: &dyn Fn(&mut Value), code: i32, says: &[&str]| {
        let mut proof = good.clone();
        change(&mut proof);
        fs::write(&bad, serde_json::to_vec(&proof).unwrap()).unwrap();
        chainfer(args!["solidity", setup.bundle, "--proof", bad, "-o", out])
            .expect(code)
            .says(&["bad.json"])
            .says(says);
        assert!(!out.exists());
    };
    refuse(
        &|proof| {
            let text = proof["chunks"][1]["proof"].as_str().unwrap();
            let at = text.len() - 1;
            let digit = if text.ends_with('0') { "1" } else { "0" };
            proof["chunks"][1]["proof"] = json!(format!("{}{digit}", &text[..at]));
        },
        1,
        &["chunk 1", "does not verify", "chainfer verify"],
    );
    refuse(
        &|proof| drop(proof["chunks"].as_array_mut().unwrap().pop()),
        1,
        &["chunk 1", "no proof"],
    );
    refuse(&|proof| proof["root"] = json!("0x12"), 2, &["32 bytes"]);

    // The same model, compiled once more: other blinders, other keys.
    let other = compiled(setup.folder.path(), "other");
    chainfer(args!["solidity", other, "--proof", setup.proof, "-o", out])
        .expect(1)
        .says(&["proof.json", "manifest"]);
    let missing = setup.path("missing.json");
    chainfer(args![
        "solidity",
        setup.bundle,
        "--proof",
        missing,
        "-o",
        out
    ])
    .expect(2)
    .says(&["missing.json"]);
    assert!(!out.exists());
}
