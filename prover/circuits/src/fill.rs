//! Contents of the fixed columns.

use crate::codes::{self, Code};
use crate::columns::{Fix, coded, fixed_columns};
use crate::hashing::{PACK_ROWS, RoundStep, STACKED_PACK_ROWS, schedule};
use crate::layout::{POOL_ROWS, TensorLayout, layers};
use crate::plan::ChunkPlan;
use crate::program::{Carry, Load, Step};
use chainfer_model::quantized::{QLayer, QLinear, TermMap};
use halo2curves::bn256::Fr;
use halo2curves::ff::{Field, FromUniformBytes};
use sha3::{Digest, Keccak256};
use std::collections::BTreeMap;

/// Fixed columns by role, and the flags that the codes stand for; each has one value a usable row.
pub(crate) struct Filled {
    pub(crate) columns: BTreeMap<Fix, Vec<Fr>>,
}

impl Filled {
    fn set(&mut self, role: Fix, row: usize, value: Fr) {
        if let Some(column) = self.columns.get_mut(&role) {
            column[row] = value;
        }
    }

    fn flag(&mut self, role: Fix, row: usize) {
        self.set(role, row, Fr::ONE);
    }
}

pub(crate) fn signed(v: i64) -> Fr {
    let magnitude = Fr::from(v.unsigned_abs());
    if v < 0 { -magnitude } else { magnitude }
}

/// Fills every fixed column of a plan.
pub(crate) fn fill(plan: &ChunkPlan) -> Filled {
    let zero = vec![Fr::ZERO; plan.usable];
    let columns = (fixed_columns(&plan.shape).into_iter())
        .chain(coded(&plan.shape))
        .map(|f| (f, zero.clone()))
        .collect();
    let mut filled = Filled { columns };
    let last = plan.usable - 1;
    for value in 0..plan.shape.table() {
        filled.set(Fix::Table, value as usize, Fr::from(u64::from(value)));
    }
    for row in 0..last {
        filled.flag(Fix::Active, row);
    }
    filled.flag(Fix::Ends, 0);
    filled.flag(Fix::Ends, last);
    activations(plan, &mut filled);
    for layer in layers(&plan.model, plan.spec()) {
        match layer {
            QLayer::Linear(linear) => pre_activations(plan, linear, &mut filled),
            QLayer::MaxPool(pool) => {
                let tensor = &plan.layout.tensors[&pool.output];
                if plan.shape.stacked {
                    stacked_maxima(tensor, &mut filled);
                } else {
                    maxima(tensor, &mut filled);
                }
            }
        }
    }
    combine(plan, &mut filled);
    if plan.shape.stacked {
        stacked_hashing(plan, &mut filled);
        encode_values(plan, &mut filled);
    } else {
        hashing(plan, &mut filled);
    }
    encode(plan, &mut filled);
    blinders(plan, &mut filled);
    filled
}

/// Steps and masks of the tap accumulators.
fn activations(plan: &ChunkPlan, filled: &mut Filled) {
    let (lanes, taps) = (plan.shape.lanes, plan.shape.taps);
    for j in 0..taps {
        // Held unless a tensor says otherwise; the first row reads a blinded row or another area, so it must drop it.
        for row in plan.value_rows().skip(1) {
            filled.flag(Fix::BetaHold(j), row);
        }
    }
    for tensor in plan.layout.tensors.values() {
        for (j, class) in tensor.classes.iter().enumerate() {
            for c in 0..tensor.dims.c {
                for position in 0..tensor.dims.h {
                    let start = tensor.base * lanes + c * tensor.chan + position * tensor.pitch;
                    for (s, (step, mask)) in class.step.iter().zip(&class.mask).enumerate() {
                        let (row, lane) = ((start + s) / lanes, (start + s) % lanes);
                        let restart = s == 0 && tensor.restarts(position);
                        match (lane, restart, step) {
                            (0, true, _) => filled.set(Fix::BetaHold(j), row, Fr::ZERO),
                            (0, false, true) => {
                                filled.set(Fix::BetaHold(j), row, Fr::ZERO);
                                filled.flag(Fix::BetaStep(j), row);
                            }
                            (_, _, true) => filled.flag(Fix::BetaLane(j, lane), row),
                            (_, _, false) => {}
                        }
                        if *mask {
                            filled.flag(Fix::BetaMask(j, lane), row);
                        }
                    }
                }
            }
        }
    }
}

fn block(tensor: &TensorLayout) -> std::ops::Range<usize> {
    tensor.base..tensor.base + tensor.rows()
}

/// Whether D restarts at a row of a tensor's block: at every channel, or only once for a dense layer.
fn restarts(tensor: &TensorLayout, row: usize, dense: bool) -> bool {
    let within = row - tensor.base;
    if dense {
        within == 0
    } else {
        within.is_multiple_of(tensor.chan / tensor.lanes)
    }
}

