//! Networks that users reported, built again: they were refused, wrong or imprecise.

use super::*;
use crate::executor::execute;
use crate::quantise::{QuantOptions, Sample, SaturationPolicy, quantise};

/// Reproducible numbers in [-1, 1).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn list(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.next() as f32).collect()
    }
}

/// The largest error of the quantised network on its samples, as a share of the largest output, and its warnings.
fn measured(model: &ModelProto, samples: &[Vec<f64>]) -> (f64, Vec<String>) {
    let graph = read(model).unwrap();
    let samples: Vec<Sample> = samples.iter().map(|s| Sample(vec![s.clone()])).collect();
    let quantised = quantise(&graph, &samples, &QuantOptions::default()).unwrap();
    let (mut error, mut size) = (0.0f64, 0.0f64);
    for sample in &samples {
        let trace = graph.execute(&sample.0).unwrap();
        let expected = graph.outputs_of(&trace)[0].to_vec();
        let inputs = quantised
            .graph
            .quantise_inputs(&sample.0, SaturationPolicy::Saturate);
        let trace = execute(&quantised.graph, &inputs.unwrap()).unwrap();
        for (got, expected) in quantised.graph.real_outputs(&trace)[0]
            .iter()
            .zip(&expected)
        {
            error = error.max((got - expected).abs());
            size = size.max(expected.abs());
        }
    }
    (error / size, quantised.report.warnings)
}

#[test]
fn channels_of_very_different_size_cost_no_precision() {
    let mut numbers = Numbers(1);
    // 16 channels from 1 down to a thousandth, which the next convolution makes equal again.
    let size = |c: usize| 1e-3f32.powf(c as f32 / 15.0);
    let first: Vec<f32> = (0..16 * 27)
        .map(|n| numbers.next() as f32 * size(n / 27))
        .collect();
    let bias: Vec<f32> = (0..16)
        .map(|c| 0.1 * numbers.next() as f32 * size(c))
        .collect();
    let second: Vec<f32> = (0..16 * 16 * 9)
        .map(|n| numbers.next() as f32 / size(n / 9 % 16) / 12.0)
        .collect();
    let constants = [
        floats("w1", &[16, 3, 3, 3], &first),
        floats("b1", &[16], &bias),
        floats("w2", &[16, 16, 3, 3], &second),
        floats("w3", &[16, 10], &numbers.list(160)),
    ];
    let nodes = [
        node("Conv", &["x", "w1", "b1"], "c1").ints("pads", &[1, 1, 1, 1]),
        node("Relu", &["c1"], "r1"),
        node("Conv", &["r1", "w2"], "c2").ints("pads", &[1, 1, 1, 1]),
        node("Relu", &["c2"], "r2"),
        node("GlobalAveragePool", &["r2"], "means"),
        node("Flatten", &["means"], "flat"),
        node("Gemm", &["flat", "w3"], "y"),
    ];
    let model = model(13, &["1", "3", "8", "8"], &constants, &nodes);
    let samples: Vec<Vec<f64>> = (0..16)
        .map(|_| (0..192).map(|_| numbers.next()).collect())
        .collect();
    let (error, warnings) = measured(&model, &samples);
    assert!(
        error < 0.005 && warnings.is_empty(),
        "{error}, {warnings:?}"
    );
}

