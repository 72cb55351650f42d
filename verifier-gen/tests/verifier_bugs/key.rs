//! The key inside the code: every word of it takes part in the verdict.

use halo2curves::{
    bn256::{G1Affine, G2Affine},
    group::prime::PrimeCurveAffine,
};
use revm::primitives::U256;

use crate::common::{
    circuits::{Cubic, Example, Phases},
    input::Fixture,
    mutate::encode_point,
    prove::word,
    targets::{Ours, Target, Verdict},
};

/// Replaces a word wherever the code holds it; says how often it did.
fn replace(code: &mut [u8], from: &[u8], to: &[u8]) -> usize {
    let mut count = 0;
    let mut at = 0;
    while let Some(found) = code[at..].windows(from.len()).position(|part| part == from) {
        at += found;
        code[at..at + from.len()].copy_from_slice(to);
        at += from.len();
        count += 1;
    }
    count
}

/// The contract with some words of its code replaced.
#[track_caller]
fn patched(target: &mut Ours, code: &[u8], words: &[([u8; 32], [u8; 32])]) {
    let mut code = code.to_vec();
    // Through placeholders, so that swapped words do not meet.
    let placeholder = |i: usize| [0xa0 + i as u8; 32];
    for (i, (from, _)) in words.iter().enumerate() {
        assert!(
            replace(&mut code, from, &placeholder(i)) > 0,
            "word {i} is not in the code"
        );
    }
    for (i, (_, to)) in words.iter().enumerate() {
        replace(&mut code, &placeholder(i), to);
    }
    target.evm.etch(target.at, code);
}

fn words(point: &G1Affine) -> [[u8; 32]; 2] {
    let bytes = encode_point(point);
    [&bytes[..32], &bytes[32..]].map(|half| half.try_into().unwrap())
}

fn check<E: Example>() {
    let fixture = Fixture::<E>::new();
    let mut target = Ours::embedded(&fixture.key());
    let code = target.evm.code(target.at);

    // Replacing nothing changes nothing.
    target.evm.etch(target.at, code.clone());
    assert_eq!(target.judge(&fixture.honest), Verdict::Accepts);

    let digest = word(&fixture.vk().transcript_repr());
    let other = (U256::from_be_bytes(digest) ^ U256::ONE).to_be_bytes();
    patched(&mut target, &code, &[(digest, other)]);
    target.assert_unsatisfied(&fixture.honest);

    let vk = fixture.vk();
    let key = vk
        .fixed_commitments()
        .iter()
        .chain(vk.permutation().commitments());
    let commitments: Vec<_> = key
        .filter(|point| !bool::from(point.is_identity()))
        .collect();
    assert!(commitments.len() > 2);
    for commitment in &commitments {
        let ([x, y], [_, negated]) = (words(commitment), words(&-**commitment));
        patched(&mut target, &code, &[(y, negated)]);
        target.assert_unsatisfied(&fixture.honest);
        let [generator_x, generator_y] = words(&-G1Affine::generator());
        patched(&mut target, &code, &[(x, generator_x), (y, generator_y)]);
        target.assert_unsatisfied(&fixture.honest);
    }
    // Two commitments in each other's place.
    for pair in commitments.windows(2).filter(|pair| pair[0] != pair[1]) {
        let ([ax, ay], [bx, by]) = (words(pair[0]), words(pair[1]));
        patched(
            &mut target,
            &code,
            &[(ax, bx), (ay, by), (bx, ax), (by, ay)],
        );
        target.assert_unsatisfied(&fixture.honest);
    }
}

#[test]
fn replaced_digest_or_commitment_in_the_code_is_rejected() {
    check::<Phases>();
    check::<Cubic>();
}

/// Coordinates as the pairing precompile takes them: the imaginary parts first.
fn g2_words(point: &G2Affine) -> [[u8; 32]; 4] {
    let coordinate = |value: halo2curves::bn256::Fq| {
        let mut bytes = value.to_bytes();
        bytes.reverse();
        bytes
    };
    let (x, y) = (point.x, point.y);
    [x.c1, x.c0, y.c1, y.c0].map(coordinate)
}

#[test]
fn replaced_setup_point_in_the_code_is_rejected() {
    let fixture = Fixture::<Phases>::new();
    let mut target = Ours::embedded(&fixture.key());
    let code = target.evm.code(target.at);
    let tau = g2_words(&fixture.key().params.s_g2());
    for other in [-fixture.key().params.s_g2(), fixture.key().params.g2()] {
        let other = g2_words(&other);
        let pairs: Vec<_> = tau.into_iter().zip(other).filter(|(a, b)| a != b).collect();
        patched(&mut target, &code, &pairs);
        target.assert_unsatisfied(&fixture.honest);
    }
}
