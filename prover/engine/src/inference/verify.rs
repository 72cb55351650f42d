//! Native verification of an inference proof against a bundle's public part.

use super::{instances::instances, outputs};
use crate::{bundle::PublicBundle, error::VerifyError, prove};
use chainfer_formats::{ProofFile, ids};

/// Checks an untrusted proof. Success means: the model of this bundle, on inputs and with outputs that the public
/// values state or commit to, under this root and context.
///
/// Who registered the model is not checked: a binding's model id is taken from the proof, and the registry has the
/// last word on it.
///
/// # Errors
/// Names the chunk and the check that failed.
pub fn verify_inference(public: &PublicBundle, proof: &ProofFile) -> Result<(), VerifyError> {
    let manifest = public.manifest();
    if proof.manifest_id != manifest.manifest_id {
        return Err(VerifyError::ManifestMismatch {
            expected: manifest.manifest_id,
            got: proof.manifest_id,
        });
    }
    check_context(proof)?;
    check_chunk_list(proof, public.num_chunks())?;
    for chunk in &proof.chunks {
        let span = tracing::debug_span!("verify_chunk", chunk = chunk.index);
        let _entered = span.enter();
        let expected = manifest.chunks[chunk.index].num_public;
        if chunk.public_values.len() != expected {
            return Err(VerifyError::PublicValueCount {
                chunk: chunk.index,
                expected,
                got: chunk.public_values.len(),
            });
        }
        let instances = instances(proof.root, proof.context, &chunk.public_values);
        let unknown = |_| VerifyError::UnknownChunk {
            chunk: chunk.index,
            chunks: public.num_chunks(),
        };
        let key = public.verifying_key(chunk.index).map_err(unknown)?;
        let params = &public.verifier_params()[chunk.index];
        prove::verify(params, &key, &instances, &chunk.proof)
            .map_err(|e| e.in_chunk(chunk.index))?;
    }
    check_outputs(public, proof)
}

fn check_context(proof: &ProofFile) -> Result<(), VerifyError> {
    let Some(binding) = &proof.binding else {
        return match proof.model_id {
            Some(_) => Err(VerifyError::UnboundModelId),
            None => Ok(()),
        };
    };
    let model_id = proof.model_id.ok_or(VerifyError::MissingModelId)?;
    let expected = ids::context(binding, model_id);
    if expected != proof.context {
        return Err(VerifyError::ContextMismatch {
            expected,
            got: proof.context,
        });
    }
    Ok(())
}

fn check_chunk_list(proof: &ProofFile, chunks: usize) -> Result<(), VerifyError> {
    let mut seen = vec![false; chunks];
    for chunk in proof.chunks.iter().map(|c| c.index) {
        match seen.get_mut(chunk) {
            None => return Err(VerifyError::UnknownChunk { chunk, chunks }),
            Some(seen) if *seen => return Err(VerifyError::DuplicateChunk { chunk }),
            Some(seen) => *seen = true,
        }
    }
    match seen.iter().position(|s| !s) {
        Some(chunk) => Err(VerifyError::MissingChunk { chunk }),
        None => Ok(()),
    }
}

fn check_outputs(public: &PublicBundle, proof: &ProofFile) -> Result<(), VerifyError> {
    let expected = outputs::decode(public.manifest(), &proof.chunks)?;
    if expected.len() != proof.outputs.len() {
        return Err(VerifyError::OutputMismatch {
            name: "list".to_owned(),
            detail: format!(
                "{} outputs, expected {}",
                proof.outputs.len(),
                expected.len()
            ),
        });
    }
    match expected
        .iter()
        .zip(&proof.outputs)
        .find(|(e, got)| e != got)
    {
        None => Ok(()),
        Some((expected, _)) => Err(VerifyError::OutputMismatch {
            name: expected.name.clone(),
            detail: "it is not what the public values encode".to_owned(),
        }),
    }
}
