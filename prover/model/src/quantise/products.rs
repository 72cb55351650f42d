//! Integer forms of functions, products and matrix products.
//!
//! An accumulator of a product is `w0 a b` and what zero points add, and w0 is a small integer: rounding it would cost precision.
//! So the output's scale is chosen such that w0 is one exactly.

use super::calibrate::{Groups, TensorQuant};
use crate::dims::Dims;
use crate::executor::accumulator_limit;
use crate::fuse::{
    FusedFunction, FusedGraph, FusedLayer, FusedLinear, FusedMap, FusedMatMul, FusedOperand,
    FusedProduct, FusedTerm,
};
use crate::quantized::{Operand, QMatMul, QProduct, QTensor, QuantParams, TensorId};

/// Times that scales are looked at again after an operand had to become coarser.
const ROUNDS: usize = 16;
/// Part of the limit that an accumulator may fill before weights are rounded.
const FILLED: f64 = 0.99;

/// Sets the scales of products and matrix products, and makes tensors coarser where an accumulator would not fit; those of
/// linear layers only the last time, for equalisation rescales weights.
pub(super) fn scales(
    fused: &FusedGraph,
    groups: &Groups,
    quants: &mut [TensorQuant],
    (range, last): (u32, bool),
) {
    let wanted: Vec<f64> = quants.iter().map(|q| q.params.scale).collect();
    let rows: Vec<Option<LinearRows>> = (fused.layers.iter())
        .map(|layer| match layer {
            FusedLayer::Linear(linear) if last => {
                let out = fused.tensors[linear.output].dims;
                Some(LinearRows::new(linear, out))
            }
            _ => None,
        })
        .collect();
    let mut coarser = vec![1.0; quants.len()];
    for _ in 0..ROUNDS {
        for (t, quant) in quants.iter_mut().enumerate() {
            quant.params.scale = wanted[t] * coarser[groups.of[t]];
        }
        let mut settled = true;
        for (layer, rows) in fused.layers.iter().zip(&rows) {
            if let (FusedLayer::Linear(linear), Some(rows)) = (layer, rows) {
                let excess = rows.excess(linear, quants, range);
                if excess > 1.0 {
                    coarser[groups.of[linear.output]] *= excess * (1.0 + 1e-6);
                    settled = false;
                    break;
                }
            }
            let (left, right, inner) = match layer {
                FusedLayer::Product(l) => (&l.left, &l.right, 1),
                FusedLayer::MatMul(l) => (&l.left, &l.right, l.inner),
                _ => continue,
            };
            let unit = unit(left, right, |t| quants[t].params.scale);
            let output = groups.of[layer.output()];
            let scale = quants[layer.output()].params.scale;
            // At weight 1, the least scale that the output can have.
            let finest = unit.abs() * f64::from(range);
            if finest < scale * (1.0 - 1e-9) {
                let group = groups.of[left.tensor];
                coarser[group] *= scale / finest;
                settled = false;
                break;
            }
            // An accumulator reaches weight * inner * room * range^2; twice range^2 is for the constant's own part.
            let reach = |operand: &FusedOperand| {
                let (_, zero) = line(operand, &quants[operand.tensor].params);
                1.0 + zero.abs() / f64::from(range)
            };
            let room = reach(left) * reach(right);
            let limit = accumulator_limit(range) as f64 / f64::from(range).powi(2) - 2.0;
            let most = (limit / (room * inner as f64)).floor().max(1.0);
            let weight = (finest / scale * (1.0 + 1e-9)).floor().clamp(1.0, most);
            for (t, quant) in quants.iter_mut().enumerate() {
                if groups.of[t] == output {
                    quant.params.scale = finest / weight;
                }
            }
        }
        if settled {
            return;
        }
    }
}

/// Slope and zero of an operand: step u stands for `slope * (u - zero)`. The zero may be outside of the range.
fn line(operand: &FusedOperand, quant: &QuantParams) -> (f64, f64) {
    let slope = operand.line.scale * quant.scale;
    (
        slope,
        f64::from(quant.zero_point) - operand.line.shift / slope,
    )
}

/// Sums over the weights of each output channel of a convolution, or each output element of a dense map.
struct LinearRows {
    /// By term, for each row: the sum of magnitudes, and the sum.
    terms: Vec<Vec<(f64, f64)>>,
}

