//! Builds float graphs with shape inference; every rule of the graph is checked here, once.

use super::graph::{FloatGraph, FloatId, FloatNode, FloatTensor};
use super::ops::{Conv, Element, FloatOp, Rearrange};
use crate::error::{ModelError, Result};
use crate::names::tell_apart;
use crate::window::{Axis, Padding, Window};
use chainfer_formats::FinalFunction;
use std::collections::{BTreeMap, BTreeSet};

/// No tensor is larger than this, as in a bundle's structure: no chunk could hold it.
pub(crate) const MAX_ELEMENTS: usize = 1 << 22;
/// No kernel, stride or padding is larger than this.
const MAX_EXTENT: usize = 1 << 16;

/// Adds tensors and nodes in topological order.
#[derive(Clone, Debug, Default)]
pub struct GraphBuilder {
    tensors: Vec<FloatTensor>,
    nodes: Vec<FloatNode>,
    inputs: Vec<FloatId>,
    fixed_point: Option<f64>,
    left_out: BTreeMap<FloatId, FinalFunction>,
}

impl GraphBuilder {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty graph whose source model, and its input files, are fixed point at this scale factor.
    pub fn with_fixed_point(scale_factor: f64) -> Self {
        Self {
            fixed_point: Some(scale_factor),
            ..Self::default()
        }
    }

    /// The shape of a tensor made so far.
    pub fn shape(&self, id: FloatId) -> &[usize] {
        &self.tensors[id.0].shape
    }

    /// The node that makes a tensor, if it is no input.
    pub fn producer(&self, id: FloatId) -> Option<&FloatNode> {
        // Nodes are in the order of the tensors that they make.
        let at = self.nodes.binary_search_by_key(&id, |n| n.output).ok()?;
        self.nodes.get(at)
    }

    /// How many tensors were made so far; those that follow have greater ids.
    pub fn tensors(&self) -> usize {
        self.tensors.len()
    }

    /// Adds a model input.
    ///
    /// # Errors
    /// The shape is empty or too large, or an element count is 0.
    pub fn input(&mut self, name: &str, shape: &[usize]) -> Result<FloatId> {
        check_size(name, "Input", shape)?;
        let id = self.push_tensor(name, shape.to_vec());
        self.inputs.push(id);
        Ok(id)
    }

    /// Adds a node; its output tensor has the node's name.
    ///
    /// # Errors
    /// [`ModelError::UnsupportedUse`] names the node and says what does not fit.
    pub fn node(&mut self, name: &str, op: FloatOp, inputs: &[FloatId]) -> Result<FloatId> {
        let bad = |reason: String| {
            Err(ModelError::UnsupportedUse {
                node: name.to_owned(),
                op: op.name().to_owned(),
                reason,
            })
        };
        if inputs.len() != op.arity() || inputs.iter().any(|i| i.0 >= self.tensors.len()) {
            return bad(format!("{} operand(s) expected", op.arity()));
        }
        let shapes: Vec<&[usize]> = inputs.iter().map(|i| self.shape(*i)).collect();
        let shape = match infer(&op, &shapes) {
            Ok(shape) => shape,
            Err(reason) => return bad(reason),
        };
        check_size(name, op.name(), &shape)?;
        let output = self.push_tensor(name, shape);
        self.nodes.push(FloatNode {
            name: name.to_owned(),
            op,
            inputs: inputs.to_vec(),
            output,
        });
        Ok(output)
    }

    /// Renames a tensor (to the name the source model gives it).
    pub fn rename(&mut self, id: FloatId, name: &str) {
        self.tensors[id.0].name = name.to_owned();
    }

    /// Says that a tensor, an output, is what a function at the end of the source model would read, which is left out.
    pub fn leave_out(&mut self, id: FloatId, function: FinalFunction) {
        self.left_out.insert(id, function);
    }

    /// Closes the graph. Nodes that no output depends on are dropped.
    ///
    /// # Errors
    /// There is no input or no output.
    pub fn finish(self, outputs: &[FloatId]) -> Result<FloatGraph> {
        if self.inputs.is_empty() || outputs.is_empty() {
            return Err(ModelError::Malformed {
                format: "model",
                detail: "a model needs at least one input and one output".into(),
            });
        }
        let mut live = vec![false; self.tensors.len()];
        for id in outputs {
            live[id.0] = true;
        }
        for node in self.nodes.iter().rev() {
            if live[node.output.0] {
                node.inputs.iter().for_each(|i| live[i.0] = true);
            }
        }
        let mut nodes = self.nodes;
        nodes.retain(|node| live[node.output.0]);
        let mut tensors = self.tensors;
        let ends: BTreeSet<usize> = self.inputs.iter().chain(outputs).map(|id| id.0).collect();
        let used = tensors.iter_mut().enumerate().filter(|(at, _)| live[*at]);
        tell_apart(used.map(|(at, tensor)| (&mut tensor.name, ends.contains(&at))));
        Ok(FloatGraph {
            nodes,
            tensors,
            inputs: self.inputs,
            outputs: outputs.to_vec(),
            fixed_point: self.fixed_point,
            left_out: self.left_out,
        })
    }

