//! A place that generated code reads.

use crate::yul::{self, Expression, Literal};

/// Where something starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Memory(usize),
    Calldata(usize),
}

impl Place {
    /// Reads a word.
    pub(crate) fn load(self) -> Expression {
        match self {
            Self::Memory(at) => yul::mload(Literal::address(at)),
            Self::Calldata(at) => yul::calldataload(Literal::address(at)),
        }
    }
}
