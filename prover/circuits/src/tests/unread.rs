//! Unread blinders: no column of a key is 0, and the cells that see to it decide nothing.

use super::builder::{Builder, partition, square};
use super::evaluator::Evaluator;
use super::recorder::Recorder;
use super::way::Way;
use super::{Setup, Witnessed, setup_of, verify};
use crate::chip::{function, linear, rlc};
use crate::circuit::{fill, unread_cells};
use crate::columns::{Col, Fix};
use crate::field::signed;
use crate::trace::FixedCells;
use crate::{ChunkPlan, CircuitError, CircuitShape, HideWeights, Objective, PlanOptions};
use chainfer_model::partitioned::{PartitionedModel, Visibility};
use chainfer_model::quantized::{QLayer, TermMap};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use std::collections::BTreeSet;
use std::sync::Arc;

fn unhidden(k: Option<u32>) -> PlanOptions {
    PlanOptions {
        k,
        hide_weights: HideWeights::Rows(0),
        ..PlanOptions::default()
    }
}

fn chunk(mut b: Builder) -> (PartitionedModel, Vec<Vec<u32>>) {
    let inputs = b.values();
    let layers = b.graph.layers.len();
    let model = partition(
        &b.graph,
        &[layers],
        Visibility::Committed,
        Visibility::Public,
    );
    (model, inputs)
}

/// A dense layer with one output, whose weights and biases are 0: nothing is carried over, no weight stands in its column, and of
/// several lanes one is taken.
pub(crate) fn sparse() -> (PartitionedModel, Vec<Vec<u32>>) {
    let mut b = Builder::new(64, 141);
    let x = b.input(1, 1, 4);
    let y = b.dense(&[x], 1);
    b.graph.outputs.push(y);
    let QLayer::Linear(layer) = &mut b.graph.layers[0] else {
        panic!()
    };
    layer.element_bias.fill(0);
    let TermMap::Dense { weights } = &mut layer.terms[0].map else {
        panic!()
    };
    weights.fill(0);
    chunk(b)
}

/// One maximum in each channel: D never steps.
fn one_maximum() -> (PartitionedModel, Vec<Vec<u32>>) {
    let mut b = Builder::new(64, 142);
    let x = b.input(2, 2, 2);
    let y = b.max_pool(x, [2, 2], [2, 2], [0, 0], (1, 1));
    b.graph.outputs.push(y);
    chunk(b)
}

/// A gather: there is no check.
fn rearranged() -> (PartitionedModel, Vec<Vec<u32>>) {
    let mut b = Builder::new(64, 145);
    let x = b.input(1, 2, 2);
    let y = b.gather(&[x], (1, 1, 3));
    b.graph.outputs.push(y);
    chunk(b)
}

/// Windows that read one column of several: in a few lanes nothing is taken in, and nothing steps.
fn thin(width: usize) -> (PartitionedModel, Vec<Vec<u32>>) {
    let mut b = Builder::new(64, 143);
    let x = b.input(1, 24, width);
    let mut map = square(1, width, 0);
    map.stride = [1, width];
    let y = b.conv(&[(x, map)], (1, 24, 1));
    b.graph.outputs.push(y);
    chunk(b)
}

/// The columns that hold an unread blinder and nothing else.
fn blinded(plan: &ChunkPlan) -> Vec<Fix> {
    let fixed = fill(plan).unwrap();
    let columns = plan.arrangement.fixed_columns(plan.shape()).into_iter();
    let only_blinder = |column: &Fix| {
        let cells = fixed.column(*column).unwrap().iter().enumerate();
        let taken: Vec<usize> = cells
            .filter(|(_, cell)| **cell != Fr::ZERO)
            .map(|(row, _)| row)
            .collect();
        assert!(!taken.is_empty(), "{column:?} is empty");
        let own = [rlc::WEIGHT, linear::BIAS, function::TAG];
        let row = if own.contains(&column.name) || [function::KEY, function::VALUE].contains(column)
        {
            plan.active_rows()
        } else {
            plan.idle_row()
        };
        taken == [row]
    };
    columns.filter(only_blinder).collect()
}

