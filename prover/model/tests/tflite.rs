//! TensorFlow Lite files against direct computations, and files that are broken.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use chainfer_model::executor::execute;
use chainfer_model::float::FloatGraph;
use chainfer_model::frontend::{LoadOptions, Support, from_tflite_bytes};
use chainfer_model::quantise::{QuantOptions, Sample, SaturationPolicy, quantise};
use chainfer_model::survey_model;
use support::distance;
use support::tflite::{Field, Model, Operator, Tensor, computed, ints, reals};

fn operator(code: i32, options: Vec<(usize, Field)>, inputs: &[i32], outputs: &[i32]) -> Operator {
    Operator {
        code,
        options,
        inputs: inputs.to_vec(),
        outputs: outputs.to_vec(),
    }
}

/// A model of one operator: tensor 0 is its input, the last one its output.
fn single(code: i32, options: Vec<(usize, Field)>, tensors: Vec<Tensor>) -> Model {
    let last = tensors.len() as i32 - 1;
    Model {
        operators: vec![operator(
            code,
            options,
            &(0..last).collect::<Vec<_>>(),
            &[last],
        )],
        tensors,
        inputs: vec![0],
        outputs: vec![last],
        ..Model::default()
    }
}

fn numbers(len: usize) -> Vec<f64> {
    (0..len)
        .map(|n| ((n * 37 + 11) % 64) as f64 / 16.0 - 2.0)
        .collect()
}

fn run(graph: &FloatGraph, input: &[f64]) -> Vec<f64> {
    let trace = graph.execute(&[input.to_vec()]).unwrap();
    graph.outputs_of(&trace)[0].to_vec()
}

/// What the integer program gives is near to what the network gives.
fn check_quantised(graph: &FloatGraph, input: &[f64]) {
    let values = run(graph, input);
    let samples = [Sample(vec![input.to_vec()])];
    let q = quantise(graph, &samples, &QuantOptions::default())
        .unwrap()
        .graph;
    let ints = q
        .quantise_inputs(&samples[0].0, SaturationPolicy::Refuse)
        .unwrap();
    let outputs = q.real_outputs(&execute(&q, &ints).unwrap());
    let size = values.iter().fold(0.1f64, |m, v| m.max(v.abs()));
    assert!(distance(&outputs[0], &values) < 0.02 * size);
}

fn real_weights(len: usize) -> Vec<f32> {
    numbers(len).iter().map(|v| (v / 2.0) as f32).collect()
}

fn conv_model() -> Model {
    let weights = real_weights(3 * 3 * 2 * 2);
    single(
        3,
        vec![
            (0, Field::Byte(0)),
            (1, Field::Int(2)),
            (2, Field::Int(1)),
            (3, Field::Byte(3)),
        ],
        vec![
            computed(&[1, 4, 5, 2]),
            reals(&[3, 3, 2, 2], &weights),
            reals(&[3], &[0.5, -0.25, 1.0]),
            computed(&[1, 4, 3, 3]),
        ],
    )
}

#[test]
fn convolution_with_padding_stride_and_activation_matches() {
    let graph = from_tflite_bytes(&conv_model().bytes()).unwrap();
    let (x, w) = (numbers(40), real_weights(36));
    let mut expected = Vec::new();
    for oy in 0..4 {
        for ox in 0..3 {
            for (o, bias) in [0.5, -0.25, 1.0].into_iter().enumerate() {
                let mut sum = bias;
                for (ky, kx, c) in (0..12).map(|n| (n / 4, n / 2 % 2, n % 2)) {
                    // One row of zeros above, none before the columns: 5 columns in steps of 2 need one behind.
                    let (y, column) = (oy + ky, 2 * ox + kx);
                    if (1..5).contains(&y) && column < 5 {
                        let weight = f64::from(w[((o * 3 + ky) * 2 + kx) * 2 + c]);
                        sum += weight * x[((y - 1) * 5 + column) * 2 + c];
                    }
                }
                expected.push(sum.clamp(0.0, 6.0));
            }
        }
    }
    assert!(distance(&run(&graph, &x), &expected) < 1e-9);
    check_quantised(&graph, &x);
}

