//! Poseidon in rows: one S-box per row.
//!
//! A hash lane has the state words a, b, c and the square s. With k the row's constant and primes on the row below, a row is
//!
//! ```text
//! s = (a + k)^2                      on every row of the lane         degree 3
//! t = s^2 (a + k) = (a + k)^5
//! rotate:   (a', b', c') = (b, c, t)
//! full:     (a', b', c') = M (b, c, t)        third S-box of a full round
//! partial:  (a', b', c') = M (t, b, c)        degree 5: t has degree 3, a step's flag two
//! ```
//!
//! M is the MDS matrix. A full round takes three rows (two rotations, then the matrix), a partial round one; 8 full and 57 partial
//! rounds take 81 rows, and the state stands in the row below. In partial rounds, the constants of words without an S-box are
//! carried through the matrix to the next S-box ([`schedule`]): all constants stand before an S-box. Constants and steps are fixed
//! cells.
//!
//! The reference is [`crate::poseidon::permute`].

use crate::columns::{Col, Fix, Query};
use crate::field::signed;
use crate::gate::{Cells, Expr, Gates, int, sum};
use crate::poseidon::{FULL_ROUNDS, PARTIAL_ROUNDS, mds, round_constants};
use crate::trace::{FixedCells, Trace};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

/// Columns of one lane: three state words and a square.
pub(crate) const LANE_COLUMNS: usize = 4;
/// Rows of one permutation: an S-box each, then the output.
pub(crate) const PERMUTATION_ROWS: usize = 3 * FULL_ROUNDS + PARTIAL_ROUNDS + 1;

/// Constant added before the S-box; on other rows what a word is pinned to.
pub(crate) const CONSTANT: Fix = Fix::new("poseidon: constant");
/// Step of a partial round.
pub(crate) const PARTIAL: Fix = Fix::new("poseidon: partial round");
/// S-box and rotation.
pub(crate) const ROTATE: Fix = Fix::new("poseidon: rotation");
/// Third S-box of a full round, then the matrix.
pub(crate) const FULL: Fix = Fix::new("poseidon: full round");

/// The flags that selectors stand for.
pub(crate) const FLAGS: [Fix; 3] = [PARTIAL, ROTATE, FULL];

/// The two selectors of a row's step: bits of its encoding.
pub(crate) const fn round_bit(bit: usize) -> Fix {
    Fix::nth("selector: round", bit)
}

/// What follows a row's S-box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoundStep {
    /// Rotate the state.
    Rotate,
    /// Third S-box of a full round: matrix.
    Full,
    /// Partial round: matrix.
    Partial,
}

impl RoundStep {
    fn flag(self) -> Fix {
        match self {
            RoundStep::Rotate => ROTATE,
            RoundStep::Full => FULL,
            RoundStep::Partial => PARTIAL,
        }
    }

    fn bits(self) -> [i64; 2] {
        match self {
            RoundStep::Rotate => [1, 0],
            RoundStep::Partial => [0, 1],
            RoundStep::Full => [1, 1],
        }
    }
}

/// Constant and step of each S-box row. Constants of words without an S-box are carried to their next S-box.
pub(crate) fn schedule() -> Vec<(Fr, RoundStep)> {
    let mut rows = Vec::with_capacity(PERMUTATION_ROWS - 1);
    let mut carried = [Fr::ZERO; 3];
    for (round, constants) in round_constants().iter().enumerate() {
        let partial = FULL_ROUNDS / 2..FULL_ROUNDS / 2 + PARTIAL_ROUNDS;
        let full = !partial.contains(&round);
        let added = [0, 1, 2].map(|j| carried[j] + constants[j]);
        if full {
            rows.push((added[0], RoundStep::Rotate));
            rows.push((added[1], RoundStep::Rotate));
            rows.push((added[2], RoundStep::Full));
            carried = [Fr::ZERO; 3];
        } else {
            rows.push((added[0], RoundStep::Partial));
            carried = [0, 1, 2].map(|j| mds()[j][1] * added[1] + mds()[j][2] * added[2]);
        }
    }
    rows
}

