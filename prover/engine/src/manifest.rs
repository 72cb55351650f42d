//! The public description of a compiled model: what verifiers, the relayer and the registry agree on.

use crate::{
    bundle::SOLIDITY_DIR,
    bytes::{Bytes32, Encoder},
    error::{EngineError, Result},
    srs::SrsSpec,
};
use chainfer_circuits::CircuitShape;
use chainfer_model::{
    partitioned::{LeafClass, PartitionedModel, Visibility},
    quantized::TensorId,
};
use serde::{Deserialize, Serialize};

/// `format` of the manifest file.
pub const FORMAT: &str = "chainfer.manifest";
/// `version` of the manifest file.
pub const VERSION: u32 = 2;
/// The one chain id that accepts the insecure development SRS by itself: anvil's and hardhat's.
pub const DEVELOPMENT_CHAIN_ID: u64 = 31337;
/// Largest number of chunks of a model, the registry's limit.
pub const MAX_CHUNKS: usize = 256;

/// A compiled model's public description.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// keccak256 over all that follows, see [`Manifest::recompute_id`].
    pub manifest_id: Bytes32,
    /// Activation range R of the quantisation.
    pub range: u32,
    /// Chunks in order.
    pub chunks: Vec<ChunkEntry>,
    /// Leaves of the commitment tree in order.
    pub leaves: Vec<LeafEntry>,
    /// Model inputs in the model's order.
    pub inputs: Vec<TensorSpec>,
    /// Model outputs in the model's order.
    pub outputs: Vec<TensorSpec>,
    /// Trusted setup.
    pub srs: SrsSpec,
}

/// One chunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChunkEntry {
    /// Position.
    pub index: usize,
    /// Name of the Solidity verifier contract, if it was generated. Chunks of one constraint-system shape share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// Its source below the public folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// keccak256 of that source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_digest: Option<Bytes32>,
    /// Code hash of the contract that holds the verifying key for the verifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_code_hash: Option<Bytes32>,
    /// Public values; the instances are root, context and these.
    pub num_public: usize,
    /// Digest of the verifying key and `num_public`.
    pub vk_digest: Bytes32,
    /// Bytes of every proof.
    pub proof_length: usize,
    /// Parameters that fix the constraint system.
    pub shape: CircuitShape,
    /// Rows of blinders in every weight column; at most `hide_rows - 1` proofs reveal nothing. 0: weights not hidden.
    pub hide_rows: u32,
    /// Leaves that it reads.
    pub reads: Vec<usize>,
    /// Leaves that it writes.
    pub writes: Vec<usize>,
    /// Leaves behind its public values, in order.
    pub exposes: Vec<usize>,
}

/// Whether a text can be a contract's name, and a part of a file's.
pub(crate) fn is_contract_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric())
}

/// Path of a verifier's source below the public folder.
pub(crate) fn source_path(contract: &str) -> String {
    format!("{SOLIDITY_DIR}/{contract}.sol")
}

impl ChunkEntry {
    /// A generated verifier has a name, a path that follows from it, a digest and a key; any other chunk has none of these.
    fn names_its_verifier(&self) -> bool {
        match (&self.contract, &self.source) {
            (Some(contract), Some(source)) => {
                is_contract_name(contract)
                    && *source == source_path(contract)
                    && self.source_digest.is_some()
                    && self.key_code_hash.is_some()
            }
            (None, None) => self.source_digest.is_none() && self.key_code_hash.is_none(),
            _ => false,
        }
    }

    /// File name of the verifying key in the public folder.
    pub fn vk_file(&self) -> String {
        format!("chunk{}.vk", self.index)
    }

    /// File name of the proving key in the private folder.
    pub fn pk_file(&self) -> String {
        format!("chunk{}.pk", self.index)
    }
}

/// One leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafEntry {
    /// Tensor name.
    pub name: String,
    /// Class.
    pub class: LeafClass,
    /// Visibility.
    pub visibility: Visibility,
    /// Number of values.
    pub length: usize,
}

