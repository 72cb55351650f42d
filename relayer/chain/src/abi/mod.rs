//! The ABIs of the registry and of the generated verifiers, and revert data in words.
//!
//! Solidity's user-defined value types (`ModelId`, `Context`, …) appear as what they wrap.

mod contracts;
mod messages;
mod reverts;
mod status;

pub use contracts::ChainferRegistry::{
    ChunkProof, ChunkSpec, ChunkValues, Inference, InferenceState, Model, ModelRecord,
    ModelRegistration, Opening, ShownInference, TensorSpec,
};
pub use contracts::{ChainferRegistry, GeneratedVerifier};
pub use reverts::{Revert, decode_revert};
pub use status::{InferenceStatus, VerifierStatus, Visibility};
