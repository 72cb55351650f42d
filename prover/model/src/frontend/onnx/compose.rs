//! What nodes compose of the operators of the float graph: [`Compose`] at a node, for operands that are known to be tensors.

use super::importer::{
    Importer,
    Operand::{self, Constant as C, Tensor as T},
};
use super::node::refuse;
use crate::error::Result;
use crate::float::{Element, FloatId, FloatOp, Function};
use crate::frontend::compose::{self, Arithmetic, Compose, Sources, View};
use std::ops::Range;
use tract_onnx::pb::NodeProto;

/// The shape that two shapes broadcast to, as numpy's do.
pub(super) fn broadcast(node: &NodeProto, a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    compose::broadcast(a, b).ok_or_else(|| {
        refuse(
            node,
            format!("operands of shapes {a:?} and {b:?}, which do not broadcast to each other"),
        )
    })
}

/// Compositions of a tensor that give a tensor.
macro_rules! of_tensor {
    ($($name:ident($($argument:ident: $kind:ty),*);)*) => {
        impl Importer {
            $(
                #[doc = concat!("As [`Compose::", stringify!($name), "`].")]
                pub(super) fn $name(
                    &mut self,
                    node: &NodeProto,
                    input: FloatId,
                    $($argument: $kind),*
                ) -> Result<FloatId> {
                    let made = Compose::$name(&mut self.at(node), &T(input), $($argument),*)?;
                    self.only_tensor(node, made)
                }
            )*
        }
    };
}

of_tensor! {
    along_axis(axis: usize, outputs: usize, weights: Vec<f64>);
    clamped(low: Option<f64>, high: Option<f64>);
    complement();
    function(f: Function);
    log();
    log_softmax(axis: usize);
    maximum(axes: &[usize], keep: bool);
    mean(axes: &[usize], keep: bool);
    place_of_maximum(axis: usize, last: bool);
    power(exponent: f64);
    reciprocal();
    relu();
    reshape(shape: &[usize]);
    scaled(by: f64);
    shifted(by: f64);
    softmax(axis: usize);
    sum(axes: &[usize], factor: f64, keep: bool);
    transpose(perm: &[usize]);
    truncated();
}

impl Importer {
    /// An operation within a node.
    pub(super) fn op(
        &mut self,
        node: &NodeProto,
        op: FloatOp,
        inputs: &[FloatId],
    ) -> Result<FloatId> {
        self.builder.node(super::node::label(node), op, inputs)
    }

    /// The tensor of an operand; constants are refused.
    pub(super) fn only_tensor(&self, node: &NodeProto, operand: Operand) -> Result<FloatId> {
        match operand {
            T(id) => Ok(id),
            C(_) => Err(refuse(node, "a constant; a tensor is expected")),
        }
    }

    pub(super) fn shape_of(&self, operand: &Operand) -> Vec<usize> {
        operand.shape(&self.builder)
    }

    /// The number of elements of these axes.
    pub(super) fn count(&self, input: FloatId, axes: &[usize]) -> usize {
        let shape = self.builder.shape(input);
        axes.iter().map(|a| shape[*a]).product()
    }

    /// Broadcast to a shape; a tensor.
    pub(super) fn expand(
        &mut self,
        node: &NodeProto,
        id: FloatId,
        shape: &[usize],
    ) -> Result<FloatId> {
        let expanded = self.expanded(node, T(id), shape)?;
        self.only_tensor(node, expanded)
    }

    /// Broadcast to a shape, as numpy does.
    pub(super) fn expanded(
        &mut self,
        node: &NodeProto,
        operand: Operand,
        shape: &[usize],
    ) -> Result<Operand> {
        self.at(node).expanded(&operand, shape)
    }

    pub(super) fn reshaped(
        &mut self,
        node: &NodeProto,
        operand: Operand,
        shape: &[usize],
    ) -> Result<Operand> {
        self.at(node).reshape(&operand, shape)
    }

    /// Axes permuted; `perm` is a permutation of them.
    pub(super) fn transposed(
        &mut self,
        node: &NodeProto,
        operand: Operand,
        perm: &[usize],
    ) -> Result<Operand> {
        self.at(node).transpose(&operand, perm)
    }

    /// The last two axes exchanged.
    pub(super) fn flipped(&mut self, node: &NodeProto, operand: Operand) -> Result<Operand> {
        self.at(node).flipped(&operand)
    }

    /// An operation on two operands that broadcast to each other.
    pub(super) fn arithmetic(
        &mut self,
        node: &NodeProto,
        op: Arithmetic,
        a: Operand,
        b: Operand,
    ) -> Result<Operand> {
        self.at(node).arithmetic(op, &a, &b)
    }

    /// The product as numpy has it.
    pub(super) fn matrix_product(
        &mut self,
        node: &NodeProto,
        a: Operand,
        b: Operand,
    ) -> Result<Operand> {
        self.at(node).matrix_product(&a, &b)
    }

    /// Part of an operand along an axis.
    pub(super) fn part(
        &mut self,
        node: &NodeProto,
        operand: &Operand,
        axis: usize,
        range: Range<usize>,
    ) -> Result<Operand> {
        self.at(node).part(operand, axis, range)
    }

    /// Operands one after the other along an axis.
    pub(super) fn concatenated(
        &mut self,
        node: &NodeProto,
        parts: &[Operand],
        axis: usize,
    ) -> Result<Operand> {
        self.at(node).concatenated(parts, axis)
    }

    /// The elements of one operand that each coordinate of each axis reads.
    pub(super) fn pick(
        &mut self,
        node: &NodeProto,
        operand: &Operand,
        axes: &[Vec<Option<usize>>],
        fill: Element,
    ) -> Result<Operand> {
        self.at(node).pick(operand, axes, fill)
    }

    /// The operation that gives a view; a constant if it reads no tensor.
    pub(super) fn place(
        &mut self,
        node: &NodeProto,
        sources: &Sources,
        view: View,
    ) -> Result<Operand> {
        self.at(node).place(sources, view)
    }
}
