//! A data set through a bundle, against labels and the float model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::{fs, path::PathBuf};
use support::{chainfer, fixture};
use tempfile::TempDir;

/// A bundle of a small network with ten inputs, and data sets.
struct Setup {
    folder: TempDir,
    bundle: PathBuf,
    model: PathBuf,
}

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("bundle");
        let model = fixture("ops/mlp.onnx");
        let calibration = folder.path().join("calibration.json");
        fs::write(&calibration, samples(64).to_string()).unwrap();
        let run = chainfer(args![
            "compile",
            model,
            "--calibration",
            calibration,
            "-o",
            bundle,
            "-q"
        ]);
        run.expect(0);
        Self {
            folder,
            bundle,
            model,
        }
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

fn value(n: usize, i: usize) -> f64 {
    ((n * 37 + i * 101 + n * i * 13) % 199) as f64 / 99.0 - 1.0
}

fn samples(count: usize) -> Value {
    let one = |n| json!({ "input_data": [(0..10).map(|i| value(n, i)).collect::<Vec<f64>>()] });
    json!({ "samples": (0..count).map(one).collect::<Vec<Value>>() })
}

/// The same samples as an array of doubles.
fn npy(count: usize) -> Vec<u8> {
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({count}, 10), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    for n in 0..count {
        (0..10).for_each(|i| bytes.extend(value(n, i).to_le_bytes()));
    }
    bytes
}

#[test]
fn evaluate_agrees_with_run_and_with_the_float_model() {
    let setup = Setup::new();
    let inputs = setup.write("inputs.json", samples(50).to_string());
    let (model, bundle) = (&setup.model, &setup.bundle);
    let with = args![
        "evaluate", bundle, "--inputs", inputs, "--model", model, "--json"
    ];
    let found = chainfer(with).expect(0).json();
    assert_eq!(found["samples"], 50);
    assert_eq!(found["agreement"]["of"], 50);
    assert!(
        found["agreement"]["count"].as_u64().unwrap() >= 49,
        "{found}"
    );
    let output = &found["outputs"][0];
    for field in ["max_relative_error", "mean_relative_error"] {
        let error = output[field].as_f64().unwrap();
        assert!(error > 0.0 && error < 0.01, "{field}: {error}");
    }
    let worst = found["worst"]["max_relative_error"].as_f64().unwrap();
    assert!(worst >= output["max_relative_error"].as_f64().unwrap());
    assert_eq!(found["saturation"], json!([]));
    assert_eq!(
        (&found["accuracy"], &found["float_accuracy"]),
        (&Value::Null, &Value::Null)
    );

    // Labels from single runs: all of them right, with or without a float model.
    let label = |n: usize| {
        let one = setup.write("one.json", samples(50)["samples"][n].to_string());
        let run = chainfer(args!["run", bundle, "--input", one, "--json"]);
        let raw = run.expect(0).json()["outputs"][0]["raw"].clone();
        let raw: Vec<u64> = serde_json::from_value(raw).unwrap();
        (0..raw.len()).rev().max_by_key(|i| raw[*i]).unwrap()
    };
    let labels: Vec<usize> = (0..5).map(label).collect();
    let inputs = setup.write("five.npy", npy(5));
    let labels = setup.write("labels.json", json!(labels).to_string());
    let with = args![
        "evaluate", bundle, "--inputs", inputs, "--labels", labels, "--json"
    ];
    let found = chainfer(with).expect(0).json();
    assert_eq!(found["accuracy"], json!({ "count": 5, "of": 5 }));
    assert_eq!(
        (&found["agreement"], &found["outputs"]),
        (&Value::Null, &json!([]))
    );
    let with = args![
        "evaluate", bundle, "--inputs", inputs, "--labels", labels, "--model", model
    ];
    let text = chainfer(with).expect(0).stdout;
    for part in [
        "Evaluated 5 samples",
        "5 of 5 (100.00 %)",
        "worst layer",
        "nothing saturates",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn evaluate_counts_saturation_and_refuses_what_does_not_fit() {
    let setup = Setup::new();
    let mut far = samples(3);
    far["samples"][1]["input_data"][0][4] = json!(900.0);
    let inputs = setup.write("far.json", far.to_string());
    let found = chainfer(args![
        "evaluate",
        setup.bundle,
        "--inputs",
        inputs,
        "--json"
    ]);
    let saturated = &found.expect(0).json()["saturation"][0];
    let fields = ["saturated", "values", "samples"].map(|f| saturated[f].as_u64().unwrap());
    assert_eq!(fields, [1, 10, 1]);
    let inputs = setup.write("inputs.npy", npy(4));
    for (labels, reason) in [
        (json!([0, 1]), "2 labels for 4 samples"),
        (json!([0, 0, 0, 99]), "label 3 is 99"),
        (json!([0, -1, 0, 0]), "class indices"),
    ] {
        let labels = setup.write("labels.json", labels.to_string());
        let with = args![
            "evaluate",
            setup.bundle,
            "--inputs",
            inputs,
            "--labels",
            labels
        ];
        chainfer(with).expect(2).says(&[reason]);
    }
    let model = fixture("ops/gemm.onnx");
    let with = args![
        "evaluate",
        setup.bundle,
        "--inputs",
        inputs,
        "--model",
        model
    ];
    chainfer(with)
        .expect(2)
        .says(&["not the one that the program was made from"]);
    let short = setup.write("short.npy", &npy(4)[..380]);
    let with = args!["evaluate", setup.bundle, "--inputs", short];
    chainfer(with).expect(2).says(&["short.npy"]);
}
