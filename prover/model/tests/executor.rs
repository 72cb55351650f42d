//! The executor against the naive reference, refusal mode, and the rules of a graph.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chainfer_model::ModelError;
use chainfer_model::executor::{
    ClampTable, FloatClamp, execute, execute_strict, linear_accumulators, naive, validate,
};
use chainfer_model::quantized::{
    ConvMap, Dims, QLayer, QLinear, QMaxPool, QTensor, QTerm, QuantParams, QuantizedGraph,
    TensorId, TermMap,
};
use proptest::prelude::*;

fn tensor(name: &str, dims: Dims) -> QTensor {
    QTensor {
        name: name.into(),
        dims,
        external_shape: vec![1, dims.c, dims.h, dims.w],
        element_order: None,
        quant: QuantParams {
            scale: 1.0,
            zero_point: 0,
        },
        factors: None,
        before: None,
    }
}

fn graph(range: u32, tensors: Vec<QTensor>, inputs: usize, layers: Vec<QLayer>) -> QuantizedGraph {
    let last = TensorId(tensors.len() - 1);
    QuantizedGraph {
        tables: Vec::new(),
        range,
        tensors,
        layers,
        inputs: (0..inputs).map(TensorId).collect(),
        outputs: vec![last],
    }
}

/// Pseudo-random numbers in `[0, bound)`.
fn stream(seed: u64, bound: u64) -> impl FnMut() -> u64 {
    let mut state = seed | 1;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    }
}

