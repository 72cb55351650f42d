//! What an audit without weights relies on: weights and biases decide nothing but their own columns, and no gate reads those columns
//! where no weight stands.

use super::builder::{Builder, partition, square};
use super::recorder::{Recorder, challenge};
use super::way::Way;
use crate::chip::linear::{BIAS, taken};
use crate::chip::rlc::{FOLD_R, FOLD_Z, WEIGHT, weight};
use crate::circuit::fill;
use crate::columns::{CellRef, Fix};
use crate::plan::names::holds_weights;
use crate::trace::FixedCells;
use crate::{ChunkCircuit, ChunkPlan, HideWeights, Objective, PlanOptions};
use chainfer_model::partitioned::{PartitionedModel, Visibility};
use chainfer_model::quantized::{QLayer, QMatMul, QProduct, TermMap};
use halo2_proofs::plonk::{Any, Expression};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::sync::Arc;

const R: u32 = 64;

/// A grouped convolution, a sum of branches, a maximum and a dense layer in two chunks.
fn network() -> PartitionedModel {
    let mut b = Builder::new(R, 131);
    let x = b.input(2, 4, 4);
    let mut grouped = square(3, 1, 1);
    grouped.groups = 2;
    let a = b.conv(&[(x, grouped)], (4, 4, 4));
    let c = b.conv(&[(a, square(1, 1, 0)), (x, square(3, 1, 1))], (3, 4, 4));
    let p = b.max_pool(c, [2, 2], [2, 2], [0, 0], (2, 2));
    let y = b.dense(&[p], 5);
    b.graph.outputs.push(y);
    partition(&b.graph, &[2, 2], Visibility::Committed, Visibility::Public)
}

/// Products of elements and of matrices, a function and a gather in two chunks.
fn activations() -> PartitionedModel {
    let mut b = Builder::new(R, 132);
    let x = b.input(2, 3, 3);
    let p = b.product(x, x, (2, 3, 3));
    let f = b.table();
    let h = b.function(p, f);
    let g = b.gather(&[h, x], (1, 2, 3));
    let q = b.mat_mul(x, g, 1, 2);
    b.graph.outputs.push(q);
    let model = partition(&b.graph, &[2, 2], Visibility::Committed, Visibility::Public);
    assert_eq!(model.chunks.len(), 2);
    model
}

fn options(hide: u32) -> PlanOptions {
    PlanOptions {
        hide_weights: HideWeights::Rows(hide),
        hiding_seed: [3; 32],
        ..PlanOptions::default()
    }
}

/// The same model with other weights and biases.
fn with_weights(model: &PartitionedModel, mut value: impl FnMut() -> i64) -> PartitionedModel {
    let mut model = model.clone();
    for layer in &mut model.graph.layers {
        let linear = match layer {
            QLayer::Linear(linear) => linear,
            QLayer::Product(QProduct {
                weights,
                element_bias,
                ..
            })
            | QLayer::MatMul(QMatMul {
                weights,
                element_bias,
                ..
            }) => {
                weights.iter_mut().for_each(|w| *w = value() / 8);
                element_bias.iter_mut().for_each(|w| *w = value());
                continue;
            }
            QLayer::MaxPool(_) | QLayer::Gather(_) | QLayer::Function(_) => continue,
        };
        linear.element_bias.iter_mut().for_each(|w| *w = value());
        for term in &mut linear.terms {
            let (TermMap::Dense { weights }
            | TermMap::Conv(chainfer_model::quantized::ConvMap { weights, .. })) = &mut term.map;
            weights.iter_mut().for_each(|w| *w = value());
        }
    }
    model
}

/// Everything of a plan that makes up its key, but for the columns of weights.
#[derive(Debug, PartialEq)]
struct Visible {
    summary: String,
    hide_rows: u32,
    fixed: Vec<(Fix, Vec<Fr>)>,
    copies: Vec<(CellRef, CellRef)>,
    instances: Vec<(CellRef, usize)>,
}

