//! Channels of very different size: they get factors, where that is exact, and lose nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chainfer_model::executor::{execute, execute_counting, validate};
use chainfer_model::float::{
    Bounds, Constant, Conv, Dense, FloatGraph, FloatId, FloatOp, Function, GraphBuilder, Padding,
    Pool,
};
use chainfer_model::quantise::{
    Evaluator, MAX_RELATIVE_ERROR, QuantOptions, Quantised, Sample, SaturationPolicy, Tally,
    quantise,
};
use chainfer_model::quantized::QTensor;

const RELU: FloatOp = FloatOp::Clamp(Bounds::RELU);
const CHANNELS: usize = 8;

/// Pseudo-random reals in `[-1, 1)`.
struct Reals(u64);

impl Reals {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn list(&mut self, len: usize) -> Vec<f64> {
        (0..len).map(|_| self.next()).collect()
    }
}

/// Size of channel `c`, from 1 down to `1 / spread`.
fn size(c: usize, spread: f64) -> f64 {
    spread.powf(-(c as f64) / (CHANNELS - 1) as f64)
}

/// A 3 x 3 convolution whose weights are multiplied by `row(output channel) * column(input channel)`.
fn conv(
    reals: &mut Reals,
    [channels, inputs]: [usize; 2],
    row: impl Fn(usize) -> f64,
    column: impl Fn(usize) -> f64,
) -> FloatOp {
    let mut weights = reals.list(channels * inputs * 9);
    for (n, w) in weights.iter_mut().enumerate() {
        *w *= 0.3 * row(n / 9 / inputs) * column(n / 9 % inputs);
    }
    let bias = (0..channels).map(|c| 0.1 * row(c)).collect();
    FloatOp::Conv(Conv {
        channels,
        kernel: [3, 3],
        stride: [1, 1],
        padding: Padding {
            top: 1,
            left: 1,
            bottom: 1,
            right: 1,
        },
        groups: 1,
        weights,
        bias: Some(bias),
    })
}

fn dense(
    reals: &mut Reals,
    [outputs, inputs]: [usize; 2],
    row: impl Fn(usize) -> f64,
    column: impl Fn(usize) -> f64,
) -> FloatOp {
    let mut weights = reals.list(outputs * inputs);
    for (n, w) in weights.iter_mut().enumerate() {
        *w *= 0.4 * row(n / inputs) * column(n % inputs);
    }
    FloatOp::Dense(Dense {
        outputs,
        weights,
        bias: None,
    })
}

fn samples(len: usize, count: usize) -> Vec<Sample> {
    let mut reals = Reals(7);
    (0..count).map(|_| Sample(vec![reals.list(len)])).collect()
}

/// Largest error of the first output relative to its largest value, over the samples.
fn error(graph: &FloatGraph, q: &Quantised, samples: &[Sample]) -> f64 {
    let (mut worst, mut peak) = (0.0f64, 0.0f64);
    for sample in samples {
        let float = graph.execute(&sample.0).unwrap();
        let saturate = SaturationPolicy::Saturate;
        let ints = q.graph.quantise_inputs(&sample.0, saturate).unwrap();
        let got = q.graph.real_outputs(&execute(&q.graph, &ints).unwrap());
        for (a, b) in got[0].iter().zip(graph.outputs_of(&float)[0]) {
            worst = worst.max((a - b).abs());
            peak = peak.max(b.abs());
        }
    }
    worst / peak
}

fn tensor<'a>(q: &'a Quantised, name: &str) -> &'a QTensor {
    let found = q.graph.tensors.iter().find(|t| t.name == name);
    found.unwrap_or_else(|| panic!("no tensor {name}"))
}

/// Two convolutions whose channels between them differ in size, and what stands between them.
fn between(spread: f64, ops: &[FloatOp]) -> FloatGraph {
    let mut reals = Reals(3);
    let mut b = GraphBuilder::new();
    let mut at = b.input("x", &[1, 2, 8, 8]).unwrap();
    let first = conv(&mut reals, [CHANNELS, 2], |c| size(c, spread), |_| 1.0);
    let second = conv(
        &mut reals,
        [3, CHANNELS],
        |_| 1.0,
        |c| 1.0 / size(c, spread),
    );
    let ops = [first]
        .into_iter()
        .chain(ops.iter().cloned())
        .chain([second]);
    for (n, op) in ops.enumerate() {
        at = b.node(&format!("n{n}"), op, &[at]).unwrap();
    }
    b.finish(&[at]).unwrap()
}

