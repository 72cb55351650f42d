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
    /// Bytes of memory that a proof with 2^k rows takes when it takes the most, which is while the quotient is computed: the polynomials of key
    /// and witness, the values of all columns on a coset, the quotient's pieces, the setup, 32 bytes a row each, and the process itself.
    pub fn proving_bytes(&self, k: u32) -> u64 {
        PROCESS + (self.row_bytes() << k)
    }

    /// Bytes of a row.
    pub(super) fn row_bytes(&self) -> u64 {
        /// Instances.
        const INSTANCES: usize = 1;
        /// Twice the polynomials of rows and points; random polynomial, numerator and pieces; points of the setup; the plan, and what
        /// allocations leave unused.
        const OTHERS: usize = 8 + 6 + 8 + 16;
        let products = self.equality.div_ceil(3);
        let columns = self.fixed + self.equality + self.advice + INSTANCES + products;
        32 * (2 * columns + OTHERS) as u64
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
