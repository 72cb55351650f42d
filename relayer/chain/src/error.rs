//! The error type of this crate.

use crate::abi::decode_revert;
use crate::rpc::RpcError;
use alloy::primitives::Address;

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Why a chain could not be read or a key could not be used. [`Error::is_transient`] tells whether the same call may
/// succeed later without any change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The node did not answer, or answered with an error.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// A contract call reverted; the reason is decoded where the error is known.
    #[error("{call} reverts: {reason}")]
    Reverted {
        /// Function that was called.
        call: String,
        /// Decoded revert data.
        reason: String,
    },
    /// No limit that was tried is enough gas for a call.
    #[error("{call}: the node gives no estimate of its gas ({tried}); {rules}")]
    NoEstimate {
        /// What was to be called.
        call: String,
        /// With which limits, and what the node said to each.
        tried: String,
        /// The chain's rules, as far as they were recognised.
        rules: String,
    },
    /// No contract code at an address that must hold some.
    #[error("no contract code at {address} ({what})")]
    NoCode {
        /// Address without code.
        address: Address,
        /// What was expected there.
        what: &'static str,
    },
    /// A contract is not the one expected, or a manifest asks for what the registry does not take.
    #[error("{field}: expected {expected}, got {got}")]
    Mismatch {
        /// Name of the value.
        field: &'static str,
        /// The right value.
        expected: String,
        /// The value found.
        got: String,
    },
    /// The wallet cannot be opened or cannot sign until somebody changes something. Never carries key material.
    #[error("wallet: {0}")]
    Wallet(String),
    /// A remote signer cannot sign at the moment; a later try may succeed. Never carries credentials.
    #[error("{name} cannot sign at the moment: {reason}")]
    Signer {
        /// Which kind of signer.
        name: &'static str,
        /// Explanation, in words.
        reason: String,
    },
    /// Contradictory or incomplete settings.
    #[error("configuration: {0}")]
    Config(String),
    /// A file cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A background task was lost (shutdown or panic).
    #[error("background task ended: {0}")]
    Task(String),
}

impl Error {
    /// Whether the same call may succeed later without any change by a person.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Rpc(e) => e.is_transient(),
            Self::Signer { .. } => true,
            _ => false,
        }
    }

    /// The failure of a call to `function`: [`Error::Reverted`] where the contract refused, with its reason in words.
    pub fn of_call(function: &str, e: RpcError) -> Self {
        match e.revert_data() {
            Some(data) => Self::Reverted {
                call: function.to_owned(),
                reason: decode_revert(&data).to_string(),
            },
            None => Self::Rpc(e),
        }
    }
}
