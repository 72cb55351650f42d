//! What a cheating prover could try; each test asserts which check stops it. The second phase is recomputed from
//! the forged first phase, so that only the checks that bind are left to fail.

use super::builder::{Builder, partition, square};
use super::{Setup, Witnessed, failing, recounted, setup};
use crate::columns::{CellRef, Col};
use crate::{
    ChunkCircuit, ChunkPlan, ChunkWitness, InferenceCommitment, Objective, PlanOptions,
    chunk_instances,
};
use chainfer_model::executor::{execute, linear_accumulators};
use chainfer_model::partitioned::{PartitionedModel, Visibility};
use chainfer_model::quantized::{QLayer, QLinear, TensorId, TermMap};
use halo2curves::bn256::Fr;
use std::collections::BTreeSet;
use std::sync::Arc;

const R: u32 = 200;

struct Case {
    options: PlanOptions,
    model: PartitionedModel,
    inputs: Vec<Vec<u32>>,
    setup: Setup,
    output: TensorId,
}

fn names(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|s| s.to_string()).collect()
}

/// The case in both arrangements.
fn cases() -> [Case; 2] {
    [Objective::Time, Objective::Gas].map(|objective| {
        let case = case(PlanOptions {
            objective,
            ..PlanOptions::default()
        });
        assert_eq!(case.setup.is_compact(), objective == Objective::Gas);
        case
    })
}

/// Two inputs, a convolution and a dense output, one chunk.
fn case(options: PlanOptions) -> Case {
    let mut b = Builder::new(R, 21);
    let x = b.input(1, 3, 4);
    let w = b.input(1, 1, 12);
    let h = b.conv(&[(x, square(3, 1, 1))], (2, 3, 4));
    let y = b.dense(&[h, w], 4);
    b.graph.outputs.push(y);
    let inputs = b.values();
    let model = partition(&b.graph, &[2], Visibility::Committed, Visibility::Public);
    let setup = setup(&model, &inputs, 0, &options);
    Case {
        options,
        model,
        inputs,
        setup,
        output: y,
    }
}

impl Case {
    fn layer(&self, tensor: TensorId) -> &QLinear {
        let found = self.model.graph.layers.iter().find_map(|l| match l {
            QLayer::Linear(l) if l.output == tensor => Some(l),
            _ => None,
        });
        found.unwrap()
    }

    fn cell(&self, tensor: TensorId, element: usize, col: fn(usize) -> Col) -> CellRef {
        let (row, lane) = self.setup.plan.layout.tensors[&tensor].cell(element);
        CellRef {
            col: col(lane),
            row,
        }
    }

    fn get(&self, cell: CellRef) -> Fr {
        self.setup.circuit.get(cell)
    }

    /// The setup of a prover that hashes these values, and claims the instances that belong to them.
    fn claiming(&self, values: Vec<Vec<u32>>) -> Setup {
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
    fn claimed(&self, instances: Vec<Fr>) -> Setup {
        self.setup.with(self.setup.circuit.clone(), instances)
    }

    /// What compares cells with the instances.
    fn instance_check(&self) -> &'static str {
        if self.setup.is_compact() {
            "pin: a = instance"
        } else {
            "copy"
        }
    }

    fn trace(&self) -> Vec<Vec<u32>> {
        execute(&self.model.graph, &self.inputs).unwrap().tensors
    }

