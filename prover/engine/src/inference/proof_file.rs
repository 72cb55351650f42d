//! PROOF: the public result of one inference, one JSON file.

use crate::{
    bytes::{Bytes32, HexBytes},
    error::{Result, VerifyError},
    files::{self, Access},
    ids::Binding,
    manifest::Manifest,
};
use chainfer_model::partitioned::Visibility;
use serde::{Deserialize, Serialize};
use std::path::Path;

const FORMAT: &str = "chainfer.proof";
const VERSION: u32 = 1;

/// Root, context, public values, one proof a chunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofFile {
    /// `chainfer.proof`.
    pub format: String,
    /// 1.
    pub version: u32,
    /// Manifest of the bundle that it was made with.
    pub manifest_id: Bytes32,
    /// On-chain id of the model; present if there is a binding.
    pub model_id: Option<Bytes32>,
    /// Root of the commitment tree.
    pub root: Bytes32,
    /// Context instance.
    pub context: Bytes32,
    /// What the context is the hash of, if it is one.
    pub binding: Option<Binding>,
    /// One entry a chunk.
    pub chunks: Vec<ChunkProof>,
    /// The model's outputs in readable form.
    pub outputs: Vec<OutputValues>,
}

/// The proof of one chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunkProof {
    /// Chunk.
    pub index: usize,
    /// Instances behind root and context.
    pub public_values: Vec<Bytes32>,
    /// Proof bytes.
    pub proof: HexBytes,
}

/// One output. A committed output shows neither values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputValues {
    /// Name.
    pub name: String,
    /// Shape of both lists, flattened row by row.
    pub shape: Vec<usize>,
    /// Visibility.
    pub visibility: Visibility,
    /// Quantised values.
    pub raw: Option<Vec<u32>>,
    /// Real values.
    pub values: Option<Vec<f64>>,
}

impl ProofFile {
    pub(super) fn new(
        manifest: &Manifest,
        root: Bytes32,
        context: &crate::ids::ContextSource,
        chunks: Vec<ChunkProof>,
    ) -> Result<Self, VerifyError> {
        let mut file = Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            manifest_id: manifest.manifest_id,
            model_id: context.model_id(),
            root,
            context: context.word(),
            binding: context.binding(),
            chunks,
            outputs: Vec::new(),
        };
        file.outputs = file.decode_outputs(manifest)?;
        Ok(file)
    }

    /// The outputs that the public values encode.
    ///
    /// # Errors
    /// [`VerifyError::OutputMismatch`] if they encode none.
    pub(super) fn decode_outputs(
        &self,
        manifest: &Manifest,
    ) -> Result<Vec<OutputValues>, VerifyError> {
        let mut outputs = Vec::with_capacity(manifest.outputs.len());
        for spec in &manifest.outputs {
            let refuse = |detail: &str| VerifyError::OutputMismatch {
                name: spec.name.clone(),
                detail: detail.to_owned(),
            };
            let raw = match spec.visibility {
                Visibility::Committed => None,
                Visibility::Public => {
                    let words = self
                        .chunks
                        .iter()
                        .find(|c| c.index == spec.chunk)
                        .and_then(|c| c.public_values.get(spec.offset..spec.offset + spec.words()))
                        .ok_or_else(|| refuse("its public values are missing"))?;
                    let packed = super::unpack(spec, words, manifest.range).ok_or_else(|| {
                        refuse("its public values are not packed values in range")
                    })?;
                    Some(spec.to_external(&packed))
                }
            };
            outputs.push(OutputValues {
                name: spec.name.clone(),
                shape: spec.shape.clone(),
                visibility: spec.visibility,
                values: raw.as_deref().map(|raw| spec.dequantise(raw)),
                raw,
            });
        }
        Ok(outputs)
    }

    /// Parses untrusted bytes.
    ///
    /// # Errors
    /// Not JSON, another format or version, a missing, unknown or malformed field.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        files::parse_json(bytes, "proof", FORMAT, VERSION)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`Self::parse`], or the file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        files::read_json(path, FORMAT, VERSION)
    }

    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write(&self, path: &Path) -> Result<()> {
        files::write_json(path, self, Access::Public)
    }

    /// Bytes of all chunk proofs.
    pub fn proof_bytes(&self) -> usize {
        self.chunks.iter().map(|c| c.proof.0.len()).sum()
    }
}