/// Chunks with empty columns, planned in every way.
fn plans() -> Vec<(ChunkPlan, Vec<Vec<u32>>)> {
    let mut plans = Vec::new();
    let mut plan = |(model, inputs): (PartitionedModel, Vec<Vec<u32>>), way: Way, k| {
        plans.push((way.plan(&model, 0, &unhidden(k)), inputs));
    };
    for way in Way::ALL {
        plan(sparse(), way, None);
        plan(one_maximum(), way, None);
        plan(rearranged(), way, None);
        plan(thin(2), way, None);
    }
    // Few rows take several lanes.
    plan(thin(4), Way::Wide, Some(7));
    plans
}

#[test]
fn no_fixed_column_is_empty_and_every_kind_of_blinder_is_used() {
    let mut names = BTreeSet::new();
    for (plan, _) in plans() {
        names.extend(blinded(&plan).iter().map(|column| column.name));
    }
    let expected = [
        "weight",
        "function: key",
        "function: tag",
        "function: value",
        "linear: bias",
        "linear: enters D",
        "linear: D steps",
        "max: D steps",
        "product",
        "selector: carry of alpha",
        "selector: load of alpha",
        "selector: D",
        "selector: maximum",
        "selector: pairs",
        "window: lane steps",
        "window: mask",
        "window: steps",
    ];
    assert_eq!(names, expected.into());
}

#[test]
fn chunks_that_use_all_their_columns_have_no_blinder() {
    let mut b = Builder::new(64, 144);
    let x = b.input(2, 6, 6);
    let h = b.conv(&[(x, square(3, 1, 1))], (2, 6, 6));
    let p = b.max_pool(h, [2, 2], [2, 2], [0, 0], (3, 3));
    let y = b.dense(&[p], 3);
    b.graph.outputs.push(y);
    let (model, _) = chunk(b);
    for way in [Way::Wide, Way::Compact] {
        assert_eq!(blinded(&way.plan(&model, 0, &unhidden(None))), []);
    }
}

#[test]
fn chunk_in_the_shape_of_others_is_satisfied_and_has_no_empty_column() {
    for (model, inputs) in [sparse(), one_maximum(), rearranged(), thin(2)] {
        for way in [Way::Wide, Way::Compact] {
            let own = way.plan(&model, 0, &unhidden(None)).shape().clone();
            let sizes = |base: &CircuitShape| {
                if base.stacked {
                    return base.clone();
                }
                CircuitShape {
                    lanes: base.lanes + 1,
                    weights_per_row: 16,
                    hash_lanes: base.hash_lanes + 1,
                    ..base.clone()
                }
            };
            let shape = CircuitShape {
                k: own.k + 2,
                taps: own.taps + 3,
                functions: true,
                ..sizes(&own)
            };
            let options = PlanOptions {
                shape: Some(shape.clone()),
                ..unhidden(None)
            };
            let plan = ChunkPlan::new(&model, 0, &options).unwrap();
            assert_eq!(*plan.shape(), shape);
            fill(&plan).unwrap();
            let setup = setup_of(plan, &model, &inputs);
            verify(&setup, &setup.circuit).unwrap();
        }
    }
}

#[test]
fn shape_that_a_chunk_does_not_fit_in_is_refused() {
    let (model, _) = thin(4);
    let own = Way::Wide.plan(&model, 0, &unhidden(None)).shape().clone();
    let shapes = [
        CircuitShape {
            taps: own.taps - 1,
            ..own.clone()
        },
        CircuitShape {
            k: own.k - 1,
            ..own.clone()
        },
        CircuitShape {
            range: 2 * own.range,
            k: own.k + 1,
            ..own.clone()
        },
        CircuitShape {
            pooling: true,
            lanes: 1,
            ..own.clone()
        },
    ];
    for shape in shapes {
        let options = PlanOptions {
            shape: Some(shape.clone()),
            ..unhidden(None)
        };
        let refused = ChunkPlan::new(&model, 0, &options).unwrap_err();
        let is_refusal = matches!(
            refused,
            CircuitError::NotOfShape { chunk: 0 } | CircuitError::BadShape { .. }
        );
        assert!(is_refusal, "{shape:?}: {refused}");
    }
}

#[test]
fn column_that_nothing_may_fill_is_refused() {
    let (model, _) = sparse();
    let plan = Way::Wide.plan(&model, 0, &unhidden(None));
    for column in plan.arrangement.fixed_columns(plan.shape()) {
        let found = unread_cells(&plan, column);
        if let Err(error) = &found {
            assert!(
                matches!(error, CircuitError::ZeroColumn { .. }),
                "{error:?}"
            );
        }
        let always_full = [
            "lookup table",
            "active",
            "poseidon: constant",
            "selector: gamma",
            "selector: words",
            "window: held",
        ];
        let round = column.name.starts_with("selector: round");
        assert_eq!(
            found.is_err(),
            always_full.contains(&column.name) || round,
            "{column:?}"
        );
    }
}

