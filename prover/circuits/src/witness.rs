//! First-phase columns: activations with their digits, packing, Poseidon, multiplicities.

use crate::columns::{CellRef, Col};
use crate::commitment::InferenceCommitment;
use crate::error::CircuitError;
use crate::hashing::{HashPlan, PERMUTATION_ROWS, RoundStep, Source, schedule};
use crate::layout::{POOL_ROWS, layers};
use crate::plan::ChunkPlan;
use crate::poseidon::mds;
use crate::shape::ShapeColumns as _;
use chainfer_model::executor::linear_accumulators;
use chainfer_model::quantized::{QLayer, QLinear, QMaxPool, TensorId};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use std::sync::Arc;

/// What a chunk proof needs besides the plan.
#[derive(Clone)]
pub struct ChunkWitness {
    /// Values of every tensor of the model, by [`TensorId`].
    pub values: Arc<Vec<Vec<u32>>>,
    /// Salts, leaves and tree of the inference.
    pub commitment: Arc<InferenceCommitment>,
}

impl std::fmt::Debug for ChunkWitness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkWitness").finish_non_exhaustive()
    }
}

/// The first-phase columns, column-major.
#[derive(Clone)]
pub(crate) struct FirstTrace {
    pub(crate) columns: Vec<Vec<Fr>>,
}

/// A quotient in the digits of the circuit: acc = rem + R (v + R c E).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digits {
    pub(crate) y: u32,
    pub(crate) rem: u32,
    pub(crate) v: u32,
    pub(crate) c: i8,
    /// E - 1; 0 where there is no saturation.
    pub(crate) e: u32,
}

/// The one way to write an accumulator in digits.
pub(crate) fn digits(acc: i64, range: u32) -> Option<Digits> {
    let r = i64::from(range);
    let (rem, quotient) = (acc.rem_euclid(r), acc.div_euclid(r));
    let (v, over) = (quotient.rem_euclid(r), quotient.div_euclid(r));
    let (y, c, e) = match over {
        0 => (v, 0, 0),
        1.. => (r - 1, 1, over - 1),
        _ => (0, -1, -over - 1),
    };
    let small = |n: i64| u32::try_from(n).ok();
    (e < r).then_some(Digits {
        y: small(y)?,
        rem: small(rem)?,
        v: small(v)?,
        c,
        e: small(e)?,
    })
}

struct Writer<'a> {
    plan: &'a ChunkPlan,
    values: &'a [Vec<u32>],
    columns: Vec<Vec<Fr>>,
    /// Looked-up values, for the multiplicities.
    counts: Vec<u32>,
}

/// Computes the first-phase columns of a chunk.
pub(crate) fn first_phase(
    plan: &ChunkPlan,
    witness: &ChunkWitness,
) -> Result<FirstTrace, CircuitError> {
    check(plan, &witness.values)?;
    let shape = &plan.shape;
    let mut writer = Writer {
        plan,
        values: &witness.values,
        columns: vec![vec![Fr::ZERO; plan.usable]; shape.first_phase_columns()],
        counts: vec![0; shape.table() as usize],
    };
    // Idle lanes hold c = 0, biased to 1, and zeros, which count as lookups of 0.
    let value_rows = plan.value_rows();
    for lane in 0..shape.lanes {
        let column = &mut writer.columns[Col::C(lane).index(shape)];
        column[value_rows.clone()].fill(Fr::ONE);
    }
    for col in (0..shape.lanes).flat_map(Col::looked_up) {
        writer.counts[0] += plan.looked_up_rows(col).len() as u32;
    }
    for leaf in &plan.spec().reads {
        writer.input(plan.model.leaves[*leaf].tensor);
    }
    for layer in layers(&plan.model, plan.spec()) {
        match layer {
            QLayer::Linear(linear) => writer.linear(linear)?,
            QLayer::MaxPool(pool) => writer.max_pool(pool),
        }
    }
    writer.hashing(&witness.commitment);
    for (row, count) in writer.counts.clone().into_iter().enumerate() {
        writer.write(Col::Mult, row, Fr::from(u64::from(count)));
    }
    Ok(FirstTrace {
        columns: writer.columns,
    })
}

fn check(plan: &ChunkPlan, values: &[Vec<u32>]) -> Result<(), CircuitError> {
    let range = plan.shape.range;
    for id in plan.layout.tensors.keys() {
        let info = plan.model.graph.tensor(*id);
        let found = values.get(id.0).map_or(&[][..], Vec::as_slice);
        if found.len() != info.dims.len() || found.iter().any(|u| *u >= range) {
            return Err(CircuitError::BadWitness {
                tensor: info.name.clone(),
                got: found.len(),
                expected: info.dims.len(),
                range,
            });
        }
    }
    Ok(())
}

