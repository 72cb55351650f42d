//! Programs over columns: expressions compiled once and evaluated in every row, eight rows a vector.
//!
//! The numerator of a quotient polynomial is one expression over all columns of a circuit, evaluated on a few cosets in every proof.
//! A [`Builder`] takes that expression and shares what occurs twice; [`Builder::compile`] turns it into a [`Program`], which
//! [`Program::evaluate`] runs. Four ideas make programs short:
//!
//! * What is the same in all rows (challenges, their powers and products, constants) is evaluated once a run, not once a row.
//! * [`Builder::horner`] works on powers that are known before the rows are, so terms can be grouped: what many terms are
//!   multiplied by (a selector, l_0, the active rows) is taken out, and one product remains.
//! * Sums of products are reduced once and not once a product, which costs about half.
//! * Values are reduced only where the next operation needs it. The compiler tracks bounds as [`crate::lanes`] states them.
//!
//! A program works on a strip of rows at a time, instruction by instruction, so that neither the choice of an instruction nor the
//! latency of a product is felt. Its registers are few enough for the nearest cache: a column that is needed again much later is
//! read again.

mod allocate;
mod builder;
mod combine;
mod lower;
mod plain;
mod run;
mod schedule;

pub use builder::{Builder, Value};
pub use plain::{Operation, Operations};
pub use run::{Cost, Program};

#[cfg(test)]
mod tests;
