//! The rules of [`crate::quantized`], checked.

mod activations;

use crate::convolution::pooled_dims;
use crate::error::{ModelError, Result};
use crate::quantized::{
    ConvMap, Dims, QLayer, QLinear, QMaxPool, QuantizedGraph, TensorId, TermMap,
};

/// No tensor of a graph is larger than this; keeps a malformed graph from exhausting memory.
const MAX_ELEMENTS: usize = 1 << 28;

/// Exclusive bound on every accumulator's magnitude.
pub(crate) fn accumulator_limit(range: u32) -> i128 {
    let r = i128::from(range);
    (r * r * r).min(1 << 62)
}

/// Checks shapes, topological order, element orders and accumulator bounds.
///
/// # Errors
/// [`ModelError::InvalidGraph`] or [`ModelError::AccumulatorBound`], naming the layer.
pub fn validate(graph: &QuantizedGraph) -> Result<()> {
    let bad = |detail: String| Err(ModelError::InvalidGraph(detail));
    if !(16..=1 << 16).contains(&graph.range) || !graph.range.is_multiple_of(2) {
        return bad(format!(
            "range {} is not even, or not in [16, 65536]",
            graph.range
        ));
    }
    for tensor in &graph.tensors {
        let Dims { c, h, w } = tensor.dims;
        let len = c.checked_mul(h).and_then(|n| n.checked_mul(w));
        if !len.is_some_and(|n| (1..=MAX_ELEMENTS).contains(&n)) {
            return bad(format!("tensor {} has dims {c}x{h}x{w}", tensor.name));
        }
        if tensor.quant.zero_point >= graph.range
            || !(tensor.quant.scale.is_finite() && tensor.quant.scale > 0.0)
        {
            return bad(format!(
                "tensor {} has quantisation {:?}",
                tensor.name, tensor.quant
            ));
        }
        if let Some(factors) = &tensor.factors {
            let good = |f: &f64| f.is_normal() && *f > 0.0;
            if factors.len() != tensor.dims.c || !factors.iter().all(good) {
                return bad(format!(
                    "tensor {}: its factors are not one positive number for each channel",
                    tensor.name
                ));
            }
        }
        if let Some(order) = &tensor.element_order {
            let mut seen = vec![false; tensor.dims.len()];
            for &i in order {
                match seen.get_mut(i) {
                    Some(slot) if !*slot => *slot = true,
                    _ => {
                        return bad(format!(
                            "tensor {}: its element order is not a permutation",
                            tensor.name
                        ));
                    }
                }
            }
            if order.len() != seen.len() {
                return bad(format!(
                    "tensor {}: its element order is too short",
                    tensor.name
                ));
            }
        }
    }
    for (index, table) in graph.tables.iter().enumerate() {
        if table.len() != graph.range as usize || table.iter().any(|u| *u >= graph.range) {
            return bad(format!(
                "table {index} does not have one value in [0, {}) for each",
                graph.range
            ));
        }
    }
    let mut known = vec![false; graph.tensors.len()];
    let mut define = |id: TensorId| match known.get_mut(id.0) {
        Some(slot) if !*slot => {
            *slot = true;
            true
        }
        _ => false,
    };
    for id in &graph.inputs {
        if !define(*id) {
            return bad(format!("input tensor {} is missing or repeated", id.0));
        }
    }
    let mut defined: Vec<TensorId> = graph.inputs.clone();
    for layer in &graph.layers {
        for id in layer.inputs() {
            if !defined.contains(&id) {
                return bad(format!(
                    "layer {} reads tensor {} before it is written",
                    layer.name(),
                    id.0
                ));
            }
        }
        if !define(layer.output()) {
            return bad(format!(
                "layer {} writes tensor {}, which is missing or already written",
                layer.name(),
                layer.output().0
            ));
        }
        validate_layer(graph, layer)?;
        defined.push(layer.output());
    }
    if graph.outputs.is_empty() {
        return bad("the graph has no output".into());
    }
    for id in &graph.outputs {
        if !defined.contains(id) {
            return bad(format!("output tensor {} is never written", id.0));
        }
        let tensor = graph.tensor(*id);
        if tensor.factors.is_some() {
            return bad(format!("output {} has factors", tensor.name));
        }
    }
    Ok(())
}

/// The rules of one layer.
pub(crate) fn validate_layer(graph: &QuantizedGraph, layer: &QLayer) -> Result<()> {
    match layer {
        QLayer::Linear(l) => linear(graph, l),
        QLayer::MaxPool(l) => max_pool(graph, l),
        QLayer::Gather(l) => activations::gather(graph, l),
        QLayer::Function(l) => activations::function(graph, l),
        QLayer::Product(l) => activations::product(graph, l),
        QLayer::MatMul(l) => activations::mat_mul(graph, l),
    }
}

