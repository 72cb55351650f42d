//! PROOF: one inference proof, as `chainfer prove` writes it.

use super::hex::{self, Fr};
use super::{MAX_CHUNKS, MAX_PROOF_BYTES, Manifest, ProofFileError, parse_versioned, read};
use crate::abi::ids;
use alloy::primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};
use std::path::Path;

const WHAT: &str = "proof";
const FORMAT: &str = "chainfer.proof";
const VERSION: u32 = 1;

/// An inference proof: root, context and one proof per chunk. Public data only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofFile {
    format: String,
    version: u32,
    /// Manifest of the model that was proved.
    #[serde(with = "hex::word")]
    pub manifest_id: B256,
    /// On-chain model, when it was known at proving time.
    #[serde(with = "hex::word_or_null")]
    pub model_id: Option<B256>,
    /// Merkle root over the boundary tensors of this inference.
    pub root: Fr,
    /// Field element that binds the proofs to their use.
    pub context: Fr,
    /// Preimage of `context`; null when the context was given as such.
    #[serde(deserialize_with = "present")]
    pub binding: Option<Binding>,
    /// The chunk proofs, by ascending index.
    pub chunks: Vec<Chunk>,
    /// The outputs, for people; nothing on chain depends on this field.
    pub outputs: Vec<Output>,
}

/// What the context commits to besides the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// Chain of the registry.
    pub chain_id: u64,
    /// Registry contract.
    #[serde(with = "hex::address")]
    pub registry: Address,
    /// Who is credited.
    #[serde(with = "hex::address")]
    pub requester: Address,
    /// Chosen by the requester.
    #[serde(with = "hex::word")]
    pub nonce: B256,
}

/// One chunk's proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chunk {
    /// Position in the model.
    pub index: u16,
    /// Instances after root and context.
    pub public_values: Vec<Fr>,
    /// Proof bytes of the EVM transcript.
    #[serde(with = "hex::bytes")]
    pub proof: Bytes,
}

/// Who sees a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Its values are public instances.
    Public,
    /// Only its leaf is.
    Committed,
}

/// One model output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Name in the model.
    pub name: String,
    /// Dimensions.
    pub shape: Vec<u64>,
    /// Who sees it.
    pub visibility: Visibility,
    /// Quantised values; none for a committed output.
    #[serde(default)]
    pub raw: Option<Vec<i64>>,
    /// Real values; none for a committed output.
    #[serde(default)]
    pub values: Option<Vec<f64>>,
}

/// Makes a nullable field mandatory: serde takes a missing `Option` for null otherwise.
fn present<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Binding>, D::Error> {
    Option::deserialize(d)
}

impl ProofFile {
    /// A file of the current version.
    pub fn new(
        manifest_id: B256,
        model_id: Option<B256>,
        root: Fr,
        context: Fr,
        binding: Option<Binding>,
        chunks: Vec<Chunk>,
        outputs: Vec<Output>,
    ) -> Result<Self, ProofFileError> {
        let (format, version) = (FORMAT.to_owned(), VERSION);
        let file = Self {
            format,
            version,
            manifest_id,
            model_id,
            root,
            context,
            binding,
            chunks,
            outputs,
        };
        file.check()?;
        Ok(file)
    }

    /// Parses and checks everything that can be checked without another file.
    pub fn parse(json: &[u8]) -> Result<Self, ProofFileError> {
        let file: Self = parse_versioned(json, WHAT, FORMAT, VERSION)?;
        file.check()?;
        Ok(file)
    }

    /// Reads and parses a file.
    pub fn read(path: &Path) -> Result<Self, ProofFileError> {
        Self::parse(&read(path)?)
    }

    fn check(&self) -> Result<(), ProofFileError> {
        if self.chunks.is_empty() || self.chunks.len() > MAX_CHUNKS {
            return Err(ProofFileError::malformed(
                WHAT,
                "chunks",
                format!(
                    "expected 1 to {MAX_CHUNKS} chunks, got {}",
                    self.chunks.len()
                ),
            ));
        }
        for (i, chunk) in self.chunks.iter().enumerate() {
            if usize::from(chunk.index) != i {
                return Err(ProofFileError::malformed(
                    WHAT,
                    format!("chunks[{i}].index"),
                    format!(
                        "expected {i} (ascending, none missing), got {}",
                        chunk.index
                    ),
                ));
            }
            if chunk.proof.is_empty() || chunk.proof.len() > MAX_PROOF_BYTES {
                return Err(ProofFileError::malformed(
                    WHAT,
                    format!("chunks[{i}].proof"),
                    format!(
                        "expected 1 to {MAX_PROOF_BYTES} bytes, got {}",
                        chunk.proof.len()
                    ),
                ));
            }
        }
        let (Some(binding), Some(model)) = (&self.binding, self.model_id) else {
            return Ok(());
        };
        let expected = ids::context(
            binding.chain_id,
            binding.registry,
            model,
            binding.requester,
            binding.nonce.into(),
        );
        if expected != self.context.value() {
            return Err(ProofFileError::Inconsistent {
                what: WHAT,
                field: "context".to_owned(),
                expected: format!("{} (from binding and model_id)", B256::from(expected)),
                got: self.context.to_string(),
            });
        }
        Ok(())
    }

    /// Checks that this proof has the shape that `manifest` describes.
    pub fn check_against(&self, manifest: &Manifest) -> Result<(), ProofFileError> {
        let bad = |field: String, expected: String, got: String| {
            Err(ProofFileError::Inconsistent {
                what: WHAT,
                field,
                expected,
                got,
            })
        };
        if self.manifest_id != manifest.manifest_id {
            return bad(
                "manifest_id".to_owned(),
                manifest.manifest_id.to_string(),
                self.manifest_id.to_string(),
            );
        }
        if self.chunks.len() != manifest.chunks.len() {
            return bad(
                "chunks".to_owned(),
                format!("{} chunks", manifest.chunks.len()),
                format!("{} chunks", self.chunks.len()),
            );
        }
        for (i, (chunk, spec)) in self.chunks.iter().zip(&manifest.chunks).enumerate() {
            if chunk.public_values.len() != spec.num_public as usize {
                return bad(
                    format!("chunks[{i}].public_values"),
                    format!("{} values", spec.num_public),
                    format!("{} values", chunk.public_values.len()),
                );
            }
        }
        Ok(())
    }

    /// The binding's nonce as the registry takes it.
    pub fn requester_nonce(&self) -> Option<U256> {
        self.binding.map(|b| b.nonce.into())
    }
}
