//! The forge project of a bundle: verifiers, keys, and tests if a proof is given.

use super::ChunkVerifier;
use anyhow::Context as _;
use chainfer_engine::{bundle::PublicBundle, field::to_fr, inference::verify_inference};
use chainfer_formats::ProofFile;
use chainfer_verifier_gen::project::{ChunkProof, ForgeProject, ProjectChunk};

/// The project of a bundle, from its checked verifiers. The proof must be valid for this bundle: tests with any other would show
/// nothing.
///
/// # Errors
/// The proof does not verify.
pub(crate) fn project(
    bundle: &PublicBundle,
    verifiers: &[ChunkVerifier],
    proof: Option<&ProofFile>,
) -> anyhow::Result<ForgeProject> {
    if let Some(proof) = proof {
        verify_inference(bundle, proof).context(
            "the proof does not verify against this bundle, so no tests can be written; use one that `chainfer verify` accepts",
        )?;
    }
    let chunks = verifiers
        .iter()
        .map(|verifier| {
            chunk(bundle, verifier, proof).with_context(|| format!("chunk {}", verifier.chunk))
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(ForgeProject::new(chunks)?)
}

fn chunk(
    bundle: &PublicBundle,
    verifier: &ChunkVerifier,
    proof: Option<&ProofFile>,
) -> anyhow::Result<ProjectChunk> {
    let index = verifier.chunk;
    let num_instances = [2 + bundle.manifest().chunks[index].num_public];
    let made = ProjectChunk::new(
        &*bundle.verifying_key(index)?,
        &num_instances,
        &verifier.contract,
        &verifier.text,
        &verifier.key,
    )?;
    let Some(proof) = proof else {
        return Ok(made);
    };
    let found = proof
        .chunks
        .iter()
        .find(|chunk| chunk.index == index)
        .context("the inference proof has no proof of this chunk")?;
    let instances: Vec<_> = [proof.root, proof.context]
        .iter()
        .chain(&found.public_values)
        .map(|scalar| to_fr(*scalar))
        .collect();
    Ok(made.with_proof(ChunkProof {
        proof: &found.proof,
        instances: &instances,
    })?)
}