impl LinearRows {
    fn new(linear: &FusedLinear, out: Dims) -> Self {
        let sums = |term: &FusedTerm| {
            let (weights, rows, area) = match &term.map {
                FusedMap::Dense(weights) => (weights, out.len(), 1.0),
                FusedMap::Conv { geometry, weights } => {
                    let [h, w] = geometry.window.pre_pool();
                    (weights, out.c, (h * w) as f64)
                }
            };
            let rows = weights.chunks_exact((weights.len() / rows).max(1));
            let sum = |row: &[f64]| {
                let add = |(m, s): (f64, f64), w: &f64| (m + w.abs(), s + w);
                let (magnitude, sum) = row.iter().fold((0.0, 0.0), add);
                (magnitude * area, sum * area)
            };
            rows.map(sum).collect()
        };
        Self {
            terms: linear.terms.iter().map(sums).collect(),
        }
    }

    /// By how much the largest accumulator exceeds the limit.
    fn excess(&self, linear: &FusedLinear, quants: &[TensorQuant], range: u32) -> f64 {
        let output = &quants[linear.output].params;
        let per_step = f64::from(range) / output.scale;
        let half = f64::from(range / 2) + f64::from(output.zero_point) * f64::from(range);
        let rows = self.terms.first().map_or(linear.bias.len(), Vec::len);
        let each = linear.bias.len() / rows.max(1);
        let mut largest = 0.0f64;
        for (row, biases) in linear.bias.chunks_exact(each.max(1)).enumerate() {
            let (mut magnitude, mut constant) = (0.0, 0.0);
            for (term, sums) in linear.terms.iter().zip(&self.terms) {
                let input = &quants[term.input].params;
                let steps = input.scale * per_step;
                magnitude += sums[row].0 * steps;
                constant -= sums[row].1 * steps * f64::from(input.zero_point);
            }
            for bias in biases {
                let fixed = (bias * per_step + constant + half).abs();
                largest = largest.max(magnitude * f64::from(range - 1) + fixed);
            }
        }
        largest / (accumulator_limit(range) as f64 * FILLED)
    }
}

/// What the product of one step of each operand stands for.
fn unit(left: &FusedOperand, right: &FusedOperand, scale: impl Fn(usize) -> f64) -> f64 {
    (left.line.scale * scale(left.tensor)) * (right.line.scale * scale(right.tensor))
}

/// `w0`, `w1`, `w2` and the constant of an accumulator with `inner` products.
fn weights(
    left: &FusedOperand,
    right: &FusedOperand,
    tensors: &[QTensor],
    output: &QTensor,
    (inner, range): (usize, u32),
) -> ([i64; 3], i64) {
    let per_step = f64::from(range) / output.quant.scale;
    let line = |operand: &FusedOperand| line(operand, &tensors[operand.tensor].quant);
    let ((slope_a, zero_a), (slope_b, zero_b)) = (line(left), line(right));
    let both = libm::round(slope_a * slope_b * per_step);
    let half = f64::from(range / 2) + f64::from(output.quant.zero_point) * f64::from(range);
    let constant = both * zero_a * zero_b * inner as f64 + half;
    let integer = |v: f64| libm::round(v) as i64;
    (
        [
            integer(both),
            integer(-both * zero_b),
            integer(-both * zero_a),
        ],
        integer(constant),
    )
}

fn operand(of: &FusedOperand) -> Operand {
    Operand {
        tensor: TensorId(of.tensor),
        elements: of.elements.clone(),
    }
}

pub(super) fn product(layer: &FusedProduct, tensors: &[QTensor], range: u32) -> QProduct {
    let output = &tensors[layer.output];
    let (weights, constant) = weights(&layer.left, &layer.right, tensors, output, (1, range));
    QProduct {
        name: layer.name.clone(),
        left: operand(&layer.left),
        right: operand(&layer.right),
        output: TensorId(layer.output),
        weights,
        element_bias: vec![constant; output.dims.len()],
    }
}

pub(super) fn mat_mul(layer: &FusedMatMul, tensors: &[QTensor], range: u32) -> QMatMul {
    let output = &tensors[layer.output];
    let size = (layer.inner, range);
    let (weights, constant) = weights(&layer.left, &layer.right, tensors, output, size);
    QMatMul {
        name: layer.name.clone(),
        left: operand(&layer.left),
        right: TensorId(layer.right.tensor),
        output: TensorId(layer.output),
        matrices: layer.matrices,
        inner: layer.inner,
        weights,
        element_bias: vec![constant; output.dims.len()],
    }
}

/// The table of a function: the nearest step of its value, halves away from zero, within the output's range.
pub(super) fn table(layer: &FusedFunction, tensors: &[QTensor], range: u32) -> Vec<u32> {
    let (input, output) = (&tensors[layer.input].quant, &tensors[layer.output].quant);
    let top = f64::from(range - 1);
    let at = |u: u32| {
        let step = output.step(layer.at(input.real(u)));
        // What is not a number has no better place than real 0.
        if step.is_nan() {
            output.zero_point
        } else {
            step.clamp(0.0, top) as u32
        }
    };
    (0..range).map(at).collect()
}