/// The same trace without the blinders.
fn without(setup: &Setup) -> Setup {
    let mut fixed = FixedCells::clone(&setup.circuit.fixed);
    for column in blinded(&setup.plan) {
        for (role, row, _) in unread_cells(&setup.plan, column).unwrap() {
            fixed.set(role, row, Fr::ZERO);
        }
    }
    let circuit = Witnessed {
        fixed: Arc::new(fixed.finish().unwrap()),
        ..setup.circuit.clone()
    };
    setup.with(circuit, setup.instances.clone())
}

/// Whatever is accepted with the blinders is accepted without them, and the other way round but for cells that stand with one in the idle
/// row: a gate compares them there with a cell that nothing reads.
#[test]
fn change_of_any_cell_is_judged_as_without_blinders() {
    for (plan, inputs) in plans() {
        let model = plan.model.clone();
        let (active, idle) = (plan.active_rows(), plan.idle_row());
        let setup = super::setup_of(plan, &model, &inputs);
        assert_eq!(verify(&setup, &setup.circuit).map_err(|e| e.len()), Ok(()));
        let plain = without(&setup);
        let mut with = Evaluator::new(&setup, &setup.circuit);
        let mut without = Evaluator::new(&plain, &plain.circuit);
        assert_eq!((with.failures(), without.failures()), (vec![], vec![]));
        let mut compared = 0;
        let values = setup.plan.layout.first..setup.plan.layout.end;
        // All rows of a small circuit; of a larger one those around what the chunk computes and around its ends.
        let rows = (0..=active)
            .filter(|row| active < 300 || *row < 20 || *row + 20 > active || values.contains(row));
        for row in rows {
            for col in super::every_cell::columns(&setup) {
                for by in [1, -1] {
                    let (cell, by) = (col.at(row), signed(by));
                    let verdicts = (with.accepts(cell, by), without.accepts(cell, by));
                    let stricter = row == idle && verdicts == (false, true);
                    assert!(
                        verdicts.0 == verdicts.1 || stricter,
                        "{cell:?}: {verdicts:?}"
                    );
                    compared += 1;
                }
            }
        }
        assert!(compared > 500, "{compared}");
    }
}

/// Nothing reads what the gates of the idle row define: no gate of another row, no copy constraint.
#[test]
fn cells_that_a_blinder_defines_are_read_by_nothing() {
    for (plan, inputs) in plans() {
        let model = plan.model.clone();
        let idle = plan.idle_row();
        let setup = super::setup_of(plan, &model, &inputs);
        let recorder = Recorder::run(&setup.circuit.circuit());
        let copied = recorder.copies.iter().flatten();
        let mut in_row = copied.filter(|(_, row)| *row >= idle - 1);
        assert_eq!(in_row.next(), None);
        let mut evaluator = Evaluator::new(&setup, &setup.circuit);
        let taps = (0..setup.plan.shape().taps).map(Col::Beta);
        for col in taps.chain([Col::D, Col::Alpha, Col::Gamma]) {
            let rows = evaluator.rows_that_notice(col.at(idle), Fr::ONE);
            assert!(rows.iter().all(|row| *row == idle), "{col:?}: {rows:?}");
        }
    }
}

#[test]
fn blinders_of_hidden_weights_stand_before_the_idle_rows() {
    let (model, _) = sparse();
    for way in Way::ALL {
        for hide_weights in [HideWeights::Auto, HideWeights::Rows(9)] {
            let options = PlanOptions {
                hide_weights,
                objective: Objective::Time,
                ..PlanOptions::default()
            };
            let plan = way.plan(&model, 0, &options);
            assert!(plan.hide_rows() > 0);
            let weights = crate::circuit::hidden_rows(&plan);
            assert!(!weights.is_empty());
            let fixed = fill(&plan).unwrap();
            for (role, rows) in weights {
                assert!(rows.end < plan.idle_row());
                // Weights that are all 0 do not show: their columns have blinders of the seed, and no other.
                assert_eq!(fixed.column(role).unwrap()[plan.active_rows()], Fr::ZERO);
            }
        }
    }
}
