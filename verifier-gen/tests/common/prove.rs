//! Proves with halo2-axiom and verifies natively.

use std::sync::OnceLock;

use chainfer_transcript::{EvmTranscriptRead, EvmTranscriptWrite};
use halo2_proofs::{
    plonk::{
        Circuit, ProvingKey, VerifyingKey, create_proof, keygen_pk, keygen_vk_custom, verify_proof,
    },
    poly::{
        commitment::ParamsProver,
        kzg::{
            commitment::{KZGCommitmentScheme, ParamsKZG},
            multiopen::{ProverSHPLONK, VerifierSHPLONK},
            strategy::SingleStrategy,
        },
    },
};
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use rand::{SeedableRng, rngs::StdRng};

/// Log of the rows of every test circuit.
pub(crate) const K: u32 = 6;

/// One setup for all tests.
pub(crate) fn params() -> &'static ParamsKZG<Bn256> {
    static PARAMS: OnceLock<ParamsKZG<Bn256>> = OnceLock::new();
    PARAMS.get_or_init(|| ParamsKZG::setup(K, StdRng::seed_from_u64(1)))
}

pub(crate) fn keys<C: Circuit<Fr>>(circuit: &C) -> ProvingKey<G1Affine> {
    let vk = keygen_vk_custom(params(), circuit, false).unwrap();
    keygen_pk(params(), vk, circuit).unwrap()
}

pub(crate) fn prove<C: Circuit<Fr>>(
    pk: &ProvingKey<G1Affine>,
    circuit: C,
    instances: &[Vec<Fr>],
) -> Vec<u8> {
    let instances: Vec<&[Fr]> = instances.iter().map(Vec::as_slice).collect();
    let mut transcript = EvmTranscriptWrite::init(Vec::new());
    create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<_>, _, _, _, _>(
        params(),
        pk,
        &[circuit],
        &[&instances],
        StdRng::seed_from_u64(2),
        &mut transcript,
    )
    .unwrap();
    transcript.finalize()
}

pub(crate) fn verify_native(
    vk: &VerifyingKey<G1Affine>,
    proof: &[u8],
    instances: &[Vec<Fr>],
) -> bool {
    let instances: Vec<&[Fr]> = instances.iter().map(Vec::as_slice).collect();
    let mut transcript = EvmTranscriptRead::init(proof);
    let verified = verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<_>, _, _, _>(
        params().verifier_params(),
        vk,
        SingleStrategy::new(params().verifier_params()),
        &[&instances],
        &mut transcript,
    );
    verified.is_ok() && transcript.is_exhausted()
}
