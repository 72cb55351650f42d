//! `PROOF`: the public result of one inference, as `chainfer prove` writes it.

use crate::{
    boundary::Visibility,
    chain_model::ChainModel,
    error::{FormatError, Result},
    files::Access,
    hex,
    ids::{self, Binding},
    json::{FileKind, present},
    limits::{MAX_CHUNKS, MAX_PROOF_BYTES},
    manifest::Manifest,
    packing::VALUE_BITS,
    scalar::Scalar,
};
use alloy_primitives::{B256, Bytes};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Kind of `PROOF` files: their format, version and access.
pub const PROOF: FileKind = FileKind {
    name: "proof",
    format: "chainfer.proof",
    version: 1,
    access: Access::Public,
    max_bytes: 1 << 30,
};

/// An inference proof: root, context, public values and one proof per chunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofFile {
    format: String,
    version: u32,
    /// Manifest of the bundle that it was made with.
    #[serde(with = "hex::word")]
    pub manifest_id: B256,
    /// On-chain id of the model, where it was known at proving time.
    #[serde(with = "hex::optional_word")]
    pub model_id: Option<B256>,
    /// Root of the commitment tree.
    pub root: Scalar,
    /// Binds the proofs to their use.
    pub context: Scalar,
    /// Preimage of `context`; null where the context was given as such.
    #[serde(deserialize_with = "present")]
    pub binding: Option<Binding>,
    /// The chunk proofs, by ascending index.
    pub chunks: Vec<ChunkProof>,
    /// The model's outputs in readable form. Nothing on chain depends on them.
    pub outputs: Vec<OutputValues>,
    /// What the registry is handed with the proofs, where it was known: whoever relays a proof needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ChainModel>,
}

/// The proof of one chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunkProof {
    /// Position of the chunk in the model.
    pub index: usize,
    /// Instances behind root and context.
    pub public_values: Vec<Scalar>,
    /// Proof bytes of the EVM transcript.
    #[serde(with = "hex::bytes")]
    pub proof: Bytes,
}

/// One output. A committed output of a proof shows neither values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputValues {
    /// Name in the model.
    pub name: String,
    /// Shape of both lists, which are flattened row by row.
    pub shape: Vec<usize>,
    /// Whether the values are public.
    pub visibility: Visibility,
    /// Quantised values, below 2^16.
    #[serde(default)]
    pub raw: Option<Vec<u32>>,
    /// Real values.
    #[serde(default)]
    pub values: Option<Vec<f64>>,
}

/// What a proof is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Manifest of the bundle.
    pub manifest_id: B256,
    /// On-chain id of the model, if it is known.
    pub model_id: Option<B256>,
    /// Root of the commitment tree.
    pub root: Scalar,
    /// Context of the inference.
    pub context: Scalar,
    /// Preimage of the context, if it has one.
    pub binding: Option<Binding>,
}

