//! Keys share no blinders, and two bundles within their budgets keep the weights.

use super::hidden;
use crate::circuit::fill;
use crate::tests::builder::{Builder, partition};
use crate::{ChunkPlan, HideWeights, Objective, PlanOptions};
use chainfer_model::partitioned::{PartitionedModel, Visibility};
use chainfer_model::quantized::QLayer;
use halo2curves::bn256::Fr;
use halo2curves::ff::{Field, PrimeField};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::BTreeSet;

fn options(objective: Objective, k: u32, rows: u32) -> PlanOptions {
    PlanOptions {
        shape: None,
        objective,
        k: Some(k),
        hide_weights: HideWeights::Rows(rows),
        hiding_seed: [5; 32],
    }
}

/// Two dense layers in a chunk each; the second has 54 weights.
fn model(input: Visibility, output: Visibility, chunks: &[usize]) -> PartitionedModel {
    let mut b = Builder::new(64, 101);
    let x = b.input(1, 1, 5);
    let h = b.dense(&[x], 9);
    let y = b.dense(&[h], 6);
    b.graph.outputs.push(y);
    partition(&b.graph, chunks, input, output)
}

fn blinders(model: &PartitionedModel, chunk: usize, options: &PlanOptions) -> Vec<Fr> {
    let plan = ChunkPlan::new(model, chunk, options).unwrap();
    let fixed = fill(&plan).unwrap();
    let mut all = Vec::new();
    for (role, rows) in hidden(&plan) {
        all.extend(
            fixed
                .column(role)
                .unwrap()
                .iter()
                .skip(rows.start)
                .take(rows.len()),
        );
    }
    assert!(all.len() >= plan.hide_rows() as usize);
    all
}

#[test]
fn keys_that_differ_anywhere_share_no_blinders() {
    use Visibility::{Committed, Public};
    let base = model(Committed, Public, &[1, 1]);
    let wide = options(Objective::Time, 9, 60);
    let compact = options(Objective::Gas, 10, 60);
    // The same weights in the same rows, for the inputs the other way round.
    let mut b = Builder::new(64, 103);
    let inputs = [b.input(1, 1, 4), b.input(1, 1, 4)];
    let y = b.dense(&inputs, 3);
    b.graph.outputs.push(y);
    let wired = partition(&b.graph, &[1], Committed, Public);
    let mut rewired = wired.clone();
    let QLayer::Linear(layer) = &mut rewired.graph.layers[0] else {
        panic!()
    };
    (layer.terms[0].input, layer.terms[1].input) = (inputs[1], inputs[0]);
    let visible = |columns: &PartitionedModel| {
        let plan = ChunkPlan::new(columns, 0, &options(Objective::Time, 9, 0)).unwrap();
        let fixed = fill(&plan).unwrap();
        let roles = plan.arrangement.fixed_columns(&plan.shape);
        let columns = roles.iter().map(|role| {
            fixed
                .column(*role)
                .unwrap()
                .iter()
                .copied()
                .collect::<Vec<_>>()
        });
        columns.collect::<Vec<_>>()
    };
    assert_eq!(visible(&wired), visible(&rewired));
    let seeded = PlanOptions {
        hiding_seed: [6; 32],
        ..wide.clone()
    };
    let variations = [
        ("base", blinders(&base, 1, &wide)),
        (
            "rows",
            blinders(&base, 1, &options(Objective::Time, 9, 120)),
        ),
        (
            "one row more",
            blinders(&base, 1, &options(Objective::Time, 9, 61)),
        ),
        ("k", blinders(&base, 1, &options(Objective::Time, 10, 60))),
        ("compact", blinders(&base, 1, &compact)),
        (
            "compact rows",
            blinders(&base, 1, &options(Objective::Gas, 10, 120)),
        ),
        ("chunk", blinders(&base, 0, &wide)),
        ("cut", blinders(&model(Committed, Public, &[2]), 0, &wide)),
        (
            "inputs",
            blinders(&model(Public, Public, &[1, 1]), 0, &wide),
        ),
        (
            "outputs",
            blinders(&model(Committed, Committed, &[1, 1]), 1, &wide),
        ),
        ("wired", blinders(&wired, 0, &wide)),
        ("rewired", blinders(&rewired, 0, &wide)),
        ("seed", blinders(&base, 1, &seeded)),
    ];
    for (i, (left, of_left)) in variations.iter().enumerate() {
        let of_left: BTreeSet<_> = of_left.iter().map(Fr::to_repr).collect();
        for (right, of_right) in &variations[..i] {
            let shared = of_right.iter().filter(|b| of_left.contains(&b.to_repr()));
            assert_eq!(shared.count(), 0, "{left} and {right}");
        }
    }
    assert_eq!(variations[0].1, blinders(&base, 1, &wide));
}

