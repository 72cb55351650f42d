//! `public/manifest.json`: the public description of a compiled model. Verifiers, the relayer and the registry agree on it
//! through its id.

mod derive;
mod id;
mod validate;

pub use derive::{Placement, place};

use crate::{
    boundary::{LeafClass, Visibility},
    error::Result,
    files::Access,
    final_function::FinalFunction,
    hex,
    json::FileKind,
    packing::public_words,
    scalar::Scalar,
    shape::CircuitShape,
    srs::SrsSpec,
};
use alloy_primitives::B256;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Kind of manifest files: their format, version and access.
pub const MANIFEST: FileKind = FileKind {
    name: "manifest",
    format: "chainfer.manifest",
    version: 3,
    access: Access::Public,
    max_bytes: 64 << 20,
};

/// Name of the manifest in the public folder.
pub const MANIFEST_FILE: &str = "manifest.json";

/// Folder of the Solidity sources in the public folder.
pub const SOLIDITY_DIR: &str = "solidity";

/// A compiled model's public description. Fields that it does not know, of later releases, are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    format: String,
    version: u32,
    /// Keccak-256 over all that follows, see [`Manifest::recompute_id`].
    #[serde(with = "hex::word")]
    pub manifest_id: B256,
    /// Activation range R of the quantisation.
    pub range: u32,
    /// Chunks in order.
    pub chunks: Vec<ChunkEntry>,
    /// Leaves of the commitment tree: inputs, then cut tensors by producing chunk, then outputs.
    pub leaves: Vec<LeafEntry>,
    /// Model inputs in the model's order.
    pub inputs: Vec<TensorSpec>,
    /// Model outputs in the model's order.
    pub outputs: Vec<TensorSpec>,
    /// Trusted setup.
    pub srs: SrsSpec,
    /// Algebraic digest of the keys, for circuits that check proofs. Whoever reads the keys recomputes it.
    pub key_set: Scalar,
}

/// One chunk circuit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChunkEntry {
    /// Position in the model.
    pub index: usize,
    /// Name of the Solidity verifier contract, if one was generated. Chunks of one constraint-system shape share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// Its source, relative to the public folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Keccak-256 of that source.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "hex::optional_word"
    )]
    pub source_digest: Option<B256>,
    /// Code hash of the contract that holds the verifying key for the verifier.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "hex::optional_word"
    )]
    pub key_code_hash: Option<B256>,
    /// Public values; the instances are root, context and these.
    pub num_public: usize,
    /// Digest of the verifying key and `num_public`.
    #[serde(with = "hex::word")]
    pub vk_digest: B256,
    /// Bytes of every proof.
    pub proof_length: usize,
    /// Parameters that fix the constraint system.
    pub shape: CircuitShape,
    /// Rows of blinders in every weight column; at most `hide_rows - 1` proofs reveal nothing. 0: weights not hidden.
    pub hide_rows: u32,
    /// Leaves that it reads, ascending.
    pub reads: Vec<usize>,
    /// Leaves that it writes, ascending.
    pub writes: Vec<usize>,
    /// Leaves behind its public values, in order: model inputs that it is the first to read, then model outputs that it
    /// produces.
    pub exposes: Vec<usize>,
}

/// One leaf of the commitment tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafEntry {
    /// Name of the tensor in the model.
    pub name: String,
    /// The first class that fits.
    pub class: LeafClass,
    /// Whether its values are public; never for a cut tensor that is no output.
    pub visibility: Visibility,
    /// Number of values.
    pub length: usize,
}

/// A model input or output: quantisation, and where its values or its leaf stand among the public values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// Name in the model.
    pub name: String,
    /// Position of its leaf.
    pub leaf: usize,
    /// Chunk that exposes it.
    pub chunk: usize,
    /// First word among that chunk's public values.
    pub offset: usize,
    /// Number of values.
    pub length: usize,
    /// The quantised value that stands for real zero.
    pub zero_point: u32,
    /// Real value of one step.
    pub scale: f64,
    /// The user's shape.
    pub shape: Vec<usize>,
    /// Public: packed values, 15 a word. Committed: one word, the leaf.
    pub visibility: Visibility,
    /// Where value `i` of the packed order stands in the flattened shape; absent: in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub element_order: Option<Vec<usize>>,
    /// What real values are multiplied by on top: one factor for each of equal runs of values in packed order (features, channels).
    /// Absent: 1. Committed inputs alone may have any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factors: Option<Vec<f64>>,
    /// The function at the end of the model that was left out, so that the values are the scores before it. Absent: nothing was. Outputs alone
    /// may have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<FinalFunction>,
}

