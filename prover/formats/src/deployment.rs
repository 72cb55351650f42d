//! `public/deployments/<chain id>.json`: where a bundle's contracts are on one chain.

use crate::{
    chain_model::ChainModel,
    error::Result,
    files::{Access, create_dir, require_folder},
    hex,
    json::FileKind,
};
use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Kind of deployment files: their format, version and access.
pub const DEPLOYMENT: FileKind = FileKind {
    name: "deployment",
    format: "chainfer.deployment",
    version: 3,
    access: Access::Public,
    max_bytes: 16 << 20,
};

/// A bundle's contracts on one chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeploymentFile {
    format: String,
    version: u32,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Registry contract.
    #[serde(with = "hex::address")]
    pub registry: Address,
    /// Id of the model in the registry.
    #[serde(with = "hex::word")]
    pub model_id: B256,
    /// Account that registered the model.
    #[serde(with = "hex::address")]
    pub registrant: Address,
    /// What the registry is handed with every proof.
    pub model: ChainModel,
    /// Block in which the model was registered.
    pub block: u64,
}

impl DeploymentFile {
    /// A file of the current version.
    pub fn new(
        chain_id: u64,
        registry: Address,
        (model_id, registrant): (B256, Address),
        model: ChainModel,
        block: u64,
    ) -> Self {
        Self {
            format: DEPLOYMENT.format.to_owned(),
            version: DEPLOYMENT.version,
            chain_id,
            registry,
            model_id,
            registrant,
            model,
            block,
        }
    }

    /// Parses untrusted bytes and checks them.
    ///
    /// # Errors
    /// Names the field.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let file: Self = DEPLOYMENT.parse(json)?;
        file.check()?;
        Ok(file)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`Self::parse`], or the file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let file: Self = DEPLOYMENT.read(path)?;
        if let Some(folder) = path.parent() {
            require_folder(folder)?;
        }
        file.check()?;
        Ok(file)
    }

    /// Writes the file, and its folder, whole or not at all.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            create_dir(folder, Access::Public)?;
        }
        DEPLOYMENT.write(path, self)
    }

    fn check(&self) -> Result<()> {
        self.model.check(DEPLOYMENT.name)
    }
}
