//! Proves with halo2-axiom and verifies natively.

use std::sync::OnceLock;

use chainfer_transcript::{ChallengeEvm, EvmTranscriptRead, EvmTranscriptWrite};
use halo2_proofs::{
    plonk::{
        Circuit, ProvingKey, VerifyingKey, create_proof, keygen_pk, keygen_vk_custom, verify_proof,
    },
    poly::{
        commitment::{Params, ParamsProver},
        kzg::{
            commitment::{KZGCommitmentScheme, ParamsKZG},
            multiopen::{ProverSHPLONK, VerifierSHPLONK},
            strategy::SingleStrategy,
        },
    },
    transcript::{EncodedChallenge, Transcript, TranscriptRead},
};
use halo2curves::{
    bn256::{Bn256, Fr, G1Affine},
    ff::PrimeField,
};
use rand::{SeedableRng, rngs::StdRng};

/// Log of the rows of the largest test circuit.
const MAX_K: u32 = 8;

/// One setup for all tests, cut to 2^k rows.
pub(crate) fn params(k: u32) -> &'static ParamsKZG<Bn256> {
    static PARAMS: [OnceLock<ParamsKZG<Bn256>>; MAX_K as usize + 1] =
        [const { OnceLock::new() }; MAX_K as usize + 1];
    PARAMS[k as usize].get_or_init(|| {
        if k == MAX_K {
            return ParamsKZG::setup(k, StdRng::seed_from_u64(1));
        }
        let mut params = params(MAX_K).clone();
        params.downsize(k);
        params
    })
}

pub(crate) fn keys<C: Circuit<Fr>>(
    k: u32,
    circuit: &C,
    compress_selectors: bool,
) -> ProvingKey<G1Affine> {
    let vk = keygen_vk_custom(params(k), circuit, compress_selectors).unwrap();
    keygen_pk(params(k), vk, circuit).unwrap()
}

pub(crate) fn prove<C: Circuit<Fr>>(
    pk: &ProvingKey<G1Affine>,
    circuit: C,
    instances: &[Vec<Fr>],
    seed: u64,
) -> Vec<u8> {
    let instances: Vec<&[Fr]> = instances.iter().map(Vec::as_slice).collect();
    let mut transcript = EvmTranscriptWrite::init(Vec::new());
    create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<_>, _, _, _, _>(
        params(pk.get_vk().get_domain().k()),
        pk,
        &[circuit],
        &[&instances],
        StdRng::seed_from_u64(seed),
        &mut transcript,
    )
    .unwrap();
    transcript.finalize()
}

/// What halo2 says: whether the proof verifies, and the challenges it drew on the way.
pub(crate) fn verify_native(
    vk: &VerifyingKey<G1Affine>,
    proof: &[u8],
    instances: &[Vec<Fr>],
) -> (bool, Vec<Fr>) {
    let params = params(vk.get_domain().k()).verifier_params();
    let instances: Vec<&[Fr]> = instances.iter().map(Vec::as_slice).collect();
    let mut transcript = Recorder {
        inner: EvmTranscriptRead::init(proof),
        challenges: Vec::new(),
    };
    let verified = verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<_>, _, _, _>(
        params,
        vk,
        SingleStrategy::new(params),
        &[&instances],
        &mut transcript,
    );
    (
        verified.is_ok() && transcript.inner.is_exhausted(),
        transcript.challenges,
    )
}

/// A transcript that remembers its challenges.
struct Recorder<'a> {
    inner: EvmTranscriptRead<'a>,
    challenges: Vec<Fr>,
}

impl Transcript<G1Affine, ChallengeEvm> for Recorder<'_> {
    fn squeeze_challenge(&mut self) -> ChallengeEvm {
        let challenge = self.inner.squeeze_challenge();
        self.challenges.push(challenge.get_scalar());
        challenge
    }

    fn common_point(&mut self, point: G1Affine) -> std::io::Result<()> {
        self.inner.common_point(point)
    }

    fn common_scalar(&mut self, scalar: Fr) -> std::io::Result<()> {
        self.inner.common_scalar(scalar)
    }
}

impl TranscriptRead<G1Affine, ChallengeEvm> for Recorder<'_> {
    fn read_point(&mut self) -> std::io::Result<G1Affine> {
        self.inner.read_point()
    }

    fn read_scalar(&mut self) -> std::io::Result<Fr> {
        self.inner.read_scalar()
    }
}

/// A scalar as a word, big-endian.
pub(crate) fn word(value: &Fr) -> [u8; 32] {
    let mut word = value.to_repr();
    word.reverse();
    word
}
