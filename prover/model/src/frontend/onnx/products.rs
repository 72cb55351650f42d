//! Matrix products of any two operands.

use super::compose::broadcast;
use super::importer::{
    Importer,
    Operand::{self, Constant as C, Tensor as T},
};
use super::node::refuse;
use super::view::size;
use crate::error::Result;
use crate::float::{Constant, Conv, Dense, FloatId, FloatOp, Padding};
use tract_onnx::pb::NodeProto;

/// A matrix as `[output][input]` from `[input][output]`.
pub(super) fn by_output(data: &[f64], inputs: usize, outputs: usize) -> Vec<f64> {
    (0..inputs * outputs)
        .map(|n| data[n % inputs * outputs + n / inputs])
        .collect()
}

impl Importer {
    /// The product as numpy has it: over the last two axes, the others broadcast; an operand of one axis is a row or a column.
    pub(super) fn matrix_product(
        &mut self,
        node: &NodeProto,
        a: Operand,
        b: Operand,
    ) -> Result<Operand> {
        let (left, right) = (self.shape_of(&a), self.shape_of(&b));
        if left.is_empty() || right.is_empty() {
            return Err(refuse(node, "a scalar; supported: operands with axes"));
        }
        let row = left.len() == 1;
        let column = right.len() == 1;
        let a = if row {
            self.reshaped(node, a, &[1, left[0]])?
        } else {
            a
        };
        let b = if column {
            self.reshaped(node, b, &[right[0], 1])?
        } else {
            b
        };
        let product = self.matrices(node, a, b)?;
        let mut shape = self.shape_of(&product);
        let rank = shape.len();
        if column {
            shape.remove(rank - 1);
        }
        if row {
            shape.remove(rank - 2);
        }
        self.reshaped(node, product, &shape)
    }

    /// Both have at least two axes.
    fn matrices(&mut self, node: &NodeProto, a: Operand, b: Operand) -> Result<Operand> {
        let (left, right) = (self.shape_of(&a), self.shape_of(&b));
        let (before, [rows, inner]) = last_two(&left);
        let (other, [same, columns]) = last_two(&right);
        if inner != same {
            return Err(refuse(
                node,
                format!("operands of shapes {left:?} and {right:?}, whose inner lengths differ"),
            ));
        }
        match (a, b) {
            (T(a), C(b)) if other.iter().all(|d| *d == 1) => {
                let dense = Dense {
                    outputs: columns,
                    weights: by_output(&b.data, inner, columns),
                    bias: None,
                };
                let product = self.op(node, FloatOp::Dense(dense), &[a])?;
                let mut shape = vec![1; other.len().saturating_sub(before.len())];
                shape.extend(self.builder.shape(product));
                self.reshape(node, product, &shape).map(T)
            }
            (T(a), C(b)) => self.constant_batch(node, a, &b).map(T),
            // The transposed product is that of the transposed factors, exchanged.
            (C(a), T(b)) => {
                let a = self.flipped(node, C(a))?;
                let b = self.flipped(node, T(b))?;
                let product = self.matrices(node, b, a)?;
                self.flipped(node, product)
            }
            (T(a), T(b)) => {
                let batch = broadcast(node, before, other)?;
                let a = self.expand(node, a, &[&batch[..], &[rows, inner]].concat())?;
                let b = self.expand(node, b, &[&batch[..], &[inner, columns]].concat())?;
                self.op(node, FloatOp::MatMul, &[a, b]).map(T)
            }
            (C(_), C(_)) => Err(refuse(
                node,
                "two constants; fold them when you export the model",
            )),
        }
    }

    /// The last two axes exchanged.
    pub(super) fn flipped(&mut self, node: &NodeProto, operand: Operand) -> Result<Operand> {
        let rank = self.shape_of(&operand).len();
        let mut perm: Vec<usize> = (0..rank).collect();
        perm.swap(rank - 2, rank - 1);
        self.transposed(node, operand, &perm)
    }

    /// Products with a constant matrix for each of several tensors: a convolution of one tap, with a group for each.
    fn constant_batch(&mut self, node: &NodeProto, a: FloatId, b: &Constant) -> Result<FloatId> {
        let left = self.builder.shape(a).to_vec();
        let (before, [rows, inner]) = last_two(&left);
        let (other, [_, columns]) = last_two(&b.shape);
        let batch = broadcast(node, before, other)?;
        let groups: usize = batch.iter().product();
        let a = self.expand(node, a, &[&batch[..], &[rows, inner]].concat())?;
        let a = self.flipped(node, T(a))?;
        let channels = groups * inner;
        let a = self.reshaped(node, a, &[1, channels, 1, rows])?;
        let a = self.only_tensor(node, a)?;
        let shape = [&batch[..], &[inner, columns]].concat();
        size(node, &shape)?;
        let matrices = b.broadcast(&shape);
        let conv = Conv {
            channels: groups * columns,
            kernel: [1, 1],
            stride: [1, 1],
            padding: Padding::NONE,
            groups,
            weights: matrices
                .chunks_exact(inner * columns)
                .flat_map(|m| by_output(m, inner, columns))
                .collect(),
            bias: None,
        };
        let product = self.op(node, FloatOp::Conv(conv), &[a])?;
        let shape = [&batch[..], &[columns, rows]].concat();
        let product = self.reshape(node, product, &shape)?;
        let product = self.flipped(node, T(product))?;
        self.only_tensor(node, product)
    }
}

/// The axes before the last two, and those.
fn last_two(shape: &[usize]) -> (&[usize], [usize; 2]) {
    let at = shape.len() - 2;
    (&shape[..at], [shape[at], shape[at + 1]])
}
