//! Revert data to words.

use super::IChainferRegistry::IChainferRegistryErrors as Registry;
use super::IHalo2Verifier::IHalo2VerifierErrors as Verifier;
use super::messages::{registry_message, verifier_message};
use alloy::hex;
use alloy::sol_types::{Panic, Revert as StringRevert, SolError, SolInterface};
use std::fmt;

/// A decoded revert.
#[derive(Debug)]
#[non_exhaustive]
pub enum Revert {
    /// One of the registry's typed errors.
    Registry(Registry),
    /// One of a generated verifier's typed errors.
    Verifier(Verifier),
    /// `require(…, "text")`.
    Text(String),
    /// A compiler-inserted panic with its code.
    Panic(String),
    /// No data at all: out of gas, an invalid opcode, or a call to an address without this function.
    Empty,
    /// Data of an unknown error.
    Unknown(Vec<u8>),
}

/// Decodes revert data; never fails.
pub fn decode_revert(data: &[u8]) -> Revert {
    if data.is_empty() {
        return Revert::Empty;
    }
    if let Ok(error) = Registry::abi_decode_validate(data) {
        return Revert::Registry(error);
    }
    if let Ok(error) = Verifier::abi_decode_validate(data) {
        return Revert::Verifier(error);
    }
    if let Ok(text) = StringRevert::abi_decode_validate(data) {
        return Revert::Text(text.reason);
    }
    if let Ok(panic) = Panic::abi_decode_validate(data) {
        return Revert::Panic(panic.to_string());
    }
    Revert::Unknown(data.to_vec())
}

impl Revert {
    /// Whether the same call can never succeed, whatever happens on chain: the proof itself is bad.
    pub fn is_about_the_proof(&self) -> bool {
        matches!(
            self,
            Self::Registry(
                Registry::ChunkRejected(_)
                    | Registry::BatchRejected(_)
                    | Registry::PublicValueNotCanonical(_)
                    | Registry::PublicValueCountMismatch(_)
                    | Registry::ChunkOutOfRange(_)
                    | Registry::InvalidRoot(_)
                    | Registry::RequesterIsZero(_)
                    | Registry::PublicValuesConflict(_)
            )
        )
    }
}

impl fmt::Display for Revert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(error) => registry_message(error, f),
            Self::Verifier(error) => verifier_message(error, f),
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Panic(text) => write!(f, "{text}"),
            Self::Empty => f.write_str("no revert data (out of gas, or not that contract)"),
            Self::Unknown(data) => write!(f, "unknown error {}", short_hex(data)),
        }
    }
}

pub(super) fn short_hex(data: &[u8]) -> String {
    const MAX: usize = 68;
    match data.get(..MAX) {
        Some(head) if data.len() > MAX => {
            format!("{}… ({} bytes)", hex::encode_prefixed(head), data.len())
        }
        _ => hex::encode_prefixed(data),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{IChainferRegistry, IHalo2Verifier, VerifierStatus};
    use alloy::primitives::{B256, U256};

    #[test]
    fn revert_chunk_rejected_names_chunk_and_inner_reason() {
        let inner = StringRevert::from("bad point").abi_encode();
        let data = IChainferRegistry::ChunkRejected {
            chunk: U256::from(2),
            reason: inner.into(),
        }
        .abi_encode();
        let revert = decode_revert(&data);
        assert!(revert.is_about_the_proof());
        let text = revert.to_string();
        assert!(
            text.contains("chunk 2") && text.contains("bad point"),
            "{text}"
        );
    }

    #[test]
    fn revert_of_a_generated_verifier_is_named() {
        let reason = IHalo2Verifier::ProofRejected {}.abi_encode().into();
        let data = IChainferRegistry::ChunkRejected {
            chunk: U256::from(1),
            reason,
        }
        .abi_encode();
        assert!(decode_revert(&data).to_string().contains("(ProofRejected"));
    }

    #[test]
    fn revert_garbage_is_shown_as_hex() {
        assert_eq!(
            decode_revert(&[1, 2, 3]).to_string(),
            "unknown error 0x010203"
        );
        assert!(matches!(decode_revert(&[]), Revert::Empty));
        assert!(decode_revert(&[7; 500]).to_string().contains("(500 bytes)"));
    }

    #[test]
    fn revert_nested_in_itself_is_not_followed() {
        let mut data = Vec::new();
        for _ in 0..4 {
            data = IChainferRegistry::ChunkRejected {
                chunk: U256::ZERO,
                reason: data.into(),
            }
            .abi_encode();
        }
        assert_eq!(
            decode_revert(&data)
                .to_string()
                .matches("ChunkRejected")
                .count(),
            1
        );
    }

    #[test]
    fn revert_of_governance_says_where_the_verifier_stands() {
        let words = |status| {
            let error = IChainferRegistry::VerifierNotActive {
                chunk: U256::from(1),
                codeHash: B256::repeat_byte(7),
                status,
            };
            let revert = decode_revert(&error.abi_encode());
            assert!(!revert.is_about_the_proof());
            revert.to_string()
        };
        assert!(words(VerifierStatus::Unknown).ends_with("is not on the registry's list"));
        assert!(words(VerifierStatus::Frozen).ends_with("is frozen"));
        assert!(words(VerifierStatus::Removed).ends_with("is removed for good"));
    }
}
