//! Revert data, decoded and in words.

use super::contracts::ChainferRegistry::ChainferRegistryErrors as Registry;
use super::contracts::GeneratedVerifier::GeneratedVerifierErrors as Verifier;
use super::messages::{registry_message, verifier_message};
use crate::text::brief;
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
    /// No data: out of gas, an invalid opcode, or a contract without this function.
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
        return Revert::Text(brief(text.reason));
    }
    if let Ok(panic) = Panic::abi_decode_validate(data) {
        return Revert::Panic(panic.to_string());
    }
    Revert::Unknown(data.to_vec())
}

impl Revert {
    /// Whether the same call can never succeed, whatever happens on chain: the proof itself is bad.
    pub fn is_about_the_proof(&self) -> bool {
        // A verifier that says nothing may have run out of gas.
        if let Self::Registry(Registry::ChunkRejected(rejected)) = self {
            return !rejected.reason.is_empty();
        }
        matches!(
            self,
            Self::Registry(
                Registry::BatchRejected(_)
                    | Registry::PublicValueNotCanonical(_)
                    | Registry::PublicValueCountMismatch(_)
                    | Registry::ChunkOutOfRange(_)
                    | Registry::InvalidRoot(_)
                    | Registry::RequesterIsZero(_)
                    | Registry::RecordMismatch(_)
                    | Registry::InvalidKey(_)
                    | Registry::KeyHashMismatch(_)
                    | Registry::SrsMismatch(_)
            )
        )
    }
}

impl fmt::Display for Revert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(error) => registry_message(error, f, inner_reason),
            Self::Verifier(error) => verifier_message(error, f),
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Panic(text) => write!(f, "{text}"),
            Self::Empty => f.write_str("no revert data (out of gas, or not that contract)"),
            Self::Unknown(data) => write!(f, "unknown error {}", short_hex(data)),
        }
    }
}

/// What `ChunkRejected` carries, in brackets.
fn inner_reason(data: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match decode_revert(data) {
        Revert::Empty => Ok(()),
        // Never nested in earnest; following it would let revert data choose our depth.
        Revert::Registry(_) => write!(f, " ({})", short_hex(data)),
        inner => write!(f, " ({inner})"),
    }
}

fn short_hex(data: &[u8]) -> String {
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
    use crate::abi::{ChainferRegistry, GeneratedVerifier, VerifierStatus};
    use alloy::primitives::{B256, U256, keccak256};
    use serde_json::Value;

    #[test]
    fn revert_chunk_rejected_names_chunk_and_inner_reason() {
        let inner = StringRevert::from("bad point").abi_encode();
        let data = ChainferRegistry::ChunkRejected {
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
        let reason = GeneratedVerifier::ProofRejected {}.abi_encode().into();
        let data = ChainferRegistry::ChunkRejected {
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
            data = ChainferRegistry::ChunkRejected {
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
            let error = ChainferRegistry::VerifierNotActive {
                chunk: U256::from(1),
                codeHash: B256::repeat_byte(7),
                status: VerifierStatus::to_abi(status),
            };
            let revert = decode_revert(&error.abi_encode());
            assert!(!revert.is_about_the_proof());
            revert.to_string()
        };
        assert!(words(VerifierStatus::Unknown).ends_with("is not on the registry's list"));
        assert!(words(VerifierStatus::Frozen).ends_with("is frozen"));
        assert!(words(VerifierStatus::Removed).ends_with("is removed for good"));
    }

    const REGISTRY: &str = include_str!("../../../../contracts/artefacts/ChainferRegistry.json");
    const VERIFIER: &str =
        include_str!("../../../../contracts/artefacts/IHalo2VerifierErrors.json");

    /// Every error of an artefact: its name, and revert data in which all that has a fixed size is zero and all that
    /// has none is empty.
    fn errors_of(artefact: &str) -> Vec<(String, Vec<u8>)> {
        let artefact: Value = serde_json::from_str(artefact).unwrap();
        let entries = artefact["abi"].as_array().unwrap().iter();
        entries
            .filter(|entry| entry["type"] == "error")
            .map(|entry| {
                let name = entry["name"].as_str().unwrap();
                let types: Vec<&str> = entry["inputs"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|input| input["type"].as_str().unwrap())
                    .collect();
                let signature = format!("{name}({})", types.join(","));
                let mut data = keccak256(signature)[..4].to_vec();
                let is_dynamic = |t: &str| matches!(t, "bytes" | "string") || t.ends_with(']');
                let mut tail = Vec::new();
                for kind in &types {
                    let word = if is_dynamic(kind) {
                        let offset = 32 * types.len() + tail.len();
                        tail.extend([0; 32]);
                        U256::from(offset)
                    } else {
                        U256::ZERO
                    };
                    data.extend(word.to_be_bytes::<32>());
                }
                data.extend(tail);
                (name.to_owned(), data)
            })
            .collect()
    }

    #[test]
    fn every_error_of_the_artefacts_is_decoded_and_named() {
        let (registry, verifier) = (errors_of(REGISTRY), errors_of(VERIFIER));
        assert!(registry.len() > 40 && verifier.len() > 10);
        for (name, data) in registry {
            let revert = decode_revert(&data);
            assert!(matches!(revert, Revert::Registry(_)), "{name}: {revert:?}");
            assert!(revert.to_string().starts_with(&name), "{name}: {revert}");
        }
        for (name, data) in verifier {
            let revert = decode_revert(&data);
            // The registry has an error of this name and selector too, which is looked for first.
            let shared = name == "PrecompileFailed";
            let found = matches!(revert, Revert::Verifier(_)) || shared;
            assert!(found, "{name}: {revert:?}");
            assert!(revert.to_string().starts_with(&name), "{name}: {revert}");
        }
    }
}
