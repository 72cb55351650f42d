//! Second-phase columns, computed from the first-phase columns, the fixed values and the challenges.

use crate::columns::Fix;
use crate::columns::{CellRef, Col};
use crate::fill::Filled;
use crate::layout::POOL_ROWS;
use crate::plan::ChunkPlan;
use crate::program::{Carry, Load, Step};
use crate::shape::ShapeColumns as _;
use crate::witness::FirstTrace;
use halo2curves::bn256::Fr;
use halo2curves::ff::{BatchInvert, Field};

/// Challenges squeezed after the first phase.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Challenges {
    pub(crate) z: Fr,
    pub(crate) r: Fr,
    pub(crate) x: Fr,
}

/// The second-phase columns, column-major.
pub(crate) struct SecondTrace {
    pub(crate) columns: Vec<Vec<Fr>>,
}

/// Computes the second phase.
pub(crate) fn second_phase(
    plan: &ChunkPlan,
    fixed: &Filled,
    first: &FirstTrace,
    ch: &Challenges,
) -> SecondTrace {
    let shape = &plan.shape;
    let mut trace = SecondTrace {
        columns: vec![vec![Fr::ZERO; plan.usable]; shape.second_phase_columns()],
    };
    pre_activations(plan, fixed, first, ch, &mut trace);
    activations(plan, fixed, first, ch, &mut trace);
    combine(plan, first, ch, &mut trace);
    lookups(plan, first, ch, &mut trace);
    trace
}

/// A column of the first phase.
fn column<'a>(plan: &ChunkPlan, first: &'a FirstTrace, col: Col) -> &'a [Fr] {
    &first.columns[col.index(&plan.shape)]
}

fn powers(base: Fr, count: usize) -> Vec<Fr> {
    std::iter::successors(Some(Fr::ONE), |p| Some(*p * base))
        .take(count)
        .collect()
}

fn pre_activations(
    plan: &ChunkPlan,
    fixed: &Filled,
    first: &FirstTrace,
    ch: &Challenges,
    trace: &mut SecondTrace,
) {
    let lanes = plan.shape.lanes;
    let range = Fr::from(u64::from(plan.shape.range));
    let z = powers(ch.z, lanes + 1);
    let r = powers(ch.r, 4);
    let mut d = Fr::ZERO;
    let none = vec![Fr::ZERO; plan.usable];
    let unit = fixed.columns.get(&Fix::DUnit).unwrap_or(&none);
    let pool = fixed.columns.get(&Fix::Pool).unwrap_or(&none);
    let pool_row = |row: usize| {
        (0..POOL_ROWS).find(|i| {
            let flags = fixed.columns.get(&Fix::PoolRow(*i));
            flags.is_some_and(|flags| !bool::from(flags[row].is_zero()))
        })
    };
    let step = &fixed.columns[&Fix::DStep];
    let at = |col, row| column(plan, first, col)[row];
    for row in plan.value_rows() {
        let at_row = pool_row(row);
        let held = Fr::from(u64::from(at_row.is_some_and(|i| i > 0)));
        d *= step[row] * z[lanes] + unit[row] * ch.z + held;
        for l in 0..lanes {
            if bool::from(fixed.columns[&Fix::Acc(l)][row].is_zero()) {
                continue;
            }
            let over = (at(Col::C(l), row) - Fr::ONE) * (at(Col::E(l), row) + Fr::ONE);
            let acc = at(Col::Rem(l), row) + range * (at(Col::V(l), row) + range * over);
            d += (acc - fixed.columns[&Fix::Bias(l)][row]) * z[lanes - 1 - l];
        }
        if let Some(i) = at_row {
            let first = at(Col::C(0), row);
            let second = first - at(Col::Rem(0), row) + at(Col::V(0), row);
            d += second * r[POOL_ROWS - i];
            if i + 1 == POOL_ROWS {
                d += first;
            }
        } else if !bool::from(pool[row].is_zero()) {
            let (a, c) = (at(Col::C(0), row), at(Col::C(1), row));
            let b = a - at(Col::Rem(0), row) + at(Col::V(0), row);
            let e = c - at(Col::E(0), row) + at(Col::Rem(1), row);
            d += [a, b, c, e].iter().zip(&r).map(|(t, r)| t * r).sum::<Fr>();
        }
        trace.columns[Col::D.index(&plan.shape)][row] = d;
    }
}

/// What one lane gives a tap accumulator.
struct Lane<'a> {
    values: &'a [Fr],
    mask: &'a [Fr],
    /// Times z before the value; the first lane's step is with the row's.
    step: Option<&'a [Fr]>,
}

