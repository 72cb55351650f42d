//! The rules of layers that compute with activations alone.

use super::accumulator_limit;
use crate::error::{ModelError, Result};
use crate::quantized::{Operand, QFunction, QGather, QMatMul, QProduct, QuantizedGraph, TensorId};

fn refuse(layer: &str, detail: &str) -> ModelError {
    ModelError::InvalidGraph(format!("layer {layer}: {detail}"))
}

pub(super) fn gather(graph: &QuantizedGraph, layer: &QGather) -> Result<()> {
    let bad = |detail: &str| Err(refuse(&layer.name, detail));
    let out = graph.tensor(layer.output);
    if layer.elements.len() != out.dims.len() {
        return bad("it needs one element for each of its output");
    }
    if layer.sources.is_empty() {
        return bad("it reads nothing");
    }
    let mut total = 0usize;
    for (n, source) in layer.sources.iter().enumerate() {
        if layer.sources[..n].contains(source) {
            return bad("a tensor appears twice among its sources");
        }
        let source = graph.tensor(*source);
        if source.quant != out.quant {
            return bad("a source has another quantisation than the output");
        }
        total = total.saturating_add(source.dims.len());
    }
    if layer.elements.iter().any(|e| *e >= total) {
        return bad("an element is outside of its sources");
    }
    let sources = || layer.sources.iter().map(|source| graph.tensor(*source));
    if out.factors.is_some() || sources().any(|source| source.factors.is_some()) {
        let factors = sources().flat_map(|source| (0..source.dims.len()).map(|e| source.factor(e)));
        let factors: Vec<f64> = factors.collect();
        let mut places = layer.elements.iter().enumerate();
        if places.any(|(place, element)| factors[*element] != out.factor(place)) {
            return bad("an element has another factor than where it comes from");
        }
    }
    Ok(())
}

pub(super) fn function(graph: &QuantizedGraph, layer: &QFunction) -> Result<()> {
    let bad = |detail: &str| Err(refuse(&layer.name, detail));
    if graph.tensor(layer.input).dims != graph.tensor(layer.output).dims {
        return bad("input and output dims differ");
    }
    if layer.table >= graph.tables.len() {
        return bad("its table does not exist");
    }
    Ok(())
}

pub(super) fn product(graph: &QuantizedGraph, layer: &QProduct) -> Result<()> {
    let out = graph.tensor(layer.output).dims;
    for operand in [&layer.left, &layer.right] {
        check_operand(graph, &layer.name, operand, out.len())?;
    }
    check_biases(graph, &layer.name, layer.output, &layer.element_bias)?;
    check_bounds(
        graph.range,
        &layer.name,
        1,
        layer.weights,
        &layer.element_bias,
    )
}

pub(super) fn mat_mul(graph: &QuantizedGraph, layer: &QMatMul) -> Result<()> {
    let bad = |detail: &str| Err(refuse(&layer.name, detail));
    let (src, out) = (
        graph.tensor(layer.right).dims,
        graph.tensor(layer.output).dims,
    );
    if layer.matrices == 0 || layer.inner == 0 || !out.c.is_multiple_of(layer.matrices) {
        return bad("the output's channels do not make its matrices");
    }
    if layer.matrices.checked_mul(layer.inner) != Some(src.c) || (src.h, src.w) != (out.h, out.w) {
        return bad("the right tensor's dims do not fit the product");
    }
    let Some(left) = out.c.checked_mul(layer.inner) else {
        return bad("the left operand is too large");
    };
    check_operand(graph, &layer.name, &layer.left, left)?;
    plain(
        graph,
        &layer.name,
        &[layer.left.tensor, layer.right, layer.output],
    )?;
    check_biases(graph, &layer.name, layer.output, &layer.element_bias)?;
    check_bounds(
        graph.range,
        &layer.name,
        layer.inner,
        layer.weights,
        &layer.element_bias,
    )
}

/// No channel has a factor: each value enters as it is.
fn plain(graph: &QuantizedGraph, layer: &str, tensors: &[TensorId]) -> Result<()> {
    if tensors.iter().any(|t| graph.tensor(*t).factors.is_some()) {
        return Err(refuse(layer, "a tensor has factors"));
    }
    Ok(())
}

fn check_operand(
    graph: &QuantizedGraph,
    layer: &str,
    operand: &Operand,
    places: usize,
) -> Result<()> {
    let len = graph.tensor(operand.tensor).dims.len();
    let fits = match &operand.elements {
        Some(elements) => elements.len() == places && elements.iter().all(|e| *e < len),
        None => len == places,
    };
    if fits {
        return Ok(());
    }
    Err(refuse(
        layer,
        "an operand does not have one element for each place",
    ))
}

fn check_biases(graph: &QuantizedGraph, layer: &str, output: TensorId, bias: &[i64]) -> Result<()> {
    if bias.len() == graph.tensor(output).dims.len() {
        return Ok(());
    }
    Err(refuse(layer, "it needs one bias per output element"))
}

/// As [`super::check_bounds`] for linear layers.
pub(crate) fn check_bounds(
    range: u32,
    layer: &str,
    inner: usize,
    weights: [i64; 3],
    bias: &[i64],
) -> Result<()> {
    let limit = accumulator_limit(range);
    let [both, first, second] = weights.map(|w| i128::from(w.unsigned_abs()));
    let most = i128::from(range - 1);
    let sum = i128::try_from(inner)
        .ok()
        .and_then(|n| n.checked_mul(both * most * most + (first + second) * most));
    for (element, bias) in bias.iter().enumerate() {
        let bound = sum.map_or(i128::MAX, |s| {
            s.saturating_add(i128::from(bias.unsigned_abs()))
        });
        if bound >= limit {
            return Err(ModelError::AccumulatorBound {
                layer: layer.to_owned(),
                element,
                bound,
                limit,
            });
        }
    }
    Ok(())
}
