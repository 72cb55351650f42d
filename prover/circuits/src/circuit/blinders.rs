//! Blinders: pseudo-random rows that hide the weights in a verifying key.
//!
//! Every column of weights or biases carries `hide_rows` rows of them, where no gate reads it, and is opened at one point only. A
//! proof gives one linear equation in the cells of a column, so `hide_rows - 1` proofs reveal nothing: there are more unknown
//! blinders than equations.
//!
//! That holds for one key. Keys that share blinders share unknowns, and together give more equations than there are: a model compiled
//! twice from one seed would lose its weights within the budgets of both. So blinders are a PRF of the seed over everything that
//! makes up the key ([`key_digest`]): two keys that differ anywhere have unrelated blinders. The seed is bound to the trusted setup by
//! whoever gives it.
//!
//! Security: docs/security.md#hidden-weights.

use crate::arrangement;
use crate::columns::{CellRef, Fix};
use crate::error::CircuitError;
use crate::plan::ChunkPlan;
use crate::plan::names::holds_weights;
use crate::trace::FixedCells;
use halo2_proofs::plonk::ConstraintSystem;
use halo2curves::bn256::Fr;
use halo2curves::ff::{FromUniformBytes, PrimeField};
use sha3::{Digest, Keccak256};
use std::ops::Range;

/// The columns that hide weights, with the rows of their blinders.
pub(crate) fn hidden(plan: &ChunkPlan) -> Vec<(Fix, Range<usize>)> {
    let columns = plan.arrangement.fixed_columns(&plan.shape).into_iter();
    columns
        .filter(|role| holds_weights(*role))
        .map(|role| {
            let first = plan
                .arrangement
                .end_of(role, plan.check.len(), plan.layout.end);
            (role, first..first + plan.hide_rows as usize)
        })
        .collect()
}

/// Fills the blinders, after all other fixed cells.
pub(super) fn blinders(plan: &ChunkPlan, fixed: &mut FixedCells) -> Result<(), CircuitError> {
    if plan.hide_rows == 0 {
        return Ok(());
    }
    let key = key_digest(plan, fixed)?;
    for (column, (role, rows)) in hidden(plan).into_iter().enumerate() {
        for row in rows {
            let half = |part: u8| {
                let mut h = Keccak256::new();
                h.update(b"chainfer.blinder.v2");
                h.update(plan.seed);
                h.update(key);
                h.update((column as u64).to_be_bytes());
                h.update((row as u64).to_be_bytes());
                h.update([part]);
                h.finalize()
            };
            let mut wide = [0u8; 64];
            wide[..32].copy_from_slice(&half(0));
            wide[32..].copy_from_slice(&half(1));
            fixed.set(role, row, Fr::from_uniform_bytes(&wide));
        }
    }
    Ok(())
}

/// A digest of all that makes up the chunk's key, but for its blinders: the constraint system and its parameters, the rows and how many
/// of them hide weights, the place in the model, every fixed cell and every copy constraint.
fn key_digest(plan: &ChunkPlan, fixed: &FixedCells) -> Result<[u8; 32], CircuitError> {
    let s = &plan.shape;
    let mut numbers = vec![
        s.k as usize,
        s.range as usize,
        s.limbs as usize,
        s.lanes,
        s.taps,
        s.weights_per_row,
        s.hash_lanes,
        usize::from(s.pooling),
        usize::from(plan.arrangement.copies_instances()),
        plan.usable,
        plan.hide_rows as usize,
        plan.chunk,
        plan.model.chunks.len(),
        plan.num_public(),
    ];
    let cell = |cell: CellRef| -> Result<[usize; 3], CircuitError> {
        let position = plan.arrangement.position(cell.col, s);
        let position = position.ok_or_else(|| CircuitError::missing_column(cell.col))?;
        Ok([usize::from(cell.col.is_first_phase()), position, cell.row])
    };
    let copies = plan.copies()?;
    numbers.push(copies.len());
    for (left, right) in copies {
        numbers.extend(cell(left)?);
        numbers.extend(cell(right)?);
    }
    let instances = plan.instance_copies();
    numbers.push(instances.len());
    for (left, instance) in instances {
        numbers.extend(cell(left)?);
        numbers.push(instance);
    }
    let roles = plan.arrangement.fixed_columns(s);
    numbers.push(roles.len());
    let mut h = Keccak256::new();
    h.update(b"chainfer.blinder.key.v2");
    for number in numbers {
        h.update((number as u64).to_be_bytes());
    }
    // The gates, too: another release may have others over the same cells.
    let mut system = ConstraintSystem::<Fr>::default();
    arrangement::configure(&mut system, s)?;
    h.update(Keccak256::digest(format!("{:?}", system.pinned())));
    for role in roles {
        for value in fixed.column(role)?.iter() {
            h.update(value.to_repr());
        }
    }
    Ok(h.finalize().into())
}

#[cfg(test)]
mod tests;
