//! No fixed column is 0 everywhere: its commitment would be the point at infinity, which keys refuse.
//!
//! A column that a chunk leaves empty (a lane that no output takes, the selector of an operator of a canonical shape, weights that
//! are all 0) gets one nonzero cell that decides nothing, an *unread blinder*:
//!
//! - weights and biases, and operators' columns that are no selectors, in the last usable row: no gate acts there, so the cell is not
//!   read at all. Where blinders hide the weights, no column of theirs is empty;
//! - selectors, in the last idle row: what the gate then says defines a cell of an accumulator, in a row after everything that is
//!   read, from cells of the row and of the row above, where the accumulator is 0. Each chip names the cells ([`Operator::idle`]).
//!
//! They are public constants that follow from the other cells, so whoever plans the chunk again makes the same.
//!
//! Security: docs/security.md#unread-blinders.
//!
//! [`Operator::idle`]: crate::chip::operator::Operator::idle

use crate::chip::operator::Operator;
use crate::chip::{linear, rlc};
use crate::columns::Fix;
use crate::error::CircuitError;
use crate::field::signed;
use crate::plan::ChunkPlan;
use crate::plan::names::holds_weights;
use crate::trace::FixedCells;
use halo2curves::ff::Field;

/// The cells that make a column of a plan nonzero, with their values: (role, row, value); flags of encoded selectors among them.
pub(crate) fn cells(plan: &ChunkPlan, column: Fix) -> Result<Vec<(Fix, usize, i64)>, CircuitError> {
    let operators = plan.arrangement.operators_in(&plan.shape);
    let own = |operator: &&dyn Operator| operator.columns(&plan.shape).contains(&column);
    if holds_weights(column) || operators.iter().any(own) {
        return Ok(vec![(column, plan.active_rows(), 1)]);
    }
    let mut of_operators = operators
        .iter()
        .filter_map(|operator| operator.idle(column));
    let idle = linear::idle(column)
        .or_else(|| rlc::idle(column))
        .or_else(|| of_operators.next());
    let idle = idle.ok_or_else(|| zero(column))?;
    let row = plan.idle_row();
    Ok((idle.into_iter())
        .map(|(role, value)| (role, row, value))
        .collect())
}

fn zero(column: Fix) -> CircuitError {
    CircuitError::ZeroColumn {
        role: format!("{column:?}"),
    }
}

fn is_zero(fixed: &FixedCells, column: Fix) -> Result<bool, CircuitError> {
    let cells = fixed.column(column)?;
    Ok(cells.iter().all(|cell| bool::from(cell.is_zero())))
}

/// Fills the columns that all other cells leave empty, but those that blinders will hide.
pub(super) fn fill(plan: &ChunkPlan, fixed: &mut FixedCells) -> Result<(), CircuitError> {
    for column in plan.arrangement.fixed_columns(&plan.shape) {
        let hidden = plan.hide_rows > 0 && holds_weights(column);
        if hidden || !is_zero(fixed, column)? {
            continue;
        }
        for (role, row, value) in cells(plan, column)? {
            fixed.set(role, row, signed(value));
        }
    }
    Ok(())
}

/// Refuses a column that is 0 everywhere.
pub(super) fn check(plan: &ChunkPlan, fixed: &FixedCells) -> Result<(), CircuitError> {
    for column in plan.arrangement.fixed_columns(&plan.shape) {
        if is_zero(fixed, column)? {
            return Err(zero(column));
        }
    }
    Ok(())
}
