//! A quantised graph cut into chunks, with its boundary tensors in canonical leaf order.

use crate::quantized::{QuantizedGraph, TensorId};
use serde::{Deserialize, Serialize};

pub use chainfer_formats::{LeafClass, Visibility};

/// Visibility of a model's inputs and outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundaryVisibility {
    /// Applies to every model input.
    pub inputs: Visibility,
    /// Applies to every model output.
    pub outputs: Visibility,
}

impl Default for BoundaryVisibility {
    fn default() -> Self {
        Self {
            inputs: Visibility::Committed,
            outputs: Visibility::Public,
        }
    }
}

/// One leaf of the commitment tree; its position is its index in [`PartitionedModel::leaves`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// The tensor committed to.
    pub tensor: TensorId,
    /// Class (the first that fits).
    pub class: LeafClass,
    /// Visibility; `Committed` for every cut tensor.
    pub visibility: Visibility,
}

/// One chunk: a run of layers in topological order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunkSpec {
    /// Indices of its layers in [`QuantizedGraph::layers`]: `first..end`.
    pub first_layer: usize,
    /// One past the last layer.
    pub end_layer: usize,
    /// Leaf indices of the boundary tensors that it reads, ascending.
    pub reads: Vec<usize>,
    /// Leaf indices of the boundary tensors that it writes, ascending.
    pub writes: Vec<usize>,
    /// Leaf indices whose value or commitment this chunk exposes after `[root, context]`, in instance order:
    /// model inputs that it is the first to read, then model outputs that it produces.
    pub exposes: Vec<usize>,
}

/// A model ready for circuits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartitionedModel {
    /// The integer program.
    pub graph: QuantizedGraph,
    /// Leaves in canonical order: inputs, then cut tensors by producing chunk, then outputs.
    pub leaves: Vec<Leaf>,
    /// Chunks, in the order of their layers.
    pub chunks: Vec<ChunkSpec>,
}
