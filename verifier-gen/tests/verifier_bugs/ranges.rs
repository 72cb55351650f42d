//! Numbers at or above the modulus they are read under, and points off the curve.

use halo2curves::bn256::G1Affine;
use revm::primitives::U256;

use crate::common::{
    circuits::{Lookups, Wide},
    differences::order,
    evm::{Fault, Transaction},
    input::{Fixture, Input},
    mutate::{base_modulus, encode_point},
    targets::{EvmLoader, Ours, Target, Verdict, ours},
};

fn add(word: &[u8], summand: U256) -> [u8; 32] {
    let sum = U256::from_be_slice(word).checked_add(summand);
    sum.expect("fits 256 bits").to_be_bytes()
}

/// Values that are congruent to `word` or are simply too large.
fn too_large(word: &[u8], modulus: U256) -> Vec<[u8; 32]> {
    let max = U256::MAX;
    let last = max - (max - U256::from_be_slice(word)) % modulus;
    vec![
        add(word, modulus),
        last.to_be_bytes(),
        modulus.to_be_bytes(),
        (modulus + U256::ONE).to_be_bytes(),
        max.to_be_bytes(),
    ]
}

#[test]
fn instance_not_below_the_order_reverts() {
    let fixture = Fixture::<Wide>::new();
    for target in ours(&fixture.key()) {
        for index in 0..fixture.honest.instances.len() {
            for value in too_large(&fixture.honest.instances[index], order()) {
                let mut input = fixture.honest.clone();
                input.instances[index] = value;
                let calldata = target.calldata(&input);
                target.assert_error(calldata, "InstanceOutOfRange(uint256)", &[index]);
            }
        }
    }
}

/// What a transaction with this calldata costs at the least (EIP-7623).
fn floor(calldata: &[u8]) -> u64 {
    let tokens = |byte: &u8| if *byte == 0 { 1 } else { 4 };
    21_000 + 10 * calldata.iter().map(tokens).sum::<u64>()
}

fn with_word(honest: &Input, word: usize, value: &[u8; 32]) -> Input {
    let mut input = honest.clone();
    input.proof[32 * word..][..32].copy_from_slice(value);
    input
}

#[test]
fn evaluation_not_below_the_order_reverts() {
    let fixture = Fixture::<Lookups>::new();
    for target in ours(&fixture.key()) {
        for word in fixture.shape.scalar_words() {
            for value in too_large(&fixture.honest.proof[32 * word..][..32], order()) {
                let calldata = target.calldata(&with_word(&fixture.honest, word, &value));
                target.assert_error(calldata, "ScalarOutOfRange(uint256)", &[word]);
            }
        }
    }
}

#[test]
fn coordinate_not_below_the_modulus_reverts() {
    let fixture = Fixture::<Lookups>::new();
    for target in ours(&fixture.key()) {
        for point in fixture.shape.point_words() {
            for word in [point, point + 1] {
                let honest = &fixture.honest.proof[32 * word..][..32];
                for value in too_large(honest, base_modulus()) {
                    let calldata = target.calldata(&with_word(&fixture.honest, word, &value));
                    target.assert_error(calldata, "InvalidPoint(uint256)", &[point]);
                }
            }
        }
    }
}

fn assert_invalid_points(target: &Ours, honest: &Input, points: &[usize], wrong: &[[u8; 64]]) {
    for point in points {
        for value in wrong {
            let mut input = honest.clone();
            input.proof[32 * point..][..64].copy_from_slice(value);
            target.assert_error(target.calldata(&input), "InvalidPoint(uint256)", &[*point]);
        }
    }
}

#[test]
fn identity_written_with_the_modulus_reverts() {
    let fixture = Fixture::<Lookups>::new();
    let (zero, q) = (U256::ZERO, base_modulus());
    let encodings = [[q, zero], [zero, q], [q, q]].map(|[x, y]| {
        let mut point = [0; 64];
        point[..32].copy_from_slice(&x.to_be_bytes::<32>());
        point[32..].copy_from_slice(&y.to_be_bytes::<32>());
        point
    });
    for target in ours(&fixture.key()) {
        let points = fixture.shape.point_words();
        assert_invalid_points(&target, &fixture.honest, &points, &encodings);
    }
}

#[test]
fn point_off_the_curve_reverts() {
    let fixture = Fixture::<Lookups>::new();
    let generator = encode_point(&G1Affine::generator());
    let mut above = generator;
    above[63] += 1;
    let mut half_identity = generator;
    half_identity[..32].fill(0);
    let mut other_half = generator;
    other_half[32..].fill(0);
    for target in ours(&fixture.key()) {
        let points = fixture.shape.point_words();
        let wrong = [above, half_identity, other_half];
        assert_invalid_points(&target, &fixture.honest, &points, &wrong);
    }
}

/// A call with a bad point costs the caller's gas limit under snark-verifier's contract. Ours checks points before precompiles see
/// them, so it costs less than an honest proof does, whatever the precompiles charge.
#[test]
fn bad_point_costs_less_than_an_honest_proof() {
    let fixture = Fixture::<Lookups>::new();
    let with_bad = |word: usize| {
        let mut input = fixture.honest.clone();
        input.proof[32 * word + 31] ^= 1;
        input
    };
    let theirs = EvmLoader::new(&fixture.key());
    assert_eq!(theirs.judge(&with_bad(0)), Verdict::Rejects);
    assert!(theirs.execute(&with_bad(0)).1 > 15_000_000);
    for target in ours(&fixture.key()) {
        let honest = Transaction::new(target.at, target.calldata(&fixture.honest));
        let (_, most) = target.evm.execute(&honest, &[]);
        for word in fixture.shape.point_words() {
            let tx = Transaction::new(target.at, target.calldata(&with_bad(word)));
            for prices in [vec![], vec![(7, Fault::Costs(40_000))]] {
                let (_, gas) = target.evm.execute(&tx, &prices);
                // No transaction costs less than its calldata does at the least (EIP-7623).
                let least = floor(&tx.calldata);
                assert!(
                    gas < most / 2 || gas == least && gas < most * 2 / 3,
                    "{}, {word}: {gas}, {most}, {least}",
                    target.name
                );
            }
        }
    }
}

/// What snark-verifier's contract is documented to accept, and ours refuses.
#[test]
fn scalars_above_the_order_pass_snark_verifier_s_contract_alone() {
    let fixture = Fixture::<Lookups>::new();
    let theirs = EvmLoader::new(&fixture.key());
    let mut instance = fixture.honest.clone();
    instance.instances[0] = add(&instance.instances[0], order());
    let word = fixture.shape.scalar_words().start;
    let value = add(&fixture.honest.proof[32 * word..][..32], order());
    let evaluation = with_word(&fixture.honest, word, &value);
    let mut trailing = fixture.honest.clone();
    trailing.proof.extend([0xab; 7]);
    for input in [instance, evaluation, trailing] {
        assert_eq!(theirs.judge(&input), Verdict::Accepts);
        for target in ours(&fixture.key()) {
            assert_eq!(target.judge(&input), Verdict::Rejects);
        }
    }
}
