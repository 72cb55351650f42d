//! The registry contract: what it stores of models and inferences, and what a bundle asks it to record.

mod calls;
mod contract;
mod difference;
mod inference;
mod registration;

pub use calls::{attest_call, chunk_proof, prove_call, record};
pub use contract::{Registered, Registry};
pub use difference::{Difference, compare};
pub use inference::{InferenceView, read_inference};
pub use registration::{PlacedChunk, Registration, record_of};
