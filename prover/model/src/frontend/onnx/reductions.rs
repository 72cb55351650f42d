//! Sums and maxima over axes.

use super::importer::{Importer, Operand};
use super::node::refuse;
use crate::error::Result;
use crate::float::{Dense, FloatId, FloatOp, Padding, Pool};
use tract_onnx::pb::NodeProto;

impl Importer {
    /// The axes that are not in `axes`, followed by those.
    fn axes_last(&self, input: FloatId, axes: &[usize]) -> (Vec<usize>, Vec<usize>) {
        let shape = self.builder.shape(input);
        let kept: Vec<usize> = (0..shape.len()).filter(|a| !axes.contains(a)).collect();
        let lengths = kept.iter().map(|a| shape[*a]).collect();
        (
            kept.into_iter().chain(axes.iter().copied()).collect(),
            lengths,
        )
    }

    /// The shape with the axes of length 1, or without them.
    fn reduced(&self, input: FloatId, axes: &[usize], keep: bool) -> Vec<usize> {
        let lengths = self.builder.shape(input).iter().enumerate();
        lengths
            .filter(|(a, _)| keep || !axes.contains(a))
            .map(|(a, d)| if axes.contains(&a) { 1 } else { *d })
            .collect()
    }

    /// The number of elements of these axes.
    pub(super) fn count(&self, input: FloatId, axes: &[usize]) -> usize {
        let shape = self.builder.shape(input);
        axes.iter().map(|a| shape[*a]).product()
    }

    /// Sums over axes, times a factor.
    pub(super) fn sum(
        &mut self,
        node: &NodeProto,
        input: FloatId,
        axes: &[usize],
        factor: f64,
        keep: bool,
    ) -> Result<FloatId> {
        let target = self.reduced(input, axes, keep);
        let count = self.count(input, axes);
        if count == 1 {
            let view = self.reshape(node, input, &target)?;
            return self.scaled(node, view, factor);
        }
        if matches!(self.builder.shape(input), [1, _, _, _]) && axes == [2, 3] {
            let mean = self.op(node, FloatOp::GlobalAveragePool, &[input])?;
            let sum = self.scaled(node, mean, factor * count as f64)?;
            return self.reshape(node, sum, &target);
        }
        let (perm, mut lengths) = self.axes_last(input, axes);
        let moved = self.transpose(node, input, &perm)?;
        lengths.push(count);
        let rows = self.reshape(node, moved, &lengths)?;
        let sum = Dense {
            outputs: 1,
            weights: vec![factor; count],
            bias: None,
        };
        let sum = self.op(node, FloatOp::Dense(sum), &[rows])?;
        self.reshape(node, sum, &target)
    }

    /// Means over axes.
    pub(super) fn mean(
        &mut self,
        node: &NodeProto,
        input: FloatId,
        axes: &[usize],
        keep: bool,
    ) -> Result<FloatId> {
        let count = self.count(input, axes);
        self.sum(node, input, axes, 1.0 / count as f64, keep)
    }

    /// Maxima over axes.
    pub(super) fn maximum(
        &mut self,
        node: &NodeProto,
        input: FloatId,
        axes: &[usize],
        keep: bool,
    ) -> Result<FloatId> {
        let target = self.reduced(input, axes, keep);
        let count = self.count(input, axes);
        if count == 1 {
            return self.reshape(node, input, &target);
        }
        let [planes, rows] = match *self.builder.shape(input) {
            [1, _, h, w] if axes == [2, 3] => {
                let maximum = self.max_pool(node, input, [h, w])?;
                return self.reshape(node, maximum, &target);
            }
            ref shape => [shape.iter().product::<usize>() / count, count],
        };
        let (perm, _) = self.axes_last(input, axes);
        let moved = self.transpose(node, input, &perm)?;
        let view = self.reshape(node, moved, &[1, planes, rows, 1])?;
        let maximum = self.max_pool(node, view, [rows, 1])?;
        self.reshape(node, maximum, &target)
    }

    /// Maxima of windows that do not overlap.
    fn max_pool(
        &mut self,
        node: &NodeProto,
        input: FloatId,
        kernel: [usize; 2],
    ) -> Result<FloatId> {
        let pool = Pool {
            kernel,
            stride: kernel,
            padding: Padding::NONE,
        };
        self.op(node, FloatOp::MaxPool(pool), &[input])
    }

    /// The product with a constant matrix `[output][input]` along an axis.
    pub(super) fn along_axis(
        &mut self,
        node: &NodeProto,
        input: FloatId,
        axis: usize,
        outputs: usize,
        weights: Vec<f64>,
    ) -> Result<FloatId> {
        let rank = self.builder.shape(input).len();
        // Exchanging two axes undoes itself.
        let mut perm: Vec<usize> = (0..rank).collect();
        perm.swap(axis, rank - 1);
        let moved = self.transpose(node, input, &perm)?;
        let dense = Dense {
            outputs,
            weights,
            bias: None,
        };
        let product = self.op(node, FloatOp::Dense(dense), &[moved])?;
        self.transpose(node, product, &perm)
    }

    /// The tensor of an operand; constants are refused.
    pub(super) fn only_tensor(&self, node: &NodeProto, operand: Operand) -> Result<FloatId> {
        match operand {
            Operand::Tensor(id) => Ok(id),
            Operand::Constant(_) => Err(refuse(node, "a constant; a tensor is expected")),
        }
    }
}
