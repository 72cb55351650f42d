//! Digests of what keys and proofs are made of: constraint systems, fixed columns, copy constraints, and both phases of the
//! trace under fixed challenges. They change only with the circuits themselves.
//!
//! `CHAINFER_BLESS=1` writes the file anew; `scripts/golden` does.

use super::builder::{Builder, Conv, partition, square};
use super::recorder::Recorder;
use super::setup;
use crate::{ChunkCircuit, CircuitShape, HideWeights, Objective, PlanOptions, catalogue};
use chainfer_model::partitioned::{PartitionedModel, Visibility};
use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use halo2curves::bn256::Fr;
use halo2curves::ff::PrimeField;
use sha3::{Digest, Keccak256};
use std::fmt::Write;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/golden.txt");

fn hex(digest: &[u8]) -> String {
    digest[..12].iter().map(|b| format!("{b:02x}")).collect()
}

fn digest_columns(columns: &[Vec<Fr>]) -> String {
    let mut hasher = Keccak256::new();
    for column in columns {
        hasher.update((column.len() as u64).to_be_bytes());
        for value in column {
            hasher.update(value.to_repr());
        }
    }
    hex(&hasher.finalize())
}

fn pinned(shape: &CircuitShape) -> String {
    let mut meta = ConstraintSystem::default();
    ChunkCircuit::configure_with_params(&mut meta, shape.clone()).unwrap();
    let text = format!("{:?}", meta.pinned());
    hex(&Keccak256::digest(text.as_bytes()))
}

/// Operators that came after the file's first lines, where there are any.
fn further(shape: &CircuitShape) -> String {
    let flags = [("functions", shape.functions), ("products", shape.products)];
    let present = flags.into_iter().filter(|(_, present)| *present);
    present.map(|(name, _)| format!(" {name} true")).collect()
}

/// Every kind of constraint system.
fn shapes(out: &mut String) {
    let mut all = Vec::new();
    for taps in 0..=4 {
        for pooling in [false, true] {
            all.push(CircuitShape {
                k: 9,
                range: 64,
                limbs: 1,
                lanes: 1,
                taps,
                weights_per_row: 1,
                hash_lanes: 1,
                pooling,
                stacked: true,
                ..CircuitShape::default()
            });
        }
    }
    for pooling in [false, true] {
        for lanes in if pooling { 2..=4 } else { 1..=4 } {
            for (taps, weights_per_row, hash_lanes, limbs) in [
                (0, 1, 1, 1),
                (1, 2, 3, 2),
                (2, 4, 2, 4),
                (3, 8, 8, 1),
                (5, 4, 1, 1),
            ] {
                all.push(CircuitShape {
                    k: 9,
                    range: 64,
                    limbs,
                    lanes,
                    taps,
                    weights_per_row,
                    hash_lanes,
                    pooling,
                    stacked: false,
                    ..CircuitShape::default()
                });
            }
        }
    }
    for (functions, products) in [(true, false), (false, true), (true, true)] {
        for (stacked, lanes, taps, limbs) in [
            (true, 1, 2, 1),
            (true, 1, 3, 1),
            (false, 1, 2, 2),
            (false, 2, 2, 1),
            (false, 3, 5, 4),
            (false, 4, 3, 1),
        ] {
            for pooling in [false, true] {
                let shape = CircuitShape {
                    k: 9,
                    range: 64,
                    limbs,
                    lanes,
                    taps,
                    weights_per_row: 1,
                    hash_lanes: 1,
                    pooling,
                    stacked,
                    functions,
                    products,
                };
                all.extend(shape.validate().is_ok().then_some(shape));
            }
        }
    }
    for shape in all {
        shape.validate().unwrap();
        let digest = pinned(&shape);
        writeln!(
            out,
            "shape lanes {} taps {} weights {} hash {} limbs {} pooling {} compact {}{}: {digest}",
            shape.lanes,
            shape.taps,
            shape.weights_per_row,
            shape.hash_lanes,
            shape.limbs,
            shape.pooling,
            shape.stacked,
            further(&shape),
        )
        .unwrap();
    }
}

/// The canonical shapes, whose verifiers are deployed: whatever changes these lines needs new ones.
fn canonical(out: &mut String) {
    for entry in catalogue::ENTRIES {
        let digest = pinned(&entry.shape(12));
        assert_eq!(digest, pinned(&entry.shape(19)), "k is data of a key");
        writeln!(out, "canonical {}: {digest}", entry.name).unwrap();
    }
}

fn chunk(
    out: &mut String,
    name: &str,
    model: &PartitionedModel,
    inputs: &[Vec<u32>],
    chunk: usize,
    options: &PlanOptions,
) {
    let setup = setup(model, inputs, chunk, options);
    let shape = setup.plan.shape();
    let digest = pinned(shape);
    let recorder = Recorder::run(&setup.circuit.circuit());
    let mut copies = Keccak256::new();
    for [(left, left_row), (right, right_row)] in &recorder.copies {
        copies.update(format!(
            "{:?} {} {left_row} {:?} {} {right_row};",
            left.column_type(),
            left.index(),
            right.column_type(),
            right.index()
        ));
    }
    writeln!(
        out,
        "{name} chunk {chunk} k {} lanes {} taps {} weights {} hash {} limbs {} pooling {} compact {}{} hide {}:\n  system {digest} fixed {} copies {} trace {}",
        shape.k, shape.lanes, shape.taps, shape.weights_per_row, shape.hash_lanes, shape.limbs, shape.pooling, shape.stacked, further(shape),
        setup.plan.hide_rows(),
        digest_columns(&recorder.fixed),
        hex(&copies.finalize()),
        digest_columns(&recorder.advice),
    )
    .unwrap();
}

