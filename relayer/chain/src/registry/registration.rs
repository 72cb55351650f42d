//! The record that a bundle's manifest asks a registry to make.

use crate::abi::{ChunkSpec, ModelRegistration, TensorSpec, Visibility};
use crate::error::{Error, Result};
use alloy::primitives::{B256, I256};
use chainfer_formats::limits::MAX_RANK;
use chainfer_formats::{
    ChunkEntry, Manifest, TensorSpec as ManifestTensor, Visibility as FileVisibility,
};

/// What a model is registered with, except for the addresses of its contracts.
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
            num_public: numbers("num_public", manifest.chunks.iter().map(|c| c.num_public))?,
            key_code_hashes: manifest
                .chunks
                .iter()
                .map(key_code_hash)
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

    /// The argument of `registerModel`, once the contracts' addresses are known.
    pub fn with_chunks(&self, chunks: Vec<ChunkSpec>) -> ModelRegistration {
        ModelRegistration {
            manifestId: self.manifest_id,
            chunks,
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
            leafLengths: self.leaf_lengths.clone(),
            uri: self.uri.clone(),
        }
    }
}

/// Names of the fields of a list of tensors, for messages.
#[derive(Clone, Copy)]
struct Fields {
    scale: &'static str,
    shape: &'static str,
    place: &'static str,
}

const INPUTS: Fields = Fields {
    scale: "inputs.scale",
    shape: "inputs.shape",
    place: "inputs",
};
const OUTPUTS: Fields = Fields {
    scale: "outputs.scale",
    shape: "outputs.shape",
    place: "outputs",
};

/// Code hash of a chunk's key; only bundles with Solidity verifiers have it.
fn key_code_hash(chunk: &ChunkEntry) -> Result<B256> {
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

/// The shape as the registry has it; `None` for one that it would refuse.
fn shape_of(tensor: &ManifestTensor) -> Option<Vec<u32>> {
    let mut product: usize = 1;
    for dimension in &tensor.shape {
        product = product.checked_mul(*dimension)?;
    }
    if tensor.shape.len() > MAX_RANK || product != tensor.length {
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

    fn tensor(shape: &[usize]) -> ManifestTensor {
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
            element_order: None,
        }
    }

    #[test]
    fn tensor_spec_takes_the_manifests_shape() {
        for shape in [&[10][..], &[1, 10], &[1, 2, 1, 5, 1, 1, 1, 1]] {
            let spec = tensor_spec(OUTPUTS, &tensor(shape)).unwrap();
            let wide: Vec<usize> = spec.shape.iter().map(|d| *d as usize).collect();
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
            &[usize::MAX, usize::MAX],
        ] {
            let refused = tensor_spec(INPUTS, &tensor(shape)).unwrap_err().to_string();
            assert!(refused.contains("inputs.shape"), "{refused}");
        }
    }
}
