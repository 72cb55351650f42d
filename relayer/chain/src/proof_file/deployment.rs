//! `public/deployments/<chain id>.json`: where a bundle's contracts are on one chain.

use super::{MAX_CHUNKS, ProofFileError, hex, parse_versioned, read};
use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use std::path::Path;

const WHAT: &str = "deployment";
const FORMAT: &str = "chainfer.deployment";
const VERSION: u32 = 2;

/// A bundle's contracts on one chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeploymentFile {
    format: String,
    version: u32,
    /// Chain.
    pub chain_id: u64,
    /// Registry contract.
    #[serde(with = "hex::address")]
    pub registry: Address,
    /// Model in the registry.
    #[serde(with = "hex::word")]
    pub model_id: B256,
    /// Who registered it.
    #[serde(with = "hex::address")]
    pub registrant: Address,
    /// Verifier and key of each chunk, in order.
    pub chunks: Vec<DeployedChunk>,
    /// Block in which the model was registered.
    pub block: u64,
}

/// Where a chunk is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeployedChunk {
    /// Its verifier, which chunks of one shape share.
    #[serde(with = "hex::address")]
    pub verifier: Address,
    /// The contract that holds its key.
    #[serde(with = "hex::address")]
    pub key: Address,
}

impl DeploymentFile {
    /// What was deployed.
    pub fn new(
        chain_id: u64,
        registry: Address,
        (model_id, registrant): (B256, Address),
        chunks: Vec<DeployedChunk>,
        block: u64,
    ) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            chain_id,
            registry,
            model_id,
            registrant,
            chunks,
            block,
        }
    }

    /// Parses and checks.
    pub fn parse(json: &[u8]) -> Result<Self, ProofFileError> {
        let file: Self = parse_versioned(json, WHAT, FORMAT, VERSION)?;
        if file.chunks.is_empty() || file.chunks.len() > MAX_CHUNKS {
            let reason = format!(
                "expected 1 to {MAX_CHUNKS} chunks, got {}",
                file.chunks.len()
            );
            return Err(ProofFileError::malformed(WHAT, "chunks", reason));
        }
        Ok(file)
    }

    /// Reads and parses a file.
    pub fn read(path: &Path) -> Result<Self, ProofFileError> {
        Self::parse(&read(path)?)
    }

    /// Writes the file, with its folder, by renaming: a reader sees the old or the new whole.
    pub fn write(&self, path: &Path) -> Result<(), ProofFileError> {
        let io = |source| ProofFileError::Io {
            path: path.display().to_string(),
            source,
        };
        let json = serde_json::to_vec_pretty(self)
            .map_err(|e| ProofFileError::malformed(WHAT, ".", e.to_string()))?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(io)?;
        }
        let partial = path.with_extension("json.partial");
        std::fs::write(&partial, json).map_err(io)?;
        std::fs::rename(&partial, path).map_err(io)
    }
}
