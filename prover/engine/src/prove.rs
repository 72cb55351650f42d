//! One circuit, one proof: halo2's `create_proof` and `verify_proof` with SHPLONK and the EVM transcript.

use crate::{
    error::VerifyError,
    keys::{ProvingKey, VerifyingKey, proof_length},
    srs::KzgParams,
};
use chainfer_transcript::{EvmTranscriptRead, EvmTranscriptWrite};
use halo2_proofs::{
    plonk::{self, Circuit, Error},
    poly::kzg::{
        commitment::KZGCommitmentScheme,
        multiopen::{ProverSHPLONK, VerifierSHPLONK},
        strategy::SingleStrategy,
    },
};
use halo2curves::bn256::{Bn256, Fr};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// Proves that `circuit` is satisfied with these instances (one instance column).
///
/// # Errors
/// halo2's. A witness that breaks a constraint is *not* an error: check the proof.
pub fn create<C: Circuit<Fr>>(
    params: &KzgParams,
    pk: &ProvingKey,
    circuit: C,
    instances: &[Fr],
) -> Result<Vec<u8>, Error> {
    let mut transcript = EvmTranscriptWrite::init(Vec::with_capacity(proof_length(pk.get_vk())));
    plonk::create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<Bn256>, _, _, _, _>(
        params,
        pk,
        &[circuit],
        &[&[instances]],
        ChaCha20Rng::from_entropy(),
        &mut transcript,
    )?;
    Ok(transcript.finalize())
}

/// Checks untrusted proof bytes. The caller fixes the number of instances: halo2 does not.
///
/// # Errors
/// [`VerifyError::ProofLength`] or [`VerifyError::ProofInvalid`], reported for chunk 0.
pub fn verify(
    params: &KzgParams,
    vk: &VerifyingKey,
    instances: &[Fr],
    proof: &[u8],
) -> Result<(), VerifyError> {
    let expected = proof_length(vk);
    if proof.len() != expected {
        return Err(VerifyError::ProofLength {
            chunk: 0,
            expected,
            got: proof.len(),
        });
    }
    let invalid = |detail: String| VerifyError::ProofInvalid { chunk: 0, detail };
    let mut transcript = EvmTranscriptRead::init(proof);
    plonk::verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        params,
        vk,
        SingleStrategy::new(params),
        &[&[instances]],
        &mut transcript,
    )
    .map_err(|e| invalid(e.to_string()))?;
    if !transcript.is_exhausted() {
        return Err(invalid("bytes are left behind the proof".to_owned()));
    }
    Ok(())
}
