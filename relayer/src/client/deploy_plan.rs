//! What a deployment is made of.

use crate::abi::{OutputSpec, Visibility};
use crate::error::{Error, Result};
use crate::proof_file::{Manifest, ManifestOutput, Visibility as FileVisibility};
use alloy::primitives::{Address, B256, Bytes, I256};

/// Code of a verifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierCode {
    /// Contract name, for messages.
    pub name: String,
    /// Creation code, constructor arguments included.
    pub creation_code: Bytes,
    /// Code that the contract must have once deployed, where it is known (no immutables).
    pub runtime_code: Option<Bytes>,
}

/// Code of a chunk's key contract, and the verifier that reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkCode {
    /// Its verifier: a position in [`DeployPlan::verifiers`].
    pub verifier: usize,
    /// Name of the key, for messages.
    pub key_name: String,
    /// Creation code of the key contract.
    pub key_creation_code: Bytes,
}

/// What a model is registered with, besides the contracts' addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Manifest of the bundle.
    pub manifest_id: B256,
    /// Public values of each chunk.
    pub num_public: Vec<u32>,
    /// Code hash that each chunk's key contract must have; the manifest id covers it.
    pub key_code_hashes: Vec<B256>,
    /// The model's outputs.
    pub outputs: Vec<OutputSpec>,
    /// Where the public part of the bundle is published; may be empty.
    pub uri: String,
}

impl Registration {
    /// What a manifest says.
    pub fn from_manifest(manifest: &Manifest, uri: impl Into<String>) -> Result<Self> {
        Ok(Self {
            manifest_id: manifest.manifest_id,
            num_public: manifest.chunks.iter().map(|c| c.num_public).collect(),
            key_code_hashes: manifest.chunks.iter().map(|c| c.key_code_hash).collect(),
            outputs: manifest
                .outputs
                .iter()
                .map(output_spec)
                .collect::<Result<_>>()?,
            uri: uri.into(),
        })
    }
}

/// What to deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployPlan {
    /// A registry that exists; a new one is deployed when `None`.
    pub registry: Option<Address>,
    /// Creation code of a new registry; needed when there is none.
    pub registry_creation_code: Option<Bytes>,
    /// The verifiers, each once.
    pub verifiers: Vec<VerifierCode>,
    /// Verifier and key of each chunk, in order.
    pub chunks: Vec<ChunkCode>,
    /// The model.
    pub registration: Registration,
}

impl DeployPlan {
    /// Says what does not fit before anything is sent.
    pub(super) fn check(&self) -> Result<()> {
        let mismatch = |field, expected: String, got: String| {
            Err(Error::Mismatch {
                field,
                expected,
                got,
            })
        };
        let chunks = self.registration.num_public.len();
        if self.chunks.len() != chunks || chunks == 0 {
            return mismatch(
                "chunks",
                format!("a verifier and a key for each of {chunks} chunks"),
                self.chunks.len().to_string(),
            );
        }
        if self.registration.key_code_hashes.len() != chunks {
            return mismatch(
                "key_code_hashes",
                format!("one for each of {chunks} chunks"),
                self.registration.key_code_hashes.len().to_string(),
            );
        }
        match self
            .chunks
            .iter()
            .find(|c| c.verifier >= self.verifiers.len())
        {
            Some(chunk) => mismatch(
                "chunks.verifier",
                format!("one of {} verifiers", self.verifiers.len()),
                chunk.verifier.to_string(),
            ),
            None => Ok(()),
        }
    }
}

fn output_spec(output: &ManifestOutput) -> Result<OutputSpec> {
    let wad = (output.scale * 1e18).round();
    if !(1.0..1e36).contains(&wad) {
        return Err(Error::Mismatch {
            field: "outputs.scale",
            expected: "a scale between 1e-18 and 1e18".to_owned(),
            got: output.scale.to_string(),
        });
    }
    // Exact: the value is an integer in the range of i128.
    let scale_wad = I256::try_from(wad as i128)
        .map_err(|_| Error::Config(format!("scale {} is out of range", output.scale)))?;
    Ok(OutputSpec {
        name: output.name.clone(),
        chunk: output.chunk,
        offset: output.offset,
        length: output.length,
        zeroPoint: output.zero_point,
        scaleWad: scale_wad,
        visibility: match output.visibility {
            FileVisibility::Public => Visibility::Public,
            FileVisibility::Committed => Visibility::Committed,
        },
    })
}
