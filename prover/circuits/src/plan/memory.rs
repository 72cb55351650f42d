//! What proving takes, by estimate.

use super::PlanSummary;
use super::search::Columns;

/// Bytes of the process itself.
const PROCESS: u64 = 24 << 20;

/// Columns of a constraint system, as far as memory depends on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnCounts {
    /// Fixed columns.
    pub fixed: usize,
    /// Advice columns of both phases.
    pub advice: usize,
    /// Columns in the permutation argument.
    pub equality: usize,
}

impl ColumnCounts {
    /// Bytes of memory that a proof with 2^k rows takes when it takes the most, which is while the second phase is assigned: the key in
    /// two bases, fixed cells once more, advice as halo2 assigns it (72 bytes a cell) and as it commits to it, and the setup, each 32 bytes
    /// a row, and the process itself. Later cosets of all columns take about as much, and what the opening combines.
    pub fn proving_bytes(&self, k: u32) -> u64 {
        PROCESS + (self.row_bytes() << k)
    }

    /// Bytes of a row.
    pub(super) fn row_bytes(&self) -> u64 {
        let halves = 6 * (self.fixed + self.equality) + 9 * self.advice + 96;
        16 * halves as u64
    }
}

impl From<&Columns> for ColumnCounts {
    fn from(columns: &Columns) -> Self {
        Self {
            fixed: columns.fixed,
            advice: columns.first_phase + columns.second_phase,
            equality: columns.equality,
        }
    }
}

impl PlanSummary {
    /// Bytes of memory that proving the chunk takes, by estimate.
    pub fn proving_bytes(&self) -> u64 {
        let columns = ColumnCounts {
            fixed: self.fixed_columns,
            advice: self.first_phase_columns + self.second_phase_columns,
            equality: self.equality_columns,
        };
        columns.proving_bytes(self.shape.k)
    }
}
