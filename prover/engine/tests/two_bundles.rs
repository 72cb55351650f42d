//! One model, one seed, two bundles: the budgets of both together must not reveal the weights.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use chainfer_circuits::{
    ChunkCircuit, ChunkPlan, ChunkWitness, HideWeights, InferenceCommitment, Objective,
    PlanOptions, chunk_instances,
};
use chainfer_engine::bundle::{CompileOptions, SrsChoice, compile};
use chainfer_engine::srs::{Srs, SrsStore};
use chainfer_formats::{B256, Visibility, hex::parse_word};
use chainfer_model::executor::execute;
use chainfer_model::partitioned::PartitionedModel;
use chainfer_model::quantized::QLayer;
use common::{compiled, inputs, model, two_chunks};
use halo2_proofs::dev::{CellValue, MockProver};
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::{bn256::Fr, ff::PrimeField};
use rand::rngs::OsRng;
use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

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

/// The seed that a bundle's blinders come from.
fn stored_seed(bundle: &Path) -> B256 {
    let text = fs::read_to_string(bundle.join("private/hiding.seed")).unwrap();
    parse_word(text.trim()).unwrap()
}

#[test]
fn whatever_is_compiled_goes_into_the_seed_of_a_bundle() {
    let options = CompileOptions {
        hide_weights: HideWeights::Rows(3),
        hiding_seed: Some([1; 32]),
        ..Default::default()
    };
    let seed = |model: &PartitionedModel, options: &CompileOptions<'_>| {
        let dir = tempfile::tempdir().unwrap();
        compiled(model, options, dir.path());
        stored_seed(&dir.path().join("bundle"))
    };
    let base = two_chunks();
    // Another head on the same backbone: chunk 0 is the same circuit with the same weights.
    let mut head = base.clone();
    let last = head.graph.layers.last_mut().unwrap();
    let QLayer::Linear(linear) = last else {
        panic!("the last layer is linear");
    };
    linear.element_bias[0] += 1;
    // The same integers under other names and scales.
    let mut scaled = base.clone();
    scaled.graph.tensors[0].quant.scale *= 2.0;
    let public_input = model(Visibility::Public, Visibility::Public, 2);
    let other_seed = CompileOptions {
        hiding_seed: Some([2; 32]),
        ..options.clone()
    };
    let other_rows = CompileOptions {
        hide_weights: HideWeights::Rows(4),
        ..options.clone()
    };
    let other_k = CompileOptions {
        k: Some(K),
        ..options.clone()
    };
    let other_objective = CompileOptions {
        objective: Objective::Gas,
        ..options.clone()
    };
    let seeds = [
        seed(&base, &options),
        seed(&head, &options),
        seed(&scaled, &options),
        seed(&public_input, &options),
        seed(&base, &other_seed),
        seed(&base, &other_rows),
        seed(&base, &other_k),
        seed(&base, &other_objective),
    ];
    assert_eq!(seeds[0], seed(&base, &options), "reproducible");
    let distinct: BTreeSet<B256> = seeds.into_iter().collect();
    assert_eq!(distinct.len(), seeds.len());
}

#[test]
fn setup_goes_into_the_seed_of_a_bundle() {
    let dir = tempfile::tempdir().unwrap();
    let store = SrsStore::new(dir.path().join("srs")).unwrap();
    let other = Srs::from_params(ParamsKZG::setup(K, OsRng)).unwrap();
    store.insert(&other).unwrap();
    let seed = |name: &str, srs: SrsChoice| {
        let options = CompileOptions {
            k: Some(K),
            hide_weights: HideWeights::Rows(3),
            hiding_seed: Some([1; 32]),
            srs,
            ..Default::default()
        };
        let bundle = dir.path().join(name);
        compile(&two_chunks(), &options, &store, &bundle).unwrap();
        stored_seed(&bundle)
    };
    let development = seed("a", SrsChoice::Development);
    let given = seed("b", SrsChoice::Digest(other.digest()));
    assert_ne!(development, given);
}
