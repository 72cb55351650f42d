//! Linear layers: convolutions, folded poolings, sums of branches, dense layers.
//!
//! A layer's pre-activations have no cells: they are expressions of the requantised ones ([`requantise`](crate::chip::requantise)).
//! The accumulator D runs over them in the order of their layout, L lanes per row. For the challenge z, with D' of the row above,
//!
//! ```text
//! D = step·D' + sum over lanes l  taken_l (acc_l - bias_l) z^(L-1-l)       degree 3 (5 with encoded flags)
//! step = z^L, or 0 where a channel (or a dense layer) begins
//! ```
//!
//! so that in a channel's last row D = sum over units q  z^(U-1-q) (acc_q - bias_q), U the units (here: slots) of a channel. What
//! the weights make of the inputs is summed over the same monomials: of windows by [`windows`], of a dense layer one weight column
//! at a time, as sum_q z^(U-1-q) W_qi times the activation x_i, which the operand copies. The layer's equation is in
//! [`rlc`](crate::chip::rlc); its degree in z and r together is channels + U at most.
//!
//! Security: docs/security.md#rule-3-one-equation-per-layer.

mod layer;
pub(crate) mod outputs;
pub(crate) mod windows;

pub(crate) use layer::Linear;

use crate::chip::operator::{Operator, SumInputs, is_one};
use crate::chip::requantise::{accumulator, accumulator_value};
use crate::columns::{Col, Fix, Query};
use crate::error::CircuitError;
use crate::field::{powers, signed};
use crate::gate::{Cells, Expr, power};
use crate::selectors::decode as selector;
use crate::shape::CircuitShape;
use crate::trace::{FixedCells, FixedValues, Trace};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use std::ops::Range;

pub(crate) const TAKEN: &str = "linear: enters D";
pub(crate) const BIAS: &str = "linear: bias";

/// The lane's cell is a requantised output that enters D.
pub(crate) const fn taken(lane: usize) -> Fix {
    Fix::nth(TAKEN, lane)
}

/// Bias of the lane's output. Hidden as weights are.
pub(crate) const fn bias(lane: usize) -> Fix {
    Fix::nth(BIAS, lane)
}

/// D steps by z^lanes.
pub(crate) const D_STEP: Fix = Fix::new("linear: D steps");
/// Selector of how D takes in a row.
pub(crate) const SUM: Fix = Fix::new("selector: D");

/// Flags of D and of the beta accumulators, in the order of their columns.
pub(crate) fn flags(shape: &CircuitShape) -> Vec<Fix> {
    let mut v: Vec<Fix> = (0..shape.lanes).map(taken).collect();
    v.push(D_STEP);
    v.extend(windows::flags(shape));
    v
}

/// Name of the equation of D.
pub(crate) const SUMS: &str = "D = step D' + sum z^i (acc - bias)";

/// D's right-hand side, scaled as its flags are.
pub(crate) fn sums(c: &mut Cells<'_, '_>, operators: &[&dyn Operator]) -> Expr {
    let lanes = c.shape().lanes;
    let z = c.z();
    let mut step = c.fix(D_STEP) * power(&z, lanes);
    for operator in operators {
        if let Some(further) = operator.sum_step(c) {
            step = step + further;
        }
    }
    let mut total = step * c.prev(Col::D);
    for l in 0..lanes {
        let inner = accumulator(c, l) - c.fix(bias(l));
        total = total + c.fix(taken(l)) * inner * power(&z, lanes - 1 - l);
    }
    for operator in operators {
        if let Some(term) = operator.sum_term(c) {
            total = total + term;
        }
    }
    total
}

/// Encodings of D: (encoding, steps, takes the pre-activation in).
const SUM_CODES: [(i64, bool, bool); 4] = [
    (0, false, false),
    (1, false, true),
    (2, true, false),
    (3, true, true),
];

