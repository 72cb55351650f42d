//! Which shapes the chunks of a model get, as `compile` and `inspect` say it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};
use support::{chainfer, fixture};

struct Compiled {
    bundle: PathBuf,
    report: Value,
    said: String,
}

fn compile(folder: &Path, model: &Path, options: &[&str]) -> Compiled {
    let bundle = folder.join("bundle");
    let _ = fs::remove_dir_all(&bundle);
    let mut arguments = args!["compile", model, "-o", bundle, "--json"].to_vec();
    arguments.extend(options.iter().map(std::ffi::OsString::from));
    let run = chainfer(arguments).expect(0);
    Compiled {
        report: run.json(),
        said: run.stderr,
        bundle,
    }
}

fn names(compiled: &Compiled) -> Vec<Value> {
    let chunks = compiled.report["chunks"].as_array().unwrap().iter();
    let names: Vec<Value> = chunks.map(|chunk| chunk["catalogue"].clone()).collect();
    let inspected = chainfer(args!["inspect", &compiled.bundle, "--json"]).expect(0);
    assert_eq!(inspected.json()["catalogue"], json!(names));
    names
}

/// The shapes in a bundle, without the number of rows, which is data of a key.
fn shapes(compiled: &Compiled) -> Vec<Value> {
    let manifest = fs::read(compiled.bundle.join("public/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let chunks = manifest["chunks"].as_array().unwrap().iter();
    chunks
        .map(|chunk| {
            let mut shape = chunk["shape"].clone();
            shape.as_object_mut().unwrap().remove("k");
            shape
        })
        .collect()
}

#[test]
fn digits_and_a_perceptron_share_a_shape() {
    let folder = tempfile::tempdir().unwrap();
    let calibration = fixture("digits_calibration.json");
    let calibration = calibration.to_str().unwrap();
    let options = ["--calibration", calibration, "--chunks", "3", "--optimize"];
    let digits = compile(
        folder.path(),
        &fixture("digits.onnx"),
        &[&options[..], &["gas"]].concat(),
    );
    assert_eq!(names(&digits), ["conv3pool", "conv3", "dense"]);
    assert!(!digits.said.contains("of its own"), "{}", digits.said);
    let of_digits = shapes(&digits);
    let mlp = compile(
        folder.path(),
        &fixture("ops/mlp.onnx"),
        &["--optimize", "gas"],
    );
    assert_eq!(names(&mlp), ["dense"]);
    assert_eq!(shapes(&mlp), of_digits[2..]);

    // Proving time has shapes for each chunk, and nobody is warned of what was asked for.
    let fast = compile(
        folder.path(),
        &fixture("ops/mlp.onnx"),
        &["--optimize", "time"],
    );
    assert_eq!(names(&fast), [Value::Null]);
    assert!(!fast.said.contains("of its own"), "{}", fast.said);
    let page = chainfer(args!["inspect", &fast.bundle]).expect(0).stdout;
    assert!(
        page.contains(" own ") && page.contains("needs a verifier of its own"),
        "{page}"
    );
}

/// A message of a protocol buffer.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    fn message(self, field: u64, value: &Message) -> Self {
        self.bytes(field, &value.0)
    }
}

/// An ONNX model of one convolution with a kernel of one row and `width` columns, without padding, over 4 rows and 16 columns.
fn convolution(width: u64) -> Vec<u8> {
    let value = |name: &str, dims: [u64; 4]| {
        let shape = dims.iter().fold(Message::default(), |shape, dim| {
            shape.message(1, &Message::default().number(1, *dim))
        });
        let tensor = Message::default().number(1, 1).message(2, &shape);
        Message::default()
            .text(1, name)
            .message(2, &Message::default().message(1, &tensor))
    };
    let weights: Vec<u8> = (0..width)
        .flat_map(|i| (0.25 - 0.05 * i as f32).to_le_bytes())
        .collect();
    let weights = [1, 1, 1, width]
        .into_iter()
        .fold(Message::default(), |tensor, dim| tensor.number(1, dim))
        .number(2, 1)
        .text(8, "w")
        .bytes(9, &weights);
    let node = Message::default()
        .text(1, "x")
        .text(1, "w")
        .text(2, "y")
        .text(3, "conv")
        .text(4, "Conv");
    let graph = Message::default()
        .message(1, &node)
        .text(2, "g")
        .message(5, &weights)
        .message(11, &value("x", [1, 1, 4, 16]))
        .message(12, &value("y", [1, 1, 4, 17 - width]));
    let opset = Message::default().text(1, "").number(2, 13);
    let model = Message::default()
        .number(1, 8)
        .message(7, &graph)
        .message(8, &opset);
    model.0
}

#[test]
fn chunk_that_no_shape_holds_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    for (width, name) in [(7, json!("full7")), (9, Value::Null)] {
        let model = folder.path().join(format!("{width}.onnx"));
        fs::write(&model, convolution(width)).unwrap();
        let compiled = compile(folder.path(), &model, &["--optimize", "gas"]);
        assert_eq!(names(&compiled), vec![name.clone()]);
        let told = compiled.said.contains("chunk 0 gets a shape of its own");
        assert_eq!(told, name.is_null(), "{}", compiled.said);
        // What is not used of a shared shape is proven, too.
        let input = folder.path().join("input.json");
        fs::write(&input, json!({ "input_data": [vec![0.5; 64]] }).to_string()).unwrap();
        let proof = folder.path().join(format!("{width}.json"));
        let context = format!("0x{:064x}", 7);
        chainfer(args![
            "prove",
            compiled.bundle,
            "--input",
            input,
            "--context",
            context,
            "-o",
            proof
        ])
        .expect(0);
        chainfer(args!["verify", compiled.bundle, proof]).expect(0);
        chainfer(args!["audit", "--structure", compiled.bundle]).expect(0);
    }
}
