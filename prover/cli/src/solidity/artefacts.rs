//! The compiled contracts that are embedded in this binary, so that no compiler is needed to deploy them.
//!
//! `scripts/artefacts` writes the files; tests compare them with the sources.

use alloy::primitives::{B256, Bytes};
use anyhow::{Context as _, bail};
use serde::Deserialize;

macro_rules! artefact {
    ($name:literal) => {
        include_str!(concat!("../../../../contracts/artefacts/", $name, ".json"))
    };
}

/// A compiled contract.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Artefact(&'static str);

/// The registry.
pub(crate) const REGISTRY: Artefact = Artefact(artefact!("ChainferRegistry"));
/// The contract that opens committed tensors; each registry creates one.
pub(crate) const OPENINGS: Artefact = Artefact(artefact!("TensorOpenings"));
/// The timelock that owns a registry.
pub(crate) const TIMELOCK: Artefact = Artefact(artefact!("RegistryTimelock"));
/// Store of public values beside a registry.
pub(crate) const PROVEN_VALUES: Artefact = Artefact(artefact!("ProvenValues"));
/// Adapter that gives the registry the interfaces of ERC-7992.
pub(crate) const ERC7992_ADAPTER: Artefact = Artefact(artefact!("ERC7992Adapter"));
/// Resolver for the Ethereum Attestation Service.
pub(crate) const EAS_RESOLVER: Artefact = Artefact(artefact!("EASResolver"));
/// The example dApp.
pub(crate) const PAYOUT: Artefact = Artefact(artefact!("ClassificationPayout"));

/// The parts of an artefact file that are used here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    bytecode: Bytes,
    deployed_bytecode: Bytes,
    immutables: Vec<Vec<Place>>,
}

/// Where an immutable is in the code.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Place {
    start: usize,
    length: usize,
}

impl Artefact {
    fn file(self) -> anyhow::Result<File> {
        serde_json::from_str(self.0).context("the contracts embedded in this binary are damaged")
    }

    /// Creation code, without constructor arguments.
    ///
    /// # Errors
    /// The embedded file is damaged.
    pub(crate) fn creation_code(self) -> anyhow::Result<Bytes> {
        Ok(self.file()?.bytecode)
    }

    /// Deployed code with these values for its immutables, in the order of their first places in the code.
    ///
    /// # Errors
    /// The contract has another number of immutables.
    pub(crate) fn runtime_code(self, immutables: &[B256]) -> anyhow::Result<Bytes> {
        let file = self.file()?;
        let mut code = file.deployed_bytecode.to_vec();
        if file.immutables.len() != immutables.len() {
            bail!(
                "the contract has {} immutables, but {} values were given",
                file.immutables.len(),
                immutables.len()
            );
        }
        for (places, value) in file.immutables.iter().zip(immutables) {
            for place in places {
                let slot = code.get_mut(place.start..place.start + place.length);
                let value = value.get(32 - place.length.min(32)..).unwrap_or_default();
                slot.filter(|slot| slot.len() == value.len())
                    .context("an immutable is outside the code")?
                    .copy_from_slice(value);
            }
        }
        Ok(code.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creation_code_is_in_the_binary() {
        for artefact in [
            REGISTRY,
            OPENINGS,
            TIMELOCK,
            PAYOUT,
            ERC7992_ADAPTER,
            EAS_RESOLVER,
        ] {
            assert!(artefact.creation_code().unwrap().len() > 1000);
        }
    }

    #[test]
    fn runtime_code_takes_as_many_immutables_as_the_contract_has() {
        let value = B256::repeat_byte(0xab);
        let code = OPENINGS.runtime_code(&[value]).unwrap();
        assert!(code.windows(32).any(|w| w == value));
        assert_ne!(code, OPENINGS.runtime_code(&[B256::ZERO]).unwrap());
        assert!(OPENINGS.runtime_code(&[]).is_err());
        assert!(REGISTRY.runtime_code(&[value]).is_err());
        assert!(!REGISTRY.runtime_code(&[]).unwrap().is_empty());
    }
}
