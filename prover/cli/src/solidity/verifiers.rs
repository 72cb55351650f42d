//! The verifiers of a bundle: generated when the model is compiled, and checked against manifest and keys whenever they are read.

use super::{Catalogue, Compiled, Solc};
use crate::failure::bad_input;
use anyhow::Context as _;
use chainfer_engine::bundle::{MAX_SOURCE_BYTES, PublicBundle, SOLIDITY_DIR, VerifierRequest};
use chainfer_formats::{digest::keccak256, files};
use chainfer_verifier_gen::{GeneratedVerifier, GeneratorOptions, KeyContract};
use std::collections::{BTreeMap, BTreeSet};

/// Largest runtime code of a contract (EIP-170).
pub(crate) const CODE_LIMIT: usize = 24_576;

/// One chunk's verifier and key.
#[derive(Clone, Debug)]
pub(crate) struct ChunkVerifier {
    /// Index of the chunk.
    pub(crate) chunk: usize,
    /// Name of the contract; chunks of one shape share it.
    pub(crate) contract: String,
    /// Solidity source.
    pub(crate) text: String,
    /// ABI of the contract, JSON.
    pub(crate) abi: String,
    /// Estimated gas of one verification, without a transaction's base cost.
    pub(crate) gas_estimate: u64,
    /// The contract that holds the verifying key.
    pub(crate) key: KeyContract,
}

impl ChunkVerifier {
    /// The verifying key, as the verifier takes it: a key contract's code without the STOP.
    pub(crate) fn key_bytes(&self) -> &[u8] {
        self.key.runtime.get(1..).unwrap_or_default()
    }

    /// File name of the verifier.
    pub(crate) fn file(&self) -> String {
        format!("{}.sol", self.contract)
    }

    /// Name of the contract that holds the key; it has no source.
    pub(crate) fn key_name(&self) -> String {
        format!("Chunk{}Key", self.chunk)
    }
}

/// The verifiers without repetition, in the order of the chunks.
pub(crate) fn distinct(chunks: &[ChunkVerifier]) -> Vec<&ChunkVerifier> {
    let mut seen = BTreeSet::new();
    chunks
        .iter()
        .filter(|c| seen.insert(c.contract.as_str()))
        .collect()
}

/// The verifiers' code: from the catalogue, and otherwise from one run of the compiler, if `solc` finds one.
///
/// # Errors
/// A compiler is needed and there is none, or it cannot be run, or refuses a source.
pub(crate) fn codes_of(
    verifiers: &[&ChunkVerifier],
    solc: impl FnOnce() -> anyhow::Result<Option<Solc>>,
) -> anyhow::Result<Vec<Option<Compiled>>> {
    let catalogue = Catalogue::embedded()?;
    let mut codes = verifiers
        .iter()
        .map(|verifier| catalogue.code_of(&verifier.text))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let (mut sources, mut wanted) = (BTreeMap::new(), Vec::new());
    for (verifier, _) in verifiers
        .iter()
        .zip(&codes)
        .filter(|(_, code)| code.is_none())
    {
        let file = format!("verifiers/{}", verifier.file());
        sources.insert(file.clone(), verifier.text.clone());
        wanted.push((file, verifier.contract.clone()));
    }
    if wanted.is_empty() {
        return Ok(codes);
    }
    let Some(solc) = solc()? else {
        return Ok(codes);
    };
    let mut compiled = solc.compile(&sources, &wanted)?.into_iter();
    for code in codes.iter_mut().filter(|code| code.is_none()) {
        *code = compiled.next();
    }
    Ok(codes)
}

/// Generates a chunk's verifier and key.
///
/// # Errors
/// For example, the verifier or the key does not fit in a contract.
pub(crate) fn generate(
    request: &VerifierRequest<'_>,
) -> anyhow::Result<(GeneratedVerifier, KeyContract)> {
    let mut made = chainfer_verifier_gen::generate(
        request.vk,
        request.params,
        &[request.num_instances],
        &GeneratorOptions::shared(),
    )?;
    let key = made
        .key
        .take()
        .context("the generator made a shared verifier without a key")?;
    Ok((made, key))
}

/// Reads the verifiers of a bundle and checks each against the manifest's digest and against what its verifying key generates.
///
/// # Errors
/// A source is missing, was changed, or is not what the verifying key generates.
pub(crate) fn read_checked(bundle: &PublicBundle) -> anyhow::Result<Vec<ChunkVerifier>> {
    (0..bundle.num_chunks())
        .map(|chunk| read_chunk(bundle, chunk))
        .collect()
}

fn read_chunk(bundle: &PublicBundle, chunk: usize) -> anyhow::Result<ChunkVerifier> {
    let entry = &bundle.manifest().chunks[chunk];
    let Some(recorded) = entry.verifier() else {
        return Err(bad_input(format!(
            "the bundle has no Solidity verifier for chunk {chunk}; compile the model again"
        )));
    };
    let path = bundle.dir().join(recorded.source);
    files::require_folder(&bundle.dir().join(SOLIDITY_DIR))?;
    let text = String::from_utf8(files::read(&path, MAX_SOURCE_BYTES)?)
        .with_context(|| format!("cannot read the verifier {}", path.display()))?;
    let got = keccak256(&[text.as_bytes()]);
    if got != recorded.source_digest {
        let expected = recorded.source_digest;
        return Err(bad_input(format!(
            "{}: its digest is {got}, but the manifest says {expected}: the file was changed; restore it or compile the model again",
            path.display()
        )));
    }
    // The digests come from the bundle itself. What counts is the verifying key, against which proofs are checked.
    let (made, key) = generate(&VerifierRequest {
        chunk,
        vk: &*bundle.verifying_key(chunk)?,
        params: &bundle.verifier_params()[chunk],
        num_instances: 2 + entry.num_public,
    })?;
    let same = made.solidity == text
        && recorded.contract == made.contract_name
        && key.code_hash == recorded.key_code_hash.0;
    if !same {
        return Err(bad_input(format!(
            "{} or the key's code hash is not what the verifying key of chunk {chunk} generates: the bundle was forged, or made by another version of chainfer; compile the model again",
            path.display()
        )));
    }
    Ok(ChunkVerifier {
        chunk,
        contract: made.contract_name,
        text,
        abi: made.abi,
        gas_estimate: made.gas_estimate,
        key,
    })
}
