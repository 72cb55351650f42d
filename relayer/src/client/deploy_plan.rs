//! What a deployment is made of.

use crate::abi::{IChainferRegistry, TensorSpec, Visibility};
use crate::error::{Error, Result};
use crate::proof_file::{Manifest, ManifestTensor, Visibility as FileVisibility};
use alloy::primitives::{Address, B256, Bytes, I256, keccak256};
use alloy::sol_types::SolConstructor;

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
    /// Rows of blinders in each chunk's weight columns.
    pub hiding_budgets: Vec<u32>,
    /// The model's inputs.
    pub inputs: Vec<TensorSpec>,
    /// The model's outputs.
    pub outputs: Vec<TensorSpec>,
    /// Values behind each leaf of the tree, in order.
    pub leaf_lengths: Vec<u32>,
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
            hiding_budgets: manifest.chunks.iter().map(|c| c.hide_rows).collect(),
            inputs: tensor_specs(INPUTS, &manifest.inputs)?,
            outputs: tensor_specs(OUTPUTS, &manifest.outputs)?,
            leaf_lengths: manifest.leaves.iter().map(|leaf| leaf.length).collect(),
            uri: uri.into(),
        })
    }
}

/// A registry of one's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRegistry {
    /// Creation code, without constructor arguments.
    pub creation_code: Bytes,
    /// Lists, unfreezes and removes verifier shapes; the sender when `None`.
    pub owner: Option<Address>,
    /// Freezes at once; nobody when `None`.
    pub guardian: Option<Address>,
}

impl NewRegistry {
    /// One that the sender owns.
    pub fn of_sender(creation_code: Bytes) -> Self {
        Self {
            creation_code,
            owner: None,
            guardian: None,
        }
    }

    /// Creation code with constructor arguments: the shapes in `listed` are active from the first block on.
    pub fn init_code(&self, sender: Address, listed: Vec<B256>) -> Bytes {
        let arguments = IChainferRegistry::constructorCall {
            owner_: self.owner.unwrap_or(sender),
            guardian_: self.guardian.unwrap_or_default(),
            codeHashes: listed,
        };
        [self.creation_code.as_ref(), &arguments.abi_encode()]
            .concat()
            .into()
    }
}

/// Where to register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryPlan {
    /// At a registry that exists.
    Existing(Address),
    /// At one that is deployed first.
    New(NewRegistry),
}

/// What to deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployPlan {
    /// The registry.
    pub registry: RegistryPlan,
    /// The verifiers, each once.
    pub verifiers: Vec<VerifierCode>,
    /// Verifier and key of each chunk, in order.
    pub chunks: Vec<ChunkCode>,
    /// The model.
    pub registration: Registration,
}

impl DeployPlan {
    /// Code hashes of the verifiers, as far as they are known before they are deployed; each once.
    pub(super) fn known_code_hashes(&self) -> Vec<B256> {
        let mut hashes = Vec::new();
        for code in self
            .verifiers
            .iter()
            .filter_map(|v| v.runtime_code.as_ref())
        {
            let hash = keccak256(code);
            if !hashes.contains(&hash) {
                hashes.push(hash);
            }
        }
        hashes
    }

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
        for (field, got) in [
            ("key_code_hashes", self.registration.key_code_hashes.len()),
            ("hiding_budgets", self.registration.hiding_budgets.len()),
        ] {
            if got != chunks {
                return mismatch(
                    field,
                    format!("one for each of {chunks} chunks"),
                    got.to_string(),
                );
            }
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

/// Names of the fields of a list of tensors, for messages.
#[derive(Clone, Copy)]
struct Fields {
    scale: &'static str,
    shape: &'static str,
}

const INPUTS: Fields = Fields {
    scale: "inputs.scale",
    shape: "inputs.shape",
};
const OUTPUTS: Fields = Fields {
    scale: "outputs.scale",
    shape: "outputs.shape",
};

/// Dimensions that the registry takes.
const MAX_RANK: usize = 8;

fn tensor_specs(fields: Fields, tensors: &[ManifestTensor]) -> Result<Vec<TensorSpec>> {
    tensors.iter().map(|t| tensor_spec(fields, t)).collect()
}

fn tensor_spec(fields: Fields, tensor: &ManifestTensor) -> Result<TensorSpec> {
    let wad = (tensor.scale * 1e18).round();
    if !(1.0..1e36).contains(&wad) {
        return Err(Error::Mismatch {
            field: fields.scale,
            expected: "a scale between 1e-18 and 1e18".to_owned(),
            got: tensor.scale.to_string(),
        });
    }
    // Exact: the value is an integer in the range of i128.
    let scale_wad = I256::try_from(wad as i128)
        .map_err(|_| Error::Config(format!("scale {} is out of range", tensor.scale)))?;
    let shape = shape_of(tensor).ok_or_else(|| Error::Mismatch {
        field: fields.shape,
        expected: format!(
            "at most {MAX_RANK} dimensions of {} values in all",
            tensor.length
        ),
        got: format!("{:?}", tensor.shape),
    })?;
    Ok(TensorSpec {
        name: tensor.name.clone(),
        shape,
        leaf: tensor.leaf,
        chunk: tensor.chunk,
        offset: tensor.offset,
        length: tensor.length,
        zeroPoint: tensor.zero_point,
        visibility: match tensor.visibility {
            FileVisibility::Public => Visibility::Public,
            FileVisibility::Committed => Visibility::Committed,
        },
        scaleWad: scale_wad,
    })
}

/// The shape as the registry has it; `None` for one that it would refuse.
fn shape_of(tensor: &ManifestTensor) -> Option<Vec<u32>> {
    let mut product: u64 = 1;
    for dimension in &tensor.shape {
        product = product.checked_mul(*dimension)?;
    }
    if tensor.shape.len() > MAX_RANK || product != u64::from(tensor.length) {
        return None;
    }
    tensor
        .shape
        .iter()
        .map(|dimension| u32::try_from(*dimension).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[u64]) -> ManifestTensor {
        ManifestTensor {
            name: "scores".to_owned(),
            leaf: 0,
            chunk: 0,
            offset: 0,
            length: 10,
            zero_point: 3,
            scale: 0.25,
            shape: shape.to_vec(),
            visibility: FileVisibility::Public,
        }
    }

    #[test]
    fn tensor_spec_takes_the_manifests_shape() {
        for shape in [&[10][..], &[1, 10], &[1, 2, 1, 5, 1, 1, 1, 1]] {
            let spec = tensor_spec(OUTPUTS, &tensor(shape)).unwrap();
            let wide: Vec<u64> = spec.shape.iter().map(|d| u64::from(*d)).collect();
            assert_eq!(wide, shape);
        }
    }

    #[test]
    fn tensor_spec_refuses_a_shape_that_the_registry_would() {
        for shape in [
            &[9][..],
            &[],
            &[2, 0, 5],
            &[1, 1, 1, 1, 1, 1, 1, 1, 10],
            &[u64::MAX, u64::MAX],
        ] {
            let refused = tensor_spec(INPUTS, &tensor(shape)).unwrap_err().to_string();
            assert!(refused.contains("inputs.shape"), "{refused}");
        }
    }
}
