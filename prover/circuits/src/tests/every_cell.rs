//! Every assigned cell of small chunk circuits is changed, one at a time, and the mock prover must reject it.
//!
//! Cells that are free by design, each with its reason:
//! - anything in the last usable row but the lookup sums: no gate acts there and nothing reads it;
//! - the second and third word of a hash lane in rows that neither hash nor pack (idle, outputs, pinned constants);
//! - the operand in rows without a product or scaling.
//!
//! Where areas are stacked:
//! - the second and third word in rows that only pin or do nothing, the third while values are packed and where words begin
//!   to move on: nothing reads it.
//!
//! Salts and sibling nodes are free as choices, but a changed one no longer opens the root, so they are not listed.

use super::builder::{Builder, Conv, partition, square};
use super::{Setup, setup, verify};
use crate::columns::{CellRef, Col};
use crate::hashing::{PERMUTATION_ROWS, STACKED_PACK_ROWS};
use crate::shape::ShapeColumns as _;
use crate::{HideWeights, Objective, PlanOptions};
use chainfer_model::partitioned::{PartitionedModel, Visibility};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn columns(setup: &Setup) -> Vec<Col> {
    let shape = setup.plan.shape();
    let mut cols = vec![Col::Mult, Col::D, Col::Alpha, Col::Gamma, Col::U];
    for l in 0..shape.lanes {
        cols.extend([Col::Y(l), Col::Rem(l), Col::V(l), Col::C(l), Col::E(l)]);
    }
    if shape.limbs > 1 {
        cols.extend((0..3 * shape.lanes).map(|i| Col::High(i / 3, i % 3)));
    }
    for h in 0..shape.hash_lanes {
        cols.extend((0..4).map(|j| Col::Hash(h, j)));
    }
    cols.extend((0..shape.taps).map(Col::Beta));
    cols.extend((0..shape.sum_columns()).map(Col::Phi));
    // Roles share columns where areas are stacked.
    let mut seen = std::collections::BTreeSet::new();
    cols.retain(|col| seen.insert((col.is_first_phase(), col.index(shape))));
    cols
}

/// Why a cell may change, if it may.
fn free(setup: &Setup, cell: CellRef) -> Option<&'static str> {
    let plan = &setup.plan;
    if cell.row == plan.usable - 1 && !matches!(cell.col, Col::Phi(_)) {
        return Some("last usable row");
    }
    if plan.shape.stacked {
        return free_stacked(setup, cell);
    }
    match cell.col {
        Col::Hash(_, 1 | 2) => {
            let packing = cell.row < plan.grid.pack_rows();
            let hashing = plan
                .permutation_slots()
                .any(|first| (first..first + PERMUTATION_ROWS).contains(&cell.row));
            (!packing && !hashing).then_some("idle hash row")
        }
        Col::U => no_operand(setup, cell.row),
        _ => None,
    }
}

fn no_operand(setup: &Setup, row: usize) -> Option<&'static str> {
    match setup.plan.program.get(row) {
        Some(line) if line.operand.is_some() => None,
        _ => Some("no operand"),
    }
}

fn free_stacked(setup: &Setup, cell: CellRef) -> Option<&'static str> {
    let plan = &setup.plan;
    let value = plan.value_rows().contains(&cell.row);
    let index = cell.col.index(plan.shape());
    match (cell.col.is_first_phase(), index) {
        // The second tap is in the operand's column; without one, nothing is.
        (false, 2) if value && plan.shape().taps < 2 => Some("no second tap"),
        (false, 2) if !value => no_operand(setup, cell.row),
        (true, word @ (1 | 2)) if !value => {
            let slots: Vec<usize> = plan.permutation_slots().collect();
            let elements = 0..plan.hashing.elements.len();
            let packs = elements.map(|i| plan.grid.element_at(i).1);
            let mut packed = packs.map(|first| first..first + STACKED_PACK_ROWS);
            let in_element = packed.find(|rows| rows.contains(&cell.row));
            let hashed = slots
                .iter()
                .any(|first| (*first..first + PERMUTATION_ROWS).contains(&cell.row));
            let loading = slots
                .iter()
                .any(|first| (first - 2..*first).contains(&cell.row));
            match in_element {
                Some(rows)
                    if word == 2 && cell.row + 2 < rows.end && cell.row != rows.start + 1 =>
                {
                    Some("third word while packing")
                }
                Some(_) => None,
                None if loading && word == 2 => Some("third word before it moves on"),
                None if hashed || loading => None,
                None => Some("idle hash row"),
            }
        }
        _ => None,
    }
}

