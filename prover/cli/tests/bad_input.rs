//! What cannot be used is refused with exit code 2 and a message that names place and remedy.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use support::{chainfer, command, fixture, run};

#[test]
fn usage_unknown_option_exits_2() {
    chainfer(["compile", "--no-such-option"])
        .expect(2)
        .says(&["--no-such-option", "Usage"]);
    chainfer(["frobnicate"]).expect(2).says(&["frobnicate"]);
    chainfer([
        "prove",
        "bundle",
        "--input",
        "x",
        "-o",
        "p",
        "--backend",
        "abacus",
    ])
    .expect(2)
    .says(&["abacus", "cpu"]);
}

#[test]
fn compile_missing_model_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.onnx");
    let run = chainfer(args!["compile", missing, "-o", folder.path().join("b")]);
    run.expect(2).says(&["missing.onnx", "No such file"]);
}

#[test]
fn compile_garbage_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("a.onnx", &b"garbage"[..]),
        ("empty.onnx", b""),
        ("b.msgpack", b"\xc1\xff\x00"),
        ("c.bin", &[0xff; 64]),
    ] {
        let model = folder.path().join(name);
        fs::write(&model, content).unwrap();
        let out = folder.path().join("bundle");
        chainfer(args!["compile", model, "-o", out])
            .expect(2)
            .says(&[name]);
        assert!(!out.exists());
    }
}

#[test]
fn model_that_the_parser_stops_on_is_one_clean_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = fs::read(fixture("ops/gemm.onnx")).unwrap();
    // The graph's output gets a name that no node's output has.
    let at = bytes.windows(3).rposition(|w| w == b"\x0a\x01y").unwrap();
    bytes[at + 2] = b'z';
    let model = folder.path().join("broken.onnx");
    fs::write(&model, bytes).unwrap();
    for verb in [
        args!["compile", model, "-q", "-o", folder.path().join("b")].to_vec(),
        args!["inspect", model].to_vec(),
    ] {
        let mut command = command(verb);
        command.env("RUST_BACKTRACE", "1");
        let said = run(&mut command).expect(2).stderr;
        let error = format!(
            "error: onnx: {}: the file is broken: the parser stopped on it; export the model again\n",
            model.display()
        );
        assert_eq!(said, error);
    }
}

#[test]
fn compile_unsupported_operator_names_node_and_alternatives() {
    let folder = tempfile::tempdir().unwrap();
    for (file, node, operator) in [
        ("unsupported/lstm.onnx", "recurrent", "LSTM"),
        ("unsupported/softmax_inside.onnx", "attention", "Softmax"),
    ] {
        let run = chainfer(args![
            "compile",
            fixture(file),
            "-o",
            folder.path().join("b")
        ]);
        run.expect(2).says(&[node, operator, "supported", "Conv"]);
    }
}

#[test]
fn compile_more_chunks_than_layers_says_how_many_are_possible() {
    let folder = tempfile::tempdir().unwrap();
    let model = fixture("ops/gemm.onnx");
    let run = chainfer(args![
        "compile",
        model,
        "--chunks",
        "99",
        "-o",
        folder.path().join("b")
    ]);
    run.expect(2).says(&["99 chunks", "possible"]);
}

#[test]
fn compile_existing_output_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let keep = folder.path().join("keep");
    fs::write(&keep, "mine").unwrap();
    let run = chainfer(args![
        "compile",
        fixture("ops/gemm.onnx"),
        "-o",
        folder.path()
    ]);
    run.expect(2).says(&["exists"]);
    assert_eq!(fs::read_to_string(keep).unwrap(), "mine");
}

#[test]
fn compile_seed_of_wrong_length_is_refused_without_quoting_it() {
    let folder = tempfile::tempdir().unwrap();
    let seed = folder.path().join("seed");
    fs::write(&seed, "correct horse battery").unwrap();
    let model = fixture("ops/gemm.onnx");
    let run = chainfer(args![
        "compile",
        model,
        "--hiding-seed",
        seed,
        "-o",
        folder.path().join("b")
    ]);
    let run = run.expect(2).says(&["32 bytes"]);
    assert!(!run.stderr.contains("horse"));
}

#[test]
fn prove_and_verify_missing_bundle_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, input) = (folder.path().join("nowhere"), fixture("ops/gemm.json"));
    let proof = folder.path().join("p.json");
    chainfer(args!["prove", bundle, "--input", input, "-o", proof])
        .expect(2)
        .says(&["nowhere"]);
    chainfer(args!["verify", bundle, proof])
        .expect(2)
        .says(&["nowhere"]);
    chainfer(args!["run", bundle, "--input", input])
        .expect(2)
        .says(&["nowhere"]);
    chainfer(args!["inspect", bundle])
        .expect(2)
        .says(&["nowhere"]);
}

#[test]
fn prove_binding_must_be_complete_and_excludes_a_context() {
    let run = chainfer([
        "prove",
        "b",
        "--input",
        "i",
        "-o",
        "p",
        "--chain-id",
        "31337",
    ]);
    run.expect(2).says(&["--requester", "--nonce"]);
    let run = chainfer(["prove", "b", "--input", "i", "-o", "p", "--nonce", "1"]);
    run.expect(2).says(&["--chain-id"]);
    let context = ["prove", "b", "--input", "i", "-o", "p", "--context", "0x12"];
    chainfer(context)
        .expect(2)
        .says(&["--context", "64 hex digits"]);
}

#[test]
fn open_file_of_another_kind_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("p.secret");
    fs::write(&secret, "{\"format\": \"chainfer.proof\", \"version\": 1}").unwrap();
    chainfer(args!["open", secret, "--tensor", "x"])
        .expect(2)
        .says(&["chainfer.secret"]);
}

#[test]
fn attest_and_deploy_without_node_or_key_say_what_to_give() {
    chainfer(["deploy", "bundle"])
        .expect(2)
        .says(&["--rpc-url"]);
    chainfer(["attest", "bundle", "proof"])
        .expect(2)
        .says(&["--rpc-url"]);
}

#[test]
fn json_failure_is_one_object_on_stdout() {
    let run = chainfer([
        "compile",
        "/nonexistent.onnx",
        "-o",
        "/nonexistent/b",
        "--json",
    ])
    .expect(2);
    let error = &run.json()["error"];
    assert_eq!(error["exit_code"], 2);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("/nonexistent.onnx")
    );
}
