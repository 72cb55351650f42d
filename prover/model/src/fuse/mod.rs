//! Fusing: a float graph becomes linear layers and maxima over laid-out tensors, still over the reals and still exact.
//!
//! [`fuse`] walks the nodes once and keeps for every tensor a symbolic value (see `value`): reshapes and transposes are
//! views, affine maps and average pools wait to be folded into the layer that reads them, and a linear map waits for
//! its activation. What remains is one [`FusedLayer`] a requantisation. `trim` then drops rows and columns that
//! nobody reads, and `finish` turns convolutions that see everything into dense layers.

mod eval;
mod finish;
mod linear;
mod lower;
mod pooling;
mod sum;
mod trim;
mod value;

use crate::convolution::Geometry;
use crate::error::Result;
use crate::float::{Bounds, FloatGraph};
use crate::quantized::Dims;
use crate::window::Window;

/// How the source model's user sees a model input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct External {
    pub(crate) shape: Vec<usize>,
    /// Flat external index of every internal element; `None` is the identity.
    pub(crate) order: Option<Vec<usize>>,
}

#[derive(Clone, Debug)]
pub(crate) struct FusedTensor {
    pub(crate) name: String,
    pub(crate) dims: Dims,
    /// Set for model inputs and outputs.
    pub(crate) external: Option<External>,
    /// The clamp that its producer applies.
    pub(crate) bounds: Bounds,
}

#[derive(Clone, Debug)]
pub(crate) enum FusedMap {
    Conv {
        geometry: Geometry,
        weights: Vec<f64>,
    },
    Dense(Vec<f64>),
}

#[derive(Clone, Debug)]
pub(crate) struct FusedTerm {
    pub(crate) input: usize,
    pub(crate) map: FusedMap,
}

#[derive(Clone, Debug)]
pub(crate) struct FusedLinear {
    pub(crate) name: String,
    pub(crate) output: usize,
    pub(crate) terms: Vec<FusedTerm>,
    pub(crate) bias: Vec<f64>,
}

#[derive(Clone, Debug)]
pub(crate) struct FusedMaxPool {
    pub(crate) name: String,
    pub(crate) input: usize,
    pub(crate) output: usize,
    pub(crate) window: Window,
}

#[derive(Clone, Debug)]
pub(crate) enum FusedLayer {
    Linear(FusedLinear),
    MaxPool(FusedMaxPool),
}

impl FusedLayer {
    pub(crate) fn output(&self) -> usize {
        match self {
            FusedLayer::Linear(l) => l.output,
            FusedLayer::MaxPool(l) => l.output,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct FusedGraph {
    pub(crate) tensors: Vec<FusedTensor>,
    pub(crate) layers: Vec<FusedLayer>,
    pub(crate) inputs: Vec<usize>,
    pub(crate) outputs: Vec<usize>,
}

/// Fuses a float graph.
///
/// # Errors
/// [`crate::ModelError::UnsupportedUse`] names the node that does not fit.
pub(crate) fn fuse(graph: &FloatGraph) -> Result<FusedGraph> {
    let mut fused = lower::lower(graph)?;
    trim::trim(&mut fused);
    finish::to_dense(&mut fused);
    Ok(fused)
}
