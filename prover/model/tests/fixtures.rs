//! The repository's own ONNX fixtures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod support;

use chainfer_model::executor::{execute, naive};
use chainfer_model::io::{InputSpec, inputs_from_json, load_inputs, load_samples};
use chainfer_model::load_model;
use chainfer_model::quantise::{Evaluator, QuantOptions, Sample, SaturationPolicy, quantise};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use support::{distance, root};

fn models(folder: &str) -> Vec<PathBuf> {
    let folder = root().join("tests/fixtures/models").join(folder);
    let mut models: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}; run scripts/fixtures", folder.display()))
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "onnx"))
        .collect();
    models.sort();
    assert!(!models.is_empty(), "{} holds no model", folder.display());
    models
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn lists(value: &Value) -> Vec<Vec<f64>> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn operator_fixtures_match_their_expected_outputs() {
    let mut failures = Vec::new();
    for path in models("ops") {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if let Err(e) = operator_fixture(&path) {
            failures.push(format!("{name}: {e}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn operator_fixture(path: &Path) -> Result<(), String> {
    let case = json(&path.with_extension("json"));
    let inputs = inputs_from_json(case.to_string().as_bytes()).map_err(|e| e.to_string())?;
    let expected = lists(&case["expected"]);
    let graph = load_model(path).map_err(|e| e.to_string())?;
    let float = graph.execute(&inputs).map_err(|e| e.to_string())?;
    for (values, expected) in graph.outputs_of(&float).into_iter().zip(&expected) {
        let error = distance(values, expected);
        if error > 1e-4 {
            return Err(format!("float error {error}"));
        }
    }
    let samples = [Sample(inputs.clone())];
    let q = quantise(&graph, &samples, &QuantOptions::default()).map_err(|e| e.to_string())?;
    let names: BTreeSet<&str> = q.graph.tensors.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names.len(), q.graph.tensors.len(), "tensors share a name");
    let evaluated = Evaluator::new(&q.graph, &q.clamps, Some(&graph))
        .and_then(|evaluator| evaluator.run(&inputs))
        .map_err(|e| e.to_string())?;
    for (id, output) in q.graph.outputs.iter().zip(&q.report.outputs) {
        assert_eq!(evaluated.tallies[id.0].max, output.max_abs_error);
    }
    let ints = q
        .graph
        .quantise_inputs(&inputs, SaturationPolicy::Refuse)
        .map_err(|e| e.to_string())?;
    let trace = execute(&q.graph, &ints).map_err(|e| e.to_string())?;
    assert_eq!(trace, naive::execute(&q.graph, &ints).unwrap());
    let mut worst = 0.0f64;
    for (values, expected) in q.graph.real_outputs(&trace).iter().zip(&expected) {
        let size = expected.iter().fold(1e-3f64, |m, v| m.max(v.abs()));
        worst = worst.max(distance(values, expected) / size);
    }
    println!(
        "{}: {} layers, relative error {worst:.5}",
        path.file_stem().unwrap().to_string_lossy(),
        q.graph.layers.len()
    );
    if worst > 0.005 {
        return Err(format!("quantised relative error {worst}"));
    }
    Ok(())
}

#[test]
fn unsupported_fixtures_name_node_and_operator() {
    for path in models("unsupported") {
        let case = json(&path.with_extension("json"));
        let message = load_model(&path).unwrap_err().to_string();
        println!("{message}");
        for key in ["node", "operator"] {
            let wanted = case[key].as_str().unwrap();
            assert!(message.contains(wanted), "{}: {message}", path.display());
        }
        assert!(message.contains("supported"), "{message}");
    }
}

#[test]
fn digits_network_keeps_its_answer() {
    let folder = root().join("tests/fixtures/models");
    let graph = load_model(&folder.join("digits.onnx")).unwrap();
    let specs = graph.input_specs();
    let samples = load_samples(&folder.join("digits_calibration.json"), &specs, None).unwrap();
    let input = load_inputs(&folder.join("digits_input.json"), &specs, None).unwrap();
    let expected: Vec<f64> =
        serde_json::from_value(json(&folder.join("digits_expected.json"))["logits"].clone())
            .unwrap();
    let q = quantise(&graph, &samples, &QuantOptions::default()).unwrap();
    let ints = q
        .graph
        .quantise_inputs(&input, SaturationPolicy::Refuse)
        .unwrap();
    let trace = execute(&q.graph, &ints).unwrap();
    let error = distance(&q.graph.real_outputs(&trace)[0], &expected);
    for layer in &q.report.layers {
        println!(
            "{} {:?} error {:.5}",
            layer.name, layer.dims, layer.max_abs_error
        );
    }
    println!(
        "digits: {} samples, error {error:.4}; {:?}",
        q.report.samples, q.report.warnings
    );
    assert!(error < 0.05, "{error}");
}

/// An array file of bytes.
fn npy(shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values);
    bytes
}

#[test]
fn samples_of_an_array_file_stand_along_a_first_axis_or_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samples.npy");
    let specs = [InputSpec {
        name: "x".into(),
        shape: vec![2, 2],
    }];
    let values: Vec<u8> = (0..8).collect();
    let load = |shape: &str, values: &[u8]| {
        std::fs::write(&path, npy(shape, values)).unwrap();
        load_samples(&path, &specs, None)
    };
    let of = |values: &[u8]| Sample(vec![values.iter().map(|v| f64::from(*v)).collect()]);
    let both = [of(&values[..4]), of(&values[4..])];
    assert_eq!(load("(2, 2, 2)", &values).unwrap(), both);
    assert_eq!(load("(2, 4)", &values).unwrap(), both);
    for shape in ["(2, 2)", "(1, 2, 2)", "(4,)"] {
        assert_eq!(
            load(shape, &values[..4]).unwrap(),
            [of(&values[..4])],
            "{shape}"
        );
    }
    let error = load("(2, 3)", &values[..6]).unwrap_err().to_string();
    assert!(error.contains("samples along the first axis"), "{error}");
}
