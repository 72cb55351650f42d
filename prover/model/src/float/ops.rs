//! Typed operators of the float graph.

use super::function::Function;
use crate::window::{Padding, Window};

/// A two-dimensional convolution with constant weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// Number of output channels.
    pub channels: usize,
    /// `[rows, columns]`.
    pub kernel: [usize; 2],
    /// `[rows, columns]`.
    pub stride: [usize; 2],
    /// Zeros around the input.
    pub padding: Padding,
    /// Groups of channels: output channels of a group read its input channels only.
    pub groups: usize,
    /// `[out channel][in channel of the group][kernel row][kernel column]`.
    pub weights: Vec<f64>,
    /// One per output channel.
    pub bias: Option<Vec<f64>>,
}

impl Conv {
    /// Which elements of the input its taps read.
    pub fn window(&self) -> Window {
        Window::new(self.kernel, self.stride, self.padding.before())
    }
}

/// A product with a constant matrix over the last axis, for every row that the other axes make.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// Length of the output's last axis.
    pub outputs: usize,
    /// `[output][input]`.
    pub weights: Vec<f64>,
    /// One per output.
    pub bias: Option<Vec<f64>>,
}

/// Normalisation with fixed statistics, per channel (axis 1).
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    /// Factor after normalisation.
    pub gamma: Vec<f64>,
    /// Shift after normalisation.
    pub beta: Vec<f64>,
    /// Mean to subtract.
    pub mean: Vec<f64>,
    /// Variance to divide by (its root).
    pub variance: Vec<f64>,
    /// Added to the variance.
    pub epsilon: f64,
}

impl BatchNorm {
    /// `(scale, shift)` of channel `c`: `y = scale * x + shift`.
    pub fn affine(&self, c: usize) -> (f64, f64) {
        let scale = self.gamma[c] / libm::sqrt(self.variance[c] + self.epsilon);
        (scale, self.beta[c] - self.mean[c] * scale)
    }
}

/// A constant operand, broadcast to the other operand's shape (numpy's rules).
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// Values, row-major.
    pub data: Vec<f64>,
}

impl Constant {
    /// A scalar.
    pub fn scalar(value: f64) -> Self {
        Self {
            shape: Vec::new(),
            data: vec![value],
        }
    }

    /// Whether it broadcasts to `shape` without enlarging it.
    pub fn fits(&self, shape: &[usize]) -> bool {
        self.shape.len() <= shape.len()
            && self
                .shape
                .iter()
                .rev()
                .zip(shape.iter().rev())
                .all(|(own, to)| own == to || *own == 1)
    }

    /// The values at every element of `shape`; call only if [`Self::fits`].
    pub fn broadcast(&self, shape: &[usize]) -> Vec<f64> {
        let total: usize = shape.iter().product();
        if self.data.len() == 1 {
            return vec![self.data[0]; total];
        }
        // Stride of every axis of `shape` in `data`; 0 where broadcast.
        let mut strides = vec![0; shape.len()];
        let mut step = 1;
        for (axis, own) in self.shape.iter().enumerate().rev() {
            let at = axis + shape.len() - self.shape.len();
            strides[at] = if *own == 1 { 0 } else { step };
            step *= own;
        }
        (0..total)
            .map(|flat| {
                let mut rest = flat;
                let mut index = 0;
                for (len, stride) in shape.iter().zip(&strides).rev() {
                    index += rest % len * stride;
                    rest /= len;
                }
                self.data[index]
            })
            .collect()
    }
}

/// A window that slides over rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// `[rows, columns]`.
    pub kernel: [usize; 2],
    /// `[rows, columns]`.
    pub stride: [usize; 2],
    /// Around the input: ignored by maxima, zeros that count for averages.
    pub padding: Padding,
}

impl Pool {
    /// Which elements of the input its taps read.
    pub fn window(&self) -> Window {
        Window::new(self.kernel, self.stride, self.padding.before())
    }
}

/// Ends of a clamp; `None` is unbounded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bounds {
    /// No value is less; `None` if any may be.
    pub low: Option<f64>,
    /// No value is greater; `None` if any may be.
    pub high: Option<f64>,
}

impl Bounds {
    /// Zero and up.
    pub const RELU: Self = Self {
        low: Some(0.0),
        high: None,
    };
    /// Zero to six.
    pub const RELU6: Self = Self {
        low: Some(0.0),
        high: Some(6.0),
    };

    /// The clamped value.
    pub fn clamp(&self, x: f64) -> f64 {
        let x = self.low.map_or(x, |low| x.max(low));
        self.high.map_or(x, |high| x.min(high))
    }

    /// The single clamp that equals `self` followed by `next`.
    pub fn then(&self, next: &Self) -> Self {
        Self {
            low: self.low.map(|v| next.clamp(v)).or(next.low),
            high: self.high.map(|v| next.clamp(v)).or(next.high),
        }
    }
}

