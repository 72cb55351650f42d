//! A partitioned model without its weights and biases: what is public of a model whose weights are hidden.
//!
//! It says which layer reads and writes which tensor, through which windows, and how the layers are cut. It has no weight, no bias, no
//! scale, no zero point and no name: those are in the manifest, as far as they are public. Its text is untrusted: [`Structure::blank_model`]
//! checks it as any other graph.

use crate::error::{ModelError, Result};
use crate::executor::validate;
use crate::partitioned::{ChunkSpec, Leaf, PartitionedModel};
use crate::quantized::{
    ConvMap, Dims, QLayer, QLinear, QMaxPool, QTensor, QTerm, QuantParams, QuantizedGraph,
    TensorId, TermMap,
};
use chainfer_formats::limits::{MAX_CHUNKS, MAX_INPUTS, MAX_LEAVES};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Most tensors, and most layers.
const MAX_PARTS: usize = 1 << 14;
/// Largest tensor and largest side of a window: 2^20 rows of 4 activations.
const MAX_SIZE: usize = 1 << 22;
/// Most weights and biases together, whatever room the caller has.
const MAX_PARAMETERS: usize = 1 << 27;

/// A partitioned model without weights and biases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Structure {
    /// Activation range and divisor R.
    pub range: u32,
    /// Layout of every tensor; a [`TensorId`] is an index here.
    pub tensors: Vec<Dims>,
    /// Layers in topological order.
    pub layers: Vec<LayerShape>,
    /// Model inputs.
    pub inputs: Vec<TensorId>,
    /// Model outputs.
    pub outputs: Vec<TensorId>,
    /// Leaves of the commitment tree.
    pub leaves: Vec<Leaf>,
    /// Chunks, in the order of their layers.
    pub chunks: Vec<ChunkSpec>,
}

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

impl Structure {
    /// The structure of a model.
    pub fn of(model: &PartitionedModel) -> Self {
        let graph = &model.graph;
        Self {
            range: graph.range,
            tensors: graph.tensors.iter().map(|t| t.dims).collect(),
            layers: graph.layers.iter().map(layer_shape).collect(),
            inputs: graph.inputs.clone(),
            outputs: graph.outputs.clone(),
            leaves: model.leaves.clone(),
            chunks: model.chunks.clone(),
        }
    }

    /// A model of this structure whose weights and biases are all 0. Names are made up, and so are scales and zero points: no circuit
    /// depends on them. `room` is how many weights and biases there may be: they take memory.
    ///
    /// # Errors
    /// A size beyond the limits, or a graph that breaks its rules ([`validate`]).
    pub fn blank_model(&self, room: usize) -> Result<PartitionedModel> {
        self.check_limits(room.min(MAX_PARAMETERS))?;
        let tensor = |(i, dims): (usize, &Dims)| QTensor {
            name: format!("tensor {i}"),
            dims: *dims,
            external_shape: vec![dims.len()],
            element_order: None,
            quant: QuantParams {
                scale: 1.0,
                zero_point: 0,
            },
            factors: None,
        };
        let layer = |(i, layer): (usize, &LayerShape)| self.blank_layer(i, layer);
        let graph = QuantizedGraph {
            range: self.range,
            tensors: self.tensors.iter().enumerate().map(tensor).collect(),
            layers: (self.layers.iter().enumerate())
                .map(layer)
                .collect::<Result<_>>()?,
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
        };
        validate(&graph)?;
        // Each is defined once: there are as many tensors as definitions.
        if graph.tensors.len() != graph.inputs.len() + graph.layers.len() {
            return Err(refuse("a tensor is neither read nor written".to_owned()));
        }
        Ok(PartitionedModel {
            graph,
            leaves: self.leaves.clone(),
            chunks: self.chunks.clone(),
        })
    }

    fn blank_layer(&self, index: usize, layer: &LayerShape) -> Result<QLayer> {
        let name = format!("layer {index}");
        Ok(match layer {
            LayerShape::Linear { output, terms } => QLayer::Linear(QLinear {
                output: *output,
                terms: (terms.iter())
                    .map(|term| {
                        let weights = vec![0; self.weights(index, *output, term)?];
                        Ok(QTerm {
                            input: term.input,
                            map: blank_map(&term.map, weights),
                        })
                    })
                    .collect::<Result<_>>()?,
                element_bias: vec![0; self.dims(index, *output)?.len()],
                name,
            }),
            LayerShape::MaxPool {
                input,
                output,
                kernel,
                stride,
                pad,
            } => {
                for id in [input, output] {
                    self.dims(index, *id)?;
                }
                QLayer::MaxPool(QMaxPool {
                    name,
                    input: *input,
                    output: *output,
                    kernel: *kernel,
                    stride: *stride,
                    pad: *pad,
                })
            }
        })
    }

