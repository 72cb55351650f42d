//! The registry's interface, as `contracts/src/interfaces/IChainferRegistry.sol` defines it.
//!
//! User-defined value types of the Solidity source appear as what they wrap: selectors are the same.

pub mod ids;
mod messages;
mod registry;
mod reverts;
mod verifier;

pub use registry::IChainferRegistry;
pub use registry::{
    ChunkProof, ChunkSpec, ChunkValues, Inference, InferenceStatus, Model, ModelRegistration,
    TensorSpec, VerifierStatus, Visibility,
};
pub use reverts::{Revert, decode_revert};
pub use verifier::IHalo2Verifier;
