//! Beta accumulators: Horner sums over the activations that windows (of convolutions and poolings) read.
//!
//! Accumulator j of a tensor runs over its activations y in the order of their layout, slot by slot. Per slot, z steps it or
//! not, and a mask takes y in or not, both fixed; with B' of the row above and lanes 0 to L - 1 of a row,
//!
//! ```text
//! B_0 = (hold + step z) B' + mask_0 y_0
//! B_l = (1 + step_l (z - 1)) B_(l-1) + mask_l y_l        B = B_(L-1)            degree 1 + L (5 with encoded flags)
//! ```
//!
//! The steps follow the columns of the layer's output, so B up to an image row is the sum of the activations that one kernel
//! column reads, each times z to the power of the output slot that reads it. What one kernel row reads is a difference of two
//! such prefixes where the rows are contiguous ([`taps`]), times a power of z that moves it to the output's exponents. One
//! accumulator serves all consumers whose steps and masks are the same
//! ([`ColumnMap`](crate::layout::windows::ColumnMap)). Masks are 0 at slots that no output reads, steps pass padding: an exact
//! map of indices, with no cell for padding.
//!
//! Security: docs/security.md#rule-3-one-equation-per-layer.

use crate::chip::operator::is_one;
use crate::chip::rlc::program::{Program, Term};
use crate::columns::{ACTIVE, Col, Fix, Query};
use crate::error::CircuitError;
use crate::field::signed;
use crate::gate::{Cells, Expr, int};
use crate::layout::place::ChunkLayout;
use crate::layout::windows::{ColumnMap, RowMap, segments};
use crate::selectors::decode as selector;
use crate::shape::CircuitShape;
use crate::trace::{FixedCells, FixedValues, Trace};
use chainfer_model::quantized::TensorId;
use chainfer_model::window::Window;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use std::ops::Range;

pub(crate) const HELD: &str = "window: held";
pub(crate) const STEPS: &str = "window: steps";
pub(crate) const LANE_STEPS: &str = "window: lane steps";
pub(crate) const MASK: &str = "window: mask";
pub(crate) const TAP: &str = "selector: window";

/// First lane's step of an accumulator: hold.
pub(crate) const fn held(j: usize) -> Fix {
    Fix::nth(HELD, j)
}

/// First lane's step of an accumulator: times z.
pub(crate) const fn steps(j: usize) -> Fix {
    Fix::nth(STEPS, j)
}

/// Step of a further lane of an accumulator: times z.
pub(crate) const fn lane_steps(j: usize, lane: usize) -> Fix {
    Fix::pair(LANE_STEPS, j, lane)
}

/// The lane's value enters the accumulator.
pub(crate) const fn mask(j: usize, lane: usize) -> Fix {
    Fix::pair(MASK, j, lane)
}

/// Selector of how an accumulator takes in a row.
pub(crate) const fn tap(j: usize) -> Fix {
    Fix::nth(TAP, j)
}

/// The flags, in the order of their columns.
pub(crate) fn flags(shape: &CircuitShape) -> Vec<Fix> {
    let mut v = Vec::new();
    for j in 0..shape.taps {
        v.extend([held(j), steps(j), mask(j, 0)]);
        for l in 1..shape.lanes {
            v.extend([lane_steps(j, l), mask(j, l)]);
        }
    }
    v
}

/// Name of the equation of an accumulator.
pub(crate) fn equation(j: usize) -> String {
    format!("beta {j}: Horner over the activations of one column offset")
}

/// An accumulator's right-hand side, scaled as its flags are.
pub(crate) fn sums(c: &mut Cells<'_, '_>, j: usize) -> Expr {
    let z = c.z();
    let first = c.fix(held(j)) + c.fix(steps(j)) * z.clone();
    let mut acc = first * c.prev(Col::Beta(j)) + c.fix(mask(j, 0)) * c.cur(Col::Y(0));
    for l in 1..c.shape().lanes {
        let step = int(1) + c.fix(lane_steps(j, l)) * (z.clone() - int(1));
        acc = step * acc + c.fix(mask(j, l)) * c.cur(Col::Y(l));
    }
    acc
}

