//! Only the first word has copy constraints: two rows before a permutation take its third and second word in, which move on to
//! their places. Instances are compared by a gate, in the row of their number: those rows come first, then constants.
//!
//! The constants are pinned by another gate, which does not read the instance column: halo2 does not fix the column's length, so
//! nothing behind the public values may count.

use super::grid::{FirstRows, RowCounts, Wiring};
use crate::chip::poseidon::write_words;
use crate::chip::words::WordsRow;
use crate::columns::{CellRef, Col};
use crate::trace::{FixedCells, Trace};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

/// Rows before a permutation that take in its second and third word.
const LOAD_ROWS: usize = 2;

/// Wiring by copies of the first word.
#[derive(Debug)]
pub(crate) struct FirstWord;

impl Wiring for FirstWord {
    fn first_rows(&self, rows: RowCounts) -> FirstRows {
        let first_constant = rows.instances;
        let first_element = first_constant + rows.constants;
        let first_slot = first_element + rows.elements;
        FirstRows {
            first_constant,
            first_element,
            first_slot,
            rows: first_slot + rows.slots,
        }
    }

    fn load_rows(&self) -> usize {
        LOAD_ROWS
    }

    fn word_at(&self, (lane, row): (usize, usize), j: usize) -> CellRef {
        Col::Hash(lane, 0).at(row - j)
    }

    fn instance_word(&self, instance: usize) -> Option<CellRef> {
        Some(Col::Hash(0, 0).at(instance))
    }

    fn fixed_load(&self, first: usize, fixed: &mut FixedCells) {
        for row in first - LOAD_ROWS..first {
            WordsRow::Shift.set(row, fixed);
        }
    }

    fn write_load(&self, trace: &mut Trace, (lane, row): (usize, usize), state: [Fr; 3]) {
        let [_, second, third] = state;
        let third_alone = [third, Fr::ZERO, Fr::ZERO];
        write_words(trace, (lane, row - 2), third_alone, Fr::ZERO);
        write_words(trace, (lane, row - 1), [second, third, Fr::ZERO], Fr::ZERO);
    }
}
