//! What a cheating prover could try with ranges.

use super::TABLE;
use crate::PlanOptions;
use crate::circuit::fill;
use crate::columns::{CellRef, Col};
use crate::tests::builder::{Builder, partition};
use crate::tests::case::{LOOKUP, R, cases, names};
use crate::tests::{failing, recounted, setup};
use chainfer_model::partitioned::Visibility;
use halo2curves::bn256::Fr;

#[test]
fn multiplicity_off_by_one_fails_the_lookup() {
    for case in cases() {
        let table = case.setup.plan.shape().table() as usize;
        for row in [0, 5, table - 1, table, case.setup.plan.usable - 2] {
            let cell = CellRef {
                col: Col::Mult,
                row,
            };
            let forged = case
                .setup
                .circuit
                .tampered(&[(cell, case.get(cell) + Fr::one())]);
            assert_eq!(failing(&case.setup, &forged), names(&[LOOKUP]), "row {row}");
        }
    }
}

#[test]
fn table_holds_the_range_and_nothing_else() {
    for case in cases() {
        let fixed = fill(&case.setup.plan).unwrap();
        assert_eq!(case.setup.plan.shape().limbs, 1);
        for (row, entry) in fixed.column(TABLE).unwrap().iter().enumerate() {
            let value = if row < R as usize { row as u64 } else { 0 };
            assert_eq!(*entry, Fr::from(value), "row {row}");
        }
    }
}

#[test]
fn lookup_outside_the_table_fails_in_every_column() {
    for case in cases() {
        for col in [Col::Rem, Col::V, Col::E] {
            let cell = case.cell(case.output, 0, col);
            let forged = case
                .setup
                .circuit
                .tampered(&[(cell, Fr::from(u64::from(R)))]);
            assert!(
                failing(&case.setup, &recounted(&case.setup, &forged)).contains(LOOKUP),
                "{cell:?}"
            );
        }
    }
}

#[test]
fn idle_lane_outside_the_table_fails_the_lookup() {
    for case in cases() {
        let row = case.setup.plan.usable - 2;
        let cell = CellRef {
            col: Col::Rem(0),
            row,
        };
        let forged = case
            .setup
            .circuit
            .tampered(&[(cell, Fr::from(u64::from(R)))]);
        assert_eq!(
            failing(&case.setup, &recounted(&case.setup, &forged)),
            names(&[LOOKUP])
        );
    }
}

#[test]
fn high_limb_out_of_range_fails_its_gate() {
    let mut b = Builder::new(480, 22);
    let x = b.input(1, 1, 6);
    let y = b.dense(&[x], 3);
    b.graph.outputs.push(y);
    let inputs = b.values();
    let model = partition(&b.graph, &[1], Visibility::Committed, Visibility::Public);
    let options = PlanOptions {
        k: Some(8),
        ..PlanOptions::default()
    };
    let setup = setup(&model, &inputs, 0, &options);
    assert_eq!(setup.plan.shape().limbs, 2);
    let (row, lane) = setup.plan.layout.tensors[&y].cell(0);
    let get = |col| setup.circuit.get(CellRef { col, row });
    // E - 1 is below 480 or else needs a high limb of 2.
    let (e, high) = (Col::E(lane), Col::High(lane, 2));
    let forged = setup.circuit.tampered(&[
        (CellRef { col: e, row }, get(e) + Fr::from(480)),
        (CellRef { col: high, row }, get(high) + Fr::from(2)),
    ]);
    let failures = failing(&setup, &recounted(&setup, &forged));
    assert!(
        failures.contains(&format!("range {lane}.2: high limb below 2")),
        "{failures:?}"
    );
    assert!(!failures.contains(LOOKUP), "{failures:?}");
}
