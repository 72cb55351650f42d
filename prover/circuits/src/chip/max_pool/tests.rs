//! What a cheating prover could try with maxima.

use crate::columns::{CellRef, Col};
use crate::tests::builder::{Builder, partition};
use crate::tests::case::{R, RELATION, names};
use crate::tests::{failing, recounted, setup};
use crate::{Objective, PlanOptions};
use chainfer_model::partitioned::Visibility;
use halo2curves::bn256::Fr;

#[test]
fn maxima_that_are_not_fail_their_gates() {
    let options = PlanOptions {
        objective: Objective::Gas,
        ..PlanOptions::default()
    };
    let mut b = Builder::new(R, 24);
    let x = b.input(1, 2, 2);
    let h = b.max_pool(x, [2, 2], [2, 2], [0, 0], (1, 1));
    b.graph.outputs.push(h);
    let model = partition(&b.graph, &[1], Visibility::Committed, Visibility::Public);
    let setup = setup(&model, &[vec![5, 9, 20, 3]], 0, &options);
    let (row, _) = setup.plan.layout.tensors[&h].cell(0);
    let cell = |col: fn(usize) -> Col, row| CellRef { col: col(0), row };
    let get = |cell| setup.circuit.get(cell);
    let forge = |cells: &[(CellRef, Fr)]| {
        let forged = setup.circuit.tampered(cells);
        failing(&setup, &recounted(&setup, &forged))
    };
    let maximum = cell(Col::Y, row);
    assert_eq!(get(maximum), Fr::from(20));
    let one = Fr::one();
    // Both differences one more: the operands are as before, the maximum is not.
    let (p, n, y) = (cell(Col::Rem, row), cell(Col::V, row), maximum);
    let failures = forge(&[(p, get(p) + one), (n, get(n) + one), (y, get(y) + one)]);
    assert!(failures.contains("max: p n = 0"), "{failures:?}");
    let failures = forge(&[(y, get(y) + one)]);
    assert!(failures.contains("max: y = a + n"), "{failures:?}");
    // The first row continues from something other than the comparison below it.
    let a = cell(Col::C, row);
    let failures = forge(&[(a, get(a) + one), (y, get(y) + one), (p, get(p) + one)]);
    assert!(failures.contains("max: a = next y"), "{failures:?}");
    // A tap that is not the activation.
    let last = row + crate::chip::max_pool::compact::POOL_ROWS - 1;
    let (a, p) = (cell(Col::C, last), cell(Col::V, last));
    let failures = forge(&[(a, get(a) + one), (p, get(p) - one)]);
    assert_eq!(failures, names(&[RELATION]));
}

#[test]
fn wide_maxima_that_are_not_fail_their_gates() {
    let mut b = Builder::new(R, 25);
    let x = b.input(1, 2, 2);
    let h = b.max_pool(x, [2, 2], [2, 2], [0, 0], (1, 1));
    b.graph.outputs.push(h);
    let model = partition(&b.graph, &[1], Visibility::Committed, Visibility::Public);
    let setup = setup(&model, &[vec![5, 9, 20, 3]], 0, &PlanOptions::default());
    let (row, _) = setup.plan.layout.tensors[&h].cell(0);
    let forge = |cells: &[(Col, i64)]| {
        let changed = cells.iter().map(|(col, by)| {
            let cell = col.at(row);
            (cell, setup.circuit.get(cell) + crate::field::signed(*by))
        });
        let forged = setup.circuit.tampered(&changed.collect::<Vec<_>>());
        failing(&setup, &recounted(&setup, &forged))
    };
    // Both differences one more: the operands are as before.
    for (i, (p, n)) in [
        (Col::Rem(0), Col::V(0)),
        (Col::E(0), Col::Rem(1)),
        (Col::V(1), Col::E(1)),
    ]
    .into_iter()
    .enumerate()
    {
        let failures = forge(&[(p, 1), (n, 1)]);
        let name = format!("max {i}: p n = 0");
        assert!(failures.contains(&name), "{failures:?}");
    }
    let failures = forge(&[(Col::Y(0), 1)]);
    assert!(failures.contains("max: y = left + n"), "{failures:?}");
    let failures = forge(&[(Col::Y(1), 1)]);
    assert!(
        failures.contains("max: y of the second lane = 0"),
        "{failures:?}"
    );
    let failures = forge(&[(Col::V(1), 1)]);
    assert!(
        failures.contains("max: left - right = p - n"),
        "{failures:?}"
    );
    // Taps that are not the activations, while every comparison holds: 5, 9 of 20, 3 become 6, 10.
    let failures = forge(&[(Col::C(0), 1), (Col::E(1), -1)]);
    assert_eq!(failures, names(&[RELATION]));
}