    fn push_tensor(&mut self, name: &str, shape: Vec<usize>) -> FloatId {
        self.tensors.push(FloatTensor {
            name: name.to_owned(),
            shape,
        });
        FloatId(self.tensors.len() - 1)
    }
}

fn check_size(name: &str, op: &'static str, shape: &[usize]) -> Result<()> {
    let len = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
    if len.is_some_and(|n| (1..=MAX_ELEMENTS).contains(&n)) {
        return Ok(());
    }
    Err(ModelError::UnsupportedUse {
        node: name.to_owned(),
        op: op.to_owned(),
        reason: format!("shape {shape:?} is empty or larger than {MAX_ELEMENTS} elements"),
    })
}

fn planes(shape: &[usize]) -> Result<(usize, usize, usize), String> {
    match shape {
        [1, c, h, w] => Ok((*c, *h, *w)),
        _ => Err(format!(
            "input shape {shape:?}; supported: [1, channels, rows, columns]"
        )),
    }
}

/// Channels, rows and columns after sliding a window over planes.
fn slide(shape: &[usize], window: &Window, padding: &Padding) -> Result<[usize; 3], String> {
    let (c, h, w) = planes(shape)?;
    let after = padding.after();
    let side = |axis: &Axis, len: usize, after: usize| {
        let sizes = [axis.kernel, axis.stride, axis.dilation];
        if sizes.iter().any(|n| !(1..=MAX_EXTENT).contains(n)) || axis.pad.max(after) > MAX_EXTENT {
            return Err(format!(
                "kernel {}, stride {} or padding {}+{after} is 0 or larger than {MAX_EXTENT}",
                axis.kernel, axis.stride, axis.pad
            ));
        }
        axis.output_len(len, after).ok_or_else(|| {
            format!(
                "the window of {} is larger than the padded input of {}",
                axis.extent(),
                len + axis.pad + after
            )
        })
    };
    Ok([
        c,
        side(&window.rows, h, after[0])?,
        side(&window.columns, w, after[1])?,
    ])
}

fn expect(what: &str, expected: usize, got: usize) -> Result<(), String> {
    if expected == got {
        return Ok(());
    }
    Err(format!("{what}: {expected} expected, got {got}"))
}

fn conv_shape(conv: &Conv, shape: &[usize]) -> Result<Vec<usize>, String> {
    let [c, h, w] = slide(shape, &conv.window(), &conv.padding)?;
    if conv.groups == 0
        || !c.is_multiple_of(conv.groups)
        || !conv.channels.is_multiple_of(conv.groups)
    {
        return Err(format!(
            "{} groups do not divide {c} input and {} output channels",
            conv.groups, conv.channels
        ));
    }
    let taps = conv.window().taps();
    let weights = conv
        .channels
        .saturating_mul(c / conv.groups)
        .saturating_mul(taps);
    expect("weights", weights, conv.weights.len())?;
    if let Some(bias) = &conv.bias {
        expect("bias values", conv.channels, bias.len())?;
    }
    Ok(vec![1, conv.channels, h, w])
}

