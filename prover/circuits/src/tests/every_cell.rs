//! Every assigned cell of small chunk circuits is changed, one at a time, up and down by 1. A change must be rejected, unless it is on
//! the list of free cells, and then it must be accepted: the list is exact.
//!
//! Cells that are free by design, each with its reason:
//! - anything in the last usable row but the lookup sums: no gate acts there and nothing reads it;
//! - the second and third word of a hash lane in rows that neither hash nor pack (idle, pinned constants);
//! - the operand in rows without a product or scaling;
//! - the saturation c where no layer reads the accumulator (inputs, idle lanes), if the activation is 0 or R - 1: claiming a
//!   saturation at that side gives the same activation, and the activation is all that is read.
//!
//! In the compact arrangement:
//! - the second and third word in rows that only pin or do nothing, the third while values are packed and in the first of the two
//!   rows that take a permutation's words in: nothing reads it;
//! - without a second beta accumulator, the operand's column in rows of activations.
//!
//! An unread blinder frees no cell: what its gate says in the idle row defines D there, so the cells that it is defined by are bound to D,
//! which nothing reads.
//!
//! Salts and sibling nodes are free as choices, but a changed one no longer opens the root, so they are not listed.

use super::builder::{Builder, Conv, partition, square};
use super::evaluator::Evaluator;
use super::way::Way;
use super::{Bumped, Setup, mock, setup, verify};
use crate::chip::linear::taken;
use crate::chip::operator::Operator;
use crate::chip::poseidon::PERMUTATION_ROWS;
use crate::chip::product::PAIRS;
use crate::columns::{CellRef, Col};
use crate::{HideWeights, Objective, PlanOptions};
use chainfer_model::partitioned::{PartitionedModel, Visibility};
use halo2curves::bn256::Fr;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub(crate) fn columns(setup: &Setup) -> Vec<Col> {
    let shape = setup.plan.shape();
    let mut cols = vec![
        Col::Mult,
        Col::TableMult,
        Col::D,
        Col::Alpha,
        Col::Gamma,
        Col::U,
    ];
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
    cols.extend((0..crate::chip::logup::sum_columns(shape)).map(Col::Phi));
    // Roles share columns in the compact arrangement.
    let mut seen = std::collections::BTreeSet::new();
    cols.retain(|col| {
        let position = setup.plan.arrangement.position(*col, shape);
        position.is_some_and(|at| seen.insert((col.is_first_phase(), at)))
    });
    cols
}

/// Why a cell may change by `by`, if it may.
fn free(setup: &Setup, cell: CellRef, by: i64) -> Option<&'static str> {
    let plan = &setup.plan;
    if cell.row == plan.active_rows() && !matches!(cell.col, Col::Phi(_)) {
        return Some("last usable row");
    }
    let value = plan.value_rows().contains(&cell.row);
    match cell.col {
        Col::C(lane) if value => free_saturation(setup, lane, cell.row, by),
        _ if setup.is_compact() => free_compact(setup, cell, value),
        Col::Hash(_, 1 | 2) => {
            let used = element(setup, cell.row).is_some() || hashed(setup, cell.row);
            (!used).then_some("idle hash row")
        }
        Col::U => no_operand(setup, cell.row),
        _ => None,
    }
}

fn free_saturation(setup: &Setup, lane: usize, row: usize, by: i64) -> Option<&'static str> {
    let fixed = &setup.circuit.fixed;
    let operators = setup.plan.arrangement.operators_in(setup.plan.shape());
    let mut own_rows = operators.iter().filter_map(|o| o.own_rows(lane));
    if fixed.is_set(taken(lane), row).unwrap()
        || own_rows.any(|rows| fixed.is_set(rows, row).unwrap())
        || operators.iter().any(|o| takes_taps(setup, *o, row))
    {
        return None;
    }
    assert_eq!(setup.circuit.get(Col::C(lane).at(row)), Fr::one());
    let saturated = match by {
        1 => u64::from(setup.plan.shape().range) - 1,
        _ => 0,
    };
    let y = setup.circuit.get(Col::Y(lane).at(row));
    (y == Fr::from(saturated)).then_some("a saturation that changes no activation")
}

