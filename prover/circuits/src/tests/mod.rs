//! Tests on whole chunk circuits with the mock prover.

mod builder;
mod every_cell;
mod golden;
mod honest;
mod negative;
mod windows;

use crate::columns::{CellRef, Col};
use crate::{
    ChunkCircuit, ChunkPlan, ChunkWitness, InferenceCommitment, Objective, PlanOptions,
    chunk_instances,
};
use builder::Builder;
use chainfer_model::executor::execute;
use chainfer_model::partitioned::{PartitionedModel, Visibility};
use halo2_proofs::dev::{MockProver, VerifyFailure};
use halo2curves::bn256::Fr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A chunk ready for the mock prover.
pub(crate) struct Setup {
    pub(crate) plan: Arc<ChunkPlan>,
    pub(crate) circuit: ChunkCircuit,
    pub(crate) instances: Vec<Fr>,
}

pub(crate) fn setup(
    model: &PartitionedModel,
    inputs: &[Vec<u32>],
    chunk: usize,
    options: &PlanOptions,
) -> Setup {
    let trace = execute(&model.graph, inputs).unwrap();
    let commitment = Arc::new(InferenceCommitment::new(model, &trace.tensors, &[7; 32]));
    let instances = chunk_instances(model, chunk, &trace.tensors, &commitment, Fr::from(42));
    let plan = Arc::new(ChunkPlan::new(model, chunk, options).unwrap());
    assert_eq!(plan.num_public() + 2, instances.len());
    let witness = ChunkWitness {
        values: Arc::new(trace.tensors),
        commitment,
    };
    let circuit = ChunkCircuit::for_proof(plan.clone(), &witness).unwrap();
    Setup {
        plan,
        circuit,
        instances,
    }
}

pub(crate) fn verify(setup: &Setup, circuit: &ChunkCircuit) -> Result<(), Vec<VerifyFailure>> {
    MockProver::run(setup.plan.shape().k, circuit, vec![setup.instances.clone()])
        .unwrap()
        .verify()
}

/// Every chunk of the cut satisfies its circuit, side by side and stacked.
pub(crate) fn assert_honest(mut builder: Builder, sizes: &[usize]) {
    let inputs = builder.values();
    for (input, output) in [
        (Visibility::Committed, Visibility::Public),
        (Visibility::Public, Visibility::Committed),
    ] {
        let model = builder::partition(&builder.graph, sizes, input, output);
        for chunk in 0..sizes.len() {
            for objective in [Objective::Time, Objective::Gas] {
                let options = PlanOptions {
                    objective,
                    ..PlanOptions::default()
                };
                let setup = setup(&model, &inputs, chunk, &options);
                let shape = setup.plan.shape();
                assert_eq!(shape.stacked, objective == Objective::Gas, "{shape:?}");
                if let Err(failures) = verify(&setup, &setup.circuit) {
                    panic!(
                        "{shape:?}: {} failures, the first: {:#?}",
                        failures.len(),
                        failures[0]
                    );
                }
            }
        }
    }
}

/// The names of the checks that fail: constraints by their equation, copy constraints as `copy`.
pub(crate) fn failing(setup: &Setup, circuit: &ChunkCircuit) -> BTreeSet<String> {
    let failures = verify(setup, circuit).err().unwrap_or_default();
    failures
        .into_iter()
        .map(|failure| match failure {
            VerifyFailure::ConstraintNotSatisfied { constraint, .. } => {
                let text = constraint.to_string();
                text.split('\'').nth(1).unwrap().to_string()
            }
            VerifyFailure::Permutation { .. } => "copy".to_string(),
            other => panic!("unexpected: {other}"),
        })
        .collect()
}

/// Multiplicities for what the first-phase cells hold now; values outside of the table are not counted.
pub(crate) fn recounted(setup: &Setup, circuit: &ChunkCircuit) -> ChunkCircuit {
    let shape = setup.plan.shape();
    let mut counts = vec![0u64; shape.table() as usize];
    let index: BTreeMap<[u8; 32], usize> = (0..counts.len())
        .map(|v| (Fr::from(v as u64).to_bytes(), v))
        .collect();
    for lane in 0..shape.lanes {
        for (j, col) in Col::looked_up(lane).into_iter().enumerate() {
            for row in setup.plan.looked_up_rows(col) {
                let get = |col| {
                    circuit
                        .first()
                        .unwrap()
                        .get(&setup.plan, CellRef { col, row })
                };
                let mut value = get(col);
                if shape.limbs > 1 {
                    value -= get(Col::High(lane, j)) * Fr::from(u64::from(shape.table()));
                }
                if let Some(v) = index.get(&value.to_bytes()) {
                    counts[*v] += 1;
                }
            }
        }
    }
    let cells: Vec<(CellRef, Fr)> = counts
        .into_iter()
        .enumerate()
        .map(|(row, n)| {
            (
                CellRef {
                    col: Col::Mult,
                    row,
                },
                Fr::from(n),
            )
        })
        .collect();
    circuit.tampered(&cells)
}
