//! Several proofs under one pairing: a batch holds if every proof does, and errors of different proofs never cancel.

use halo2curves::{
    bn256::{Fr, G1Affine},
    ff::Field,
    group::Curve,
};
use rand::{SeedableRng, rngs::StdRng};

use crate::common::{
    batch::{Batch, four},
    evm::Outcome,
    input::Input,
    mutate::{decode_point, encode_point},
};

#[track_caller]
fn assert_reverts(batch: &Batch, inputs: &[Input]) {
    let inputs: Vec<&Input> = inputs.iter().collect();
    let outcome = batch.execute(&inputs).0;
    assert!(
        matches!(&outcome, Outcome::Reverted(data) if data.len() >= 4),
        "{outcome:?}"
    );
}

/// Adds a point to the proof's last, which moves one side of its equation.
fn shift_last(input: &mut Input, by: &G1Affine) {
    let at = input.proof.len() - 64;
    let last = decode_point(&input.proof[at..]).unwrap();
    let sum = (last + by).to_affine();
    input.proof[at..].copy_from_slice(&encode_point(&sum));
}

#[test]
fn batch_holds_if_and_only_if_every_proof_does() {
    let members = four();
    let batch = Batch::new(&members);
    let honest: Vec<Input> = members.iter().map(|member| member.input.clone()).collect();
    let inputs: Vec<&Input> = honest.iter().collect();
    assert!(batch.execute(&inputs).0.is_true());
    for i in 0..honest.len() {
        for word in (1..honest[i].proof.len() / 32).step_by(5) {
            let mut wrong = honest.clone();
            wrong[i].proof[32 * word + 31] ^= 1;
            assert_reverts(&batch, &wrong);
        }
        let mut wrong = honest.clone();
        wrong[i].instances[0][31] ^= 1;
        assert_reverts(&batch, &wrong);
        let mut wrong = honest.clone();
        wrong.swap(i, (i + 1) % honest.len());
        assert_reverts(&batch, &wrong);
        let mut wrong = honest.clone();
        wrong[i] = honest[(i + 1) % honest.len()].clone();
        assert_reverts(&batch, &wrong);
        let mut wrong = honest.clone();
        wrong.pop();
        assert_reverts(&batch, &wrong);
    }
}

/// Two proofs that are wrong by opposite amounts: their plain sum would hold.
#[test]
fn errors_that_cancel_without_weights_are_rejected() {
    let members = four();
    let batch = Batch::new(&members);
    let honest: Vec<Input> = members.iter().map(|member| member.input.clone()).collect();
    let mut rng = StdRng::seed_from_u64(7);
    for _ in 0..4 {
        let error = (G1Affine::generator() * Fr::random(&mut rng)).to_affine();
        for (i, j) in [(0, 1), (1, 3), (2, 0)] {
            let mut wrong = honest.clone();
            shift_last(&mut wrong[i], &error);
            shift_last(&mut wrong[j], &-error);
            assert_reverts(&batch, &wrong);
        }
    }
}