fn parts(plan: &ChunkPlan) -> (Visible, Vec<Vec<Fr>>) {
    let fixed = fill(plan).unwrap();
    let column = |role: Fix| {
        fixed
            .column(role)
            .unwrap()
            .iter()
            .copied()
            .collect::<Vec<_>>()
    };
    let roles = plan.arrangement.fixed_columns(&plan.shape).into_iter();
    let (weights, others): (Vec<Fix>, Vec<Fix>) = roles.partition(|role| holds_weights(*role));
    let visible = Visible {
        summary: format!("{:?}", plan.summary()),
        hide_rows: plan.hide_rows(),
        fixed: others
            .into_iter()
            .map(|role| (role, column(role)))
            .collect(),
        copies: plan.copies().unwrap(),
        instances: plan.instance_copies(),
    };
    (visible, weights.into_iter().map(column).collect())
}

#[test]
fn weights_decide_nothing_but_their_columns() {
    for base in [network(), activations()] {
        assert_weights_decide_nothing_else(&base);
    }
}

fn assert_weights_decide_nothing_else(base: &PartitionedModel) {
    let mut rng = StdRng::seed_from_u64(137);
    let mut others = vec![with_weights(base, || 0)];
    // As large as the bound of the accumulators allows for all of them.
    others.push(with_weights(base, || 60));
    for _ in 0..3 {
        others.push(with_weights(base, || rng.gen_range(-60..=60)));
    }
    let by_objective = |objective| {
        move |model: &PartitionedModel, chunk: usize, options: &PlanOptions| {
            let options = PlanOptions {
                objective,
                ..options.clone()
            };
            ChunkPlan::new(model, chunk, &options).unwrap()
        }
    };
    let canonical = |model: &PartitionedModel, chunk: usize, options: &PlanOptions| {
        Way::Canonical.plan(model, chunk, options)
    };
    type Planner<'a> = &'a dyn Fn(&PartitionedModel, usize, &PlanOptions) -> ChunkPlan;
    let planners: [(Planner<'_>, u32); 5] = [
        (&by_objective(Objective::Time), 0),
        (&by_objective(Objective::Gas), 5),
        (&by_objective(Objective::Memory), 5),
        (&canonical, 0),
        (&canonical, 5),
    ];
    for (planner, hide) in planners {
        let options = options(hide);
        for chunk in 0..2 {
            let (visible, weights) = parts(&planner(base, chunk, &options));
            for other in &others {
                let (seen, hidden) = parts(&planner(other, chunk, &options));
                assert_eq!(visible, seen);
                assert_ne!(weights, hidden);
            }
        }
    }
}

/// The cells of weight columns that a gate depends on: (index of the fixed column, row).
fn read_cells(recorder: &Recorder, plan: &ChunkPlan) -> BTreeSet<(usize, usize)> {
    let roles = plan.arrangement.fixed_columns(&plan.shape);
    let of_weights: Vec<usize> = (0..roles.len())
        .filter(|i| holds_weights(roles[*i]))
        .collect();
    let rows = 1usize << plan.shape.k;
    let mut rng = StdRng::seed_from_u64(139);
    let mut read = BTreeSet::new();
    for gate in recorder.system.gates() {
        for polynomial in gate.polynomials() {
            for row in 0..rows {
                let advice: Vec<[Fr; 3]> = (0..recorder.advice.len())
                    .map(|_| [0; 3].map(|_| Fr::random(&mut rng)))
                    .collect();
                let value =
                    |own: usize, by: Fr| evaluate(recorder, polynomial, row, &advice, (own, by));
                for column in &of_weights {
                    if value(*column, Fr::from(5)) != value(*column, Fr::from(6)) {
                        read.insert((*column, row));
                    }
                }
            }
        }
    }
    read
}

/// A gate's value in a row of random advice, with one fixed cell replaced.
fn evaluate(
    recorder: &Recorder,
    polynomial: &Expression<Fr>,
    row: usize,
    advice: &[[Fr; 3]],
    (column, replaced): (usize, Fr),
) -> Fr {
    polynomial.evaluate(
        &|constant| constant,
        &|_| Fr::ZERO,
        &|query| {
            assert_eq!(query.rotation().0, 0);
            match query.column_index() {
                own if own == column => replaced,
                other => recorder.fixed[other].get(row).copied().unwrap_or(Fr::ZERO),
            }
        },
        &|query| advice[query.column_index()][(query.rotation().0 + 1) as usize],
        &|_| Fr::from(11),
        &|of| challenge(of.index()),
        &|a| -a,
        &|a, b| a + b,
        &|a, b| a * b,
        &|a, by| a * by,
    )
}

/// The cells where weights and biases stand, padding of folds included.
fn planned_cells(plan: &ChunkPlan, fixed: &FixedCells) -> BTreeSet<(usize, usize)> {
    let roles = plan.arrangement.fixed_columns(&plan.shape);
    let index = |role: Fix| roles.iter().position(|r| *r == role).unwrap();
    let mut planned = BTreeSet::new();
    for row in 0..plan.usable {
        if [FOLD_R, FOLD_Z]
            .iter()
            .any(|flag| fixed.is_set(*flag, row).unwrap())
        {
            planned.extend((0..plan.shape.weights_per_row).map(|t| (index(weight(t)), row)));
        }
        for lane in 0..plan.shape.lanes {
            if fixed.is_set(taken(lane), row).unwrap() {
                let own = roles.iter().position(|r| r.name == BIAS && r.at[0] == lane);
                planned.insert((own.unwrap_or_else(|| index(weight(0))), row));
            }
        }
    }
    planned
}

#[test]
fn weight_columns_are_read_where_weights_stand_and_nowhere_else() {
    let mut padded = 0;
    let models = [network(), activations()];
    for (model, way) in models
        .iter()
        .flat_map(|model| Way::ALL.map(|way| (model, way)))
    {
        for chunk in 0..2 {
            let plan = Arc::new(way.plan(model, chunk, &options(4)));
            let circuit = ChunkCircuit::for_keygen(Arc::clone(&plan)).unwrap();
            let recorder = Recorder::run(&circuit);
            let fixed = fill(&plan).unwrap();
            let read = read_cells(&recorder, &plan);
            assert_eq!(read, planned_cells(&plan, &fixed));

            let spec = &model.chunks[chunk];
            let layers = &model.graph.layers[spec.first_layer..spec.end_layer];
            let own: usize = layers
                .iter()
                .map(|layer| layer.weights() + layer.element_bias().map_or(0, <[i64]>::len))
                .sum();
            assert!(read.len() >= own, "{} {own}", read.len());
            padded += read.len() - own;

            // The blinders are behind all of them, in rows that no gate reads.
            for (role, rows) in crate::circuit::hidden_rows(&plan) {
                let roles = plan.arrangement.fixed_columns(&plan.shape);
                let column = roles.iter().position(|r| *r == role).unwrap();
                assert_eq!(rows.len(), 4);
                for row in rows {
                    assert!(!read.contains(&(column, row)), "{role:?} {row}");
                    assert_ne!(recorder.fixed[column][row], Fr::ZERO);
                }
            }
        }
    }
    // The cells that pad a fold to whole rows, or stand for gaps of a layout, are read, too: docs/security.md says what they can do.
    assert!(padded > 0);
}

#[test]
fn weight_columns_are_in_no_copy_constraint_and_no_lookup() {
    for way in Way::ALL {
        let plan = way.plan(&network(), 0, &options(4));
        let circuit = ChunkCircuit::for_keygen(Arc::new(plan)).unwrap();
        let Recorder { system, copies, .. } = Recorder::run(&circuit);
        let columns = system.permutation().get_columns();
        assert!(columns.iter().all(|c| *c.column_type() != Any::Fixed));
        let mut copied = copies.iter().flatten();
        assert!(copied.all(|(c, _)| *c.column_type() != Any::Fixed));
        assert!(system.lookups().is_empty());
    }
    // The weight columns' names, by which the audit knows them.
    assert!(holds_weights(Fix::nth(WEIGHT, 3)) && holds_weights(Fix::nth(BIAS, 1)));
}