fn activations(
    plan: &ChunkPlan,
    fixed: &Filled,
    first: &FirstTrace,
    ch: &Challenges,
    trace: &mut SecondTrace,
) {
    let lanes = plan.shape.lanes;
    for j in 0..plan.shape.taps {
        let (hold, step) = (
            &fixed.columns[&Fix::BetaHold(j)],
            &fixed.columns[&Fix::BetaStep(j)],
        );
        let lane = |l: usize| Lane {
            values: column(plan, first, Col::Y(l)),
            mask: &fixed.columns[&Fix::BetaMask(j, l)],
            step: fixed.columns.get(&Fix::BetaLane(j, l)).map(Vec::as_slice),
        };
        let read: Vec<Lane<'_>> = (0..lanes).map(lane).collect();
        let mut acc = Fr::ZERO;
        let out = &mut trace.columns[Col::Beta(j).index(&plan.shape)];
        for row in plan.value_rows() {
            acc *= hold[row] + step[row] * ch.z;
            for lane in &read {
                if lane.step.is_some_and(|f| !bool::from(f[row].is_zero())) {
                    acc *= ch.z;
                }
                acc += lane.values[row] * lane.mask[row];
            }
            out[row] = acc;
        }
    }
}

fn combine(plan: &ChunkPlan, first: &FirstTrace, ch: &Challenges, trace: &mut SecondTrace) {
    let shape = &plan.shape;
    let per_row = shape.weights_per_row;
    let (z_row, r_row) = (ch.z.pow([per_row as u64]), ch.r.pow([per_row as u64]));
    let fold = |weights: &[i64], base: Fr| {
        weights.iter().fold(Fr::ZERO, |acc, w| {
            let magnitude = Fr::from(w.unsigned_abs());
            acc * base + if *w < 0 { -magnitude } else { magnitude }
        })
    };
    let (mut alpha, mut gamma) = (Fr::ZERO, Fr::ZERO);
    for (row, line) in plan.program.iter().enumerate() {
        let operand = line
            .operand
            .map_or(Fr::ZERO, |cell| value(plan, first, trace, cell));
        let previous = alpha;
        let carried = match line.carry {
            Carry::Drop => Fr::ZERO,
            Carry::Hold => previous,
            Carry::R => previous * r_row,
            Carry::Z => previous * z_row,
            Carry::Scale => previous * operand,
        };
        let loaded = match line.load {
            Load::Nothing => Fr::ZERO,
            Load::One => Fr::ONE,
            Load::Z => ch.z,
            Load::FoldR => fold(&line.weights, ch.r),
            Load::FoldZ => fold(&line.weights, ch.z),
        };
        alpha = carried + loaded;
        let product = match line.product {
            0 => Fr::ZERO,
            1.. => previous * operand,
            _ => -previous * operand,
        };
        gamma = product
            + match line.gamma {
                Step::Drop => Fr::ZERO,
                Step::Hold => gamma,
                Step::R => gamma * ch.r,
            };
        for (col, v) in [(Col::Alpha, alpha), (Col::Gamma, gamma), (Col::U, operand)] {
            trace.columns[col.index(shape)][row] = v;
        }
    }
    // Gamma and alpha are dropped after the program: their fixed coefficients are 0 there.
}

fn value(plan: &ChunkPlan, first: &FirstTrace, second: &SecondTrace, cell: CellRef) -> Fr {
    if cell.col.is_first_phase() {
        first.get(plan, cell)
    } else {
        second.columns[cell.col.index(&plan.shape)][cell.row]
    }
}

fn lookups(plan: &ChunkPlan, first: &FirstTrace, ch: &Challenges, trace: &mut SecondTrace) {
    let shape = &plan.shape;
    let active = plan.usable - 1;
    let table = Fr::from(u64::from(shape.table()));
    let looked_up: Vec<Col> = (0..shape.lanes).flat_map(Col::looked_up).collect();
    let mut denominators: Vec<Fr> = Vec::with_capacity((looked_up.len() + 1) * active);
    for lane in 0..shape.lanes {
        for (j, col) in Col::looked_up(lane).into_iter().enumerate() {
            let values = &column(plan, first, col)[..active];
            if shape.limbs > 1 {
                let high = column(plan, first, Col::High(lane, j));
                denominators.extend(values.iter().zip(high).map(|(v, h)| *v - *h * table + ch.x));
            } else {
                denominators.extend(values.iter().map(|v| *v + ch.x));
            }
        }
    }
    let entry = |row: usize| {
        if row < shape.table() as usize {
            Fr::from(row as u64)
        } else {
            Fr::ZERO
        }
    };
    denominators.extend((0..active).map(|row| entry(row) + ch.x));
    denominators.iter_mut().batch_invert();
    let multiplicity = column(plan, first, Col::Mult);
    let fractions = looked_up.len() + 1;
    let counted: Vec<_> = looked_up
        .iter()
        .map(|col| plan.looked_up_rows(*col))
        .collect();
    for i in 0..shape.sum_columns() {
        let out = &mut trace.columns[Col::Phi(i).index(shape)];
        let mut total = Fr::ZERO;
        for row in 0..active {
            out[row] = total;
            for f in 3 * i..(3 * i + 3).min(fractions) {
                let inverse = denominators[f * active + row];
                total += match counted.get(f) {
                    Some(rows) if rows.contains(&row) => inverse,
                    Some(_) => Fr::ZERO,
                    None => -multiplicity[row] * inverse,
                };
            }
        }
        out[active] = total;
    }
}
