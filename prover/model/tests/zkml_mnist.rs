//! zkml's MNIST network from both of its files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod support;

use chainfer_model::executor::{execute, naive};
use chainfer_model::frontend::{LoadOptions, load_model_with};
use chainfer_model::io::load_inputs;
use chainfer_model::partition::{
    BoundaryVisibility, ChunkCount, CostModel, chunk_costs, partition,
};
use chainfer_model::quantise::{QuantOptions, Sample, SaturationPolicy, quantise};
use chainfer_model::quantized::{Dims, QLayer, TermMap};
use support::{data, distance};

const REFERENCE: [f64; 10] = [
    -10.359, -15.765, -15.978, -3.255, -8.358, 12.922, -10.008, -13.425, -5.931, -1.598,
];

/// Shifted and scaled copies of the input: samples of its kind that are not the input.
fn relatives(input: &[f64]) -> Vec<Sample> {
    [(1, 1.0), (28, 0.9), (29, 1.0), (2, 0.8), (56, 1.0)]
        .iter()
        .map(|(shift, gain)| {
            let mut moved = input.to_vec();
            moved.rotate_right(*shift);
            Sample(vec![moved.iter().map(|v| v * gain).collect()])
        })
        .collect()
}

#[test]
fn zkml_mnist_outputs_are_near_the_reference() {
    let Some(folder) = data("zkml-mnist") else {
        return;
    };
    for model in ["mnist.onnx", "model.msgpack"] {
        let graph = chainfer_model::load_model(&folder.join(model)).unwrap();
        for input in ["input.json", "inp.msgpack"] {
            let input = load_inputs(
                &folder.join(input),
                &graph.input_specs(),
                graph.fixed_point(),
            )
            .unwrap();
            let float = graph.execute(&input).unwrap();
            let error = distance(graph.outputs_of(&float)[0], &REFERENCE);
            assert!(error < 1e-2, "{model}: float {error}");
            let with = vec![Sample(input.clone())];
            let without = relatives(&input[0]);
            for (kind, samples) in [("with", with), ("without", without), ("synthetic", vec![])] {
                let q = quantise(&graph, &samples, &QuantOptions::default()).unwrap();
                let ints = q
                    .graph
                    .quantise_inputs(&input, SaturationPolicy::Saturate)
                    .unwrap();
                let trace = execute(&q.graph, &ints).unwrap();
                assert_eq!(trace, naive::execute(&q.graph, &ints).unwrap());
                let error = distance(&q.graph.real_outputs(&trace)[0], &REFERENCE);
                println!("{model}, calibrated {kind} the input: error {error:.4}");
                assert!(error < 0.05, "{model} {kind}: {error}");
            }
        }
    }
}

#[test]
fn zkml_mnist_fuses_to_six_layers() {
    let Some(folder) = data("zkml-mnist") else {
        return;
    };
    let mut programs = Vec::new();
    for model in ["mnist.onnx", "model.msgpack"] {
        let graph = chainfer_model::load_model(&folder.join(model)).unwrap();
        let q = quantise(&graph, &[], &QuantOptions::default())
            .unwrap()
            .graph;
        let dims: Vec<(usize, usize, usize)> = q
            .layers
            .iter()
            .map(|l| q.tensor(l.output()).dims)
            .map(|Dims { c, h, w }| (c, h, w))
            .collect();
        assert_eq!(
            dims,
            [
                (8, 24, 24),
                (16, 10, 10),
                (16, 3, 3),
                (4, 3, 3),
                (64, 1, 1),
                (10, 1, 1)
            ]
        );
        let pools: Vec<Option<[usize; 2]>> = q
            .layers
            .iter()
            .map(|l| match l {
                QLayer::Linear(l) => match &l.terms[0].map {
                    TermMap::Conv(map) => Some(map.pre_pool),
                    TermMap::Dense { .. } => None,
                },
                _ => panic!("no maximum expected"),
            })
            .collect();
        assert_eq!(
            pools,
            [
                Some([1, 1]),
                Some([2, 2]),
                Some([2, 2]),
                Some([1, 1]),
                None,
                None
            ]
        );
        programs.push(q);
    }
    let weights = |n: usize| match &programs[n].layers[0] {
        QLayer::Linear(l) => l.terms.clone(),
        _ => panic!("no maximum expected"),
    };
    assert_eq!(weights(0), weights(1));
}

