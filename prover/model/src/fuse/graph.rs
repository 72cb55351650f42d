//! Linear layers and maxima over the reals.

use crate::convolution::Geometry;
use crate::dims::Dims;
use crate::float::Bounds;
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
    /// What each channel has been divided by; `None` is 1.
    pub(crate) factors: Option<Vec<f64>>,
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
