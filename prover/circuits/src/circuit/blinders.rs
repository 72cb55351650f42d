//! Blinders: pseudo-random rows that hide the weights in a verifying key.
//!
//! Every column of weights or biases carries `hide_rows` rows of them, where no gate reads it, and is opened at one point only, so
//! at most `hide_rows - 1` proofs reveal nothing.
//!
//! Security: docs/security.md#rule-6-fixed-not-advice.

use crate::chip::{linear, rlc};
use crate::columns::Fix;
use crate::error::CircuitError;
use crate::plan::ChunkPlan;
use crate::trace::FixedCells;
use halo2curves::bn256::Fr;
use halo2curves::ff::FromUniformBytes;
use sha3::{Digest, Keccak256};

/// Pseudo-random rows in every weight and bias column, where no gate reads them.
pub(super) fn blinders(plan: &ChunkPlan, fixed: &mut FixedCells) -> Result<(), CircuitError> {
    if plan.hide_rows == 0 {
        return Ok(());
    }
    let hidden: Vec<Fix> = plan
        .arrangement
        .fixed_columns(&plan.shape)
        .into_iter()
        .filter(|f| [rlc::WEIGHT, linear::BIAS].contains(&f.name))
        .collect();
    // Whatever else tells two keys apart is in the seed of their blinders, so that they share none.
    let mut weights = Keccak256::new();
    weights.update(format!(
        "{:?} {:?} {:?}",
        plan.shape, plan.model.leaves, plan.model.chunks
    ));
    for role in &hidden {
        for value in fixed.column(*role)? {
            weights.update(value.to_bytes());
        }
    }
    let digest = weights.finalize();
    for (column, role) in hidden.iter().enumerate() {
        let first = plan
            .arrangement
            .end_of(*role, plan.check.len(), plan.layout.end);
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
            fixed.set(*role, row, Fr::from_uniform_bytes(&wide));
        }
    }
    Ok(())
}
