//! The case that tests of cheating provers share. The second phase is recomputed from the forged first phase, so that only the checks
//! that bind are left to fail.

use super::builder::{Builder, partition, square};
use super::way::Way;
use super::{Setup, Witnessed, failing, recounted};
use crate::columns::{CellRef, Col};
use crate::{ChunkWitness, InferenceCommitment, PlanOptions, chunk_instances};
use chainfer_model::executor::{execute, linear_accumulators};
use chainfer_model::partitioned::{PartitionedModel, Visibility};
pub(crate) use chainfer_model::quantized::QLayer;
use chainfer_model::quantized::{QLinear, TensorId};
use halo2curves::bn256::Fr;
use std::collections::BTreeSet;
use std::sync::Arc;

pub(crate) const R: u32 = 200;

pub(crate) struct Case {
    pub(crate) way: Way,
    pub(crate) model: PartitionedModel,
    pub(crate) inputs: Vec<Vec<u32>>,
    pub(crate) setup: Setup,
    pub(crate) options: PlanOptions,
    pub(crate) output: TensorId,
}

pub(crate) fn names(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|s| s.to_string()).collect()
}

/// The case in every way.
pub(crate) fn cases() -> [Case; 3] {
    Way::ALL.map(case)
}

/// Two inputs, a convolution and a dense output, one chunk.
pub(crate) fn case(way: Way) -> Case {
    let mut b = Builder::new(R, 21);
    let x = b.input(1, 3, 4);
    let w = b.input(1, 1, 12);
    let h = b.conv(&[(x, square(3, 1, 1))], (2, 3, 4));
    let y = b.dense(&[h, w], 4);
    Case::of(way, b, y, &PlanOptions::default())
}

/// What a builder makes of its graph and an output, in every way.
pub(crate) fn cases_of(build: impl Fn() -> (Builder, TensorId)) -> [Case; 3] {
    Way::ALL.map(|way| {
        let (b, output) = build();
        // Rows enough for the whole range: no digit has limbs.
        let options = PlanOptions {
            k: (way == Way::Wide).then_some(9),
            ..PlanOptions::default()
        };
        let case = Case::of(way, b, output, &options);
        assert_eq!(case.setup.plan.shape().limbs, 1);
        case
    })
}

impl Case {
    /// A model in one chunk, with this output.
    pub(crate) fn of(way: Way, mut b: Builder, output: TensorId, options: &PlanOptions) -> Case {
        b.graph.outputs.push(output);
        let (inputs, layers) = (b.values(), b.graph.layers.len());
        let (input, visible) = (Visibility::Committed, Visibility::Public);
        let model = partition(&b.graph, &[layers], input, visible);
        let setup = way.setup(&model, &inputs, 0, options);
        Case {
            way,
            model,
            inputs,
            setup,
            options: options.clone(),
            output,
        }
    }

    /// The trace of another model with the same geometry, under the fixed columns of this one.
    pub(crate) fn with_trace_of(&self, other: &PartitionedModel) -> Setup {
        let trace = execute(&other.graph, &self.inputs).unwrap().tensors;
        let forged = (self.way).setup(other, &self.inputs, 0, &self.options);
        let mut cells = Vec::new();
        for col in super::every_cell::columns(&forged) {
            let rows = 0..if col.is_first_phase() {
                forged.plan.usable
            } else {
                0
            };
            cells.extend(rows.map(|row| (col.at(row), forged.circuit.get(col.at(row)))));
        }
        let circuit = self.claiming(trace).circuit.tampered(&cells);
        self.setup.with(circuit, forged.instances)
    }

    /// The cells of an activation and of its digits.
    pub(crate) fn digits(&self, tensor: TensorId, element: usize) -> [CellRef; 5] {
        [Col::Y, Col::Rem, Col::V, Col::C, Col::E].map(|col| self.cell(tensor, element, col))
    }

    /// A trace in which an input is one more or less, and nothing else follows: the output is as it was.
    pub(crate) fn with_input_changed(&self, tensor: TensorId, element: usize) -> Setup {
        let mut values = self.trace();
        let value = &mut values[tensor.0][element];
        *value = if *value == 0 { 1 } else { *value - 1 };
        let claimed = self.claiming(values);
        let outputs = self.model.graph.tensor(self.output).dims.len();
        let cells = (0..outputs).flat_map(|element| self.digits(self.output, element));
        let cells: Vec<_> = cells.map(|cell| (cell, self.get(cell))).collect();
        let forged = claimed.circuit.tampered(&cells);
        let forged = recounted(&claimed, &forged);
        claimed.with(forged, claimed.instances.clone())
    }

    /// What fails where an output is one more than it is, which the output's tensor says, too.
    pub(crate) fn failing_with_output_off(&self, element: usize) -> BTreeSet<String> {
        let mut values = self.trace();
        let value = &mut values[self.output.0][element];
        let up = *value + 1 < R;
        *value = if up { *value + 1 } else { *value - 1 };
        let claimed = self.claiming(values);
        let by = if up { Fr::one() } else { -Fr::one() };
        let [y, _, v, ..] = self.digits(self.output, element);
        let honest = [y, v].map(|cell| (cell, self.get(cell) + by));
        let forged = claimed.circuit.tampered(&honest);
        failing(&claimed, &recounted(&claimed, &forged))
    }