/// A flag as an expression in the selectors, for one lane.
pub(crate) fn decode(role: Fix, query: &mut Query<'_>) -> Option<Expr> {
    let points = |of: fn(&(i64, bool, bool)) -> bool| SUM_CODES.map(|s| (s.0, of(&s)));
    match role {
        D_STEP => Some(selector(query, SUM, &points(|s| s.1))),
        Fix { name: TAKEN, .. } => Some(selector(query, SUM, &points(|s| s.2))),
        role => windows::decode(role, query),
    }
}

/// Sets the selectors of a row of activations from its flags, for one lane.
pub(crate) fn encode(
    shape: &CircuitShape,
    row: usize,
    fixed: &mut FixedCells,
) -> Result<(), CircuitError> {
    let flags = (fixed.is_set(D_STEP, row)?, fixed.is_set(taken(0), row)?);
    let code = SUM_CODES.iter().find(|s| (s.1, s.2) == flags);
    let (code, ..) = code.ok_or_else(|| CircuitError::unknown_code(SUM, flags))?;
    fixed.set(SUM, row, signed(*code));
    windows::encode(shape, row, fixed)
}

/// Cells of an idle row that make a column nonzero and change nothing that is read: D steps from 0, or takes in what an idle lane
/// holds; a beta accumulator steps, or takes it in.
pub(crate) fn idle(column: Fix) -> Option<Vec<(Fix, i64)>> {
    match column.name {
        _ if column == SUM => Some(vec![(D_STEP, 1), (SUM, 2)]),
        _ if column == D_STEP => Some(vec![(D_STEP, 1)]),
        TAKEN | windows::STEPS | windows::LANE_STEPS | windows::MASK => Some(vec![(column, 1)]),
        _ => None,
    }
}

/// The values of D in the rows of activations.
pub(crate) fn second_phase(
    operators: &[&dyn Operator],
    rows: Range<usize>,
    inputs: &SumInputs<'_>,
    second: &mut Trace,
) -> Result<(), CircuitError> {
    struct Lane<'a> {
        digits: [&'a [Fr]; 4],
        taken: FixedValues<'a>,
        bias: FixedValues<'a>,
    }
    let (shape, first, fixed) = (inputs.shape, inputs.first, inputs.fixed);
    let range = Fr::from(u64::from(shape.range));
    let z = powers(inputs.challenges.z, shape.lanes + 1);
    let lane = |l| {
        Ok(Lane {
            digits: [
                first.column(Col::Rem(l))?,
                first.column(Col::V(l))?,
                first.column(Col::C(l))?,
                first.column(Col::E(l))?,
            ],
            taken: fixed.column(taken(l))?,
            bias: fixed.column(bias(l))?,
        })
    };
    let lanes: Vec<Lane<'_>> = (0..shape.lanes)
        .map(lane)
        .collect::<Result<_, CircuitError>>()?;
    let further = operators.iter().map(|operator| operator.sums(inputs));
    let further: Vec<_> = further.collect::<Result<_, CircuitError>>()?;
    let step = fixed.column(D_STEP)?;
    let mut d = Fr::ZERO;
    let out = second.column_mut(Col::D)?;
    for row in rows {
        let of_row: Vec<_> = further.iter().flatten().map(|sums| sums(row)).collect();
        d *= step[row] * z[shape.lanes] + of_row.iter().map(|(step, _)| step).sum::<Fr>();
        for (lane, z) in lanes.iter().zip(z[..shape.lanes].iter().rev()) {
            if is_one(lane.taken, row) {
                let acc = accumulator_value(range, lane.digits.map(|column| column[row]));
                d += (acc - lane.bias[row]) * z;
            }
        }
        d += of_row.iter().map(|(_, term)| term).sum::<Fr>();
        out[row] = d;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::SUM_CODES;

    #[test]
    fn code_0_of_sums_has_no_flags() {
        assert_eq!(SUM_CODES[0], (0, false, false));
    }
}
