//! Typed errors in words: the name, then what a reader needs. The matches have no wildcard, so an error that is new in an
//! artefact does not compile until it has words.

use super::contracts::ChainferRegistry::ChainferRegistryErrors as Registry;
use super::contracts::GeneratedVerifier::GeneratedVerifierErrors as Verifier;
use super::status::VerifierStatus;
use std::fmt;

pub(super) fn verifier_message(error: &Verifier, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// `inner_reason` writes the revert data that `ChunkRejected` carries.
pub(super) fn registry_message(
    error: &Registry,
    f: &mut fmt::Formatter<'_>,
    inner_reason: impl FnOnce(&[u8], &mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
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
            inner_reason(&e.reason, f)
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
        Registry::InvalidLeafCount(e) => write!(
            f,
            "InvalidLeafCount: a tree has 1 to 2048 leaves, not {}",
            e.count
        ),
        Registry::TooManyTensors(e) => write!(
            f,
            "TooManyTensors: a model has at most 2048 inputs and 2048 outputs, not {} and {}",
            e.inputs, e.outputs
        ),
        Registry::LeafIsEmpty(e) => write!(f, "LeafIsEmpty: leaf {} has no values", e.leaf),
        Registry::InvalidInputSpec(e) => write!(f, "InvalidInputSpec: input {}", e.inputIndex),
        Registry::InputOutOfRange(e) => write!(
            f,
            "InputOutOfRange: the model has {} inputs, no input {}",
            e.inputCount, e.inputIndex
        ),
        Registry::LeafOutOfRange(e) => write!(
            f,
            "LeafOutOfRange: the model has {} leaves, no leaf {}",
            e.leafCount, e.leaf
        ),
        Registry::NotRegistrant(e) => write!(
            f,
            "NotRegistrant: {} did not register model {}",
            e.account, e.modelId
        ),
        Registry::ModelIsDeprecated(e) => write!(
            f,
            "ModelIsDeprecated: the registrant has ended model {}",
            e.modelId
        ),
        Registry::ModelIsFrozen(e) => write!(f, "ModelIsFrozen: model {}", e.modelId),
        Registry::ModelIsNotFrozen(e) => write!(f, "ModelIsNotFrozen: model {}", e.modelId),
        Registry::VerifierNotActive(e) => write!(
            f,
            "VerifierNotActive: chunk {}'s verifier shape {} is {}",
            e.chunk,
            e.codeHash,
            standing(e.status)
        ),
        Registry::UnexpectedVerifierStatus(e) => write!(
            f,
            "UnexpectedVerifierStatus: verifier shape {} is {}",
            e.codeHash,
            standing(e.status)
        ),
        Registry::InvalidVerifierCodeHash(e) => write!(
            f,
            "InvalidVerifierCodeHash: no verifier has code hash {}",
            e.codeHash
        ),
        Registry::NotGuardian(e) => write!(
            f,
            "NotGuardian: {} is neither the guardian nor the owner",
            e.account
        ),
        Registry::OwnableUnauthorizedAccount(e) => write!(
            f,
            "OwnableUnauthorizedAccount: {} is not the owner",
            e.account
        ),
        Registry::OwnableInvalidOwner(e) => {
            write!(f, "OwnableInvalidOwner: {} cannot own", e.owner)
        }
        Registry::NotComparable(e) => write!(
            f,
            "NotComparable: inferences {} and {} say nothing about each other",
            e.first, e.second
        ),
        Registry::DifferentRoots(e) => {
            write!(f, "DifferentRoots: {:#x} and {:#x}", e.first, e.second)
        }
        Registry::DifferentInputs(e) => write!(
            f,
            "DifferentInputs: input {} is not known to be the same",
            e.inputIndex
        ),
        Registry::NoContradiction(_) => {
            f.write_str("NoContradiction: what is compared is not known to differ")
        }
        Registry::PublicValuesMismatch(e) => write!(
            f,
            "PublicValuesMismatch: these are not the values that chunk {} of inference {} was proven with",
            e.chunk, e.inferenceId
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

fn standing(status: u8) -> &'static str {
    VerifierStatus::from_abi(status).map_or("in a state unknown here", VerifierStatus::standing)
}