/// A model input or output: quantisation, and where its values or its leaf stand among the public values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// Name.
    pub name: String,
    /// Its leaf.
    pub leaf: usize,
    /// Chunk that exposes it.
    pub chunk: usize,
    /// First word among that chunk's public values.
    pub offset: usize,
    /// Number of values.
    pub length: usize,
    /// Stands for real zero.
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
}

impl TensorSpec {
    /// Words that it takes among the public values.
    pub fn words(&self) -> usize {
        match self.visibility {
            Visibility::Public => chainfer_circuits::commitment::packed_len(self.length),
            Visibility::Committed => 1,
        }
    }

    /// Values from packed order to the user's order.
    pub fn to_external<T: Copy + Default>(&self, values: &[T]) -> Vec<T> {
        match &self.element_order {
            None => values.to_vec(),
            Some(order) => {
                let mut external = vec![T::default(); values.len()];
                for (value, at) in values.iter().zip(order) {
                    if let Some(slot) = external.get_mut(*at) {
                        *slot = *value;
                    }
                }
                external
            }
        }
    }

    /// Real values of quantised ones.
    pub fn dequantise(&self, values: &[u32]) -> Vec<f64> {
        let zero = f64::from(self.zero_point);
        values
            .iter()
            .map(|u| self.scale * (f64::from(*u) - zero))
            .collect()
    }
}

/// The public layout of a model's inputs or outputs.
pub(crate) fn tensor_specs(
    model: &PartitionedModel,
    tensors: &[TensorId],
    role: &str,
) -> Result<Vec<TensorSpec>> {
    tensors
        .iter()
        .map(|id| {
            let tensor = model.graph.tensor(*id);
            let missing =
                |what: &str| EngineError::Inconsistent(format!("{role} {}: {what}", tensor.name));
            let leaf = model
                .leaves
                .iter()
                .position(|l| l.tensor == *id)
                .ok_or_else(|| missing("it has no leaf"))?;
            let (chunk, spec) = model
                .chunks
                .iter()
                .enumerate()
                .find(|(_, c)| c.exposes.contains(&leaf))
                .ok_or_else(|| missing("no chunk exposes it"))?;
            let words = |l: &usize| match model.leaves[*l].visibility {
                Visibility::Committed => 1,
                Visibility::Public => {
                    let len = model.graph.tensor(model.leaves[*l].tensor).dims.len();
                    chainfer_circuits::commitment::packed_len(len)
                }
            };
            Ok(TensorSpec {
                name: tensor.name.clone(),
                leaf,
                chunk,
                offset: spec
                    .exposes
                    .iter()
                    .take_while(|l| **l != leaf)
                    .map(words)
                    .sum(),
                length: tensor.dims.len(),
                zero_point: tensor.quant.zero_point,
                scale: tensor.quant.scale,
                shape: tensor.external_shape.clone(),
                visibility: model.leaves[leaf].visibility,
                element_order: tensor.element_order.clone(),
            })
        })
        .collect()
}

fn class_code(class: LeafClass) -> u64 {
    match class {
        LeafClass::Input => 0,
        LeafClass::Cut => 1,
        LeafClass::Output => 2,
    }
}

