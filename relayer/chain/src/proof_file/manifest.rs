//! `public/manifest.json` of a bundle, as far as deploying and relaying need it.

use super::{MAX_CHUNKS, ProofFileError, Visibility, hex, parse_versioned, read};
use alloy::primitives::B256;
use serde::{Deserialize, Serialize};
use std::path::Path;

const WHAT: &str = "manifest";
const FORMAT: &str = "chainfer.manifest";
const VERSION: u32 = 2;
/// Largest number of leaves that the registry takes.
const MAX_LEAVES: usize = 2048;

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
    /// Leaves of the commitment tree, in order.
    pub leaves: Vec<ManifestLeaf>,
    /// The model's inputs.
    pub inputs: Vec<ManifestTensor>,
    /// The model's outputs.
    pub outputs: Vec<ManifestTensor>,
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
    /// Rows of blinders in every weight column; 0: the weights are not hidden.
    pub hide_rows: u32,
    /// Digest of the verifying key.
    #[serde(with = "hex::word")]
    pub vk_digest: B256,
}

/// One leaf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestLeaf {
    /// Number of values behind it.
    pub length: u32,
}

/// Where and how an input or an output stands among leaves and public values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestTensor {
    /// Name in the model.
    pub name: String,
    /// Its leaf.
    pub leaf: u32,
    /// Chunk that exposes it.
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
        if self.leaves.is_empty() || self.leaves.len() > MAX_LEAVES {
            return bad(
                "leaves".to_owned(),
                format!(
                    "expected 1 to {MAX_LEAVES} leaves, got {}",
                    self.leaves.len()
                ),
            );
        }
        for (list, tensors) in [("inputs", &self.inputs), ("outputs", &self.outputs)] {
            for (i, tensor) in tensors.iter().enumerate() {
                self.check_tensor(tensor).map_err(|(field, reason)| {
                    ProofFileError::malformed(WHAT, format!("{list}[{i}].{field}"), reason)
                })?;
            }
        }
        Ok(())
    }

    fn check_tensor(&self, tensor: &ManifestTensor) -> Result<(), (&'static str, String)> {
        let chunks = self.chunks.len();
        if usize::from(tensor.chunk) >= chunks {
            let reason = format!("there are {chunks} chunks, got {}", tensor.chunk);
            return Err(("chunk", reason));
        }
        match self.leaves.get(tensor.leaf as usize) {
            None => {
                let reason = format!(
                    "there are {} leaves, got {}",
                    self.leaves.len(),
                    tensor.leaf
                );
                return Err(("leaf", reason));
            }
            Some(leaf) if leaf.length != tensor.length => {
                let reason = format!("its leaf has {}, got {}", leaf.length, tensor.length);
                return Err(("length", reason));
            }
            Some(_) => {}
        }
        if !(tensor.scale.is_finite() && tensor.scale > 0.0) {
            let reason = format!("expected a positive number, got {}", tensor.scale);
            return Err(("scale", reason));
        }
        Ok(())
    }
}
