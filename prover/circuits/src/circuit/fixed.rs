//! Contents of the fixed columns.

use super::blinders::blinders;
use super::unread;
use crate::chip::{function, linear::windows, logup, openings, rlc};
use crate::columns::ACTIVE;
use crate::error::CircuitError;
use crate::plan::ChunkPlan;
use crate::trace::FixedCells;

/// Fills every fixed column of a plan.
pub(crate) fn fill(plan: &ChunkPlan) -> Result<FixedCells, CircuitError> {
    let shape = &plan.shape;
    let mut fixed = FixedCells::new(shape, plan.arrangement.placement(), plan.usable);
    for row in 0..plan.active_rows() {
        fixed.flag(ACTIVE, row);
    }
    logup::fixed(shape, plan.usable, &mut fixed);
    function::fixed_tables(&plan.layout, &plan.model.graph, &mut fixed)?;
    windows::fixed(shape, &plan.layout, plan.value_rows(), &mut fixed);
    for layer in plan.layer_chips()? {
        layer.fixed(&plan.layout, &mut fixed)?;
    }
    rlc::fixed(&plan.check, &mut fixed)?;
    rlc::fixed_ends(plan.usable, &mut fixed);
    openings::fixed(&plan.openings, &plan.grid, &mut fixed);
    plan.arrangement
        .encode(shape, plan.value_rows(), &mut fixed)?;
    unread::fill(plan, &mut fixed)?;
    blinders(plan, &mut fixed)?;
    unread::check(plan, &fixed)?;
    fixed.finish()
}
