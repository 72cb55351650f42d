//! One row of the table of operators.

use crate::error::Result;
use crate::frontend::compose::Operand;
use crate::frontend::operator::OperatorInfo;
use crate::frontend::tflite::step::Step;

/// Reads an operator and gives its results.
pub(super) type Reader = fn(&mut Step<'_, '_>) -> Result<Vec<Operand>>;

/// An operator that is read.
pub(in crate::frontend::tflite) struct Entry {
    pub(in crate::frontend::tflite) info: OperatorInfo,
    pub(super) read: Reader,
    /// Its results are elements of its operands, which have been clamped.
    pub(in crate::frontend::tflite) moves: bool,
}

/// An operator, what it accepts, and what it becomes.
pub(super) const fn entry(
    name: &'static str,
    accepts: &'static str,
    becomes: &'static str,
    read: Reader,
) -> Entry {
    Entry {
        info: OperatorInfo {
            name,
            since: None,
            only: "",
            accepts,
            becomes,
        },
        read,
        moves: false,
    }
}

impl Entry {
    /// Elements are moved, and nothing is computed.
    pub(super) const fn moving(mut self) -> Self {
        self.moves = true;
        self
    }
}
