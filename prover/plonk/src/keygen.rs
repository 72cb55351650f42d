//! Keys from a circuit, with the commitments that halo2's own key generation makes.

use crate::domain::verifying_key;
use crate::error::{PlonkError, Result};
use crate::key::{KeyColumns, usable_rows};
use crate::setup::Setup;
use chainfer_compute::backend::Compute;
use chainfer_compute::ntt::Domain;
use halo2_proofs::circuit::Value;
use halo2_proofs::plonk::{
    Advice, Any, Assigned, Assignment, Challenge, Circuit, Column, ConstraintSystem, Error, Fixed,
    FloorPlanner, Instance, Selector, VerifyingKey,
};
use halo2curves::bn256::{Fr, G1, G1Affine};
use halo2curves::ff::{BatchInvert, Field, PrimeField};
use halo2curves::group::Curve;

/// Makes the keys of a circuit, without compression of selectors. Only its structure and fixed values matter.
///
/// # Errors
/// The circuit does not fit the setup, or assigns what it must not.
pub fn keygen<C: Compute, D: Circuit<Fr>>(
    compute: &C,
    setup: &Setup<C::Bases>,
    circuit: &D,
) -> Result<(VerifyingKey<G1Affine>, KeyColumns)> {
    let k = setup.k();
    let mut cs = ConstraintSystem::default();
    let config = D::configure_with_params(&mut cs, circuit.params());
    let n = 1usize << k;
    let usable = usable_rows(&cs, k)?;
    let mut structure = Structure {
        k,
        usable,
        fixed: vec![vec![Assigned::Zero; n]; cs.num_fixed_columns()],
        selectors: vec![vec![false; n]; cs.num_selectors()],
        copies: Copies::new(cs.permutation().get_columns(), n)?,
        failed: None,
    };
    D::FloorPlanner::synthesize(&mut structure, circuit, config, cs.constants().clone())?;
    if let Some(error) = structure.failed {
        return Err(error.into());
    }
    let mut fixed: Vec<Vec<Fr>> = structure
        .fixed
        .iter()
        .map(|column| evaluated(column))
        .collect();
    let (cs, selectors) = cs.directly_convert_selectors_to_fixed(structure.selectors);
    fixed.extend(selectors);
    let domain = compute.domain(k);
    let sigmas = structure.copies.sigmas(&domain);

    let mut columns = Vec::new();
    for values in fixed.into_iter().chain(sigmas) {
        columns.push(compute.column(values)?);
    }
    let points = compute.commit(setup.lagrange(), &columns.iter().collect::<Vec<_>>())?;
    let mut commitments = vec![G1Affine::default(); points.len()];
    G1::batch_normalize(&points, &mut commitments);
    let copied = cs.permutation().get_columns().len();
    let sigma_commitments = commitments.split_off(commitments.len() - copied);
    let mut coefficients = Vec::new();
    for column in compute.to_coefficients(&domain, columns)? {
        coefficients.push(compute.read(&column)?.into_owned());
    }
    let sigmas = coefficients.split_off(coefficients.len() - copied);
    let vk = verifying_key(cs, k, commitments, sigma_commitments);
    let key = KeyColumns {
        fixed: coefficients,
        sigmas,
    };
    Ok((vk, key))
}

/// The values of a column, with all denominators inverted at once.
pub(crate) fn evaluated(cells: &[Assigned<Fr>]) -> Vec<Fr> {
    let mut inverses: Vec<Fr> = cells.iter().filter_map(|cell| cell.denominator()).collect();
    inverses.iter_mut().batch_invert();
    let mut inverses = inverses.into_iter();
    let value = |cell: &Assigned<Fr>| match cell.denominator() {
        None => cell.numerator(),
        Some(_) => cell.numerator() * inverses.next().unwrap_or(Fr::ZERO),
    };
    cells.iter().map(value).collect()
}