fn max_pool() -> FloatOp {
    FloatOp::MaxPool(Pool {
        kernel: [3, 3],
        stride: [2, 2],
        padding: Padding::NONE,
    })
}

#[test]
fn channels_of_any_spread_lose_nothing() {
    let samples = samples(128, 12);
    for ops in [vec![], vec![RELU], vec![RELU, max_pool()]] {
        for spread in [1.0, 1e3, 1e4, 1e6] {
            let graph = between(spread, &ops);
            let q = quantise(&graph, &samples, &QuantOptions::default()).unwrap();
            let error = error(&graph, &q, &samples);
            assert!(error < 0.003, "spread {spread}, {ops:?}: {error}");
            let layers = q.report.layers.iter();
            let wide = layers.clone().find(|l| l.max_abs_error > 0.05);
            assert!(wide.is_none(), "spread {spread}: {wide:?}");
        }
    }
}

#[test]
fn elements_of_dense_layers_have_factors_of_their_own() {
    let mut reals = Reals(5);
    let mut b = GraphBuilder::new();
    let x = b.input("x", &[1, 6]).unwrap();
    let first = dense(&mut reals, [CHANNELS, 6], |c| size(c, 1e4), |_| 1.0);
    let h = b.node("h", first, &[x]).unwrap();
    let h = b.node("relu", RELU, &[h]).unwrap();
    let second = dense(&mut reals, [3, CHANNELS], |_| 1.0, |c| 1.0 / size(c, 1e4));
    let y = b.node("y", second, &[h]).unwrap();
    let graph = b.finish(&[y]).unwrap();
    let samples = samples(6, 64);
    let q = quantise(&graph, &samples, &QuantOptions::default()).unwrap();
    let factors = tensor(&q, "relu").factors.clone().unwrap();
    assert_eq!(factors[0], 1.0);
    assert!(factors[CHANNELS - 1] < 1e-3, "{factors:?}");
    let error = error(&graph, &q, &samples);
    assert!(error < 0.003, "{error}");
}

/// A residual block whose channels differ in size.
fn residual(spread: f64) -> FloatGraph {
    let mut reals = Reals(11);
    let (large, small) = (|_| 1.0, |c| size(c, spread));
    let undo = |c| 1.0 / size(c, spread);
    let mut b = GraphBuilder::new();
    let x = b.input("x", &[1, 2, 8, 8]).unwrap();
    let stem = conv(&mut reals, [CHANNELS, 2], small, large);
    let stem = b.node("stem", stem, &[x]).unwrap();
    let stem = b.node("relu", RELU, &[stem]).unwrap();
    let branch = conv(&mut reals, [CHANNELS, CHANNELS], small, undo);
    let branch: FloatId = b.node("branch", branch, &[stem]).unwrap();
    let sum = b.node("sum", FloatOp::Add, &[branch, stem]).unwrap();
    let sum = b.node("sum_relu", RELU, &[sum]).unwrap();
    let head = conv(&mut reals, [3, CHANNELS], large, undo);
    let y = b.node("y", head, &[sum]).unwrap();
    b.finish(&[y]).unwrap()
}

#[test]
fn tensor_that_two_layers_read_is_rescaled_in_both() {
    let samples = samples(128, 12);
    let of = |spread| {
        let graph = residual(spread);
        let q = quantise(&graph, &samples, &QuantOptions::default()).unwrap();
        (error(&graph, &q, &samples), q)
    };
    let (even, (uneven, q)) = (of(1.0).0, of(1e4));
    for name in ["relu", "sum_relu"] {
        assert!(tensor(&q, name).factors.is_some(), "{name}");
    }
    assert!(
        uneven < 0.004 && uneven < 3.0 * even,
        "{uneven}, {even} without a spread"
    );
}

#[test]
fn maxima_share_the_factors_of_what_they_read() {
    let samples = samples(128, 12);
    let graph = between(1e4, &[RELU, max_pool()]);
    let q = quantise(&graph, &samples, &QuantOptions::default()).unwrap();
    let with = |t: &&QTensor| t.factors.is_some();
    let rescaled: Vec<&QTensor> = q.graph.tensors.iter().filter(with).collect();
    // The convolution's, and one for each of four stages.
    assert!(rescaled.len() >= 3, "{}", rescaled.len());
    for t in &rescaled {
        assert_eq!(
            (t.quant, &t.factors),
            (rescaled[0].quant, &rescaled[0].factors)
        );
    }
}

