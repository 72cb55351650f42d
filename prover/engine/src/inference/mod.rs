//! One inference: executed, committed to, proved chunk by chunk, verified, opened.

mod context;
mod instances;
mod opening;
mod outputs;
mod prove;
mod verify;

pub use context::ContextSource;
pub use opening::{Opening, open};
pub use prove::{
    ChunkMetrics, InferenceProof, PreparedInference, ProveMetrics, ProveOptions, prepare,
    prove_chunk, prove_inference,
};
pub use verify::verify_inference;
