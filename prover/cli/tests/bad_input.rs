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
fn inspect_shows_what_is_in_the_way_of_a_model() {
    let model = fixture("unsupported/chance_inside.onnx");
    chainfer(args!["compile", model, "-o", "bundle"])
        .expect(2)
        .says(&[
            "node drawn: operator Bernoulli is not supported",
            "export the model for inference",
        ]);
    let page = chainfer(args!["inspect", model]).expect(0).stdout;
    for part in [
        "1 of 3 nodes",
        "drawn",
        "no: the operator",
        "export the model for inference",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let text = chainfer(args!["inspect", model, "--json"]).expect(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["supported"], false);
    assert_eq!(json["unsupported"], 1);
    let verdicts: Vec<&serde_json::Value> =
        (0..3).map(|n| &json["nodes"][n]["supported"]).collect();
    assert_eq!(verdicts, [true, false, true]);
}

#[test]
fn dimensions_that_the_model_does_not_have_are_refused() {
    let model = fixture("ops/mlp.onnx");
    for (dim, says) in [
        (
            "height=3",
            "no input has an open dimension of this name; there are: none",
        ),
        ("height", "expected NAME=LENGTH"),
        ("height=0", "expected a number from 1 on"),
    ] {
        chainfer(args!["inspect", model, "--dim", dim])
            .expect(2)
            .says(&[says]);
        chainfer(args!["compile", model, "-o", "bundle", "--dim", dim])
            .expect(2)
            .says(&[says]);
    }
    chainfer(args!["inspect", model, "--dim", "h=1", "--dim", "h=2"])
        .expect(2)
        .says(&["--dim h is given twice"]);
}

#[test]
fn model_that_the_parser_stops_on_is_one_clean_error() {
    let folder = tempfile::tempdir().unwrap();
    let field = |number: u8, content: &[u8]| {
        let mut bytes = vec![number << 3 | 2, content.len() as u8];
        bytes.extend(content);
        bytes
    };
    let sum = |inputs: &[&str], output: &str| {
        let mut node = inputs
            .iter()
            .flat_map(|i| field(1, i.as_bytes()))
            .collect::<Vec<u8>>();
        node.extend([field(2, output.as_bytes()), field(4, b"Add")].concat());
        field(1, &node)
    };
    // A sum of one constant, and of an input of shape [1].
    let constant = [&[8, 1, 16, 1][..], &field(8, b"c"), &field(9, &[0; 4])].concat();
    let shape = field(2, &field(1, &[8, 1]));
    let input = [
        field(1, b"x"),
        field(2, &field(1, &[&[8, 1], &shape[..]].concat())),
    ]
    .concat();
    let graph = [
        sum(&["c"], "d"),
        sum(&["x", "d"], "y"),
        field(5, &constant),
        field(11, &input),
        field(12, &field(1, b"y")),
    ];
    let bytes = [
        &[8, 8][..],
        &field(8, &[16, 13]),
        &field(7, &graph.concat()),
    ]
    .concat();
    let model = folder.path().join("broken.onnx");
    fs::write(&model, bytes).unwrap();
    let stopped = "Add: the parser stopped on it; export the model again";
    let mut compile = command(args!["compile", model, "-q", "-o", folder.path().join("b")]);
    compile.env("RUST_BACKTRACE", "1");
    let said = run(&mut compile).expect(2).stderr;
    assert_eq!(said, format!("error: node d: {stopped}\n"));
    let mut inspect = command(args!["inspect", model]);
    inspect.env("RUST_BACKTRACE", "1");
    assert_eq!(run(&mut inspect).expect(0).stderr, "");
}

#[test]
fn compile_unsupported_operator_names_node_and_alternatives() {
    let folder = tempfile::tempdir().unwrap();
    for (file, node, operator) in [
        ("unsupported/chance_inside.onnx", "drawn", "Bernoulli"),
        ("unsupported/power_of_two_inputs.onnx", "y", "Pow"),
    ] {
        let run = chainfer(args![
            "compile",
            fixture(file),
            "-o",
            folder.path().join("b")
        ]);
        run.expect(2).says(&[node, operator, "supported"]);
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
