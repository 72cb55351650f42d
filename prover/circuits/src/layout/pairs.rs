//! The rows of the operands of products.
//!
//! They follow the block of the products, which stand in one lane: every unit of it, with an element or without, has two rows,
//! the first operand's and below it the second's. So what is summed over the units of both blocks has the same exponents.

use super::tensor::TensorLayout;

/// The operands of one tensor's elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pairs {
    base: usize,
    units: usize,
    per_channel: usize,
}

impl Pairs {
    /// Beta accumulators that run over pairs: one over the first operands, one over the second.
    pub(crate) const TAPS: usize = 2;

    /// The pairs of an output's units, from row `base` on.
    pub(crate) fn new(base: usize, output: &TensorLayout) -> Self {
        Pairs {
            base,
            units: output.rows(),
            per_channel: output.chan_units(),
        }
    }

    /// Row after the last.
    pub(crate) fn end(&self) -> usize {
        self.base + 2 * self.units
    }

    /// The first operand's row of every unit, and whether a channel begins there.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (usize, bool)> + '_ {
        (0..self.units).map(|unit| (self.row(unit), unit.is_multiple_of(self.per_channel)))
    }

    /// The first operand's row of a unit.
    pub(crate) fn row(&self, unit: usize) -> usize {
        self.base + 2 * unit
    }

    /// Last row of a channel.
    pub(crate) fn channel_end(&self, c: usize) -> usize {
        self.row((c + 1) * self.per_channel) - 1
    }
}
