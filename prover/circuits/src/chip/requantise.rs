//! Requantisation with saturation: from an accumulator to an activation below R.
//!
//! R is the range of activations and the divisor. A lane has the cells rem, v, e and c' = c + 1, and with E = e + 1 the
//! accumulator (which has no cell) and the activation are
//!
//! ```text
//! acc = rem + R (v + R c E)                          the pre-activation, an expression in D
//! y   = (1 - c^2) v + (R - 1)(c^2 + c)/2             degree 4 with the flag of the row (5 where it is encoded)
//! c   in {-1, 0, 1}                                  degree 4 with the flag of the row (5 where it is encoded)
//! rem, v, e in [0, R)                                looked up: see chip::logup
//! ```
//!
//! so y = clamp(floor(acc / R), 0, R - 1): c says on which side the quotient overflows, and E >= 1 by how much. Every acc from
//! -R^3 to R^3 + R^2 - 1 has exactly one rem and one y ([`digits`]). An accumulator out of these bounds has no witness.
//!
//! Where nothing reads acc (inputs and idle lanes), the activation y alone is bound: with y = 0 or y = R - 1, c may also claim
//! a saturation.
//!
//! Security: docs/security.md#rule-4-remainders.

use crate::columns::{Col, requantised};
use crate::gate::{Cells, Expr, Gates, int};
use crate::trace::Trace;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

/// First-phase advice columns of one lane: y, rem, v, c', e.
pub(crate) const LANE_COLUMNS: usize = 5;

/// c in {-1, 0, 1}, and y = (1 - c^2) v + (R - 1)(c^2 + c)/2, in every lane.
pub(crate) fn gates(c: &mut Cells<'_, '_>) -> Gates {
    let range = u64::from(c.shape().range);
    let mut gates = Gates::new();
    for l in 0..c.shape().lanes {
        let on = c.fix(requantised(l));
        let (y, v, biased) = (c.cur(Col::Y(l)), c.cur(Col::V(l)), c.cur(Col::C(l)));
        let saturation = biased.clone() - int(1);
        let square = saturation.clone() * saturation.clone();
        gates.push((
            format!("saturation {l}: c in -1, 0, 1"),
            on.clone() * biased.clone() * (biased.clone() - int(1)) * (biased - int(2)),
        ));
        let half = Fr::from(range - 1) * Fr::from(2).invert().unwrap_or(Fr::ZERO);
        gates.push((
            format!("requantise {l}: y = (1 - c^2) v + (R - 1)(c^2 + c)/2"),
            on * (y - v.clone() + square.clone() * v - (square + saturation) * half),
        ));
    }
    gates
}

/// The pre-activation of a lane: acc = rem + R (v + R c E), E = e + 1.
pub(crate) fn accumulator(c: &mut Cells<'_, '_>, l: usize) -> Expr {
    let range = Fr::from(u64::from(c.shape().range));
    let (rem, v) = (c.cur(Col::Rem(l)), c.cur(Col::V(l)));
    let (biased, e) = (c.cur(Col::C(l)), c.cur(Col::E(l)));
    rem + (v + (biased - int(1)) * (e + int(1)) * range) * range
}

/// [`accumulator`] on values: rem, v, c' and e.
pub(crate) fn accumulator_value(range: Fr, [rem, v, biased, e]: [Fr; 4]) -> Fr {
    let over = (biased - Fr::ONE) * (e + Fr::ONE);
    rem + range * (v + range * over)
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

impl Digits {
    /// An activation that no layer of the chunk computes.
    pub(crate) fn of_input(y: u32) -> Self {
        Digits {
            y,
            rem: 0,
            v: y,
            c: 0,
            e: 0,
        }
    }
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

/// Idle lanes hold c = 0, that is c' = 1, and zeros.
pub(crate) fn idle(trace: &mut Trace, lanes: usize, rows: std::ops::Range<usize>) {
    for lane in 0..lanes {
        for row in rows.clone() {
            trace.set(Col::C(lane), row, Fr::ONE);
        }
    }
}

#[cfg(test)]
mod tests;