impl ProofFile {
    /// A file of the current version.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn new(
        statement: Statement,
        chunks: Vec<ChunkProof>,
        outputs: Vec<OutputValues>,
    ) -> Result<Self> {
        let Statement {
            manifest_id,
            model_id,
            root,
            context,
            binding,
        } = statement;
        let file = Self {
            format: PROOF.format.to_owned(),
            version: PROOF.version,
            manifest_id,
            model_id,
            root,
            context,
            binding,
            chunks,
            outputs,
            model: None,
        };
        file.check()?;
        Ok(file)
    }

    /// Parses untrusted bytes and checks them, see [`Self::check`].
    ///
    /// # Errors
    /// Names the field.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let file: Self = PROOF.parse(json)?;
        file.check()?;
        Ok(file)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`Self::parse`], or the file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let file: Self = PROOF.read_named(path)?;
        file.check()?;
        Ok(file)
    }

    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write(&self, path: &Path) -> Result<()> {
        PROOF.write(path, self)
    }

    /// As [`Self::write`], to a path where nothing is yet.
    ///
    /// # Errors
    /// Something is there, or the file system refuses.
    pub fn write_new(&self, path: &Path) -> Result<()> {
        PROOF.write_new(path, self)
    }

    /// Checks everything that can be checked without another file: chunks in order, sizes within the limits, and that
    /// binding and model id, where both are known, hash to the context.
    ///
    /// # Errors
    /// [`FormatError::Inconsistent`] names the field.
    pub fn check(&self) -> Result<()> {
        if self.chunks.is_empty() || self.chunks.len() > MAX_CHUNKS {
            return refuse(
                "chunks",
                format!("1 to {MAX_CHUNKS} chunks"),
                self.chunks.len(),
            );
        }
        for (i, chunk) in self.chunks.iter().enumerate() {
            if chunk.index != i {
                return refuse(
                    format!("chunks[{i}].index"),
                    format!("{i} (ascending, none missing)"),
                    chunk.index,
                );
            }
            if chunk.proof.is_empty() || chunk.proof.len() > MAX_PROOF_BYTES {
                return refuse(
                    format!("chunks[{i}].proof"),
                    format!("1 to {MAX_PROOF_BYTES} bytes"),
                    format!("{} bytes", chunk.proof.len()),
                );
            }
        }
        for (i, output) in self.outputs.iter().enumerate() {
            let large = output
                .raw
                .iter()
                .flatten()
                .position(|v| *v >> VALUE_BITS != 0);
            if let Some(at) = large {
                return refuse(
                    format!("outputs[{i}].raw[{at}]"),
                    "a value below 2^16",
                    "a larger one",
                );
            }
        }
        if let Some(model) = &self.model {
            model.check(PROOF.name)?;
            if model.chunks.len() != self.chunks.len() {
                return refuse(
                    "model.chunks",
                    format!("{} chunks, as many as are proven", self.chunks.len()),
                    model.chunks.len(),
                );
            }
            for (i, (chunk, spec)) in self.chunks.iter().zip(&model.chunks).enumerate() {
                let got = chunk.public_values.len();
                if usize::try_from(spec.num_public) != Ok(got) {
                    return refuse(
                        format!("chunks[{i}].public_values"),
                        format!("{} values, as the model has", spec.num_public),
                        got,
                    );
                }
            }
        }
        let (Some(binding), Some(model)) = (&self.binding, self.model_id) else {
            return Ok(());
        };
        let expected = ids::context(binding, model);
        if expected != self.context {
            return refuse(
                "context",
                format!("{expected} (from binding and model_id)"),
                self.context,
            );
        }
        Ok(())
    }

    /// Checks that this proof has the form that `manifest` describes.
    ///
    /// # Errors
    /// [`FormatError::Inconsistent`] names the field.
    pub fn check_against(&self, manifest: &Manifest) -> Result<()> {
        if self.manifest_id != manifest.manifest_id {
            return refuse("manifest_id", manifest.manifest_id, self.manifest_id);
        }
        if self.chunks.len() != manifest.chunks.len() {
            return refuse(
                "chunks",
                format!("{} chunks", manifest.chunks.len()),
                format!("{} chunks", self.chunks.len()),
            );
        }
        for (i, (chunk, entry)) in self.chunks.iter().zip(&manifest.chunks).enumerate() {
            if chunk.public_values.len() != entry.num_public {
                return refuse(
                    format!("chunks[{i}].public_values"),
                    format!("{} values", entry.num_public),
                    format!("{} values", chunk.public_values.len()),
                );
            }
        }
        Ok(())
    }

    /// Bytes of all chunk proofs.
    pub fn proof_bytes(&self) -> usize {
        self.chunks.iter().map(|c| c.proof.len()).sum()
    }
}

fn refuse<T>(field: impl Into<String>, expected: impl ToString, got: impl ToString) -> Result<T> {
    Err(FormatError::inconsistent(PROOF.name, field, expected, got))
}
