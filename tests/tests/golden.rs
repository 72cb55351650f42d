//! What must not change by accident: the demo model's circuits and keys, and the committed contracts. `scripts/golden`
//! writes the golden files anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/golden.rs"]
mod golden;

use chainfer_circuits::{
    ChunkCircuit, ChunkPlan, ChunkWitness, InferenceCommitment, Objective, PlanOptions,
    chunk_instances,
};
use chainfer_engine::keys;
use chainfer_engine::srs::SrsStore;
use chainfer_model::executor::execute;
use chainfer_tests::golden_trace::{constraint_system_digest, debug_digest, trace_digests};
use chainfer_tests::{Prepared, digits, prepare, repository};
use halo2_proofs::dev::MockProver;
use halo2curves::bn256::Fr;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Constraint system, verifying key and assignment of every chunk.
fn record(chunks: usize, objective: Objective) -> Value {
    let Prepared { model, values, .. } = prepare(&digits(), chunks).unwrap();
    let trace = execute(&model.graph, &values).unwrap();
    let commitment = Arc::new(InferenceCommitment::new(&model, &trace.tensors, &[3; 32]));
    let witness = ChunkWitness {
        values: Arc::new(trace.tensors),
        commitment: commitment.clone(),
    };
    let options = PlanOptions {
        objective,
        hiding_seed: [7; 32],
        ..PlanOptions::default()
    };
    let store = SrsStore::new(std::env::temp_dir().join("chainfer-tests-srs")).unwrap();
    let mut made = json!({ "root": debug_digest(&commitment.root()) });
    for chunk in 0..chunks {
        let plan = Arc::new(ChunkPlan::new(&model, chunk, &options).unwrap());
        let srs = store.development(plan.shape().k).unwrap();
        let circuit = ChunkCircuit::for_keygen(plan.clone()).unwrap();
        let key = keys::generate(&srs, &circuit).unwrap();
        let circuit = ChunkCircuit::for_proof(plan.clone(), &witness).unwrap();
        let instances = chunk_instances(&model, chunk, &witness.values, &commitment, Fr::from(5));
        let prover = MockProver::run(plan.shape().k, &circuit, vec![instances]).unwrap();
        let mut digests = json!({
            "k": plan.shape().k,
            "system": constraint_system_digest(&circuit),
            "key": debug_digest(&key.get_vk().pinned()),
        });
        for (part, digest) in trace_digests(&circuit, &prover) {
            digests[part] = digest.into();
        }
        made[format!("chunk {chunk}")] = digests;
    }
    made
}

#[test]
fn circuits_of_the_demo_model_are_the_golden_ones() {
    let mut made = json!({});
    for chunks in [1, 3, 5] {
        for (objective, name) in [(Objective::Time, "time"), (Objective::Gas, "gas")] {
            made[format!("digits {chunks} {name}")] = record(chunks, objective);
        }
    }
    golden::compare(&repository(), "circuits.json", &made);
}

/// JSON as text with sorted keys, whatever order the parser keeps.
fn sorted(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let map: BTreeMap<_, _> = map.iter().map(|(k, v)| (k, sorted(v))).collect();
            format!("{map:?}")
        }
        Value::Array(list) => format!("{:?}", list.iter().map(sorted).collect::<Vec<_>>()),
        other => other.to_string(),
    }
}

/// A test of the command line holds the artefacts to the sources.
#[test]
fn contracts_are_the_golden_ones() {
    let mut made = json!({});
    for entry in std::fs::read_dir(repository().join("contracts/artefacts")).unwrap() {
        let path = entry.unwrap().path();
        let artefact: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        for part in ["abi", "bytecode", "deployedBytecode"] {
            made[&name][part] = debug_digest(&sorted(&artefact[part])).into();
        }
    }
    golden::compare(&repository(), "contracts.json", &made);
}
