//! Every word has copy constraints: a permutation's words are copied straight into its first row, and instances are copied from
//! the instance column.

use super::grid::{FirstRows, RowCounts, Wiring};
use crate::columns::{CellRef, Col};
use crate::trace::{FixedCells, Trace};
use halo2curves::bn256::Fr;

/// Wiring by copies of every word.
#[derive(Debug)]
pub(crate) struct EveryWord;

impl Wiring for EveryWord {
    fn first_rows(&self, rows: RowCounts) -> FirstRows {
        FirstRows {
            first_element: 0,
            first_slot: rows.elements,
            first_constant: rows.elements + rows.slots,
            rows: rows.elements + rows.slots + rows.constants,
        }
    }

    fn load_rows(&self) -> usize {
        0
    }

    fn word_at(&self, (lane, row): (usize, usize), j: usize) -> CellRef {
        Col::Hash(lane, j).at(row)
    }

    fn instance_word(&self, _instance: usize) -> Option<CellRef> {
        None
    }

    fn fixed_load(&self, _first: usize, _fixed: &mut FixedCells) {}

    fn write_load(&self, _trace: &mut Trace, _at: (usize, usize), _state: [Fr; 3]) {}
}
