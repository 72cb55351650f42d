//! Copy constraints: the permutation that they make of the cells.

use crate::error::{PlonkError, Result};
use chainfer_compute::ntt::Domain;
use chainfer_compute::scalar::powers;
use halo2_proofs::plonk::{Any, Column, Error};
use halo2curves::bn256::Fr;
use halo2curves::ff::PrimeField;

/// Cells that are equal, as a permutation whose cycles they are (halo2 book, "Permutation argument").
#[derive(Debug)]
pub(crate) struct Copies {
    columns: Vec<Column<Any>>,
    n: usize,
    /// The next cell of a cell's cycle. Cell (column, row) is number column · n + row.
    next: Vec<u32>,
    /// Towards a cell that stands for the cycle.
    parent: Vec<u32>,
}

impl Copies {
    /// # Errors
    /// There are more cells than numbers for them.
    pub(crate) fn new(columns: Vec<Column<Any>>, n: usize) -> Result<Self> {
        let got = columns.len().saturating_mul(n);
        let end = u32::try_from(got).map_err(|_| PlonkError::Mismatch {
            what: "cells in columns that take part in copies, at most",
            expected: u32::MAX as usize,
            got,
        })?;
        let cells: Vec<u32> = (0..end).collect();
        Ok(Copies {
            columns,
            n,
            next: cells.clone(),
            parent: cells,
        })
    }

    /// Number of columns that take part.
    pub(crate) fn columns(&self) -> usize {
        self.columns.len()
    }

    /// With no more copies to come.
    pub(crate) fn finished(self) -> Self {
        Copies {
            parent: Vec::new(),
            ..self
        }
    }

    /// # Errors
    /// The column takes no part, or has no such row.
    pub(crate) fn cell(
        &self,
        column: Column<Any>,
        row: usize,
    ) -> std::result::Result<usize, Error> {
        let found = self.columns.iter().position(|c| *c == column);
        let at = found.ok_or(Error::ColumnNotInPermutation(column))?;
        if row >= self.n {
            return Err(Error::BoundsFailure);
        }
        Ok(at * self.n + row)
    }

    fn cycle(&mut self, mut cell: usize) -> usize {
        while self.parent[cell] as usize != cell {
            let above = self.parent[cell] as usize;
            self.parent[cell] = self.parent[above];
            cell = self.parent[cell] as usize;
        }
        cell
    }

    /// Joins the cycles of two cells, if they are two.
    pub(crate) fn join(&mut self, a: usize, b: usize) {
        let (cycle_a, cycle_b) = (self.cycle(a), self.cycle(b));
        if cycle_a != cycle_b {
            // By number, which is as good as by size: paths are halved at every look.
            self.parent[cycle_a.max(cycle_b)] = cycle_a.min(cycle_b) as u32;
            self.next.swap(a, b);
        }
    }
}

/// The sigma columns: delta^column · omega^row of the next cell.
pub(crate) struct Sigmas<'a> {
    copies: &'a Copies,
    omega_powers: Vec<Fr>,
    delta_powers: Vec<Fr>,
}

impl<'a> Sigmas<'a> {
    pub(crate) fn new(copies: &'a Copies, domain: &Domain) -> Self {
        let count = copies.columns.len();
        Sigmas {
            omega_powers: match count {
                0 => Vec::new(),
                _ => powers(domain.omega(), copies.n),
            },
            delta_powers: powers(Fr::DELTA, count),
            copies,
        }
    }

    pub(crate) fn column(&self, index: usize) -> Vec<Fr> {
        let n = self.copies.n;
        let value = |next: &u32| {
            let (column, row) = (*next as usize / n, *next as usize % n);
            self.delta_powers[column] * self.omega_powers[row]
        };
        self.copies.next[index * n..][..n]
            .iter()
            .map(value)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_proofs::plonk::ConstraintSystem;

    #[test]
    fn more_copied_cells_than_numbers_are_refused() {
        let mut cs = ConstraintSystem::<Fr>::default();
        let column = Column::<Any>::from(cs.advice_column());
        let refused = Copies::new(vec![column; 1 << 4], 1 << 28).err();
        assert!(matches!(
            refused,
            Some(PlonkError::Mismatch { got, .. }) if got == 1 << 32
        ));
    }
}