#[test]
fn averages_leave_padding_out() {
    let options = vec![
        (1, Field::Int(1)),
        (2, Field::Int(1)),
        (3, Field::Int(2)),
        (4, Field::Int(3)),
    ];
    let model = single(
        1,
        options,
        vec![computed(&[1, 3, 3, 1]), computed(&[1, 3, 3, 1])],
    );
    let graph = from_tflite_bytes(&model.bytes()).unwrap();
    let x = numbers(9);
    let expected: Vec<f64> = (0..9)
        .map(|n| {
            let (oy, ox) = (n as i64 / 3, n as i64 % 3);
            let taps = (0..6).map(|k| (oy + k / 2 - 1, ox + k % 2));
            let inside = taps.filter(|(y, c)| (0..3).contains(y) && (0..3).contains(c));
            let values: Vec<f64> = inside.map(|(y, c)| x[(y * 3 + c) as usize]).collect();
            values.iter().sum::<f64>() / values.len() as f64
        })
        .collect();
    assert!(distance(&run(&graph, &x), &expected) < 1e-9);
    check_quantised(&graph, &x);
}

#[test]
fn transposed_convolution_matches() {
    let weights = real_weights(2 * 3 * 3 * 2);
    let mut model = single(
        67,
        vec![(0, Field::Byte(0)), (1, Field::Int(2)), (2, Field::Int(2))],
        vec![
            ints(&[4], &[1, 6, 8, 2]),
            reals(&[2, 3, 3, 2], &weights),
            computed(&[1, 3, 4, 2]),
            computed(&[1, 6, 8, 2]),
        ],
    );
    model.inputs = vec![2];
    let graph = from_tflite_bytes(&model.bytes()).unwrap();
    let x = numbers(24);
    let mut expected = vec![0.0; 96];
    for (y, c, i) in (0..24).map(|n| (n / 8, n / 2 % 4, n % 2)) {
        for (ky, kx, o) in (0..18).map(|n| (n / 6, n / 2 % 3, n % 2)) {
            let (ty, tx) = (2 * y + ky, 2 * c + kx);
            if ty < 6 && tx < 8 {
                let weight = f64::from(weights[((o * 3 + ky) * 3 + kx) * 2 + i]);
                expected[(ty * 8 + tx) * 2 + o] += weight * x[(y * 4 + c) * 2 + i];
            }
        }
    }
    assert!(distance(&run(&graph, &x), &expected) < 1e-9);
    check_quantised(&graph, &x);
}

#[test]
fn softmax_and_strided_slice_match() {
    let model = Model {
        tensors: vec![
            computed(&[1, 6]),
            ints(&[2], &[0, 5]),
            ints(&[2], &[0, -7]),
            ints(&[2], &[1, -2]),
            computed(&[1, 3]),
            computed(&[1, 3]),
        ],
        operators: vec![
            operator(
                45,
                vec![(0, Field::Int(1)), (1, Field::Int(1))],
                &[0, 1, 2, 3],
                &[4],
            ),
            operator(25, vec![(0, Field::Real(2.0))], &[4], &[5]),
        ],
        inputs: vec![0],
        outputs: vec![5],
        ..Model::default()
    };
    let graph = from_tflite_bytes(&model.bytes()).unwrap();
    let x = numbers(6);
    let powers = [5, 3, 1].map(|n| (2.0 * x[n]).exp());
    let expected = powers.map(|p| p / powers.iter().sum::<f64>());
    assert!(distance(&run(&graph, &x), &expected) < 1e-9);
}