#[test]
fn zkml_mnist_cuts_into_every_number_of_chunks() {
    let Some(folder) = data("zkml-mnist") else {
        return;
    };
    let graph = chainfer_model::load_model(&folder.join("mnist.onnx")).unwrap();
    let q = quantise(&graph, &[], &QuantOptions::default())
        .unwrap()
        .graph;
    let costs = CostModel::default();
    for n in 1..=6 {
        let cut = partition(
            q.clone(),
            ChunkCount::Exactly(n),
            BoundaryVisibility::default(),
            &costs,
        )
        .unwrap();
        assert_eq!(cut.chunks.len(), n);
        let ends: Vec<usize> = cut.chunks.iter().map(|c| c.end_layer).collect();
        println!(
            "{n} chunks: ends {ends:?}, costs {:?}",
            chunk_costs(&cut, &costs)
        );
    }
    let auto = partition(q, ChunkCount::Auto, BoundaryVisibility::default(), &costs).unwrap();
    println!("auto: {} chunks", auto.chunks.len());
}

/// The TensorFlow Lite file with its weights rounded as zkml's converter rounded them.
fn rounded_tflite(folder: &std::path::Path) -> Vec<u8> {
    let mut bytes = std::fs::read(folder.join("model.tflite")).unwrap();
    let packed = std::fs::read(folder.join("model.msgpack")).unwrap();
    let model: serde_json::Value = rmp_serde::from_slice(&packed).unwrap();
    for tensor in model["tensors"].as_array().unwrap() {
        let data = tensor["data"].as_array().unwrap();
        let values: Vec<f32> = data.iter().map(|v| v.as_i64().unwrap() as f32).collect();
        if tensor["shape"] == serde_json::json!([2]) {
            continue;
        }
        let number = |bytes: &[u8], at: usize| {
            f32::from_le_bytes(<[u8; 4]>::try_from(&bytes[at..at + 4]).unwrap())
        };
        let is = |at: &usize| {
            let mut places = values.iter().enumerate();
            places.all(|(n, v)| (number(&bytes, at + 4 * n) * 512.0).round() == *v)
        };
        let last = bytes.len() - 4 * values.len();
        let at = (0..last).step_by(4).find(is).expect("the weights");
        for (n, v) in values.iter().enumerate() {
            bytes[at + 4 * n..][..4].copy_from_slice(&(v / 512.0).to_le_bytes());
        }
    }
    bytes
}

#[test]
fn zkml_mnist_is_one_program_in_three_formats() {
    let Some(folder) = data("zkml-mnist") else {
        return;
    };
    let own = tempfile::tempdir().unwrap();
    let lite = own.path().join("model.tflite");
    std::fs::write(&lite, rounded_tflite(&folder)).unwrap();
    let options = LoadOptions {
        drop_final_softmax: true,
        ..LoadOptions::default()
    };
    let input = |graph: &chainfer_model::float::FloatGraph| {
        let specs = graph.input_specs();
        load_inputs(&folder.join("input.json"), &specs, graph.fixed_point()).unwrap()
    };
    let program = |path: &std::path::Path| {
        let graph = load_model_with(path, &options).unwrap().graph;
        let q = quantise(&graph, &[], &QuantOptions::default())
            .unwrap()
            .graph;
        let ints = q
            .quantise_inputs(&input(&graph), SaturationPolicy::Saturate)
            .unwrap();
        let trace = execute(&q, &ints).unwrap();
        (q, trace)
    };
    let (first, trace) = program(&folder.join("mnist.onnx"));
    for path in [folder.join("model.msgpack"), lite] {
        let (other, own) = program(&path);
        assert_eq!(other.layers.len(), first.layers.len());
        for (a, b) in first.layers.iter().zip(&other.layers) {
            let (QLayer::Linear(a), QLayer::Linear(b)) = (a, b) else {
                panic!("no maximum expected");
            };
            assert_eq!(a.terms, b.terms, "{}", path.display());
            assert_eq!(a.element_bias, b.element_bias, "{}", path.display());
        }
        assert_eq!(own, trace, "{}", path.display());
    }
}
