//! The catalogue: verifiers of the canonical shapes, compiled, with the addresses that follow from their code.
//!
//! `scripts/catalogue` writes verifier-gen/catalogue/ with [`generate`]; this binary embeds what it wrote, so that a model that fits the
//! catalogue is deployed without a Solidity compiler. Tests compare both with the sources.

use super::{Compiled, Solc, verifiers};
use alloy::primitives::{Address, B256, Bytes, keccak256};
use anyhow::{Context as _, ensure};
use chainfer_circuits::{ChunkCircuit, catalogue};
use chainfer_engine::{bundle::VerifierRequest, keys, srs::Srs};
use chainfer_relayer::client::{DEPLOYMENT_PROXY, derived_address};
use chainfer_verifier_gen::project::ProjectFile;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

const FORMAT: &str = "chainfer.catalogue";
const VERSION: u32 = 1;
/// Name of the file beside the sources.
const FILE: &str = "catalogue.json";
const EMBEDDED: &str = include_str!("../../../../verifier-gen/catalogue/catalogue.json");

/// `catalogue.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Catalogue {
    format: String,
    version: u32,
    /// Version of the Solidity compiler.
    compiler: String,
    /// The deterministic-deployment proxy.
    deployer: Address,
    /// What the proxy is called with.
    salt: B256,
    /// One for each entry of the circuits' catalogue, in its order.
    pub(crate) verifiers: Vec<CatalogueVerifier>,
}

/// The verifier of a canonical shape.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CatalogueVerifier {
    /// Name of the entry.
    pub(crate) name: String,
    /// Range of activations.
    range: u32,
    /// Beta accumulators.
    pub(crate) taps: usize,
    /// Whether there is max pooling.
    pub(crate) pooling: bool,
    /// Identifies constraint system and generator; part of each key.
    shape_id: B256,
    /// Name of the contract.
    pub(crate) contract: String,
    /// Keccak-256 of the source.
    source_digest: B256,
    /// Bytes of a key.
    pub(crate) key_bytes: usize,
    /// Bytes of a proof.
    pub(crate) proof_bytes: usize,
    /// Points that a verification multiplies by a scalar.
    pub(crate) scaled_commitments: usize,
    /// Where it is on every chain on which somebody has deployed it.
    pub(crate) address: Address,
    /// Under which a registry lists it.
    pub(crate) code_hash: B256,
    /// Bytes of runtime code, which creation code ends with.
    pub(crate) code_bytes: usize,
    creation_code: Bytes,
}

impl Catalogue {
    /// The one that this binary was built with.
    ///
    /// # Errors
    /// It is damaged.
    pub(crate) fn embedded() -> anyhow::Result<Self> {
        serde_json::from_str(EMBEDDED).context("the catalogue embedded in this binary is damaged")
    }

    /// Code hashes of its verifiers: what new registries list.
    pub(crate) fn code_hashes(&self) -> Vec<B256> {
        self.verifiers.iter().map(|v| v.code_hash).collect()
    }

    /// Code of the verifier with this source.
    ///
    /// # Errors
    /// The catalogue is damaged.
    pub(crate) fn code_of(&self, source: &str) -> anyhow::Result<Option<Compiled>> {
        let digest = keccak256(source);
        let found = self.verifiers.iter().find(|v| v.source_digest == digest);
        found.map(CatalogueVerifier::code).transpose()
    }
}

impl CatalogueVerifier {
    fn code(&self) -> anyhow::Result<Compiled> {
        let creation = &self.creation_code;
        let begin = creation.len().checked_sub(self.code_bytes);
        let runtime = creation.slice(begin.context("the catalogue is damaged")?..);
        ensure!(
            keccak256(&runtime) == self.code_hash,
            "the catalogue is damaged: {} has not its code hash",
            self.contract
        );
        Ok(Compiled {
            creation: creation.clone(),
            runtime_size: runtime.len(),
            runtime,
        })
    }
}

/// Generates and compiles the verifiers of all canonical shapes: the catalogue and the sources, as files of its folder.
///
/// # Errors
/// The compiler cannot be run, or refuses a source.
pub(crate) fn generate(solc: &Solc) -> anyhow::Result<Vec<ProjectFile>> {
    let mut files = Vec::new();
    let mut made = Vec::new();
    for entry in &catalogue::ENTRIES {
        let plan = Arc::new(entry.sample()?);
        let srs = Srs::development(plan.shape().k)?;
        let num_instances = 2 + plan.num_public();
        let circuit = ChunkCircuit::for_keygen(plan)?;
        let vk = keys::generate_vk(&srs, &circuit)?;
        let generated = verifiers::generate(&VerifierRequest {
            chunk: 0,
            vk: &vk,
            params: srs.params(),
            num_instances,
        })?;
        files.push(ProjectFile {
            path: format!("{}.sol", entry.name),
            contents: generated.0.solidity.clone(),
        });
        made.push((entry, generated));
    }
    let sources: BTreeMap<String, String> = files
        .iter()
        .map(|file| (file.path.clone(), file.contents.clone()))
        .collect();
    let wanted: Vec<_> = files
        .iter()
        .zip(&made)
        .map(|(file, (_, (verifier, _)))| (file.path.clone(), verifier.contract_name.clone()))
        .collect();
    let compiled = solc.compile(&sources, &wanted)?;
    let mut all = Vec::new();
    for ((entry, (verifier, key)), code) in made.into_iter().zip(compiled) {
        ensure!(
            code.creation.ends_with(&code.runtime),
            "{}: the creation code does not end with the code",
            verifier.contract_name
        );
        all.push(CatalogueVerifier {
            name: entry.name.to_owned(),
            range: catalogue::RANGE,
            taps: entry.taps,
            pooling: entry.pooling,
            shape_id: verifier.shape_id.into(),
            contract: verifier.contract_name,
            source_digest: keccak256(&verifier.solidity),
            // A key contract's code begins with a STOP.
            key_bytes: key.runtime.len().saturating_sub(1),
            proof_bytes: verifier.proof_len,
            scaled_commitments: verifier.scaled_commitments,
            address: derived_address(&code.creation),
            code_hash: keccak256(&code.runtime),
            code_bytes: code.runtime_size,
            creation_code: code.creation,
        });
    }
    let file = Catalogue {
        format: FORMAT.to_owned(),
        version: VERSION,
        compiler: solc.version()?,
        deployer: DEPLOYMENT_PROXY,
        salt: B256::ZERO,
        verifiers: all,
    };
    files.push(ProjectFile {
        path: FILE.to_owned(),
        contents: serde_json::to_string_pretty(&file)? + "\n",
    });
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_catalogue_has_each_entry_at_the_address_of_its_code() {
        let catalogue = Catalogue::embedded().unwrap();
        assert_eq!(
            (catalogue.format.as_str(), catalogue.version),
            (FORMAT, VERSION)
        );
        assert_eq!(
            (catalogue.deployer, catalogue.salt),
            (DEPLOYMENT_PROXY, B256::ZERO)
        );
        let names: Vec<_> = catalogue
            .verifiers
            .iter()
            .map(|v| v.name.as_str())
            .collect();
        assert_eq!(names, catalogue::ENTRIES.map(|entry| entry.name));
        for verifier in &catalogue.verifiers {
            let code = verifier.code().unwrap();
            assert_eq!(derived_address(&code.creation), verifier.address);
        }
        assert!(catalogue.code_of("contract Other {}").unwrap().is_none());
        let mut damaged = catalogue.verifiers[0].clone();
        damaged.code_bytes += 1;
        assert!(damaged.code().is_err());
    }
}
