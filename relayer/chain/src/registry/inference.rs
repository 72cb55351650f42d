//! An inference as the registry records it, in a form to show.

use super::contract::Registry;
use crate::abi::{Inference, InferenceStatus};
use crate::error::Result;
use crate::rpc::{At, Rpc, RpcConfig};
use alloy::primitives::{Address, B256, I256, U256};
use serde::Serialize;

/// The registry's record of an inference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InferenceView {
    /// Id of the inference in the registry.
    pub inference_id: B256,
    /// `none`, `committed` or `proven`.
    pub status: &'static str,
    /// Id of the model in the registry.
    pub model_id: B256,
    /// Account that the inference is credited to.
    pub requester: Address,
    /// Root over the boundary tensors.
    pub root: B256,
    /// Context; zero until a chunk is proven.
    pub context: B256,
    /// The requester's nonce; zero until a chunk is proven.
    pub nonce: B256,
    /// Chunks that are proven.
    pub proven_chunks: Vec<u16>,
    /// Block time of the commitment.
    pub committed_at: u64,
    /// Block time of the last proof; 0 before.
    pub proven_at: u64,
}

impl InferenceView {
    fn new(inference_id: B256, inference: &Inference) -> Self {
        Self {
            inference_id,
            status: match inference.status() {
                Some(InferenceStatus::Committed) => "committed",
                Some(InferenceStatus::Proven) => "proven",
                _ => "none",
            },
            model_id: inference.modelId,
            requester: inference.requester,
            root: inference.root.into(),
            context: inference.context.into(),
            nonce: inference.nonce.into(),
            proven_chunks: (0..256u16)
                .filter(|i| inference.provenChunks.bit(usize::from(*i)))
                .collect(),
            committed_at: inference.committedAt,
            proven_at: inference.provenAt,
        }
    }
}

/// Reads the record of an inference; an unknown one has status `none`.
pub async fn read_inference(
    rpc: &RpcConfig,
    registry: Address,
    inference_id: B256,
) -> Result<InferenceView> {
    let registry = Registry::new(Rpc::new(rpc.clone())?, registry);
    let inference = registry.inference(inference_id, At::Latest).await?;
    Ok(InferenceView::new(inference_id, &inference))
}

/// Reads the integers of a public output of a proven inference.
pub async fn read_output(
    rpc: &RpcConfig,
    registry: Address,
    inference_id: B256,
    output: u64,
) -> Result<Vec<U256>> {
    Registry::new(Rpc::new(rpc.clone())?, registry)
        .output(inference_id, output)
        .await
}

/// Reads the real values of a public output of a proven inference, as the registry dequantises them.
pub async fn read_output_values(
    rpc: &RpcConfig,
    registry: Address,
    inference_id: B256,
    output: u64,
) -> Result<Vec<f64>> {
    let registry = Registry::new(Rpc::new(rpc.clone())?, registry);
    Ok(registry
        .dequantised(inference_id, output)
        .await?
        .into_iter()
        .map(from_wad)
        .collect())
}

fn from_wad(wad: I256) -> f64 {
    let magnitude = f64::from(wad.unsigned_abs()) / 1e18;
    if wad.is_negative() {
        -magnitude
    } else {
        magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_wad_keeps_the_sign() {
        let wad = I256::try_from(-1_500_000_000_000_000_000i128).unwrap();
        assert_eq!(from_wad(wad), -1.5);
        assert_eq!(from_wad(I256::ZERO), 0.0);
    }
}
