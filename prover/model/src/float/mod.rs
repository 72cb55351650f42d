//! The float graph: what every front end produces and the quantiser consumes.
//!
//! Shapes are those of the source model, batch included (always 1). Spatial operators read `[1, C, H, W]`; a front end
//! whose models are laid out otherwise inserts [`FloatOp::Transpose`] nodes, which the quantiser folds away.

mod builder;
mod exec;
mod ops;

pub use crate::window::Padding;
pub use builder::GraphBuilder;
pub use exec::FloatTrace;
pub(crate) use ops::transpose_sources;
pub use ops::{BatchNorm, Bounds, Constant, Conv, Dense, FloatOp, Pool};

use crate::io::InputSpec;

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

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatNode {
    /// Name from the source model.
    pub name: String,
    /// What it computes.
    pub op: FloatOp,
    /// Tensors read.
    pub inputs: Vec<FloatId>,
    /// The tensor written.
    pub output: FloatId,
}

/// A network over the reals. Nodes are in topological order; only [`GraphBuilder`] makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatGraph {
    tensors: Vec<FloatTensor>,
    nodes: Vec<FloatNode>,
    inputs: Vec<FloatId>,
    outputs: Vec<FloatId>,
    fixed_point: Option<f64>,
}

impl FloatGraph {
    /// All tensors.
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