#[test]
fn ends_and_tensors_with_a_bound_above_keep_one_scale() {
    let samples = samples(128, 12);
    let graph = between(100.0, &[FloatOp::Clamp(Bounds::RELU6), max_pool()]);
    let q = quantise(&graph, &samples, &QuantOptions::default()).unwrap();
    assert!(q.graph.tensors.iter().all(|t| t.factors.is_none()));
    // A model output that differs in size from channel to channel.
    let mut b = GraphBuilder::new();
    let x = b.input("x", &[1, 2, 8, 8]).unwrap();
    let op = conv(&mut Reals(3), [CHANNELS, 2], |c| size(c, 100.0), |_| 1.0);
    let y = b.node("y", op, &[x]).unwrap();
    let q = quantise(&b.finish(&[y]).unwrap(), &samples, &QuantOptions::default()).unwrap();
    assert!(q.graph.tensors.iter().all(|t| t.factors.is_none()));
}

#[test]
fn channel_that_is_small_on_the_samples_only_keeps_its_range() {
    // One sample, to which the second element happens to be nearly 0.
    let mut b = GraphBuilder::new();
    let x = b.input("x", &[1, 2]).unwrap();
    let with = |weights: Vec<f64>, outputs| {
        FloatOp::Dense(Dense {
            outputs,
            weights,
            bias: None,
        })
    };
    let h = b
        .node("h", with(vec![1.0, 1.0, 1.0, -1.0], 2), &[x])
        .unwrap();
    let h = b.node("relu", RELU, &[h]).unwrap();
    let y = b.node("y", with(vec![1.0, 100.0], 1), &[h]).unwrap();
    let sample = Sample(vec![vec![0.9, 0.8999]]);
    let q = quantise(
        &b.finish(&[y]).unwrap(),
        &[sample],
        &QuantOptions::default(),
    )
    .unwrap();
    assert_eq!(tensor(&q, "relu").factors, None);
}

#[test]
fn accumulators_of_rescaled_rows_stay_in_bounds() {
    // Small ranges have few digits for accumulators, and many inputs fill them.
    let samples = samples(256, 12);
    for range in [64, 256, 1024] {
        let (mut reals, spread) = (Reals(13), 1e4);
        let mut b = GraphBuilder::new();
        let x = b.input("x", &[1, 256]).unwrap();
        let first = dense(&mut reals, [CHANNELS, 256], |c| size(c, spread), |_| 1.0);
        let h = b.node("h", first, &[x]).unwrap();
        let h = b.node("relu", RELU, &[h]).unwrap();
        let second = dense(
            &mut reals,
            [2, CHANNELS],
            |_| 1.0,
            |c| 1.0 / size(c, spread),
        );
        let y = b.node("y", second, &[h]).unwrap();
        let options = QuantOptions {
            range,
            ..QuantOptions::default()
        };
        let graph = b.finish(&[y]).unwrap();
        let q = quantise(&graph, &samples, &options).unwrap();
        let error = error(&graph, &q, &samples);
        assert!(error < 12.0 / f64::from(range), "range {range}: {error}");
    }
}

#[test]
fn inputs_of_any_amplitude_lose_nothing() {
    let of = |amplitude: f64| {
        let mut reals = Reals(19);
        let mut b = GraphBuilder::new();
        let x = b.input("x", &[1, 16]).unwrap();
        let h = dense(&mut reals, [16, 16], |_| 1.0, |_| 1.0);
        let h = b.node("h", h, &[x]).unwrap();
        let h = b.node("relu", RELU, &[h]).unwrap();
        let y = dense(&mut reals, [3, 16], |_| 1.0, |_| 1.0);
        let y = b.node("y", y, &[h]).unwrap();
        let graph = b.finish(&[y]).unwrap();
        let sample = |_| Sample(vec![reals.list(16).iter().map(|v| amplitude * v).collect()]);
        let samples: Vec<Sample> = (0..64).map(sample).collect();
        let q = quantise(&graph, &samples, &QuantOptions::default()).unwrap();
        error(&graph, &q, &samples)
    };
    let unit = of(1.0);
    for amplitude in [1e-9, 1e-6, 0.01, 0.1, 0.3, 10.0, 200.0, 1e4, 1e8] {
        let error = of(amplitude);
        assert!(
            error < 0.003 && error < 2.0 * unit,
            "{amplitude}: {error}, {unit} at 1"
        );
    }
}

