//! Why a project cannot be made.

use thiserror::Error;

use crate::error::GenerateError;

/// Reasons why [`ForgeProject`](super::ForgeProject) refuses its parts.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// There is nothing to write.
    #[error("a project needs at least one chunk")]
    NoChunks,
    /// Other chunks have a proof.
    #[error("chunk {chunk} has no proof, others have")]
    MissingProof {
        /// Position of the chunk.
        chunk: usize,
    },
    /// Two different verifiers have one name.
    #[error("two different verifiers are named {name}")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The proof is not as long as the verifier takes it.
    #[error("the proof has {got} bytes, {name} takes {expected}")]
    ProofLength {
        /// Name of the contract.
        name: String,
        /// Bytes of a proof.
        expected: usize,
        /// Bytes given.
        got: usize,
    },
    /// The public inputs are not as many as the verifier takes.
    #[error("there are {got} public inputs, {name} takes {expected}")]
    InstanceCount {
        /// Name of the contract.
        name: String,
        /// Public inputs of a proof.
        expected: usize,
        /// Public inputs given.
        got: usize,
    },
    /// The verifying key is one that no verifier is generated for.
    #[error(transparent)]
    Key(#[from] GenerateError),
}
