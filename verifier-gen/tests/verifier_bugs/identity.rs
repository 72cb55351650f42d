//! The identity as a point of a proof: halo2 reads it as (0, 0), so an honest proof that holds it must pass, and it must
//! never make a wrong one pass.

use crate::common::{
    circuits::{Cubic, LowQuotient, Phases},
    differences::holds_identity,
    input::{Fixture, Input},
    targets::{EvmLoader, Native, Target, Verdict, ours},
};

#[test]
fn honest_proof_with_identity_points_is_accepted() {
    let fixture = Fixture::<LowQuotient>::new();
    assert!(holds_identity(&fixture.honest, fixture.shape));
    assert_eq!(
        Native::new(&fixture.key()).judge(&fixture.honest),
        Verdict::Accepts
    );
    for target in ours(&fixture.key()) {
        assert_eq!(target.judge(&fixture.honest), Verdict::Accepts);
    }
    // Documented: snark-verifier's contract has no identity.
    let theirs = EvmLoader::new(&fixture.key()).judge(&fixture.honest);
    assert_eq!(theirs, Verdict::Rejects);
}

#[test]
fn identity_commitment_in_the_key_is_accepted() {
    let fixture = Fixture::<Cubic>::new();
    let is_identity = |point: &halo2curves::bn256::G1Affine| {
        *point == halo2curves::group::prime::PrimeCurveAffine::identity()
    };
    assert!(fixture.vk().fixed_commitments().iter().any(is_identity));
    for target in ours(&fixture.key()) {
        assert_eq!(target.judge(&fixture.honest), Verdict::Accepts);
    }
}

#[test]
fn identity_in_place_of_any_point_is_rejected() {
    let fixture = Fixture::<Phases>::new();
    let native = Native::new(&fixture.key());
    for target in ours(&fixture.key()) {
        for point in fixture.shape.point_words() {
            let mut input = fixture.honest.clone();
            input.proof[32 * point..][..64].fill(0);
            assert_eq!(native.judge(&input), Verdict::Rejects, "word {point}");
            target.assert_unsatisfied(&input);
        }
    }
}

#[test]
fn both_opening_points_as_identity_are_rejected() {
    let fixture = Fixture::<Phases>::new();
    let mut input = fixture.honest.clone();
    let opening = input.proof.len() - 128;
    input.proof[opening..].fill(0);
    for target in ours(&fixture.key()) {
        target.assert_unsatisfied(&input);
    }
}

#[test]
fn proof_of_zeros_is_rejected() {
    let fixture = Fixture::<Phases>::new();
    let input = Input {
        proof: vec![0; fixture.honest.proof.len()],
        instances: fixture.honest.instances.clone(),
    };
    let native = Native::new(&fixture.key());
    assert_eq!(native.judge(&input), Verdict::Rejects);
    for target in ours(&fixture.key()) {
        target.assert_unsatisfied(&input);
        let mut zeros = input.clone();
        zeros.instances.fill([0; 32]);
        assert_eq!(native.judge(&zeros), Verdict::Rejects);
        target.assert_unsatisfied(&zeros);
    }
}