/// s = (a + k)^2, and the words of the row below, in lane `h`; `on` is 1 on the rows that the lane has to itself.
pub(crate) fn gates(c: &mut Cells<'_, '_>, h: usize, on: Expr) -> Gates {
    let (partial, rotate, full) = (c.fix(PARTIAL), c.fix(ROTATE), c.fix(FULL));
    let now: Vec<Expr> = (0..3).map(|j| c.cur(Col::Hash(h, j))).collect();
    let square = c.cur(Col::Hash(h, 3));
    let input = now[0].clone() + c.fix(CONSTANT);
    let mut gates = vec![(
        format!("poseidon {h}: s = (a + k)^2"),
        on * (square.clone() - input.clone() * input.clone()),
    )];
    let fifth = square.clone() * square * input;
    let mix = |words: [&Expr; 3], row: &[Fr; 3]| {
        sum(words.into_iter().zip(row).map(|(w, m)| w.clone() * *m))
    };
    for j in 0..3 {
        let next = c.at(Col::Hash(h, j), 1);
        let row = &mds()[j];
        let after_partial = mix([&fifth, &now[1], &now[2]], row);
        let after_full = mix([&now[1], &now[2], &fifth], row);
        let rotated = if j == 2 {
            fifth.clone()
        } else {
            now[j + 1].clone()
        };
        let equation = partial.clone() * (next.clone() - after_partial)
            + full.clone() * (next.clone() - after_full)
            + rotate.clone() * (next - rotated);
        gates.push((format!("poseidon {h}: round, word {j}"), equation));
    }
    gates
}

/// A step's flag as an expression in the two selectors, taken once.
pub(crate) fn decode(role: Fix, query: &mut Query<'_>) -> Option<Expr> {
    let (first, second) = (round_bit(0), round_bit(1));
    Some(match role {
        ROTATE => query(first) * (int(1) - query(second)),
        PARTIAL => (int(1) - query(first)) * query(second),
        FULL => query(first) * query(second),
        _ => return None,
    })
}

/// Sets the step of one row.
pub(crate) fn set_step(step: RoundStep, row: usize, fixed: &mut FixedCells) {
    fixed.flag(step.flag(), row);
    for (bit, value) in step.bits().into_iter().enumerate() {
        fixed.set(round_bit(bit), row, signed(value));
    }
}

/// Constants and steps of a permutation from this row on.
pub(crate) fn fixed(schedule: &[(Fr, RoundStep)], first: usize, fixed: &mut FixedCells) {
    for (i, (constant, step)) in schedule.iter().enumerate() {
        fixed.set(CONSTANT, first + i, *constant);
        set_step(*step, first + i, fixed);
    }
}

/// Writes the words of a row, and the square of the first plus the row's constant.
pub(crate) fn write_words(
    trace: &mut Trace,
    (lane, row): (usize, usize),
    words: [Fr; 3],
    constant: Fr,
) {
    for (j, word) in words.into_iter().enumerate() {
        trace.set(Col::Hash(lane, j), row, word);
    }
    trace.set(Col::Hash(lane, 3), row, (words[0] + constant).square());
}

/// Writes a permutation of `state` from a row on; gives the first word of its output.
pub(crate) fn write(
    trace: &mut Trace,
    (lane, row): (usize, usize),
    state: [Fr; 3],
    schedule: &[(Fr, RoundStep)],
) -> Fr {
    let mut now = state;
    for (i, (constant, step)) in schedule.iter().enumerate() {
        write_words(trace, (lane, row + i), now, *constant);
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
    let output = (lane, row + PERMUTATION_ROWS - 1);
    write_words(trace, output, now, Fr::ZERO);
    now[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poseidon::permute;

    #[test]
    fn scheduled_rows_compute_the_permutation() {
        let schedule = schedule();
        assert_eq!(schedule.len() + 1, PERMUTATION_ROWS);
        let state = [3, 5, 7].map(Fr::from);
        let mut now = state;
        for (constant, step) in &schedule {
            let input = now[0] + constant;
            let fifth = input.square().square() * input;
            let mix = |w: [Fr; 3]| [0, 1, 2].map(|j| (0..3).map(|i| mds()[j][i] * w[i]).sum());
            now = match step {
                RoundStep::Rotate => [now[1], now[2], fifth],
                RoundStep::Full => mix([now[1], now[2], fifth]),
                RoundStep::Partial => mix([fifth, now[1], now[2]]),
            };
        }
        assert_eq!(now, permute(state));
    }
}
