//! Sums and maxima over axes.

use super::{Compose, Operand, T};
use crate::error::Result;
use crate::float::{Constant, Dense, FloatOp, Function, Padding, Pool};

impl Compose<'_> {
    /// The number of elements of these axes.
    pub(in crate::frontend) fn count(&self, input: &Operand, axes: &[usize]) -> usize {
        let shape = self.shape(input);
        axes.iter().map(|a| shape[*a]).product()
    }

    /// The shape with the axes of length 1, or without them.
    fn reduced(&self, input: &Operand, axes: &[usize], keep: bool) -> Vec<usize> {
        let lengths = self.shape(input).into_iter().enumerate();
        lengths
            .filter(|(a, _)| keep || !axes.contains(a))
            .map(|(a, d)| if axes.contains(&a) { 1 } else { d })
            .collect()
    }

    /// The axes moved behind the others.
    fn axes_last(&mut self, input: &Operand, axes: &[usize]) -> Result<Operand> {
        let rank = self.shape(input).len();
        let kept = (0..rank).filter(|a| !axes.contains(a));
        let perm: Vec<usize> = kept.chain(axes.iter().copied()).collect();
        self.transpose(input, &perm)
    }

    /// Sums over axes, times a factor. `axes` are in order, once each.
    pub(in crate::frontend) fn sum(
        &mut self,
        input: &Operand,
        axes: &[usize],
        factor: f64,
        keep: bool,
    ) -> Result<Operand> {
        let target = self.reduced(input, axes, keep);
        let count = self.count(input, axes);
        if count == 1 {
            let view = self.reshape(input, &target)?;
            return self.scaled(&view, factor);
        }
        let shape = self.shape(input);
        if let ([1, _, _, _], T(_), [1, 2] | [2, 3]) = (shape.as_slice(), input, axes) {
            let planes = match axes {
                [1, 2] => self.transpose(input, &[0, 3, 1, 2])?,
                _ => input.clone(),
            };
            let mean = self.apply(FloatOp::GlobalAveragePool, &[planes])?;
            let sum = self.scaled(&mean, factor * count as f64)?;
            return self.reshape(&sum, &target);
        }
        let moved = self.axes_last(input, axes)?;
        let mut rows = self.reduced(input, axes, false);
        rows.push(count);
        let rows = self.reshape(&moved, &rows)?;
        let sum = Dense {
            outputs: 1,
            weights: vec![factor; count],
            bias: None,
        };
        let sum = self.apply(FloatOp::Dense(sum), &[rows])?;
        self.reshape(&sum, &target)
    }

    /// Means over axes.
    pub(in crate::frontend) fn mean(
        &mut self,
        input: &Operand,
        axes: &[usize],
        keep: bool,
    ) -> Result<Operand> {
        let count = self.count(input, axes);
        self.sum(input, axes, 1.0 / count as f64, keep)
    }

    /// Maxima over axes.
    pub(in crate::frontend) fn maximum(
        &mut self,
        input: &Operand,
        axes: &[usize],
        keep: bool,
    ) -> Result<Operand> {
        let target = self.reduced(input, axes, keep);
        let count = self.count(input, axes);
        if count == 1 {
            return self.reshape(input, &target);
        }
        let total: usize = self.shape(input).iter().product();
        let (view, kernel) = match (self.shape(input).as_slice(), axes) {
            ([1, _, h, w], [2, 3]) => (input.clone(), [*h, *w]),
            ([1, h, w, _], [1, 2]) => (self.transpose(input, &[0, 3, 1, 2])?, [*h, *w]),
            _ => {
                let moved = self.axes_last(input, axes)?;
                let view = self.reshape(&moved, &[1, total / count, count, 1])?;
                (view, [count, 1])
            }
        };
        let pool = Pool {
            kernel,
            stride: kernel,
            padding: Padding::NONE,
        };
        let maximum = self.apply(FloatOp::MaxPool(pool), &[view])?;
        self.reshape(&maximum, &target)
    }

    /// Minima over axes.
    pub(in crate::frontend) fn minimum(
        &mut self,
        input: &Operand,
        axes: &[usize],
        keep: bool,
    ) -> Result<Operand> {
        let negative = self.scaled(input, -1.0)?;
        let maximum = self.maximum(&negative, axes, keep)?;
        self.scaled(&maximum, -1.0)
    }

    /// The product of the elements along axes: pairs, in stages.
    pub(in crate::frontend) fn product(
        &mut self,
        input: &Operand,
        axes: &[usize],
        keep: bool,
    ) -> Result<Operand> {
        let target = self.reduced(input, axes, keep);
        let count = self.count(input, axes);
        let moved = self.axes_last(input, axes)?;
        let rows = self.shape(&moved).iter().product::<usize>() / count;
        let mut product = self.reshape(&moved, &[rows, count])?;
        let mut length = count;
        while length > 1 {
            let half = length / 2;
            let first = self.part(&product, 1, 0..half)?;
            let second = self.part(&product, 1, half..2 * half)?;
            let pairs = self.apply(FloatOp::Mul, &[first, second])?;
            product = if length % 2 == 1 {
                let rest = self.part(&product, 1, length - 1..length)?;
                self.concatenated(&[pairs, rest], 1)?
            } else {
                pairs
            };
            length -= half;
        }
        self.reshape(&product, &target)
    }

    /// The product with a constant matrix `[output][input]` along an axis.
    pub(in crate::frontend) fn along_axis(
        &mut self,
        input: &Operand,
        axis: usize,
        outputs: usize,
        weights: Vec<f64>,
    ) -> Result<Operand> {
        let rank = self.shape(input).len();
        // Exchanging two axes undoes itself.
        let mut perm: Vec<usize> = (0..rank).collect();
        perm.swap(axis, rank - 1);
        let moved = self.transpose(input, &perm)?;
        let dense = Dense {
            outputs,
            weights,
            bias: None,
        };
        let product = self.apply(FloatOp::Dense(dense), &[moved])?;
        self.transpose(&product, &perm)
    }

    /// The first place of the maximum along an axis, which stays with length 1, or the last one.
    pub(in crate::frontend) fn place_of_maximum(
        &mut self,
        input: &Operand,
        axis: usize,
        last: bool,
    ) -> Result<Operand> {
        let shape = self.shape(input);
        let maximum = self.maximum(input, &[axis], true)?;
        let maximum = self.expanded(&maximum, &shape)?;
        let difference = self.apply(FloatOp::Sub, &[input.clone(), maximum])?;
        let is = self.function(&difference, Function::IsZero { tolerance: 0.0 })?;
        // The place that is looked for has the greatest number.
        let length = shape[axis];
        let mut numbers = vec![1; shape.len() - axis];
        numbers[0] = length;
        let numbers = Constant {
            shape: numbers,
            data: match last {
                true => (0..length).map(|n| n as f64).collect(),
                false => (0..length).rev().map(|n| n as f64).collect(),
            },
        };
        let numbered = self.apply(FloatOp::MulConstant(numbers), &[is])?;
        let greatest = self.maximum(&numbered, &[axis], true)?;
        if last {
            return Ok(greatest);
        }
        let place = self.scaled(&greatest, -1.0)?;
        self.shifted(&place, (length - 1) as f64)
    }
}
