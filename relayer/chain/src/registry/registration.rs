//! The record that a bundle's manifest asks a registry to make.

use crate::abi::{ChunkSpec, ModelRegistration, TensorSpec, Visibility};
use crate::error::{Error, Result};
use alloy::primitives::{Address, B256, Bytes, I256, keccak256};
use alloy::sol_types::SolValue;
use chainfer_formats::chain_model::{chunks_digest, leaf_lengths_digest};
use chainfer_formats::{
    ChainChunk, ChainModel, ChunkEntry, Manifest, ModelRecord, TensorSpec as ManifestTensor,
    Visibility as FileVisibility,
};

/// What a model is registered with, except for the addresses of its contracts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Manifest of the bundle.
    pub manifest_id: B256,
    /// Algebraic digest of the keys.
    pub key_set: B256,
    /// Public values of each chunk.
    pub num_public: Vec<u32>,
    /// Hash of each chunk's key; the manifest id covers it.
    pub key_hashes: Vec<B256>,
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

/// Where a chunk is verified on one chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedChunk {
    /// Its verifier.
    pub verifier: Address,
    /// The verifier's code hash.
    pub code_hash: B256,
    /// The key, or the 20 bytes of the address of a contract that has it.
    pub key: Bytes,
}

impl Registration {
    /// What a manifest says.
    pub fn from_manifest(manifest: &Manifest, uri: impl Into<String>) -> Result<Self> {
        Ok(Self {
            manifest_id: manifest.manifest_id,
            key_set: manifest.key_set.to_word(),
            num_public: numbers("num_public", manifest.chunks.iter().map(|c| c.num_public))?,
            key_hashes: manifest
                .chunks
                .iter()
                .map(key_hash)
                .collect::<Result<_>>()?,
            hiding_budgets: manifest.chunks.iter().map(|c| c.hide_rows).collect(),
            inputs: tensor_specs(INPUTS, &manifest.inputs)?,
            outputs: tensor_specs(OUTPUTS, &manifest.outputs)?,
            leaf_lengths: numbers(
                "leaves.length",
                manifest.leaves.iter().map(|leaf| leaf.length),
            )?,
            uri: uri.into(),
        })
    }

    /// What the registry is handed with every proof, once the contracts' addresses are known: one for each chunk.
    pub fn model(&self, placed: Vec<PlacedChunk>) -> ChainModel {
        let chunks: Vec<ChainChunk> = placed
            .into_iter()
            .zip(&self.key_hashes)
            .zip(self.num_public.iter().zip(&self.hiding_budgets))
            .map(
                |((placed, key_hash), (num_public, hiding_budget))| ChainChunk {
                    verifier: placed.verifier,
                    code_hash: placed.code_hash,
                    key_hash: *key_hash,
                    num_public: *num_public,
                    hiding_budget: *hiding_budget,
                    key: placed.key,
                },
            )
            .collect();
        ChainModel {
            record: ModelRecord {
                key_set: self.key_set,
                chunks: chunks_digest(&chunks),
                inputs: tensors_digest(&self.inputs),
                outputs: tensors_digest(&self.outputs),
                leaf_lengths: leaf_lengths_digest(&self.leaf_lengths),
            },
            chunks,
        }
    }

    /// The argument of `registerModel`, for such a model.
    pub fn with_chunks(&self, model: &ChainModel) -> ModelRegistration {
        ModelRegistration {
            manifestId: self.manifest_id,
            keySet: self.key_set.into(),
            chunks: chunk_specs(model),
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
            leafLengths: self.leaf_lengths.clone(),
            uri: self.uri.clone(),
        }
    }
}

/// The chunks as the registry takes them.
pub(super) fn chunk_specs(model: &ChainModel) -> Vec<ChunkSpec> {
    let spec = |chunk: &ChainChunk| ChunkSpec {
        verifier: chunk.verifier,
        codeHash: chunk.code_hash,
        keyHash: chunk.key_hash,
        numPublic: chunk.num_public,
        hidingBudget: chunk.hiding_budget,
    };
    model.chunks.iter().map(spec).collect()
}

/// The record of what a model was registered with.
pub fn record_of(registration: &ModelRegistration) -> ModelRecord {
    let chunks: Vec<u8> = registration
        .chunks
        .iter()
        .flat_map(SolValue::abi_encode)
        .collect();
    ModelRecord {
        key_set: registration.keySet.into(),
        chunks: keccak256(chunks),
        inputs: tensors_digest(&registration.inputs),
        outputs: tensors_digest(&registration.outputs),
        leaf_lengths: leaf_lengths_digest(&registration.leafLengths),
    }
}