/// The gate of an accumulator that has its column to itself.
pub(crate) fn gate(c: &mut Cells<'_, '_>, j: usize) -> (String, Expr) {
    let gate = c.fix(ACTIVE) * c.cur(Col::Beta(j)) - sums(c, j);
    (equation(j), gate)
}

/// Encodings of an accumulator: (encoding, is held, steps, takes the activation in).
///
/// Six points for polynomials of degree 4: ±1, ±2 and ±3, shifted by one. `held` and `steps` are even in the unshifted
/// encoding; for the mask, the masked points 1, 2 and -3 add up to 0, which is when the leading coefficient vanishes.
const CODES: [(i64, bool, bool, bool); 6] = [
    (0, false, false, false),
    (2, false, false, true),
    (-1, true, false, false),
    (3, true, false, true),
    (4, false, true, false),
    (-2, false, true, true),
];

/// A flag as an expression in the selectors, for one lane.
pub(crate) fn decode(role: Fix, query: &mut Query<'_>) -> Option<Expr> {
    let points = |of: fn(&(i64, bool, bool, bool)) -> bool| CODES.map(|t| (t.0, of(&t)));
    let points = match role.name {
        HELD => points(|t| t.1),
        STEPS => points(|t| t.2),
        MASK => points(|t| t.3),
        _ => return None,
    };
    Some(selector(query, tap(role.at[0]), &points))
}

/// Sets the selectors of a row of activations from its flags, for one lane.
pub(crate) fn encode(
    shape: &CircuitShape,
    row: usize,
    fixed: &mut FixedCells,
) -> Result<(), CircuitError> {
    for j in 0..shape.taps {
        let flags = (
            fixed.is_set(held(j), row)?,
            fixed.is_set(steps(j), row)?,
            fixed.is_set(mask(j, 0), row)?,
        );
        let code = CODES.iter().find(|t| (t.1, t.2, t.3) == flags);
        let (code, ..) = code.ok_or_else(|| CircuitError::unknown_code(tap(j), flags))?;
        fixed.set(tap(j), row, signed(*code));
    }
    Ok(())
}

/// Steps and masks over the rows of activations.
pub(crate) fn fixed(
    shape: &CircuitShape,
    layout: &ChunkLayout,
    rows: Range<usize>,
    fixed: &mut FixedCells,
) {
    let lanes = shape.lanes;
    for j in 0..shape.taps {
        // Held unless a tensor says otherwise; the first row would read a row that is no activation, so it must drop it.
        for row in rows.clone().skip(1) {
            fixed.flag(held(j), row);
        }
    }
    for (id, tensor) in &layout.tensors {
        for (j, map) in layout.columns(*id).iter().enumerate() {
            for c in 0..tensor.dims.c {
                for position in 0..tensor.dims.h {
                    let start = tensor.base * lanes + c * tensor.chan + position * tensor.pitch;
                    for (s, (step, taken)) in map.step.iter().zip(&map.mask).enumerate() {
                        let (row, lane) = ((start + s) / lanes, (start + s) % lanes);
                        let restart = s == 0 && tensor.restarts(position);
                        match (lane, restart, step) {
                            (0, true, _) => fixed.set(held(j), row, Fr::ZERO),
                            (0, false, true) => {
                                fixed.set(held(j), row, Fr::ZERO);
                                fixed.flag(steps(j), row);
                            }
                            (_, _, true) => fixed.flag(lane_steps(j, lane), row),
                            (_, _, false) => {}
                        }
                        if *taken {
                            fixed.flag(mask(j, lane), row);
                        }
                    }
                }
            }
        }
    }
}

