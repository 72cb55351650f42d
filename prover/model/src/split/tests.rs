//! The same integers, whatever the limits.

use super::*;
use crate::executor::execute;
use crate::float::{
    Conv, Dense, Element, FloatOp, Function, GraphBuilder, Padding, Pool, Rearrange,
};
use crate::quantise::{QuantOptions, Quantised, quantise};

fn numbers(seed: u64, len: usize) -> Vec<f64> {
    let next = |s: &u64| Some(s.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99));
    let states = std::iter::successors(Some(seed), next).skip(1);
    let reals = states.map(|s| (s >> 40) as f64 / f64::from(1 << 23) - 1.0);
    reals.take(len).collect()
}

fn conv(channels: usize, kernel: usize, (from, groups): (usize, usize)) -> FloatOp {
    let pad = kernel / 2;
    FloatOp::Conv(Conv {
        channels,
        kernel: [kernel, kernel],
        stride: [1, 1],
        padding: Padding {
            top: pad,
            left: pad,
            bottom: pad,
            right: pad,
        },
        groups,
        weights: numbers(kernel as u64, channels * from / groups * kernel * kernel),
        bias: Some(numbers(7, channels)),
    })
}

/// A network with every kind of layer.
fn network() -> Quantised {
    let mut b = GraphBuilder::new();
    let x = b.input("x", &[1, 3, 6, 4]).unwrap();
    let wide = b.node("wide", conv(12, 1, (3, 1)), &[x]).unwrap();
    let deep = b.node("deep", conv(12, 3, (12, 12)), &[wide]).unwrap();
    let pair = b.node("pair", conv(6, 3, (12, 3)), &[deep]).unwrap();
    let pool = Pool {
        kernel: [2, 2],
        stride: [2, 2],
        padding: Padding::NONE,
    };
    let pool = b.node("pool", FloatOp::MaxPool(pool), &[pair]).unwrap();
    let f = b
        .node("f", FloatOp::Function(Function::Sigmoid), &[pool])
        .unwrap();
    let product = b.node("product", FloatOp::Mul, &[pool, f]).unwrap();
    let turned = Rearrange {
        operands: 1,
        shape: vec![3, 2, 6],
        elements: (0..36)
            .map(|n| Element::Of {
                operand: 0,
                index: (n * 7 % 36) as u32,
            })
            .collect(),
    };
    let turned = b
        .node("turned", FloatOp::Rearrange(turned), &[product])
        .unwrap();
    let other = b
        .node("other", FloatOp::Reshape(vec![3, 6, 2]), &[f])
        .unwrap();
    let matrices = b
        .node("matrices", FloatOp::MatMul, &[turned, other])
        .unwrap();
    let flat = b
        .node("flat", FloatOp::Reshape(vec![1, 12]), &[matrices])
        .unwrap();
    let dense = FloatOp::Dense(Dense {
        outputs: 8,
        weights: numbers(3, 96),
        bias: None,
    });
    let y = b.node("y", dense, &[flat]).unwrap();
    let graph = b.finish(&[y, pool]).unwrap();
    let samples: Vec<_> = (0..8)
        .map(|n| crate::quantise::Sample(vec![numbers(n, 72)]))
        .collect();
    quantise(&graph, &samples, &QuantOptions::default()).unwrap()
}

#[test]
fn parts_compute_the_same_integers() {
    let q = network();
    let inputs = vec![(0..72).map(|n| n * 53 % q.graph.range).collect()];
    let expected = q.graph.raw_outputs(&execute(&q.graph, &inputs).unwrap());
    let mut most = 0;
    for (values, weights) in [(100, 1 << 20), (48, 60), (13, 30), (1, 1), (1 << 20, 24)] {
        let limits = SplitLimits { values, weights };
        let (parts, clamps) = split(q.graph.clone(), q.clamps.clone(), &limits).unwrap();
        validate(&parts).unwrap();
        assert_eq!(parts.layers.len(), clamps.0.len());
        let trace = execute(&parts, &inputs).unwrap();
        assert_eq!(parts.raw_outputs(&trace), expected, "{limits:?}");
        assert!(parts.layers.len() > q.graph.layers.len(), "{limits:?}");
        most = most.max(parts.layers.len());
    }
    assert!(most > 40, "{most} layers");
}