/// Skip connections, groups, folded pooling, two inputs, two outputs, three chunks.
fn branches(pool: bool, range: u32) -> (PartitionedModel, Vec<Vec<u32>>) {
    let mut b = Builder::new(range, 51);
    let x = b.input(2, 6, 5);
    let w = b.input(1, 1, 7);
    let a = b.conv(&[(x, square(3, 1, 1))], (2, 6, 5));
    let a = if pool {
        b.max_pool(a, [1, 3], [1, 1], [0, 1], (6, 5))
    } else {
        a
    };
    let depthwise = Conv {
        groups: 2,
        ..square(1, 1, 0)
    };
    let c = b.conv(&[(a, square(3, 1, 1)), (x, depthwise)], (2, 6, 5));
    let pooled = Conv {
        pre_pool: [2, 2],
        ..square(1, 1, 0)
    };
    let d = b.conv(&[(c, square(2, 2, 0)), (x, pooled)], (3, 3, 2));
    let d = if pool {
        b.max_pool(d, [2, 2], [1, 1], [0, 0], (2, 1))
    } else {
        d
    };
    let y = b.dense(&[d, w], 4);
    b.graph.outputs.extend([c, y]);
    let inputs = b.values();
    let layers = b.graph.layers.len();
    let model = partition(
        &b.graph,
        &[1, layers - 2, 1],
        Visibility::Committed,
        Visibility::Public,
    );
    (model, inputs)
}

/// Wide enough for several lanes to pay.
fn tall() -> (PartitionedModel, Vec<Vec<u32>>) {
    let mut b = Builder::new(64, 52);
    let x = b.input(3, 12, 11);
    let a = b.conv(&[(x, square(3, 2, 1))], (4, 6, 6));
    let h = b.max_pool(a, [2, 2], [2, 2], [0, 0], (3, 3));
    let y = b.dense(&[h], 9);
    b.graph.outputs.push(y);
    let inputs = b.values();
    let model = partition(&b.graph, &[1, 2], Visibility::Public, Visibility::Committed);
    (model, inputs)
}

/// Fits in 2^8 rows, where a range over 240 takes limbs.
fn small(pool: bool, range: u32) -> (PartitionedModel, Vec<Vec<u32>>) {
    let mut b = Builder::new(range, 53);
    let x = b.input(1, 4, 4);
    let mut h = b.conv(&[(x, square(3, 1, 1))], (2, 4, 4));
    if pool {
        h = b.max_pool(h, [2, 2], [2, 2], [0, 0], (2, 2));
    }
    let y = b.dense(&[h], 3);
    b.graph.outputs.push(y);
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

/// Constants, a gather, two functions, products of elements and of matrices.
fn activations() -> (PartitionedModel, Vec<Vec<u32>>) {
    let mut b = Builder::new(64, 54);
    let (x, w) = (b.input(2, 4, 3), b.input(1, 1, 6));
    let (f, g) = (b.table(), b.table());
    let c = b.constants(2, 4, 3);
    let h = b.function(x, f);
    let p = b.product(h, c, (2, 4, 3));
    let q = b.gather(&[p, w], (3, 2, 2));
    let h = b.function(q, g);
    let m = b.mat_mul(w, h, 1, 2);
    let y = b.function(m, f);
    b.graph.outputs.extend([p, y]);
    let inputs = b.values();
    let (input, output) = (Visibility::Committed, Visibility::Public);
    let model = partition(&b.graph, &[3, 4], input, output);
    (model, inputs)
}

fn golden() -> String {
    let mut out = String::new();
    shapes(&mut out);
    canonical(&mut out);
    let options = |objective, k| PlanOptions {
        shape: None,
        objective,
        k,
        hide_weights: HideWeights::Auto,
        hiding_seed: [9; 32],
    };
    for (name, (model, inputs)) in [
        ("branches", branches(false, 240)),
        ("branches-pool", branches(true, 240)),
        ("tall", tall()),
    ] {
        for objective in [Objective::Time, Objective::Gas, Objective::Memory] {
            for k in [None, Some(9), Some(10)] {
                for at in 0..model.chunks.len() {
                    if k == Some(9) && objective != Objective::Time {
                        continue;
                    }
                    let name = format!("{name} {objective:?}");
                    chunk(&mut out, &name, &model, &inputs, at, &options(objective, k));
                }
            }
        }
    }
    for range in [480, 960] {
        for pool in [false, true] {
            let (model, inputs) = small(pool, range);
            let options = options(Objective::Time, Some(8));
            let name = format!("limbs {range} {pool}");
            chunk(&mut out, &name, &model, &inputs, 0, &options);
        }
    }
    let (model, inputs) = branches(true, 240);
    for objective in [Objective::Time, Objective::Gas] {
        for rows in [0, 7] {
            let options = PlanOptions {
                hide_weights: HideWeights::Rows(rows),
                ..options(objective, None)
            };
            chunk(&mut out, "hide", &model, &inputs, 1, &options);
        }
    }
    let (model, inputs) = activations();
    for objective in [Objective::Time, Objective::Gas, Objective::Memory] {
        for at in 0..model.chunks.len() {
            let name = format!("activations {objective:?}");
            chunk(
                &mut out,
                &name,
                &model,
                &inputs,
                at,
                &options(objective, None),
            );
        }
    }
    out
}

#[test]
fn circuits_and_traces_match_the_golden_file() {
    let found = golden();
    if std::env::var("CHAINFER_BLESS").is_ok() {
        std::fs::write(FILE, &found).unwrap();
    }
    let expected = std::fs::read_to_string(FILE).unwrap_or_default();
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found, expected, "the golden file is not complete");
}
