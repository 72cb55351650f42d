//! The documented formulas, transcribed: slow, and the property-test oracle of the executor.

use super::Trace;
use crate::error::Result;
use crate::quantized::{Dims, QLayer, QLinear, QuantizedGraph, TermMap};

/// Element `(c, y, x)`, or 0 where it does not exist.
fn at(values: &[u32], dims: Dims, c: usize, y: i64, x: i64) -> i64 {
    if y < 0 || x < 0 || y >= dims.h as i64 || x >= dims.w as i64 {
        return 0;
    }
    i64::from(values[(c * dims.h + y as usize) * dims.w + x as usize])
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
                                let [ph, pw] = m.pre_pool;
                                let (rows, columns) = ((src.h / ph) as i64, (src.w / pw) as i64);
                                let mut sum = 0;
                                for i in 0..gi {
                                    for ky in 0..m.kernel[0] {
                                        for kx in 0..m.kernel[1] {
                                            let y =
                                                (oy * m.stride[0] + ky) as i64 - m.pad[0] as i64;
                                            let x =
                                                (ox * m.stride[1] + kx) as i64 - m.pad[1] as i64;
                                            if y < 0 || x < 0 || y >= rows || x >= columns {
                                                continue;
                                            }
                                            let w = m.weights[((o * gi + i) * m.kernel[0] + ky)
                                                * m.kernel[1]
                                                + kx];
                                            for dy in 0..ph {
                                                for dx in 0..pw {
                                                    sum += w * at(
                                                        values,
                                                        src,
                                                        o / go * gi + i,
                                                        y * ph as i64 + dy as i64,
                                                        x * pw as i64 + dx as i64,
                                                    );
                                                }
                                            }
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
    super::validate(graph)?;
    super::check_inputs(graph, inputs)?;
    let mut tensors = vec![Vec::new(); graph.tensors.len()];
    for (id, values) in graph.inputs.iter().zip(inputs) {
        tensors[id.0] = values.clone();
    }
    let r = i64::from(graph.range);
    for layer in &graph.layers {
        let values = match layer {
            QLayer::Linear(l) => linear_accumulators(graph, l, &tensors)
                .into_iter()
                .map(|a| a.div_euclid(r).max(0).min(r - 1) as u32)
                .collect(),
            QLayer::MaxPool(l) => {
                let (src, dst) = (graph.tensor(l.input).dims, graph.tensor(l.output).dims);
                let input = &tensors[l.input.0];
                (0..dst.len())
                    .map(|e| {
                        let (c, oy, ox) = (e / dst.plane(), e % dst.plane() / dst.w, e % dst.w);
                        let mut best = 0;
                        for ky in 0..l.kernel[0] {
                            for kx in 0..l.kernel[1] {
                                let y = (oy * l.stride[0] + ky) as i64 - l.pad[0] as i64;
                                let x = (ox * l.stride[1] + kx) as i64 - l.pad[1] as i64;
                                best = best.max(at(input, src, c, y, x));
                            }
                        }
                        best as u32
                    })
                    .collect()
            }
        };
        tensors[layer.output().0] = values;
    }
    Ok(Trace { tensors })
}
