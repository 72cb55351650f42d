//! Runs a fused graph over the reals: for calibration, and to check that fusing was exact.

use super::graph::{FusedGraph, FusedLayer, FusedLinear, FusedMap, FusedMatMul};
use crate::convolution::{accumulate, fold_windows};
use crate::dims::Dims;

impl FusedGraph {
    /// The values of every tensor, in its internal order; `inputs` are in external order.
    pub(crate) fn run(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut tensors = vec![Vec::new(); self.tensors.len()];
        for (t, values) in self.inputs.iter().zip(inputs) {
            tensors[*t] = match self.order(*t) {
                Some(order) => order.iter().map(|i| values[*i]).collect(),
                None => values.clone(),
            };
            if let Some(factors) = &self.tensors[*t].factors {
                divide(&mut tensors[*t], factors);
            }
        }
        for layer in &self.layers {
            let out = self.tensors[layer.output()].dims;
            let values = match layer {
                FusedLayer::Linear(linear) => {
                    let bounds = self.tensors[linear.output].bounds;
                    let acc = self.accumulators(linear, &tensors);
                    acc.into_iter().map(|v| bounds.clamp(v)).collect()
                }
                FusedLayer::Gather(gather) => {
                    let all: Vec<f64> = (gather.sources.iter())
                        .flat_map(|t| &tensors[*t])
                        .copied()
                        .collect();
                    gather.elements.iter().map(|e| all[*e]).collect()
                }
                FusedLayer::Function(l) => tensors[l.input].iter().map(|x| l.at(*x)).collect(),
                FusedLayer::Product(l) => (0..out.len())
                    .map(|e| l.left.at(&tensors, e) * l.right.at(&tensors, e))
                    .collect(),
                FusedLayer::MatMul(l) => mat_mul(l, out, &tensors),
                FusedLayer::MaxPool(pool) => {
                    let src = self.tensors[pool.input].dims;
                    let x: &[f64] = &tensors[pool.input];
                    fold_windows(
                        &pool.window,
                        src,
                        [out.h, out.w],
                        x,
                        f64::NEG_INFINITY,
                        f64::max,
                    )
                }
            };
            tensors[layer.output()] = values;
        }
        tensors
    }

    /// A linear layer's values before its clamp.
    pub(crate) fn accumulators(&self, linear: &FusedLinear, tensors: &[Vec<f64>]) -> Vec<f64> {
        let out = self.tensors[linear.output].dims;
        let mut acc = linear.bias.clone();
        for term in &linear.terms {
            let x: &[f64] = &tensors[term.input];
            match &term.map {
                FusedMap::Dense(weights) => {
                    for (slot, row) in acc.iter_mut().zip(weights.chunks_exact(x.len())) {
                        *slot += row.iter().zip(x).map(|(w, v)| w * v).sum::<f64>();
                    }
                }
                FusedMap::Conv { geometry, weights } => {
                    let src = self.tensors[term.input].dims;
                    accumulate(geometry, weights, src, out, x, &mut acc);
                }
            }
        }
        acc
    }

    /// The outputs in external order.
    pub(crate) fn outputs_of(&self, tensors: &[Vec<f64>]) -> Vec<Vec<f64>> {
        self.outputs
            .iter()
            .map(|t| {
                let values = &tensors[*t];
                let Some(order) = self.order(*t) else {
                    return values.clone();
                };
                let mut external = vec![0.0; values.len()];
                for (value, i) in values.iter().zip(order) {
                    external[*i] = *value;
                }
                external
            })
            .collect()
    }

    fn order(&self, tensor: usize) -> Option<&Vec<usize>> {
        self.tensors[tensor]
            .external
            .as_ref()
            .and_then(|e| e.order.as_ref())
    }
}

fn mat_mul(layer: &FusedMatMul, out: Dims, tensors: &[Vec<f64>]) -> Vec<f64> {
    let (columns, inner) = (out.plane(), layer.inner);
    let rows = out.c / layer.matrices;
    let mut product = vec![0.0; out.len()];
    for (channel, sums) in product.chunks_exact_mut(columns).enumerate() {
        for k in 0..inner {
            let a = layer.left.at(tensors, channel * inner + k);
            let start = (channel / rows * inner + k) * columns;
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum += a * layer.right.at(tensors, start + j);
            }
        }
    }
    product
}

/// Divides equal runs of values by one factor each.
pub(crate) fn divide(values: &mut [f64], factors: &[f64]) {
    let run = values.len() / factors.len();
    for (run, factor) in values.chunks_exact_mut(run).zip(factors) {
        run.iter_mut().for_each(|v| *v /= factor);
    }
}
