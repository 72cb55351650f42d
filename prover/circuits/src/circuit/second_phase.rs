//! Second-phase columns, computed from the first-phase columns, the fixed values and the challenges.

use crate::chip::linear::{self, windows};
use crate::chip::operator::SumInputs;
use crate::chip::{logup, rlc};
use crate::error::CircuitError;
use crate::plan::ChunkPlan;
use crate::trace::{Challenges, FixedCells, Trace};

/// Computes the second phase.
pub(crate) fn second_phase(
    plan: &ChunkPlan,
    fixed: &FixedCells,
    first: &Trace,
    challenges: &Challenges,
) -> Result<Trace, CircuitError> {
    let shape = &plan.shape;
    let mut trace = Trace::second_phase(shape, plan.arrangement.placement(), plan.usable);
    let values = plan.value_rows();
    let inputs = SumInputs {
        shape,
        fixed,
        first,
        challenges: *challenges,
    };
    let operators = plan.arrangement.operators_in(shape);
    linear::second_phase(&operators, values.clone(), &inputs, &mut trace)?;
    windows::second_phase(
        shape,
        values.clone(),
        challenges.z,
        (fixed, first),
        &mut trace,
    )?;
    rlc::second_phase(shape, &plan.check, challenges, first, &mut trace)?;
    let active = plan.active_rows();
    logup::second_phase(active, values, &inputs, &mut trace)?;
    trace.finish()
}
