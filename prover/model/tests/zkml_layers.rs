//! Every zkml layer against a direct computation in the model's own axis order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use chainfer_formats::FinalFunction;
use chainfer_model::executor::execute;
use chainfer_model::frontend::{LoadOptions, from_zkml_bytes};
use chainfer_model::load_model_with;
use chainfer_model::quantise::{QuantOptions, Sample, SaturationPolicy, quantise};
use serde_json::{Value, json};
use support::distance;

const SF: f64 = 512.0;

fn numbers(len: usize, seed: usize) -> Vec<i64> {
    (0..len)
        .map(|n| ((n * 7919 + seed * 104_729) % 613) as i64 - 306)
        .collect()
}

fn real(values: &[i64]) -> Vec<f64> {
    values.iter().map(|v| *v as f64 / SF).collect()
}

/// One layer over a `[1, 4, 5, 2]` input; constants get indices 1, 2, ...
fn run(
    kind: &str,
    params: Value,
    constants: &[(Vec<usize>, Vec<i64>)],
    out: &[usize],
    extra: &[i64],
) -> (Vec<f64>, Vec<f64>) {
    let tensors: Vec<Value> = constants
        .iter()
        .enumerate()
        .map(|(n, (shape, data))| json!({"idx": n + 1, "shape": shape, "data": data}))
        .collect();
    let mut inputs: Vec<i64> = vec![0];
    inputs.extend(1..=constants.len() as i64);
    inputs.extend(extra);
    let shapes: Vec<Value> = std::iter::once(json!([1, 4, 5, 2]))
        .chain(constants.iter().map(|(s, _)| json!(s)))
        .chain(extra.iter().map(|_| json!([1, 4, 5, 2])))
        .collect();
    let model = json!({
        "global_sf": 512, "inp_idxes": [0], "out_idxes": [99], "tensors": tensors,
        "layers": [{"layer_type": kind, "params": params, "inp_idxes": inputs, "inp_shapes": shapes,
                    "out_idxes": [99], "out_shapes": [out], "mask": []}],
    });
    let graph = from_zkml_bytes(&rmp_serde::to_vec_named(&model).unwrap()).unwrap();
    assert_eq!(graph.fixed_point(), Some(512.0));
    let input = real(&numbers(40, 1));
    let float = graph.execute(std::slice::from_ref(&input)).unwrap();
    let values = graph.outputs_of(&float)[0].to_vec();
    let sample = Sample(vec![input.clone()]);
    let q = quantise(
        &graph,
        std::slice::from_ref(&sample),
        &QuantOptions::default(),
    )
    .unwrap();
    let ints = q
        .graph
        .quantise_inputs(&sample.0, SaturationPolicy::Refuse)
        .unwrap();
    let trace = execute(&q.graph, &ints).unwrap();
    let size = values.iter().fold(0.1f64, |m, v| m.max(v.abs()));
    assert!(
        distance(&q.graph.real_outputs(&trace)[0], &values) < 0.01 * size,
        "{kind}"
    );
    (input, values)
}

fn at(x: &[f64], y: usize, column: usize, c: usize) -> f64 {
    x[(y * 5 + column) * 2 + c]
}

#[test]
fn conv_valid_with_stride_and_relu6_matches() {
    let (w, b) = (numbers(3 * 2 * 3 * 2, 2), numbers(3, 3));
    let constants = [(vec![3, 2, 3, 2], w.clone()), (vec![3], b.clone())];
    let (x, got) = run(
        "Conv2D",
        json!([0, 1, 3, 2, 1]),
        &constants,
        &[1, 2, 3, 3],
        &[],
    );
    let mut expected = Vec::new();
    for oy in 0..2 {
        for ox in 0..3 {
            for o in 0..3 {
                let mut sum = b[o] as f64 / SF;
                for ky in 0..2 {
                    for kx in 0..3 {
                        for c in 0..2 {
                            sum += w[((o * 2 + ky) * 3 + kx) * 2 + c] as f64 / SF
                                * at(&x, oy * 2 + ky, ox + kx, c);
                        }
                    }
                }
                expected.push(sum.clamp(0.0, 6.0));
            }
        }
    }
    assert!(distance(&got, &expected) < 1e-9);
}

