//! Reference executor over f64: what quantisation is measured against.

use super::graph::FloatGraph;
use super::ops::{BatchNorm, Conv, Dense, Element, FloatOp, Pool, transpose_sources};
use crate::convolution::{Geometry, accumulate, fold_windows};
use crate::dims::Dims;
use crate::error::Result;
use crate::signature::check_lists;

/// The values of every tensor of one float inference.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatTrace {
    /// Indexed by [`super::graph::FloatId`], flattened in the shape's order; empty where no output depends on it.
    pub tensors: Vec<Vec<f64>>,
}

impl FloatGraph {
    /// Runs the network on one flat list per input.
    ///
    /// # Errors
    /// Wrong number or length of inputs, or a value that is not finite.
    pub fn execute(&self, inputs: &[Vec<f64>]) -> Result<FloatTrace> {
        self.check_inputs("input", inputs)?;
        let mut tensors = vec![Vec::new(); self.tensors().len()];
        for (id, values) in self.inputs().iter().zip(inputs) {
            tensors[id.0] = values.clone();
        }
        for node in self.nodes() {
            let x: &[f64] = &tensors[node.inputs[0].0];
            let shape = &self.tensor(node.inputs[0]).shape;
            let out_shape = &self.tensor(node.output).shape;
            let values = match &node.op {
                FloatOp::Conv(op) => conv(op, x, shape, out_shape),
                FloatOp::Dense(op) => dense(op, x),
                FloatOp::BatchNorm(op) => batch_norm(op, x, shape),
                FloatOp::AddConstant(c) => zip(x, &c.broadcast(shape), |a, b| a + b),
                FloatOp::MulConstant(c) => zip(x, &c.broadcast(shape), |a, b| a * b),
                FloatOp::Add => zip(x, &tensors[node.inputs[1].0], |a, b| a + b),
                FloatOp::Sub => zip(x, &tensors[node.inputs[1].0], |a, b| a - b),
                FloatOp::Clamp(bounds) => x.iter().map(|v| bounds.clamp(*v)).collect(),
                FloatOp::AveragePool(op) => {
                    let area = op.window().taps() as f64;
                    pool(op, x, shape, out_shape, 0.0, |a, b| a + b)
                        .into_iter()
                        .map(|sum| sum / area)
                        .collect()
                }
                FloatOp::GlobalAveragePool => {
                    let plane = shape[2] * shape[3];
                    x.chunks_exact(plane)
                        .map(|p| p.iter().sum::<f64>() / plane as f64)
                        .collect()
                }
                FloatOp::MaxPool(op) => pool(op, x, shape, out_shape, f64::NEG_INFINITY, f64::max),
                FloatOp::Reshape(_) => x.to_vec(),
                FloatOp::Transpose(perm) => transpose_sources(shape, perm)
                    .into_iter()
                    .map(|i| x[i])
                    .collect(),
                FloatOp::Rearrange(op) => {
                    let value = |element: &Element| match *element {
                        Element::Of { operand, index } => {
                            tensors[node.inputs[operand as usize].0][index as usize]
                        }
                        Element::Constant(value) => value,
                    };
                    op.elements.iter().map(value).collect()
                }
                FloatOp::Function(f) => x.iter().map(|v| f.at(*v)).collect(),
                FloatOp::Mul => zip(x, &tensors[node.inputs[1].0], |a, b| a * b),
                FloatOp::MatMul => mat_mul(x, &tensors[node.inputs[1].0], shape, out_shape),
            };
            tensors[node.output.0] = values;
        }
        Ok(FloatTrace { tensors })
    }

    /// Checks number, length and finiteness of inputs; `place` begins the message.
    ///
    /// # Errors
    /// As [`check_lists`].
    pub fn check_inputs(&self, place: &str, inputs: &[Vec<f64>]) -> Result<()> {
        check_lists(place, &self.input_specs(), inputs)
    }

    /// The output tensors of a trace.
    pub fn outputs_of<'a>(&self, trace: &'a FloatTrace) -> Vec<&'a [f64]> {
        self.outputs()
            .iter()
            .map(|id| trace.tensors[id.0].as_slice())
            .collect()
    }
}

fn zip(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    a.iter().zip(b).map(|(x, y)| f(*x, *y)).collect()
}

/// Products of matrices `[..., rows, inner]` and `[..., inner, columns]`.
fn mat_mul(a: &[f64], b: &[f64], shape: &[usize], out: &[usize]) -> Vec<f64> {
    let (inner, columns) = (shape[shape.len() - 1], out[out.len() - 1]);
    let rows = out[out.len() - 2];
    let at = |n: usize| {
        let (row, column) = (n / columns, n % columns);
        let matrix = row / rows;
        (0..inner)
            .map(|k| a[row * inner + k] * b[(matrix * inner + k) * columns + column])
            .sum()
    };
    (0..out.iter().product()).map(at).collect()
}

/// Channels, rows and columns of a `[1, C, H, W]` shape.
fn planes(shape: &[usize]) -> Dims {
    Dims {
        c: shape[1],
        h: shape[2],
        w: shape[3],
    }
}

fn conv(op: &Conv, x: &[f64], shape: &[usize], out: &[usize]) -> Vec<f64> {
    let (src, dst) = (planes(shape), planes(out));
    let mut values = match &op.bias {
        Some(bias) => bias.iter().flat_map(|b| vec![*b; dst.plane()]).collect(),
        None => vec![0.0; dst.len()],
    };
    let geometry = Geometry {
        window: op.window(),
        groups: op.groups,
    };
    accumulate(&geometry, &op.weights, src, dst, x, &mut values);
    values
}

fn dense(op: &Dense, x: &[f64]) -> Vec<f64> {
    let inputs = op.weights.len() / op.outputs;
    let product = |(o, row): (usize, &[f64]), x: &[f64]| {
        let bias = op.bias.as_ref().map_or(0.0, |b| b[o]);
        bias + row.iter().zip(x).map(|(w, v)| w * v).sum::<f64>()
    };
    x.chunks_exact(inputs)
        .flat_map(|x| {
            let rows = op.weights.chunks_exact(inputs).enumerate();
            rows.map(|row| product(row, x)).collect::<Vec<_>>()
        })
        .collect()
}

fn batch_norm(op: &BatchNorm, x: &[f64], shape: &[usize]) -> Vec<f64> {
    let plane: usize = shape[2..].iter().product();
    let channels = shape[1];
    x.iter()
        .enumerate()
        .map(|(e, v)| {
            let (scale, shift) = op.affine(e / plane % channels);
            scale * v + shift
        })
        .collect()
}

fn pool(
    op: &Pool,
    x: &[f64],
    shape: &[usize],
    out: &[usize],
    start: f64,
    f: impl Fn(f64, f64) -> f64,
) -> Vec<f64> {
    let out = [out[2], out[3]];
    fold_windows(&op.window(), planes(shape), out, x, start, f)
}
