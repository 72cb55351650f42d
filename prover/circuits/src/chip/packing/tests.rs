//! What a cheating prover could try with packed values.

use crate::tests::case::{compact, names, shifted, word};

#[test]
fn packed_value_other_than_the_activation_fails_the_copy() {
    let case = compact();
    let (_, first) = case.setup.plan.grid.element_at(0);
    let (row, _) = case.setup.plan.grid.packing.value_at(first, 3);
    let failures = shifted(&case, &[word(0, row)]);
    assert!(failures.contains("copy"), "{failures:?}");
}

#[test]
fn packing_that_begins_with_another_value_fails_the_shift() {
    let case = compact();
    let (_, first) = case.setup.plan.grid.element_at(0);
    let failures = shifted(&case, &[word(1, first + 1)]);
    let expected = [
        "shift: word 1 = the word before",
        "pack: next b = 2^16 b + next a",
    ];
    assert_eq!(failures, names(&expected));
}

#[test]
fn packing_that_drops_a_value_fails_its_gate() {
    let case = compact();
    let (_, first) = case.setup.plan.grid.element_at(0);
    let failures = shifted(&case, &[word(1, first + 5)]);
    assert_eq!(failures, names(&["pack: next b = 2^16 b + next a"]));
}

#[test]
fn element_other_than_the_packed_one_fails_the_move() {
    let case = compact();
    let grid = &case.setup.plan.grid;
    let cell = grid
        .cell(crate::chip::openings::plan::Source::Element(0))
        .unwrap();
    let failures = shifted(&case, &[cell]);
    assert!(
        failures.contains("poseidon 0: round, word 0"),
        "{failures:?}"
    );
}
