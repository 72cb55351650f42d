//! Packing of two values per row, eight rows per element: the words are the element so far, and the row's two values.
//!
//! ```text
//! a = b + 2^16 c                 first row
//! a = 2^32 a' + b + 2^16 c       further rows, a' of the row above           degree 5 with the encoded flag
//! ```

use super::Packing;
use crate::chip::poseidon::write_words;
use crate::chip::words::{PACK, PACK_FIRST, WordsRow, value_place};
use crate::columns::Col;
use crate::field::two_to;
use crate::gate::{Cells, Expr};
use crate::trace::{FixedCells, Trace};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

/// Rows that pack one element.
const ROWS: usize = 8;

/// Two values per row.
#[derive(Debug)]
pub(crate) struct TwoARow;

/// a = 2^32 a' + b + 2^16 c in lane `h`.
pub(crate) fn gate(c: &mut Cells<'_, '_>, h: usize) -> (String, Expr) {
    let now: Vec<Expr> = (0..3).map(|j| c.cur(Col::Hash(h, j))).collect();
    let (first, cont) = (c.fix(PACK_FIRST), c.fix(PACK));
    (
        format!("pack {h}: a = 2^32 a' + b + 2^16 c"),
        (first + cont.clone()) * (now[0].clone() - now[1].clone() - now[2].clone() * value_place())
            - cont * c.prev(Col::Hash(h, 0)) * two_to(32),
    )
}

impl Packing for TwoARow {
    fn rows(&self) -> usize {
        ROWS
    }

    fn slots(&self) -> usize {
        2 * ROWS
    }

    fn value_at(&self, first: usize, value: usize) -> (usize, usize) {
        (first + ROWS - 1 - value / 2, 1 + value % 2)
    }

    fn fixed(&self, first: usize, fixed: &mut FixedCells) {
        WordsRow::PackFirst.set(first, fixed);
        for row in first + 1..first + ROWS {
            WordsRow::Pack.set(row, fixed);
        }
    }

    fn write(&self, trace: &mut Trace, (lane, first): (usize, usize), values: &[Fr]) -> Fr {
        let mut packed = Fr::ZERO;
        for (row, pair) in values.chunks(2).rev().enumerate() {
            packed = packed * two_to(32) + pair[0] + pair[1] * value_place();
            write_words(
                trace,
                (lane, first + row),
                [packed, pair[0], pair[1]],
                Fr::ZERO,
            );
        }
        packed
    }
}
