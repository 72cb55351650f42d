//! Random graphs: skip connections, branches, pools, dense layers, several inputs and outputs, cuts, in every way.

use super::builder::{Builder, Conv, partition};
use super::way::Way;
use super::{Setup, failing, recounted};
use crate::PlanOptions;
use crate::chip::linear::taken;
use crate::columns::Col;
use chainfer_model::partitioned::Visibility;
use chainfer_model::quantized::{Dims, TensorId};
use halo2curves::bn256::Fr;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A convolution of one or two tensors to the same output, if their geometries allow it.
fn convolution(b: &mut Builder, rng: &mut StdRng, tensors: &[TensorId]) -> Option<TensorId> {
    let first = tensors[rng.gen_range(0..tensors.len())];
    let Dims { h, w, .. } = b.graph.tensor(first).dims;
    let kernel = [rng.gen_range(1..=3.min(h)), rng.gen_range(1..=3.min(w))];
    let stride = [rng.gen_range(1..=2), rng.gen_range(1..=2)];
    let pad = [rng.gen_range(0..kernel[0]), rng.gen_range(0..kernel[1])];
    let out = |axis: usize, size: usize| (size + 2 * pad[axis] - kernel[axis]) / stride[axis] + 1;
    let (oh, ow) = (out(0, h), out(1, w));
    let map = Conv {
        pre_pool: [1, 1],
        kernel,
        stride,
        pad,
        groups: 1,
    };
    let mut terms = vec![(first, map)];
    // A skip connection: another tensor of the output's size, one to one.
    let fits = |t: &&TensorId| {
        let dims = b.graph.tensor(**t).dims;
        **t != first && (dims.h, dims.w) == (oh, ow)
    };
    if let Some(skip) = tensors.iter().find(fits) {
        let one = Conv {
            kernel: [1, 1],
            stride: [1, 1],
            pad: [0, 0],
            ..map
        };
        terms.push((*skip, one));
    }
    Some(b.conv(&terms, (rng.gen_range(1..=2), oh, ow)))
}

fn pool(b: &mut Builder, rng: &mut StdRng, tensors: &[TensorId]) -> Option<TensorId> {
    let input = tensors[rng.gen_range(0..tensors.len())];
    let Dims { h, w, .. } = b.graph.tensor(input).dims;
    let kernel = [[2, 2], [1, 3], [3, 1], [1, 2], [4, 1]][rng.gen_range(0..5)];
    if kernel[0] > h || kernel[1] > w {
        return None;
    }
    let stride = [rng.gen_range(1..=2), rng.gen_range(1..=2)];
    let pad = [0, usize::from(kernel[1] > 1 && rng.gen_bool(0.4))];
    let out = (
        (h - kernel[0]) / stride[0] + 1,
        (w + pad[1] - kernel[1]) / stride[1] + 1,
    );
    Some(b.max_pool(input, kernel, stride, pad, out))
}

/// A layer of activations alone.
fn activations(b: &mut Builder, rng: &mut StdRng, tensors: &[TensorId]) -> TensorId {
    let mut any = || tensors[rng.gen_range(0..tensors.len())];
    let (first, second) = (any(), any());
    let mut dims = || [0; 3].map(|_| rng.gen_range(1..=3));
    let [c, h, w] = dims();
    match rng.gen_range(0..4) {
        0 if first == second => b.gather(&[first], (c, h, w)),
        0 => b.gather(&[first, second], (c, h, w)),
        1 => {
            let table = match b.graph.tables.len() {
                0 => b.table(),
                1 if rng.gen_bool(0.5) => b.table(),
                _ => 0,
            };
            b.function(first, table)
        }
        2 => b.product(first, second, (c, h, w)),
        _ => {
            let matrices = match b.graph.tensor(second).dims.c {
                channels if channels.is_multiple_of(2) && rng.gen_bool(0.5) => 2,
                _ => 1,
            };
            b.mat_mul(first, second, matrices, c)
        }
    }
}

