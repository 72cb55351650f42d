//! A partitioned model without its weights and biases: what is public of a model whose weights are hidden.
//!
//! It says which layer reads and writes which tensor, through which windows, and how the layers are cut. It has no weight, no bias, no
//! scale, no zero point and no name: those are in the manifest, as far as they are public. Its text is untrusted: [`Structure::blank_model`]
//! checks it as any other graph.

mod shapes;

pub use shapes::{LayerShape, MapShape, TermShape};

use crate::error::{ModelError, Result};
use crate::executor::validate;
use crate::partitioned::{ChunkSpec, Leaf, PartitionedModel};
use crate::quantized::{
    Dims, QFunction, QGather, QLayer, QLinear, QMatMul, QMaxPool, QProduct, QTensor, QTerm,
    QuantParams, QuantizedGraph, TensorId,
};
use chainfer_formats::limits::{MAX_CHUNKS, MAX_INPUTS, MAX_LEAVES};
use serde::{Deserialize, Serialize};
use shapes::{blank_map, layer_shape};

/// Most tensors, and most layers.
const MAX_PARTS: usize = 1 << 14;
/// Largest tensor and largest side of a window.
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
    /// Tables of functions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Vec<u32>>,
    /// Model inputs.
    pub inputs: Vec<TensorId>,
    /// Model outputs.
    pub outputs: Vec<TensorId>,
    /// Leaves of the commitment tree.
    pub leaves: Vec<Leaf>,
    /// Chunks, in the order of their layers.
    pub chunks: Vec<ChunkSpec>,
}

impl Structure {
    /// The structure of a model.
    pub fn of(model: &PartitionedModel) -> Self {
        let graph = &model.graph;
        Self {
            range: graph.range,
            tensors: graph.tensors.iter().map(|t| t.dims).collect(),
            layers: graph.layers.iter().map(layer_shape).collect(),
            tables: graph.tables.clone(),
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
            before: None,
        };
        let layer = |(i, layer): (usize, &LayerShape)| self.blank_layer(i, layer);
        let graph = QuantizedGraph {
            range: self.range,
            tensors: self.tensors.iter().enumerate().map(tensor).collect(),
            layers: (self.layers.iter().enumerate())
                .map(layer)
                .collect::<Result<_>>()?,
            tables: self.tables.clone(),
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
        };
        validate(&graph)?;
        // Each is defined once: there are as many tensors as definitions.
        if graph.tensors.len() != graph.inputs.len() + graph.layers.len() {
            return Err(refuse("a tensor is neither read nor written".to_owned()));
        }
        // No key would show the table of no function.
        let mut unread = vec![true; graph.tables.len()];
        for layer in &graph.layers {
            if let QLayer::Function(function) = layer {
                unread[function.table] = false;
            }
        }
        if unread.contains(&true) {
            return Err(refuse("a table is no layer's".to_owned()));
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
            LayerShape::Gather {
                sources,
                output,
                elements,
            } => {
                self.all_exist(index, sources.iter().chain([output]))?;
                QLayer::Gather(QGather {
                    name,
                    sources: sources.clone(),
                    output: *output,
                    elements: elements.clone(),
                })
            }
            LayerShape::Function {
                input,
                output,
                table,
            } => {
                self.all_exist(index, [input, output])?;
                QLayer::Function(QFunction {
                    name,
                    input: *input,
                    output: *output,
                    table: *table,
                })
            }
            LayerShape::Product {
                left,
                right,
                output,
            } => {
                self.all_exist(index, [&left.tensor, &right.tensor])?;
                QLayer::Product(QProduct {
                    name,
                    left: left.clone(),
                    right: right.clone(),
                    output: *output,
                    weights: [0; 3],
                    element_bias: vec![0; self.dims(index, *output)?.len()],
                })
            }
            LayerShape::MatMul {
                left,
                right,
                output,
                matrices,
                inner,
            } => {
                self.all_exist(index, [&left.tensor, right])?;
                QLayer::MatMul(QMatMul {
                    name,
                    left: left.clone(),
                    right: *right,
                    output: *output,
                    matrices: *matrices,
                    inner: *inner,
                    weights: [0; 3],
                    element_bias: vec![0; self.dims(index, *output)?.len()],
                })
            }
        })
    }

    fn all_exist<'a>(
        &self,
        layer: usize,
        tensors: impl IntoIterator<Item = &'a TensorId>,
    ) -> Result<()> {
        let mut tensors = tensors.into_iter();
        tensors.try_for_each(|id| self.dims(layer, *id).map(|_| ()))
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
            ("tables", self.tables.len(), MAX_PARTS),
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
                LayerShape::Gather { output, .. } | LayerShape::Function { output, .. } => {
                    self.dims(i, *output)?;
                }
                LayerShape::Product { output, .. } | LayerShape::MatMul { output, .. } => {
                    parameters += self.dims(i, *output)?.len() + 3;
                }
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

/// Whether a padding is at most the window and the input long, and a stride at most all three: no output needs more.
fn is_in_proportion([kernel, stride, pad]: [[usize; 2]; 3], input: [usize; 2]) -> bool {
    (0..2).all(|axis| {
        let reach = kernel[axis].saturating_add(input[axis]);
        kernel[axis] <= MAX_SIZE && pad[axis] <= reach && stride[axis] <= reach + pad[axis]
    })
}

fn refuse(detail: String) -> ModelError {
    ModelError::InvalidGraph(detail)
}
