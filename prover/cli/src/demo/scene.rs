//! The demo's folder and accounts, and what its dApp needs to know about model and proof.

use super::anvil::Account;
use crate::failure::bad_input;
use alloy::primitives::{Address, B256};
use anyhow::Context as _;
use chainfer_formats::{ProofFile, TensorSpec, Visibility, ids, packing::VALUES_PER_ELEMENT};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// Largest number of public words per chunk that the registry stores, so that contracts can read them.
const STORED_WORDS: usize = 32;

/// The folder that the demo works in.
pub(super) enum Folder {
    Temporary(TempDir),
    Kept(PathBuf),
}

impl Folder {
    pub(super) fn new(keep: Option<PathBuf>) -> anyhow::Result<Self> {
        let Some(path) = keep else {
            return Ok(Self::Temporary(
                tempfile::tempdir().context("cannot make a temporary folder")?,
            ));
        };
        fs::create_dir(&path)
            .map_err(|e| bad_input(format!("--keep: cannot make {}: {e}", path.display())))?;
        Ok(Self::Kept(path))
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Kept(path) => path,
        }
    }
}

/// The accounts of the demo, one for each role.
#[derive(Debug)]
pub(super) struct Cast<'a> {
    /// Deploys the contracts and registers the model.
    pub(super) registrant: &'a Account,
    /// Sends the relayer's transactions.
    pub(super) relayer: &'a Account,
    /// The requester of the inference, who gets the bounty.
    pub(super) requester: Address,
    /// Offers the bounty.
    pub(super) funder: Address,
}

/// The model's only input. Refuses a model whose only output the dApp cannot read.
pub(super) fn ends<'a>(
    inputs: &'a [TensorSpec],
    outputs: &[TensorSpec],
) -> anyhow::Result<&'a TensorSpec> {
    let ([input], [output]) = (inputs, outputs) else {
        return Err(bad_input(format!(
            "the demo needs a classifier with one input and one output; this model has {} and {}",
            inputs.len(),
            outputs.len()
        )));
    };
    if output.visibility != Visibility::Public || output.words() > STORED_WORDS {
        return Err(bad_input(format!(
            "the demo's dApp reads the scores on chain, so output {} must be public and have at most {} values",
            output.name,
            VALUES_PER_ELEMENT * STORED_WORDS
        )));
    }
    Ok(input)
}

pub(super) fn inference_id(proof: &ProofFile) -> anyhow::Result<B256> {
    let model = proof.model_id.context("the proof names no model")?;
    Ok(ids::inference_id(model, proof.root, proof.context))
}

/// The public words of the model input: its leaf if it is committed.
pub(super) fn input_words(proof: &ProofFile, input: &TensorSpec) -> anyhow::Result<Vec<B256>> {
    let words = proof
        .chunks
        .iter()
        .find(|c| c.index == input.chunk)
        .and_then(|c| {
            c.public_values
                .get(input.offset..input.offset + input.words())
        })
        .context("the proof lacks the input's public values")?;
    Ok(words.iter().map(|word| word.to_word()).collect())
}

pub(super) fn narrow<T: TryFrom<usize>>(value: usize) -> anyhow::Result<T> {
    T::try_from(value).map_err(|_| bad_input(format!("{value} is too large for the demo's dApp")))
}