/// Whether D takes the operands of an operator in, in a row that is none of its own: where its selector would be empty.
fn takes_taps(setup: &Setup, operator: &dyn Operator, row: usize) -> bool {
    let fixed = &setup.circuit.fixed;
    let selectors = operator.selectors().into_iter();
    let mut taking = selectors.filter(|selector| *selector != PAIRS);
    taking.any(|selector| fixed.is_set(selector, row).unwrap())
}

fn no_operand(setup: &Setup, row: usize) -> Option<&'static str> {
    match setup.plan.check.get(row) {
        Some(line) if line.operand.is_some() || line.keeps => None,
        _ => Some("no operand"),
    }
}

/// The rows of the element that a row packs.
fn element(setup: &Setup, row: usize) -> Option<Range<usize>> {
    let grid = &setup.plan.grid;
    let rows = grid.packing.rows();
    let mut elements = grid.element_rows().map(|first| first..first + rows);
    elements.find(|element| element.contains(&row))
}

fn hashed(setup: &Setup, row: usize) -> bool {
    let mut slots = setup.plan.grid.slot_rows();
    slots.any(|first| (first..first + PERMUTATION_ROWS).contains(&row))
}

fn free_compact(setup: &Setup, cell: CellRef, value: bool) -> Option<&'static str> {
    let plan = &setup.plan;
    let at = plan.arrangement.position(cell.col, plan.shape()).unwrap();
    match (cell.col.is_first_phase(), at) {
        (false, 2) if value && plan.shape().taps < 2 => Some("no second beta accumulator"),
        (false, 2) if !value => no_operand(setup, cell.row),
        (true, word @ (1 | 2)) if !value => {
            let loads = |row| plan.grid.slot_rows().any(|first| first == row);
            let (begins, loading) = (loads(cell.row + 2), loads(cell.row + 1));
            match element(setup, cell.row) {
                Some(rows)
                    if word == 2 && cell.row + 2 < rows.end && cell.row != rows.start + 1 =>
                {
                    Some("third word while packing")
                }
                Some(_) => None,
                None if begins && word == 2 => Some("third word before it moves on"),
                None if hashed(setup, cell.row) || begins || loading => None,
                None => Some("idle hash row"),
            }
        }
        _ => None,
    }
}

/// How many changes of a circuit the mock prover also judges.
const SAMPLES: usize = 60;

