//! The parameters that fix a chunk's constraint system.

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
    /// Window accumulators: Horner sums over activations, one a distinct column offset.
    pub taps: usize,
    /// Weights folded in one row.
    pub weights_per_row: usize,
    /// Poseidon lanes.
    pub hash_lanes: usize,
    /// Whether the chunk has max pooling.
    pub pooling: bool,
    /// Whether the shape is of the compact arrangement, in which activations, hashing and the random-linear-combination check share
    /// columns; else of the wide one.
    #[serde(default)]
    pub stacked: bool,
}

/// Largest circuit: 2^20 rows. A key's domain takes memory in proportion before anything else of it is read.
pub(crate) const MAX_K: u32 = 20;

impl CircuitShape {
    /// Entries of the table.
    pub fn table(&self) -> u32 {
        self.range / self.limbs.max(1)
    }
}