prop_compose! {
    fn conv_case()(
        groups in 1usize..3, gi in 1usize..3, go in 1usize..3,
        h in 1usize..9, w in 1usize..9,
        pool in prop::array::uniform2(1usize..3),
        kernel in prop::array::uniform2(1usize..4),
        stride in prop::array::uniform2(1usize..3),
        pad in prop::array::uniform2(0usize..3),
        out in prop::array::uniform2(1usize..6),
        seed in any::<u64>(),
    ) -> (QuantizedGraph, Vec<Vec<u32>>) {
        let src = Dims { c: groups * gi, h: h + pool[0] - 1, w: w + pool[1] - 1 };
        let dst = Dims { c: groups * go, h: out[0], w: out[1] };
        let mut next = stream(seed, 401);
        let weights = (0..dst.c * gi * kernel[0] * kernel[1]).map(|_| next() as i64 - 200).collect();
        let element_bias = (0..dst.len()).map(|_| (next() as i64 - 200) * 4000).collect();
        let map = ConvMap { pre_pool: pool, kernel, stride, pad, groups, weights };
        let layer = QLinear {
            name: "conv".into(),
            output: TensorId(1),
            terms: vec![QTerm { input: TensorId(0), map: TermMap::Conv(map) }],
            element_bias,
        };
        let mut value = stream(seed ^ 0x55, 4080);
        let input = (0..src.len()).map(|_| value() as u32).collect();
        (graph(4080, vec![tensor("x", src), tensor("y", dst)], 1, vec![QLayer::Linear(layer)]), vec![input])
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn convolution_equals_the_naive_reference((graph, inputs) in conv_case()) {
        prop_assert_eq!(execute(&graph, &inputs).unwrap(), naive::execute(&graph, &inputs).unwrap());
    }

    #[test]
    fn maximum_equals_the_naive_reference(
        c in 1usize..3, h in 1usize..8, w in 1usize..8,
        kernel in prop::sample::select(vec![[1, 1], [2, 2], [1, 3], [3, 1], [4, 1], [1, 4], [2, 1]]),
        stride in prop::array::uniform2(1usize..3), out in prop::array::uniform2(1usize..5), seed in any::<u64>(),
    ) {
        let (src, dst) = (Dims { c, h, w }, Dims { c, h: out[0], w: out[1] });
        let pool = QMaxPool {
            name: "max".into(), input: TensorId(0), output: TensorId(1),
            kernel, stride, pad: [kernel[0] / 2, kernel[1] / 2],
        };
        let g = graph(256, vec![tensor("x", src), tensor("y", dst)], 1, vec![QLayer::MaxPool(pool)]);
        let mut value = stream(seed, 256);
        let input = vec![(0..src.len()).map(|_| value() as u32).collect()];
        prop_assert_eq!(execute(&g, &input).unwrap(), naive::execute(&g, &input).unwrap());
    }

    #[test]
    fn two_dense_terms_equal_the_naive_reference(a in 1usize..9, b in 1usize..9, n in 1usize..9, seed in any::<u64>()) {
        let column = |c| Dims { c, h: 1, w: 1 };
        let mut next = stream(seed, 2001);
        let mut dense = |id: usize, len: usize| QTerm {
            input: TensorId(id),
            map: TermMap::Dense { weights: (0..n * len).map(|_| next() as i64 - 1000).collect() },
        };
        let terms = vec![dense(0, a), dense(1, b)];
        let layer = QLinear { name: "sum".into(), output: TensorId(2), terms, element_bias: vec![2040; n] };
        let tensors = vec![tensor("a", column(a)), tensor("b", column(b)), tensor("y", column(n))];
        let g = graph(4080, tensors, 2, vec![QLayer::Linear(layer)]);
        let mut value = stream(seed, 4080);
        let inputs: Vec<Vec<u32>> = [a, b].iter().map(|len| (0..*len).map(|_| value() as u32).collect()).collect();
        prop_assert_eq!(execute(&g, &inputs).unwrap(), naive::execute(&g, &inputs).unwrap());
    }
}

/// `y = clamp(floor((W u + b) / 16))` over one value.
fn scalar(weight: i64, bias: i64) -> QuantizedGraph {
    let one = Dims { c: 1, h: 1, w: 1 };
    let layer = QLinear {
        name: "the layer".into(),
        output: TensorId(1),
        terms: vec![QTerm {
            input: TensorId(0),
            map: TermMap::Dense {
                weights: vec![weight],
            },
        }],
        element_bias: vec![bias],
    };
    graph(
        16,
        vec![tensor("x", one), tensor("y", one)],
        1,
        vec![QLayer::Linear(layer)],
    )
}

#[test]
fn requantisation_rounds_down_and_saturates() {
    let run = |weight, bias, u| execute(&scalar(weight, bias), &[vec![u]]).unwrap().tensors[1][0];
    assert_eq!(run(16, 8, 5), 5);
    assert_eq!(run(16, 15, 5), 5);
    assert_eq!(run(16, 16, 5), 6);
    assert_eq!(run(-16, 15, 1), 0, "floor(-1 / 16) is below 0");
    assert_eq!(run(200, 8, 15), 15);
    let g = scalar(-3, 7);
    let QLayer::Linear(layer) = &g.layers[0] else {
        panic!()
    };
    assert_eq!(linear_accumulators(&g, layer, &[vec![5], vec![]]), vec![-8]);
}

#[test]
fn strict_execution_names_layer_and_element() {
    let table = |low, high| ClampTable(vec![FloatClamp { low, high }]);
    let high = scalar(200, 8);
    let error = execute_strict(&high, &table(true, false), &[vec![15]]).unwrap_err();
    assert!(
        matches!(
            error,
            ModelError::Saturated {
                element: 0,
                value: 188,
                range: 16,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("the layer"), "{error}");
    execute_strict(&high, &table(true, true), &[vec![15]]).unwrap();
    execute_strict(&high, &table(false, false), &[vec![1]]).unwrap();
    let low = scalar(-200, 8);
    execute_strict(&low, &table(true, false), &[vec![15]]).unwrap();
    assert!(execute_strict(&low, &table(false, true), &[vec![15]]).is_err());
    assert!(execute_strict(&low, &ClampTable(vec![]), &[vec![15]]).is_err());
}

#[test]
fn inputs_of_wrong_number_length_or_value_are_refused() {
    let g = scalar(1, 0);
    assert!(matches!(
        execute(&g, &[]),
        Err(ModelError::InputCount {
            expected: 1,
            got: 0,
            ..
        })
    ));
    assert!(matches!(
        execute(&g, &[vec![1, 2]]),
        Err(ModelError::InputLength {
            expected: 1,
            got: 2,
            ..
        })
    ));
    assert!(matches!(
        execute(&g, &[vec![16]]),
        Err(ModelError::InputValue { element: 0, .. })
    ));
}

#[test]
fn broken_graphs_are_refused() {
    type Change = fn(&mut QuantizedGraph);
    let linear = |g: &mut QuantizedGraph, change: fn(&mut QLinear)| {
        let QLayer::Linear(l) = &mut g.layers[0] else {
            panic!()
        };
        change(l);
    };
    validate(&scalar(1, 0)).unwrap();
    let changes: [(&str, Change); 9] = [
        ("range", |g| g.range = 17),
        ("dims", |g| g.tensors[0].dims.c = 0),
        ("quantisation", |g| g.tensors[0].quant.zero_point = 16),
        ("permutation", |g| {
            g.tensors[0].element_order = Some(vec![1])
        }),
        ("missing or repeated", |g| g.inputs = vec![TensorId(9)]),
        ("before it is written", |g| g.inputs.clear()),
        ("already written", |g| g.layers.push(g.layers[0].clone())),
        ("never written", |g| g.outputs = vec![TensorId(7)]),
        ("no output", |g| g.outputs.clear()),
    ];
    for (message, change) in changes {
        let mut g = scalar(1, 0);
        change(&mut g);
        let error = validate(&g).unwrap_err().to_string();
        assert!(error.contains(message), "{message}: {error}");
    }
    type LayerChange = fn(&mut QLinear);
    let layer_changes: [(&str, LayerChange); 4] = [
        ("one bias", |l| l.element_bias.clear()),
        ("two terms", |l| l.terms.push(l.terms[0].clone())),
        ("dense weights", |l| {
            l.terms[0].map = TermMap::Dense { weights: vec![] }
        }),
        ("accumulator", |l| l.element_bias = vec![4096]),
    ];
    for (message, change) in layer_changes {
        let mut g = scalar(1, 0);
        linear(&mut g, change);
        let error = validate(&g).unwrap_err().to_string();
        assert!(error.contains(message), "{message}: {error}");
    }
}