    /// What fails where remainders of outputs are off by so much.
    pub(crate) fn failing_with_remainders(&self, changes: &[(usize, i64)]) -> BTreeSet<String> {
        let change = |(element, by): &(usize, i64)| {
            let cell = self.cell(self.output, *element, Col::Rem);
            (cell, self.get(cell) + crate::field::signed(*by))
        };
        let changes: Vec<_> = changes.iter().map(change).collect();
        let forged = self.setup.circuit.tampered(&changes);
        failing(&self.setup, &recounted(&self.setup, &forged))
    }

    /// Outputs that are not saturated.
    pub(crate) fn plain_outputs(&self) -> Vec<usize> {
        let len = self.model.graph.tensor(self.output).dims.len();
        let plain =
            |element: &usize| self.get(self.cell(self.output, *element, Col::C)) == Fr::one();
        (0..len).filter(plain).collect()
    }

    /// Outputs whose remainder may be one more or less.
    pub(crate) fn safe_remainders(&self) -> Vec<usize> {
        let len = self.model.graph.tensor(self.output).dims.len();
        let safe = |element: &usize| {
            let rem = self.get(self.cell(self.output, *element, Col::Rem));
            rem != Fr::zero() && rem != Fr::from(u64::from(R - 1))
        };
        (0..len).filter(safe).collect()
    }

    pub(crate) fn layer(&self, tensor: TensorId) -> &QLinear {
        let found = self.model.graph.layers.iter().find_map(|l| match l {
            QLayer::Linear(l) if l.output == tensor => Some(l),
            _ => None,
        });
        found.unwrap()
    }

    pub(crate) fn cell(&self, tensor: TensorId, element: usize, col: fn(usize) -> Col) -> CellRef {
        let (row, lane) = self.setup.plan.layout.tensors[&tensor].cell(element);
        CellRef {
            col: col(lane),
            row,
        }
    }

    pub(crate) fn get(&self, cell: CellRef) -> Fr {
        self.setup.circuit.get(cell)
    }

    /// The setup of a prover that hashes these values, and claims the instances that belong to them.
    pub(crate) fn claiming(&self, values: Vec<Vec<u32>>) -> Setup {
        let commitment = Arc::new(InferenceCommitment::new(&self.model, &values, &[7; 32]));
        let instances = chunk_instances(&self.model, 0, &values, &commitment, Fr::from(42));
        let witness = ChunkWitness {
            values: Arc::new(values),
            commitment,
        };
        let circuit = Witnessed::new(&self.setup.plan, &witness);
        self.setup.with(circuit, instances)
    }

    /// The honest cells under other instances.
    pub(crate) fn claimed(&self, instances: Vec<Fr>) -> Setup {
        self.setup.with(self.setup.circuit.clone(), instances)
    }

    /// What compares cells with the instances.
    pub(crate) fn instance_check(&self) -> &'static str {
        if self.setup.is_compact() {
            "pin: a = instance"
        } else {
            "copy"
        }
    }

    pub(crate) fn trace(&self) -> Vec<Vec<u32>> {
        execute(&self.model.graph, &self.inputs).unwrap().tensors
    }

    /// An output element that is not saturated, its accumulator.
    pub(crate) fn plain_output(&self) -> (usize, i64) {
        let r = i64::from(R);
        let accumulators =
            linear_accumulators(&self.model.graph, self.layer(self.output), &self.trace());
        accumulators
            .into_iter()
            .enumerate()
            .find(|(_, a)| (r..r * (r - 2)).contains(a))
            .unwrap()
    }
}

pub(crate) const RELATION: &str = "relation: gamma = 0";
pub(crate) const LOOKUP: &str = "logUp: total = 0 at both ends";

#[test]
fn honest_case_is_accepted() {
    for case in cases() {
        assert_eq!(failing(&case.setup, &case.setup.circuit), names(&[]));
        let again = recounted(&case.setup, &case.setup.circuit);
        assert_eq!(failing(&case.setup, &again), names(&[]));
    }
}

/// The case in the compact arrangement.
pub(crate) fn compact() -> Case {
    case(Way::Compact)
}

pub(crate) fn word(j: usize, row: usize) -> CellRef {
    CellRef {
        col: Col::Hash(0, j),
        row,
    }
}

/// The cells changed by one; nothing else of the first phase follows.
pub(crate) fn shifted(case: &Case, cells: &[CellRef]) -> BTreeSet<String> {
    let changed: Vec<_> = cells
        .iter()
        .map(|cell| (*cell, case.get(*cell) + Fr::one()))
        .collect();
    let forged = case.setup.circuit.tampered(&changed);
    failing(&case.setup, &recounted(&case.setup, &forged))
}
