//! What the quantiser folds, trims and refuses, on small networks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chainfer_model::ModelError;
use chainfer_model::executor::FloatClamp;
use chainfer_model::float::{
    Bounds, Constant, Conv, Dense, FloatGraph, FloatId, FloatOp, GraphBuilder, Padding, Pool,
};
use chainfer_model::quantise::{
    CalibrationSource, QuantOptions, Quantised, Sample, SaturationPolicy, quantise,
};
use chainfer_model::quantized::{Dims, QLayer, QLinear, TermMap};

fn conv(channels: usize, inputs: usize, k: usize, pad: usize) -> FloatOp {
    FloatOp::Conv(Conv {
        channels,
        kernel: [k, k],
        stride: [1, 1],
        padding: Padding {
            top: pad,
            left: pad,
            bottom: pad,
            right: pad,
        },
        groups: 1,
        weights: (0..channels * inputs * k * k)
            .map(|n| ((n * 37) % 19) as f64 / 19.0 - 0.4)
            .collect(),
        bias: Some(vec![0.1; channels]),
    })
}

fn dense(outputs: usize, inputs: usize) -> FloatOp {
    FloatOp::Dense(Dense {
        outputs,
        weights: (0..outputs * inputs)
            .map(|n| ((n * 41) % 23) as f64 / 23.0 - 0.4)
            .collect(),
        bias: None,
    })
}

fn pool(k: usize, stride: usize, pad: usize) -> Pool {
    Pool {
        kernel: [k, k],
        stride: [stride, stride],
        padding: Padding {
            top: pad,
            left: pad,
            bottom: pad,
            right: pad,
        },
    }
}

const RELU: FloatOp = FloatOp::Clamp(Bounds::RELU);

/// A chain of operators over one input.
fn chain(shape: &[usize], ops: Vec<FloatOp>) -> FloatGraph {
    let mut b = GraphBuilder::new();
    let mut at = b.input("x", shape).unwrap();
    for (n, op) in ops.into_iter().enumerate() {
        at = b.node(&format!("n{n}"), op, &[at]).unwrap();
    }
    b.finish(&[at]).unwrap()
}

fn quantised(graph: &FloatGraph) -> Quantised {
    quantise(graph, &[], &QuantOptions::default()).unwrap()
}

fn dims(q: &Quantised) -> Vec<[usize; 3]> {
    let of = |l: &QLayer| q.graph.tensor(l.output()).dims;
    q.graph
        .layers
        .iter()
        .map(of)
        .map(|Dims { c, h, w }| [c, h, w])
        .collect()
}

fn linear(q: &Quantised, n: usize) -> &QLinear {
    match &q.graph.layers[n] {
        QLayer::Linear(l) => l,
        _ => panic!("layer {n} is a maximum"),
    }
}

#[test]
fn average_pool_and_affine_fold_forward_and_floor_is_trimmed() {
    let scale = Constant {
        shape: vec![3, 1, 1],
        data: vec![0.5, -1.0, 2.0],
    };
    let shift = Constant {
        shape: vec![3, 1, 1],
        data: vec![0.3, 0.1, -0.2],
    };
    let q = quantised(&chain(
        &[1, 1, 9, 9],
        vec![
            conv(3, 1, 3, 0),
            RELU,
            FloatOp::AveragePool(pool(3, 3, 0)),
            FloatOp::MulConstant(scale),
            FloatOp::AddConstant(shift),
            conv(2, 3, 2, 1),
        ],
    ));
    // 7 x 7 behind the first convolution; the pool reads 6 x 6.
    assert_eq!(dims(&q), [[3, 6, 6], [2, 3, 3]]);
    let TermMap::Conv(map) = &linear(&q, 1).terms[0].map else {
        panic!()
    };
    assert_eq!(
        (map.pre_pool, map.kernel, map.pad),
        ([3, 3], [2, 2], [1, 1])
    );
}

#[test]
fn residual_sum_is_one_layer_with_an_identity_term() {
    let mut b = GraphBuilder::new();
    let x = b.input("x", &[1, 1, 4, 4]).unwrap();
    let stem = b.node("stem", conv(2, 1, 3, 1), &[x]).unwrap();
    let a = b.node("stem_relu", RELU, &[stem]).unwrap();
    let c = b.node("inner", conv(2, 2, 3, 1), &[a]).unwrap();
    let c = b.node("inner_relu", RELU, &[c]).unwrap();
    let d = b.node("branch", conv(2, 2, 3, 1), &[c]).unwrap();
    let sum = b.node("sum", FloatOp::Add, &[d, a]).unwrap();
    let y = b.node("relu", RELU, &[sum]).unwrap();
    let q = quantised(&b.finish(&[y]).unwrap());
    assert_eq!(q.graph.layers.len(), 3);
    let layer = linear(&q, 2);
    let geometry: Vec<([usize; 2], usize)> = layer
        .terms
        .iter()
        .map(|t| match &t.map {
            TermMap::Conv(map) => (map.kernel, map.groups),
            TermMap::Dense { .. } => panic!(),
        })
        .collect();
    assert_eq!(geometry, [([3, 3], 1), ([1, 1], 2)]);
    assert_eq!(layer.name, "branch+sum");
}