    fn dims(&self, layer: usize, id: TensorId) -> Result<Dims> {
        let found = self.tensors.get(id.0).copied();
        found.ok_or_else(|| refuse(format!("layer {layer} names tensor {}", id.0)))
    }

    /// How many weights a term has.
    fn weights(&self, layer: usize, output: TensorId, term: &TermShape) -> Result<usize> {
        let (src, out) = (self.dims(layer, term.input)?, self.dims(layer, output)?);
        let factors = match &term.map {
            MapShape::Dense => vec![src.len(), out.len()],
            MapShape::Conv { kernel, groups, .. } => {
                if *groups == 0 || !src.c.is_multiple_of(*groups) {
                    return Err(refuse(format!(
                        "layer {layer}: {} channels do not make {groups} groups",
                        src.c
                    )));
                }
                vec![out.c, src.c / groups, kernel[0], kernel[1]]
            }
        };
        let product = (factors.iter()).try_fold(1usize, |n, factor| n.checked_mul(*factor));
        product.filter(|n| *n <= MAX_PARAMETERS).ok_or_else(|| {
            refuse(format!(
                "layer {layer} has more than {MAX_PARAMETERS} weights"
            ))
        })
    }

    /// Refuses what would take time or memory out of proportion to any circuit.
    fn check_limits(&self, room: usize) -> Result<()> {
        let counts = [
            ("tensors", self.tensors.len(), MAX_PARTS),
            ("layers", self.layers.len(), MAX_PARTS),
            ("inputs", self.inputs.len(), MAX_INPUTS),
            ("outputs", self.outputs.len(), MAX_LEAVES),
            ("leaves", self.leaves.len(), MAX_LEAVES),
            ("chunks", self.chunks.len(), MAX_CHUNKS),
        ];
        for (what, count, most) in counts {
            if count > most {
                return Err(refuse(format!(
                    "{count} {what}, at most {most} are allowed"
                )));
            }
        }
        for (i, Dims { c, h, w }) in self.tensors.iter().enumerate() {
            let len = c.checked_mul(*h).and_then(|n| n.checked_mul(*w));
            if !len.is_some_and(|n| (1..=MAX_SIZE).contains(&n)) {
                return Err(refuse(format!(
                    "tensor {i} has dims {c}x{h}x{w}; 1 to {MAX_SIZE} values are allowed"
                )));
            }
        }
        let (mut parameters, mut terms) = (0usize, 0usize);
        for (i, layer) in self.layers.iter().enumerate() {
            let mut windows: Vec<(TensorId, [[usize; 2]; 3])> = Vec::new();
            match layer {
                LayerShape::MaxPool {
                    input,
                    kernel,
                    stride,
                    pad,
                    ..
                } => windows.push((*input, [*kernel, *stride, *pad])),
                LayerShape::Linear {
                    output,
                    terms: read,
                } => {
                    terms += read.len();
                    parameters += self.dims(i, *output)?.len();
                    for term in read {
                        parameters += self.weights(i, *output, term)?;
                        if let MapShape::Conv {
                            kernel,
                            stride,
                            pad,
                            ..
                        } = &term.map
                        {
                            windows.push((term.input, [*kernel, *stride, *pad]));
                        }
                    }
                }
            }
            for (input, window) in windows {
                let Dims { h, w, .. } = self.dims(i, input)?;
                if !is_in_proportion(window, [h, w]) {
                    return Err(refuse(format!(
                        "layer {i} has a window, stride or padding out of proportion to its input of {h}x{w}"
                    )));
                }
            }
            if parameters > room || terms > MAX_PARTS {
                return Err(refuse(format!(
                    "the layers up to {i} have {parameters} weights and biases in {terms} terms; there is room for {room} in {MAX_PARTS}"
                )));
            }
        }
        Ok(())
    }
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

/// Whether a padding is at most the window and the input long, and a stride at most all three: no output needs more.
fn is_in_proportion([kernel, stride, pad]: [[usize; 2]; 3], input: [usize; 2]) -> bool {
    (0..2).all(|axis| {
        let reach = kernel[axis].saturating_add(input[axis]);
        kernel[axis] <= MAX_SIZE && pad[axis] <= reach && stride[axis] <= reach + pad[axis]
    })
}

fn layer_shape(layer: &QLayer) -> LayerShape {
    match layer {
        QLayer::MaxPool(pool) => LayerShape::MaxPool {
            input: pool.input,
            output: pool.output,
            kernel: pool.kernel,
            stride: pool.stride,
            pad: pool.pad,
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

fn blank_map(shape: &MapShape, weights: Vec<i64>) -> TermMap {
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

fn refuse(detail: String) -> ModelError {
    ModelError::InvalidGraph(detail)
}
