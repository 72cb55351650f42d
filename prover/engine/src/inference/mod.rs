//! One inference: executed, committed to, proved chunk by chunk, verified.

mod proof_file;
mod prove;
mod secret_file;
mod verify;

pub use proof_file::{ChunkProof, OutputValues, ProofFile};
pub use prove::{
    ChunkMetrics, InferenceProof, PreparedInference, ProveMetrics, ProveOptions, prepare,
    prove_chunk, prove_inference,
};
pub use secret_file::{Opening, SecretFile, SecretTensor};
pub use verify::verify_inference;

use crate::{bytes::Bytes32, error::VerifyError, manifest::TensorSpec};
use chainfer_circuits::commitment::VALUES_PER_ELEMENT;
use halo2curves::bn256::Fr;

/// The instances of a chunk as field elements: root, context, public values.
///
/// # Errors
/// [`VerifyError::NotCanonical`] names a value that is not below the modulus.
fn instances(
    chunk: usize,
    root: Bytes32,
    context: Bytes32,
    public_values: &[Bytes32],
) -> Result<Vec<Fr>, VerifyError> {
    let canonical =
        |word: &Bytes32, what: String| word.to_fr().ok_or(VerifyError::NotCanonical { what });
    let mut instances = Vec::with_capacity(2 + public_values.len());
    instances.push(canonical(&root, "the root".to_owned())?);
    instances.push(canonical(&context, "the context".to_owned())?);
    for (i, word) in public_values.iter().enumerate() {
        instances.push(canonical(word, format!("chunk {chunk}, public value {i}"))?);
    }
    Ok(instances)
}

/// Unpacks public words into values below `range`, in packed order; `None` unless they are exactly such an encoding.
fn unpack(spec: &TensorSpec, words: &[Bytes32], range: u32) -> Option<Vec<u32>> {
    let mut values = Vec::with_capacity(words.len() * VALUES_PER_ELEMENT);
    for word in words {
        let (head, slots) = word.0.split_at(32 - 2 * VALUES_PER_ELEMENT);
        if head.iter().any(|b| *b != 0) {
            return None;
        }
        values.extend(
            slots
                .rchunks_exact(2)
                .map(|b| u32::from(b[0]) << 8 | u32::from(b[1])),
        );
    }
    let rest = values.split_off(spec.length.min(values.len()));
    let fits = values.len() == spec.length
        && values.iter().all(|v| *v < range)
        && rest.iter().all(|v| *v == 0);
    fits.then_some(values)
}
