//! The documented formulas, transcribed: slow, and the property-test oracle of the executor.

use super::run::{Trace, check_inputs};
use super::validate::validate;
use crate::error::Result;
use crate::quantized::{Dims, Operand, QGather, QLayer, QLinear, QuantizedGraph, TermMap};

/// Element `(c, y, x)`.
fn at(values: &[u32], dims: Dims, c: usize, y: usize, x: usize) -> i64 {
    i64::from(values[(c * dims.h + y) * dims.w + x])
}

/// The value at a place of an operand.
fn operand(operand: &Operand, tensors: &[Vec<u32>], place: usize) -> i64 {
    let element = match &operand.elements {
        Some(elements) => elements[place],
        None => place,
    };
    i64::from(tensors[operand.tensor.0][element])
}

/// The element with this number among the sources' elements.
fn picked(layer: &QGather, tensors: &[Vec<u32>], element: usize) -> u32 {
    let mut rest = element;
    for source in &layer.sources {
        let values = &tensors[source.0];
        match values.get(rest) {
            Some(value) => return *value,
            None => rest -= values.len(),
        }
    }
    // Graphs are checked before.
    0
}

/// [`super::linear_accumulators`], one output element at a time.
pub fn linear_accumulators(
    graph: &QuantizedGraph,
    layer: &QLinear,
    tensors: &[Vec<u32>],
) -> Vec<i64> {
    let out = graph.tensor(layer.output).dims;
    (0..out.len())
        .map(|e| {
            layer.element_bias[e]
                + layer
                    .terms
                    .iter()
                    .map(|t| {
                        let src = graph.tensor(t.input).dims;
                        let values = &tensors[t.input.0];
                        match &t.map {
                            TermMap::Dense { weights } => (0..src.len())
                                .map(|i| weights[e * src.len() + i] * i64::from(values[i]))
                                .sum::<i64>(),
                            TermMap::Conv(m) => {
                                let (o, oy, ox) =
                                    (e / out.plane(), e % out.plane() / out.w, e % out.w);
                                let (gi, go) = (src.c / m.groups, out.c / m.groups);
                                let window = m.window();
                                let [ph, pw] = m.pre_pool;
                                let mut sum = 0;
                                for i in 0..gi {
                                    for tap in
                                        window.inside([oy, ox], window.pooled([src.h, src.w]))
                                    {
                                        let w = m.weights[(o * gi + i) * window.taps() + tap.index];
                                        for (dy, dx) in
                                            (0..ph).flat_map(|dy| (0..pw).map(move |dx| (dy, dx)))
                                        {
                                            let (y, x) = (tap.row * ph + dy, tap.column * pw + dx);
                                            sum += w * at(values, src, o / go * gi + i, y, x);
                                        }
                                    }
                                }
                                sum
                            }
                        }
                    })
                    .sum::<i64>()
        })
        .collect()
}

/// [`super::execute`] by the naive formulas.
///
/// # Errors
/// As [`super::execute`].
pub fn execute(graph: &QuantizedGraph, inputs: &[Vec<u32>]) -> Result<Trace> {
    validate(graph)?;
    check_inputs(graph, inputs)?;
    let mut tensors = vec![Vec::new(); graph.tensors.len()];
    for (id, values) in graph.inputs.iter().zip(inputs) {
        tensors[id.0] = values.clone();
    }
    let r = i64::from(graph.range);
    for layer in &graph.layers {
        let quotient = |a: i64| a.div_euclid(r).max(0).min(r - 1) as u32;
        let values = match layer {
            QLayer::Linear(l) => linear_accumulators(graph, l, &tensors)
                .into_iter()
                .map(quotient)
                .collect(),
            QLayer::Gather(l) => l.elements.iter().map(|e| picked(l, &tensors, *e)).collect(),
            QLayer::Function(l) => (0..tensors[l.input.0].len())
                .map(|e| graph.tables[l.table][tensors[l.input.0][e] as usize])
                .collect(),
            QLayer::Product(l) => (0..l.element_bias.len())
                .map(|e| {
                    let a = operand(&l.left, &tensors, e);
                    let b = operand(&l.right, &tensors, e);
                    let [w0, w1, w2] = l.weights;
                    quotient(w0 * a * b + w1 * a + w2 * b + l.element_bias[e])
                })
                .collect(),
            QLayer::MatMul(l) => {
                let (out, src) = (graph.tensor(l.output).dims, graph.tensor(l.right).dims);
                let right = &tensors[l.right.0];
                let [w0, w1, w2] = l.weights;
                (0..out.len())
                    .map(|e| {
                        let (c, y, x) = out.position(e);
                        let matrix = c / (out.c / l.matrices);
                        let mut sum = l.element_bias[e];
                        for k in 0..l.inner {
                            let a = operand(&l.left, &tensors, c * l.inner + k);
                            let b = at(right, src, matrix * l.inner + k, y, x);
                            sum += w0 * a * b + w1 * a + w2 * b;
                        }
                        quotient(sum)
                    })
                    .collect()
            }
            QLayer::MaxPool(l) => {
                let (src, dst) = (graph.tensor(l.input).dims, graph.tensor(l.output).dims);
                let input = &tensors[l.input.0];
                (0..dst.len())
                    .map(|e| {
                        let (c, oy, ox) = (e / dst.plane(), e % dst.plane() / dst.w, e % dst.w);
                        let taps = l.window().inside([oy, ox], [src.h, src.w]);
                        let values = taps.map(|tap| at(input, src, c, tap.row, tap.column));
                        values.max().unwrap_or(0) as u32
                    })
                    .collect()
            }
        };
        tensors[layer.output().0] = values;
    }
    Ok(Trace { tensors })
}
