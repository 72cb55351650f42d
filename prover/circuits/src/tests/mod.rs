//! Tests on whole chunk circuits with the mock prover.

mod activations;
pub(crate) mod builder;
pub(crate) mod case;
mod dags;
mod equations;
mod evaluator;
mod every_cell;
mod forged_proofs;
mod golden;
mod honest;
mod recorder;
mod second_phase;
mod unread;
pub(crate) mod way;
mod weight_columns;
mod windows;
mod wiring;
mod worked_examples;

use crate::chip::function::tag;
use crate::chip::logup::looked_up;
use crate::circuit::{fill, first_phase, second_phase};
use crate::columns::{CellRef, Col};
use crate::trace::{Challenges, FixedCells, Trace};
use crate::{
    ChunkCircuit, ChunkPlan, ChunkWitness, CircuitShape, InferenceCommitment, PlanOptions,
    arrangement, chunk_instances,
};
use builder::Builder;
use chainfer_model::executor::execute;
use chainfer_model::partitioned::{PartitionedModel, Visibility};
use halo2_proofs::circuit::{Layouter, Value};
use halo2_proofs::dev::{AdviceCellValue, MockProver, VerifyFailure};
use halo2_proofs::plonk::{Circuit, ConstraintSystem, Error};
use halo2curves::bn256::Fr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use way::Way;

/// A circuit whose first-phase cells can be changed: what a prover could do.
#[derive(Clone)]
pub(crate) struct Witnessed {
    plan: Arc<ChunkPlan>,
    fixed: Arc<FixedCells>,
    first: Trace,
}

impl Witnessed {
    fn new(plan: &Arc<ChunkPlan>, witness: &ChunkWitness) -> Self {
        Witnessed {
            plan: plan.clone(),
            fixed: Arc::new(fill(plan).unwrap()),
            first: first_phase(plan, witness).unwrap(),
        }
    }

    /// Overwrites first-phase cells before anything is derived from them.
    pub(crate) fn tampered(&self, cells: &[(CellRef, Fr)]) -> Self {
        let mut first = self.first.clone();
        for (cell, value) in cells {
            first.set(cell.col, cell.row, *value);
        }
        Witnessed {
            first: first.finish().unwrap(),
            ..self.clone()
        }
    }

    pub(crate) fn get(&self, cell: CellRef) -> Fr {
        self.first.get(cell).unwrap()
    }

    /// The second phase under some challenges.
    pub(crate) fn second_phase(&self, challenges: &Challenges) -> Trace {
        second_phase(&self.plan, &self.fixed, &self.first, challenges).unwrap()
    }

    pub(crate) fn circuit(&self) -> ChunkCircuit {
        ChunkCircuit::new(self.plan.clone(), self.fixed.clone(), self.first.clone())
    }
}

/// A circuit with one cell changed after all is computed; nothing that depends on it follows.
pub(crate) struct Bumped {
    circuit: ChunkCircuit,
    cell: CellRef,
    value: Fr,
}

impl Bumped {
    pub(crate) fn new(setup: &Setup, cell: CellRef, by: Fr) -> Self {
        let circuit = setup.circuit.circuit();
        let k = setup.plan.shape().k;
        let honest = MockProver::run(k, &circuit, vec![setup.instances.clone()]).unwrap();
        let columns = arrangement::configure(&mut ConstraintSystem::default(), setup.plan.shape());
        let column = honest.advice_values(columns.unwrap().advice(cell.col).unwrap());
        let AdviceCellValue::Assigned(value) = &column[cell.row] else {
            panic!("{cell:?} is not assigned");
        };
        Bumped {
            value: value.evaluate() + by,
            circuit,
            cell,
        }
    }
}

impl Circuit<Fr> for Bumped {
    type Config = <ChunkCircuit as Circuit<Fr>>::Config;
    type FloorPlanner = <ChunkCircuit as Circuit<Fr>>::FloorPlanner;
    type Params = CircuitShape;

    fn params(&self) -> CircuitShape {
        self.circuit.params()
    }

    fn without_witnesses(&self) -> Self {
        panic!("keys are made from the circuit itself")
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, shape: CircuitShape) -> Self::Config {
        ChunkCircuit::configure_with_params(meta, shape)
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Self::Config {
        ChunkCircuit::configure(meta)
    }

    fn synthesize(
        &self,
        columns: Self::Config,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        let chunk = layouter.namespace(|| "chunk");
        self.circuit.synthesize(columns.clone(), chunk)?;
        let column = columns.unwrap().advice(self.cell.col).unwrap();
        layouter.assign_region(
            || "bump",
            |mut region| {
                region.assign_advice(column, self.cell.row, Value::known(self.value));
                Ok(())
            },
        )
    }
}

/// A chunk ready for the mock prover.
pub(crate) struct Setup {
    pub(crate) plan: Arc<ChunkPlan>,
    pub(crate) circuit: Witnessed,
    pub(crate) instances: Vec<Fr>,
}

impl Setup {
    /// Another witness of the same chunk, with instances.
    pub(crate) fn with(&self, circuit: Witnessed, instances: Vec<Fr>) -> Self {
        Setup {
            plan: self.plan.clone(),
            circuit,
            instances,
        }
    }