/// A graph of several layers; whatever nothing reads is an output, or goes into the last layer if it is an input.
fn graph(seed: u64) -> Builder {
    let mut rng = StdRng::seed_from_u64(1000 + seed);
    let mut b = Builder::new(64, seed);
    let size = (rng.gen_range(2..5), rng.gen_range(2..5));
    let mut tensors = vec![b.input(rng.gen_range(1..=2), size.0, size.1)];
    if rng.gen_bool(0.5) {
        tensors.push(b.input(1, size.0, size.1));
    }
    let inputs = tensors.clone();
    let layers = rng.gen_range(2..=4);
    // Maxima and products are in no wide circuit together.
    let pools = seed.is_multiple_of(2);
    while b.graph.layers.len() < layers {
        let made = if !pools && rng.gen_bool(0.7) {
            Some(activations(&mut b, &mut rng, &tensors))
        } else if pools && rng.gen_bool(0.35) {
            pool(&mut b, &mut rng, &tensors)
        } else {
            convolution(&mut b, &mut rng, &tensors)
        };
        tensors.extend(made);
    }
    let unread = |b: &Builder, t: &TensorId| !b.graph.layers.iter().any(|l| l.inputs().contains(t));
    let mut last: Vec<TensorId> = inputs.iter().copied().filter(|t| unread(&b, t)).collect();
    last.push(tensors[tensors.len() - 1]);
    last.dedup();
    let y = b.dense(&last, 2);
    let outputs = tensors[inputs.len()..].iter().copied();
    let mut outputs: Vec<TensorId> = outputs.filter(|t| unread(&b, t)).collect();
    outputs.push(y);
    b.graph.outputs = outputs;
    b
}

/// One remainder that is off by one: the sums of its layer are wrong.
fn perturbed(setup: &Setup, rng: &mut StdRng) -> Option<super::Witnessed> {
    let range = u64::from(setup.plan.shape().range);
    let mut cells = Vec::new();
    for lane in 0..setup.plan.shape().lanes {
        let flags = setup.circuit.fixed.column(taken(lane)).unwrap();
        // An idle row may have the flag, too, where no output takes the lane.
        let rows = setup.plan.layout.first..setup.plan.layout.end;
        let rows = rows.filter(|row| flags[*row] == Fr::one());
        cells.extend(rows.map(|row| Col::Rem(lane).at(row)));
    }
    if cells.is_empty() {
        return None;
    }
    let cell = cells[rng.gen_range(0..cells.len())];
    let one_more = setup.circuit.get(cell) + Fr::one();
    let value = if one_more == Fr::from(range) {
        Fr::zero()
    } else {
        one_more
    };
    Some(setup.circuit.tampered(&[(cell, value)]))
}

#[test]
fn random_graphs_are_satisfied_and_bound() {
    let count = if std::env::var("CHAINFER_LONG").is_ok() {
        200
    } else {
        12
    };
    for seed in 0..count {
        let mut rng = StdRng::seed_from_u64(2000 + seed);
        let mut b = graph(seed);
        let inputs = b.values();
        let layers = b.graph.layers.len();
        let cut = rng.gen_range(1..=layers);
        let sizes = [cut, layers - cut];
        let sizes = &sizes[..if cut == layers { 1 } else { 2 }];
        let visibility = [Visibility::Committed, Visibility::Public];
        let [input, output] = [0, 1].map(|_| visibility[rng.gen_range(0..2)]);
        let model = partition(&b.graph, sizes, input, output);
        for chunk in 0..sizes.len() {
            for way in Way::ALL {
                let setup = way.setup(&model, &inputs, chunk, &PlanOptions::default());
                let failures = failing(&setup, &setup.circuit);
                assert!(failures.is_empty(), "seed {seed}: {failures:?}");
                if let Some(forged) = perturbed(&setup, &mut rng) {
                    let failures = failing(&setup, &recounted(&setup, &forged));
                    let expected = [crate::chip::rlc::RELATION.to_string()];
                    assert_eq!(failures, expected.into(), "seed {seed}");
                }
            }
        }
    }
}