/// Lagrange coefficients of some rows at a point: what one opening of a column says of its cells.
fn opening(k: u32, rows: &[usize], at: Fr) -> Vec<Fr> {
    let omega = Fr::ROOT_OF_UNITY.pow([1 << (Fr::S - k)]);
    let n = 1u64 << k;
    let vanishing = (at.pow([n]) - Fr::ONE) * Fr::from(n).invert().unwrap();
    let of_row = |row: &usize| {
        let root = omega.pow([*row as u64]);
        vanishing * root * (at - root).invert().unwrap()
    };
    rows.iter().map(of_row).collect()
}

/// The solution of a linear system with at least as many equations as unknowns, if it has exactly one.
fn solve(mut system: Vec<(Vec<Fr>, Fr)>) -> Option<Vec<Fr>> {
    let unknowns = system[0].0.len();
    for at in 0..unknowns {
        let pivot = (at..system.len()).find(|row| system[*row].0[at] != Fr::ZERO)?;
        system.swap(at, pivot);
        let inverse = system[at].0[at].invert().unwrap();
        let (head, tail) = system.split_at_mut(at + 1);
        let (pivot, right) = &mut head[at];
        pivot.iter_mut().for_each(|c| *c *= inverse);
        *right *= inverse;
        for (row, value) in tail {
            let by = row[at];
            for (cell, of_pivot) in row[at..].iter_mut().zip(&pivot[at..]) {
                *cell -= by * of_pivot;
            }
            *value -= by * *right;
        }
    }
    if system[unknowns..]
        .iter()
        .any(|(_, value)| *value != Fr::ZERO)
    {
        return None;
    }
    let mut solution = vec![Fr::ZERO; unknowns];
    for at in (0..unknowns).rev() {
        let (row, value) = &system[at];
        let later: Fr = (at + 1..unknowns).map(|i| row[i] * solution[i]).sum();
        solution[at] = *value - later;
    }
    Some(solution)
}

/// Two bundles of one seed, at 60 and at 120 rows: 59 and 119 proofs are permitted. Whoever collects them has 178 equations in the 54
/// weights and, if the first 60 blinders are shared, 120 blinders.
#[test]
fn two_bundles_of_one_seed_keep_the_weights() {
    let k = 9;
    let model = model(Visibility::Committed, Visibility::Public, &[1, 1]);
    let bundles = [60, 120].map(|rows| {
        let plan = ChunkPlan::new(&model, 1, &options(Objective::Time, k, rows)).unwrap();
        assert_eq!((plan.shape.weights_per_row, plan.shape.lanes), (1, 1));
        let (role, blinded) = hidden(&plan)[0].clone();
        let column = fill(&plan)
            .unwrap()
            .column(role)
            .unwrap()
            .iter()
            .copied()
            .collect::<Vec<_>>();
        let rows = plan.check.iter().enumerate();
        let weights: Vec<usize> = rows
            .filter(|(_, row)| !row.weights.is_empty())
            .map(|(at, _)| at)
            .collect();
        (column, weights, blinded)
    });
    let [(small, weights, few), (large, others, many)] = &bundles;
    assert_eq!((weights, weights.len()), (others, 54));
    assert_eq!((few.start, few.len(), many.len()), (many.start, 60, 120));
    let unknown: Vec<usize> = weights.iter().copied().chain(many.clone()).collect();
    let attack = |small: &[Fr]| {
        let mut rng = StdRng::seed_from_u64(102);
        let mut system = Vec::new();
        for (column, blinded, proofs) in [(small, few, 59), (large, many, 119)] {
            for _ in 0..proofs {
                let at = opening(k, &unknown, Fr::random(&mut rng));
                let present = |row: &usize| weights.contains(row) || blinded.contains(row);
                let coefficients: Vec<Fr> = (at.iter().zip(&unknown))
                    .map(|(c, row)| if present(row) { *c } else { Fr::ZERO })
                    .collect();
                let cells = coefficients.iter().zip(&unknown);
                let value = cells.map(|(c, row)| *c * column[*row]).sum();
                system.push((coefficients, value));
            }
        }
        solve(system)
    };
    let secret: Vec<Fr> = weights.iter().map(|row| large[*row]).collect();
    // The attack works where blinders are shared.
    let mut shared = small.clone();
    shared[few.clone()].copy_from_slice(&large[few.clone()]);
    let found = attack(&shared).expect("more equations than unknowns");
    assert_eq!(found[..weights.len()], secret);
    // With blinders of their own, the equations contradict that assumption.
    assert!(attack(small).is_none());
}