impl Writer<'_> {
    fn write(&mut self, col: Col, row: usize, value: Fr) {
        self.columns[col.index(&self.plan.shape)][row] = value;
    }

    fn small(&mut self, col: Col, row: usize, value: u32) {
        self.write(col, row, Fr::from(u64::from(value)));
    }

    /// Writes the looked-up cells of a lane that was idle.
    fn looked_up(&mut self, lane: usize, row: usize, values: [u32; 3]) {
        let table = self.plan.shape.table();
        for (j, (col, value)) in Col::looked_up(lane).into_iter().zip(values).enumerate() {
            if value == 0 {
                continue;
            }
            self.small(col, row, value);
            if value >= table {
                self.small(Col::High(lane, j), row, value / table);
            }
            self.counts[0] -= 1;
            self.counts[(value % table) as usize] += 1;
        }
    }

    fn digits(&mut self, lane: usize, row: usize, d: Digits) {
        self.small(Col::Y(lane), row, d.y);
        self.looked_up(lane, row, [d.rem, d.v, d.e]);
        self.small(Col::C(lane), row, (d.c + 1) as u32);
    }

    fn input(&mut self, tensor: TensorId) {
        let layout = &self.plan.layout.tensors[&tensor];
        for (element, u) in self.values[tensor.0].iter().enumerate() {
            let (row, lane) = layout.cell(element);
            self.digits(
                lane,
                row,
                Digits {
                    y: *u,
                    rem: 0,
                    v: *u,
                    c: 0,
                    e: 0,
                },
            );
        }
    }

    fn linear(&mut self, layer: &QLinear) -> Result<(), CircuitError> {
        let range = self.plan.shape.range;
        let layout = &self.plan.layout.tensors[&layer.output];
        let accumulators = linear_accumulators(&self.plan.model.graph, layer, self.values);
        for (element, acc) in accumulators.into_iter().enumerate() {
            let found = digits(acc, range).ok_or_else(|| CircuitError::AccumulatorBound {
                layer: layer.name.clone(),
                bound: u128::from(acc.unsigned_abs()),
                limit: u128::from(range).pow(3),
            })?;
            let (row, lane) = layout.cell(element);
            self.digits(lane, row, found);
        }
        Ok(())
    }

    fn max_pool(&mut self, layer: &QMaxPool) {
        let input = self.plan.layout.tensors[&layer.input].dims;
        let output = &self.plan.layout.tensors[&layer.output];
        if self.plan.shape.stacked {
            // Slots without an element are maxima of zeros.
            for row in output.base..output.base + output.rows() {
                self.small(Col::C(0), row, 0);
            }
        }
        for element in 0..output.dims.len() {
            let (c, rest) = (element / output.dims.plane(), element % output.dims.plane());
            let (oy, ox) = (rest / output.dims.w, rest % output.dims.w);
            let mut taps = [0u32; 4];
            for ky in 0..layer.kernel[0] {
                for kx in 0..layer.kernel[1] {
                    let y = (oy * layer.stride[0] + ky)
                        .checked_sub(layer.pad[0])
                        .filter(|y| *y < input.h);
                    let x = (ox * layer.stride[1] + kx)
                        .checked_sub(layer.pad[1])
                        .filter(|x| *x < input.w);
                    if let (Some(y), Some(x)) = (y, x) {
                        let at = (c * input.h + y) * input.w + x;
                        taps[ky * layer.kernel[1] + kx] = self.values[layer.input.0][at];
                    }
                }
            }
            let row = output.cell(element).0;
            if self.plan.shape.stacked {
                self.stacked_maximum(row, taps);
            } else {
                self.maximum(row, taps);
            }
        }
    }

    /// The last row compares the first two taps, every row above the result with the next one.
    fn stacked_maximum(&mut self, row: usize, taps: [u32; 4]) {
        let mut greatest = taps[0];
        for (i, tap) in taps.into_iter().skip(1).enumerate() {
            let at = row + POOL_ROWS - 1 - i;
            self.small(Col::C(0), at, greatest);
            let (p, n) = (greatest.saturating_sub(tap), tap.saturating_sub(greatest));
            self.looked_up(0, at, [p, n, 0]);
            greatest = greatest.max(tap);
            self.small(Col::Y(0), at, greatest);
        }
    }

    fn maximum(&mut self, row: usize, taps: [u32; 4]) {
        let [a, b, c, d] = taps;
        let (left, right) = (a.max(b), c.max(d));
        let pairs = [(a, b), (c, d), (left, right)];
        let p = pairs.map(|(first, second)| first.saturating_sub(second));
        let n = pairs.map(|(first, second)| second.saturating_sub(first));
        self.small(Col::Y(0), row, left.max(right));
        self.small(Col::C(0), row, a);
        self.small(Col::C(1), row, c);
        self.looked_up(0, row, [p[0], n[0], p[1]]);
        self.looked_up(1, row, [n[1], p[2], n[2]]);
    }

    fn hashing(&mut self, commitment: &InferenceCommitment) {
        let plan = self.plan;
        let grid = &plan.grid;
        let mut elements = Vec::new();
        for (i, element) in plan.hashing.elements.iter().enumerate() {
            let (lane, first) = grid.element_at(i);
            let value = |j| {
                let u =
                    (j < element.count).then(|| self.values[element.tensor.0][element.first + j]);
                Fr::from(u64::from(u.unwrap_or(0)))
            };
            let values: Vec<Fr> = (0..grid.values()).map(value).collect();
            elements.push(if grid.stacked {
                self.stacked_element(first, &values)
            } else {
                self.element(lane, first, &values)
            });
        }
        // Empty packing slots of the last round hold zeros, which satisfy their gates.
        let schedule = schedule();
        let mut outputs: Vec<Fr> = Vec::new();
        let known = |source: &Source, outputs: &[Fr]| match source {
            Source::Constant(c) => plan.hashing.constants[*c],
            Source::Element(e) => elements[*e],
            Source::Output(o) => outputs[*o],
            free => HashPlan::free_value(*free, commitment).unwrap_or(Fr::ZERO),
        };
        for (i, sources) in plan.hashing.permutations.iter().enumerate() {
            let state = [0, 1, 2].map(|j| known(&sources[j], &outputs));
            let (lane, row) = grid.permutation_at(i);
            if grid.stacked {
                self.state(lane, row - 2, [state[2], Fr::ZERO, Fr::ZERO], Fr::ZERO);
                self.state(lane, row - 1, [state[1], state[2], Fr::ZERO], Fr::ZERO);
            }
            outputs.push(self.permutation(lane, row, state, &schedule));
        }
        // Slots beyond the last permutation run the pattern from zeros.
        for i in plan.hashing.permutations.len()..grid.slots * grid.lanes {
            let (lane, row) = grid.permutation_at(i);
            self.permutation(lane, row, [Fr::ZERO; 3], &schedule);
        }
        for (i, constant) in plan.hashing.constants.iter().enumerate() {
            // A pinned constant is also what its row adds before the square.
            let row = grid.constant_at(i);
            self.state(0, row, [*constant, Fr::ZERO, Fr::ZERO], *constant);
            for lane in 1..grid.lanes {
                self.state(lane, row, [Fr::ZERO; 3], *constant);
            }
        }
        if grid.stacked {
            for (source, row) in plan.hashing.instances() {
                let word = known(&source, &outputs);
                self.state(0, row, [word, Fr::ZERO, Fr::ZERO], Fr::ZERO);
            }
        }
    }

    /// Packs two values a row.
    fn element(&mut self, lane: usize, first: usize, values: &[Fr]) -> Fr {
        let mut packed = Fr::ZERO;
        for (row, pair) in values.chunks(2).rev().enumerate() {
            packed = packed * Fr::from(1 << 32) + pair[0] + pair[1] * Fr::from(1 << 16);
            self.state(lane, first + row, [packed, pair[0], pair[1]], Fr::ZERO);
        }
        packed
    }

    /// Packs one value a row behind the first, which moves on by one word; the result moves to the first word, as words do
    /// under a rotation.
    fn stacked_element(&mut self, first: usize, values: &[Fr]) -> Fr {
        let mut values = values.iter().rev().copied();
        let (mut packed, mut last) = (values.next().unwrap_or_default(), Fr::ZERO);
        self.state(0, first, [packed, Fr::ZERO, Fr::ZERO], Fr::ZERO);
        self.state(0, first + 1, [Fr::ZERO, packed, Fr::ZERO], Fr::ZERO);
        let mut row = first + 2;
        for value in values {
            packed = packed * Fr::from(1 << 16) + value;
            last = value;
            self.state(0, row, [last, packed, Fr::ZERO], Fr::ZERO);
            row += 1;
        }
        let fifth = last.square().square() * last;
        self.state(0, row, [packed, Fr::ZERO, fifth], Fr::ZERO);
        packed
    }

    fn state(&mut self, lane: usize, row: usize, state: [Fr; 3], constant: Fr) {
        for (j, word) in state.into_iter().enumerate() {
            self.write(Col::Hash(lane, j), row, word);
        }
        self.write(Col::Hash(lane, 3), row, (state[0] + constant).square());
    }

    fn permutation(
        &mut self,
        lane: usize,
        row: usize,
        state: [Fr; 3],
        schedule: &[(Fr, RoundStep)],
    ) -> Fr {
        let mut now = state;
        for (i, (constant, step)) in schedule.iter().enumerate() {
            self.state(lane, row + i, now, *constant);
            let input = now[0] + constant;
            let fifth = input.square().square() * input;
            let words = match step {
                RoundStep::Rotate => {
                    now = [now[1], now[2], fifth];
                    continue;
                }
                RoundStep::Full => [now[1], now[2], fifth],
                RoundStep::Partial => [fifth, now[1], now[2]],
            };
            now = [0, 1, 2].map(|j| (0..3).map(|i| mds()[j][i] * words[i]).sum());
        }
        self.state(lane, row + PERMUTATION_ROWS - 1, now, Fr::ZERO);
        now[0]
    }
}

impl FirstTrace {
    pub(crate) fn get(&self, plan: &ChunkPlan, cell: CellRef) -> Fr {
        self.columns[cell.col.index(&plan.shape)][cell.row]
    }
}
