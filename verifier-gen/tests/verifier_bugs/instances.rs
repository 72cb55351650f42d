//! Many public inputs: none is overwritten by, or overwrites, what lies beside it in memory.

use halo2curves::{bn256::Fr, ff::Field};

use crate::common::{
    circuits::ManyInstances,
    input::{Fixture, Input},
    prove::verify_native,
    targets::{Target, Verdict, ours},
};

#[test]
fn each_of_many_instances_matters() {
    let fixture = Fixture::<ManyInstances>::new();
    for target in ours(&fixture.key()) {
        assert_eq!(target.judge(&fixture.honest), Verdict::Accepts);
        for index in 0..fixture.honest.instances.len() {
            let mut instances = fixture.instances.clone();
            let first = instances[0].len();
            let (column, row) = if index < first {
                (0, index)
            } else {
                (1, index - first)
            };
            instances[column][row] += Fr::ONE;
            target.assert_unsatisfied(&Input::new(fixture.honest.proof.clone(), &instances));
        }
    }
}

#[test]
fn zero_instances_are_not_the_honest_ones() {
    let fixture = Fixture::<ManyInstances>::new();
    let zeros: Vec<Vec<Fr>> = fixture
        .lengths
        .iter()
        .map(|len| vec![Fr::ZERO; *len])
        .collect();
    assert!(!verify_native(fixture.vk(), &fixture.honest.proof, &zeros).0);
    for target in ours(&fixture.key()) {
        target.assert_unsatisfied(&Input::new(fixture.honest.proof.clone(), &zeros));
    }
}
