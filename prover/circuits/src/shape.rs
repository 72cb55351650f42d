//! How many columns a shape takes.

use crate::error::CircuitError;
use chainfer_formats::shape::ShapeError;

pub use chainfer_formats::shape::CircuitShape;
pub(crate) use chainfer_formats::shape::MAX_K;

impl From<ShapeError> for CircuitError {
    fn from(error: ShapeError) -> Self {
        let ShapeError {
            field: what,
            got,
            allowed,
        } = error;
        Self::BadShape { what, got, allowed }
    }
}

/// First-phase advice columns of one value lane: y, rem, v, c + 1, E - 1.
const LANE_COLUMNS: usize = 5;
/// Looked-up cells of a lane: rem, v, E - 1; each has a high limb where there are limbs.
pub(crate) const LOOKED_UP: usize = 3;
/// First-phase advice columns of one Poseidon lane: three state words and a square.
pub(crate) const HASH_COLUMNS: usize = 4;

/// Column counts of a [`CircuitShape`].
pub(crate) trait ShapeColumns {
    /// First-phase columns of a value lane.
    fn lane_columns(&self) -> usize;

    /// Number of first-phase advice columns.
    fn first_phase_columns(&self) -> usize;

    /// Number of running-sum columns of the lookup argument (three fractions each, the table's included).
    fn sum_columns(&self) -> usize;

    /// Number of second-phase advice columns before the running sums: D and one a tap, and alpha, gamma and the operand,
    /// which are the same columns in the compact arrangement.
    fn accumulator_columns(&self) -> usize;

    /// Number of second-phase advice columns.
    fn second_phase_columns(&self) -> usize {
        self.accumulator_columns() + self.sum_columns()
    }
}

impl ShapeColumns for CircuitShape {
    fn lane_columns(&self) -> usize {
        LANE_COLUMNS + if self.limbs > 1 { LOOKED_UP } else { 0 }
    }

    fn first_phase_columns(&self) -> usize {
        if self.stacked {
            return LANE_COLUMNS + 1;
        }
        self.lane_columns() * self.lanes + HASH_COLUMNS * self.hash_lanes + 1
    }

    fn sum_columns(&self) -> usize {
        (3 * self.lanes + 1).div_ceil(3)
    }

    fn accumulator_columns(&self) -> usize {
        if self.stacked {
            (1 + self.taps).max(3)
        } else {
            4 + self.taps
        }
    }
}
