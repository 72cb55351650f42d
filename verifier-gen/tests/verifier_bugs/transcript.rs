//! Fiat-Shamir: everything that halo2 absorbs is absorbed, in its order, before the challenge that depends on it.

use halo2curves::{
    bn256::{Fr, G1Affine},
    ff::Field,
};
use revm::primitives::U256;

use crate::common::{
    circuits::{Example, Lookups, LowQuotient, ManyInstances, Phases, Wide},
    differences::order,
    input::{Fixture, Input},
    mutate::encode_point,
    prove::{verify_native, word},
    targets::{Ours, Target, Verdict, ours},
};

/// The challenges that a contract of ours draws, as words.
fn challenges(target: &Ours, input: &Input) -> Vec<U256> {
    let (_, trace) = target.evm.trace(target.at, target.calldata(input));
    let reduce = |hash: &[u8; 32]| U256::from_be_bytes(*hash) % order();
    trace.hashes.iter().map(reduce).collect()
}

/// The challenges that halo2 draws.
fn native_challenges<E: Example>(fixture: &Fixture<E>, input: &Input) -> Vec<U256> {
    let instances = input.canonical_instances(&fixture.lengths).unwrap();
    let (_, challenges) = verify_native(fixture.vk(), &input.proof, &instances);
    let value = |challenge: &Fr| U256::from_be_bytes(word(challenge));
    challenges.iter().map(value).collect()
}

/// The input with one word of public inputs and proof together replaced by another valid value.
fn altered<E: Example>(fixture: &Fixture<E>, at: usize) -> Input {
    let mut input = fixture.honest.clone();
    let next = |word: &[u8]| {
        let next = (U256::from_be_slice(word) + U256::ONE) % order();
        next.to_be_bytes::<32>()
    };
    let Some(at) = at.checked_sub(input.instances.len()) else {
        input.instances[at] = next(&input.instances[at]);
        return input;
    };
    if fixture.shape.scalar_words().contains(&at) {
        let value = next(&input.proof[32 * at..][..32]);
        input.proof[32 * at..][..32].copy_from_slice(&value);
    } else {
        input.proof[32 * at..][..64].copy_from_slice(&encode_point(&G1Affine::generator()));
    }
    input
}

/// Each public input, scalar and point in turn is replaced: contract and halo2 draw the same challenges, none of which that
/// follow the word is what it was; and the proof is rejected.
fn every_word_is_absorbed<E: Example>() {
    let fixture = Fixture::<E>::new();
    let count = fixture.honest.instances.len();
    let scalars = fixture.shape.scalar_words().map(|word| count + word);
    let points = fixture
        .shape
        .point_words()
        .into_iter()
        .map(|word| count + word);
    let last = count + fixture.shape.len / 32 - 2;
    for target in ours(&fixture.key()) {
        let honest = native_challenges(&fixture, &fixture.honest);
        assert_eq!(challenges(&target, &fixture.honest), honest);
        let mut changed = Vec::new();
        for at in (0..count).chain(points.clone()).chain(scalars.clone()) {
            let input = altered(&fixture, at);
            let drawn = challenges(&target, &input);
            assert_eq!(drawn, native_challenges(&fixture, &input), "word {at}");
            let same = drawn
                .iter()
                .zip(&honest)
                .take_while(|(a, b)| a == b)
                .count();
            assert!(
                drawn.iter().zip(&honest).skip(same).all(|(a, b)| a != b),
                "word {at}"
            );
            // Nothing is drawn behind the last point.
            assert_eq!(same == honest.len(), at == last, "word {at}");
            changed.push((at, same));
            target.assert_unsatisfied(&input);
        }
        // What comes later in the proof never changes an earlier challenge.
        changed.sort_unstable();
        assert!(changed.is_sorted_by_key(|(_, same)| *same));
        assert_eq!(
            changed[0].1, 0,
            "public inputs, or the first commitment, come first"
        );
    }
}

#[test]
fn every_word_is_absorbed_with_two_phases() {
    every_word_is_absorbed::<Phases>();
}

#[test]
fn every_word_is_absorbed_with_lookups() {
    every_word_is_absorbed::<Lookups>();
}

#[test]
fn every_word_is_absorbed_with_several_instance_columns() {
    every_word_is_absorbed::<Wide>();
}

#[test]
fn every_word_is_absorbed_with_many_instances() {
    every_word_is_absorbed::<ManyInstances>();
}

#[test]
fn identity_points_are_absorbed() {
    every_word_is_absorbed::<LowQuotient>();
}

/// The proof satisfies every constraint under another value of this input, too: only the transcript tells them apart. The
/// context that binds a proof to its use is such an input.
#[test]
fn instance_that_no_constraint_touches_is_bound() {
    let fixture = Fixture::<ManyInstances>::new();
    let mut instances = fixture.instances.clone();
    instances[0][ManyInstances::UNCONSTRAINED] += Fr::ONE;
    assert!(!verify_native(fixture.vk(), &fixture.honest.proof, &instances).0);
    let replayed = Input::new(fixture.honest.proof.clone(), &instances);
    for target in ours(&fixture.key()) {
        target.assert_unsatisfied(&replayed);
    }
}

/// Values moved from one instance column to another are another statement, though the transcript absorbs the same words.
#[test]
fn instances_in_another_order_are_rejected() {
    let fixture = Fixture::<Wide>::new();
    for target in ours(&fixture.key()) {
        for i in 1..fixture.honest.instances.len() {
            let mut input = fixture.honest.clone();
            input.instances.swap(0, i);
            target.assert_unsatisfied(&input);
            let mut rotated = fixture.honest.clone();
            rotated.instances.rotate_left(i);
            target.assert_unsatisfied(&rotated);
        }
    }
}

#[test]
fn mixture_of_two_proofs_is_rejected() {
    let fixture = Fixture::<Phases>::new();
    let other = fixture.prove(99);
    for target in ours(&fixture.key()) {
        assert_eq!(target.judge(&other), Verdict::Accepts);
        for point in fixture.shape.point_words().into_iter().skip(1) {
            let mut mixed = other.clone();
            mixed.proof[32 * point..].copy_from_slice(&fixture.honest.proof[32 * point..]);
            assert_ne!(mixed.proof, other.proof);
            target.assert_unsatisfied(&mixed);
        }
    }
}
