//! The manifest of a compiled model.

use super::compile::VerifierSource;
use crate::{
    error::{EngineError, Result},
    keys::{VerifyingKey, proof_length, vk_digest},
};
use chainfer_circuits::ChunkPlan;
use chainfer_formats::{
    ChunkEntry, LeafEntry, Manifest, Scalar, SrsSpec, TensorSpec,
    digest::keccak256,
    manifest::{is_contract_name, place, source_path},
};
use chainfer_model::{
    partitioned::{ChunkSpec, PartitionedModel},
    quantized::TensorId,
};

/// Describes a compiled chunk, without a verifier contract.
pub(crate) fn chunk_entry(
    index: usize,
    spec: &ChunkSpec,
    plan: &ChunkPlan,
    vk: &VerifyingKey,
) -> ChunkEntry {
    ChunkEntry {
        index,
        contract: None,
        source: None,
        source_digest: None,
        key_code_hash: None,
        num_public: plan.num_public(),
        vk_digest: vk_digest(vk, plan.num_public()),
        proof_length: proof_length(vk),
        shape: plan.shape().clone(),
        hide_rows: plan.hide_rows(),
        reads: spec.reads.clone(),
        writes: spec.writes.clone(),
        exposes: spec.exposes.clone(),
    }
}

/// Records the generated verifier of a chunk; gives the path of its source below the public folder.
///
/// # Errors
/// The generator's name cannot be one.
pub(crate) fn set_verifier(entry: &mut ChunkEntry, made: &VerifierSource) -> Result<String> {
    if !is_contract_name(&made.contract) {
        return Err(EngineError::VerifierSource {
            chunk: entry.index,
            detail: format!("odd contract name {:?}", made.contract),
        });
    }
    let relative = source_path(&made.contract);
    entry.source_digest = Some(keccak256(&[made.source.as_bytes()]));
    entry.source = Some(relative.clone());
    entry.contract = Some(made.contract.clone());
    entry.key_code_hash = Some(made.key_code_hash);
    Ok(relative)
}

/// Describes a model by its compiled chunks.
///
/// # Errors
/// The partition is not one that a manifest can describe.
pub(crate) fn manifest(
    model: &PartitionedModel,
    chunks: Vec<ChunkEntry>,
    (srs, key_set): (SrsSpec, Scalar),
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
    let manifest = Manifest::new(
        model.graph.range,
        chunks,
        leaves,
        (inputs, outputs),
        (srs, key_set),
    )?;
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
                factors: tensor.factors.clone(),
                before: tensor.before,
            })
        })
        .collect()
}
