//! The manifest of a compiled model.

use crate::error::{EngineError, Result};
use chainfer_formats::{ChunkEntry, LeafEntry, Manifest, SrsSpec, TensorSpec, manifest::place};
use chainfer_model::{partitioned::PartitionedModel, quantized::TensorId};

/// Describes a model by its compiled chunks.
///
/// # Errors
/// The partition is not one that a manifest can describe.
pub(super) fn manifest(
    model: &PartitionedModel,
    chunks: Vec<ChunkEntry>,
    srs: SrsSpec,
) -> Result<Manifest> {
    let leaves: Vec<LeafEntry> = model
        .leaves
        .iter()
        .map(|leaf| {
            let tensor = model.graph.tensor(leaf.tensor);
            LeafEntry {
                name: tensor.name.clone(),
                class: leaf.class,
                visibility: leaf.visibility,
                length: tensor.dims.len(),
            }
        })
        .collect();
    let inputs = tensor_specs(model, &chunks, &leaves, &model.graph.inputs)?;
    let outputs = tensor_specs(model, &chunks, &leaves, &model.graph.outputs)?;
    let manifest = Manifest::new(model.graph.range, chunks, leaves, (inputs, outputs), srs)?;
    Ok(manifest)
}

/// The public layout of a model's inputs or outputs.
fn tensor_specs(
    model: &PartitionedModel,
    chunks: &[ChunkEntry],
    leaves: &[LeafEntry],
    tensors: &[TensorId],
) -> Result<Vec<TensorSpec>> {
    tensors
        .iter()
        .map(|id| {
            let tensor = model.graph.tensor(*id);
            let missing =
                |what: &str| EngineError::Inconsistent(format!("tensor {}: {what}", tensor.name));
            let leaf = model
                .leaves
                .iter()
                .position(|l| l.tensor == *id)
                .ok_or_else(|| missing("it has no leaf"))?;
            let exposes = chunks.iter().map(|c| c.exposes.as_slice());
            let placement =
                place(exposes, leaves, leaf).ok_or_else(|| missing("no chunk exposes it"))?;
            Ok(TensorSpec {
                name: tensor.name.clone(),
                leaf,
                chunk: placement.chunk,
                offset: placement.offset,
                length: tensor.dims.len(),
                zero_point: tensor.quant.zero_point,
                scale: tensor.quant.scale,
                shape: tensor.external_shape.clone(),
                visibility: model.leaves[leaf].visibility,
                element_order: tensor.element_order.clone(),
            })
        })
        .collect()
}
