//! The proving key as a back end holds it, or reads it.

use crate::error::{PlonkError, Result};
use crate::quotient::{Places, Quotient};
use crate::source::{KeyColumn, KeyColumns, KeySource, Lent, refs};
use chainfer_compute::backend::Compute;
use chainfer_compute::ntt::Domain;
use halo2_proofs::plonk::{Any, Column, ConstraintSystem, VerifyingKey};
use halo2curves::bn256::{Fr, G1Affine};
use halo2curves::ff::Field;

/// A proving key.
#[derive(Debug)]
pub struct ProvingKey<P> {
    pub(crate) vk: VerifyingKey<G1Affine>,
    pub(crate) domain: Domain,
    pub(crate) places: Places,
    pub(crate) copied: Vec<Column<Any>>,
    pub(crate) quotient: Quotient,
    usable: usize,
    columns: Columns<P>,
}

#[derive(Debug)]
enum Columns<P> {
    Held(Held<P>),
    /// Read or made for every step that needs one.
    Read(Box<dyn KeySource>),
}

/// All that a proof needs, made once.
#[derive(Debug)]
struct Held<P> {
    fixed: Vec<P>,
    sigmas: Vec<P>,
    /// Values of fixed columns that take part in copies or lookups, by number.
    fixed_values: Vec<Option<P>>,
    /// In coefficients, in the order of [`Row`].
    rows: Vec<P>,
    /// Powers of omega.
    points: P,
}

/// A polynomial that depends on the number of rows alone.
#[derive(Clone, Copy)]
enum Row {
    /// 1 in the first row.
    First,
    /// 1 in the row that ends running products.
    Last,
    /// 1 in all rows before it.
    Active,
    /// X
    Identity,
}

const ROWS: [Row; crate::quotient::ROWS] = [Row::First, Row::Last, Row::Active, Row::Identity];

/// Rows that a circuit of this constraint system may use of 2^k; behind them come the one that ends running products, and those for
/// blinding.
///
/// # Errors
/// There are fewer rows than any such circuit takes.
pub(crate) fn usable_rows(cs: &ConstraintSystem<Fr>, k: u32) -> Result<usize> {
    let n = 1usize << k;
    if n < cs.minimum_rows() {
        return Err(PlonkError::Mismatch {
            what: "rows of the circuit, at least",
            expected: cs.minimum_rows(),
            got: n,
        });
    }
    Ok(n - (cs.blinding_factors() + 1))
}

fn expect(what: &'static str, expected: usize, got: usize) -> Result<()> {
    if expected == got {
        return Ok(());
    }
    Err(PlonkError::Mismatch {
        what,
        expected,
        got,
    })
}

/// The only column that a back end made of one.
pub(crate) fn only<P>(mut columns: Vec<P>) -> Result<P> {
    columns.pop().ok_or(PlonkError::Mismatch {
        what: "columns that the back end made",
        expected: 1,
        got: 0,
    })
}

impl<P> ProvingKey<P> {
    /// With all its columns, and what every proof makes of them.
    ///
    /// # Errors
    /// The numbers of columns or rows are not those of the verifying key, or the back end fails.
    pub fn new<C: Compute<Column = P>>(
        compute: &C,
        vk: VerifyingKey<G1Affine>,
        columns: KeyColumns,
    ) -> Result<Self> {
        let cs = vk.cs();
        let copied = cs.permutation().get_columns();
        let fixed = cs.num_fixed_columns();
        expect("fixed columns of the key", fixed, columns.fixed.len())?;
        expect(
            "permutation columns of the key",
            copied.len(),
            columns.sigmas.len(),
        )?;
        let none = KeyColumns {
            fixed: Vec::new(),
            sigmas: Vec::new(),
        };
        let mut key = Self::streamed(compute, vk, Box::new(none))?;
        let n = key.domain.n();
        let take = |columns: Vec<Vec<Fr>>| -> Result<Vec<P>> {
            let take = |column: Vec<Fr>| {
                expect("rows of a column of the key", n, column.len())?;
                Ok(compute.column(column)?)
            };
            columns.into_iter().map(take).collect()
        };
        let fixed = take(columns.fixed)?;
        let sigmas = take(columns.sigmas)?;
        let mut fixed_values = Vec::new();
        for (index, column) in fixed.iter().enumerate() {
            let is_read = key.fixed_in_copies(index) || key.fixed_in_lookups(index);
            fixed_values.push(if is_read {
                Some(only(key.on_domain(compute, &[column])?)?)
            } else {
                None
            });
        }
        let rows = ROWS
            .into_iter()
            .map(|row| key.row(compute, row))
            .collect::<Result<Vec<_>>>()?;
        let points = key.make_points(compute)?;
        key.columns = Columns::Held(Held {
            fixed,
            sigmas,
            fixed_values,
            rows,
            points,
        });
        Ok(key)
    }

    /// Of a source whose columns are read whenever a step needs them, and kept no longer. It makes the same proofs, in less memory and
    /// more time.
    ///
    /// # Errors
    /// There are fewer rows than any such circuit takes.
    pub fn streamed<C: Compute<Column = P>>(
        compute: &C,
        vk: VerifyingKey<G1Affine>,
        source: Box<dyn KeySource>,
    ) -> Result<Self> {
        let k = vk.get_domain().k();
        Ok(ProvingKey {
            usable: usable_rows(vk.cs(), k)?,
            domain: compute.domain(k),
            places: Places::new(vk.cs()),
            copied: vk.cs().permutation().get_columns(),
            quotient: Quotient::default(),
            columns: Columns::Read(source),
            vk,
        })
    }

    /// The verifying key.
    pub fn vk(&self) -> &VerifyingKey<G1Affine> {
        &self.vk
    }

