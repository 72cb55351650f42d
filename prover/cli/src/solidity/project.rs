//! A bundle's forge project: shared verifiers, keys, and tests if there is a proof to start from.

use crate::failure::bad_input;
use anyhow::{Context as _, anyhow};
use chainfer_engine::{
    bundle::PublicBundle,
    inference::{ProofFile, verify_inference},
};
use chainfer_verifier_gen::{
    GeneratedVerifier, GeneratorOptions, generate,
    project::{ChunkProof, ForgeProject, ProjectChunk},
};

/// What the project has of each chunk, in order.
#[derive(Debug)]
pub(crate) struct BundleProject {
    pub(crate) project: ForgeProject,
    pub(crate) verifiers: Vec<GeneratedVerifier>,
}

/// Generates the project of a bundle. A proof must be a valid one of this very bundle: tests that start from another one would
/// say nothing.
///
/// # Errors
/// A verifier does not fit in a contract, or the proof does not verify.
pub(crate) fn project(
    bundle: &PublicBundle,
    proof: Option<&ProofFile>,
) -> anyhow::Result<BundleProject> {
    if let Some(proof) = proof {
        check(bundle, proof)?;
    }
    let mut chunks = Vec::with_capacity(bundle.num_chunks());
    let mut verifiers = Vec::with_capacity(bundle.num_chunks());
    for entry in &bundle.manifest().chunks {
        let (vk, params) = (
            &bundle.verifying_keys()[entry.index],
            &bundle.verifier_params()[entry.index],
        );
        let num_instances = [2 + entry.num_public];
        let in_chunk = || format!("chunk {}", entry.index);
        let verifier = generate(vk, params, &num_instances, &GeneratorOptions::shared())
            .with_context(in_chunk)?;
        let mut chunk = ProjectChunk::new(vk, &num_instances, &verifier).with_context(in_chunk)?;
        if let Some(proof) = proof {
            let found = proof.chunks.iter().find(|c| c.index == entry.index);
            let found = found
                .ok_or_else(|| bad_input(format!("the proof has no chunk {}", entry.index)))?;
            let mut words = vec![proof.root, proof.context];
            words.extend(&found.public_values);
            let instances = words
                .iter()
                .map(|word| word.to_fr())
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| anyhow!("chunk {}: a public value is out of range", entry.index))?;
            chunk = chunk
                .with_proof(ChunkProof {
                    proof: &found.proof.0,
                    instances: &instances,
                })
                .with_context(in_chunk)?;
        }
        chunks.push(chunk);
        verifiers.push(verifier);
    }
    Ok(BundleProject {
        project: ForgeProject::new(chunks)?,
        verifiers,
    })
}

fn check(bundle: &PublicBundle, proof: &ProofFile) -> anyhow::Result<()> {
    verify_inference(bundle, proof).context(
        "no tests are written: the proof does not verify against this bundle; give one that `chainfer verify` accepts",
    )
}