    /// An output element that is not saturated, its accumulator.
    fn plain_output(&self) -> (usize, i64) {
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

const RELATION: &str = "relation: gamma = 0";
const LOOKUP: &str = "logUp: total = 0 at both ends";

#[test]
fn honest_case_is_accepted() {
    for case in cases() {
        assert_eq!(failing(&case.setup, &case.setup.circuit), names(&[]));
        let again = recounted(&case.setup, &case.setup.circuit);
        assert_eq!(failing(&case.setup, &again), names(&[]));
    }
}

#[test]
fn wrong_weight_fails_the_relation() {
    for case in cases() {
        let mut other = case.model.clone();
        let QLayer::Linear(layer) = &mut other.graph.layers[1] else {
            panic!()
        };
        let TermMap::Dense { weights } = &mut layer.terms[0].map else {
            panic!()
        };
        // The activation that meets the changed weight is not 0.
        let at = case.trace()[2].iter().position(|u| *u > 0).unwrap();
        weights[at] += 1;
        let trace = execute(&other.graph, &case.inputs).unwrap().tensors;
        let forged = setup(&other, &case.inputs, 0, &case.options);
        // The cells of the other model under the fixed columns of this one.
        let first: Vec<(CellRef, Fr)> = every_first_phase_cell(&forged);
        let circuit = case.claiming(trace).circuit.tampered(&first);
        let claimed = case.setup.with(circuit, forged.instances);
        assert_eq!(failing(&claimed, &claimed.circuit), names(&[RELATION]));
    }
}

fn every_first_phase_cell(setup: &Setup) -> Vec<(CellRef, Fr)> {
    let shape = setup.plan.shape();
    let mut cols = vec![Col::Mult];
    for l in 0..shape.lanes {
        cols.extend([Col::Y(l), Col::Rem(l), Col::V(l), Col::C(l), Col::E(l)]);
    }
    for h in 0..shape.hash_lanes {
        cols.extend((0..4).map(|j| Col::Hash(h, j)));
    }
    let mut cells = Vec::new();
    for col in cols {
        for row in 0..setup.plan.usable {
            let cell = CellRef { col, row };
            cells.push((cell, setup.circuit.get(cell)));
        }
    }
    cells
}

#[test]
fn wrong_activation_fails_the_relation() {
    for case in cases() {
        let (element, _) = case.plain_output();
        let mut values = case.trace();
        values[case.output.0][element] += 1;
        let claimed = case.claiming(values);
        let (y, v) = (
            case.cell(case.output, element, Col::Y),
            case.cell(case.output, element, Col::V),
        );
        let one = Fr::one();
        let forged = claimed
            .circuit
            .tampered(&[(y, case.get(y) + one), (v, case.get(v) + one)]);
        assert_eq!(
            failing(&claimed, &recounted(&claimed, &forged)),
            names(&[RELATION])
        );
    }
}

#[test]
fn remainder_below_zero_fails_the_lookup() {
    for case in cases() {
        let (element, _) = case.plain_output();
        let mut values = case.trace();
        values[case.output.0][element] += 1;
        let claimed = case.claiming(values);
        let at = |col| case.cell(case.output, element, col);
        let (y, v, rem) = (at(Col::Y), at(Col::V), at(Col::Rem));
        let forged = claimed.circuit.tampered(&[
            (y, case.get(y) + Fr::one()),
            (v, case.get(v) + Fr::one()),
            (rem, case.get(rem) - Fr::from(u64::from(R))),
        ]);
        assert_eq!(
            failing(&claimed, &recounted(&claimed, &forged)),
            names(&[LOOKUP])
        );
    }
}

#[test]
fn quotient_out_of_range_fails_the_lookup() {
    // The quotient less one and the remainder plus R: the same accumulator, a second output.
    for case in cases() {
        let (element, _) = case.plain_output();
        let mut values = case.trace();
        values[case.output.0][element] -= 1;
        let claimed = case.claiming(values);
        let at = |col| case.cell(case.output, element, col);
        let (y, v, rem) = (at(Col::Y), at(Col::V), at(Col::Rem));
        let forged = claimed.circuit.tampered(&[
            (y, case.get(y) - Fr::one()),
            (v, case.get(v) - Fr::one()),
            (rem, case.get(rem) + Fr::from(u64::from(R))),
        ]);
        assert_eq!(
            failing(&claimed, &recounted(&claimed, &forged)),
            names(&[LOOKUP])
        );
    }
}

#[test]
fn saturation_claimed_where_there_is_none_fails_the_lookup() {
    // c = 1 needs a quotient digit below 0.
    for case in cases() {
        let (element, _) = case.plain_output();
        let mut values = case.trace();
        values[case.output.0][element] = R - 1;
        let claimed = case.claiming(values);
        let at = |col| case.cell(case.output, element, col);
        let (y, v, c) = (at(Col::Y), at(Col::V), at(Col::C));
        let r = Fr::from(u64::from(R));
        let forged =
            claimed
                .circuit
                .tampered(&[(y, r - Fr::one()), (v, case.get(v) - r), (c, Fr::from(2))]);
        assert_eq!(
            failing(&claimed, &recounted(&claimed, &forged)),
            names(&[LOOKUP])
        );
    }
}

#[test]
fn errors_that_cancel_under_constant_challenges_fail_the_relation() {
    // Two outputs are off by one in opposite directions, so their sum is right.
    for case in cases() {
        let accumulators =
            linear_accumulators(&case.model.graph, case.layer(case.output), &case.trace());
        let r = i64::from(R);
        let safe = |a: i64| (1..r - 1).contains(&a.rem_euclid(r));
        let pick: Vec<usize> = (0..accumulators.len())
            .filter(|i| safe(accumulators[*i]))
            .take(2)
            .collect();
        let (plus, minus) = (
            case.cell(case.output, pick[0], Col::Rem),
            case.cell(case.output, pick[1], Col::Rem),
        );
        let forged = case.setup.circuit.tampered(&[
            (plus, case.get(plus) + Fr::one()),
            (minus, case.get(minus) - Fr::one()),
        ]);
        assert_eq!(
            failing(&case.setup, &recounted(&case.setup, &forged)),
            names(&[RELATION])
        );
    }
}

#[test]
fn multiplicity_off_by_one_fails_the_lookup() {
    for case in cases() {
        let table = case.setup.plan.shape().table() as usize;
        for row in [0, 5, table - 1, table, case.setup.plan.usable - 2] {
            let cell = CellRef {
                col: Col::Mult,
                row,
            };
            let forged = case
                .setup
                .circuit
                .tampered(&[(cell, case.get(cell) + Fr::one())]);
            assert_eq!(failing(&case.setup, &forged), names(&[LOOKUP]), "row {row}");
        }
    }
}

#[test]
fn lookup_outside_the_table_fails_in_every_column() {
    for case in cases() {
        for col in [Col::Rem, Col::V, Col::E] {
            let cell = case.cell(case.output, 0, col);
            let forged = case
                .setup
                .circuit
                .tampered(&[(cell, Fr::from(u64::from(R)))]);
            assert!(
                failing(&case.setup, &recounted(&case.setup, &forged)).contains(LOOKUP),
                "{cell:?}"
            );
        }
    }
}

#[test]
fn idle_lane_outside_the_table_fails_the_lookup() {
    for case in cases() {
        let row = case.setup.plan.usable - 2;
        let cell = CellRef {
            col: Col::Rem(0),
            row,
        };
        let forged = case
            .setup
            .circuit
            .tampered(&[(cell, Fr::from(u64::from(R)))]);
        assert_eq!(
            failing(&case.setup, &recounted(&case.setup, &forged)),
            names(&[LOOKUP])
        );
    }
}

#[test]
fn swapped_leaves_fail_the_copy_of_the_instances() {
    for case in cases() {
        let mut inputs = case.inputs.clone();
        inputs.swap(0, 1);
        let values = execute(&case.model.graph, &inputs).unwrap().tensors;
        let swapped = case.claiming(values);
        // The trace of the swapped inputs is a valid one, but not of this root.
        assert_eq!(failing(&swapped, &swapped.circuit), names(&[]));
        let claimed = Setup {
            instances: case.setup.instances.clone(),
            ..swapped
        };
        let expected = names(&[case.instance_check()]);
        assert_eq!(failing(&claimed, &claimed.circuit), expected);
    }
}

#[test]
fn root_of_another_inference_fails_the_copy() {
    for mut case in cases() {
        case.setup.instances[0] += Fr::one();
        let expected = names(&[case.instance_check()]);
        assert_eq!(failing(&case.setup, &case.setup.circuit), expected);
    }
}

#[test]
fn changed_public_values_fail_the_copy() {
    for case in cases() {
        for at in 2..5 {
            assert_eq!(case.setup.instances.len(), 5);
            let mut instances = case.setup.instances.clone();
            instances[at] += Fr::one();
            let changed = case.claimed(instances);
            assert_eq!(
                failing(&changed, &changed.circuit),
                names(&[case.instance_check()]),
                "instance {at}"
            );
        }
    }
}

#[test]
fn partition_that_leaves_a_boundary_tensor_out_is_refused() {
    for case in cases() {
        let spoil: [fn(&mut PartitionedModel); 5] = [
            |m| m.chunks[0].writes.clear(),
            |m| m.chunks[0].reads.truncate(1),
            |m| m.chunks[0].exposes.push(9),
            |m| m.leaves[0].tensor = m.leaves[1].tensor,
            |m| m.chunks[0].end_layer -= 1,
        ];
        for (i, spoil) in spoil.iter().enumerate() {
            let mut model = case.model.clone();
            spoil(&mut model);
            let refused = ChunkPlan::new(&model, 0, &PlanOptions::default());
            assert!(
                matches!(refused, Err(crate::CircuitError::Inconsistent { .. })),
                "case {i}"
            );
        }
    }
}

#[test]
fn values_that_are_no_trace_are_refused() {
    for case in cases() {
        let mut values = case.trace();
        values[0][0] = R;
        let commitment = Arc::new(InferenceCommitment::new(&case.model, &values, &[7; 32]));
        let witness = ChunkWitness {
            values: Arc::new(values),
            commitment,
        };
        let refused = ChunkCircuit::for_proof(case.setup.plan.clone(), &witness);
        assert!(matches!(
            refused,
            Err(crate::CircuitError::BadWitness { .. })
        ));
    }
}

#[test]
fn high_limb_out_of_range_fails_its_gate() {
    let mut b = Builder::new(480, 22);
    let x = b.input(1, 1, 6);
    let y = b.dense(&[x], 3);
    b.graph.outputs.push(y);
    let inputs = b.values();
    let model = partition(&b.graph, &[1], Visibility::Committed, Visibility::Public);
    let options = PlanOptions {
        k: Some(8),
        ..PlanOptions::default()
    };
    let setup = setup(&model, &inputs, 0, &options);
    assert_eq!(setup.plan.shape().limbs, 2);
    let (row, lane) = setup.plan.layout.tensors[&y].cell(0);
    let get = |col| setup.circuit.get(CellRef { col, row });
    // E - 1 is below 480 or else needs a high limb of 2.
    let (e, high) = (Col::E(lane), Col::High(lane, 2));
    let forged = setup.circuit.tampered(&[
        (CellRef { col: e, row }, get(e) + Fr::from(480)),
        (CellRef { col: high, row }, get(high) + Fr::from(2)),
    ]);
    let failures = failing(&setup, &recounted(&setup, &forged));
    assert!(
        failures.contains(&format!("range {lane}.2: high limb below 2")),
        "{failures:?}"
    );
    assert!(!failures.contains(LOOKUP), "{failures:?}");
}

/// The case in the compact arrangement.
fn compact() -> Case {
    let [_, case] = cases();
    case
}

fn word(j: usize, row: usize) -> CellRef {
    CellRef {
        col: Col::Hash(0, j),
        row,
    }
}

/// The cells changed by one; nothing else of the first phase follows.
fn shifted(case: &Case, cells: &[CellRef]) -> BTreeSet<String> {
    let changed: Vec<_> = cells
        .iter()
        .map(|cell| (*cell, case.get(*cell) + Fr::one()))
        .collect();
    let forged = case.setup.circuit.tampered(&changed);
    failing(&case.setup, &recounted(&case.setup, &forged))
}

#[test]
fn packed_value_other_than_the_activation_fails_the_copy() {
    let case = compact();
    let (_, first) = case.setup.plan.grid.element_at(0);
    let (row, _) = case.setup.plan.grid.packing.value_at(first, 3);
    let failures = shifted(&case, &[word(0, row)]);
    assert!(failures.contains("copy"), "{failures:?}");
}

#[test]
fn packing_that_begins_with_another_value_fails_the_shift() {
    let case = compact();
    let (_, first) = case.setup.plan.grid.element_at(0);
    let failures = shifted(&case, &[word(1, first + 1)]);
    let expected = [
        "shift: word 1 = the word before",
        "pack: next b = 2^16 b + next a",
    ];
    assert_eq!(failures, names(&expected));
}

#[test]
fn packing_that_drops_a_value_fails_its_gate() {
    let case = compact();
    let (_, first) = case.setup.plan.grid.element_at(0);
    let failures = shifted(&case, &[word(1, first + 5)]);
    assert_eq!(failures, names(&["pack: next b = 2^16 b + next a"]));
}

#[test]
fn element_other_than_the_packed_one_fails_the_move() {
    let case = compact();
    let grid = &case.setup.plan.grid;
    let cell = grid
        .cell(crate::chip::openings::plan::Source::Element(0))
        .unwrap();
    let failures = shifted(&case, &[cell]);
    assert!(
        failures.contains("poseidon 0: round, word 0"),
        "{failures:?}"
    );
}

#[test]
fn words_that_change_on_their_way_into_a_permutation_fail_the_shift() {
    let case = compact();
    let (_, row) = case.setup.plan.grid.permutation_at(0);
    for (j, row, expected) in [(1, row - 1, 1), (1, row, 1), (2, row, 2)] {
        let failures = shifted(&case, &[word(j, row)]);
        let name = format!("shift: word {expected} = the word before");
        assert!(failures.contains(&name), "{failures:?}");
    }
}

#[test]
fn pinned_constants_that_differ_fail_the_pin() {
    let case = compact();
    for i in 0..case.setup.plan.openings.constants.len() {
        let row = case.setup.plan.grid.constant_at(i);
        let failures = shifted(&case, &[word(0, row)]);
        assert!(failures.contains("pin: a = constant"), "{failures:?}");
    }
}

#[test]
fn instances_beyond_the_last_change_no_constant() {
    // halo2 does not fix the length of the instance column: what is behind the public values must have no effect.
    for case in cases() {
        let mut instances = case.setup.instances.clone();
        instances.extend((1..9).map(Fr::from));
        let longer = case.claimed(instances);
        assert_eq!(failing(&longer, &longer.circuit), names(&[]));
        let plan = &case.setup.plan;
        for i in 0..plan.openings.constants.len() {
            let row = plan.grid.constant_at(i);
            let cell = word(0, row);
            let Some(instance) = longer.instances.get(row) else {
                continue;
            };
            let forged = longer
                .circuit
                .tampered(&[(cell, case.get(cell) + instance)]);
            let failures = failing(&longer, &forged);
            assert!(failures.contains("pin: a = constant"), "{failures:?}");
        }
    }
}

#[test]
fn codes_stand_for_their_flags() {
    for case in cases() {
        assert_codes_stand_for_flags(&case.setup.plan);
    }
}

#[test]
fn codes_with_max_pooling_stand_for_their_flags() {
    let options = PlanOptions {
        objective: Objective::Gas,
        ..PlanOptions::default()
    };
    let mut b = Builder::new(R, 23);
    let x = b.input(2, 4, 5);
    let h = b.max_pool(x, [2, 2], [2, 1], [0, 0], (2, 4));
    b.graph.outputs.push(h);
    let inputs = b.values();
    let model = partition(&b.graph, &[1], Visibility::Committed, Visibility::Public);
    assert_codes_stand_for_flags(&setup(&model, &inputs, 0, &options).plan);
}

fn assert_codes_stand_for_flags(plan: &ChunkPlan) {
    use crate::chip::{linear, poseidon, rlc};
    use crate::columns::{Fix, REQUANTISED, VALUE};
    use crate::selectors::{SCALE, tests::evaluate};
    use halo2_proofs::plonk::Expression;
    let fixed = crate::circuit::fill(plan).unwrap();
    let arrangement = plan.arrangement;
    let mut checked = 0;
    for role in arrangement.encoded_flags(plan.shape()) {
        for row in 0..plan.usable {
            let value = |role: Fix| fixed.column(role).unwrap()[row];
            let mut query = |role: Fix| Expression::Constant(value(role));
            let flag = arrangement.decode(role, plan.shape(), &mut query).unwrap();
            let expected = match role {
                // A fold's first row has no base yet.
                rlc::FOLD_R => value(rlc::FOLD_R) + first_of_fold(plan, row),
                rlc::FOLD_Z => value(rlc::FOLD_Z) - first_of_fold(plan, row),
                // Weights come before the biases in their column, blinders after them.
                Fix {
                    name: linear::BIAS, ..
                } if !(plan.layout.first..plan.layout.end).contains(&row) => continue,
                role => value(role),
            };
            let scale = match role {
                VALUE | poseidon::ROTATE | poseidon::PARTIAL | poseidon::FULL => 1,
                Fix {
                    name: REQUANTISED | linear::BIAS,
                    ..
                } => 1,
                _ => SCALE,
            };
            let flag = evaluate(&flag, Fr::zero());
            assert_eq!(flag, expected * Fr::from(scale), "{role:?} at {row}");
            checked += 1;
        }
    }
    assert!(checked > 10 * plan.usable, "{checked}");
}

/// 1 where a fold by z begins.
fn first_of_fold(plan: &ChunkPlan, row: usize) -> Fr {
    use crate::chip::rlc::program::{Carry, Load, Row};
    let begins = |line: &Row| line.load == Load::FoldZ && line.carry == Carry::Drop;
    Fr::from(u64::from(plan.check.get(row).is_some_and(begins)))
}

#[test]
fn maxima_that_are_not_fail_their_gates() {
    let options = PlanOptions {
        objective: Objective::Gas,
        ..PlanOptions::default()
    };
    let mut b = Builder::new(R, 24);
    let x = b.input(1, 2, 2);
    let h = b.max_pool(x, [2, 2], [2, 2], [0, 0], (1, 1));
    b.graph.outputs.push(h);
    let model = partition(&b.graph, &[1], Visibility::Committed, Visibility::Public);
    let setup = setup(&model, &[vec![5, 9, 20, 3]], 0, &options);
    let (row, _) = setup.plan.layout.tensors[&h].cell(0);
    let cell = |col: fn(usize) -> Col, row| CellRef { col: col(0), row };
    let get = |cell| setup.circuit.get(cell);
    let forge = |cells: &[(CellRef, Fr)]| {
        let forged = setup.circuit.tampered(cells);
        failing(&setup, &recounted(&setup, &forged))
    };
    let maximum = cell(Col::Y, row);
    assert_eq!(get(maximum), Fr::from(20));
    let one = Fr::one();
    // Both differences one more: the operands are as before, the maximum is not.
    let (p, n, y) = (cell(Col::Rem, row), cell(Col::V, row), maximum);
    let failures = forge(&[(p, get(p) + one), (n, get(n) + one), (y, get(y) + one)]);
    assert!(failures.contains("max: p n = 0"), "{failures:?}");
    let failures = forge(&[(y, get(y) + one)]);
    assert!(failures.contains("max: y = a + n"), "{failures:?}");
    // The first row goes on from something other than the comparison below it.
    let a = cell(Col::C, row);
    let failures = forge(&[(a, get(a) + one), (y, get(y) + one), (p, get(p) + one)]);
    assert!(failures.contains("max: a = next y"), "{failures:?}");
    // A tap that is not the activation.
    let last = row + crate::chip::max_pool::compact::POOL_ROWS - 1;
    let (a, p) = (cell(Col::C, last), cell(Col::V, last));
    let failures = forge(&[(a, get(a) + one), (p, get(p) - one)]);
    assert_eq!(failures, names(&[RELATION]));
}
