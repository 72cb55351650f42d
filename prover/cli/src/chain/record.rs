//! `deployments/<chain id>.json`: a registry and all that its address is made of, as contracts/script/Deploy.s.sol writes it.

use crate::{failure::bad_input, solidity::artefacts};
use alloy::{
    primitives::{Address, B256, U256, address, keccak256},
    sol,
    sol_types::SolConstructor,
};
use anyhow::Context as _;
use chainfer_relayer::client::NewRegistry;
use serde::Deserialize;
use std::{fs, path::Path};

const FORMAT: &str = "chainfer.registry";
const VERSION: u32 = 1;

/// The deterministic-deployment proxy: the creator of what is deployed through it, on every chain.
const PROXY: Address = address!("0x4e59b44847b379578588920cA78FbF26c0B4956C");

sol! {
    contract RegistryTimelock {
        constructor(uint256 minDelay, address[] proposers, address guardian);
        function getMinDelay() external view returns (uint256);
    }
}

/// A registry's deployment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegistryRecord {
    format: String,
    version: u32,
    pub(crate) chain_id: u64,
    pub(crate) registry: Address,
    pub(crate) openings: Address,
    /// The timelock, or an account on a development chain.
    pub(crate) owner: Address,
    delay: u64,
    pub(crate) proposers: Vec<Address>,
    guardian: Address,
    verifiers: Vec<B256>,
    salt: B256,
}

impl RegistryRecord {
    /// Reads and parses a file.
    ///
    /// # Errors
    /// It cannot be read or is none.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let refuse = |reason: String| bad_input(format!("{}: {reason}", path.display()));
        let record: Self = serde_json::from_str(&text)
            .map_err(|e| refuse(format!("no record of a registry: {e}")))?;
        if record.format != FORMAT || record.version != VERSION {
            return Err(refuse(format!(
                "expected {FORMAT} version {VERSION}, got {} version {}",
                record.format, record.version
            )));
        }
        Ok(record)
    }

    /// Where the timelock of this governance stands; `None` when no one could propose, so that the owner is an account.
    ///
    /// # Errors
    /// The contracts in the binary are broken.
    pub(crate) fn timelock(&self) -> anyhow::Result<Option<Address>> {
        if self.proposers.is_empty() {
            return Ok(None);
        }
        let arguments = RegistryTimelock::constructorCall {
            minDelay: U256::from(self.delay),
            proposers: self.proposers.clone(),
            guardian: self.guardian,
        };
        let code = [
            artefacts::TIMELOCK.creation_code()?.as_ref(),
            &arguments.abi_encode(),
        ]
        .concat();
        Ok(Some(PROXY.create2(self.salt, keccak256(code))))
    }

    /// What the registry's constructor was given.
    pub(crate) fn construction(&self) -> Construction {
        Construction {
            owner: self.owner,
            guardian: self.guardian,
            verifiers: self.verifiers.clone(),
            salt: self.salt,
        }
    }
}

/// All that the address of a registry is made of, beside the code.
#[derive(Clone, Debug)]
pub(crate) struct Construction {
    pub(crate) owner: Address,
    pub(crate) guardian: Address,
    pub(crate) verifiers: Vec<B256>,
    pub(crate) salt: B256,
}

impl Construction {
    /// Where the registry of this owner, guardian and list stands. Only the built constructor, given these, can have put code
    /// there.
    ///
    /// # Errors
    /// The contracts in the binary are broken.
    pub(crate) fn address(&self) -> anyhow::Result<Address> {
        let registry = NewRegistry {
            creation_code: artefacts::REGISTRY.creation_code()?,
            owner: Some(self.owner),
            guardian: Some(self.guardian),
        };
        let code = registry.init_code(self.owner, self.verifiers.clone());
        Ok(PROXY.create2(self.salt, keccak256(code)))
    }
}
