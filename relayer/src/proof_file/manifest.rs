//! `public/manifest.json` of a bundle, as far as deploying and relaying need it.

use super::{MAX_CHUNKS, ProofFileError, Visibility, hex, parse_versioned, read};
use alloy::primitives::B256;
use serde::{Deserialize, Serialize};
use std::path::Path;

const WHAT: &str = "manifest";
const FORMAT: &str = "chainfer.manifest";
const VERSION: u32 = 2;

/// Public description of a compiled model. Other fields of the file are ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    format: String,
    version: u32,
    /// Identifier of the model's keys, layout and specifications.
    #[serde(with = "hex::word")]
    pub manifest_id: B256,
    /// The chunks, by ascending index.
    pub chunks: Vec<ManifestChunk>,
    /// The model's outputs.
    pub outputs: Vec<ManifestOutput>,
    /// The structured reference string.
    pub srs: ManifestSrs,
}

/// One chunk circuit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestChunk {
    /// Position in the model.
    pub index: u16,
    /// Solidity contract name of its verifier, which chunks of one shape share.
    pub contract: String,
    /// Source, relative to `public/`.
    pub source: String,
    /// Code hash of the contract that holds its verifying key.
    #[serde(with = "hex::word")]
    pub key_code_hash: B256,
    /// Instances after root and context.
    pub num_public: u32,
    /// Digest of the verifying key.
    #[serde(with = "hex::word")]
    pub vk_digest: B256,
}

/// Where and how an output stands in the public values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestOutput {
    /// Name in the model.
    pub name: String,
    /// Chunk that produces it.
    pub chunk: u16,
    /// First word in that chunk's public values.
    pub offset: u32,
    /// Number of values.
    pub length: u32,
    /// Zero point of the quantisation.
    pub zero_point: u32,
    /// Real value of one step; positive.
    pub scale: f64,
    /// Dimensions.
    pub shape: Vec<u64>,
    /// Who sees it.
    pub visibility: Visibility,
}

/// The structured reference string of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestSrs {
    /// Whether its secret is known (development).
    pub insecure: bool,
    /// Its digest.
    #[serde(with = "hex::word")]
    pub digest: B256,
}

impl Manifest {
    /// Parses and checks.
    pub fn parse(json: &[u8]) -> Result<Self, ProofFileError> {
        let manifest: Self = parse_versioned(json, WHAT, FORMAT, VERSION)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Reads and parses a file.
    pub fn read(path: &Path) -> Result<Self, ProofFileError> {
        Self::parse(&read(path)?)
    }

    fn check(&self) -> Result<(), ProofFileError> {
        let bad =
            |field: String, reason: String| Err(ProofFileError::malformed(WHAT, field, reason));
        if self.chunks.is_empty() || self.chunks.len() > MAX_CHUNKS {
            return bad(
                "chunks".to_owned(),
                format!(
                    "expected 1 to {MAX_CHUNKS} chunks, got {}",
                    self.chunks.len()
                ),
            );
        }
        for (i, chunk) in self.chunks.iter().enumerate() {
            if usize::from(chunk.index) != i {
                return bad(
                    format!("chunks[{i}].index"),
                    format!("expected {i}, got {}", chunk.index),
                );
            }
        }
        for (i, output) in self.outputs.iter().enumerate() {
            if usize::from(output.chunk) >= self.chunks.len() {
                return bad(
                    format!("outputs[{i}].chunk"),
                    format!(
                        "there are {} chunks, got {}",
                        self.chunks.len(),
                        output.chunk
                    ),
                );
            }
            if !(output.scale.is_finite() && output.scale > 0.0) {
                return bad(
                    format!("outputs[{i}].scale"),
                    format!("expected a positive number, got {}", output.scale),
                );
            }
        }
        Ok(())
    }
}
