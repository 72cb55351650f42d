//! The integer program, layer by layer.

use super::validate::validate;
use crate::convolution::{accumulate, fold_windows};
use crate::error::{ModelError, Result};
use crate::quantized::{QLayer, QLinear, QMaxPool, QuantizedGraph, TermMap};

/// The values of every tensor of one inference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Indexed by [`crate::quantized::TensorId`]; element order of the tensor's dims.
    pub tensors: Vec<Vec<u32>>,
}

/// The accumulator of every output element of `layer`, before division and clamping.
///
/// `tensors` is indexed by tensor id; only the layer's inputs are read. The graph must satisfy [`validate`], which
/// bounds every accumulator below 2^62.
pub fn linear_accumulators(
    graph: &QuantizedGraph,
    layer: &QLinear,
    tensors: &[Vec<u32>],
) -> Vec<i64> {
    let out = graph.tensor(layer.output).dims;
    let mut acc = layer.element_bias.clone();
    for term in &layer.terms {
        let input = &tensors[term.input.0];
        match &term.map {
            TermMap::Conv(map) => {
                let input: Vec<i64> = input.iter().map(|u| i64::from(*u)).collect();
                let src = graph.tensor(term.input).dims;
                accumulate(&map.geometry(), &map.weights, src, out, &input, &mut acc);
            }
            TermMap::Dense { weights } => {
                for (slot, row) in acc.iter_mut().zip(weights.chunks_exact(input.len())) {
                    *slot += row
                        .iter()
                        .zip(input)
                        .map(|(w, u)| w * i64::from(*u))
                        .sum::<i64>();
                }
            }
        }
    }
    acc
}

/// Divides by the range, rounding down, and clamps to `[0, range)`.
pub fn requantise(acc: i64, range: u32) -> u32 {
    let r = i64::from(range);
    // The clamp keeps the value in [0, range), which fits.
    acc.div_euclid(r).clamp(0, r - 1) as u32
}

/// The values of a maximum layer's output.
pub fn max_pool(graph: &QuantizedGraph, layer: &QMaxPool, input: &[u32]) -> Vec<u32> {
    let (src, dst) = (
        graph.tensor(layer.input).dims,
        graph.tensor(layer.output).dims,
    );
    fold_windows(&layer.window(), src, [dst.h, dst.w], input, 0, u32::max)
}

/// Runs the integer program on quantised inputs (one vector per input, in the order of the tensor's dims).
///
/// # Errors
/// The graph is not valid, or an input has the wrong length or a value outside of `[0, range)`.
pub fn execute(graph: &QuantizedGraph, inputs: &[Vec<u32>]) -> Result<Trace> {
    run(graph, inputs, |_, _| Ok(()))
}

/// Runs the program and shows every linear layer's accumulators to `observe`.
pub(crate) fn run(
    graph: &QuantizedGraph,
    inputs: &[Vec<u32>],
    mut observe: impl FnMut(usize, &[i64]) -> Result<()>,
) -> Result<Trace> {
    validate(graph)?;
    check_inputs(graph, inputs)?;
    let mut tensors = vec![Vec::new(); graph.tensors.len()];
    for (id, values) in graph.inputs.iter().zip(inputs) {
        tensors[id.0] = values.clone();
    }
    for (index, layer) in graph.layers.iter().enumerate() {
        let values = match layer {
            QLayer::Linear(linear) => {
                let acc = linear_accumulators(graph, linear, &tensors);
                observe(index, &acc)?;
                acc.into_iter()
                    .map(|a| requantise(a, graph.range))
                    .collect()
            }
            QLayer::MaxPool(pool) => max_pool(graph, pool, &tensors[pool.input.0]),
        };
        tensors[layer.output().0] = values;
    }
    Ok(Trace { tensors })
}

pub(super) fn check_inputs(graph: &QuantizedGraph, inputs: &[Vec<u32>]) -> Result<()> {
    if inputs.len() != graph.inputs.len() {
        return Err(ModelError::InputCount {
            expected: graph.inputs.len(),
            got: inputs.len(),
            names: graph
                .inputs
                .iter()
                .map(|id| graph.tensor(*id).name.clone())
                .collect::<Vec<_>>()
                .join(", "),
        });
    }
    for (id, values) in graph.inputs.iter().zip(inputs) {
        let tensor = graph.tensor(*id);
        if values.len() != tensor.dims.len() {
            return Err(ModelError::InputLength {
                place: "quantised input".into(),
                name: tensor.name.clone(),
                shape: tensor.external_shape.clone(),
                expected: tensor.dims.len(),
                got: values.len(),
            });
        }
        if let Some(element) = values.iter().position(|u| *u >= graph.range) {
            return Err(ModelError::InputValue {
                place: "quantised input".into(),
                name: tensor.name.clone(),
                element,
                reason: format!("{} is outside of [0, {})", values[element], graph.range),
            });
        }
    }
    Ok(())
}