fn infer(op: &FloatOp, shapes: &[&[usize]]) -> Result<Vec<usize>, String> {
    let shape = shapes[0];
    let len: usize = shape.iter().product();
    finite(op)?;
    match op {
        FloatOp::Conv(conv) => conv_shape(conv, shape),
        FloatOp::Dense(dense) => {
            let Some((last, rest)) = shape.split_last() else {
                return Err("a scalar input".into());
            };
            expect(
                "weights",
                last.saturating_mul(dense.outputs),
                dense.weights.len(),
            )?;
            if let Some(bias) = &dense.bias {
                expect("bias values", dense.outputs, bias.len())?;
            }
            Ok(rest.iter().copied().chain([dense.outputs]).collect())
        }
        FloatOp::BatchNorm(norm) => {
            let channels = *shape.get(1).ok_or("an input without a channel axis")?;
            for values in [&norm.gamma, &norm.beta, &norm.mean, &norm.variance] {
                expect("statistics per channel", channels, values.len())?;
            }
            if norm.variance.iter().any(|v| v + norm.epsilon <= 0.0) {
                return Err("variance + epsilon is not positive".into());
            }
            Ok(shape.to_vec())
        }
        FloatOp::AddConstant(c) | FloatOp::MulConstant(c) => {
            expect("constant values", c.shape.iter().product(), c.data.len())?;
            if !c.fits(shape) {
                return Err(format!(
                    "a constant of shape {:?} does not broadcast to {shape:?}",
                    c.shape
                ));
            }
            Ok(shape.to_vec())
        }
        FloatOp::Rearrange(op) => rearranged(op, shapes),
        FloatOp::Function(_) => Ok(shape.to_vec()),
        FloatOp::MatMul => {
            let (left, right) = (shapes[0], shapes[1]);
            let axes = left.len();
            if axes < 2
                || right.len() != axes
                || left[..axes - 2] != right[..axes - 2]
                || left[axes - 1] != right[axes - 2]
            {
                return Err(format!(
                    "operands of shapes {left:?} and {right:?}; supported: [..., rows, inner] and [..., inner, columns]"
                ));
            }
            Ok([&left[..axes - 1], &right[axes - 1..]].concat())
        }
        FloatOp::Add | FloatOp::Sub | FloatOp::Mul => {
            if shapes[0] != shapes[1] {
                return Err(format!(
                    "operands of shapes {:?} and {:?}; supported: one shape, or a constant",
                    shapes[0], shapes[1]
                ));
            }
            Ok(shape.to_vec())
        }
        FloatOp::Clamp(bounds) => {
            let (low, high) = (bounds.low.unwrap_or(0.0), bounds.high.unwrap_or(0.0));
            if low > 0.0 || high < 0.0 || bounds.low.zip(bounds.high).is_some_and(|(l, h)| l >= h) {
                return Err(format!(
                    "bounds {:?} to {:?}; supported: bounds that enclose 0",
                    bounds.low, bounds.high
                ));
            }
            Ok(shape.to_vec())
        }
        FloatOp::AveragePool(pool) | FloatOp::MaxPool(pool) => {
            let [c, h, w] = slide(shape, &pool.window(), &pool.padding)?;
            let pad = pool.padding;
            if pad.top.max(pad.bottom) >= pool.kernel[0]
                || pad.left.max(pad.right) >= pool.kernel[1]
            {
                return Err("padding that is not less than the window".into());
            }
            Ok(vec![1, c, h, w])
        }
        FloatOp::GlobalAveragePool => planes(shape).map(|(c, _, _)| vec![1, c, 1, 1]),
        FloatOp::Reshape(to) => {
            let count = to.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
            if count == Some(len) {
                return Ok(to.clone());
            }
            Err(format!("{shape:?} does not have the elements of {to:?}"))
        }
        FloatOp::Transpose(perm) => {
            let mut sorted = perm.clone();
            sorted.sort_unstable();
            if sorted.iter().copied().ne(0..shape.len()) {
                return Err(format!(
                    "{perm:?} is not a permutation of {} axes",
                    shape.len()
                ));
            }
            Ok(perm.iter().map(|p| shape[*p]).collect())
        }
    }
}

fn rearranged(op: &Rearrange, shapes: &[&[usize]]) -> Result<Vec<usize>, String> {
    let size = |shape: &[usize]| shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
    if size(&op.shape) != Some(op.elements.len()) {
        return Err(format!(
            "{} elements do not make the shape {:?}",
            op.elements.len(),
            op.shape
        ));
    }
    let lengths: Vec<usize> = shapes.iter().map(|s| s.iter().product()).collect();
    let exists = |element: &Element| match *element {
        Element::Of { operand, index } => lengths
            .get(operand as usize)
            .is_some_and(|len| (index as usize) < *len),
        Element::Constant(value) => value.is_finite(),
    };
    if !op.elements.iter().all(exists) {
        return Err("an element outside of the operands, or a constant that is not finite".into());
    }
    if op
        .elements
        .iter()
        .all(|e| matches!(e, Element::Constant(_)))
    {
        return Err("it reads nothing of its operands".into());
    }
    Ok(op.shape.clone())
}

/// Every constant is a finite number.
fn finite(op: &FloatOp) -> Result<(), String> {
    let empty = Vec::new();
    let parts: [&Vec<f64>; 4] = match op {
        FloatOp::Conv(c) => [
            &c.weights,
            c.bias.as_ref().unwrap_or(&empty),
            &empty,
            &empty,
        ],
        FloatOp::Dense(d) => [
            &d.weights,
            d.bias.as_ref().unwrap_or(&empty),
            &empty,
            &empty,
        ],
        FloatOp::BatchNorm(b) => [&b.gamma, &b.beta, &b.mean, &b.variance],
        FloatOp::AddConstant(c) | FloatOp::MulConstant(c) => [&c.data, &empty, &empty, &empty],
        _ => return Ok(()),
    };
    if parts.iter().all(|p| p.iter().all(|v| v.is_finite())) {
        return Ok(());
    }
    Err("a constant is not a finite number".into())
}
