//! First-phase columns: activations with their digits, packing, Poseidon, multiplicities.

use crate::chip::function::Uses;
use crate::chip::logup::{Lookups, looked_up};
use crate::chip::operator::Witness;
use crate::chip::{openings, requantise};
use crate::commitment::InferenceCommitment;
use crate::error::CircuitError;
use crate::plan::ChunkPlan;
use crate::trace::Trace;
use std::sync::Arc;

/// What a chunk proof needs besides the plan.
#[derive(Clone)]
pub struct ChunkWitness {
    /// Values of every tensor of the model, by [`TensorId`](chainfer_model::quantized::TensorId).
    pub values: Arc<Vec<Vec<u32>>>,
    /// Salts, leaves and tree of the inference.
    pub commitment: Arc<InferenceCommitment>,
}

impl std::fmt::Debug for ChunkWitness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkWitness").finish_non_exhaustive()
    }
}

/// Computes the first-phase columns of a chunk.
///
/// # Errors
/// If the values are not a trace of the model.
pub(crate) fn first_phase(plan: &ChunkPlan, witness: &ChunkWitness) -> Result<Trace, CircuitError> {
    check(plan, &witness.values)?;
    let shape = &plan.shape;
    let mut trace = Trace::first_phase(shape, plan.arrangement.placement(), plan.usable);
    requantise::idle(&mut trace, shape.lanes, plan.value_rows());
    let digits = (0..shape.lanes).flat_map(looked_up);
    let idle = digits.map(|col| plan.looked_up_rows(col).len()).sum();
    let mut writer = Witness {
        graph: &plan.model.graph,
        layout: &plan.layout,
        values: &witness.values,
        trace,
        lookups: Lookups::idle(shape, idle),
        uses: Uses::new(shape, &plan.layout),
    };
    for tensor in plan.inputs() {
        writer.input(tensor)?;
    }
    for layer in plan.layer_chips()? {
        layer.witness(&mut writer)?;
    }
    openings::write(&plan.openings, &plan.grid, &witness.commitment, &mut writer)?;
    let Witness {
        mut trace,
        lookups,
        uses,
        ..
    } = writer;
    lookups.finish(&mut trace);
    uses.finish(&mut trace);
    trace.finish()
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

#[cfg(test)]
mod tests;