/// Cells that are equal, as a permutation whose cycles they are (halo2 book, "Permutation argument").
struct Copies {
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
    fn new(columns: Vec<Column<Any>>, n: usize) -> Result<Self> {
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

    fn cell(&self, column: Column<Any>, row: usize) -> std::result::Result<usize, Error> {
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
    fn join(&mut self, a: usize, b: usize) {
        let (cycle_a, cycle_b) = (self.cycle(a), self.cycle(b));
        if cycle_a != cycle_b {
            // By number, which is as good as by size: paths are halved at every look.
            self.parent[cycle_a.max(cycle_b)] = cycle_a.min(cycle_b) as u32;
            self.next.swap(a, b);
        }
    }

    /// Values of the sigma columns: delta^column · omega^row of the next cell.
    fn sigmas(&self, domain: &Domain) -> Vec<Vec<Fr>> {
        let mut power = Fr::ONE;
        let mut omega_powers = Vec::with_capacity(self.n);
        for _ in 0..self.n {
            omega_powers.push(power);
            power *= domain.omega();
        }
        let delta_powers: Vec<Fr> =
            std::iter::successors(Some(Fr::ONE), |power| Some(*power * Fr::DELTA))
                .take(self.columns.len())
                .collect();
        let value = |next: &u32| {
            let (column, row) = (*next as usize / self.n, *next as usize % self.n);
            delta_powers[column] * omega_powers[row]
        };
        self.next
            .chunks_exact(self.n)
            .map(|column| column.iter().map(value).collect())
            .collect()
    }
}

/// Fixed cells, selectors and copies, as halo2's layouter assigns them.
struct Structure {
    k: u32,
    usable: usize,
    fixed: Vec<Vec<Assigned<Fr>>>,
    selectors: Vec<Vec<bool>>,
    copies: Copies,
    failed: Option<Error>,
}

impl Structure {
    fn row(&self, row: usize) -> std::result::Result<(), Error> {
        if row < self.usable {
            Ok(())
        } else {
            Err(Error::NotEnoughRowsAvailable { current_k: self.k })
        }
    }

    fn note(&mut self, outcome: std::result::Result<(), Error>) {
        if let Err(error) = outcome {
            self.failed.get_or_insert(error);
        }
    }
}

impl Assignment<Fr> for Structure {
    fn enter_region<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn exit_region(&mut self) {}

    fn enable_selector<A, AR>(
        &mut self,
        _: A,
        selector: &Selector,
        row: usize,
    ) -> std::result::Result<(), Error>
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        self.row(row)?;
        let column = self
            .selectors
            .get_mut(selector.index())
            .ok_or(Error::BoundsFailure)?;
        column[row] = true;
        Ok(())
    }

    fn annotate_column<A, AR>(&mut self, _: A, _: Column<Any>)
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
    }

    fn query_instance(
        &self,
        _: Column<Instance>,
        row: usize,
    ) -> std::result::Result<Value<Fr>, Error> {
        self.row(row).map(|()| Value::unknown())
    }

    fn assign_advice<'v>(
        &mut self,
        _: Column<Advice>,
        _: usize,
        _: Value<Assigned<Fr>>,
    ) -> Value<&'v Assigned<Fr>> {
        Value::unknown()
    }

    fn assign_fixed(&mut self, column: Column<Fixed>, row: usize, to: Assigned<Fr>) {
        let outcome = self.row(row).and_then(|()| {
            let cells = self
                .fixed
                .get_mut(column.index())
                .ok_or(Error::BoundsFailure)?;
            cells[row] = to;
            Ok(())
        });
        self.note(outcome);
    }

    fn copy(&mut self, left: Column<Any>, left_row: usize, right: Column<Any>, right_row: usize) {
        let outcome = self.row(left_row).and_then(|()| {
            self.row(right_row)?;
            let (a, b) = (
                self.copies.cell(left, left_row)?,
                self.copies.cell(right, right_row)?,
            );
            self.copies.join(a, b);
            Ok(())
        });
        self.note(outcome);
    }

    fn fill_from_row(
        &mut self,
        column: Column<Fixed>,
        from_row: usize,
        to: Value<Assigned<Fr>>,
    ) -> std::result::Result<(), Error> {
        self.row(from_row)?;
        let mut filler = None;
        to.map(|value| filler = Some(value));
        let filler = filler.ok_or(Error::Synthesis)?;
        let cells = self
            .fixed
            .get_mut(column.index())
            .ok_or(Error::BoundsFailure)?;
        cells[from_row..self.usable].fill(filler);
        Ok(())
    }

    fn get_challenge(&self, _: Challenge) -> Value<Fr> {
        Value::unknown()
    }

    fn push_namespace<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn pop_namespace(&mut self, _: Option<String>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

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