    pub(crate) fn is_compact(&self) -> bool {
        self.plan.shape().stacked
    }
}

pub(crate) fn setup(
    model: &PartitionedModel,
    inputs: &[Vec<u32>],
    chunk: usize,
    options: &PlanOptions,
) -> Setup {
    setup_of(
        ChunkPlan::new(model, chunk, options).unwrap(),
        model,
        inputs,
    )
}

pub(crate) fn setup_of(plan: ChunkPlan, model: &PartitionedModel, inputs: &[Vec<u32>]) -> Setup {
    let chunk = plan.chunk;
    let trace = execute(&model.graph, inputs).unwrap();
    let commitment = Arc::new(InferenceCommitment::new(model, &trace.tensors, &[7; 32]));
    let instances = chunk_instances(model, chunk, &trace.tensors, &commitment, Fr::from(42));
    let plan = Arc::new(plan);
    assert_eq!(plan.num_public() + 2, instances.len());
    let witness = ChunkWitness {
        values: Arc::new(trace.tensors),
        commitment,
    };
    Setup {
        circuit: Witnessed::new(&plan, &witness),
        plan,
        instances,
    }
}

fn mock<C: Circuit<Fr>>(setup: &Setup, circuit: &C) -> Result<(), Vec<VerifyFailure>> {
    MockProver::run(setup.plan.shape().k, circuit, vec![setup.instances.clone()])
        .unwrap()
        .verify()
}

pub(crate) fn verify(setup: &Setup, circuit: &Witnessed) -> Result<(), Vec<VerifyFailure>> {
    mock(setup, &circuit.circuit())
}

/// Every chunk of the cut satisfies its circuit, in every way.
pub(crate) fn assert_honest(mut builder: Builder, sizes: &[usize]) {
    let inputs = builder.values();
    assert_honest_with(&builder, sizes, &inputs);
}

fn assert_honest_with(builder: &Builder, sizes: &[usize], inputs: &[Vec<u32>]) {
    for (input, output) in [
        (Visibility::Committed, Visibility::Public),
        (Visibility::Public, Visibility::Committed),
    ] {
        let model = builder::partition(&builder.graph, sizes, input, output);
        for chunk in 0..sizes.len() {
            for way in Way::ALL {
                let setup = way.setup(&model, inputs, chunk, &PlanOptions::default());
                let shape = setup.plan.shape();
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
pub(crate) fn failing(setup: &Setup, circuit: &Witnessed) -> BTreeSet<String> {
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
pub(crate) fn recounted(setup: &Setup, circuit: &Witnessed) -> Witnessed {
    let shape = setup.plan.shape();
    let mut counts = vec![0u64; shape.table() as usize];
    let index: BTreeMap<[u8; 32], usize> = (0..counts.len())
        .map(|v| (Fr::from(v as u64).to_bytes(), v))
        .collect();
    for lane in 0..shape.lanes {
        for (j, col) in looked_up(lane).into_iter().enumerate() {
            for row in setup.plan.looked_up_rows(col) {
                let get = |col: Col| circuit.get(col.at(row));
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
    let mut cells: Vec<(CellRef, Fr)> = counts
        .into_iter()
        .enumerate()
        .map(|(row, n)| (Col::Mult.at(row), Fr::from(n)))
        .collect();
    let uses = uses(setup, circuit).into_iter().enumerate();
    cells.extend(uses.map(|(row, n)| (Col::TableMult.at(row), Fr::from(n))));
    circuit.tampered(&cells)
}

/// How often the entries of functions' tables are looked up, by tag; pairs that are no entry are not counted.
fn uses(setup: &Setup, circuit: &Witnessed) -> Vec<u64> {
    let shape = setup.plan.shape();
    let (graph, range) = (&setup.plan.model.graph, shape.range as usize);
    let tables = setup.plan.layout.tables.iter();
    let entries: Vec<u32> = tables
        .flat_map(|t| graph.tables[*t].iter().copied())
        .collect();
    let mut counts = vec![0; entries.len()];
    let lanes = if shape.functions { shape.lanes } else { 0 };
    for lane in 0..lanes {
        let tags = circuit.fixed.column(tag(lane)).unwrap();
        for (row, own) in tags.iter().take(setup.plan.active_rows()).enumerate() {
            let used = (1..=setup.plan.layout.tables.len()).find(|t| Fr::from(*t as u64) == *own);
            let Some(used) = used else { continue };
            let [y, argument] = [Col::Y(lane), Col::E(lane)].map(|col| circuit.get(col.at(row)));
            let found = (0..range).find(|x| Fr::from(*x as u64) == argument);
            let entry = found.map(|x| (used - 1) * range + x);
            if let Some(entry) = entry.filter(|e| Fr::from(u64::from(entries[*e])) == y) {
                counts[entry] += used as u64;
            }
        }
    }
    counts
}