/// The accumulators' values.
pub(crate) fn second_phase(
    shape: &CircuitShape,
    rows: Range<usize>,
    z: Fr,
    (cells, first): (&FixedCells, &Trace),
    second: &mut Trace,
) -> Result<(), CircuitError> {
    /// What one lane gives an accumulator.
    struct Lane<'a> {
        values: &'a [Fr],
        mask: FixedValues<'a>,
        /// Times z before the value; the first lane's step is with the row's.
        step: Option<FixedValues<'a>>,
    }
    for j in 0..shape.taps {
        let (hold, step) = (cells.column(held(j))?, cells.column(steps(j))?);
        let lane = |l: usize| {
            Ok(Lane {
                values: first.column(Col::Y(l))?,
                mask: cells.column(mask(j, l))?,
                step: match l {
                    0 => None,
                    _ => Some(cells.column(lane_steps(j, l))?),
                },
            })
        };
        let read: Vec<Lane<'_>> = (0..shape.lanes)
            .map(lane)
            .collect::<Result<_, CircuitError>>()?;
        let mut acc = Fr::ZERO;
        let out = second.column_mut(Col::Beta(j))?;
        for row in rows.clone() {
            acc *= hold[row] + step[row] * z;
            for lane in &read {
                if lane.step.is_some_and(|steps| is_one(steps, row)) {
                    acc *= z;
                }
                acc += lane.values[row] * lane.mask[row];
            }
            out[row] = acc;
        }
    }
    Ok(())
}

/// Accumulator values that sum up to what one tap of one input channel reads, ascending by exponent.
pub(crate) fn taps(
    layout: &ChunkLayout,
    layer: &str,
    window: &Window,
    (input, output): (TensorId, TensorId),
    channel: usize,
    (ky, kx): (usize, usize),
) -> Result<Vec<Term>, CircuitError> {
    let (x, y) = (layout.tensor(input, layer)?, layout.tensor(output, layer)?);
    let Some(map) = ColumnMap::new(window, x, y, kx) else {
        return Ok(vec![]);
    };
    let column = layout.columns(input).iter();
    let beta = column
        .clone()
        .position(|c| c.same_flags(&map))
        .ok_or_else(|| CircuitError::inconsistent(layer, "no accumulator has its column offset"))?;
    let mut terms = Vec::new();
    let pitch = y.pitch_units();
    for run in segments(x, y, &RowMap::new(window, x.dims.h, ky)) {
        let exponent = y.chan_units() as i64 - 1 + map.offset - ((run.out_last + 1) * pitch) as i64;
        let exponent = usize::try_from(exponent).map_err(|_| {
            CircuitError::inconsistent(
                layer,
                "the output's channel has no room for its left padding",
            )
        })?;
        let cell = |position| Col::Beta(beta).at(x.read_row(channel, position));
        terms.push(Term {
            exponent,
            factor: 1,
            cell: cell(run.last),
        });
        if !run.restarts {
            let more = (run.last + 1 - run.first) * pitch;
            terms.push(Term {
                exponent: exponent + more,
                factor: -1,
                cell: cell(run.first - 1),
            });
        }
    }
    terms.sort_by_key(|t| t.exponent);
    Ok(terms)
}

/// Makes the powers of z that the taps of a window need, before alpha is in use.
pub(crate) fn prepare(
    program: &mut Program<'_>,
    layer: &str,
    window: &Window,
    tensors: (TensorId, TensorId),
) -> Result<(), CircuitError> {
    for tap in window.offsets() {
        let terms = taps(program.layout(), layer, window, tensors, 0, tap)?;
        program.prepare(&terms);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selectors::{SCALE, tests::assert_polynomial};

    #[test]
    fn polynomials_of_window_flags_have_degree_4_at_most() {
        for points in [
            CODES.map(|t| (t.0, t.1)),
            CODES.map(|t| (t.0, t.2)),
            CODES.map(|t| (t.0, t.3)),
        ] {
            assert_polynomial(&points, SCALE);
        }
    }

    #[test]
    fn window_codes_are_distinct_and_0_has_no_flags() {
        for (i, code) in CODES.iter().enumerate() {
            assert!(CODES[..i].iter().all(|other| other.0 != code.0));
        }
        assert_eq!(CODES[0], (0, false, false, false));
    }
}
