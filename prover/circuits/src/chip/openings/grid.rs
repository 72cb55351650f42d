//! Where the hashed words of a chunk stand.

use super::plan::{OpeningCounts, OpeningPlan, Source};
use crate::chip::packing::Packing;
use crate::chip::poseidon::PERMUTATION_ROWS;
use crate::columns::{CellRef, Col};
use crate::trace::{FixedCells, Trace};
use halo2curves::bn256::Fr;
use std::fmt::Debug;

/// How words come into permutations, and how they are compared with instances.
pub(crate) trait Wiring: Debug + Send + Sync {
    /// The first rows of constants, elements and permutation slots, given how many rows each take.
    fn first_rows(&self, rows: RowCounts) -> FirstRows;

    /// Rows before a permutation that take its words in.
    fn load_rows(&self) -> usize;

    /// The cell that takes in word `j` of a permutation that starts at a row.
    fn word_at(&self, at: (usize, usize), j: usize) -> CellRef;

    /// The cell that a gate compares with an instance; without one, a copy constraint does.
    fn instance_word(&self, instance: usize) -> Option<CellRef>;

    /// Sets the flags of the rows that take words in.
    fn fixed_load(&self, first: usize, fixed: &mut FixedCells);

    /// Writes the rows that take words in.
    fn write_load(&self, trace: &mut Trace, at: (usize, usize), state: [Fr; 3]);
}

/// Rows that each kind takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowCounts {
    /// Public values, root and context counted.
    pub(crate) instances: usize,
    pub(crate) constants: usize,
    pub(crate) elements: usize,
    pub(crate) slots: usize,
}

/// First row of each kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FirstRows {
    pub(crate) first_constant: usize,
    pub(crate) first_element: usize,
    pub(crate) first_slot: usize,
    /// All rows taken.
    pub(crate) rows: usize,
}

/// Where the cells of an [`OpeningPlan`] are. All lanes run the same fixed pattern of packing rows and permutation slots; what is
/// hashed is wired by copy constraints alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    pub(crate) lanes: usize,
    pub(crate) packing: &'static dyn Packing,
    pub(crate) wiring: &'static dyn Wiring,
    /// Permutation slots in each lane.
    pub(crate) slots: usize,
    /// Elements in each lane.
    elements: usize,
    first: FirstRows,
}

impl Grid {
    pub(crate) fn new(
        plan: &OpeningPlan,
        lanes: usize,
        packing: &'static dyn Packing,
        wiring: &'static dyn Wiring,
    ) -> Self {
        Self::of(&plan.counts(), lanes, packing, wiring)
    }

    /// The places of so many words.
    pub(crate) fn of(
        counts: &OpeningCounts,
        lanes: usize,
        packing: &'static dyn Packing,
        wiring: &'static dyn Wiring,
    ) -> Self {
        let elements = counts.elements.div_ceil(lanes);
        let slots = counts.permutations.div_ceil(lanes);
        let first = wiring.first_rows(RowCounts {
            instances: super::plan::INSTANCES_BEFORE + counts.exposed,
            constants: counts.constants,
            elements: packing.rows() * elements,
            slots: (wiring.load_rows() + PERMUTATION_ROWS) * slots,
        });
        Grid {
            lanes,
            packing,
            wiring,
            slots,
            elements,
            first,
        }
    }

    /// All rows taken.
    pub(crate) fn rows(&self) -> usize {
        self.first.rows
    }

    /// Lane and first row of an element.
    pub(crate) fn element_at(&self, element: usize) -> (usize, usize) {
        (element % self.lanes, self.element_row(element / self.lanes))
    }

    fn element_row(&self, index: usize) -> usize {
        self.first.first_element + self.packing.rows() * index
    }

    /// First row of every element of a lane, whether it packs one or not.
    pub(crate) fn element_rows(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.elements).map(|index| self.element_row(index))
    }

    /// Row of a slot's first S-box.
    fn slot(&self, slot: usize) -> usize {
        let load = self.wiring.load_rows();
        self.first.first_slot + (load + PERMUTATION_ROWS) * slot + load
    }

    /// Row of the first S-box of every permutation slot, used or not.
    pub(crate) fn slot_rows(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.slots).map(|slot| self.slot(slot))
    }

    /// Lane and row of a permutation's first S-box.
    pub(crate) fn permutation_at(&self, permutation: usize) -> (usize, usize) {
        (
            permutation % self.lanes,
            self.slot(permutation / self.lanes),
        )
    }

    /// The cell that takes in word `j` of a permutation.
    pub(crate) fn word_at(&self, permutation: usize, j: usize) -> CellRef {
        self.wiring.word_at(self.permutation_at(permutation), j)
    }

    /// Row of a pinned constant (the first word of lane 0).
    pub(crate) fn constant_at(&self, constant: usize) -> usize {
        self.first.first_constant + constant
    }

    /// The cell that holds a computed source; free ones have none but their uses.
    pub(crate) fn cell(&self, source: Source) -> Option<CellRef> {
        let ((lane, row), last) = match source {
            Source::Constant(i) => ((0, self.constant_at(i)), 0),
            Source::Element(i) => (self.element_at(i), self.packing.rows() - 1),
            Source::Output(i) => (self.permutation_at(i), PERMUTATION_ROWS - 1),
            Source::Salt(_) | Source::Node(..) => return None,
        };
        Some(Col::Hash(lane, 0).at(row + last))
    }
}
