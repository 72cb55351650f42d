//! Openings: every tensor that crosses the chunk's boundary opens under the root, at its fixed position.
//!
//! A leaf absorbs `salt, packed elements…` pairwise from a tag, a node of the tree is a permutation from 0, and the root is the
//! first instance:
//!
//! ```text
//! h_0 = 2^64 + length        h_(i+1) = P(h_i, m_2i, m_2i+1)[0]        leaf = the last h
//! node = P(0, left, right)[0]                                        root = node at the top
//! ```
//!
//! Tags, the 0 of nodes and of padding are pinned to constants (fixed cells). Salts and the nodes that this chunk does not compute
//! are free: they have no cell but their use. Everything else is copied from where it is computed ([`plan`]); the copies are the
//! only thing that tells two chunks of one shape apart here. [`grid`] says where the words stand; packing and permutations are
//! chips of their own.
//!
//! Public values follow root and context in the instance column: the elements of a public tensor, the leaf of a committed one.
//! The context is constrained by nothing: the transcript binds it.
//!
//! Security: docs/security.md#rule-6-fixed-not-advice.

pub(crate) mod compact;
pub(crate) mod grid;
pub(crate) mod plan;
pub(crate) mod wide;

use crate::chip::operator::Witness;
use crate::chip::poseidon;
use crate::chip::words::WordsRow;
use crate::columns::{CellRef, Col};
use crate::commitment::InferenceCommitment;
use crate::error::CircuitError;
use crate::layout::place::ChunkLayout;
use crate::trace::FixedCells;
use grid::Grid;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use plan::{OpeningPlan, Source, ZERO};

/// Flags and constants of packing rows, permutation slots and pins.
pub(crate) fn fixed(plan: &OpeningPlan, grid: &Grid, fixed: &mut FixedCells) {
    for (_, instance) in plan.instances() {
        if let Some(word) = grid.wiring.instance_word(instance) {
            WordsRow::PinInstance.set(word.row, fixed);
        }
    }
    for (i, constant) in plan.constants.iter().enumerate() {
        let row = grid.constant_at(i);
        WordsRow::Pin.set(row, fixed);
        fixed.set(poseidon::CONSTANT, row, *constant);
    }
    for first in grid.element_rows() {
        grid.packing.fixed(first, fixed);
    }
    let schedule = poseidon::schedule();
    for first in grid.slot_rows() {
        poseidon::fixed(&schedule, first, fixed);
        grid.wiring.fixed_load(first, fixed);
    }
}

/// Copy constraints between advice cells: values into elements, sources into permutations, pinned instances.
pub(crate) fn copies(
    plan: &OpeningPlan,
    grid: &Grid,
    layout: &ChunkLayout,
) -> Result<Vec<(CellRef, CellRef)>, CircuitError> {
    let mut copies = Vec::new();
    let zero = grid.cell(ZERO);
    for (i, element) in plan.elements.iter().enumerate() {
        let (lane, first) = grid.element_at(i);
        let tensor = layout.tensor(element.tensor, "packing")?;
        for j in 0..grid.packing.slots() {
            let (row, word) = grid.packing.value_at(first, j);
            let slot = Col::Hash(lane, word).at(row);
            if j < element.count {
                let (row, lane) = tensor.cell(element.first + j);
                copies.push((slot, Col::Y(lane).at(row)));
            } else {
                copies.extend(zero.map(|z| (slot, z)));
            }
        }
    }
    for (i, state) in plan.permutations.iter().enumerate() {
        for (j, source) in state.iter().enumerate() {
            copies.extend(grid.cell(*source).map(|cell| (grid.word_at(i, j), cell)));
        }
    }
    copies.extend(instance_cells(plan, grid).filter_map(|(cell, instance)| {
        let word = grid.wiring.instance_word(instance)?;
        Some((word, cell))
    }));
    Ok(copies)
}

/// Cells that equal an instance by a copy constraint: (cell, row of the instance column).
pub(crate) fn instance_copies<'a>(
    plan: &'a OpeningPlan,
    grid: &'a Grid,
) -> impl Iterator<Item = (CellRef, usize)> + 'a {
    instance_cells(plan, grid)
        .filter(|(_, instance)| grid.wiring.instance_word(*instance).is_none())
}

fn instance_cells<'a>(
    plan: &'a OpeningPlan,
    grid: &'a Grid,
) -> impl Iterator<Item = (CellRef, usize)> + 'a {
    let cell = |(source, row)| Some((grid.cell(source)?, row));
    plan.instances().filter_map(cell)
}

/// Writes packing rows, permutations and pins.
pub(crate) fn write(
    plan: &OpeningPlan,
    grid: &Grid,
    commitment: &InferenceCommitment,
    witness: &mut Witness<'_>,
) -> Result<(), CircuitError> {
    let values = witness.values;
    let trace = &mut witness.trace;
    let mut elements = Vec::new();
    for (i, element) in plan.elements.iter().enumerate() {
        let value = |j| {
            let u = (j < element.count).then(|| values[element.tensor.0][element.first + j]);
            Fr::from(u64::from(u.unwrap_or(0)))
        };
        let slots: Vec<Fr> = (0..grid.packing.slots()).map(value).collect();
        let packed = grid.packing.write(trace, grid.element_at(i), &slots);
        elements.push(packed);
    }
    // Empty packing slots of the last round hold zeros, which satisfy their gates.
    let schedule = poseidon::schedule();
    let mut outputs: Vec<Fr> = Vec::new();
    let known = |source: &Source, outputs: &[Fr]| match source {
        Source::Constant(c) => Ok(plan.constants[*c]),
        Source::Element(e) => Ok(elements[*e]),
        Source::Output(o) => Ok(outputs[*o]),
        free => OpeningPlan::free_value(*free, commitment).ok_or_else(|| {
            CircuitError::inconsistent("openings", format!("the commitment has no {free:?}"))
        }),
    };
    for (i, [a, b, c]) in plan.permutations.iter().enumerate() {
        let state = [
            known(a, &outputs)?,
            known(b, &outputs)?,
            known(c, &outputs)?,
        ];
        let at = grid.permutation_at(i);
        grid.wiring.write_load(trace, at, state);
        outputs.push(poseidon::write(trace, at, state, &schedule));
    }
    // Slots beyond the last permutation run the pattern from zeros.
    for i in plan.permutations.len()..grid.slots * grid.lanes {
        poseidon::write(trace, grid.permutation_at(i), [Fr::ZERO; 3], &schedule);
    }
    for (i, constant) in plan.constants.iter().enumerate() {
        // A pinned constant is also what its row adds before the square.
        let row = grid.constant_at(i);
        let pinned = [*constant, Fr::ZERO, Fr::ZERO];
        poseidon::write_words(trace, (0, row), pinned, *constant);
        for lane in 1..grid.lanes {
            poseidon::write_words(trace, (lane, row), [Fr::ZERO; 3], *constant);
        }
    }
    for (source, instance) in plan.instances() {
        if let Some(word) = grid.wiring.instance_word(instance) {
            let value = known(&source, &outputs)?;
            let words = [value, Fr::ZERO, Fr::ZERO];
            poseidon::write_words(trace, (0, word.row), words, Fr::ZERO);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
