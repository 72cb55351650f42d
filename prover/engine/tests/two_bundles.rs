//! One model, one seed, two bundles: the budgets of both together must not reveal the weights.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use chainfer_circuits::{
    ChunkCircuit, ChunkPlan, ChunkWitness, HideWeights, InferenceCommitment, PlanOptions,
    chunk_instances,
};
use chainfer_engine::bundle::CompileOptions;
use chainfer_formats::hex::parse_word;
use chainfer_model::executor::execute;
use common::{compiled, inputs, two_chunks};
use halo2_proofs::dev::{CellValue, MockProver};
use halo2curves::{bn256::Fr, ff::PrimeField};
use std::{collections::BTreeSet, fs, sync::Arc};

const K: u32 = 9;

/// The large values among the fixed cells of a chunk: blinders, and Poseidon's constants.
fn large_fixed_values(hide_rows: u32, hiding_seed: [u8; 32], chunk: usize) -> BTreeSet<[u8; 32]> {
    let model = two_chunks();
    let options = PlanOptions {
        k: Some(K),
        hide_weights: HideWeights::Rows(hide_rows),
        hiding_seed,
        ..Default::default()
    };
    let plan = Arc::new(ChunkPlan::new(&model, chunk, &options).unwrap());
    let trace = execute(&model.graph, &inputs()).unwrap();
    let commitment = InferenceCommitment::new(&model, &trace.tensors, &[7; 32]);
    let witness = ChunkWitness {
        values: Arc::new(trace.tensors),
        commitment: Arc::new(commitment),
    };
    let circuit = ChunkCircuit::for_proof(plan, &witness).unwrap();
    let instances = chunk_instances(
        &model,
        chunk,
        &witness.values,
        &witness.commitment,
        Fr::from(5),
    );
    let prover = MockProver::run(K, &circuit, vec![instances]).unwrap();
    let cells = prover.fixed().iter().flatten();
    cells
        .filter_map(|cell| match cell {
            CellValue::Assigned(value) => Some(value.to_repr()),
            _ => None,
        })
        // Weights and flags are small, or small and negative.
        .filter(|repr| {
            let negative = (-Fr::from_repr(*repr).unwrap()).to_repr();
            repr[16..].iter().any(|b| *b != 0) && negative[16..].iter().any(|b| *b != 0)
        })
        .collect()
}

#[test]
fn bundles_of_one_seed_and_other_budgets_share_no_blinders() {
    let seed_of = |hide_rows: u32| {
        let dir = tempfile::tempdir().unwrap();
        let options = CompileOptions {
            k: Some(K),
            hide_weights: HideWeights::Rows(hide_rows),
            hiding_seed: Some([1; 32]),
            ..Default::default()
        };
        compiled(&two_chunks(), &options, dir.path());
        let text = fs::read_to_string(dir.path().join("bundle/private/hiding.seed")).unwrap();
        parse_word(text.trim()).unwrap().0
    };
    let (small, large) = (seed_of(60), seed_of(120));
    for chunk in 0..2 {
        let constants = large_fixed_values(0, small, chunk);
        let blinders = |rows: u32, seed: [u8; 32]| -> BTreeSet<[u8; 32]> {
            let all = large_fixed_values(rows, seed, chunk);
            all.difference(&constants).copied().collect()
        };
        let (a, b) = (blinders(60, small), blinders(120, large));
        assert!(a.len() >= 60 && a.len().is_multiple_of(60), "{}", a.len());
        assert_eq!(b.len(), 2 * a.len(), "twice the rows of as many columns");
        // With shared blinders, 59 + 119 proofs would be equations in 120 blinders a column and the weights.
        assert!(a.is_disjoint(&b), "chunk {chunk}");
    }
}

#[test]
fn setup_goes_into_the_seed_of_a_bundle() {
    let dir = tempfile::tempdir().unwrap();
    let options = CompileOptions {
        hide_weights: HideWeights::Rows(3),
        hiding_seed: Some([1; 32]),
        ..Default::default()
    };
    compiled(&two_chunks(), &options, dir.path());
    let text = fs::read_to_string(dir.path().join("bundle/private/hiding.seed")).unwrap();
    let setup = chainfer_formats::srs::DEVELOPMENT_DIGEST;
    let expected =
        chainfer_formats::digest::keccak256(&[b"chainfer.hiding.v1", &[1; 32], &setup.0]);
    assert_eq!(parse_word(text.trim()).unwrap(), expected);
}
