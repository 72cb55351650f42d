//! Packing of one value per row, because only the first word has copy constraints. The highest value stands in the first row and
//! moves on to the second word, where the element grows; the result moves to the first word as words do under a rotation.
//!
//! ```text
//! row               a         b
//! first             u_14
//! first + 1                   u_14                    b = a of the row above (moves on)
//! first + 2 …       u_j       2^16 b' + u_j           degree 5 with the encoded flag
//! last              element                           a = b of the row above (rotation)
//! ```

use super::Packing;
use crate::chip::poseidon::{RoundStep, set_step, write_words};
use crate::chip::words::{PACK, WordsRow, value_place};
use crate::columns::Col;
use crate::commitment::VALUES_PER_ELEMENT;
use crate::gate::{Cells, Expr};
use crate::trace::{FixedCells, Trace};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

/// Rows that pack one element: one per value, the row below the first, and the result's.
pub(crate) const ROWS: usize = VALUES_PER_ELEMENT + 2;

/// One value per row.
#[derive(Debug)]
pub(crate) struct OneARow;

/// The gate of a packing row: next b = 2^16 b + next a.
pub(crate) fn gate(c: &mut Cells<'_, '_>) -> (String, Expr) {
    let now = c.cur(Col::Hash(0, 1));
    let next: Vec<Expr> = (0..2).map(|j| c.at(Col::Hash(0, j), 1)).collect();
    (
        "pack: next b = 2^16 b + next a".into(),
        c.fix(PACK) * (next[1].clone() - next[0].clone() - now * value_place()),
    )
}

impl Packing for OneARow {
    fn rows(&self) -> usize {
        ROWS
    }

    fn slots(&self) -> usize {
        VALUES_PER_ELEMENT
    }

    fn value_at(&self, first: usize, value: usize) -> (usize, usize) {
        let after = VALUES_PER_ELEMENT - 1 - value;
        (first + after + usize::from(after > 0), 0)
    }

    fn fixed(&self, first: usize, fixed: &mut FixedCells) {
        let last = first + ROWS - 2;
        // The flags are of the step to the row below.
        WordsRow::Shift.set(first, fixed);
        for row in first + 1..last {
            WordsRow::Pack.set(row, fixed);
        }
        set_step(RoundStep::Rotate, last, fixed);
    }

    fn write(&self, trace: &mut Trace, (lane, first): (usize, usize), values: &[Fr]) -> Fr {
        let mut values = values.iter().rev().copied();
        let (mut packed, mut last) = (values.next().unwrap_or_default(), Fr::ZERO);
        let mut row = first;
        let mut words = |words: [Fr; 3]| {
            write_words(trace, (lane, row), words, Fr::ZERO);
            row += 1;
        };
        words([packed, Fr::ZERO, Fr::ZERO]);
        words([Fr::ZERO, packed, Fr::ZERO]);
        for value in values {
            packed = packed * value_place() + value;
            last = value;
            words([last, packed, Fr::ZERO]);
        }
        let fifth = last.square().square() * last;
        words([packed, Fr::ZERO, fifth]);
        packed
    }
}