#[test]
fn greatest_values_and_their_places_match() {
    let model = Model {
        tensors: vec![
            computed(&[2, 5]),
            ints(&[1], &[3]),
            computed(&[2, 3]),
            computed(&[2, 3]),
        ],
        operators: vec![operator(48, vec![], &[0, 1], &[2, 3])],
        inputs: vec![0],
        outputs: vec![2, 3],
        ..Model::default()
    };
    let graph = from_tflite_bytes(&model.bytes()).unwrap();
    let x = [0.5, 2.0, -1.0, 2.0, 1.0, -3.0, -1.0, -2.0, -4.0, -1.5];
    let trace = graph.execute(&[x.to_vec()]).unwrap();
    let outputs = graph.outputs_of(&trace);
    assert_eq!(outputs[0], [2.0, 2.0, 1.0, -1.0, -1.5, -2.0]);
    // Of equal ones the first.
    assert_eq!(outputs[1], [1.0, 3.0, 4.0, 1.0, 4.0, 2.0]);
    check_quantised(&graph, &x);
}

#[test]
fn quantised_tensors_are_real_and_clamped() {
    let quantised = |shape: &[i32], kind, scales: &[f32], zero: i64, data: Vec<u8>| Tensor {
        shape: shape.to_vec(),
        kind,
        data,
        quantisation: Some((scales.to_vec(), vec![zero; scales.len()], 0)),
        ..Tensor::default()
    };
    let bias = [64i32, -32].iter().flat_map(|v| v.to_le_bytes()).collect();
    let model = single(
        9,
        vec![],
        vec![
            quantised(&[1, 2], 9, &[0.5], 0, vec![]),
            quantised(&[2, 2], 9, &[0.25, 0.125], 0, vec![4, 0xf8, 8, 0]),
            quantised(&[2], 2, &[0.125, 0.0625], 0, bias),
            quantised(&[1, 2], 9, &[0.0625], -128, vec![]),
        ],
    );
    let graph = from_tflite_bytes(&model.bytes()).unwrap();
    // 1 and -2, 1 and 0; 8 and -2; between 0 and 255 / 16.
    assert!(distance(&run(&graph, &[1.0, 2.0]), &[5.0, 0.0]) < 1e-9);
    assert!(distance(&run(&graph, &[20.0, 2.0]), &[255.0 / 16.0, 15.9375]) < 3.0);
    assert_eq!(run(&graph, &[60.0, 2.0])[0], 255.0 / 16.0);
    assert_eq!(run(&graph, &[0.0, 9.0])[0], 0.0);
}

#[test]
fn sparse_constants_and_buffers_behind_the_tables_are_read() {
    // [[0, 3], [5, 0]]: rows dense, columns by their indices.
    let vector = |values: Vec<i32>| Field::Table(vec![(0, Field::Ints(values))]);
    let sparsity = vec![
        (0, Field::Ints(vec![0, 1])),
        (
            2,
            Field::Tables(vec![
                vec![(0, Field::Byte(0)), (1, Field::Int(2))],
                vec![
                    (0, Field::Byte(1)),
                    (2, Field::Byte(1)),
                    (3, vector(vec![0, 1, 2])),
                    (4, Field::Byte(1)),
                    (5, vector(vec![1, 0])),
                ],
            ]),
        ),
    ];
    let weights = Tensor {
        sparsity: Some(sparsity),
        ..reals(&[2, 2], &[3.0, 5.0])
    };
    let mut model = single(
        9,
        vec![],
        vec![computed(&[1, 2]), weights, computed(&[1, 2])],
    );
    for behind in [false, true] {
        model.behind = behind;
        let graph = from_tflite_bytes(&model.bytes()).unwrap();
        assert_eq!(run(&graph, &[2.0, 7.0]), [21.0, 10.0]);
    }
}

