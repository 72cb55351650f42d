//! The transcript against snark-verifier's `EvmTranscript`, and strict parsing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chainfer_transcript::{ChallengeEvm, EvmTranscriptRead, EvmTranscriptWrite};
use halo2_proofs::transcript::{
    EncodedChallenge, Transcript, TranscriptRead, TranscriptWrite, TranscriptWriterBuffer,
};
use halo2curves::{
    bn256::{Fr, G1, G1Affine},
    ff::{Field, PrimeField},
    group::{Curve, prime::PrimeCurveAffine},
};
use proptest::prelude::*;
use snark_verifier::{
    loader::native::NativeLoader,
    system::halo2::transcript::evm::{ChallengeEvm as TheirChallenge, EvmTranscript},
};

type Theirs<S> = EvmTranscript<G1Affine, NativeLoader, S, Vec<u8>>;

#[derive(Clone, Copy, Debug)]
enum Step {
    CommonScalar(u64),
    CommonPoint(u64),
    Scalar(u64),
    Point(u64),
    Squeeze,
}

fn scalar(seed: u64) -> Fr {
    -Fr::from(seed).square()
}

fn point(seed: u64) -> G1Affine {
    (G1::generator() * Fr::from(seed)).to_affine()
}

/// Runs the steps and returns the proof and the challenges.
fn write<E: EncodedChallenge<G1Affine>, T: TranscriptWriterBuffer<Vec<u8>, G1Affine, E>>(
    steps: &[Step],
) -> (Vec<u8>, Vec<Fr>) {
    let mut transcript = T::init(Vec::new());
    let mut challenges = Vec::new();
    for step in steps {
        match *step {
            Step::CommonScalar(seed) => transcript.common_scalar(scalar(seed)).unwrap(),
            Step::CommonPoint(seed) => transcript.common_point(point(seed)).unwrap(),
            Step::Scalar(seed) => transcript.write_scalar(scalar(seed)).unwrap(),
            Step::Point(seed) => transcript.write_point(point(seed)).unwrap(),
            Step::Squeeze => challenges.push(transcript.squeeze_challenge().get_scalar()),
        }
    }
    (transcript.finalize(), challenges)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        any::<u64>().prop_map(Step::CommonScalar),
        any::<u64>().prop_map(Step::CommonPoint),
        any::<u64>().prop_map(Step::Scalar),
        // Zero gives the identity.
        (0u64..4).prop_map(Step::Point),
        Just(Step::Squeeze),
        Just(Step::Squeeze),
    ];
    prop::collection::vec(step, 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_interaction_equals_snark_verifier_and_reads_back(steps in steps()) {
        let (proof, challenges) = write::<ChallengeEvm, EvmTranscriptWrite<Vec<u8>>>(&steps);
        let theirs = write::<TheirChallenge<G1Affine>, Theirs<Vec<u8>>>(&steps);
        prop_assert_eq!(&proof, &theirs.0);
        prop_assert_eq!(&challenges, &theirs.1);

        let mut reader = EvmTranscriptRead::init(&proof);
        let mut read_challenges = Vec::new();
        for step in &steps {
            match *step {
                Step::CommonScalar(seed) => reader.common_scalar(scalar(seed)).unwrap(),
                Step::CommonPoint(seed) => reader.common_point(point(seed)).unwrap(),
                Step::Scalar(seed) => prop_assert_eq!(reader.read_scalar().unwrap(), scalar(seed)),
                Step::Point(seed) => prop_assert_eq!(reader.read_point().unwrap(), point(seed)),
                Step::Squeeze => read_challenges.push(reader.squeeze_challenge().get_scalar()),
            }
        }
        prop_assert!(reader.is_exhausted());
        prop_assert_eq!(read_challenges, challenges);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut reader = EvmTranscriptRead::init(&bytes);
        while reader.read_point().is_ok() {}
        while reader.read_scalar().is_ok() {}
    }
}

#[test]
fn first_challenges_of_no_and_one_word_match_snark_verifier() {
    for steps in [
        vec![Step::Squeeze, Step::Squeeze],
        vec![Step::CommonScalar(5), Step::Squeeze],
        vec![
            Step::CommonScalar(5),
            Step::CommonScalar(6),
            Step::Squeeze,
            Step::Squeeze,
        ],
    ] {
        assert_eq!(
            write::<ChallengeEvm, EvmTranscriptWrite<Vec<u8>>>(&steps),
            write::<TheirChallenge<G1Affine>, Theirs<Vec<u8>>>(&steps)
        );
    }
}

#[test]
fn modulus_as_scalar_is_refused() {
    let mut bytes = (-Fr::ONE).to_repr();
    bytes[0] += 1;
    bytes.reverse();
    assert!(EvmTranscriptRead::init(&bytes).read_scalar().is_err());
    bytes[31] -= 1;
    assert_eq!(
        EvmTranscriptRead::init(&bytes).read_scalar().unwrap(),
        -Fr::ONE
    );
}

#[test]
fn coordinate_plus_modulus_is_refused() {
    // x = 1 + q encodes the same residue as the generator's x.
    let mut bytes = [0u8; 64];
    let q = "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd48";
    for (i, byte) in bytes[..32].iter_mut().enumerate() {
        *byte = u8::from_str_radix(&q[2 * i..2 * i + 2], 16).unwrap();
    }
    bytes[63] = 2;
    assert!(EvmTranscriptRead::init(&bytes).read_point().is_err());
    bytes[..32].fill(0);
    bytes[31] = 1;
    assert_eq!(
        EvmTranscriptRead::init(&bytes).read_point().unwrap(),
        G1Affine::generator()
    );
}

#[test]
fn point_off_the_curve_is_refused() {
    let mut bytes = [0u8; 64];
    (bytes[31], bytes[63]) = (1, 3);
    assert!(EvmTranscriptRead::init(&bytes).read_point().is_err());
}

#[test]
fn identity_reads_as_zero_words() {
    let mut transcript = EvmTranscriptWrite::init(Vec::new());
    transcript.write_point(G1Affine::identity()).unwrap();
    let proof = transcript.finalize();
    assert_eq!(proof, [0u8; 64]);
    assert_eq!(
        EvmTranscriptRead::init(&proof).read_point().unwrap(),
        G1Affine::identity()
    );
}

#[test]
fn early_end_is_an_error_and_trailing_bytes_show() {
    assert!(EvmTranscriptRead::init(&[0u8; 63]).read_point().is_err());
    let mut reader = EvmTranscriptRead::init(&[0u8; 65]);
    reader.read_point().unwrap();
    assert!(!reader.is_exhausted());
    assert_eq!(reader.remaining(), [0u8]);
}
