//! An inference as the registry records it, in a form to show.

use super::contract::Registry;
use crate::abi::{InferenceState, InferenceStatus};
use crate::error::Result;
use crate::rpc::{At, Rpc, RpcConfig};
use alloy::primitives::{Address, B256};
use serde::Serialize;

/// What a registry stores about an inference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InferenceView {
    /// Id of the model in the registry.
    pub model_id: B256,
    /// Id of the inference in the registry.
    pub inference_id: B256,
    /// `none`, `committed` or `proven`.
    pub status: &'static str,
    /// Chained hash of the public values of the chunks proven so far: 26 bytes.
    pub values_hash: String,
    /// Chunks that are proven while others are not.
    pub proven_chunks: Vec<u16>,
    /// Block time of the last change of the status; 0 before.
    pub time: u64,
}

impl InferenceView {
    fn new(model_id: B256, inference_id: B256, state: &InferenceState) -> Self {
        Self {
            model_id,
            inference_id,
            status: match state.status() {
                Some(InferenceStatus::Committed) => "committed",
                Some(InferenceStatus::Proven) => "proven",
                _ => "none",
            },
            values_hash: format!("{:#054x}", state.valuesHash),
            proven_chunks: (0..256u16)
                .filter(|i| state.provenChunks.bit(usize::from(*i)))
                .collect(),
            time: state.time.to::<u64>(),
        }
    }
}

/// Reads what a registry stores about an inference; an unknown one has status `none`.
pub async fn read_inference(
    rpc: &RpcConfig,
    registry: Address,
    model_id: B256,
    inference_id: B256,
) -> Result<InferenceView> {
    let registry = Registry::new(Rpc::new(rpc.clone())?, registry);
    let state = registry.state(model_id, inference_id, At::Latest).await?;
    Ok(InferenceView::new(model_id, inference_id, &state))
}
