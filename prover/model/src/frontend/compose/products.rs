//! Matrix products of any two operands.

use super::{C, Compose, Operand, T, broadcast};
use crate::error::Result;
use crate::float::{Constant, Conv, Dense, FloatOp, Padding};

/// A matrix as `[output][input]` from `[input][output]`.
pub(in crate::frontend) fn by_output(data: &[f64], inputs: usize, outputs: usize) -> Vec<f64> {
    (0..inputs * outputs)
        .map(|n| data[n % inputs * outputs + n / inputs])
        .collect()
}

/// The axes before the last two, and those.
fn last_two(shape: &[usize]) -> (&[usize], [usize; 2]) {
    let at = shape.len() - 2;
    (&shape[..at], [shape[at], shape[at + 1]])
}

impl Compose<'_> {
    /// The last two axes exchanged.
    pub(in crate::frontend) fn flipped(&mut self, operand: &Operand) -> Result<Operand> {
        let rank = self.shape(operand).len();
        if rank < 2 {
            return Err(self.refuse("a matrix of less than two axes"));
        }
        let mut perm: Vec<usize> = (0..rank).collect();
        perm.swap(rank - 2, rank - 1);
        self.transpose(operand, &perm)
    }

    /// The product as numpy has it: over the last two axes, the others broadcast; an operand of one axis is a row or a column.
    pub(in crate::frontend) fn matrix_product(
        &mut self,
        a: &Operand,
        b: &Operand,
    ) -> Result<Operand> {
        let (left, right) = (self.shape(a), self.shape(b));
        if left.is_empty() || right.is_empty() {
            return Err(self.refuse("a scalar; supported: operands with axes"));
        }
        let (row, column) = (left.len() == 1, right.len() == 1);
        let a = match row {
            true => self.reshape(a, &[1, left[0]])?,
            false => a.clone(),
        };
        let b = match column {
            true => self.reshape(b, &[right[0], 1])?,
            false => b.clone(),
        };
        let product = self.matrices(&a, &b)?;
        let mut shape = self.shape(&product);
        let rank = shape.len();
        if column {
            shape.remove(rank - 1);
        }
        if row {
            shape.remove(rank - 2);
        }
        self.reshape(&product, &shape)
    }

    /// Both have at least two axes.
    fn matrices(&mut self, a: &Operand, b: &Operand) -> Result<Operand> {
        let (left, right) = (self.shape(a), self.shape(b));
        let (before, [rows, inner]) = last_two(&left);
        let (other, [same, columns]) = last_two(&right);
        let batch = broadcast(before, other).filter(|_| inner == same);
        let batch = batch.ok_or_else(|| {
            self.refuse(format!(
                "operands of shapes {left:?} and {right:?}, whose inner lengths differ or whose other axes do not broadcast"
            ))
        })?;
        match (a, b) {
            (T(_), C(b)) if other.iter().all(|d| *d == 1) => {
                let dense = Dense {
                    outputs: columns,
                    weights: by_output(&b.data, inner, columns),
                    bias: None,
                };
                let product = self.apply(FloatOp::Dense(dense), std::slice::from_ref(a))?;
                self.reshape(&product, &[&batch[..], &[rows, columns]].concat())
            }
            (T(_), C(b)) => self.constant_batch(a, b, &batch, [rows, inner, columns]),
            // The transposed product is that of the transposed factors, exchanged.
            (C(_), T(_)) => {
                let (a, b) = (self.flipped(a)?, self.flipped(b)?);
                let product = self.matrices(&b, &a)?;
                self.flipped(&product)
            }
            _ => {
                let a = self.expanded(a, &[&batch[..], &[rows, inner]].concat())?;
                let b = self.expanded(b, &[&batch[..], &[inner, columns]].concat())?;
                self.apply(FloatOp::MatMul, &[a, b])
            }
        }
    }

    /// Products with a constant matrix for each of several tensors: a convolution of one tap, with a group for each.
    fn constant_batch(
        &mut self,
        a: &Operand,
        b: &Constant,
        batch: &[usize],
        [rows, inner, columns]: [usize; 3],
    ) -> Result<Operand> {
        let groups: usize = batch.iter().product();
        let a = self.expanded(a, &[batch, &[rows, inner]].concat())?;
        let a = self.flipped(&a)?;
        let a = self.reshape(&a, &[1, groups * inner, 1, rows])?;
        let shape = [batch, &[inner, columns]].concat();
        self.size(&shape)?;
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
        let product = self.apply(FloatOp::Conv(conv), &[a])?;
        let product = self.reshape(&product, &[batch, &[columns, rows]].concat())?;
        self.flipped(&product)
    }
}