fn pre_activations(plan: &ChunkPlan, layer: &QLinear, filled: &mut Filled) {
    let tensor = &plan.layout.tensors[&layer.output];
    let dense = matches!(
        layer.terms.first().map(|t| &t.map),
        Some(TermMap::Dense { .. })
    );
    for row in block(tensor).filter(|row| !restarts(tensor, *row, dense)) {
        filled.flag(Fix::DStep, row);
    }
    for (element, bias) in layer.element_bias.iter().enumerate() {
        let (row, lane) = tensor.cell(element);
        filled.flag(Fix::Acc(lane), row);
        filled.set(Fix::Bias(lane), row, signed(*bias));
    }
}

fn maxima(tensor: &TensorLayout, filled: &mut Filled) {
    for row in block(tensor).filter(|row| !restarts(tensor, *row, false)) {
        filled.flag(Fix::DUnit, row);
    }
    for element in 0..tensor.dims.len() {
        filled.flag(Fix::Pool, tensor.cell(element).0);
    }
}

/// Every slot of the block is a maximum, also where there is no element: its taps are 0 there.
fn stacked_maxima(tensor: &TensorLayout, filled: &mut Filled) {
    for row in block(tensor) {
        let at = (row - tensor.base) % POOL_ROWS;
        if at == 0 && !restarts(tensor, row, false) {
            filled.flag(Fix::DStep, row);
        }
        filled.flag(Fix::Pool, row);
        filled.flag(Fix::PoolRow(at), row);
    }
}

fn combine(plan: &ChunkPlan, filled: &mut Filled) {
    for (row, line) in plan.program.iter().enumerate() {
        let carry = match line.carry {
            Carry::Drop => None,
            Carry::Hold => Some(Fix::Hold),
            Carry::R => Some(Fix::ContR),
            Carry::Z => Some(Fix::ContZ),
            Carry::Scale => Some(Fix::Scale),
        };
        let load = match line.load {
            Load::Nothing => None,
            Load::One => Some(Fix::AlphaOne),
            Load::Z => Some(Fix::AlphaZ),
            Load::FoldR => Some(Fix::FoldR),
            Load::FoldZ => Some(Fix::FoldZ),
        };
        let gamma = match line.gamma {
            Step::Drop => None,
            // Row 0 reads a blinded row.
            Step::Hold => (row > 0).then_some(Fix::GammaHold),
            Step::R => Some(Fix::GammaR),
        };
        for role in [carry, load, gamma].into_iter().flatten() {
            filled.flag(role, row);
        }
        if line.zero {
            filled.flag(Fix::Zero, row);
        }
        filled.set(Fix::Product, row, signed(line.product.into()));
        for (t, weight) in line.weights.iter().enumerate() {
            filled.set(Fix::Weight(t), row, signed(*weight));
        }
    }
}

fn hashing(plan: &ChunkPlan, filled: &mut Filled) {
    for row in 0..plan.grid.pack_rows() {
        let continues = row % PACK_ROWS != 0;
        filled.flag(
            if continues {
                Fix::PackCont
            } else {
                Fix::PackFirst
            },
            row,
        );
    }
    permutations(plan, filled);
    constants(plan, filled);
}

fn constants(plan: &ChunkPlan, filled: &mut Filled) {
    for (i, constant) in plan.hashing.constants.iter().enumerate() {
        let row = plan.grid.constant_at(i);
        filled.flag(Fix::Pin, row);
        filled.set(Fix::HashConst, row, *constant);
    }
}

fn permutations(plan: &ChunkPlan, filled: &mut Filled) {
    let schedule = schedule();
    for first in plan.permutation_slots() {
        for (i, (constant, step)) in schedule.iter().enumerate() {
            filled.set(Fix::HashConst, first + i, *constant);
            let role = match step {
                RoundStep::Rotate => Fix::HashRotate,
                RoundStep::Full => Fix::HashFull,
                RoundStep::Partial => Fix::HashPartial,
            };
            filled.flag(role, first + i);
        }
    }
}

fn stacked_hashing(plan: &ChunkPlan, filled: &mut Filled) {
    for (_, row) in plan.hashing.instances() {
        filled.flag(Fix::PinInstance, row);
    }
    constants(plan, filled);
    for i in 0..plan.hashing.elements.len() {
        let (_, first) = plan.grid.element_at(i);
        let last = first + STACKED_PACK_ROWS - 2;
        // The flags are of the step to the next row.
        filled.flag(Fix::Shift, first);
        for row in first + 1..last {
            filled.flag(Fix::PackCont, row);
        }
        // The packed element is the second word; a rotation makes it the first.
        filled.flag(Fix::HashRotate, last);
    }
    permutations(plan, filled);
    for first in plan.permutation_slots() {
        filled.flag(Fix::Shift, first - 2);
        filled.flag(Fix::Shift, first - 1);
    }
}

