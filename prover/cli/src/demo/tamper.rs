//! Shows the registry a proof with one bit flipped.

use super::node::{CallOutcome, LocalNode};
use alloy::primitives::B256;
use anyhow::{Context as _, bail};
use chainfer_chain::{
    abi::{ChunkProof, Inference, decode_revert},
    registry::{attest_call, chunk_proof},
    rpc::At,
};
use chainfer_formats::ProofFile;
use serde::Serialize;

/// How the registry answered.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Tampered {
    /// Chunk whose proof was changed.
    pub(super) chunk: u16,
    /// Position of the changed byte.
    pub(super) byte: usize,
    /// Whether the registry refused it.
    pub(super) refused: bool,
    /// The decoded revert.
    pub(super) error: String,
}

/// Simulates the attestation on the state before it: with the unchanged proof, which must succeed, and with one bit of one proof
/// flipped.
///
/// # Errors
/// The unchanged proof is refused, or the changed one is accepted.
pub(super) async fn try_tampered(
    node: &LocalNode,
    proof: &ProofFile,
    before: B256,
) -> anyhow::Result<Tampered> {
    let binding = proof.binding.context("the proof is bound to no chain")?;
    let model = proof
        .model
        .as_ref()
        .context("the proof has no record of its model")?;
    let attest = |chunks: Vec<ChunkProof>| -> anyhow::Result<_> {
        let inference = Inference {
            modelId: proof.model_id.context("the proof names no model")?,
            root: proof.root.value(),
            requester: binding.requester,
            nonce: binding.nonce.into(),
        };
        Ok(attest_call(inference, model, chunks))
    };
    let mut chunks: Vec<ChunkProof> = proof
        .chunks
        .iter()
        .zip(0..)
        .map(|(chunk, index)| chunk_proof(model, index, chunk))
        .collect();
    let at = At::Block(before);
    let honest = node
        .call(binding.registry, attest(chunks.clone())?, at)
        .await?;
    if let CallOutcome::Reverted(data) = honest {
        bail!("the unchanged proof is refused: {}", decode_revert(&data));
    }
    let middle = chunks.len() / 2;
    let victim = chunks.get_mut(middle).context("the proof has no chunk")?;
    let mut bytes = victim.proof.to_vec();
    // The last byte of one of the evaluations, so that the proof stays well-formed.
    let byte = bytes.len() * 2 / 3 / 32 * 32 + 31;
    *bytes.get_mut(byte).context("the proof is too short")? ^= 1;
    victim.proof = bytes.into();
    let chunk = victim.chunk;
    match node.call(binding.registry, attest(chunks)?, at).await? {
        CallOutcome::Reverted(data) => Ok(Tampered {
            chunk,
            byte,
            refused: true,
            error: decode_revert(&data).to_string(),
        }),
        CallOutcome::Returned(_) => {
            bail!("chunk {chunk}: a proof with byte {byte} flipped was accepted")
        }
    }
}
