//! The key, inside the code or in a contract of its own: every word of it takes part in the verdict.

use chainfer_verifier_gen::{Entry, GeneratorOptions, generate};
use halo2curves::{
    bn256::{Fr, G1Affine, G2Affine},
    group::prime::PrimeCurveAffine,
};
use revm::primitives::U256;
use sha3::{Digest, Keccak256};

use crate::common::{
    circuits::{Columns, Cubic, Example, Phases, Wide},
    evm::Outcome,
    input::{Fixture, Input, Key},
    mutate::encode_point,
    prove::{keys, params, prove, word},
    solc::{Settings, compile},
    targets::{Ours, Target, Verdict, error_name, ours},
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

fn shared<E: Example>(fixture: &Fixture<E>) -> Vec<Ours> {
    let targets = ours(&fixture.key()).into_iter();
    targets.filter(|target| target.key.is_some()).collect()
}

fn key_of(target: &Ours) -> Vec<u8> {
    target.key.clone().unwrap()
}

/// Asserts that a verifier refuses its key as one of another shape, or with impossible numbers.
#[track_caller]
fn assert_invalid_key(target: &Ours, honest: &Input) {
    let key = key_of(target);
    let mut expected = Keccak256::digest("InvalidKey(bytes32)")[..4].to_vec();
    expected.extend(&key[key.len() - 32..]);
    let outcome = target.call(target.calldata(honest));
    assert_eq!(outcome, Outcome::Reverted(expected), "{}", target.name);
}

/// Where a key has its numbers: one word for up to seven instance columns, k in the last four bytes.
const NUMBERS: std::ops::Range<usize> = 320..352;

#[test]
fn every_word_of_a_key_matters() {
    let fixture = Fixture::<Phases>::new();
    for target in shared(&fixture) {
        let key = key_of(&target);
        let setup = 0..256;
        for at in (0..key.len()).step_by(8).chain(NUMBERS) {
            let mut changed = key.clone();
            changed[at] ^= 1;
            let expected = if target.entry == Entry::Accumulate && setup.contains(&at) {
                // The caller brings the setup's points.
                Verdict::Accepts
            } else {
                Verdict::Rejects
            };
            let verdict = target.with_key(changed).judge(&fixture.honest);
            assert_eq!(verdict, expected, "{}, byte {at}", target.name);
        }
    }
}

#[test]
fn key_of_another_circuit_is_rejected() {
    let (fixture, other) = (Fixture::<Phases>::new(), Fixture::<Cubic>::new());
    let foreign = key_of(&Ours::shared(&other.key()));
    for target in shared(&fixture) {
        let right = key_of(&target).len();
        let with_foreign = target.with_key(foreign.clone());
        let error = "InvalidKeyLength(uint256,uint256)";
        with_foreign.assert_error(
            with_foreign.calldata(&fixture.honest),
            error,
            &[right, foreign.len()],
        );
        // As long as it should be, it is still of another shape.
        let mut cut = foreign[foreign.len() - right..].to_vec();
        cut[NUMBERS].copy_from_slice(&key_of(&target)[NUMBERS]);
        assert_invalid_key(&target.with_key(cut), &fixture.honest);
        // And of this shape, but for the other style of code.
        let mut styled = key_of(&target);
        styled[right - 1] ^= 1;
        assert_invalid_key(&target.with_key(styled), &fixture.honest);
    }
}

/// Under a setup of zeros, e(lhs, 0) * e(rhs, 0) = 1 for every proof. A key of zeros alone names no shape; one that names the
/// right shape has another hash, which whoever calls must compare, as the registry and `BoundVerifier` do.
#[test]
fn key_of_zeros_is_rejected() {
    let fixture = Fixture::<Phases>::new();
    let target = Ours::shared(&fixture.key());
    let key = target.verifier.key.clone().unwrap();
    let mut zeros = vec![0; key.bytes.len()];
    assert_invalid_key(&target.with_key(zeros.clone()), &fixture.honest);
    let shape = zeros.len() - 32;
    zeros[shape..].copy_from_slice(&key.bytes[shape..]);
    let hash = |key: &[u8]| {
        Keccak256::new()
            .chain_update([0])
            .chain_update(key)
            .finalize()
    };
    assert_ne!(hash(&zeros)[..], key.code_hash[..]);
    assert_eq!(hash(&key.bytes)[..], key.code_hash[..]);
}

/// The key with a number in place of k.
fn with_k(key: &[u8], k: u32) -> Vec<u8> {
    let mut key = key.to_vec();
    key[NUMBERS.end - 4..NUMBERS.end].copy_from_slice(&k.to_be_bytes());
    key
}

/// Another k is another root of unity and another vanishing polynomial: the equation fails. Where there is no root of unity of such an
/// order, the key is refused before anything is computed.
#[test]
fn key_for_another_number_of_rows_is_rejected() {
    let fixture = Fixture::<Phases>::new();
    for target in shared(&fixture) {
        let key = key_of(&target);
        assert_eq!(with_k(&key, Phases::K), key);
        // The root of unity of order one: two rotations are one point.
        let one_row = target.with_key(with_k(&key, 0));
        one_row.assert_error(
            one_row.calldata(&fixture.honest),
            "DegenerateChallenge()",
            &[],
        );
        for k in (4..29).filter(|k| *k != Phases::K) {
            let other = target.with_key(with_k(&key, k));
            other.assert_unsatisfied(&fixture.honest);
        }
        for k in [29, 30, 64, 256, 1 << 31, u32::MAX] {
            assert_invalid_key(&target.with_key(with_k(&key, k)), &fixture.honest);
        }
    }
}

/// The key with these numbers of public inputs, of a shape with up to seven instance columns.
fn with_counts(key: &[u8], counts: &[u32]) -> Vec<u8> {
    let mut key = key.to_vec();
    let k: [u8; 4] = key[NUMBERS.end - 4..NUMBERS.end].try_into().unwrap();
    let mut numbers = vec![0; 28 - 4 * counts.len()];
    numbers.extend(counts.iter().rev().flat_map(|count| count.to_be_bytes()));
    numbers.extend(k);
    key[NUMBERS].copy_from_slice(&numbers);
    key
}

/// halo2's transcript does not absorb how many public inputs there are, and its key does not say it: a shared verifier's key does.
/// Calldata with any other number is refused, and so is a key with any other number.
#[test]
fn key_says_how_many_public_inputs_there_are() {
    let fixture = Fixture::<Phases>::new();
    let count = fixture.honest.instances.len();
    let counted = "InvalidInstanceCount(uint256,uint256)";
    for target in shared(&fixture) {
        let key = key_of(&target);
        assert_eq!(with_counts(&key, &[count as u32]), key);
        for other in (0..2 * count + 2).filter(|other| *other != count) {
            let other_key = target.with_key(with_counts(&key, &[other as u32]));
            other_key.assert_error(
                other_key.calldata(&fixture.honest),
                counted,
                &[other, count],
            );
            // Both the key and calldata say so: another statement.
            let mut input = fixture.honest.clone();
            input.instances.resize(other, [0; 32]);
            other_key.assert_unsatisfied(&input);
        }
        // Numbers that wrap around, as multiples of a word or of memory.
        for bit in 32..NUMBERS.len() * 8 {
            let mut huge = key.clone();
            huge[NUMBERS.end - 1 - bit / 8] ^= 1 << (bit % 8);
            let huge = target.with_key(huge);
            let outcome = huge.call(huge.calldata(&fixture.honest));
            let Outcome::Reverted(data) = &outcome else {
                panic!("bit {bit}: {outcome:?}");
            };
            assert_eq!(error_name(data), Some(counted), "bit {bit}");
        }
    }
}

/// One contract serves keys for any number of public inputs: each accepts its own proofs and no other key's.
#[test]
fn one_contract_serves_every_number_of_public_inputs() {
    let fixture = Fixture::<Phases>::new();
    let mut cases = Vec::new();
    for more in [0, 1, 2, 3, 37] {
        let mut instances = fixture.instances.clone();
        instances[0].extend((0..more).map(|i| Fr::from(9 + i)));
        let lengths: Vec<usize> = instances.iter().map(Vec::len).collect();
        let key = Key {
            lengths: &lengths,
            ..fixture.key()
        };
        let proof = prove(&fixture.pk, Phases::example(), &instances, 3);
        cases.push((ours(&key), Input::new(proof, &instances)));
    }
    let (first, honest) = &cases[0];
    let count = honest.instances.len();
    let counted = "InvalidInstanceCount(uint256,uint256)";
    for (targets, input) in &cases[1..] {
        let more = input.instances.len();
        for (one, other) in first.iter().zip(targets) {
            // An input that no constraint reads is free in the circuit, and bound by the transcript.
            assert_eq!(other.judge(input), Verdict::Accepts);
            one.assert_error(one.calldata(input), counted, &[count, more]);
            other.assert_error(other.calldata(honest), counted, &[more, count]);
            if one.key.is_none() {
                continue;
            }
            assert_eq!(one.verifier.solidity, other.verifier.solidity);
            let one = one.with_key(key_of(other));
            assert_eq!(one.judge(input), Verdict::Accepts);
            one.assert_error(one.calldata(honest), counted, &[more, count]);
        }
    }
}

/// The same values, cut into columns elsewhere, are another statement, though the transcript absorbs the same words.
#[test]
fn public_inputs_of_another_column_are_rejected() {
    let fixture = Fixture::<Wide>::new();
    let counts: Vec<u32> = fixture.lengths.iter().map(|len| *len as u32).collect();
    assert!(counts.len() > 1);
    for target in shared(&fixture) {
        let key = key_of(&target);
        assert_eq!(with_counts(&key, &counts), key);
        for (from, to) in (0..counts.len()).flat_map(|i| (0..counts.len()).map(move |j| (i, j))) {
            if from == to || counts[from] == 0 {
                continue;
            }
            let mut moved = counts.clone();
            moved[from] -= 1;
            moved[to] += 1;
            target
                .with_key(with_counts(&key, &moved))
                .assert_unsatisfied(&fixture.honest);
        }
    }
}

/// One contract serves keys for any number of rows.
#[test]
fn one_contract_serves_every_number_of_rows() {
    let fixture = Fixture::<Phases>::new();
    let targets = shared(&fixture);
    for k in [Phases::K + 1, Phases::K + 2] {
        let pk = keys(k, &Phases::example(), Phases::COMPRESS_SELECTORS);
        let key = Key {
            params: params(k),
            vk: pk.get_vk(),
            ..fixture.key()
        };
        let proof = prove(&pk, Phases::example(), &fixture.instances, 3);
        let input = Input::new(proof, &fixture.instances);
        for target in &targets {
            let options = GeneratorOptions::shared().with_code(target.code_style());
            let made = generate(key.vk, key.params, key.lengths, &options).unwrap();
            assert_eq!(made.solidity, target.verifier.solidity);
            let other = target.with_key(made.key.unwrap().bytes);
            assert_eq!(
                other.judge(&input),
                Verdict::Accepts,
                "{}, {k}",
                target.name
            );
            other.assert_unsatisfied(&fixture.honest);
            target.assert_unsatisfied(&input);
        }
    }
}

/// Below 2^15 rows the root of unity comes from one of order 2^14, above from one of order 2^28. No circuit here has so many rows, so
/// the boundary is moved instead.
#[test]
fn root_of_unity_is_the_same_from_either_order() {
    let fixture = Fixture::<Phases>::new();
    for target in shared(&fixture) {
        let boundary = format!("lt(k, {})", Phases::K);
        let source = target.verifier.solidity.replace("lt(k, 15)", &boundary);
        assert_ne!(source, target.verifier.solidity);
        let code = compile(&source, &target.verifier.contract_name, Settings::PROJECT);
        let mut other = target.clone();
        (other.at, _) = other.evm.create(&code.deployment);
        assert_eq!(other.judge(&fixture.honest), Verdict::Accepts);
    }
}

/// More instance columns than the numbers of one word: the last one has a word of its own.
#[test]
fn numbers_of_many_instance_columns_are_read_from_several_words() {
    for columns in [6, 7, 8, 9] {
        let fixture = Fixture::of(Columns(columns));
        for target in shared(&fixture) {
            assert_eq!(target.judge(&fixture.honest), Verdict::Accepts, "{columns}");
            let key = key_of(&target);
            let words = NUMBERS.start..NUMBERS.start + 32 * (1 + columns).div_ceil(8);
            for at in words {
                let mut changed = key.clone();
                changed[at] ^= 1;
                let verdict = target.with_key(changed).judge(&fixture.honest);
                assert_eq!(verdict, Verdict::Rejects, "{columns} columns, byte {at}");
            }
            for i in 0..fixture.honest.instances.len() {
                let mut input = fixture.honest.clone();
                input.instances[i][31] ^= 1;
                target.assert_unsatisfied(&input);
            }
        }
    }
}