impl Manifest {
    /// The id: a hash of every field but itself, in a fixed order, numbers as 8 bytes big-endian, floats by their bits,
    /// texts and lists with their length in front.
    pub fn recompute_id(&self) -> Bytes32 {
        let mut e = Encoder::new("chainfer.manifest.v2");
        e.number(self.version.into()).number(self.range.into());
        e.count(self.chunks.len());
        for chunk in &self.chunks {
            e.word(&chunk.vk_digest)
                .count(chunk.num_public)
                .number(chunk.hide_rows.into());
            e.word(&chunk.source_digest.unwrap_or_default());
            e.word(&chunk.key_code_hash.unwrap_or_default());
            e.numbers(&chunk.reads)
                .numbers(&chunk.writes)
                .numbers(&chunk.exposes);
        }
        e.word(&self.srs.digest).flag(self.srs.insecure);
        e.count(self.leaves.len());
        for leaf in &self.leaves {
            e.text(&leaf.name).number(class_code(leaf.class));
            e.flag(leaf.visibility == Visibility::Public)
                .count(leaf.length);
        }
        for specs in [&self.inputs, &self.outputs] {
            e.count(specs.len());
            for spec in specs {
                e.text(&spec.name)
                    .count(spec.leaf)
                    .count(spec.chunk)
                    .count(spec.offset);
                e.count(spec.length)
                    .number(spec.zero_point.into())
                    .float(spec.scale);
                e.numbers(&spec.shape)
                    .flag(spec.visibility == Visibility::Public);
                e.flag(spec.element_order.is_some());
                e.numbers(spec.element_order.as_deref().unwrap_or_default());
            }
        }
        e.digest()
    }

    /// Checks an untrusted manifest on its own: version, id, setup, and that its parts fit each other.
    ///
    /// # Errors
    /// Says which part does not.
    pub fn validate(&self) -> Result<()> {
        if self.format != FORMAT || self.version != VERSION {
            return Err(EngineError::UnsupportedFormat {
                what: "manifest".to_owned(),
                got: format!("{} version {}", self.format, self.version),
                expected: format!("{FORMAT} version {VERSION}"),
            });
        }
        let id = self.recompute_id();
        if id != self.manifest_id {
            return Err(EngineError::DigestMismatch {
                what: "manifest".to_owned(),
                expected: self.manifest_id,
                got: id,
            });
        }
        self.srs.validate()?;
        let refuse = |detail: String| {
            Err(EngineError::Malformed {
                what: "manifest".into(),
                detail,
            })
        };
        if self.chunks.is_empty() || self.chunks.len() > MAX_CHUNKS {
            return refuse(format!(
                "{} chunks, allowed 1 to {MAX_CHUNKS}",
                self.chunks.len()
            ));
        }
        for (index, chunk) in self.chunks.iter().enumerate() {
            if chunk.index != index {
                return refuse(format!("chunk {} stands at position {index}", chunk.index));
            }
            chunk.shape.validate()?;
            // Names and paths are not hashed, so they are not free either.
            if !chunk.names_its_verifier() {
                return refuse(format!("chunk {index}: odd contract name or source"));
            }
            let other = self
                .chunks
                .iter()
                .find(|c| c.contract == chunk.contract && c.source_digest != chunk.source_digest);
            if let Some(other) = other {
                return refuse(format!(
                    "chunks {} and {index} have different verifiers of one name",
                    other.index
                ));
            }
        }
        for spec in self.inputs.iter().chain(&self.outputs) {
            let fits = self
                .chunks
                .get(spec.chunk)
                .is_some_and(|c| spec.offset.saturating_add(spec.words()) <= c.num_public);
            if !fits {
                return refuse(format!(
                    "{} lies outside of its chunk's public values",
                    spec.name
                ));
            }
            let ordered = spec
                .element_order
                .as_ref()
                .is_none_or(|order| is_permutation(order, spec.length));
            if !ordered {
                return refuse(format!(
                    "the element order of {} is no permutation",
                    spec.name
                ));
            }
        }
        Ok(())
    }

    /// Refuses the insecure setup for every chain but local ones.
    ///
    /// # Errors
    /// [`EngineError::InsecureSrs`].
    pub fn require_srs_for_chain(&self, chain_id: u64, allow_insecure: bool) -> Result<()> {
        if self.srs.insecure && chain_id != DEVELOPMENT_CHAIN_ID && !allow_insecure {
            return Err(EngineError::InsecureSrs { chain_id });
        }
        Ok(())
    }
}

fn is_permutation(order: &[usize], length: usize) -> bool {
    let mut seen = vec![false; order.len()];
    order.len() == length
        && order.iter().all(|at| {
            seen.get_mut(*at)
                .is_some_and(|s| !std::mem::replace(s, true))
        })
}