/// Turns the flags of activations into the codes that stand for them, and moves biases to the column that they share.
fn encode_values(plan: &ChunkPlan, filled: &mut Filled) {
    for row in plan.value_rows() {
        let bias = filled.columns[&Fix::Bias(0)][row];
        filled.set(Fix::Weight(0), row, bias);
        let flagged = |role| filled.columns.get(&role).map(|flags| flags[row]);
        let set = |role| flagged(role).is_some_and(|flag| !bool::from(flag.is_zero()));
        let maximum = set(Fix::Pool);
        let pool_row = (0..POOL_ROWS).find(|i| set(Fix::PoolRow(*i)));
        let sums = codes::sum_code(set(Fix::DStep), set(Fix::Acc(0)));
        let mut found = vec![
            (Code::Area, codes::area_code(maximum)),
            (Code::Sum, sums),
            (Code::Pool, pool_row.map_or(0, |i| i as i64 + 1)),
        ];
        for j in 0..plan.shape.taps {
            let flags = [Fix::BetaHold(j), Fix::BetaStep(j), Fix::BetaMask(j, 0)];
            let [held, steps, masked] = flags.map(set);
            found.push((Code::Tap(j), codes::tap_code(held, steps, masked)));
        }
        for (code, value) in found {
            filled.set(Fix::Code(code), row, signed(value));
        }
        filled.flag(Fix::Value, row);
        if !maximum {
            filled.flag(Fix::Requantised, row);
        }
    }
}

/// Turns the other flags into codes.
fn encode(plan: &ChunkPlan, filled: &mut Filled) {
    for (row, line) in plan.program.iter().enumerate() {
        let (carry, load) = codes::combine_codes(line);
        let gamma = codes::gamma_code(line, row == 0);
        for (code, value) in [
            (Code::Carry, carry),
            (Code::Load, load),
            (Code::Gamma, gamma),
        ] {
            filled.set(Fix::Code(code), row, signed(value));
        }
    }
    for row in [0, plan.usable - 1] {
        filled.set(Fix::Code(Code::Gamma), row, signed(codes::GAMMA_ENDS));
    }
    for row in 0..plan.grid.rows {
        let flags = |role: &Fix| filled.columns.get(role).map(|flags| flags[row]);
        let set = |role: &Fix| flags(role).is_some_and(|flag| !bool::from(flag.is_zero()));
        let words = [
            Fix::PackFirst,
            Fix::PackCont,
            Fix::Shift,
            Fix::Pin,
            Fix::PinInstance,
        ];
        let rounds = [Fix::HashRotate, Fix::HashPartial, Fix::HashFull];
        let (word, round) = (words.into_iter().find(set), rounds.into_iter().find(set));
        filled.set(
            Fix::Code(Code::Words),
            row,
            signed(word.map_or(0, codes::words_code)),
        );
        let bits = round.map_or([0, 0], codes::round_code);
        for (bit, value) in bits.into_iter().enumerate() {
            filled.set(Fix::Code(Code::Round(bit)), row, signed(value));
        }
    }
}

/// Pseudo-random rows in every weight and bias column, where no gate reads them.
fn blinders(plan: &ChunkPlan, filled: &mut Filled) {
    if plan.hide_rows == 0 {
        return;
    }
    let hidden: Vec<Fix> = fixed_columns(&plan.shape)
        .into_iter()
        .filter(|f| matches!(f, Fix::Weight(_) | Fix::Bias(_)))
        .collect();
    // Whatever else tells two keys apart is in the seed of their blinders, so that they share none.
    let mut weights = Keccak256::new();
    weights.update(format!(
        "{:?} {:?} {:?}",
        plan.shape, plan.model.leaves, plan.model.chunks
    ));
    for role in &hidden {
        for value in &filled.columns[role] {
            weights.update(value.to_bytes());
        }
    }
    let digest = weights.finalize();
    for (column, role) in hidden.iter().enumerate() {
        let first = if plan.shape.stacked || matches!(role, Fix::Bias(_)) {
            plan.layout.end
        } else {
            plan.program.len()
        };
        for row in first..first + plan.hide_rows as usize {
            let half = |part: u8| {
                let mut h = Keccak256::new();
                h.update(b"chainfer.blinder.v1");
                h.update(plan.seed);
                h.update(digest);
                h.update((plan.chunk as u64).to_be_bytes());
                h.update((column as u64).to_be_bytes());
                h.update((row as u64).to_be_bytes());
                h.update([part]);
                h.finalize()
            };
            let mut wide = [0u8; 64];
            wide[..32].copy_from_slice(&half(0));
            wide[32..].copy_from_slice(&half(1));
            filled.set(*role, row, Fr::from_uniform_bytes(&wide));
        }
    }
}