#[test]
fn maxima_of_more_than_four_taps_are_staged() {
    let q = quantised(&chain(
        &[1, 1, 9, 9],
        vec![conv(1, 1, 1, 0), RELU, FloatOp::MaxPool(pool(5, 2, 2))],
    ));
    let kernels: Vec<[usize; 2]> = q.graph.layers[1..]
        .iter()
        .map(|l| match l {
            QLayer::MaxPool(p) => p.kernel,
            _ => panic!(),
        })
        .collect();
    assert_eq!(kernels, [[1, 4], [1, 2], [4, 1], [2, 1]]);
    assert_eq!(dims(&q).last().unwrap(), &[1, 5, 5]);
}

#[test]
fn relu_after_a_maximum_moves_to_the_layer_before() {
    let q = quantised(&chain(
        &[1, 1, 4, 4],
        vec![conv(1, 1, 3, 1), FloatOp::MaxPool(pool(2, 2, 0)), RELU],
    ));
    assert_eq!(q.graph.layers.len(), 2);
    assert_eq!(
        q.clamps.0,
        [
            FloatClamp {
                low: true,
                high: false
            },
            FloatClamp::default()
        ]
    );
    assert_eq!(q.graph.tensors[1].quant.zero_point, 0);
}

#[test]
fn convolution_that_sees_everything_becomes_dense() {
    let q = quantised(&chain(
        &[1, 2, 3, 3],
        vec![conv(4, 2, 3, 0), RELU, conv(5, 4, 1, 0)],
    ));
    for n in 0..2 {
        assert!(matches!(linear(&q, n).terms[0].map, TermMap::Dense { .. }));
    }
}

#[test]
fn channels_last_models_reorder_at_their_ends_only() {
    let q = quantised(&chain(
        &[1, 3, 4, 2],
        vec![
            FloatOp::Transpose(vec![0, 3, 1, 2]),
            conv(3, 2, 3, 0),
            RELU,
            FloatOp::Transpose(vec![0, 2, 3, 1]),
        ],
    ));
    assert_eq!(q.graph.layers.len(), 1);
    let (x, y) = (
        q.graph.tensor(q.graph.inputs[0]),
        q.graph.tensor(q.graph.outputs[0]),
    );
    assert_eq!(
        (x.dims, x.external_shape.as_slice()),
        (Dims { c: 2, h: 3, w: 4 }, &[1, 3, 4, 2][..])
    );
    assert_eq!(x.element_order.as_ref().unwrap()[..4], [0, 2, 4, 6]);
    assert_eq!(
        (y.dims, y.external_shape.as_slice()),
        (Dims { c: 3, h: 1, w: 2 }, &[1, 1, 2, 3][..])
    );
    assert_eq!(y.element_order.as_ref().unwrap()[..], [0, 3, 1, 4, 2, 5]);
}

#[test]
fn transpose_that_nothing_absorbs_is_a_copy() {
    let q = quantised(&chain(
        &[1, 2, 4, 4],
        vec![
            conv(2, 2, 3, 1),
            RELU,
            FloatOp::Transpose(vec![0, 1, 3, 2]),
            conv(2, 2, 3, 1),
        ],
    ));
    let kinds: Vec<&str> = q.graph.layers.iter().map(|l| l.kind()).collect();
    assert_eq!(kinds, ["linear", "gather", "linear"]);
}

#[test]
fn outputs_that_are_read_again_or_share_a_tensor_work() {
    let mut b = GraphBuilder::new();
    let x = b.input("x", &[1, 1, 2, 2]).unwrap();
    let a = b.node("a", conv(2, 1, 1, 0), &[x]).unwrap();
    let t = b
        .node("t", FloatOp::Transpose(vec![0, 2, 3, 1]), &[a])
        .unwrap();
    let y = b.node("y", conv(1, 2, 2, 0), &[a]).unwrap();
    let q = quantised(&b.finish(&[a, t, y]).unwrap());
    assert_eq!(q.graph.outputs.len(), 3);
    assert_eq!(
        q.graph.layers.len(),
        3,
        "the second view of a tensor is a copy"
    );
}

#[test]
fn clamp_table_tells_which_saturation_the_float_function_has() {
    let ends = |bounds: Bounds, gain: f64| {
        let gain = FloatOp::MulConstant(Constant::scalar(gain));
        quantised(&chain(&[1, 4], vec![gain, FloatOp::Clamp(bounds)]))
            .clamps
            .0[0]
    };
    assert_eq!(
        ends(Bounds::RELU, 1.0),
        FloatClamp {
            low: true,
            high: false
        }
    );
    assert_eq!(
        ends(Bounds::RELU6, 10.0),
        FloatClamp {
            low: true,
            high: true
        }
    );
    // Calibrated far below 6: the range ends before the clamp does.
    assert_eq!(
        ends(Bounds::RELU6, 0.01),
        FloatClamp {
            low: true,
            high: false
        }
    );
    assert_eq!(ends(Bounds::default(), 1.0), FloatClamp::default());
}

