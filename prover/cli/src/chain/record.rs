//! Deployment records: `deployments/<chain id>.json`, a registry and everything that its address follows from, written by
//! contracts/script/Deploy.s.sol; and `<chain id>.adapters.json` next to it, its adapters, written by DeployAdapters.s.sol.

use crate::{failure::bad_input, solidity::artefacts};
use alloy::{
    primitives::{Address, B256, U256, keccak256},
    sol,
    sol_types::{SolConstructor, SolValue},
};
use chainfer_formats::files;
use chainfer_relayer::client::{DEPLOYMENT_PROXY, NewRegistry, derived_address};
use serde::{Deserialize, de::DeserializeOwned};
use std::path::{Path, PathBuf};

const FORMAT: &str = "chainfer.registry";
const ADAPTERS_FORMAT: &str = "chainfer.adapters";
const VERSION: u32 = 1;
/// Largest size of a record.
const MAX_RECORD_BYTES: u64 = 1 << 20;

sol! {
    contract RegistryTimelock {
        constructor(uint256 minDelay, address[] proposers, address guardian);
        function getMinDelay() external view returns (uint256);
    }
}

/// The record of a registry's deployment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegistryRecord {
    format: String,
    version: u32,
    pub(crate) chain_id: u64,
    pub(crate) registry: Address,
    pub(crate) openings: Address,
    /// The timelock; on a development chain it may be an account.
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
    /// The file cannot be read or is not such a record.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let record: Self = parse(path, "a registry")?;
        check_format(path, FORMAT, &record.format, record.version)?;
        Ok(record)
    }

    /// Address that the timelock with these proposers, delay and guardian has; `None` without proposers: then there is no timelock.
    ///
    /// # Errors
    /// The contracts embedded in this binary are damaged.
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
        Ok(Some(DEPLOYMENT_PROXY.create2(self.salt, keccak256(code))))
    }

    /// The arguments of the registry's constructor.
    pub(crate) fn construction(&self) -> Construction {
        Construction {
            owner: self.owner,
            guardian: self.guardian,
            verifiers: self.verifiers.clone(),
            salt: self.salt,
        }
    }
}

/// The record of the adapters of a registry.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdaptersRecord {
    format: String,
    version: u32,
    pub(crate) chain_id: u64,
    pub(crate) registry: Address,
    pub(crate) proven_values: Address,
    pub(crate) erc7992: Address,
    /// The attestation service; zero if there is neither service nor resolver.
    pub(crate) eas: Address,
    pub(crate) eas_resolver: Address,
}

impl AdaptersRecord {
    /// Reads the file next to a registry's record, if there is one.
    ///
    /// # Errors
    /// The file cannot be read or is not such a record.
    pub(crate) fn beside(registry_record: &Path) -> anyhow::Result<Option<Self>> {
        let path: PathBuf = registry_record.with_extension("adapters.json");
        if !path.is_file() {
            return Ok(None);
        }
        let record: Self = parse(&path, "adapters")?;
        check_format(&path, ADAPTERS_FORMAT, &record.format, record.version)?;
        Ok(Some(record))
    }

    /// Address that the store of public values of this registry has.
    ///
    /// # Errors
    /// The contracts embedded in this binary are damaged.
    pub(crate) fn derived_proven_values(&self) -> anyhow::Result<Address> {
        derive(artefacts::PROVEN_VALUES, &self.registry.abi_encode())
    }

    /// Address that the ERC-7992 adapter of this registry has.
    ///
    /// # Errors
    /// The contracts embedded in this binary are damaged.
    pub(crate) fn derived_erc7992(&self) -> anyhow::Result<Address> {
        derive(artefacts::ERC7992_ADAPTER, &self.registry.abi_encode())
    }

    /// Address that the resolver for this service and this registry has.
    ///
    /// # Errors
    /// The contracts embedded in this binary are damaged.
    pub(crate) fn derived_resolver(&self) -> anyhow::Result<Address> {
        derive(
            artefacts::EAS_RESOLVER,
            &(self.eas, self.registry).abi_encode(),
        )
    }
}

fn derive(artefact: artefacts::Artefact, arguments: &[u8]) -> anyhow::Result<Address> {
    let code = [artefact.creation_code()?.as_ref(), arguments].concat();
    Ok(derived_address(&code.into()))
}

fn parse<T: DeserializeOwned>(path: &Path, what: &str) -> anyhow::Result<T> {
    let text = files::read_named(path, MAX_RECORD_BYTES)?;
    serde_json::from_slice(&text)
        .map_err(|e| bad_input(format!("{}: not a record of {what}: {e}", path.display())))
}

fn check_format(path: &Path, expected: &str, format: &str, version: u32) -> anyhow::Result<()> {
    if format == expected && version == VERSION {
        return Ok(());
    }
    Err(bad_input(format!(
        "{}: expected {expected} version {VERSION}, got {format} version {version}",
        path.display()
    )))
}

/// Everything that the address of a registry follows from, except the code.
#[derive(Clone, Debug)]
pub(crate) struct Construction {
    pub(crate) owner: Address,
    pub(crate) guardian: Address,
    pub(crate) verifiers: Vec<B256>,
    pub(crate) salt: B256,
}

impl Construction {
    /// Address that a registry with these constructor arguments has. Only the constructor that this program was built with, called
    /// with these arguments, can have deployed code there.
    ///
    /// # Errors
    /// The contracts embedded in this binary are damaged.
    pub(crate) fn address(&self) -> anyhow::Result<Address> {
        let registry = NewRegistry {
            creation_code: artefacts::REGISTRY.creation_code()?,
            owner: Some(self.owner),
            guardian: Some(self.guardian),
            listed: self.verifiers.clone(),
        };
        let code = registry.init_code(self.owner);
        Ok(DEPLOYMENT_PROXY.create2(self.salt, keccak256(code)))
    }
}
