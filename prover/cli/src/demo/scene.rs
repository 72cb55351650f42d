//! Where the demo plays, who is in it, and what the dApp needs to know of the model.

use super::anvil::Account;
use crate::failure::bad_input;
use alloy::primitives::{Address, B256};
use anyhow::Context as _;
use chainfer_formats::{TensorSpec, Visibility, packing::VALUES_PER_ELEMENT};
use chainfer_relayer::proof_file::ProofFile;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// Largest number of public words that the registry stores, and a contract can read.
const STORED_WORDS: usize = 32;

/// Where the demo works.
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

/// Who does what: every part is played by an account of its own.
#[derive(Debug)]
pub(super) struct Cast<'a> {
    /// Deploys the contracts and registers the model.
    pub(super) registrant: &'a Account,
    /// Sends the relayer's transactions.
    pub(super) relayer: &'a Account,
    /// Asked for the inference, and is paid.
    pub(super) requester: Address,
    /// Put the bounty up.
    pub(super) funder: Address,
}

/// The model's one input; its one output must be such that the dApp can read it.
pub(super) fn ends<'a>(
    inputs: &'a [TensorSpec],
    outputs: &[TensorSpec],
) -> anyhow::Result<&'a TensorSpec> {
    let ([input], [output]) = (inputs, outputs) else {
        return Err(bad_input(format!(
            "the demo takes a classifier with one input and one output; this model has {} and {}",
            inputs.len(),
            outputs.len()
        )));
    };
    if output.visibility != Visibility::Public || output.words() > STORED_WORDS {
        return Err(bad_input(format!(
            "the demo's dApp reads the scores on chain, so output {} must be public and at most {} values long",
            output.name,
            VALUES_PER_ELEMENT * STORED_WORDS
        )));
    }
    Ok(input)
}

pub(super) fn inference_id(proof: &ProofFile) -> anyhow::Result<B256> {
    let model = proof.model_id.context("the proof names no model")?;
    Ok(chainfer_relayer::abi::ids::inference_id(
        model,
        proof.root.value(),
        proof.context.value(),
    ))
}

/// The public words of the model input: its leaf, if it is committed.
pub(super) fn input_words(proof: &ProofFile, input: &TensorSpec) -> anyhow::Result<Vec<B256>> {
    let words = proof
        .chunks
        .iter()
        .find(|c| usize::from(c.index) == input.chunk)
        .and_then(|c| {
            c.public_values
                .get(input.offset..input.offset + input.words())
        })
        .context("the proof lacks the input's public values")?;
    Ok(words.iter().map(|word| word.to_bytes()).collect())
}

pub(super) fn narrow<T: TryFrom<usize>>(value: usize) -> anyhow::Result<T> {
    T::try_from(value).map_err(|_| bad_input(format!("{value} is too large for the demo's dApp")))
}