fn assert_every_cell_is_bound(setup: &Setup) {
    assert_eq!(verify(setup, &setup.circuit).map_err(|e| e.len()), Ok(()));
    let mut survivors = Vec::new();
    let mut tried = 0;
    for col in columns(setup) {
        for row in 0..setup.plan.usable {
            let cell = CellRef { col, row };
            if free(setup, cell).is_some() {
                continue;
            }
            tried += 1;
            let changed = setup.circuit.bumped(cell);
            // The mock prover panics when it describes a failure whose gate also reads a blinded row (row 0 reads the
            // row before it): that, too, is a rejection.
            let accepted =
                catch_unwind(AssertUnwindSafe(|| verify(setup, &changed).is_ok())).unwrap_or(false);
            if accepted {
                survivors.push(cell);
            }
        }
    }
    assert!(tried > 1000, "only {tried} cells were tried");
    assert!(
        survivors.is_empty(),
        "{} of {tried} changes were accepted: {:?}",
        survivors.len(),
        &survivors[..survivors.len().min(20)]
    );
}

fn options() -> PlanOptions {
    PlanOptions {
        hide_weights: HideWeights::Rows(3),
        k: Some(8),
        ..PlanOptions::default()
    }
}

/// A padded convolution, one over a sum of a convolution and an average pooling, and a dense layer.
fn convolution_and_dense() -> (PartitionedModel, Vec<Vec<u32>>) {
    let mut b = Builder::new(64, 31);
    let x = b.input(1, 4, 3);
    let a = b.conv(&[(x, square(3, 1, 1))], (2, 4, 3));
    let pooled = Conv {
        pre_pool: [2, 2],
        ..square(1, 1, 0)
    };
    let h = b.conv(&[(a, square(2, 2, 0)), (x, pooled)], (2, 2, 1));
    let y = b.dense(&[h], 3);
    b.graph.outputs.push(y);
    let inputs = b.values();
    let model = partition(&b.graph, &[3], Visibility::Committed, Visibility::Public);
    (model, inputs)
}

#[test]
fn every_cell_of_convolution_and_dense_is_bound() {
    let (model, inputs) = convolution_and_dense();
    assert_every_cell_is_bound(&setup(&model, &inputs, 0, &options()));
}

#[test]
fn every_cell_of_stacked_areas_is_bound() {
    let (model, inputs) = convolution_and_dense();
    let options = PlanOptions {
        objective: Objective::Gas,
        k: Some(9),
        ..options()
    };
    let setup = setup(&model, &inputs, 0, &options);
    assert!(setup.plan.shape().stacked);
    assert_every_cell_is_bound(&setup);
}

fn pooling(range: u32) -> (PartitionedModel, Vec<Vec<u32>>) {
    let mut b = Builder::new(range, 32);
    let x = b.input(1, 3, 4);
    let h = b.max_pool(x, [2, 2], [1, 2], [0, 0], (2, 2));
    let y = b.max_pool(h, [1, 3], [1, 1], [0, 1], (2, 2));
    b.graph.outputs.push(y);
    let inputs = b.values();
    let model = partition(&b.graph, &[2], Visibility::Public, Visibility::Committed);
    (model, inputs)
}

#[test]
fn every_cell_of_max_pooling_is_bound() {
    // A range over the table's size: every range check has a high limb.
    let (model, inputs) = pooling(480);
    assert_every_cell_is_bound(&setup(&model, &inputs, 0, &options()));
}

#[test]
fn every_cell_of_stacked_max_pooling_is_bound() {
    let (model, inputs) = pooling(240);
    let options = PlanOptions {
        objective: Objective::Gas,
        k: Some(9),
        ..options()
    };
    let setup = setup(&model, &inputs, 0, &options);
    assert!(setup.plan.shape().stacked && setup.plan.shape().pooling);
    assert_every_cell_is_bound(&setup);
}