#[test]
fn parts_and_copies_have_the_factors_of_their_elements() {
    let mut b = GraphBuilder::new();
    let x = b.input("x", &[1, 3, 6, 4]).unwrap();
    let left = b.node("left", conv(12, 1, (3, 1)), &[x]).unwrap();
    let right = b.node("right", conv(12, 3, (3, 1)), &[x]).unwrap();
    // Cut at other channels than its operands.
    let turned = Rearrange {
        operands: 1,
        shape: vec![1, 12, 6, 4],
        elements: (0..288)
            .map(|n| Element::Of {
                operand: 0,
                index: (n * 5 % 288) as u32,
            })
            .collect(),
    };
    let turned = b
        .node("turned", FloatOp::Rearrange(turned), &[right])
        .unwrap();
    let product = b.node("product", FloatOp::Mul, &[left, turned]).unwrap();
    let y = b.node("y", conv(2, 1, (12, 1)), &[product]).unwrap();
    let graph = b.finish(&[y]).unwrap();
    let samples: Vec<_> = (0..8)
        .map(|n| crate::quantise::Sample(vec![numbers(n, 72)]))
        .collect();
    let mut q = quantise(&graph, &samples, &QuantOptions::default()).unwrap();
    for tensor in &mut q.graph.tensors {
        let is_operand = ["left", "right"].iter().any(|name| tensor.name == *name);
        if is_operand {
            let factors = (0..tensor.dims.c).map(|c| (c + 1) as f64);
            tensor.factors = Some(factors.collect());
        }
    }
    validate(&q.graph).unwrap();
    let inputs = vec![(0..72).map(|n| n * 53 % q.graph.range).collect()];
    let expected = q.graph.raw_outputs(&execute(&q.graph, &inputs).unwrap());
    for (values, weights) in [(100, 1 << 20), (48, 60), (1, 1)] {
        let limits = SplitLimits { values, weights };
        let (parts, _) = split(q.graph.clone(), q.clamps.clone(), &limits).unwrap();
        validate(&parts).unwrap();
        let trace = execute(&parts, &inputs).unwrap();
        assert_eq!(parts.raw_outputs(&trace), expected, "{limits:?}");
        let copies = parts.tensors.iter().filter(|t| t.name.contains(".operand"));
        assert!(
            copies.filter(|copy| copy.factors.is_some()).count() > 0,
            "{limits:?}"
        );
    }
}

#[test]
fn program_within_the_limits_stays_as_it_is() {
    let q = network();
    let limits = SplitLimits {
        values: 1 << 20,
        weights: 1 << 20,
    };
    let (same, clamps) = split(q.graph.clone(), q.clamps.clone(), &limits).unwrap();
    assert_eq!((same, clamps), (q.graph, q.clamps));
}

/// The linear layers of this name.
fn linear<'g>(graph: &'g QuantizedGraph, name: &str) -> Vec<&'g QLinear> {
    let named = graph.layers.iter().filter(|l| l.name().starts_with(name));
    let linear = named.filter_map(|l| match l {
        QLayer::Linear(l) => Some(l),
        _ => None,
    });
    linear.collect()
}

#[test]
fn depthwise_layers_follow_the_parts_that_they_read() {
    let q = network();
    let limits = SplitLimits {
        values: 100,
        weights: 1 << 20,
    };
    let (parts, _) = split(q.graph, q.clamps, &limits).unwrap();
    assert_eq!(linear(&parts, "wide.part").len(), 3);
    assert_eq!(linear(&parts, "deep.part").len(), 3);
    for layer in linear(&parts, "deep.part") {
        let TermMap::Conv(map) = &layer.terms[0].map else {
            panic!()
        };
        assert_eq!(
            (layer.terms.len(), map.groups, map.weights.len()),
            (1, 4, 36)
        );
    }
}
