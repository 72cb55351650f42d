//! The verifiers of a bundle: generated at compile time, checked against the manifest ever after.

use crate::failure::bad_input;
use anyhow::Context as _;
use chainfer_engine::bundle::{PublicBundle, VerifierRequest};
use chainfer_formats::digest::keccak256;
use chainfer_verifier_gen::{GeneratedVerifier, GeneratorOptions, KeyContract};
use std::{collections::BTreeSet, fs};

/// Largest runtime code of a contract (EIP-170).
pub(crate) const CODE_LIMIT: usize = 24_576;

/// One chunk's verifier and key.
#[derive(Clone, Debug)]
pub(crate) struct ChunkVerifier {
    /// Chunk.
    pub(crate) chunk: usize,
    /// Contract name; chunks of one shape share it.
    pub(crate) contract: String,
    /// Solidity.
    pub(crate) text: String,
    /// The contract's interface, JSON.
    pub(crate) abi: String,
    /// Gas of a verification alone, estimated.
    pub(crate) gas_estimate: u64,
    /// The contract that holds the verifying key.
    pub(crate) key: KeyContract,
}

impl ChunkVerifier {
    /// File name of the verifier.
    pub(crate) fn file(&self) -> String {
        format!("{}.sol", self.contract)
    }

    /// Name of the key contract, which has no source.
    pub(crate) fn key_name(&self) -> String {
        format!("Chunk{}Key", self.chunk)
    }
}

/// The verifiers, each once, in the order in which chunks need them.
pub(crate) fn distinct(chunks: &[ChunkVerifier]) -> Vec<&ChunkVerifier> {
    let mut seen = BTreeSet::new();
    chunks
        .iter()
        .filter(|c| seen.insert(c.contract.as_str()))
        .collect()
}

/// Generates a chunk's verifier and key.
///
/// # Errors
/// The verifier or the key would not fit in a contract, among others.
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

/// The verifiers of a bundle: each the one that the manifest's digests name and that the verifying key generates.
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
            "the bundle has no Solidity verifier for chunk {chunk}; compile it again"
        )));
    };
    let path = bundle.dir().join(recorded.source);
    let text = fs::read_to_string(&path)
        .with_context(|| format!("cannot read the verifier {}", path.display()))?;
    let got = keccak256(&[text.as_bytes()]);
    if got != recorded.source_digest {
        let expected = recorded.source_digest;
        return Err(bad_input(format!(
            "{}: its digest is {got}, the manifest says {expected}: the file was changed; restore it or compile again",
            path.display()
        )));
    }
    // The manifest's digests are the bundle's own word; the key is what proofs are checked against.
    let (made, key) = generate(&VerifierRequest {
        chunk,
        vk: &bundle.verifying_keys()[chunk],
        params: &bundle.verifier_params()[chunk],
        num_instances: 2 + entry.num_public,
    })?;
    let same = made.solidity == text
        && recorded.contract == made.contract_name
        && key.code_hash == recorded.key_code_hash.0;
    if !same {
        return Err(bad_input(format!(
            "{} and the key's code hash are not what chunk {chunk}'s verifying key generates: the bundle was forged, or another version of chainfer made it; compile it again",
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
