//! The key, inside the code or in a contract of its own: every word of it takes part in the verdict.

use chainfer_verifier_gen::Entry;
use halo2curves::{
    bn256::{Fr, G1Affine, G2Affine},
    group::prime::PrimeCurveAffine,
};
use revm::primitives::{Address, U256};
use sha3::{Digest, Keccak256};

use crate::common::{
    circuits::{Cubic, Example, Phases},
    evm::Outcome,
    input::{Fixture, Input, Key},
    mutate::encode_point,
    prove::{prove, word},
    targets::{Ours, Target, Verdict, ours},
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

/// A shared verifier whose key contract holds this code instead.
fn with_key(target: &Ours, code: Vec<u8>) -> Ours {
    let mut target = target.clone();
    let at = target.key.unwrap();
    target.evm.etch(at, code);
    target
}

fn assert_invalid_key(target: &Ours, honest: &Input) {
    let key = target.head()[0];
    let mut expected = Keccak256::digest("InvalidKey(address)")[..4].to_vec();
    expected.extend(key);
    let outcome = target.call(target.calldata(honest));
    assert_eq!(outcome, Outcome::Reverted(expected), "{}", target.name);
}

#[test]
fn every_word_of_a_key_contract_matters() {
    let fixture = Fixture::<Phases>::new();
    for target in ours(&fixture.key())
        .into_iter()
        .filter(|target| target.key.is_some())
    {
        let code = target.verifier.key.clone().unwrap().runtime;
        assert_eq!(code, target.evm.code(target.key.unwrap()));
        let setup = 1..257;
        for at in (1..code.len()).step_by(8) {
            let mut changed = code.clone();
            changed[at] ^= 1;
            let changed = with_key(&target, changed);
            let expected = if target.entry == Entry::Accumulate && setup.contains(&at) {
                // The caller brings the setup's points.
                Verdict::Accepts
            } else {
                Verdict::Rejects
            };
            assert_eq!(
                changed.judge(&fixture.honest),
                expected,
                "{}, byte {at}",
                target.name
            );
        }
    }
}

#[test]
fn account_that_is_no_key_contract_reverts() {
    let fixture = Fixture::<Phases>::new();
    for target in ours(&fixture.key())
        .into_iter()
        .filter(|target| target.key.is_some())
    {
        let code = target.verifier.key.clone().unwrap().runtime;
        let mut executable = code.clone();
        executable[0] = 1;
        let longer = [code.clone(), vec![0]].concat();
        let shorter = code[..code.len() - 1].to_vec();
        for wrong in [executable, longer, shorter, vec![0], vec![]] {
            assert_invalid_key(&with_key(&target, wrong), &fixture.honest);
        }
        for nobody in [
            Address::ZERO,
            Address::repeat_byte(0x77),
            target.at,
            Address::with_last_byte(8),
        ] {
            let mut target = target.clone();
            target.key = Some(nobody);
            assert_invalid_key(&target, &fixture.honest);
        }
    }
}

#[test]
fn key_of_another_circuit_is_rejected() {
    let (fixture, other) = (Fixture::<Phases>::new(), Fixture::<Cubic>::new());
    let foreign = Ours::shared(&other.key()).verifier.key.unwrap().runtime;
    for target in ours(&fixture.key())
        .into_iter()
        .filter(|target| target.key.is_some())
    {
        let target = with_key(&target, foreign.clone());
        assert_invalid_key(&target, &fixture.honest);
    }
}

/// Under a setup of zeros, e(lhs, 0) * e(rhs, 0) = 1 for every proof. A key of zeros alone names no shape; one that names the
/// right shape has another code hash, which whoever calls must pin, as the registry and `BoundVerifier` do.
#[test]
fn key_of_zeros_is_rejected() {
    let fixture = Fixture::<Phases>::new();
    let target = Ours::shared(&fixture.key());
    let key = target.verifier.key.clone().unwrap();
    let mut zeros = vec![0; key.runtime.len()];
    assert_invalid_key(&with_key(&target, zeros.clone()), &fixture.honest);
    let shape = key.runtime.len() - 32;
    zeros[shape..].copy_from_slice(&key.runtime[shape..]);
    assert_ne!(Keccak256::digest(&zeros)[..], key.code_hash[..]);
    assert_eq!(
        Keccak256::digest(target.evm.code(target.key.unwrap()))[..],
        key.code_hash[..]
    );
}

/// halo2's key is the same for any number of public inputs; a key contract is for one.
#[test]
fn key_for_another_number_of_public_inputs_is_rejected() {
    let fixture = Fixture::<Phases>::new();
    let target = Ours::shared(&fixture.key());
    let mut foreign = target.verifier.key.clone().unwrap().runtime;
    let last = foreign.len() - 1;
    foreign[last] ^= 1;
    assert_invalid_key(&with_key(&target, foreign), &fixture.honest);
}

/// Key contracts of one key for two numbers of public inputs differ in the shape's id alone, and that is enough.
#[test]
fn key_contract_pins_the_number_of_public_inputs() {
    let fixture = Fixture::<Phases>::new();
    let mut instances = fixture.instances.clone();
    instances[0].push(Fr::from(9));
    let lengths: Vec<usize> = instances.iter().map(Vec::len).collect();
    let key = Key {
        lengths: &lengths,
        ..fixture.key()
    };
    let proof = prove(&fixture.pk, Phases::example(), &instances, 3);
    let longer = Input::new(proof, &instances);
    let count = fixture.honest.instances.len();
    for (one, more) in ours(&fixture.key()).iter().zip(&ours(&key)) {
        let counted = "InvalidInstanceCount(uint256,uint256)";
        one.assert_error(one.calldata(&longer), counted, &[count, count + 1]);
        more.assert_error(more.calldata(&fixture.honest), counted, &[count + 1, count]);
        // A verifier that was made for one input more leaves that input free: only the circuit knows how many it constrains.
        assert_eq!(one.judge(&fixture.honest), Verdict::Accepts);
        assert_eq!(more.judge(&longer), Verdict::Accepts);
        if one.key.is_none() {
            continue;
        }
        let code = |target: &Ours| target.verifier.key.clone().unwrap().runtime;
        let (key, foreign) = (code(one), code(more));
        let shape = key.len() - 32;
        assert_eq!(key[..shape], foreign[..shape]);
        assert_ne!(key[shape..], foreign[shape..]);
        assert_invalid_key(&with_key(one, foreign), &fixture.honest);
        assert_invalid_key(&with_key(more, key), &longer);
    }
}
