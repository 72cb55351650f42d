//! What proving takes, by estimate.

use super::PlanSummary;
use super::estimate::RunEstimate;
use super::search::Columns;
use crate::gate::MAX_DEGREE;
use chainfer_plonk::{CircuitSize, Limits, PROCESS_BYTES};

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

/// Threads that estimates are made for: the machine that proves is not known.
const THREADS: usize = 2;

impl ColumnCounts {
    /// Bytes of memory that a proof with 2^k rows takes at full speed.
    pub fn proving_bytes(&self, k: u32) -> u64 {
        PROCESS_BYTES + self.size(k).proving_bytes(Limits::default(), THREADS)
    }

    /// Bytes of memory that a proof with 2^k rows takes the slowest way.
    pub fn least_proving_bytes(&self, k: u32) -> u64 {
        let size = self.size(k);
        let slowest = Limits::within(&size, Some(0), THREADS);
        PROCESS_BYTES + size.proving_bytes(slowest, THREADS)
    }

    /// Bytes of a row, where there are so many that nothing else counts.
    pub(super) fn row_bytes(&self) -> u64 {
        const MANY: u32 = 24;
        self.size(MANY).proving_bytes(Limits::default(), 1) >> MANY
    }

    /// Of chunks' circuits, which have no lookup arguments.
    fn size(&self, k: u32) -> CircuitSize {
        CircuitSize {
            k,
            fixed: self.fixed,
            advice: self.advice,
            instance: 1,
            copied: self.equality,
            fixed_values: 0,
            degree: MAX_DEGREE,
            lookups: 0,
            // Only of importance to slower ways: most columns are read in two rows.
            queries: self.fixed + 2 * self.advice,
            sets: 6,
            witness: witness_columns(self.fixed),
        }
    }
}

/// Columns' worth of memory that a chunk has beside its advice columns while they are made: fixed values, of which half are flags, and the
/// plan.
pub(crate) fn witness_columns(fixed: usize) -> usize {
    fixed / 2 + 8
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
    fn columns(&self) -> ColumnCounts {
        ColumnCounts {
            fixed: self.fixed_columns,
            advice: self.first_phase_columns + self.second_phase_columns,
            equality: self.equality_columns,
        }
    }

    /// Bytes of memory that proving the chunk takes at full speed, by estimate.
    pub fn proving_bytes(&self) -> u64 {
        self.columns().proving_bytes(self.shape.k)
    }

    /// Bytes of memory that proving the chunk takes the slowest way, by estimate.
    pub fn least_proving_bytes(&self) -> u64 {
        self.columns().least_proving_bytes(self.shape.k)
    }
}

impl RunEstimate {
    /// Bytes of memory that proving it takes the slowest way.
    pub fn least_proving_bytes(&self) -> u64 {
        ColumnCounts::from(&Columns::of(&self.shape)).least_proving_bytes(self.shape.k)
    }
}
