//! Fusing: a float graph becomes linear layers and maxima over laid-out tensors, still over the reals and still exact.
//!
//! [`fuse`] walks the nodes once and keeps for every tensor a symbolic value (see `value`): reshapes and transposes are
//! views, affine maps and average pools wait to be folded into the layer that reads them, and a linear map waits for
//! its activation. Rearranged elements are views too, as long as their readers can follow them. What remains is one [`FusedLayer`] a requantisation. `trim` then drops rows and columns that
//! nobody reads, and `finish` turns convolutions that see everything into dense layers.

mod elements;
mod eval;
mod finish;
mod graph;
mod linear;
mod lower;
mod lowering;
mod movement;
mod pooling;
mod products;
mod sum;
mod sums;
mod trim;
mod value;
mod views;

pub(crate) use eval::divide;
pub(crate) use graph::{
    FunctionStep, FusedFunction, FusedGraph, FusedLayer, FusedLinear, FusedMap, FusedMatMul,
    FusedOperand, FusedProduct, FusedTensor, FusedTerm, Line,
};

use crate::error::Result;
use crate::float::FloatGraph;
use crate::names::tell_apart;

/// Fuses a float graph.
///
/// # Errors
/// [`crate::ModelError::UnsupportedUse`] names the node that does not fit.
pub(crate) fn fuse(graph: &FloatGraph) -> Result<FusedGraph> {
    let mut fused = lower::lower(graph)?;
    trim::trim(&mut fused);
    finish::to_dense(&mut fused);
    let tensors = fused.tensors.iter_mut();
    tell_apart(tensors.map(|tensor| (&mut tensor.name, tensor.external.is_some())));
    tell_apart(
        fused
            .layers
            .iter_mut()
            .map(|layer| (layer.name_mut(), false)),
    );
    Ok(fused)
}
