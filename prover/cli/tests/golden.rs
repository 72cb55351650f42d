//! What must not change by accident: bundles of the demo model under a fixed seed, an old proof, and the command line.
//! `scripts/golden` writes the golden files anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../tests/support/golden.rs"]
mod golden;
mod support;

use alloy::primitives::keccak256;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use support::{chainfer, fixture};

const CONTEXT: &str = "0x0000000000000000000000000000000000000000000000000000000000000007";
/// Folder of the bundle and the proof that an earlier build made.
const OLD: &str = "digits-3";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn digest(bytes: &[u8]) -> Value {
    keccak256(bytes).to_string().into()
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Compiles the demo model; every byte of the public folder follows from the arguments.
fn compile_digits(folder: &Path, chunks: &str, objective: &str) -> PathBuf {
    let (seed, bundle) = (folder.join("seed"), folder.join("bundle"));
    fs::write(&seed, [7; 32]).unwrap();
    chainfer(args![
        "compile",
        fixture("digits.onnx"),
        "--calibration",
        fixture("digits_calibration.json"),
        "--chunks",
        chunks,
        "--optimize",
        objective,
        "--hiding-seed",
        seed,
        "-o",
        bundle,
        "-q"
    ])
    .expect(0);
    bundle
}

/// The code that the pinned compiler makes of a verifier, as a digest of its creation code.
fn compiled_code(source: &str, contract: &str) -> Value {
    let request = json!({
        "language": "Solidity",
        "sources": { "Verifier.sol": { "content": source } },
        "settings": {
            "optimizer": { "enabled": true, "runs": 200 },
            "evmVersion": "cancun",
            "metadata": { "bytecodeHash": "none", "appendCBOR": false },
            "outputSelection": { "*": { "*": ["evm.bytecode.object"] } },
        },
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("request.json");
    fs::write(&file, request.to_string()).unwrap();
    let output = Command::new(repository().join("scripts/solc"))
        .arg("--standard-json")
        .stdin(fs::File::open(&file).unwrap())
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let code = answer["contracts"]["Verifier.sol"][contract]["evm"]["bytecode"]["object"].as_str();
    digest(
        code.unwrap_or_else(|| panic!("no code of {contract}: {answer}"))
            .as_bytes(),
    )
}

/// What the golden file records of a bundle. Codes are compiled where asked for; they follow from the sources.
fn record(bundle: &Path, with_code: bool) -> Value {
    let public = bundle.join("public");
    let text = fs::read(public.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&text).unwrap();
    let mut made =
        json!({ "manifest_id": manifest["manifest_id"], "manifest_file": digest(&text) });
    for chunk in manifest["chunks"].as_array().unwrap() {
        let index = chunk["index"].to_string();
        let source = chunk["source"].as_str().unwrap();
        let source = fs::read_to_string(public.join(source)).unwrap();
        let key_file = fs::read(public.join(format!("chunk{index}.vk"))).unwrap();
        let mut entry = json!({
            "vk_digest": chunk["vk_digest"],
            "vk_file": digest(&key_file),
            "key_code_hash": chunk["key_code_hash"],
            "source": digest(source.as_bytes()),
            "proof_length": chunk["proof_length"],
        });
        if with_code {
            entry["code"] = compiled_code(&source, chunk["contract"].as_str().unwrap());
        }
        made[format!("chunk {index}")] = entry;
    }
    made
}

#[test]
fn bundles_of_the_demo_model_are_the_golden_ones() {
    let with_code = golden::regenerating() || std::env::var_os("CHAINFER_LONG").is_some();
    let stored = golden::golden(&repository(), "bundles.json");
    let mut made = json!({});
    for chunks in ["1", "3", "5"] {
        for objective in ["time", "gas"] {
            let folder = tempfile::tempdir().unwrap();
            let bundle = compile_digits(folder.path(), chunks, objective);
            made[format!("digits {chunks} {objective}")] = record(&bundle, with_code);
        }
    }
    if !with_code {
        let stored: Value = serde_json::from_slice(&fs::read(stored).unwrap()).unwrap();
        for (bundle, entry) in made.as_object_mut().unwrap() {
            for (chunk, entry) in entry.as_object_mut().unwrap() {
                let same = stored[bundle][chunk]["source"] == entry["source"];
                if same && chunk.starts_with("chunk") {
                    entry["code"] = stored[bundle][chunk]["code"].clone();
                }
            }
        }
    }
    golden::compare(&repository(), "bundles.json", &made);
}

/// Makes the stored bundle and proof. Only by hand: a proof made today says nothing about yesterday's.
fn write_old_proof(old: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let bundle = compile_digits(folder.path(), "3", "time");
    copy_folder(&bundle.join("public"), &old.join("public"));
    chainfer(args![
        "prove",
        bundle,
        "--input",
        fixture("digits_input.json"),
        "--context",
        CONTEXT,
        "-o",
        old.join("proof.json"),
        "-q"
    ])
    .expect(0);
}

#[test]
fn old_proof_still_verifies_against_its_old_bundle() {
    let old = golden::golden(&repository(), OLD);
    if golden::regenerating() && !old.exists() {
        write_old_proof(&old);
    }
    let proof = old.join("proof.json");
    let checked = chainfer(args!["verify", old, proof, "--json"]).expect(0);
    assert_eq!(checked.json()["valid"], true);
    let manifest = fs::read(old.join("public/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let name = manifest["inputs"][0]["name"].as_str().unwrap();
    let opened = chainfer(args![
        "open",
        old.join("proof.json.secret"),
        "--tensor",
        name,
        "--json"
    ]);
    assert!(!opened.expect(0).stdout.is_empty());

    let folder = tempfile::tempdir().unwrap();
    let mut changed: Value = serde_json::from_slice(&fs::read(&proof).unwrap()).unwrap();
    let text = changed["chunks"][1]["proof"].as_str().unwrap().to_owned();
    let last = if text.ends_with('0') { '1' } else { '0' };
    changed["chunks"][1]["proof"] = format!("{}{last}", &text[..text.len() - 1]).into();
    let tampered = folder.path().join("tampered.json");
    fs::write(&tampered, changed.to_string()).unwrap();
    chainfer(args!["verify", old, tampered]).expect(1);
}

#[test]
fn command_line_is_the_golden_one() {
    let help = chainfer(["--help"]).expect(0).stdout;
    let mut made = json!({});
    for verb in golden::verbs_in_help(&help) {
        if verb == "help" || verb == "demo" {
            continue;
        }
        let help = chainfer([&verb, "-h"]).expect(0).stdout;
        made[&verb]["flags"] = golden::flags_in_help(&help).into();
        made[&verb]["subverbs"] = golden::verbs_in_help(&help).into();
        made[&verb]["exit code without arguments"] = chainfer([&verb]).code.into();
    }
    let missing = "no-such-file";
    for (name, arguments) in [
        ("unknown verb", vec!["no-such-verb"]),
        ("unknown flag", vec!["inspect", missing, "--no-such-flag"]),
        ("compile missing", vec!["compile", missing, "-o", "nowhere"]),
        (
            "prove missing",
            vec!["prove", missing, "--input", missing, "-o", "nowhere"],
        ),
        ("verify missing", vec!["verify", missing, missing]),
        ("run missing", vec!["run", missing, "--input", missing]),
        ("open missing", vec!["open", missing]),
        ("inspect missing", vec!["inspect", missing]),
        (
            "solidity missing",
            vec!["solidity", missing, "-o", "nowhere"],
        ),
        (
            "deploy missing",
            vec!["deploy", missing, "--rpc-url", "http://127.0.0.1:1"],
        ),
        (
            "attest missing",
            vec![
                "attest",
                missing,
                missing,
                "--rpc-url",
                "http://127.0.0.1:1",
            ],
        ),
        ("version", vec!["--version"]),
    ] {
        made["exit codes"][name] = chainfer(arguments).code.into();
    }
    golden::compare(&repository(), "command_line.json", &made);
}
