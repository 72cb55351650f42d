//! Revert data to words.

use super::IChainferRegistry::IChainferRegistryErrors as Registry;
use super::IHalo2Verifier::IHalo2VerifierErrors as Verifier;
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

fn short_hex(data: &[u8]) -> String {
    const MAX: usize = 68;
    match data.get(..MAX) {
        Some(head) if data.len() > MAX => {
            format!("{}… ({} bytes)", hex::encode_prefixed(head), data.len())
        }
        _ => hex::encode_prefixed(data),
    }
}

fn verifier_message(error: &Verifier, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        Verifier::InvalidProofLength(e) => {
            write!(
                f,
                "InvalidProofLength: expected {} bytes, got {}",
                e.expected, e.got
            )
        }
        Verifier::InvalidInstanceCount(e) => {
            write!(
                f,
                "InvalidInstanceCount: expected {}, got {}",
                e.expected, e.got
            )
        }
        Verifier::NonCanonicalCalldata(_) => f.write_str("NonCanonicalCalldata"),
        Verifier::InstanceOutOfRange(e) => write!(f, "InstanceOutOfRange: instance {}", e.index),
        Verifier::ScalarOutOfRange(e) => {
            write!(f, "ScalarOutOfRange: word {} of the proof", e.word)
        }
        Verifier::InvalidPoint(e) => write!(f, "InvalidPoint: word {} of the proof", e.word),
        Verifier::DegenerateChallenge(_) => f.write_str("DegenerateChallenge"),
        Verifier::PrecompileFailed(e) => write!(f, "PrecompileFailed: {}", e.precompile),
        Verifier::ProofRejected(_) => f.write_str("ProofRejected: the equation does not hold"),
        Verifier::UnexpectedMemoryLayout(_) => f.write_str("UnexpectedMemoryLayout"),
        Verifier::InvalidKey(e) => write!(f, "InvalidKey: {} holds no key of this shape", e.key),
    }
}

fn registry_message(error: &Registry, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        Registry::ManifestIdIsZero(_) => f.write_str("ManifestIdIsZero"),
        Registry::ModelAlreadyRegistered(e) => {
            write!(f, "ModelAlreadyRegistered: model {} exists", e.modelId)
        }
        Registry::InvalidChunkCount(e) => {
            write!(
                f,
                "InvalidChunkCount: a model has 1 to 256 chunks, not {}",
                e.count
            )
        }
        Registry::VerifierWithoutCode(e) => {
            write!(
                f,
                "VerifierWithoutCode: chunk {} names {}, which has no code",
                e.chunk, e.verifier
            )
        }
        Registry::VerifierCodeHashMismatch(e) => write!(
            f,
            "VerifierCodeHashMismatch: chunk {}'s verifier has code hash {}, registered is {}",
            e.chunk, e.actual, e.expected
        ),
        Registry::InvalidKeyContract(e) => write!(
            f,
            "InvalidKeyContract: chunk {}'s key {} is not code as data",
            e.chunk, e.key
        ),
        Registry::KeyCodeHashMismatch(e) => write!(
            f,
            "KeyCodeHashMismatch: chunk {}'s key has code hash {}, registered is {}",
            e.chunk, e.actual, e.expected
        ),
        Registry::SrsMismatch(e) => write!(
            f,
            "SrsMismatch: chunk {}'s key is of another trusted setup than the first",
            e.chunk
        ),
        Registry::InvalidOutputSpec(e) => {
            write!(f, "InvalidOutputSpec: output {}", e.outputIndex)
        }
        Registry::ModelNotRegistered(e) => {
            write!(
                f,
                "ModelNotRegistered: the registry has no model {}",
                e.modelId
            )
        }
        Registry::InvalidRoot(e) => write!(f, "InvalidRoot: {:#x}", e.root),
        Registry::RequesterIsZero(_) => f.write_str("RequesterIsZero"),
        Registry::InferenceNotCommitted(e) => {
            write!(f, "InferenceNotCommitted: inference {}", e.inferenceId)
        }
        Registry::NoChunkProofs(_) => f.write_str("NoChunkProofs"),
        Registry::ChunkOutOfRange(e) => {
            write!(
                f,
                "ChunkOutOfRange: the model has {} chunks, no chunk {}",
                e.chunkCount, e.chunk
            )
        }
        Registry::PublicValueCountMismatch(e) => write!(
            f,
            "PublicValueCountMismatch: chunk {} takes {} public values, got {}",
            e.chunk, e.expected, e.actual
        ),
        Registry::PublicValueNotCanonical(e) => write!(
            f,
            "PublicValueNotCanonical: chunk {}, value {} is not below the field's order",
            e.chunk, e.index
        ),
        Registry::ChunkRejected(e) => {
            write!(
                f,
                "ChunkRejected: chunk {}'s verifier rejects the proof",
                e.chunk
            )?;
            match decode_revert(&e.reason) {
                Revert::Empty => Ok(()),
                // Never nested in earnest; following it would let revert data choose our depth.
                Revert::Registry(_) => write!(f, " ({})", short_hex(&e.reason)),
                inner => write!(f, " ({inner})"),
            }
        }
        Registry::VerifierMisbehaved(e) => {
            write!(
                f,
                "VerifierMisbehaved: chunk {}'s verifier did not return two points",
                e.chunk
            )
        }
        Registry::PointNotOnCurve(e) => {
            write!(
                f,
                "PointNotOnCurve: chunk {}'s verifier returned no points of the curve",
                e.chunk
            )
        }
        Registry::BatchRejected(_) => {
            f.write_str("BatchRejected: at least one proof does not verify")
        }
        Registry::EmptyBatch(_) => f.write_str("EmptyBatch"),
        Registry::PrecompileFailed(e) => write!(f, "PrecompileFailed: {}", e.precompile),
        Registry::CodeDataTooLarge(e) => write!(f, "CodeDataTooLarge: {} bytes", e.size),
        Registry::CodeDataNotCreated(_) => f.write_str("CodeDataNotCreated"),
        Registry::PublicValuesConflict(e) => write!(
            f,
            "PublicValuesConflict: chunk {} of inference {} is proven with other public values",
            e.chunk, e.inferenceId
        ),
        Registry::InferenceNotProven(e) => {
            write!(f, "InferenceNotProven: inference {}", e.inferenceId)
        }
        Registry::ModelMismatch(e) => write!(
            f,
            "ModelMismatch: inference {} is of model {}, not {}",
            e.inferenceId, e.actual, e.expected
        ),
        Registry::ChunkNotProven(e) => {
            write!(
                f,
                "ChunkNotProven: chunk {} of inference {}",
                e.chunk, e.inferenceId
            )
        }
        Registry::PublicValuesNotStored(e) => {
            write!(
                f,
                "PublicValuesNotStored: chunk {}; read them from the event",
                e.chunk
            )
        }
        Registry::OutputOutOfRange(e) => write!(
            f,
            "OutputOutOfRange: the model has {} outputs, no output {}",
            e.outputCount, e.outputIndex
        ),
        Registry::StrayBits(e) => {
            write!(
                f,
                "StrayBits: word {} holds more than its values",
                e.wordIndex
            )
        }
        Registry::WordCountMismatch(e) => write!(
            f,
            "WordCountMismatch: expected {} words, got {}",
            e.expected, e.actual
        ),
        Registry::OutputIsCommitted(e) => {
            write!(
                f,
                "OutputIsCommitted: output {}'s values are not on chain",
                e.outputIndex
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{IChainferRegistry, IHalo2Verifier};
    use alloy::primitives::U256;

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
}
