//! The proving key as a back end holds it.

use crate::error::{PlonkError, Result};
use crate::quotient::Quotient;
use crate::{lookup, permutation};
use chainfer_compute::backend::Compute;
use chainfer_compute::ntt::Domain;
use chainfer_compute::quotient::Program;
use halo2_proofs::plonk::{Any, Column, ConstraintSystem, VerifyingKey};
use halo2curves::bn256::{Fr, G1Affine};
use halo2curves::ff::Field;

/// The polynomials of a proving key, in coefficients: all that has to be kept of it beside the verifying key.
#[derive(Clone, Debug)]
pub struct KeyColumns {
    /// Fixed columns.
    pub fixed: Vec<Vec<Fr>>,
    /// Permutation columns.
    pub sigmas: Vec<Vec<Fr>>,
}

/// A proving key.
#[derive(Debug)]
pub struct ProvingKey<P> {
    pub(crate) vk: VerifyingKey<G1Affine>,
    pub(crate) domain: Domain,
    pub(crate) fixed: Vec<P>,
    pub(crate) sigmas: Vec<P>,
    /// Values of fixed columns that take part in copies or lookups, by number.
    pub(crate) fixed_values: Vec<Option<P>>,
    /// 1 in the first row, in the last usable one, in all before it; and X.
    pub(crate) rows: [P; 4],
    /// Powers of omega.
    pub(crate) points: P,
    pub(crate) copied: Vec<Column<Any>>,
    pub(crate) permutation: Program,
    pub(crate) lookup_products: Program,
    pub(crate) quotient: Quotient,
}

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

impl<P> ProvingKey<P> {
    /// From its parts.
    ///
    /// # Errors
    /// The numbers of columns or rows are not those of the verifying key, or the back end fails.
    pub fn new<C: Compute<Column = P>>(
        compute: &C,
        vk: VerifyingKey<G1Affine>,
        columns: KeyColumns,
    ) -> Result<Self> {
        let cs = vk.cs();
        let k = vk.get_domain().k();
        let last = usable_rows(cs, k)?;
        let domain = compute.domain(k);
        let n = domain.n();
        let copied = cs.permutation().get_columns();
        let expect = |what, expected: usize, got: usize| {
            if expected == got {
                Ok(())
            } else {
                Err(PlonkError::Mismatch {
                    what,
                    expected,
                    got,
                })
            }
        };
        expect(
            "fixed columns of the key",
            cs.num_fixed_columns(),
            columns.fixed.len(),
        )?;
        expect(
            "permutation columns of the key",
            copied.len(),
            columns.sigmas.len(),
        )?;
        for column in columns.fixed.iter().chain(&columns.sigmas) {
            expect("rows of a column of the key", n, column.len())?;
        }
        let take = |columns: Vec<Vec<Fr>>| -> Result<Vec<C::Column>> {
            columns
                .into_iter()
                .map(|column| Ok(compute.column(column)?))
                .collect()
        };
        let fixed = take(columns.fixed)?;
        let sigmas = take(columns.sigmas)?;
        // Values on the domain are those on the coset with shift 1.
        let on_domain = |columns: &[&C::Column]| -> Result<Vec<C::Column>> {
            Ok(compute.to_coset(&domain, Fr::ONE, columns, Vec::new())?)
        };
        let quotient = Quotient::new(cs);
        let in_lookups = |index: usize| {
            cs.lookups().iter().any(|lookup| {
                let expressions = lookup
                    .input_expressions()
                    .iter()
                    .chain(lookup.table_expressions());
                expressions
                    .flat_map(|e| e.extract_fixed())
                    .any(|column| column == index)
            })
        };
        let mut fixed_values = Vec::new();
        for (index, column) in fixed.iter().enumerate() {
            let in_copies = copied
                .iter()
                .any(|c| *c.column_type() == Any::Fixed && c.index() == index);
            fixed_values.push(if in_copies || in_lookups(index) {
                on_domain(&[column])?.pop()
            } else {
                None
            });
        }
        let rows = |range: std::ops::Range<usize>| {
            let mut column = vec![Fr::ZERO; n];
            column[range].fill(Fr::ONE);
            column
        };
        let indicators = take(vec![rows(0..1), rows(last..last + 1), rows(0..last)])?;
        let mut identity = vec![Fr::ZERO; n];
        identity[1 % n] = Fr::ONE;
        let mut indicators = compute.to_coefficients(&domain, indicators)?.into_iter();
        let identity = compute.column(identity)?;
        let points = on_domain(&[&identity])?;
        let missing = || PlonkError::Mismatch {
            what: "columns that the back end made",
            expected: 1,
            got: 0,
        };
        let mut next = || indicators.next().ok_or_else(missing);
        Ok(ProvingKey {
            rows: [next()?, next()?, next()?, identity],
            points: points.into_iter().next().ok_or_else(missing)?,
            permutation: permutation::program(copied.len(), cs.degree()),
            lookup_products: lookup::program(cs.lookups().len()),
            quotient,
            fixed,
            sigmas,
            fixed_values,
            copied,
            domain,
            vk,
        })
    }

    /// The verifying key.
    pub fn vk(&self) -> &VerifyingKey<G1Affine> {
        &self.vk
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
