//! What a cheating prover could try with openings and public values.

use crate::tests::case::{cases, compact, names, shifted, word};
use crate::tests::{Setup, failing};
use chainfer_model::executor::execute;
use halo2curves::bn256::Fr;

#[test]
fn swapped_leaves_fail_the_copy_of_the_instances() {
    for case in cases() {
        let mut inputs = case.inputs.clone();
        inputs.swap(0, 1);
        let values = execute(&case.model.graph, &inputs).unwrap().tensors;
        let swapped = case.claiming(values);
        // The trace of the swapped inputs is a valid one, but not of this root.
        assert_eq!(failing(&swapped, &swapped.circuit), names(&[]));
        let claimed = Setup {
            instances: case.setup.instances.clone(),
            ..swapped
        };
        let expected = names(&[case.instance_check()]);
        assert_eq!(failing(&claimed, &claimed.circuit), expected);
    }
}

#[test]
fn root_of_another_inference_fails_the_copy() {
    for mut case in cases() {
        case.setup.instances[0] += Fr::one();
        let expected = names(&[case.instance_check()]);
        assert_eq!(failing(&case.setup, &case.setup.circuit), expected);
    }
}

#[test]
fn changed_public_values_fail_the_copy() {
    for case in cases() {
        for at in 2..5 {
            assert_eq!(case.setup.instances.len(), 5);
            let mut instances = case.setup.instances.clone();
            instances[at] += Fr::one();
            let changed = case.claimed(instances);
            assert_eq!(
                failing(&changed, &changed.circuit),
                names(&[case.instance_check()]),
                "instance {at}"
            );
        }
    }
}

#[test]
fn words_that_change_before_a_permutation_fail_the_shift() {
    let case = compact();
    let (_, row) = case.setup.plan.grid.permutation_at(0);
    for (j, row, expected) in [(1, row - 1, 1), (1, row, 1), (2, row, 2)] {
        let failures = shifted(&case, &[word(j, row)]);
        let name = format!("shift: word {expected} = the word before");
        assert!(failures.contains(&name), "{failures:?}");
    }
}

#[test]
fn pinned_constants_that_differ_fail_the_pin() {
    let case = compact();
    for i in 0..case.setup.plan.openings.constants.len() {
        let row = case.setup.plan.grid.constant_at(i);
        let failures = shifted(&case, &[word(0, row)]);
        assert!(failures.contains("pin: a = constant"), "{failures:?}");
    }
}

#[test]
fn instances_beyond_the_last_change_no_constant() {
    // halo2 does not fix the length of the instance column: what is behind the public values must have no effect.
    for case in cases() {
        let mut instances = case.setup.instances.clone();
        instances.extend((1..9).map(Fr::from));
        let longer = case.claimed(instances);
        assert_eq!(failing(&longer, &longer.circuit), names(&[]));
        let plan = &case.setup.plan;
        for i in 0..plan.openings.constants.len() {
            let row = plan.grid.constant_at(i);
            let cell = word(0, row);
            let Some(instance) = longer.instances.get(row) else {
                continue;
            };
            let forged = longer
                .circuit
                .tampered(&[(cell, case.get(cell) + instance)]);
            let failures = failing(&longer, &forged);
            assert!(failures.contains("pin: a = constant"), "{failures:?}");
        }
    }
}
