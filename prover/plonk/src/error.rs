//! What can go wrong while proving.

use chainfer_compute::backend::ComputeError;
use halo2_proofs::plonk;
use std::io;
use thiserror::Error;

/// Why there is no proof. A witness that breaks a gate or a copy constraint is *not* an error: the proof does not verify.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlonkError {
    /// The setup, the key and the circuit are not of each other.
    #[error("{what}: expected {expected}, got {got}")]
    Mismatch {
        /// What does not fit.
        what: &'static str,
        /// What the key asks for.
        expected: usize,
        /// What there is.
        got: usize,
    },
    /// The proving key is not that of the verifying key.
    #[error("the proving key is of another verifying key")]
    OtherKey,
    /// The proving key cannot be loaded.
    #[error("proving key: {0}")]
    Load(String),
    /// The circuit could not fill its columns.
    #[error("witness: {0}")]
    Witness(String),
    /// A value that is looked up is not in the table.
    #[error("lookup {lookup}: the value of row {row} is not in the table")]
    NotInTable {
        /// Number of the lookup argument.
        lookup: usize,
        /// First row with that value.
        row: usize,
    },
    /// halo2's own.
    #[error("halo2: {0}")]
    Halo2(#[from] plonk::Error),
    /// The back end failed.
    #[error(transparent)]
    Compute(#[from] ComputeError),
    /// The transcript does not take what it is given: a commitment to a column of zeros, for example, has no encoding on the EVM.
    #[error("transcript: {0}")]
    Transcript(#[from] io::Error),
    /// The columns of a new key cannot be stored.
    #[error("the key cannot be stored: {0}")]
    Store(io::Error),
}

/// A result of this crate.
pub(crate) type Result<T> = std::result::Result<T, PlonkError>;