/// What an element of a rearranged tensor is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Element {
    /// An element of an operand, by its flat index.
    Of {
        /// Number of the operand.
        operand: u32,
        /// Flat index in it.
        index: u32,
    },
    /// A constant.
    Constant(f64),
}

/// Elements of the operands and constants, in another arrangement: concatenation, slices, padding, repetition, ...
#[derive(Clone, Debug, PartialEq)]
pub struct Rearrange {
    /// Number of operands.
    pub operands: usize,
    /// Shape of the output.
    pub shape: Vec<usize>,
    /// One for each element of the output, row-major.
    pub elements: Vec<Element>,
}

impl Rearrange {
    /// A tensor of this shape, backwards along an axis.
    pub fn reversed(shape: &[usize], axis: usize) -> Self {
        let inner: usize = shape[axis + 1..].iter().product();
        let length = shape[axis];
        let element = |flat: usize| {
            let at = flat / inner % length;
            let index = flat - at * inner + (length - 1 - at) * inner;
            Element::Of {
                operand: 0,
                index: index as u32,
            }
        };
        Self {
            operands: 1,
            shape: shape.to_vec(),
            elements: (0..shape.iter().product()).map(element).collect(),
        }
    }
}

/// What a node computes.
#[derive(Clone, Debug, PartialEq)]
pub enum FloatOp {
    /// Convolution with constant weights.
    Conv(Conv),
    /// Product with a constant matrix.
    Dense(Dense),
    /// Batch normalisation with fixed statistics, per channel.
    BatchNorm(BatchNorm),
    /// Sum with a constant.
    AddConstant(Constant),
    /// Product with a constant.
    MulConstant(Constant),
    /// Sum of two tensors of one shape.
    Add,
    /// Difference of two tensors of one shape.
    Sub,
    /// ReLU, ReLU6, Clip.
    Clamp(Bounds),
    /// Averages of windows; padding counts as zeros.
    AveragePool(Pool),
    /// Average over rows and columns.
    GlobalAveragePool,
    /// Maxima of windows.
    MaxPool(Pool),
    /// The same elements under another shape (Flatten, Squeeze, Identity, ...).
    Reshape(Vec<usize>),
    /// Axes permuted: output axis `i` is input axis `perm[i]`.
    Transpose(Vec<usize>),
    /// The operands' elements in any other arrangement; at least one is used.
    Rearrange(Rearrange),
    /// A function of every element.
    Function(Function),
    /// Product of two tensors of one shape, element by element.
    Mul,
    /// Matrix products of two tensors, `[..., rows, inner]` and `[..., inner, columns]`, whose other axes are the same.
    MatMul,
}

impl FloatOp {
    /// Operator name for messages.
    pub fn name(&self) -> &'static str {
        match self {
            FloatOp::Conv(_) => "Conv",
            FloatOp::Dense(_) => "Gemm",
            FloatOp::BatchNorm(_) => "BatchNormalization",
            FloatOp::AddConstant(_) | FloatOp::Add => "Add",
            FloatOp::MulConstant(_) => "Mul",
            FloatOp::Sub => "Sub",
            FloatOp::Clamp(_) => "Clip",
            FloatOp::AveragePool(_) => "AveragePool",
            FloatOp::GlobalAveragePool => "GlobalAveragePool",
            FloatOp::MaxPool(_) => "MaxPool",
            FloatOp::Reshape(_) => "Reshape",
            FloatOp::Transpose(_) => "Transpose",
            FloatOp::Rearrange(_) => "Gather",
            FloatOp::Function(f) => f.name(),
            FloatOp::Mul => "Mul",
            FloatOp::MatMul => "MatMul",
        }
    }

    /// Number of tensors read.
    pub fn arity(&self) -> usize {
        match self {
            FloatOp::Add | FloatOp::Sub | FloatOp::Mul | FloatOp::MatMul => 2,
            FloatOp::Rearrange(r) => r.operands,
            _ => 1,
        }
    }

    /// Number of constants.
    pub fn parameters(&self) -> usize {
        let count = |bias: &Option<Vec<f64>>| bias.as_ref().map_or(0, Vec::len);
        match self {
            FloatOp::Conv(c) => c.weights.len() + count(&c.bias),
            FloatOp::Dense(d) => d.weights.len() + count(&d.bias),
            FloatOp::BatchNorm(b) => 4 * b.gamma.len(),
            FloatOp::AddConstant(c) | FloatOp::MulConstant(c) => c.data.len(),
            _ => 0,
        }
    }
}

/// Source flat index of every element of the transposed tensor.
pub(crate) fn transpose_sources(shape: &[usize], perm: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    let to: Vec<usize> = perm.iter().map(|p| shape[*p]).collect();
    (0..shape.iter().product())
        .map(|flat| {
            let mut rest = flat;
            let mut source = 0;
            for (axis, len) in to.iter().enumerate().rev() {
                source += rest % len * strides[perm[axis]];
                rest /= len;
            }
            source
        })
        .collect()
}