/// Features whose sizes go from 1 to `spread`, a scaler inside the model, and two dense layers.
fn tabular(spread: f64) -> (FloatGraph, Vec<Sample>) {
    let mut reals = Reals(17);
    let size = |c: usize| size(c, 1.0 / spread);
    let constant = |data: Vec<f64>| Constant {
        shape: vec![1, CHANNELS],
        data,
    };
    let mut b = GraphBuilder::new();
    let x = b.input("x", &[1, CHANNELS]).unwrap();
    let centre = constant((0..CHANNELS).map(|c| -0.5 * size(c)).collect());
    let centre = b
        .node("centre", FloatOp::AddConstant(centre), &[x])
        .unwrap();
    let scale = constant((0..CHANNELS).map(|c| 1.0 / size(c)).collect());
    let scale = b
        .node("scale", FloatOp::MulConstant(scale), &[centre])
        .unwrap();
    let h = dense(&mut reals, [16, CHANNELS], |_| 1.0, |_| 1.0);
    let h = b.node("h", h, &[scale]).unwrap();
    let h = b.node("relu", RELU, &[h]).unwrap();
    let y = dense(&mut reals, [3, 16], |_| 1.0, |_| 1.0);
    let y = b.node("y", y, &[h]).unwrap();
    let sample = |_| {
        let row = reals.list(CHANNELS).into_iter().enumerate();
        Sample(vec![row.map(|(c, v)| (0.5 + v) * size(c)).collect()])
    };
    let samples = (0..64).map(sample).collect();
    (b.finish(&[y]).unwrap(), samples)
}

#[test]
fn features_of_any_spread_lose_nothing() {
    for spread in [1.0, 1e3, 1e4, 1e6] {
        let (graph, samples) = tabular(spread);
        let q = quantise(&graph, &samples, &QuantOptions::default()).unwrap();
        let error = error(&graph, &q, &samples);
        assert!(error < 0.004, "spread {spread}: {error}");
    }
}

#[test]
fn factors_of_features_need_samples_and_permission() {
    let (graph, samples) = tabular(1e3);
    let factors = |samples: &[Sample], options: &QuantOptions| {
        let q = quantise(&graph, samples, options).unwrap();
        q.graph.tensor(q.graph.inputs[0]).factors.clone()
    };
    let options = QuantOptions::default();
    let found = factors(&samples, &options).unwrap();
    // The largest feature is left alone, and the smallest has the smallest factor.
    assert_eq!(found[CHANNELS - 1], 1.0);
    assert!(found.is_sorted() && found[0] < 0.01, "{found:?}");
    assert_eq!(factors(&samples[..4], &options), None);
    let public = QuantOptions {
        input_factors: false,
        ..options
    };
    assert_eq!(factors(&samples, &public), None);
}

#[test]
fn feature_out_of_its_own_range_is_refused_with_that_range() {
    let (graph, samples) = tabular(1e3);
    let q = quantise(&graph, &samples, &QuantOptions::default()).unwrap();
    let mut input = samples[0].0.clone();
    input[0][0] = 1000.0;
    let refused = q.graph.quantise_inputs(&input, SaturationPolicy::Refuse);
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("element 0: 1000 is outside"), "{message}");
    let input = tensor(&q, "x");
    let top = input.real(0, q.graph.range - 1);
    assert!(
        top < 20.0 && message.contains(&top.to_string()),
        "{message}"
    );
}

#[test]
fn outputs_with_factors_are_not_valid() {
    let (graph, samples) = tabular(1.0);
    let mut q = quantise(&graph, &samples, &QuantOptions::default()).unwrap();
    let output = q.graph.outputs[0].0;
    q.graph.tensors[output].factors = Some(vec![0.5; 3]);
    let message = validate(&q.graph).unwrap_err().to_string();
    assert!(message.contains("output y has factors"), "{message}");
    q.graph.tensors[output].factors = None;
    for bad in [vec![1.0; 2], vec![0.0; CHANNELS], vec![f64::NAN; CHANNELS]] {
        q.graph.tensors[0].factors = Some(bad);
        let message = validate(&q.graph).unwrap_err().to_string();
        assert!(message.contains("tensor x: its factors"), "{message}");
    }
}

