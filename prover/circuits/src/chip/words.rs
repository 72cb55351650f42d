//! What rows of the hash lanes do that run no permutation: one selector for packing, moving and pinning words.

use crate::chip::poseidon;
use crate::columns::{Col, Fix, Query};
use crate::field::{signed, two_to};
use crate::gate::{Cells, Expr, Gates};
use crate::selectors::{among, decode as selector};
use crate::trace::FixedCells;
use halo2curves::bn256::Fr;

/// First packing row of an element (wide arrangement).
pub(crate) const PACK_FIRST: Fix = Fix::new("words: element begins");
/// Packing row that continues an element.
pub(crate) const PACK: Fix = Fix::new("words: element goes on");
/// Words move on by one place (compact arrangement).
pub(crate) const SHIFT: Fix = Fix::new("words: move on");
/// The first word is pinned to the row's constant.
pub(crate) const PIN: Fix = Fix::new("words: pinned to a constant");
/// The first word is pinned to the row's instance (compact arrangement).
pub(crate) const PIN_INSTANCE: Fix = Fix::new("words: pinned to an instance");

/// The selector of a row's words.
pub(crate) const WORDS: Fix = Fix::new("selector: words");

/// What happens to the words of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WordsRow {
    PackFirst,
    Pack,
    Shift,
    Pin,
    PinInstance,
}

/// Encodings: nothing, and those of [`WordsRow`]. An arrangement has either the first value of an element or pinned instances:
/// they share an encoding.
const CODES: std::ops::Range<i64> = 0..5;

impl WordsRow {
    fn flag(self) -> Fix {
        match self {
            WordsRow::PackFirst => PACK_FIRST,
            WordsRow::Pack => PACK,
            WordsRow::Shift => SHIFT,
            WordsRow::Pin => PIN,
            WordsRow::PinInstance => PIN_INSTANCE,
        }
    }

    fn code(self) -> i64 {
        match self {
            WordsRow::PackFirst | WordsRow::PinInstance => 1,
            WordsRow::Pack => 2,
            WordsRow::Shift => 3,
            WordsRow::Pin => 4,
        }
    }

    /// Sets the row.
    pub(crate) fn set(self, row: usize, fixed: &mut FixedCells) {
        fixed.flag(self.flag(), row);
        fixed.set(WORDS, row, signed(self.code()));
    }
}

/// A flag as an expression in the selector.
pub(crate) fn decode(role: Fix, query: &mut Query<'_>) -> Option<Expr> {
    let row = match role {
        PACK_FIRST => WordsRow::PackFirst,
        PACK => WordsRow::Pack,
        SHIFT => WordsRow::Shift,
        PIN => WordsRow::Pin,
        PIN_INSTANCE => WordsRow::PinInstance,
        _ => return None,
    };
    Some(selector(query, WORDS, &among(CODES, &[row.code()])))
}

/// The first word of the first lane is the row's constant, degree 5.
pub(crate) fn pin_gate(c: &mut Cells<'_, '_>) -> (String, Expr) {
    let word = c.cur(Col::Hash(0, 0));
    (
        "pin: a = constant".into(),
        c.fix(PIN) * (word - c.fix(poseidon::CONSTANT)),
    )
}

/// 2^16, the place of the next value in an element.
pub(crate) fn value_place() -> Fr {
    two_to(16)
}

/// Words 1 and 2 of the row below are words 0 and 1 of this row, degree 5.
pub(crate) fn shift_gates(c: &mut Cells<'_, '_>) -> Gates {
    let now: Vec<Expr> = (0..2).map(|j| c.cur(Col::Hash(0, j))).collect();
    let next: Vec<Expr> = (1..3).map(|j| c.at(Col::Hash(0, j), 1)).collect();
    let moves = now.into_iter().zip(next).enumerate();
    moves
        .map(|(j, (now, next))| {
            let name = format!("shift: word {} = the word before", j + 1);
            (name, c.fix(SHIFT) * (next - now))
        })
        .collect()
}

/// The first word is the row's instance, degree 5.
pub(crate) fn pin_instance_gate(c: &mut Cells<'_, '_>) -> (String, Expr) {
    let word = c.cur(Col::Hash(0, 0));
    (
        "pin: a = instance".into(),
        c.fix(PIN_INSTANCE) * (word - c.instance()),
    )
}
