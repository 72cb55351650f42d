//! Yul as data. The contract's assembly is built from these types and becomes text in one place, the printer; nothing reads the
//! text again.

mod literal;
mod opcode;
mod printer;
mod syntax;

pub(crate) use literal::Literal;
pub(crate) use opcode::*;
pub(crate) use printer::print;
pub(crate) use syntax::{Block, Expression, Name, Statement};
