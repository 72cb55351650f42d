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
use crate::trace::{FixedCells, FixedValues};
use halo2_proofs::plonk::ConstraintSystem;
use halo2curves::bn256::Fr;
use halo2curves::ff::{FromUniformBytes, PrimeField};
use rayon::prelude::*;
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
    let columns = hidden(plan);
    let all: Vec<Vec<Fr>> = columns
        .par_iter()
        .enumerate()
        .map(|(column, (_, rows))| of_column(&plan.seed, &key, column, rows))
        .collect();
    for ((role, rows), blinders) in columns.into_iter().zip(all) {
        for (row, blinder) in rows.zip(blinders) {
            fixed.set(role, row, blinder);
        }
    }
    Ok(())
}

/// The blinders of one column: 512 bits of output for each, so that it is uniform up to 2^-256.
fn of_column(seed: &[u8; 32], key: &[u8; 32], column: usize, rows: &Range<usize>) -> Vec<Fr> {
    let mut h = blake3::Hasher::new_derive_key("chainfer.blinder.v3");
    h.update(seed);
    h.update(key);
    h.update(&(column as u64).to_be_bytes());
    h.update(&(rows.start as u64).to_be_bytes());
    let mut output = h.finalize_xof();
    let mut wide = [0u8; 64];
    let mut next = |_| {
        output.fill(&mut wide);
        Fr::from_uniform_bytes(&wide)
    };
    rows.clone().map(&mut next).collect()
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
    let mut h = blake3::Hasher::new_derive_key("chainfer.blinder.key.v3");
    for number in numbers {
        h.update(&(number as u64).to_be_bytes());
    }
    // The gates, too: another release may have others over the same cells.
    let mut system = ConstraintSystem::<Fr>::default();
    arrangement::configure(&mut system, s)?;
    h.update(blake3::hash(format!("{:?}", system.pinned()).as_bytes()).as_bytes());
    let columns: Vec<FixedValues<'_>> = roles
        .into_iter()
        .map(|role| fixed.column(role))
        .collect::<Result<_, _>>()?;
    let digests: Vec<blake3::Hash> = columns.into_par_iter().map(column_digest).collect();
    for digest in digests {
        h.update(digest.as_bytes());
    }
    Ok(*h.finalize().as_bytes())
}

fn column_digest(column: FixedValues<'_>) -> blake3::Hash {
    /// Values that are hashed at a time.
    const PIECE: usize = 1 << 11;
    let mut h = blake3::Hasher::new();
    let mut bytes = Vec::with_capacity(32 * PIECE);
    for (row, value) in column.iter().enumerate() {
        bytes.extend_from_slice(value.to_repr().as_ref());
        if (row + 1).is_multiple_of(PIECE) {
            h.update(&bytes);
            bytes.clear();
        }
    }
    h.update(&bytes);
    h.finalize()
}

#[cfg(test)]
mod tests;
