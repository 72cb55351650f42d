//! The table of operators: one entry each, beside the function that reads it, in the file of its family.

mod arithmetic;
mod compare;
mod entry;
mod functions;
mod gather;
mod linear;
mod movement;
mod normalise;
mod pooling;
mod recurrent;
mod reduce;
mod remedies;
mod resize;
mod shape;
mod slices;
mod space;

use super::step::Step;
use crate::error::{ModelError, Result};
use crate::frontend::compose::Operand;
use crate::frontend::operator::{OperatorInfo, list};
pub(in crate::frontend::tflite) use entry::Entry;

const FAMILIES: [&[Entry]; 14] = [
    arithmetic::OPERATORS,
    compare::OPERATORS,
    functions::OPERATORS,
    gather::OPERATORS,
    linear::OPERATORS,
    movement::OPERATORS,
    normalise::OPERATORS,
    pooling::OPERATORS,
    recurrent::OPERATORS,
    reduce::OPERATORS,
    resize::OPERATORS,
    shape::OPERATORS,
    slices::OPERATORS,
    space::OPERATORS,
];

fn entries() -> impl Iterator<Item = &'static Entry> {
    FAMILIES.into_iter().flatten()
}

/// The operators of TensorFlow Lite that this front end reads, by name.
pub fn tflite_operators() -> impl Iterator<Item = OperatorInfo> {
    let states = super::state::OPERATORS.iter().copied();
    let mut all: Vec<OperatorInfo> = entries().map(|e| e.info).chain(states).collect();
    all.sort_unstable_by_key(|o| o.name);
    all.into_iter()
}

/// The names of all operators that are read, for messages.
pub(super) fn supported() -> String {
    list(tflite_operators())
}

/// The entry of an operator.
pub(super) fn find(title: &str) -> Option<&'static Entry> {
    entries().find(|e| e.info.name == title)
}

/// The error for an operator without an entry.
pub(super) fn unsupported(node: &str, title: &str) -> ModelError {
    ModelError::UnsupportedOperator {
        node: node.to_owned(),
        op: title.to_owned(),
        remedy: remedies::remedy(title).to_owned(),
        supported: supported(),
    }
}

/// Reads an operator.
pub(super) fn read(entry: &Entry, step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    (entry.read)(step)
}
