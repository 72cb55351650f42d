//! Sums of scaled tensors that a linear layer reads: where its weights are few, it reads the tensors themselves, and the sum is not
//! stored.

use super::graph::{FusedMap, FusedTerm};
use super::linear::{conv_bias, pending, scaled_weights};
use super::lowering::Lowering;
use super::value::{Body, Value, dims_of_planes};
use crate::convolution::Geometry;
use crate::float::{Conv, Dense, FloatNode};
use crate::window::Window;

/// Weights that cost about as much as storing a value.
const WEIGHTS_PER_VALUE: usize = 2;

/// A tensor, and the factor of each of its channels.
type Scaled<'v> = (usize, &'v [f64]);

impl Lowering<'_> {
    /// A convolution of a waiting sum, if that is cheaper than storing it.
    pub(super) fn conv_of_sum(&self, node: &FloatNode, op: &Conv, value: &Value) -> Option<Value> {
        let (scaled, shift) = self.scaled_terms(value, op.weights.len())?;
        if !value.is_planes(self.shape(node.inputs[0])) {
            return None;
        }
        let out = dims_of_planes(self.shape(node.output));
        let geometry = Geometry {
            window: op.window(),
            groups: op.groups,
        };
        let bias = conv_bias(op, shift, value.dims, out);
        let term = |(input, factors): Scaled<'_>| FusedTerm {
            input,
            map: FusedMap::Conv {
                geometry,
                weights: scaled_weights(op, factors, out),
            },
        };
        Some(pending(
            node,
            scaled.into_iter().map(term).collect(),
            bias,
            out,
            None,
        ))
    }

    /// A matrix product over all elements of a waiting sum, if that is cheaper than storing it.
    pub(super) fn dense_of_sum(
        &self,
        node: &FloatNode,
        op: &Dense,
        value: &Value,
    ) -> Option<Value> {
        let (scaled, shift) = self.scaled_terms(value, op.weights.len())?;
        let inputs = value.dims.len();
        if op.weights.len() / op.outputs != inputs {
            return None;
        }
        let (at, dims) = self.layout(node.output);
        let place = |n: usize| at.as_ref().map_or(n, |at| at[n]);
        let mut bias = vec![0.0; op.outputs];
        for (n, row) in op.weights.chunks_exact(inputs).enumerate() {
            let sum = row
                .iter()
                .enumerate()
                .map(|(j, w)| w * shift[value.index(j)]);
            bias[place(n)] = op.bias.as_ref().map_or(0.0, |b| b[n]) + sum.sum::<f64>();
        }
        let plane = value.dims.plane();
        let term = |(input, factors): Scaled<'_>| {
            let mut weights = vec![0.0; op.weights.len()];
            for (n, row) in op.weights.chunks_exact(inputs).enumerate() {
                for (j, w) in row.iter().enumerate() {
                    let i = value.index(j);
                    weights[place(n) * inputs + i] = w * factors[i / plane];
                }
            }
            FusedTerm {
                input,
                map: FusedMap::Dense(weights),
            }
        };
        let terms = scaled.into_iter().map(term).collect();
        Some(pending(node, terms, bias, dims, at.clone()))
    }

    /// The tensors of a waiting sum with the factors of their channels, and its shift; `None` if it is another map, or if a
    /// reader with so many weights had better read it stored.
    fn scaled_terms<'v>(
        &self,
        value: &'v Value,
        weights: usize,
    ) -> Option<(Vec<Scaled<'v>>, &'v [f64])> {
        let Body::Linear { terms, bias, .. } = &value.body else {
            return None;
        };
        let extra = weights.saturating_mul(terms.len().saturating_sub(1));
        if extra > WEIGHTS_PER_VALUE * value.dims.len() {
            return None;
        }
        let scaled = |term: &'v FusedTerm| match &term.map {
            FusedMap::Conv { geometry, weights }
                if geometry.window == Window::POINT
                    && geometry.groups == value.dims.c
                    && self.fused.tensors[term.input].dims == value.dims =>
            {
                Some((term.input, weights.as_slice()))
            }
            _ => None,
        };
        let scaled = terms.iter().map(scaled).collect::<Option<Vec<_>>>()?;
        (!scaled.is_empty()).then_some((scaled, bias.as_slice()))
    }
}