#[test]
fn open_batch_is_one_unless_it_is_given() {
    let open = Tensor {
        signature: vec![-1, 2],
        ..computed(&[1, 2])
    };
    let model = single(19, vec![], vec![open.clone(), open]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.tflite");
    std::fs::write(&path, model.bytes()).unwrap();
    let load = |dim: Option<(&str, usize)>| {
        let dims = dim
            .map(|(name, n)| (name.to_owned(), n))
            .into_iter()
            .collect();
        let options = LoadOptions {
            dims,
            ..LoadOptions::default()
        };
        survey_model(&path, &options).and_then(|survey| survey.model)
    };
    assert_eq!(load(None).unwrap().graph.input_specs()[0].shape, [1, 2]);
    let three = load(Some(("t0.0", 3))).unwrap();
    assert_eq!(three.graph.input_specs()[0].shape, [3, 2]);
    let error = load(Some(("t1.0", 3))).unwrap_err().to_string();
    assert!(error.contains("there are: t0.0"), "{error}");
}

#[test]
fn all_blockers_are_told_at_once() {
    let mut model = Model {
        tensors: vec![
            computed(&[1, 2]),
            computed(&[1, 2]),
            computed(&[1, 2]),
            computed(&[1, 2]),
        ],
        operators: vec![
            operator(27, vec![], &[0], &[1]),
            operator(19, vec![], &[1], &[2]),
            operator(32, vec![], &[2], &[3]),
        ],
        inputs: vec![0],
        outputs: vec![3],
        custom: Some("MaxPoolingWithArgmax2D"),
        ..Model::default()
    };
    let error = from_tflite_bytes(&model.bytes()).unwrap_err().to_string();
    for part in [
        "2 nodes are not supported",
        "node t1: SVDF",
        "node t3: custom operator MaxPoolingWithArgmax2D",
        "RESIZE_NEAREST_NEIGHBOR",
        "supported operators: ABS, ADD,",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bin");
    std::fs::write(&path, model.bytes()).unwrap();
    let survey = survey_model(&path, &LoadOptions::default()).unwrap();
    let supported: Vec<bool> = survey
        .nodes
        .iter()
        .map(|n| n.support == Support::Supported)
        .collect();
    assert_eq!(supported, [false, true, false]);
    model.operators.truncate(1);
    model.outputs = vec![1];
    let error = from_tflite_bytes(&model.bytes()).unwrap_err().to_string();
    assert!(
        error.contains("node t1: operator SVDF is not supported"),
        "{error}"
    );
}

#[test]
fn scores_before_probabilities_may_be_the_output() {
    let model = single(14, vec![], vec![computed(&[1, 3]), computed(&[1, 3])]);
    let mut model = Model {
        tensors: vec![computed(&[1, 3]), computed(&[1, 3]), computed(&[1, 3])],
        operators: vec![
            operator(59, vec![], &[0], &[1]),
            operator(14, vec![], &[1], &[2]),
        ],
        outputs: vec![2],
        ..model
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.tflite");
    let options = LoadOptions {
        drop_final_softmax: true,
        ..LoadOptions::default()
    };
    let outputs = |model: &Model| {
        std::fs::write(&path, model.bytes()).unwrap();
        let loaded = survey_model(&path, &options).unwrap().model.unwrap();
        let graph = loaded.graph;
        (
            graph.tensor(graph.outputs()[0]).name.clone(),
            loaded.warnings.len(),
        )
    };
    assert_eq!(outputs(&model), ("t2_scores".to_owned(), 1));
    // What is read on is no end.
    model.tensors.push(computed(&[1, 3]));
    model.operators.push(operator(92, vec![], &[2], &[3]));
    model.outputs = vec![3];
    // One warning: nothing is left out.
    assert_eq!(outputs(&model), ("t3".to_owned(), 1));
}

#[test]
fn broken_files_never_panic() {
    let bytes = conv_model().bytes();
    from_tflite_bytes(&bytes).unwrap();
    for n in 0..bytes.len() {
        let _ = from_tflite_bytes(&bytes[..n]);
    }
    for n in 0..bytes.len() {
        for byte in [
            0,
            1,
            0x7f,
            0x80,
            0xff,
            bytes[n] ^ 4,
            bytes[n].wrapping_add(4),
        ] {
            let mut broken = bytes.clone();
            broken[n] = byte;
            let _ = from_tflite_bytes(&broken);
        }
    }
    let error = from_tflite_bytes(&bytes[..bytes.len() / 2])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("tflite") && error.contains("outside of the file"),
        "{error}"
    );
    let error = from_tflite_bytes(b"\x08\0\0\0TFL2")
        .unwrap_err()
        .to_string();
    assert!(error.contains("TFL3"), "{error}");
}