#[test]
fn features_of_very_different_size_with_a_scaler_inside_cost_no_precision() {
    let mut numbers = Numbers(2);
    let size = |f: usize| 1000f64.powf(f as f64 / 7.0);
    let mean: Vec<f32> = (0..8)
        .map(|f| (0.5 * numbers.next() * size(f)) as f32)
        .collect();
    let deviation: Vec<f32> = (0..8).map(|f| size(f) as f32).collect();
    let constants = [
        floats("mean", &[1, 8], &mean),
        floats("deviation", &[1, 8], &deviation),
        floats("w1", &[8, 16], &numbers.list(128)),
        floats("w2", &[16, 3], &numbers.list(48)),
    ];
    let nodes = [
        node("Sub", &["x", "mean"], "a"),
        node("Div", &["a", "deviation"], "b"),
        node("Gemm", &["b", "w1"], "h"),
        node("Relu", &["h"], "r"),
        node("Gemm", &["r", "w2"], "y"),
    ];
    let model = model(13, &["1", "8"], &constants, &nodes);
    let sample = |_| (0..8).map(|f| 2.0 * size(f) * numbers.next()).collect();
    let samples: Vec<Vec<f64>> = (0..64).map(sample).collect();
    let (error, warnings) = measured(&model, &samples);
    assert!(
        error < 0.005 && warnings.is_empty(),
        "{error}, {warnings:?}"
    );
}

#[test]
fn inputs_of_a_hundredth_cost_no_precision() {
    let mut numbers = Numbers(3);
    let constants = [
        floats(
            "w1",
            &[32, 16],
            &numbers
                .list(512)
                .iter()
                .map(|w| 100.0 * w)
                .collect::<Vec<_>>(),
        ),
        floats("w2", &[16, 10], &numbers.list(160)),
    ];
    let nodes = [
        node("Gemm", &["x", "w1"], "h"),
        node("Relu", &["h"], "r"),
        node("Gemm", &["r", "w2"], "y"),
    ];
    let model = model(13, &["1", "32"], &constants, &nodes);
    let sample = |_| (0..32).map(|_| 0.01 * numbers.next()).collect();
    let samples: Vec<Vec<f64>> = (0..64).map(sample).collect();
    let (error, warnings) = measured(&model, &samples);
    assert!(
        error < 0.005 && warnings.is_empty(),
        "{error}, {warnings:?}"
    );
}

#[test]
fn skip_over_a_dense_layer_of_a_flattened_image_is_read() {
    let mut numbers = Numbers(4);
    let weights = numbers.list(18 * 18);
    let nodes = [
        node("Flatten", &["x"], "h"),
        node("Gemm", &["h", "w"], "g"),
        node("Relu", &["g"], "r"),
        node("Add", &["h", "r"], "y"),
    ];
    let constants = [floats("w", &[18, 18], &weights)];
    let model = model(13, &["1", "2", "3", "3"], &constants, &nodes);
    let input: Vec<f64> = (0..18).map(|_| numbers.next()).collect();
    let expected: Vec<f64> = (0..18)
        .map(|o| {
            let sum: f64 = (0..18)
                .map(|i| input[i] * f64::from(weights[i * 18 + o]))
                .sum();
            input[o] + sum.max(0.0)
        })
        .collect();
    assert_near(&run(&model, &[&input]), &expected);
    let samples: Vec<Vec<f64>> = (0..16)
        .map(|_| (0..18).map(|_| numbers.next()).collect())
        .collect();
    let (error, _) = measured(&model, &samples);
    assert!(error < 0.005, "{error}");
}

#[test]
fn bias_of_a_convolution_before_opset_7_belongs_to_its_channels() {
    let mut numbers = Numbers(5);
    let bias = [0.5f32, -1.0, 2.0, -4.0];
    let kernel = numbers.list(4 * 2 * 9);
    let constants = [
        floats("k", &[4, 2, 3, 3], &kernel),
        floats("b", &[4], &bias),
    ];
    let sum = node("Add", &["c", "b"], "y")
        .int("axis", 1)
        .int("broadcast", 1);
    let of = |constants: &[TensorProto], nodes: &[NodeProto], opset| {
        output(&model(opset, &["1", "2", "6", "6"], constants, nodes))
    };
    let old = of(&constants, &[node("Conv", &["x", "k"], "c"), sum], 6);
    // The same as the convolution's own bias.
    let new = of(&constants, &[node("Conv", &["x", "k", "b"], "y")], 13);
    assert_eq!(old.len(), 4 * 4 * 4);
    assert_near(&old, &new);
}