/// Digest of inputs or outputs, as in a record: seven words each.
fn tensors_digest(tensors: &[TensorSpec]) -> B256 {
    let words: Vec<u8> = tensors.iter().flat_map(SolValue::abi_encode).collect();
    keccak256(words)
}

/// Names of the fields of a list of tensors, for messages.
#[derive(Clone, Copy)]
struct Fields {
    scale: &'static str,
    place: &'static str,
}

const INPUTS: Fields = Fields {
    scale: "inputs.scale",
    place: "inputs",
};
const OUTPUTS: Fields = Fields {
    scale: "outputs.scale",
    place: "outputs",
};

/// Hash of a chunk's key; only bundles with Solidity verifiers have it.
fn key_hash(chunk: &ChunkEntry) -> Result<B256> {
    chunk.key_code_hash.ok_or_else(|| Error::Mismatch {
        field: "chunks.key_code_hash",
        expected: "a bundle with a Solidity verifier for every chunk".to_owned(),
        got: format!("none for chunk {}", chunk.index),
    })
}

/// A number in the registry's width.
fn number<T: TryFrom<usize>>(field: &'static str, value: usize) -> Result<T> {
    T::try_from(value).map_err(|_| Error::Mismatch {
        field,
        expected: "a number that the registry can store".to_owned(),
        got: value.to_string(),
    })
}

fn numbers(field: &'static str, values: impl Iterator<Item = usize>) -> Result<Vec<u32>> {
    values.map(|value| number(field, value)).collect()
}

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
    Ok(TensorSpec {
        leaf: number(fields.place, tensor.leaf)?,
        chunk: number(fields.place, tensor.chunk)?,
        offset: number(fields.place, tensor.offset)?,
        length: number(fields.place, tensor.length)?,
        zeroPoint: tensor.zero_point,
        visibility: match tensor.visibility {
            FileVisibility::Public => Visibility::Public.to_abi(),
            FileVisibility::Committed => Visibility::Committed.to_abi(),
        },
        scaleWad: scale_wad,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(scale: f64) -> ManifestTensor {
        ManifestTensor {
            name: "scores".to_owned(),
            leaf: 4,
            chunk: 2,
            offset: 1,
            length: 10,
            zero_point: 3,
            scale,
            shape: vec![1, 10],
            visibility: FileVisibility::Public,
            element_order: None,
            factors: None,
            before: None,
        }
    }

    #[test]
    fn a_scale_that_the_registry_cannot_hold_is_refused() {
        for scale in [0.0, -1.0, 1e-19, 1e18, f64::NAN, f64::INFINITY] {
            let refused = tensor_spec(INPUTS, &tensor(scale)).unwrap_err().to_string();
            assert!(refused.contains("inputs.scale"), "{refused}");
        }
    }

    #[test]
    fn the_record_of_a_registration_is_the_models() {
        let registration = Registration {
            manifest_id: B256::repeat_byte(1),
            key_set: B256::repeat_byte(2),
            num_public: vec![1, 0],
            key_hashes: vec![B256::repeat_byte(3), B256::repeat_byte(4)],
            hiding_budgets: vec![64, 0],
            inputs: vec![tensor_spec(INPUTS, &tensor(1.0)).unwrap()],
            outputs: vec![tensor_spec(OUTPUTS, &tensor(0.25)).unwrap()],
            leaf_lengths: vec![20, 10],
            uri: "ipfs://bundle".to_owned(),
        };
        let placed = PlacedChunk {
            verifier: Address::repeat_byte(5),
            code_hash: B256::repeat_byte(6),
            key: vec![7; 20].into(),
        };
        let model = registration.model(vec![placed.clone(), placed]);
        assert_eq!(record_of(&registration.with_chunks(&model)), model.record);
        model.check("deployment").unwrap();
    }

    #[test]
    fn a_tensor_is_seven_words_in_its_digest() {
        let spec = tensor_spec(OUTPUTS, &tensor(0.25)).unwrap();
        let mut words = Vec::new();
        for value in [4u64, 2, 1, 10, 3, 0, 250_000_000_000_000_000] {
            words.extend(B256::left_padding_from(&value.to_be_bytes()).0);
        }
        assert_eq!(tensors_digest(&[spec]), keccak256(words));
    }
}
