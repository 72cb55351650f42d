//! Recurrent layers, step by step.

use super::entry::Entry;

pub(super) const OPERATORS: &[Entry] = &[];
