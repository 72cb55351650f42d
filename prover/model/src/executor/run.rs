//! The integer program, layer by layer.

use super::validate::validate;
use crate::convolution::{accumulate, fold_windows};
use crate::error::{ModelError, Result};
use crate::quantized::{
    QGather, QLayer, QLinear, QMatMul, QMaxPool, QProduct, QuantizedGraph, TermMap,
};

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

/// The accumulators of a layer that has some: linear maps and products. `tensors` as in [`linear_accumulators`].
pub fn accumulators(
    graph: &QuantizedGraph,
    layer: &QLayer,
    tensors: &[Vec<u32>],
) -> Option<Vec<i64>> {
    match layer {
        QLayer::Linear(l) => Some(linear_accumulators(graph, l, tensors)),
        QLayer::Product(l) => Some(product_accumulators(l, tensors)),
        QLayer::MatMul(l) => Some(mat_mul_accumulators(graph, l, tensors)),
        QLayer::MaxPool(_) | QLayer::Gather(_) | QLayer::Function(_) => None,
    }
}

fn product_accumulators(layer: &QProduct, tensors: &[Vec<u32>]) -> Vec<i64> {
    let (left, right) = (
        &tensors[layer.left.tensor.0],
        &tensors[layer.right.tensor.0],
    );
    let [both, first, second] = layer.weights;
    let at = |(e, bias): (usize, &i64)| {
        let a = i64::from(left[layer.left.element(e)]);
        let b = i64::from(right[layer.right.element(e)]);
        both * a * b + first * a + second * b + bias
    };
    layer.element_bias.iter().enumerate().map(at).collect()
}

fn mat_mul_accumulators(graph: &QuantizedGraph, layer: &QMatMul, tensors: &[Vec<u32>]) -> Vec<i64> {
    let (left, right) = (&tensors[layer.left.tensor.0], &tensors[layer.right.0]);
    let out = graph.tensor(layer.output).dims;
    let (columns, inner) = (out.plane(), layer.inner);
    let rows = out.c / layer.matrices;
    let [both, first, second] = layer.weights;
    let mut acc = layer.element_bias.clone();
    for (channel, sums) in acc.chunks_exact_mut(columns).enumerate() {
        for k in 0..inner {
            let a = i64::from(left[layer.left.element(channel * inner + k)]);
            let row = &right[(channel / rows * inner + k) * columns..][..columns];
            for (sum, b) in sums.iter_mut().zip(row) {
                let b = i64::from(*b);
                *sum += (both * a + second) * b + first * a;
            }
        }
    }
    acc
}

/// The values of a rearranging layer's output.
fn gather(layer: &QGather, tensors: &[Vec<u32>]) -> Vec<u32> {
    let all: Vec<u32> = (layer.sources.iter())
        .flat_map(|id| &tensors[id.0])
        .copied()
        .collect();
    layer.elements.iter().map(|e| all[*e]).collect()
}

/// The values of a layer's output; `observe` sees its accumulators if it has some.
pub(crate) fn layer_values(
    graph: &QuantizedGraph,
    layer: &QLayer,
    tensors: &[Vec<u32>],
    observe: impl FnOnce(&[i64]) -> Result<()>,
) -> Result<Vec<u32>> {
    if let Some(acc) = accumulators(graph, layer, tensors) {
        observe(&acc)?;
        let values = acc.into_iter().map(|a| requantise(a, graph.range));
        return Ok(values.collect());
    }
    Ok(match layer {
        QLayer::MaxPool(pool) => max_pool(graph, pool, &tensors[pool.input.0]),
        QLayer::Gather(l) => gather(l, tensors),
        QLayer::Function(l) => {
            let table = &graph.tables[l.table];
            let input = tensors[l.input.0].iter();
            input.map(|u| table[*u as usize]).collect()
        }
        // They have accumulators.
        QLayer::Linear(_) | QLayer::Product(_) | QLayer::MatMul(_) => Vec::new(),
    })
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
        let values = layer_values(graph, layer, &tensors, |acc| observe(index, acc))?;
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
