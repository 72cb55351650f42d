//! The crate's errors: [`EngineError`] for work that could not be done, [`VerifyError`] for a proof that is refused.

use crate::srs::import::ImportError;
use chainfer_formats::{B256, FormatError, Scalar, setup::SetupRefusal};
use std::{io, path::PathBuf};
use thiserror::Error;

/// What can go wrong around keys, bundles and proofs.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The file system refused.
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Bytes or text that do not follow their format.
    #[error("{what}: {detail}")]
    Malformed {
        /// Which file or value.
        what: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A file of another format or version, with a malformed field, or whose fields contradict each other.
    #[error(transparent)]
    Format(FormatError),
    /// Content that does not hash to what is recorded for it.
    #[error(
        "{what}: digest is {got}, expected {expected}; the file was changed or belongs to another bundle"
    )]
    DigestMismatch {
        /// Which file.
        what: String,
        /// Recorded digest.
        expected: B256,
        /// Digest of the content.
        got: B256,
    },
    /// Parts of a bundle that do not fit each other.
    #[error("inconsistent bundle: {0}")]
    Inconsistent(String),
    /// The output folder of `compile` exists.
    #[error("{path} exists; choose another folder or remove it", path = .path.display())]
    OutputExists {
        /// Path of that folder.
        path: PathBuf,
    },
    /// No SRS of this digest and size is in the cache.
    #[error("SRS {digest} with 2^{k} powers is not in {dir}; add it with `chainfer srs import FILE`", dir = .dir.display())]
    SrsMissing {
        /// SRS digest.
        digest: B256,
        /// log2 of the powers needed.
        k: u32,
        /// Cache folder searched.
        dir: PathBuf,
    },
    /// A bundle without the file that says what its model is without weights.
    #[error(
        "{path} is missing, so the structure cannot be audited: the bundle was made by an earlier release, or the file was removed; compile the model again, or audit the bundle against the model file", path = .path.display()
    )]
    NoStructure {
        /// Path of that file.
        path: PathBuf,
    },
    /// A setup that does not do for a chain.
    #[error(transparent)]
    Setup(#[from] SetupRefusal),
    /// A setup file that is refused.
    #[error("{path}: {source}", path = .path.display())]
    Import {
        /// The file.
        path: PathBuf,
        /// The check that failed, and where in the file.
        source: Box<ImportError>,
    },
    /// There is no folder for the user's setups.
    #[error("there is no folder to keep setups in: set CHAINFER_CACHE, XDG_CACHE_HOME or HOME")]
    NoCache,
    /// Key generation failed.
    #[error("chunk {chunk}: key generation failed: {detail}")]
    Keygen {
        /// Chunk index.
        chunk: usize,
        /// halo2's reason.
        detail: String,
    },
    /// The Solidity verifier of a chunk could not be made.
    #[error("chunk {chunk}: no verifier contract: {detail}")]
    VerifierSource {
        /// Chunk index.
        chunk: usize,
        /// The generator's reason.
        detail: String,
    },
    /// Proof creation failed.
    #[error("chunk {chunk}: proving failed: {detail}")]
    Proving {
        /// Chunk index.
        chunk: usize,
        /// halo2's reason.
        detail: String,
    },
    /// A fresh proof did not verify: the witness breaks a constraint, or a file is damaged.
    #[error("chunk {chunk}: the fresh proof does not verify ({source}); nothing was written")]
    SelfCheck {
        /// Chunk index.
        chunk: usize,
        /// Why it was refused.
        source: VerifyError,
    },
    /// The blinders in the weight columns hide no further proof.
    #[error(
        "chunk {chunk}: all {limit} proofs that this proving key may make without revealing weights are used up; compile afresh for a new key"
    )]
    HidingBudgetSpent {
        /// Chunk index.
        chunk: usize,
        /// Proofs allowed.
        limit: u32,
    },
    /// The build's field arithmetic needs instructions that this processor lacks.
    #[error("this processor lacks the {missing} instructions that this build was made for")]
    UnsupportedCpu {
        /// Instruction set.
        missing: &'static str,
    },
    /// One chunk alone needs more memory than allowed.
    #[error(
        "chunk {chunk} needs about {needed} bytes of memory, {limit} are allowed; compile with more chunks or with `--optimize memory`"
    )]
    MemoryLimit {
        /// Chunk index.
        chunk: usize,
        /// Bytes that proving it takes, by estimate.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// No cut of a model stays within the memory and the size asked for.
    #[error(
        "no cut of the model keeps every chunk within {memory} bytes of memory and 2^{max_k} rows: the best needs about {needed} bytes; allow more, or leave the number of chunks to `--chunks auto`"
    )]
    DoesNotFit {
        /// Bytes that the largest chunk of the best cut takes, by estimate.
        needed: u64,
        /// Bytes allowed.
        memory: u64,
        /// log2 of the rows allowed.
        max_k: u32,
    },
    /// A layer is too large for any circuit, and cannot be cut any further.
    #[error(
        "layer {layer} needs {rows} rows, cut as far as its channels allow; a circuit of 2^{max_k} rows does not hold it"
    )]
    LayerTooLarge {
        /// Name of the layer.
        layer: String,
        /// Rows that it takes at least.
        rows: usize,
        /// log2 of the rows allowed.
        max_k: u32,
    },
    /// The chunks asked for are too few for any circuits.
    #[error(
        "so few chunks need more than 2^{max_k} rows each; ask for more, or leave their number to `--chunks auto`"
    )]
    TooFewChunks {
        /// log2 of the rows allowed.
        max_k: u32,
    },
    /// No cut has chunks whose verifiers fit in contracts.
    #[error("no cut of the model has verifiers that fit in contracts: {detail}")]
    NoVerifier {
        /// What the generator says of the last one.
        detail: String,
    },
    /// There is no such chunk.
    #[error("there is no chunk {chunk}, the model has {chunks}")]
    NoSuchChunk {
        /// Chunk asked for.
        chunk: usize,
        /// Number of chunks.
        chunks: usize,
    },
    /// There is no such boundary tensor.
    #[error("there is no boundary tensor {name}; there are {known}")]
    NoSuchTensor {
        /// Name asked for.
        name: String,
        /// Comma-separated names.
        known: String,
    },
    /// The model layer refused.
    #[error(transparent)]
    Model(#[from] chainfer_model::ModelError),
    /// The circuit layer refused.
    #[error(transparent)]
    Circuit(#[from] chainfer_circuits::CircuitError),
    /// A proof was refused.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

/// Why an inference proof is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The proof names another model.
    #[error("the proof is for manifest {got}, the bundle is {expected}")]
    ManifestMismatch {
        /// Manifest id of the bundle.
        expected: B256,
        /// Manifest id in the proof.
        got: B256,
    },
    /// A binding without the model id that it is hashed with.
    #[error("the proof has a binding but no model id, so its context cannot be recomputed")]
    MissingModelId,
    /// A model id that nothing ties to the context.
    #[error("the proof names a model id but has no binding, so nothing ties the id to its context")]
    UnboundModelId,
    /// The context is not the hash of the stated binding.
    #[error("the context is {got}, its binding hashes to {expected}")]
    ContextMismatch {
        /// Recomputed context.
        expected: Scalar,
        /// Context in the proof.
        got: Scalar,
    },
    /// An instance that is not below the scalar field's modulus.
    #[error("{what} is not below the scalar field's modulus")]
    NotCanonical {
        /// Which value.
        what: String,
    },
    /// A chunk without proof.
    #[error("chunk {chunk}: there is no proof")]
    MissingChunk {
        /// Chunk index.
        chunk: usize,
    },
    /// A chunk with several proofs.
    #[error("chunk {chunk}: there is more than one proof")]
    DuplicateChunk {
        /// Chunk index.
        chunk: usize,
    },
    /// A proof for a chunk that the model does not have.
    #[error("chunk {chunk}: the model has only {chunks} chunks")]
    UnknownChunk {
        /// Chunk index.
        chunk: usize,
        /// Number of chunks.
        chunks: usize,
    },
    /// Too many or too few public values.
    #[error("chunk {chunk}: {got} public values, expected {expected}")]
    PublicValueCount {
        /// Chunk index.
        chunk: usize,
        /// Number in the manifest.
        expected: usize,
        /// Number in the proof.
        got: usize,
    },
    /// Truncated or extended proof bytes.
    #[error("chunk {chunk}: the proof has {got} bytes, expected {expected}")]
    ProofLength {
        /// Chunk index.
        chunk: usize,
        /// Length that the verifying key implies.
        expected: usize,
        /// Length found.
        got: usize,
    },
    /// The proof does not verify.
    #[error(
        "chunk {chunk}: the proof does not verify against root, context and public values: {detail}"
    )]
    ProofInvalid {
        /// Chunk index.
        chunk: usize,
        /// halo2's reason.
        detail: String,
    },
    /// The readable outputs are not those that the public values encode.
    #[error("output {name}: {detail}")]
    OutputMismatch {
        /// Output name.
        name: String,
        /// What differs.
        detail: String,
    },
    /// An opening that does not lead to the root.
    #[error("tensor {name}: {detail}")]
    BadOpening {
        /// Tensor name.
        name: String,
        /// What fails.
        detail: String,
    },
}

impl VerifyError {
    /// The same error, attributed to this chunk.
    pub(crate) fn in_chunk(self, index: usize) -> Self {
        match self {
            Self::ProofLength { expected, got, .. } => Self::ProofLength {
                chunk: index,
                expected,
                got,
            },
            Self::ProofInvalid { detail, .. } => Self::ProofInvalid {
                chunk: index,
                detail,
            },
            other => other,
        }
    }
}

/// The crate's result.
pub type Result<T, E = EngineError> = std::result::Result<T, E>;

impl From<FormatError> for EngineError {
    fn from(error: FormatError) -> Self {
        match error {
            FormatError::Io {
                action,
                path,
                source,
            } => Self::Io {
                action,
                path,
                source,
            },
            other => Self::Format(other),
        }
    }
}

impl EngineError {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    pub(crate) fn malformed(what: impl Into<String>, detail: impl ToString) -> Self {
        Self::Malformed {
            what: what.into(),
            detail: detail.to_string(),
        }
    }
}