fn assert_every_cell_is_bound(setup: &Setup) {
    assert_eq!(verify(setup, &setup.circuit).map_err(|e| e.len()), Ok(()));
    let mut evaluator = Evaluator::new(setup, &setup.circuit);
    assert_eq!(evaluator.failures(), vec![]);
    assert!(evaluator.failing_copies().is_empty());
    let mut wrong = Vec::new();
    let mut tried = 0;
    let columns = columns(setup);
    let every = 2 * columns.len() * setup.plan.usable / SAMPLES;
    for col in columns {
        for row in 0..setup.plan.usable {
            for by in [1, -1] {
                let cell = col.at(row);
                let expected = free(setup, cell, by);
                let accepted = evaluator.accepts(cell, crate::field::signed(by));
                if accepted != expected.is_some() {
                    wrong.push((cell, by, expected));
                }
                if tried % every == 0 {
                    assert_eq!(mock_accepts(setup, cell, by), accepted, "{cell:?} {by}");
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 2000, "only {tried} changes were tried");
    assert!(
        wrong.is_empty(),
        "{} of {tried} verdicts are not as listed: {:?}",
        wrong.len(),
        &wrong[..wrong.len().min(20)]
    );
}

fn mock_accepts(setup: &Setup, cell: CellRef, by: i64) -> bool {
    let changed = Bumped::new(setup, cell, crate::field::signed(by));
    // The mock prover panics when it describes a failure whose gate also reads a blinded row (row 0 reads the row before it): that,
    // too, is a rejection.
    catch_unwind(AssertUnwindSafe(|| mock(setup, &changed).is_ok())).unwrap_or(false)
}

fn options() -> PlanOptions {
    PlanOptions {
        hide_weights: HideWeights::Rows(3),
        k: Some(8),
        ..PlanOptions::default()
    }
}

/// Activations at both ends of the range among the inputs.
fn with_extremes(mut inputs: Vec<Vec<u32>>, range: u32) -> Vec<Vec<u32>> {
    inputs[0][1] = range - 1;
    inputs[0][2] = 0;
    inputs
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
    let inputs = with_extremes(b.values(), b.graph.range);
    let model = partition(&b.graph, &[3], Visibility::Committed, Visibility::Public);
    (model, inputs)
}

#[test]
fn every_cell_of_convolution_and_dense_is_bound() {
    let (model, inputs) = convolution_and_dense();
    assert_every_cell_is_bound(&setup(&model, &inputs, 0, &options()));
}

#[test]
fn every_cell_of_a_canonical_shape_is_bound() {
    let (model, inputs) = convolution_and_dense();
    let options = PlanOptions {
        k: Some(9),
        ..options()
    };
    let setup = Way::Canonical.setup(&model, &inputs, 0, &options);
    assert_every_cell_is_bound(&setup);
}

/// Every column that can be empty is, but for its unread blinder.
#[test]
fn every_cell_beside_unread_blinders_is_bound() {
    for (way, k) in [(Way::Wide, 8), (Way::Canonical, 9)] {
        let (model, inputs) = super::unread::sparse();
        let options = PlanOptions {
            k: Some(k),
            hide_weights: HideWeights::Rows(0),
            ..PlanOptions::default()
        };
        assert_every_cell_is_bound(&way.setup(&model, &inputs, 0, &options));
    }
}

#[test]
fn every_cell_of_the_compact_arrangement_is_bound() {
    let (model, inputs) = convolution_and_dense();
    let options = PlanOptions {
        objective: Objective::Gas,
        k: Some(9),
        ..options()
    };
    let setup = setup(&model, &inputs, 0, &options);
    assert!(setup.is_compact());
    assert_every_cell_is_bound(&setup);
}

/// Elements that are rearranged, a function, a product, a matrix product.
fn activations() -> (PartitionedModel, Vec<Vec<u32>>) {
    let mut b = Builder::new(64, 33);
    let x = b.input(1, 1, 4);
    let g = b.gather(&[x], (1, 2, 2));
    let f = b.table();
    let h = b.function(g, f);
    let p = b.product(h, x, (2, 1, 2));
    let y = b.mat_mul(g, p, 1, 2);
    b.graph.outputs.push(y);
    let inputs = with_extremes(b.values(), b.graph.range);
    let model = partition(&b.graph, &[4], Visibility::Committed, Visibility::Public);
    (model, inputs)
}

#[test]
fn every_cell_of_layers_of_activations_is_bound() {
    let (model, inputs) = activations();
    for (way, k) in [(Way::Wide, 8), (Way::Compact, 9), (Way::Canonical, 9)] {
        let options = PlanOptions {
            k: Some(k),
            ..options()
        };
        assert_every_cell_is_bound(&way.setup(&model, &inputs, 0, &options));
    }
}

fn pooling(range: u32) -> (PartitionedModel, Vec<Vec<u32>>) {
    let mut b = Builder::new(range, 32);
    let x = b.input(1, 3, 4);
    let h = b.max_pool(x, [2, 2], [1, 2], [0, 0], (2, 2));
    let y = b.max_pool(h, [1, 3], [1, 1], [0, 1], (2, 2));
    b.graph.outputs.push(y);
    let inputs = with_extremes(b.values(), b.graph.range);
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
fn every_cell_of_compact_max_pooling_is_bound() {
    let (model, inputs) = pooling(240);
    let options = PlanOptions {
        objective: Objective::Gas,
        k: Some(9),
        ..options()
    };
    let setup = setup(&model, &inputs, 0, &options);
    assert!(setup.is_compact() && setup.plan.shape().pooling);
    assert_every_cell_is_bound(&setup);
}
