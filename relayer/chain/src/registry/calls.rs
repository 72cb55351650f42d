//! The calls that bring proofs to a registry.

use super::registration::chunk_specs;
use crate::abi::{ChainferRegistry, ChunkProof, Inference, ModelRecord};
use alloy::primitives::Bytes;
use alloy::sol_types::SolCall;
use chainfer_formats::{ChainModel, ChunkProof as FileChunk, ModelRecord as FileRecord};

/// A chunk's proof as the registry takes it, with the chunk's key.
pub fn chunk_proof(model: &ChainModel, index: u16, chunk: &FileChunk) -> ChunkProof {
    let spec = model.chunks.get(usize::from(index));
    ChunkProof {
        chunk: index,
        // The registry refuses an index that the model does not have, and an empty key.
        key: spec.map(|spec| spec.key.clone()).unwrap_or_default(),
        proof: chunk.proof.clone(),
        publicValues: chunk.public_values.iter().map(|v| v.value()).collect(),
    }
}

/// Calldata of `attest`.
pub fn attest_call(inference: Inference, model: &ChainModel, proofs: Vec<ChunkProof>) -> Bytes {
    let call = ChainferRegistry::attestCall {
        inference,
        record: record(&model.record),
        chunks: chunk_specs(model),
        proofs,
    };
    call.abi_encode().into()
}

/// Calldata of `prove`.
pub fn prove_call(inference: Inference, model: &ChainModel, proofs: Vec<ChunkProof>) -> Bytes {
    let call = ChainferRegistry::proveCall {
        inference,
        record: record(&model.record),
        chunks: chunk_specs(model),
        proofs,
    };
    call.abi_encode().into()
}

/// A record as contracts take it.
pub fn record(record: &FileRecord) -> ModelRecord {
    ModelRecord {
        keySet: record.key_set.into(),
        chunks: record.chunks,
        inputs: record.inputs,
        outputs: record.outputs,
        leafLengths: record.leaf_lengths,
    }
}
