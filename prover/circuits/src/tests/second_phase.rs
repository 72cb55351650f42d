//! Whatever the first phase holds, it determines the second.

use super::Setup;
use super::builder::{Builder, partition, square};
use super::evaluator::Evaluator;
use super::way::Way;
use crate::chip::linear::{SUMS, windows};
use crate::chip::rlc::{FOLDS, PRODUCTS};
use crate::columns::{CellRef, Col};
use crate::{HideWeights, PlanOptions};
use chainfer_model::partitioned::Visibility;
use halo2_proofs::plonk::Any;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use rand::SeedableRng;
use rand::rngs::StdRng;

/// Random field elements in all cells of the rows of activations, and as multiplicities.
fn randomised(setup: &Setup) -> Vec<(CellRef, Fr)> {
    let mut rng = StdRng::seed_from_u64(81);
    let shape = setup.plan.shape();
    let mut columns = vec![Col::Mult];
    if shape.functions {
        columns.push(Col::TableMult);
    }
    for l in 0..shape.lanes {
        columns.extend([Col::Y(l), Col::Rem(l), Col::V(l), Col::C(l), Col::E(l)]);
    }
    let cells = columns.iter().flat_map(|col| {
        let rows = match col {
            Col::Mult | Col::TableMult => 0..setup.plan.active_rows(),
            _ => setup.plan.value_rows(),
        };
        rows.map(|row| col.at(row))
    });
    cells.map(|cell| (cell, Fr::random(&mut rng))).collect()
}

#[test]
fn random_first_phase_determines_the_second() {
    let mut b = Builder::new(64, 82);
    let x = b.input(1, 3, 4);
    let a = b.conv(&[(x, square(2, 1, 0))], (2, 2, 3));
    let p = b.max_pool(a, [2, 2], [1, 1], [0, 0], (1, 2));
    let y = b.dense(&[p], 2);
    b.graph.outputs.push(y);
    let inputs = b.values();
    let model = partition(&b.graph, &[3], Visibility::Committed, Visibility::Public);
    for way in Way::ALL {
        let options = PlanOptions {
            hide_weights: HideWeights::Rows(2),
            ..PlanOptions::default()
        };
        let setup = way.setup(&model, &inputs, 0, &options);
        assert_determined(&setup);
    }
}

#[test]
fn random_activations_determine_the_second_phase() {
    let mut b = Builder::new(64, 83);
    let x = b.input(2, 2, 2);
    let f = b.table();
    let h = b.function(x, f);
    let p = b.product(h, x, (2, 2, 2));
    let g = b.gather(&[p], (1, 2, 1));
    let y = b.mat_mul(p, g, 1, 2);
    b.graph.outputs.push(y);
    let inputs = b.values();
    let model = partition(&b.graph, &[4], Visibility::Committed, Visibility::Public);
    for way in Way::ALL {
        let setup = way.setup(&model, &inputs, 0, &PlanOptions::default());
        assert_determined(&setup);
    }
}

fn assert_determined(setup: &Setup) {
    let forged = setup.circuit.tampered(&randomised(setup));
    let mut evaluator = Evaluator::new(setup, &forged);
    // The gates that define a second-phase column hold, whatever they are computed from.
    let failures = evaluator.failures();
    let defining = |name: &str| {
        [SUMS, FOLDS, PRODUCTS]
            .iter()
            .any(|gate| name.contains(gate))
            || (0..8).any(|j| name == windows::equation(j))
            || name.contains("phi' - phi")
    };
    assert!(
        failures.iter().all(|(name, _)| !defining(name)),
        "{failures:?}"
    );
    assert!(!failures.is_empty());
    let second = evaluator.column(Col::D)..=evaluator.column(Col::Phi(0));
    for (left, _) in evaluator.failing_copies() {
        let operand =
            matches!(left.column_type(), Any::Advice(_)) && second.contains(&left.index());
        assert!(!operand, "an operand is no copy");
    }
    // No other value satisfies them.
    let shape = setup.plan.shape();
    let mut columns = vec![Col::D, Col::Gamma, Col::Alpha];
    columns.extend((0..shape.taps).map(Col::Beta));
    columns.extend((0..crate::chip::logup::sum_columns(shape)).map(Col::Phi));
    let values = setup.plan.value_rows();
    let check = 0..setup.plan.check.len();
    let keeping = |row: &usize| setup.plan.check[*row].keeps;
    for row in check.clone().filter(keeping) {
        assert!(
            !evaluator.changes_nothing(Col::U.at(row), Fr::ONE),
            "kept {row}"
        );
    }
    for col in columns {
        let rows = match col {
            Col::Alpha | Col::Gamma => check.clone(),
            Col::Phi(_) => 0..setup.plan.usable,
            _ => values.clone(),
        };
        for row in rows {
            assert!(
                !evaluator.changes_nothing(col.at(row), Fr::ONE),
                "{col:?} {row}"
            );
        }
    }
}
