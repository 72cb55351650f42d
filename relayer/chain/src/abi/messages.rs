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
        Verifier::InvalidKeyLength(e) => {
            write!(
                f,
                "InvalidKeyLength: expected {}, got {}",
                e.expected, e.got
            )
        }
        Verifier::InvalidKey(e) => {
            write!(f, "InvalidKey: the key is of the shape {}", e.shape)
        }
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
        Registry::TooManyChunks(_) => f.write_str("TooManyChunks: a model has at most 256 chunks"),
        Registry::InvalidKey(e) => write!(
            f,
            "InvalidKey: chunk {}'s key is too short, or no contract is at the address in its place",
            e.chunk
        ),
        Registry::KeyHashMismatch(e) => write!(
            f,
            "KeyHashMismatch: chunk {}'s key has hash {}, registered is {}",
            e.chunk, e.actual, e.expected
        ),
        Registry::InvalidPublicSize(e) => write!(
            f,
            "InvalidPublicSize: a model has 1 to 64 inputs, at most 2,048 leaves and 4,000 words in a report of a contradiction; this \
             one has {} inputs and {} words",
            e.inputs, e.words
        ),
        Registry::InvalidTensorSpec(e) => write!(
            f,
            "InvalidTensorSpec: tensor {}, of inputs and outputs",
            e.index
        ),
        Registry::InvalidRoot(_) => {
            f.write_str("InvalidRoot: it is zero or not below the field's order")
        }
        Registry::RecordMismatch(e) => write!(
            f,
            "RecordMismatch: what was handed in is not the record of model {}",
            e.modelId
        ),
        Registry::NotComparable(_) => {
            f.write_str("NotComparable: the inferences say nothing about each other")
        }
        Registry::DifferentRoots(_) => f.write_str("DifferentRoots"),
        Registry::PublicValuesMismatch(e) => write!(
            f,
            "PublicValuesMismatch: these are not the values that inference {} was proven with, in the order of proving",
            e.inferenceId
        ),
        Registry::ValuesNotShown(e) => {
            write!(f, "ValuesNotShown: those of chunk {} are needed", e.chunk)
        }
        Registry::ValuesAndDigest(e) => write!(
            f,
            "ValuesAndDigest: chunk {} has both values and a digest in their place",
            e.chunk
        ),
        Registry::SrsMismatch(e) => write!(
            f,
            "SrsMismatch: chunk {}'s key is of another trusted setup than the first",
            e.chunk
        ),
        Registry::ModelNotRegistered(e) => {
            write!(
                f,
                "ModelNotRegistered: the registry has no model {}",
                e.modelId
            )
        }
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
        Registry::InferenceNotProven(e) => {
            write!(f, "InferenceNotProven: inference {}", e.inferenceId)
        }
        Registry::OutputOutOfRange(e) => write!(
            f,
            "OutputOutOfRange: the model has {} outputs, no output {}",
            e.outputCount, e.outputIndex
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
        Registry::DifferentInputs(e) => write!(
            f,
            "DifferentInputs: input {} is not known to be the same",
            e.inputIndex
        ),
        Registry::NoContradiction(_) => {
            f.write_str("NoContradiction: what is compared is not known to differ")
        }
    }
}

fn standing(status: u8) -> &'static str {
    VerifierStatus::from_abi(status).map_or("in a state unknown here", VerifierStatus::standing)
}
