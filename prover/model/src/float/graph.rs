//! Tensors and nodes.

use super::ops::FloatOp;
use crate::signature::InputSpec;
use chainfer_formats::FinalFunction;
use std::collections::BTreeMap;

/// Index of a tensor in [`FloatGraph::tensors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FloatId(pub usize);

/// A tensor of the float graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloatTensor {
    /// Name from the source model.
    pub name: String,
    /// Shape, batch included.
    pub shape: Vec<usize>,
}

impl FloatTensor {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An operation and where its operands and its result are.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatNode {
    /// Name from the source model.
    pub name: String,
    /// What it computes.
    pub op: FloatOp,
    /// The tensors that it reads, in the operator's order.
    pub inputs: Vec<FloatId>,
    /// The tensor written.
    pub output: FloatId,
}

/// A network over the reals. Nodes are in topological order; only [`GraphBuilder`](super::GraphBuilder) makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatGraph {
    pub(super) tensors: Vec<FloatTensor>,
    pub(super) nodes: Vec<FloatNode>,
    pub(super) inputs: Vec<FloatId>,
    pub(super) outputs: Vec<FloatId>,
    pub(super) fixed_point: Option<f64>,
    pub(super) left_out: BTreeMap<FloatId, FinalFunction>,
}

impl FloatGraph {
    /// All tensors; a [`FloatId`] is an index here.
    pub fn tensors(&self) -> &[FloatTensor] {
        &self.tensors
    }

    /// The tensor with this id.
    pub fn tensor(&self, id: FloatId) -> &FloatTensor {
        &self.tensors[id.0]
    }

    /// Nodes in topological order.
    pub fn nodes(&self) -> &[FloatNode] {
        &self.nodes
    }

    /// Model inputs.
    pub fn inputs(&self) -> &[FloatId] {
        &self.inputs
    }

    /// Model outputs.
    pub fn outputs(&self) -> &[FloatId] {
        &self.outputs
    }

    /// Scale factor of the source format's fixed-point input files (zkml), which do not state it themselves.
    pub fn fixed_point(&self) -> Option<f64> {
        self.fixed_point
    }

    /// The function at the end of the source model that was left out behind a tensor.
    pub fn left_out(&self, id: FloatId) -> Option<FinalFunction> {
        self.left_out.get(&id).copied()
    }

    /// Names and shapes of the inputs.
    pub fn input_specs(&self) -> Vec<InputSpec> {
        let spec = |t: &FloatTensor| InputSpec {
            name: t.name.clone(),
            shape: t.shape.clone(),
        };
        self.inputs
            .iter()
            .map(|id| spec(self.tensor(*id)))
            .collect()
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.nodes.iter().map(|n| n.op.parameters()).sum()
    }
}