#[test]
fn large_errors_are_warned_of_by_tensor_and_figure() {
    // A bound above keeps one scale for channels of very different size.
    let samples = samples(128, 12);
    let graph = between(300.0, &[FloatOp::Clamp(Bounds::RELU6)]);
    let options = QuantOptions {
        range: 512,
        ..QuantOptions::default()
    };
    let q = quantise(&graph, &samples, &options).unwrap();
    let last = q.report.layers.last().unwrap();
    assert!(last.relative_error > MAX_RELATIVE_ERROR, "{last:?}");
    let warning = format!("{:.1} % of the range", 100.0 * last.relative_error);
    let named = |w: &String| w.contains("tensor n2 (layer n2)") && w.contains(&warning);
    assert!(
        q.report.warnings.iter().any(named),
        "{:?}",
        q.report.warnings
    );
    let fine = quantise(&between(1.0, &[RELU]), &samples, &QuantOptions::default()).unwrap();
    assert!(
        fine.report.warnings.is_empty(),
        "{:?}",
        fine.report.warnings
    );
}

#[test]
fn values_that_saturate_are_counted_by_tensor() {
    let graph = between(1.0, &[RELU]);
    let q = quantise(&graph, &samples(128, 12), &QuantOptions::default()).unwrap();
    let count = |input: Vec<f64>| {
        let lists = vec![input];
        let mut found = q.graph.saturated_inputs(&lists);
        let ints = q
            .graph
            .quantise_inputs(&lists, SaturationPolicy::Saturate)
            .unwrap();
        found.extend(execute_counting(&q.graph, &q.clamps, &ints).unwrap().1);
        let names = found.iter().map(|s| s.tensor.clone()).collect::<Vec<_>>();
        (names, found)
    };
    assert!(count(vec![0.1; 128]).0.is_empty());
    // Every value at an end of its range drives some channel out of its own.
    let (names, found) = count(vec![3.0; 128]);
    assert_eq!(names[0], "x");
    assert_eq!((found[0].saturated, found[0].values), (128, 128));
    assert!(
        found
            .iter()
            .all(|s| s.saturated > 0 && s.saturated <= s.values)
    );
    assert!(names.len() > 1, "{names:?}");
}

#[test]
fn evaluator_measures_as_the_report_does() {
    let (graph, samples) = tabular(1e3);
    let q = quantise(&graph, &samples, &QuantOptions::default()).unwrap();
    let evaluator = Evaluator::new(&q.graph, &q.clamps, Some(&graph)).unwrap();
    let mut tally = Tally::default();
    for sample in &samples {
        let evaluated = evaluator.run(&sample.0).unwrap();
        assert!(evaluated.saturation.is_empty());
        tally.merge(&evaluated.tallies[q.graph.outputs[0].0]);
        assert_eq!(evaluated.float.unwrap()[0].len(), evaluated.raw[0].len());
    }
    let reported = &q.report.outputs[0];
    assert!((tally.max - reported.max_abs_error).abs() < 1e-9);
    assert!((tally.relative(tally.max) - reported.relative_error).abs() < 1e-9);
    let other = between(1.0, &[RELU]);
    let error = Evaluator::new(&q.graph, &q.clamps, Some(&other)).unwrap_err();
    assert!(error.to_string().contains("it has no tensor"), "{error}");
}

#[test]
fn evaluator_tells_tensors_of_one_name_apart() {
    let mut reals = Reals(17);
    let mut b = GraphBuilder::new();
    let x = b.input("x", &[1, 8]).unwrap();
    // As an operator that is composed of others names them.
    let first = b
        .node("a", dense(&mut reals, [8, 8], |_| 1.0, |_| 1.0), &[x])
        .unwrap();
    let second = b
        .node("a", FloatOp::Function(Function::Softsign), &[first])
        .unwrap();
    let third = b
        .node("a", dense(&mut reals, [5, 8], |_| 20.0, |_| 1.0), &[second])
        .unwrap();
    let graph = b.finish(&[third]).unwrap();
    let samples = samples(8, 32);
    let q = quantise(&graph, &samples, &QuantOptions::default()).unwrap();
    let evaluator = Evaluator::new(&q.graph, &q.clamps, Some(&graph)).unwrap();
    for sample in &samples {
        for tally in evaluator.run(&sample.0).unwrap().tallies {
            assert!(tally.relative(tally.max) < 0.02, "{tally:?}");
        }
    }
}
