//! The parameters that fix a chunk's constraint system.

use crate::error::CircuitError;
use serde::{Deserialize, Serialize};

/// Parameters of the constraint system. Two chunks of one shape differ only in fixed values and copy constraints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CircuitShape {
    /// log2 of the number of rows.
    pub k: u32,
    /// Activation range and divisor R.
    pub range: u32,
    /// Values of the high limb of a range check: the table has R / limbs entries. 1, 2 or 4.
    pub limbs: u32,
    /// Value lanes: activations a row.
    pub lanes: usize,
    /// Horner accumulators over activations (one a distinct column offset).
    pub taps: usize,
    /// Weights folded in one row.
    pub weights_per_row: usize,
    /// Poseidon lanes.
    pub hash_lanes: usize,
    /// Whether the chunk has max pooling.
    pub pooling: bool,
    /// Whether activations share their columns with hashing and with the combine program, on rows of their own, and
    /// flags that exclude each other are codes in one column: few columns for many rows.
    #[serde(default)]
    pub stacked: bool,
}

/// Largest circuit: 2^20 rows. A key's domain takes memory in proportion before anything else of it is read.
pub(crate) const MAX_K: u32 = 20;

/// First-phase advice columns of one value lane: y, rem, v, c + 1, E - 1.
const LANE_COLUMNS: usize = 5;
/// Looked-up cells of a lane: rem, v, E - 1; each has a high limb where there are limbs.
pub(crate) const LOOKED_UP: usize = 3;
/// First-phase advice columns of one Poseidon lane: three state words and a square.
pub(crate) const HASH_COLUMNS: usize = 4;

impl CircuitShape {
    /// Refuses parameters that no plan produces; call it on shapes that come from a file.
    pub fn validate(&self) -> Result<(), CircuitError> {
        let check = |ok: bool, what, got: u64, allowed| {
            if ok {
                Ok(())
            } else {
                Err(CircuitError::BadShape { what, got, allowed })
            }
        };
        check((5..=MAX_K).contains(&self.k), "k", self.k.into(), "5 to 20")?;
        let range_ok = self.range >= 16 && self.range.is_multiple_of(2) && self.range <= 1 << 16;
        check(range_ok, "range", self.range.into(), "even, 16 to 65536")?;
        let limbs_ok = matches!(self.limbs, 1 | 2 | 4) && self.range.is_multiple_of(self.limbs);
        check(
            limbs_ok,
            "limbs",
            self.limbs.into(),
            "1, 2 or 4, a divisor of the range",
        )?;
        let fits = u64::from(self.table()) + 6 < 1u64 << self.k;
        check(
            fits,
            "range",
            self.range.into(),
            "at most limbs times the rows",
        )?;
        check(
            (1..=4).contains(&self.lanes),
            "lanes",
            self.lanes as u64,
            "1 to 4",
        )?;
        check(
            !self.pooling || self.stacked || self.lanes >= 2,
            "lanes",
            self.lanes as u64,
            "2 to 4 with max pooling side by side",
        )?;
        check(self.taps <= 64, "taps", self.taps as u64, "at most 64")?;
        let w = self.weights_per_row;
        check(
            (1..=16).contains(&w),
            "weights_per_row",
            w as u64,
            "1 to 16",
        )?;
        check(
            (1..=16).contains(&self.hash_lanes),
            "hash_lanes",
            self.hash_lanes as u64,
            "1 to 16",
        )?;
        let single = [
            ("lanes", self.lanes as u64),
            ("hash_lanes", self.hash_lanes as u64),
            ("limbs", self.limbs.into()),
            ("weights_per_row", w as u64),
        ];
        for (what, got) in single {
            check(
                !self.stacked || got == 1,
                what,
                got,
                "1 where areas are stacked",
            )?;
        }
        Ok(())
    }

    /// Entries of the table.
    pub fn table(&self) -> u32 {
        self.range / self.limbs.max(1)
    }

    /// First-phase columns of a value lane.
    pub(crate) fn lane_columns(&self) -> usize {
        LANE_COLUMNS + if self.limbs > 1 { LOOKED_UP } else { 0 }
    }

    /// Number of first-phase advice columns.
    pub fn first_phase_columns(&self) -> usize {
        if self.stacked {
            return LANE_COLUMNS + 1;
        }
        self.lane_columns() * self.lanes + HASH_COLUMNS * self.hash_lanes + 1
    }

    /// Number of running-sum columns of the lookup argument (three fractions each, the table's included).
    pub fn sum_columns(&self) -> usize {
        (3 * self.lanes + 1).div_ceil(3)
    }

    /// Number of second-phase advice columns before the running sums: D and one a tap, and alpha, gamma and the operand,
    /// which are the same columns where areas are stacked.
    pub(crate) fn accumulator_columns(&self) -> usize {
        if self.stacked {
            (1 + self.taps).max(3)
        } else {
            4 + self.taps
        }
    }

    /// Number of second-phase advice columns.
    pub fn second_phase_columns(&self) -> usize {
        self.accumulator_columns() + self.sum_columns()
    }
}
