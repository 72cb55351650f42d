//! `public/deployments/<chain id>.json`: where a bundle's contracts are on one chain.

use super::{ProofFileError, hex, parse, read};
use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use std::path::Path;

const WHAT: &str = "deployment";

/// A bundle's contracts on one chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeploymentFile {
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
    /// Verifier of each chunk.
    #[serde(with = "hex::addresses")]
    pub verifiers: Vec<Address>,
    /// Block in which the model was registered.
    pub block: u64,
}

impl DeploymentFile {
    /// Parses.
    pub fn parse(json: &[u8]) -> Result<Self, ProofFileError> {
        parse(json, WHAT)
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
