//! Every operator fixture, quantised coarsely and cut in one and in as many chunks as possible, satisfies its circuits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/golden.rs"]
mod golden;

use chainfer_circuits::{
    ChunkCircuit, ChunkPlan, ChunkWitness, InferenceCommitment, PlanOptions, chunk_instances,
};
use chainfer_model::executor::execute;
use chainfer_model::io::{load_inputs, load_samples};
use chainfer_model::load_model;
use chainfer_model::partition::{BoundaryVisibility, ChunkCount, CostModel, partition};
use chainfer_model::quantise::{QuantOptions, SaturationPolicy, quantise};
use chainfer_tests::golden_trace::{constraint_system_digest, trace_digests};
use chainfer_tests::{fixture, repository};
use halo2_proofs::dev::MockProver;
use halo2curves::bn256::Fr;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// A small activation range, so that circuits have few rows.
const RANGE: u32 = 480;

/// Checks all chunks of a cut; returns what is recorded of them.
fn check(model: &Path, chunks: impl Fn(usize) -> usize) -> Vec<Value> {
    let data = model.with_extension("json");
    let float = load_model(model).unwrap();
    let specs = float.input_specs();
    let samples = load_samples(&data, &specs, None).unwrap();
    let inputs = load_inputs(&data, &specs, None).unwrap();
    let options = QuantOptions {
        range: RANGE,
        ..QuantOptions::default()
    };
    let graph = quantise(&float, &samples, &options).unwrap().graph;
    let count = ChunkCount::Exactly(chunks(graph.layers.len()));
    let model = partition(
        graph,
        count,
        BoundaryVisibility::default(),
        &CostModel::default(),
    )
    .unwrap();
    let values = model
        .graph
        .quantise_inputs(&inputs, SaturationPolicy::Saturate)
        .unwrap();
    let trace = execute(&model.graph, &values).unwrap();
    let commitment = Arc::new(InferenceCommitment::new(&model, &trace.tensors, &[3; 32]));
    let witness = ChunkWitness {
        values: Arc::new(trace.tensors),
        commitment: commitment.clone(),
    };
    let mut digests = Vec::new();
    for chunk in 0..model.chunks.len() {
        let plan = Arc::new(ChunkPlan::new(&model, chunk, &PlanOptions::default()).unwrap());
        let circuit = ChunkCircuit::for_proof(plan.clone(), &witness).unwrap();
        let instances = chunk_instances(&model, chunk, &witness.values, &commitment, Fr::from(5));
        let prover = MockProver::run(plan.shape().k, &circuit, vec![instances]).unwrap();
        assert!(prover.verify().is_ok(), "chunk {chunk}");
        let mut made = json!({ "system": constraint_system_digest(&circuit) });
        for (part, digest) in trace_digests(&circuit, &prover) {
            made[part] = digest.into();
        }
        digests.push(made);
    }
    digests
}

#[test]
fn operator_fixtures_satisfy_their_golden_circuits() {
    let mut models: Vec<_> = std::fs::read_dir(fixture("ops"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "onnx"))
        .collect();
    models.sort();
    assert!(models.len() >= 30);
    let mut made = json!({});
    for model in models {
        let name = model.file_stem().unwrap().to_string_lossy().into_owned();
        let cuts = std::panic::catch_unwind(|| [check(&model, |_| 1), check(&model, |n| n)]);
        assert!(cuts.is_ok(), "{name}");
        for cut in cuts.unwrap() {
            let count = cut.len();
            for (chunk, digests) in cut.into_iter().enumerate() {
                made[&name][format!("{} of {count}", chunk + 1)] = digests;
            }
        }
    }
    golden::compare(&repository(), "operators.json", &made);
}