#[test]
fn depthwise_same_matches() {
    let (w, b) = (numbers(18, 2), numbers(2, 3));
    let constants = [(vec![1, 3, 3, 2], w.clone()), (vec![2], b.clone())];
    let (x, got) = run(
        "Conv2D",
        json!([1, 0, 0, 1, 1]),
        &constants,
        &[1, 4, 5, 2],
        &[],
    );
    let mut expected = Vec::new();
    for oy in 0..4usize {
        for ox in 0..5usize {
            for c in 0..2 {
                let mut sum = b[c] as f64 / SF;
                for ky in 0..3 {
                    for kx in 0..3 {
                        if (1..5).contains(&(oy + ky)) && (1..6).contains(&(ox + kx)) {
                            sum += w[(ky * 3 + kx) * 2 + c] as f64 / SF
                                * at(&x, oy + ky - 1, ox + kx - 1, c);
                        }
                    }
                }
                expected.push(sum);
            }
        }
    }
    assert!(distance(&got, &expected) < 1e-9);
}

#[test]
fn pools_and_mean_match() {
    let (x, average) = run(
        "AveragePool2D",
        json!([2, 2, 2, 2]),
        &[],
        &[1, 2, 2, 2],
        &[],
    );
    let (_, most) = run("MaxPool2D", json!([2, 2, 2, 2]), &[], &[1, 2, 2, 2], &[]);
    let (_, mean) = run("Mean", json!([1, 2]), &[], &[1, 2], &[]);
    for n in 0..8 {
        let (oy, ox, c) = (n / 4, n / 2 % 2, n % 2);
        let window: Vec<f64> = (0..4)
            .map(|k| at(&x, oy * 2 + k / 2, ox * 2 + k % 2, c))
            .collect();
        assert!((average[n] - window.iter().sum::<f64>() / 4.0).abs() < 1e-9);
        assert_eq!(most[n], window.iter().copied().fold(f64::MIN, f64::max));
    }
    for (c, own) in mean.iter().enumerate() {
        let sum: f64 = x.iter().skip(c).step_by(2).sum();
        assert!((own - sum / 20.0).abs() < 1e-9);
    }
}

#[test]
fn arithmetic_with_channel_constants_matches() {
    let c = numbers(2, 5);
    let constant = [(vec![2], c.clone())];
    let (x, product) = run("Mul", json!([]), &constant, &[1, 4, 5, 2], &[]);
    let (_, sum) = run("Add", json!([1]), &constant, &[1, 4, 5, 2], &[]);
    let (_, twice) = run("Add", json!([0]), &[], &[1, 4, 5, 2], &[0]);
    for (n, v) in x.iter().enumerate() {
        let k = c[n % 2] as f64 / SF;
        assert!((product[n] - v * k).abs() < 1e-9);
        assert!((sum[n] - (v + k).max(0.0)).abs() < 1e-9);
        assert!((twice[n] - 2.0 * v).abs() < 1e-9);
    }
}

#[test]
fn fully_connected_and_rearrangements_keep_the_models_order() {
    let (w, b) = (numbers(3 * 40, 2), numbers(3, 3));
    let constants = [(vec![3, 40], w.clone()), (vec![3], b.clone())];
    let (x, got) = run("FullyConnected", json!([0]), &constants, &[1, 3], &[]);
    let expected: Vec<f64> = (0..3)
        .map(|o| {
            b[o] as f64 / SF
                + (0..40)
                    .map(|i| w[o * 40 + i] as f64 / SF * x[i])
                    .sum::<f64>()
        })
        .collect();
    assert!(distance(&got, &expected) < 1e-9);
}

