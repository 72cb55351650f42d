//! Softmax and normalisations: means, differences, powers and products.

use super::masks::Masked;
use super::{Compose, Operand};
use crate::error::Result;
use crate::float::{Constant, FloatOp, Function, Rearrange};

impl Compose<'_> {
    /// Exponentials of the differences from the maximum, their sum, which is at least 1, and the differences. Masked elements have 0.
    fn exponentials(&mut self, (x, factors): Masked, axis: usize) -> Result<[Operand; 3]> {
        let shape = self.shape(&x);
        let maximum = self.maximum(&x, &[axis], true)?;
        let maximum = self.expanded(&maximum, &shape)?;
        let rest = self.apply(FloatOp::Sub, &[x, maximum])?;
        let mut powers = self.function(&rest, Function::Exp)?;
        if let Some(factors) = factors {
            powers = self.apply(FloatOp::MulConstant(factors), &[powers])?;
        }
        let sum = self.sum(&powers, &[axis], 1.0, true)?;
        Ok([powers, sum, rest])
    }

    /// Softmax over an axis.
    pub(in crate::frontend) fn softmax(&mut self, x: &Operand, axis: usize) -> Result<Operand> {
        let x = self.without_mask(x, axis)?;
        self.shares(x, axis)
    }

    /// Softmax over an axis; elements that are masked have no share.
    pub(in crate::frontend) fn masked_softmax(
        &mut self,
        x: &Operand,
        axis: usize,
        mask: &[bool],
    ) -> Result<Operand> {
        let masked = self.masked_rows(x, mask, axis)?;
        let masked = masked.ok_or_else(|| self.refuse("a row that is masked as a whole"))?;
        self.shares(masked, axis)
    }

    fn shares(&mut self, x: Masked, axis: usize) -> Result<Operand> {
        let shape = self.shape(&x.0);
        if shape[axis] == 2 && x.1.is_none() {
            // Of two, each has the sigmoid of what it is ahead by.
            let other = FloatOp::Rearrange(Rearrange::reversed(&shape, axis));
            let other = self.apply(other, std::slice::from_ref(&x.0))?;
            let ahead = self.arithmetic(super::Arithmetic::Sub, &x.0, &other)?;
            return self.function(&ahead, Function::Sigmoid);
        }
        let [powers, sum, _] = self.exponentials(x, axis)?;
        let share = self.function(&sum, Function::Reciprocal { least: 1.0 })?;
        let share = self.expanded(&share, &shape)?;
        self.apply(FloatOp::Mul, &[powers, share])
    }

    /// The logarithm of Softmax over an axis.
    pub(in crate::frontend) fn log_softmax(&mut self, x: &Operand, axis: usize) -> Result<Operand> {
        let shape = self.shape(x);
        let x = self.without_mask(x, axis)?;
        let [_, sum, rest] = self.exponentials(x, axis)?;
        let logarithm = self.function(&sum, Function::Log { least: 1.0 })?;
        let logarithm = self.expanded(&logarithm, &shape)?;
        self.apply(FloatOp::Sub, &[rest, logarithm])
    }

    /// `x / sqrt(max(sum of squares over the axis, epsilon))`.
    pub(in crate::frontend) fn unit_length(
        &mut self,
        x: &Operand,
        axis: usize,
        epsilon: f64,
    ) -> Result<Operand> {
        let shape = self.shape(x);
        let square = self.square(x)?;
        let sum = self.sum(&square, &[axis], 1.0, true)?;
        let factor = Function::Power {
            exponent: -0.5,
            least: epsilon,
        };
        let factor = self.function(&sum, factor)?;
        let factor = self.expanded(&factor, &shape)?;
        self.apply(FloatOp::Mul, &[x.clone(), factor])
    }

    /// `x / (bias + alpha * sum of squares of elements at most radius apart along the axis) ^ beta`.
    pub(in crate::frontend) fn local_response(
        &mut self,
        x: &Operand,
        axis: usize,
        radius: usize,
        [bias, alpha, beta]: [f64; 3],
    ) -> Result<Operand> {
        let fine = [bias, alpha, beta].iter().all(|v| v.is_finite());
        if !(fine && bias > 0.0 && alpha >= 0.0 && beta > 0.0) {
            return Err(self.refuse("a bias, alpha or beta that is not positive"));
        }
        let length = self.shape(x)[axis];
        self.size(&[length, length])?;
        let weight = |n: usize| {
            let near = (n / length).abs_diff(n % length) <= radius;
            if near { alpha } else { 0.0 }
        };
        let weights = (0..length * length).map(weight).collect();
        let square = self.square(x)?;
        let sum = self.along_axis(&square, axis, length, weights)?;
        let sum = self.shifted(&sum, bias)?;
        let factor = Function::Power {
            exponent: -beta,
            least: bias,
        };
        let factor = self.function(&sum, factor)?;
        self.apply(FloatOp::Mul, &[x.clone(), factor])
    }

    /// `x + (1 - slope) * relu(-x)`; the slope broadcasts to the tensor.
    pub(in crate::frontend) fn with_slope(
        &mut self,
        x: &Operand,
        slope: &Operand,
    ) -> Result<Operand> {
        let shape = self.shape(x);
        let below = self.scaled(x, -1.0)?;
        let below = self.relu(&below)?;
        let one = Operand::Constant(Constant::scalar(1.0));
        let factor = self.arithmetic(super::Arithmetic::Sub, &one, slope)?;
        let factor = self.expanded(&factor, &shape)?;
        let below = self.arithmetic(super::Arithmetic::Mul, &below, &factor)?;
        self.arithmetic(super::Arithmetic::Add, x, &below)
    }
}
