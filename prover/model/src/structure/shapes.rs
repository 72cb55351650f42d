//! Layers without weights and biases.

use crate::quantized::{ConvMap, Operand, QLayer, TensorId, TermMap};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A layer without weights and biases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerShape {
    /// A linear map, divided and clamped.
    Linear {
        /// The tensor written.
        output: TensorId,
        /// How each input enters.
        terms: Vec<TermShape>,
    },
    /// Maxima of windows.
    MaxPool {
        /// The tensor read.
        input: TensorId,
        /// The tensor written.
        output: TensorId,
        /// Window `[rows, columns]`.
        kernel: [usize; 2],
        /// Stride `[rows, columns]`.
        stride: [usize; 2],
        /// Padding `[top, left]`.
        pad: [usize; 2],
    },
    /// Elements rearranged.
    Gather {
        /// The tensors read.
        sources: Vec<TensorId>,
        /// The tensor written.
        output: TensorId,
        /// Index into the sources' elements of every element of the output.
        elements: Vec<usize>,
    },
    /// A function of every element.
    Function {
        /// The tensor read.
        input: TensorId,
        /// The tensor written.
        output: TensorId,
        /// Index in [`Structure::tables`](super::Structure::tables).
        table: usize,
    },
    /// Products of elements.
    Product {
        /// Operand a.
        left: Operand,
        /// Operand b.
        right: Operand,
        /// The tensor written.
        output: TensorId,
    },
    /// Matrix products of activations.
    MatMul {
        /// Operand a.
        left: Operand,
        /// Operand b.
        right: TensorId,
        /// The tensor written.
        output: TensorId,
        /// Number of products.
        matrices: usize,
        /// Length of the sums.
        inner: usize,
    },
}

/// One input of a linear layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermShape {
    /// The tensor read.
    pub input: TensorId,
    /// The kind of linear map.
    pub map: MapShape,
}

/// A linear map without its weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MapShape {
    /// A convolution, see [`ConvMap`].
    Conv {
        /// Sum pooling `[rows, columns]` before the kernel.
        pre_pool: [usize; 2],
        /// Kernel `[rows, columns]`.
        kernel: [usize; 2],
        /// Stride `[rows, columns]`.
        stride: [usize; 2],
        /// Padding `[top, left]`.
        pad: [usize; 2],
        /// Groups of channels.
        groups: usize,
    },
    /// Every output reads every input.
    Dense,
}

impl fmt::Display for LayerShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pair = |[a, b]: &[usize; 2]| format!("{a}x{b}");
        match self {
            LayerShape::MaxPool {
                input,
                output,
                kernel,
                stride,
                pad,
            } => write!(
                f,
                "{} <- max pool {} of {}, stride {}, padding {}",
                output.0,
                pair(kernel),
                input.0,
                pair(stride),
                pair(pad)
            ),
            LayerShape::Gather {
                sources, output, ..
            } => {
                let sources: Vec<String> = sources.iter().map(|s| s.0.to_string()).collect();
                write!(f, "{} <- elements of {}", output.0, sources.join(", "))
            }
            LayerShape::Function {
                input,
                output,
                table,
            } => write!(f, "{} <- function {table} of {}", output.0, input.0),
            LayerShape::Product {
                left,
                right,
                output,
            } => write!(
                f,
                "{} <- products of {} and {}",
                output.0, left.tensor.0, right.tensor.0
            ),
            LayerShape::MatMul {
                left,
                right,
                output,
                matrices,
                inner,
            } => write!(
                f,
                "{} <- {matrices} matrix products of {} and {}, sums of {inner}",
                output.0, left.tensor.0, right.0
            ),
            LayerShape::Linear { output, terms } if terms.is_empty() => {
                write!(f, "{} <- constants", output.0)
            }
            LayerShape::Linear { output, terms } => {
                write!(f, "{} <- ", output.0)?;
                for (i, TermShape { input, map }) in terms.iter().enumerate() {
                    let plus = if i == 0 { "" } else { " + " };
                    match map {
                        MapShape::Dense => write!(f, "{plus}dense of {}", input.0)?,
                        MapShape::Conv {
                            pre_pool,
                            kernel,
                            stride,
                            pad,
                            groups,
                        } => {
                            write!(f, "{plus}convolution {} of {}", pair(kernel), input.0)?;
                            write!(f, ", stride {}, padding {}", pair(stride), pair(pad))?;
                            if *groups > 1 {
                                write!(f, ", {groups} groups")?;
                            }
                            if *pre_pool != [1, 1] {
                                write!(f, ", after sums of {}", pair(pre_pool))?;
                            }
                        }
                    }
                }
                Ok(())
            }
        }
    }
}

pub(super) fn layer_shape(layer: &QLayer) -> LayerShape {
    match layer {
        QLayer::MaxPool(pool) => LayerShape::MaxPool {
            input: pool.input,
            output: pool.output,
            kernel: pool.kernel,
            stride: pool.stride,
            pad: pool.pad,
        },
        QLayer::Gather(l) => LayerShape::Gather {
            sources: l.sources.clone(),
            output: l.output,
            elements: l.elements.clone(),
        },
        QLayer::Function(l) => LayerShape::Function {
            input: l.input,
            output: l.output,
            table: l.table,
        },
        QLayer::Product(l) => LayerShape::Product {
            left: l.left.clone(),
            right: l.right.clone(),
            output: l.output,
        },
        QLayer::MatMul(l) => LayerShape::MatMul {
            left: l.left.clone(),
            right: l.right,
            output: l.output,
            matrices: l.matrices,
            inner: l.inner,
        },
        QLayer::Linear(linear) => LayerShape::Linear {
            output: linear.output,
            terms: (linear.terms.iter())
                .map(|term| TermShape {
                    input: term.input,
                    map: match &term.map {
                        TermMap::Dense { .. } => MapShape::Dense,
                        TermMap::Conv(conv) => MapShape::Conv {
                            pre_pool: conv.pre_pool,
                            kernel: conv.kernel,
                            stride: conv.stride,
                            pad: conv.pad,
                            groups: conv.groups,
                        },
                    },
                })
                .collect(),
        },
    }
}

pub(super) fn blank_map(shape: &MapShape, weights: Vec<i64>) -> TermMap {
    match shape {
        MapShape::Dense => TermMap::Dense { weights },
        MapShape::Conv {
            pre_pool,
            kernel,
            stride,
            pad,
            groups,
        } => TermMap::Conv(ConvMap {
            pre_pool: *pre_pool,
            kernel: *kernel,
            stride: *stride,
            pad: *pad,
            groups: *groups,
            weights,
        }),
    }
}
