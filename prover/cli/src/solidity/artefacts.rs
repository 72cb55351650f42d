//! The contracts that `deploy` and `demo` need, compiled: whoever has the binary can deploy them, without a compiler.
//!
//! `scripts/artefacts` writes the files, and tests hold them to the sources.

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
/// The contract that opens committed tensors; a registry creates its own.
pub(crate) const OPENINGS: Artefact = Artefact(artefact!("TensorOpenings"));
/// The timelock that owns a registry.
pub(crate) const TIMELOCK: Artefact = Artefact(artefact!("RegistryTimelock"));
/// The registry behind ERC-7992's interfaces.
pub(crate) const ERC7992_ADAPTER: Artefact = Artefact(artefact!("ERC7992Adapter"));
/// The resolver for the Ethereum Attestation Service.
pub(crate) const EAS_RESOLVER: Artefact = Artefact(artefact!("EASResolver"));
/// The example dApp.
pub(crate) const PAYOUT: Artefact = Artefact(artefact!("ClassificationPayout"));

/// What is in the file, as far as it is needed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    bytecode: Bytes,
    deployed_bytecode: Bytes,
    immutables: Vec<Vec<Place>>,
}

/// Where a value that the constructor gives stands in the code.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Place {
    start: usize,
    length: usize,
}

impl Artefact {
    fn file(self) -> anyhow::Result<File> {
        serde_json::from_str(self.0).context("the contracts in this binary are broken")
    }

    /// Creation code, without constructor arguments.
    ///
    /// # Errors
    /// The binary was built from a broken file.
    pub(crate) fn creation_code(self) -> anyhow::Result<Bytes> {
        Ok(self.file()?.bytecode)
    }

    /// Code once deployed, with its immutables, in the order in which they first stand in the code.
    ///
    /// # Errors
    /// The contract has another number of them.
    pub(crate) fn runtime_code(self, immutables: &[B256]) -> anyhow::Result<Bytes> {
        let file = self.file()?;
        let mut code = file.deployed_bytecode.to_vec();
        if file.immutables.len() != immutables.len() {
            bail!(
                "the contract has {} immutables, not {}",
                file.immutables.len(),
                immutables.len()
            );
        }
        for (places, value) in file.immutables.iter().zip(immutables) {
            for place in places {
                let slot = code.get_mut(place.start..place.start + place.length);
                let value = value.get(32 - place.length.min(32)..).unwrap_or_default();
                slot.filter(|slot| slot.len() == value.len())
                    .context("an immutable lies outside of the code")?
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