/// A chunk's generated verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifierEntry<'a> {
    /// Name of the contract, which chunks of one shape share.
    pub contract: &'a str,
    /// Its source, relative to the public folder.
    pub source: &'a str,
    /// Keccak-256 of the source.
    pub source_digest: B256,
    /// Code hash of the contract that holds the chunk's verifying key.
    pub key_code_hash: B256,
}

/// Whether a text can be a contract's name, and a part of a file's.
pub fn is_contract_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric())
}

/// Path of a verifier's source, relative to the public folder.
pub fn source_path(contract: &str) -> String {
    format!("{SOLIDITY_DIR}/{contract}.sol")
}

impl ChunkEntry {
    /// Its verifier, if the bundle has one.
    pub fn verifier(&self) -> Option<VerifierEntry<'_>> {
        Some(VerifierEntry {
            contract: self.contract.as_deref()?,
            source: self.source.as_deref()?,
            source_digest: self.source_digest?,
            key_code_hash: self.key_code_hash?,
        })
    }

    /// File name of the verifying key in the public folder.
    pub fn vk_file(&self) -> String {
        format!("chunk{}.vk", self.index)
    }

    /// File name of the proving key in the private folder.
    pub fn pk_file(&self) -> String {
        Self::pk_file_of(self.index)
    }

    /// The same, for the chunk with this position.
    pub fn pk_file_of(index: usize) -> String {
        format!("chunk{index}.pk")
    }
}

impl LeafEntry {
    /// Public values that it takes where it is exposed.
    pub fn words(&self) -> usize {
        public_words(self.visibility, self.length)
    }
}

impl TensorSpec {
    /// Public values that it takes.
    pub fn words(&self) -> usize {
        public_words(self.visibility, self.length)
    }

    /// Values from packed order to the user's order.
    pub fn to_external<T: Copy + Default>(&self, values: &[T]) -> Vec<T> {
        let Some(order) = &self.element_order else {
            return values.to_vec();
        };
        let mut external = vec![T::default(); values.len()];
        for (value, at) in values.iter().zip(order) {
            if let Some(slot) = external.get_mut(*at) {
                *slot = *value;
            }
        }
        external
    }

    /// Real values of quantised ones, both in the user's order.
    pub fn dequantise(&self, values: &[u32]) -> Vec<f64> {
        let zero = f64::from(self.zero_point);
        let real = |u: &u32| self.scale * (f64::from(*u) - zero);
        let Some(factors) = &self.factors else {
            return values.iter().map(real).collect();
        };
        let run = (self.length / factors.len().max(1)).max(1);
        let packed: Vec<f64> = (0..self.length)
            .map(|i| factors.get(i / run).copied().unwrap_or(1.0))
            .collect();
        let factors = self.to_external(&packed);
        values
            .iter()
            .zip(factors)
            .map(|(u, f)| f * real(u))
            .collect()
    }
}

impl Manifest {
    /// A manifest of the current version, with its id.
    ///
    /// # Errors
    /// As [`Self::validate`].
    pub fn new(
        range: u32,
        chunks: Vec<ChunkEntry>,
        leaves: Vec<LeafEntry>,
        (inputs, outputs): (Vec<TensorSpec>, Vec<TensorSpec>),
        (srs, key_set): (SrsSpec, Scalar),
    ) -> Result<Self> {
        let mut manifest = Self {
            format: MANIFEST.format.to_owned(),
            version: MANIFEST.version,
            manifest_id: B256::ZERO,
            range,
            chunks,
            leaves,
            inputs,
            outputs,
            srs,
            key_set,
        };
        manifest.manifest_id = manifest.recompute_id();
        manifest.validate()?;
        Ok(manifest)
    }

    /// Parses untrusted bytes and checks them, see [`Self::validate`].
    ///
    /// # Errors
    /// Names the field.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let manifest: Self = MANIFEST.parse(json)?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`Self::parse`], or the file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let manifest: Self = MANIFEST.read(path)?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// Refuses a manifest that states the digest of other keys than those that are there.
    ///
    /// # Errors
    /// [`FormatError::Inconsistent`](crate::FormatError::Inconsistent) names the field.
    pub fn check_key_set(&self, of_keys: Scalar) -> Result<()> {
        validate::key_set(self, of_keys)
    }

    /// The model input or output that this leaf is; `None` for a tensor that is only passed on at a cut, whose scale and shape the
    /// manifest does not state.
    pub fn input_or_output(&self, leaf: usize) -> Option<&TensorSpec> {
        let mut specs = self.inputs.iter().chain(&self.outputs);
        specs.find(|spec| spec.leaf == leaf)
    }

    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write(&self, path: &Path) -> Result<()> {
        MANIFEST.write(path, self)
    }
}