    pub(crate) fn fixed_in_copies(&self, index: usize) -> bool {
        let is = |c: &Column<Any>| *c.column_type() == Any::Fixed && c.index() == index;
        self.copied.iter().any(is)
    }

    pub(crate) fn fixed_in_lookups(&self, index: usize) -> bool {
        self.vk.cs().lookups().iter().any(|lookup| {
            let expressions = lookup
                .input_expressions()
                .iter()
                .chain(lookup.table_expressions());
            expressions
                .flat_map(|e| e.extract_fixed())
                .any(|column| column == index)
        })
    }

    /// The coefficients of a column.
    pub(crate) fn polynomial<C: Compute<Column = P>>(
        &self,
        compute: &C,
        column: KeyColumn,
    ) -> Result<Lent<'_, P>> {
        match &self.columns {
            Columns::Held(held) => {
                let found = match column {
                    KeyColumn::Fixed(index) => held.fixed.get(index),
                    KeyColumn::Sigma(index) => held.sigmas.get(index),
                };
                let missing = || PlonkError::Load(format!("there is no column {column:?}"));
                found.map(Lent::Held).ok_or_else(missing)
            }
            Columns::Read(source) => {
                let values = source.column(column)?;
                expect("rows of a column of the key", self.domain.n(), values.len())?;
                Ok(Lent::Made(compute.column(values)?))
            }
        }
    }

    /// The coefficients of a polynomial from [`Places::rows`] on.
    pub(crate) fn row_polynomial<C: Compute<Column = P>>(
        &self,
        compute: &C,
        index: usize,
    ) -> Result<Lent<'_, P>> {
        let held = match &self.columns {
            Columns::Held(held) => held.rows.get(index),
            Columns::Read(_) => None,
        };
        match (held, ROWS.get(index)) {
            (Some(held), _) => Ok(Lent::Held(held)),
            (None, Some(row)) => Ok(Lent::Made(self.row(compute, *row)?)),
            (None, None) => Err(PlonkError::Load(format!("there is no row {index}"))),
        }
    }

    /// Values of a column on the domain. Of held ones, those of fixed columns that take part in copies or lookups are at hand.
    pub(crate) fn values<C: Compute<Column = P>>(
        &self,
        compute: &C,
        columns: &[KeyColumn],
    ) -> Result<Vec<Lent<'_, P>>> {
        let at_hand = |column: &KeyColumn| match (&self.columns, column) {
            (Columns::Held(held), KeyColumn::Fixed(index)) => {
                held.fixed_values.get(*index).and_then(Option::as_ref)
            }
            _ => None,
        };
        let polynomials = columns
            .iter()
            .filter(|column| at_hand(column).is_none())
            .map(|column| self.polynomial(compute, *column))
            .collect::<Result<Vec<_>>>()?;
        let mut made = self.on_domain(compute, &refs(&polynomials))?.into_iter();
        drop(polynomials);
        let lend = |column: &KeyColumn| match at_hand(column) {
            Some(held) => Ok(Lent::Held(held)),
            None => Ok(Lent::Made(only(made.next().into_iter().collect())?)),
        };
        columns.iter().map(lend).collect()
    }

    /// Powers of omega.
    pub(crate) fn points<C: Compute<Column = P>>(&self, compute: &C) -> Result<Lent<'_, P>> {
        match &self.columns {
            Columns::Held(held) => Ok(Lent::Held(&held.points)),
            Columns::Read(_) => Ok(Lent::Made(self.make_points(compute)?)),
        }
    }

    fn make_points<C: Compute<Column = P>>(&self, compute: &C) -> Result<P> {
        let identity = self.row(compute, Row::Identity)?;
        only(self.on_domain(compute, &[&identity])?)
    }

    /// Values on the domain, which is the coset with shift 1.
    fn on_domain<C: Compute<Column = P>>(&self, compute: &C, polynomials: &[&P]) -> Result<Vec<P>> {
        if polynomials.is_empty() {
            return Ok(Vec::new());
        }
        Ok(compute.to_coset(&self.domain, Fr::ONE, polynomials, Vec::new())?)
    }

    fn row<C: Compute<Column = P>>(&self, compute: &C, row: Row) -> Result<P> {
        let n = self.domain.n();
        let mut column = vec![Fr::ZERO; n];
        let last = self.usable;
        match row {
            Row::First => column[0] = Fr::ONE,
            Row::Last => column[last] = Fr::ONE,
            Row::Active => column[..last].fill(Fr::ONE),
            Row::Identity => {
                column[1 % n] = Fr::ONE;
                return Ok(compute.column(column)?);
            }
        }
        let column = compute.column(column)?;
        only(compute.to_coefficients(&self.domain, vec![column])?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainfer_compute::backend::Cpu;
    use chainfer_compute::lanes::Arithmetic;
    use halo2_proofs::poly::EvaluationDomain;

    #[test]
    fn transforms_of_a_key_run_on_the_arithmetic_of_its_back_end() {
        let cs = ConstraintSystem::<Fr>::default();
        let vk = VerifyingKey::from_parts(
            EvaluationDomain::new(cs.degree() as u32, 4),
            Vec::new(),
            halo2_proofs::plonk::permutation::VerifyingKey::from_commitments(Vec::new()),
            cs,
            Vec::new(),
            false,
        );
        for arithmetic in Arithmetic::available() {
            let columns = KeyColumns {
                fixed: Vec::new(),
                sigmas: Vec::new(),
            };
            let key = ProvingKey::new(&Cpu::with(arithmetic), vk.clone(), columns).unwrap();
            assert_eq!(key.domain.arithmetic(), arithmetic);
        }
    }
}