#[test]
fn reshape_between_layers_keeps_the_models_order() {
    let w = numbers(80, 2);
    let layer =
        |kind: &str, params: Value, inputs: Value, shapes: Value, out: i64, shape: Value| {
            json!({"layer_type": kind, "params": params, "inp_idxes": inputs, "inp_shapes": shapes,
               "out_idxes": [out], "out_shapes": [shape], "mask": []})
        };
    let model = json!({
        "global_sf": 512, "inp_idxes": [0], "out_idxes": [12],
        "tensors": [{"idx": 1, "shape": [2, 40], "data": w}, {"idx": 2, "shape": [2], "data": [7, -8]}],
        "layers": [
            layer("Add", json!([1]), json!([0, 2]), json!([[1, 4, 5, 2], [2]]), 10, json!([1, 4, 5, 2])),
            layer("Reshape", json!([]), json!([10]), json!([[1, 4, 5, 2]]), 11, json!([1, 40])),
            layer("FullyConnected", json!([0]), json!([11, 1]), json!([[1, 40], [2, 40]]), 12, json!([1, 2])),
        ],
    });
    let graph = from_zkml_bytes(&rmp_serde::to_vec_named(&model).unwrap()).unwrap();
    let x = real(&numbers(40, 1));
    let float = graph.execute(std::slice::from_ref(&x)).unwrap();
    let hidden: Vec<f64> = x
        .iter()
        .enumerate()
        .map(|(n, v)| (v + [7.0, -8.0][n % 2] / SF).max(0.0))
        .collect();
    let expected: Vec<f64> = (0..2)
        .map(|o| (0..40).map(|i| w[o * 40 + i] as f64 / SF * hidden[i]).sum())
        .collect();
    assert!(distance(graph.outputs_of(&float)[0], &expected) < 1e-9);
    let q = quantise(&graph, &[Sample(vec![x.clone()])], &QuantOptions::default()).unwrap();
    let ints = q
        .graph
        .quantise_inputs(&[x], SaturationPolicy::Refuse)
        .unwrap();
    let outputs = q.graph.real_outputs(&execute(&q.graph, &ints).unwrap());
    assert!(distance(&outputs[0], &expected) < 0.02);
}

#[test]
fn functions_and_products_match() {
    let (x, square) = run("Square", json!([]), &[], &[1, 4, 5, 2], &[]);
    let (_, tanh) = run("Tanh", json!([]), &[], &[1, 4, 5, 2], &[]);
    let (_, logistic) = run("Logistic", json!([]), &[], &[1, 4, 5, 2], &[]);
    let (_, cube) = run("Pow", json!([3]), &[], &[1, 4, 5, 2], &[]);
    let (_, own) = run("Mul", json!([]), &[], &[1, 4, 5, 2], &[0]);
    let constant = [(vec![2], numbers(2, 5))];
    let (_, difference) = run(
        "SquaredDifference",
        json!([]),
        &constant,
        &[1, 4, 5, 2],
        &[],
    );
    for (n, v) in x.iter().enumerate() {
        let c = constant[0].1[n % 2] as f64 / SF;
        for (got, expected) in [
            (square[n], v * v),
            (tanh[n], v.tanh()),
            (logistic[n], 1.0 / (1.0 + (-v).exp())),
            (cube[n], v * v * v),
            (own[n], v * v),
            (difference[n], (v - c) * (v - c)),
        ] {
            assert!((got - expected).abs() < 1e-9);
        }
    }
}

#[test]
fn rearrangements_match() {
    let (x, rotated) = run("Rotate", json!([2]), &[], &[1, 4, 5, 2], &[]);
    let (_, part) = run(
        "Slice",
        json!([0, 1, 2, 0, 1, 2, -1, 1]),
        &[],
        &[1, 2, 3, 1],
        &[],
    );
    let (_, padded) = run(
        "Pad",
        json!([0, 0, 1, 0, 0, 2, 0, 0]),
        &[],
        &[1, 5, 7, 2],
        &[],
    );
    let (_, permuted) = run("Permute", json!([0, 2, 1, 3]), &[], &[1, 5, 4, 2], &[]);
    let (_, resized) = run(
        "ResizeNearestNeighbor",
        json!([0, 1]),
        &[],
        &[1, 8, 5, 2],
        &[],
    );
    let (_, joined) = run("Concatenation", json!([-1]), &[], &[1, 4, 5, 4], &[0]);
    let (_, packed) = run("Pack", json!([1]), &[], &[1, 2, 4, 5, 2], &[0]);
    for (n, v) in x.iter().enumerate() {
        let (y, column, c) = (n / 10, n / 2 % 5, n % 2);
        assert_eq!(rotated[n], at(&x, y, 4 - column, c));
        assert_eq!(padded[((y + 1) * 7 + column) * 2 + c], *v);
        assert_eq!(permuted[(column * 4 + y) * 2 + c], *v);
        assert_eq!(resized[(2 * y * 5 + column) * 2 + c], *v);
        assert_eq!(joined[(y * 5 + column) * 4 + 2 + c], *v);
        assert_eq!(packed[40 + n], *v);
    }
    for (n, v) in part.iter().enumerate() {
        assert_eq!(*v, at(&x, 1 + n / 3, 2 + n % 3, 0));
    }
}

