//! The contracts that `deploy` and `demo` need, compiled: whoever has the binary can deploy them, without a compiler.
//!
//! `scripts/artefacts` writes the files, and tests hold them to the sources.

use alloy::primitives::Bytes;
use anyhow::Context as _;
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
/// The example dApp.
pub(crate) const PAYOUT: Artefact = Artefact(artefact!("ClassificationPayout"));

/// What is in the file, as far as it is needed.
#[derive(Debug, Deserialize)]
struct File {
    bytecode: Bytes,
}

impl Artefact {
    /// Creation code, without constructor arguments.
    ///
    /// # Errors
    /// The binary was built from a broken file.
    pub(crate) fn creation_code(self) -> anyhow::Result<Bytes> {
        let file: File =
            serde_json::from_str(self.0).context("the contracts in this binary are broken")?;
        Ok(file.bytecode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creation_code_is_in_the_binary() {
        for artefact in [REGISTRY, PAYOUT] {
            assert!(artefact.creation_code().unwrap().len() > 1000);
        }
    }
}
