//! Packing: 15 values of 16 bits to a field element, little end first: a = sum u_j 2^(16 j).
//!
//! The values are copies of activations, range-checked where they stand; slots past the tensor's length are copies of 0. An
//! element is packed by Horner from its highest value down, in a hash lane: [`wide`] takes two values per row, [`compact`] one. The
//! reference is [`pack`](crate::commitment::pack).

pub(crate) mod compact;
pub(crate) mod wide;

use crate::trace::{FixedCells, Trace};
use halo2curves::bn256::Fr;
use std::fmt::Debug;

/// How elements are packed in rows.
pub(crate) trait Packing: Debug + Send + Sync {
    /// Rows of one element; the first word of the last holds it.
    fn rows(&self) -> usize;

    /// Values of an element that have a slot, those past its length included.
    fn slots(&self) -> usize;

    /// Row of an element's slot for a value, and the word that holds it.
    fn value_at(&self, first: usize, value: usize) -> (usize, usize);

    /// Sets the flags of an element from a row on.
    fn fixed(&self, first: usize, fixed: &mut FixedCells);

    /// Writes an element of as many values as there are slots; gives the element.
    fn write(&self, trace: &mut Trace, at: (usize, usize), values: &[Fr]) -> Fr;
}

#[cfg(test)]
mod tests;
