//! Integer weights and biases of one linear layer.

use super::rounding;
use crate::convolution::accumulate;
use crate::error::{ModelError, Result};
use crate::executor::check_bounds;
use crate::fuse::{FusedLinear, FusedMap};
use crate::quantized::{ConvMap, QLinear, QTensor, QTerm, TensorId, TermMap};

/// Magnitudes past this lose integers in f64.
const MAX_EXACT: f64 = (1u64 << 53) as f64;

/// `W = round(w * s_in * R / s_out)`, rounded for the integer values that `samples` hold (see `rounding`); the bias folds zero points and the rounding half, as
/// [`crate::quantized`] documents.
pub(super) fn quantise_linear(
    linear: &FusedLinear,
    tensors: &[QTensor],
    range: u32,
    samples: &[Vec<Vec<u32>>],
) -> Result<QLinear> {
    let output = &tensors[linear.output];
    let per_step = f64::from(range) / output.quant.scale;
    let terms = linear
        .terms
        .iter()
        .map(|term| {
            let factor = tensors[term.input].quant.scale * per_step;
            let (FusedMap::Dense(real) | FusedMap::Conv { weights: real, .. }) = &term.map;
            let mut scaled: Vec<f64> = real.iter().map(|w| w * factor).collect();
            let seen: Vec<&[u32]> = samples.iter().map(|s| s[term.input].as_slice()).collect();
            rounding::round(
                &term.map,
                &mut scaled,
                &tensors[term.input],
                output.dims,
                &seen,
            );
            let weights = integers(&scaled, 1.0, &linear.name)?;
            let map = match &term.map {
                FusedMap::Dense(_) => TermMap::Dense { weights },
                FusedMap::Conv { geometry: g, .. } => TermMap::Conv(ConvMap {
                    pre_pool: g.window.pre_pool(),
                    kernel: g.window.kernel(),
                    stride: g.window.stride(),
                    pad: g.window.pad(),
                    groups: g.groups,
                    weights,
                }),
            };
            Ok(QTerm {
                input: TensorId(term.input),
                map,
            })
        })
        .collect::<Result<_>>()?;
    let mut layer = QLinear {
        name: linear.name.clone(),
        output: TensorId(linear.output),
        terms,
        element_bias: integers(&linear.bias, per_step, &linear.name)?,
    };
    // From here on, no product of weights and values can overflow.
    check_bounds(range, &layer, output.dims, |id| tensors[id.0].dims.len())?;
    let half = i64::from(range / 2) + i64::from(output.quant.zero_point) * i64::from(range);
    layer.element_bias.iter_mut().for_each(|b| *b += half);
    for term in &layer.terms {
        let input = &tensors[term.input.0];
        let zero = i64::from(input.quant.zero_point);
        match &term.map {
            TermMap::Dense { weights } => {
                for (slot, row) in layer
                    .element_bias
                    .iter_mut()
                    .zip(weights.chunks_exact(input.dims.len()))
                {
                    *slot -= row.iter().sum::<i64>() * zero;
                }
            }
            TermMap::Conv(map) => {
                let zeros = vec![-zero; input.dims.len()];
                let (src, out) = (input.dims, output.dims);
                accumulate(
                    &map.geometry(),
                    &map.weights,
                    src,
                    out,
                    &zeros,
                    &mut layer.element_bias,
                );
            }
        }
    }
    Ok(layer)
}

fn integers(values: &[f64], factor: f64, layer: &str) -> Result<Vec<i64>> {
    values
        .iter()
        .enumerate()
        .map(|(element, v)| {
            let rounded = libm::round(v * factor);
            if rounded.abs() < MAX_EXACT {
                return Ok(rounded as i64);
            }
            Err(ModelError::AccumulatorBound {
                layer: layer.to_owned(),
                element,
                // A float that is not finite saturates.
                bound: rounded.abs() as i128,
                limit: MAX_EXACT as i128,
            })
        })
        .collect()
}