#[test]
fn softmax_leaves_masked_elements_out() {
    // One of the two channels, at every second column.
    let mut params = vec![4, 1, 1, 5, 2];
    params.extend([0, 0, 0, 1, 0, 0, 0, 1, 0, 0]);
    let (x, shares) = run("Softmax", json!(params), &[], &[1, 4, 5, 2], &[]);
    let (_, plain) = run("Softmax", json!([]), &[], &[1, 4, 5, 2], &[]);
    for n in (0..40).step_by(2) {
        let share = 1.0 / (1.0 + (x[n + 1] - x[n]).exp());
        let expected = if n / 2 % 5 % 2 == 1 { 1.0 } else { share };
        assert!((shares[n] - expected).abs() < 1e-9);
        assert!((shares[n] + shares[n + 1] - 1.0).abs() < 1e-9);
        assert!((plain[n] - share).abs() < 1e-9);
    }
}

#[test]
fn all_layers_in_the_way_are_told_at_once() {
    let layer = |kind: &str, input: i64| {
        json!({"layer_type": kind, "params": [], "inp_idxes": [input], "inp_shapes": [[1, 4]],
               "out_idxes": [input + 1], "out_shapes": [[1, 4]], "mask": []})
    };
    let model = json!({
        "global_sf": 512, "inp_idxes": [0], "out_idxes": [3], "tensors": [],
        "layers": [layer("Update", 0), layer("Tanh", 1), layer("Gather", 2)],
    });
    let error = from_zkml_bytes(&rmp_serde::to_vec_named(&model).unwrap())
        .unwrap_err()
        .to_string();
    for part in [
        "2 nodes are not supported",
        "node Update_0: Update",
        "learning rate",
        "node Gather_2: Gather",
        "supported operators: Add, AveragePool2D",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn scores_before_the_last_softmax_may_be_the_output() {
    let layer = |kind: &str, params: &[i64], input: i64| {
        json!({"layer_type": kind, "params": params, "inp_idxes": [input], "inp_shapes": [[1, 4]],
               "out_idxes": [input + 1], "out_shapes": [[1, 4]], "mask": []})
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.msgpack");
    let outputs = |layers: &[Value]| {
        let model = json!({
            "global_sf": 512, "inp_idxes": [0], "out_idxes": [layers.len()], "tensors": [], "layers": layers,
        });
        std::fs::write(&path, rmp_serde::to_vec_named(&model).unwrap()).unwrap();
        let options = LoadOptions {
            drop_final_softmax: true,
            ..LoadOptions::default()
        };
        let loaded = load_model_with(&path, &options).unwrap();
        let output = loaded.graph.outputs()[0];
        let name = loaded.graph.tensor(output).name.clone();
        (
            name,
            loaded.graph.left_out(output),
            loaded.warnings.join("; "),
        )
    };
    let (name, function, warnings) = outputs(&[layer("Tanh", &[], 0), layer("Softmax", &[], 1)]);
    assert_eq!(name, "output_2_scores");
    assert_eq!(function, Some(FinalFunction::Softmax));
    assert!(warnings.contains("scores before its Softmax"), "{warnings}");
    let (_, function, _) = outputs(&[layer("Tanh", &[], 0), layer("Logistic", &[], 1)]);
    assert_eq!(function, Some(FinalFunction::Sigmoid));
    // What is no end stays, and so does a mask.
    for layers in [
        [layer("Softmax", &[], 0), layer("Tanh", &[], 1)],
        [
            layer("Tanh", &[], 0),
            layer("Softmax", &[2, 1, 4, 0, 0, 0, 1], 1),
        ],
    ] {
        let (name, function, warnings) = outputs(&layers);
        assert_eq!((name.as_str(), function), ("output_2", None));
        assert!(warnings.contains("nothing is left out"), "{warnings}");
    }
}