#[test]
fn inputs_outside_of_the_range_are_refused_only_if_asked() {
    let q = quantise(
        &chain(&[1, 4], vec![dense(2, 4)]),
        &[Sample(vec![vec![0.0, 0.5, 1.0, 0.2]])],
        &QuantOptions::default(),
    )
    .unwrap();
    let outside = vec![vec![0.0, 0.0, 1.5, 0.0]];
    assert_eq!(
        q.graph
            .quantise_inputs(&outside, SaturationPolicy::Saturate)
            .unwrap()[0][2],
        q.graph.range - 1
    );
    let error = q
        .graph
        .quantise_inputs(&outside, SaturationPolicy::Refuse)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("input x, element 2: 1.5 is outside of the calibrated range 0 to "),
        "{error}"
    );
}

#[test]
fn missing_calibration_is_synthesised_and_warned_about() {
    let graph = chain(&[1, 4], vec![dense(2, 4)]);
    let report = quantised(&graph).report;
    assert_eq!(report.calibration, CalibrationSource::Synthetic);
    assert!(
        report.warnings[0].contains("no calibration samples"),
        "{:?}",
        report.warnings
    );
    let given = quantise(
        &graph,
        &[Sample(vec![vec![0.5; 4]])],
        &QuantOptions::default(),
    )
    .unwrap()
    .report;
    assert!(given.warnings.is_empty(), "{:?}", given.warnings);
}

#[test]
fn accumulator_past_the_digits_makes_the_output_coarser_with_a_warning() {
    // Differences of large numbers: a small output range under large weights.
    let weights = vec![1e6, -1e6];
    let op = FloatOp::Dense(Dense {
        outputs: 1,
        weights,
        bias: None,
    });
    let samples: Vec<Sample> = [0.1, 0.5]
        .iter()
        .map(|v| Sample(vec![vec![*v, v + 1e-9]]))
        .collect();
    let graph = chain(&[1, 2], vec![op]);
    let q = quantise(&graph, &samples, &QuantOptions::default()).unwrap();
    let warned = q.report.warnings.iter().any(|w| w.contains("layer n0"));
    assert!(warned, "{:?}", q.report.warnings);
}

#[test]
fn options_and_samples_are_checked() {
    let graph = chain(&[1, 2], vec![dense(1, 2)]);
    let with = |range, margin| QuantOptions {
        range,
        margin,
        ..QuantOptions::default()
    };
    for options in [
        with(15, 1.1),
        with(17, 1.1),
        with(1 << 17, 1.1),
        with(256, 0.5),
        with(256, f64::NAN),
    ] {
        assert!(matches!(
            quantise(&graph, &[], &options),
            Err(ModelError::InvalidOption(_))
        ));
    }
    let short = quantise(&graph, &[Sample(vec![vec![1.0]])], &QuantOptions::default())
        .unwrap_err()
        .to_string();
    assert!(
        short.contains("calibration sample 0") && short.contains("[1, 2]"),
        "{short}"
    );
}

#[test]
fn builder_names_the_node_that_does_not_fit() {
    let mut b = GraphBuilder::new();
    let x: FloatId = b.input("x", &[1, 2, 4, 4]).unwrap();
    let y = b.input("y", &[1, 2, 4, 5]).unwrap();
    let cases: Vec<(FloatOp, Vec<FloatId>, &str)> = vec![
        (conv(2, 3, 3, 0), vec![x], "weights: 36 expected, got 54"),
        (conv(2, 2, 5, 0), vec![x], "larger than the padded input"),
        (FloatOp::Add, vec![x, y], "operands of shapes"),
        (FloatOp::Add, vec![x], "2 operand(s) expected"),
        (
            FloatOp::Reshape(vec![1, 7]),
            vec![x],
            "does not have the elements",
        ),
        (FloatOp::Transpose(vec![0, 1]), vec![x], "not a permutation"),
        (
            FloatOp::Clamp(Bounds {
                low: Some(1.0),
                high: None,
            }),
            vec![x],
            "bounds that enclose 0",
        ),
        (
            FloatOp::MaxPool(pool(2, 1, 2)),
            vec![x],
            "padding that is not less than the window",
        ),
        (
            FloatOp::AddConstant(Constant {
                shape: vec![7],
                data: vec![0.0; 7],
            }),
            vec![x],
            "does not broadcast",
        ),
        (
            FloatOp::MulConstant(Constant::scalar(f64::INFINITY)),
            vec![x],
            "not a finite number",
        ),
        (dense(1, 3), vec![x], "weights: 4 expected, got 3"),
    ];
    for (op, inputs, reason) in cases {
        let error = b.node("the_node", op, &inputs).unwrap_err().to_string();
        assert!(
            error.contains("node the_node") && error.contains(reason),
            "{error}"
        );
    }
}