fn linear(graph: &QuantizedGraph, layer: &QLinear) -> Result<()> {
    let bad = |detail: &str| {
        Err(ModelError::InvalidGraph(format!(
            "layer {}: {detail}",
            layer.name
        )))
    };
    let out = graph.tensor(layer.output).dims;
    if layer.element_bias.len() != out.len() {
        return bad("it needs one bias per output element");
    }
    let convs = layer
        .terms
        .iter()
        .filter(|t| matches!(t.map, TermMap::Conv(_)))
        .count();
    if convs != 0 && convs != layer.terms.len() {
        return bad("convolution and dense terms are mixed");
    }
    for (n, term) in layer.terms.iter().enumerate() {
        if layer.terms[..n].iter().any(|t| t.input == term.input) {
            return bad("a tensor appears in two terms");
        }
        let src = graph.tensor(term.input).dims;
        match &term.map {
            TermMap::Dense { weights } => {
                if Some(weights.len()) != src.len().checked_mul(out.len()) {
                    return bad("the number of dense weights does not match its tensors");
                }
            }
            TermMap::Conv(map) => {
                if let Some(reason) = conv_error(map, src, out) {
                    return bad(reason);
                }
            }
        }
    }
    check_bounds(graph.range, layer, out, |id| graph.tensor(id).dims.len())
}

fn conv_error(map: &ConvMap, src: Dims, out: Dims) -> Option<&'static str> {
    let small = |v: &[usize; 2]| v.iter().all(|n| (1..=MAX_ELEMENTS).contains(n));
    if ![map.pre_pool, map.kernel, map.stride].iter().all(small) || map.groups == 0 {
        return Some("a kernel, stride, pooling or group count is 0 or too large");
    }
    if map.pad.iter().any(|p| *p > MAX_ELEMENTS) {
        return Some("the padding is too large");
    }
    if !src.c.is_multiple_of(map.groups) || !out.c.is_multiple_of(map.groups) {
        return Some("channels are not a multiple of the groups");
    }
    let from = pooled_dims(src, map.pre_pool);
    if from.is_empty() {
        return Some("the pooling window is larger than the input");
    }
    let count = [src.c / map.groups, map.kernel[0], map.kernel[1]]
        .iter()
        .try_fold(out.c, |n, m| n.checked_mul(*m));
    (count != Some(map.weights.len())).then_some("the number of weights does not match")
}

/// `sum |W| (range - 1) + |bias|` for every output element, over all taps (also those that padding removes).
pub(crate) fn check_bounds(
    range: u32,
    layer: &QLinear,
    out: Dims,
    input_len: impl Fn(TensorId) -> usize,
) -> Result<()> {
    let limit = accumulator_limit(range);
    let magnitude = |w: &[i64]| w.iter().map(|v| i128::from(v.unsigned_abs())).sum::<i128>();
    let mut sums = vec![0i128; out.len()];
    for term in &layer.terms {
        match &term.map {
            TermMap::Dense { weights } => {
                let rows = weights.chunks_exact(input_len(term.input));
                for (slot, row) in sums.iter_mut().zip(rows) {
                    *slot += magnitude(row);
                }
            }
            TermMap::Conv(map) => {
                let window = (map.pre_pool[0] as i128) * (map.pre_pool[1] as i128);
                let rows = map.weights.chunks_exact(map.weights.len() / out.c);
                for (plane, row) in sums.chunks_exact_mut(out.plane()).zip(rows) {
                    let sum = magnitude(row) * window;
                    plane.iter_mut().for_each(|slot| *slot += sum);
                }
            }
        }
    }
    for (element, (sum, bias)) in sums.iter().zip(&layer.element_bias).enumerate() {
        let bound = sum * i128::from(range - 1) + i128::from(bias.unsigned_abs());
        if bound >= limit {
            return Err(ModelError::AccumulatorBound {
                layer: layer.name.clone(),
                element,
                bound,
                limit,
            });
        }
    }
    Ok(())
}

fn max_pool(graph: &QuantizedGraph, layer: &QMaxPool) -> Result<()> {
    let bad = |detail: &str| {
        Err(ModelError::InvalidGraph(format!(
            "layer {}: {detail}",
            layer.name
        )))
    };
    let (src, out) = (graph.tensor(layer.input), graph.tensor(layer.output));
    let [kh, kw] = layer.kernel;
    if kh == 0 || kw == 0 || kh > 4 || kw > 4 || kh * kw > 4 {
        return bad("a window has one to four taps");
    }
    if layer.stride.iter().any(|s| !(1..=MAX_ELEMENTS).contains(s)) {
        return bad("a stride is 0 or too large");
    }
    if layer.pad[0] >= kh || layer.pad[1] >= kw {
        return bad("the padding is not less than the window");
    }
    if src.dims.c != out.dims.c {
        return bad("input and output channels differ");
    }
    if src.quant != out.quant {
        return bad("input and output quantisation differ");
    }
    Ok(())
}
