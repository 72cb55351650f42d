//! The processor.

use super::{Compute, ComputeError, Division, Evaluation, Result, Term};
use crate::lanes::Arithmetic;
use crate::msm::{Bases, msm_batch};
use crate::ntt::Domain;
use crate::poly;
use crate::quotient::Program;
use halo2curves::bn256::{Fr, G1, G1Affine};
use halo2curves::ff::Field;
use rayon::prelude::*;
use std::borrow::Cow;

/// The processor that this runs on, in the current pool of threads.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    arithmetic: Arithmetic,
}

impl Cpu {
    /// With the fastest arithmetic that there is.
    pub fn detect() -> Self {
        Cpu::with(Arithmetic::detect())
    }

    /// With this arithmetic.
    pub fn with(arithmetic: Arithmetic) -> Self {
        Cpu { arithmetic }
    }

    /// The arithmetic.
    pub fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }
}

fn same_length(step: &'static str, columns: &[&Vec<Fr>], len: usize) -> Result<()> {
    match columns.iter().find(|column| column.len() != len) {
        None => Ok(()),
        Some(column) => Err(ComputeError::Shape {
            step,
            detail: format!("a column has {} elements of {len}", column.len()),
        }),
    }
}

impl Compute for Cpu {
    type Column = Vec<Fr>;
    type Bases = Bases;

    fn name(&self) -> String {
        format!("cpu ({})", self.arithmetic.name())
    }

    fn domain(&self, k: u32) -> Domain {
        Domain::new(self.arithmetic, k)
    }

    fn len(&self, column: &Vec<Fr>) -> usize {
        column.len()
    }

    fn bases(&self, points: Vec<G1Affine>) -> Result<Bases> {
        Ok(Bases::new(&points))
    }

    fn column(&self, values: Vec<Fr>) -> Result<Vec<Fr>> {
        Ok(values)
    }

    fn read<'a>(&self, column: &'a Vec<Fr>) -> Result<Cow<'a, [Fr]>> {
        Ok(Cow::Borrowed(column))
    }

    fn commit(&self, bases: &Bases, columns: &[&Vec<Fr>]) -> Result<Vec<G1>> {
        if let Some(column) = columns.iter().find(|c| c.len() > bases.len()) {
            return Err(ComputeError::Shape {
                step: "commit",
                detail: format!("{} elements for {} points", column.len(), bases.len()),
            });
        }
        let columns: Vec<&[Fr]> = columns.iter().map(|c| c.as_slice()).collect();
        Ok(msm_batch(self.arithmetic, bases, &columns))
    }

    fn to_coefficients(&self, domain: &Domain, mut columns: Vec<Vec<Fr>>) -> Result<Vec<Vec<Fr>>> {
        same_length(
            "to coefficients",
            &columns.iter().collect::<Vec<_>>(),
            domain.n(),
        )?;
        domain.to_coefficients().in_place(&mut columns);
        Ok(columns)
    }

    fn to_coset(
        &self,
        domain: &Domain,
        shift: Fr,
        columns: &[&Vec<Fr>],
        mut reuse: Vec<Vec<Fr>>,
    ) -> Result<Vec<Vec<Fr>>> {
        let points = domain.n();
        if let Some(column) = columns.iter().find(|c| c.len() % points != 0) {
            return Err(ComputeError::Shape {
                step: "to a coset",
                detail: format!("{} coefficients for {points} points", column.len()),
            });
        }
        reuse.truncate(columns.len());
        reuse.retain(|column| column.len() == points);
        reuse.resize_with(columns.len(), || vec![Fr::ZERO; points]);
        let transform = domain.to_coset(shift);
        if columns.iter().all(|column| column.len() == points) {
            transform.between(columns, &mut reuse);
        } else {
            let power = shift.pow_vartime([points as u64]);
            columns
                .par_iter()
                .zip(&mut reuse)
                .for_each(|(column, to)| poly::fold_into(self.arithmetic, column, power, to));
            transform.in_place(&mut reuse);
        }
        Ok(reuse)
    }

    fn interleave(&self, columns: Vec<Vec<Fr>>) -> Result<Vec<Fr>> {
        let len = columns.first().map_or(0, Vec::len);
        same_length("interleaving", &columns.iter().collect::<Vec<_>>(), len)?;
        let count = columns.len();
        let mut out = vec![Fr::ZERO; len * count];
        for (r, column) in columns.iter().enumerate() {
            for (to, value) in out.iter_mut().skip(r).step_by(count).zip(column) {
                *to = *value;
            }
        }
        Ok(out)
    }

    fn coset_to_coefficients(
        &self,
        domain: &Domain,
        shift: Fr,
        scale: Fr,
        column: Vec<Fr>,
    ) -> Result<Vec<Fr>> {
        same_length("from a coset", &[&column], domain.n())?;
        let mut columns = [column];
        domain
            .coset_to_coefficients(shift, scale)
            .in_place(&mut columns);
        let [column] = columns;
        Ok(column)
    }

    fn run(
        &self,
        program: &Program,
        columns: &[&Vec<Fr>],
        parameters: &[Fr],
    ) -> Result<Vec<Vec<Fr>>> {
        let len = columns.first().map_or(0, |column| column.len());
        same_length("a program", columns, len)?;
        let columns: Vec<&[Fr]> = columns.iter().map(|c| c.as_slice()).collect();
        let mut outputs = vec![vec![Fr::ZERO; len]; program.outputs()];
        let mut slices: Vec<&mut [Fr]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        program.evaluate_all(self.arithmetic, &columns, parameters, &mut slices);
        Ok(outputs)
    }

    fn running_products(
        &self,
        mut numerators: Vec<Vec<Fr>>,
        denominators: Vec<Vec<Fr>>,
        last: usize,
        chained: bool,
    ) -> Result<Vec<Vec<Fr>>> {
        let arithmetic = self.arithmetic;
        numerators
            .par_iter_mut()
            .zip(&denominators)
            .for_each(|(numerators, denominators)| {
                poly::ratios(arithmetic, numerators, denominators);
            });
        let mut start = Fr::ONE;
        for column in &mut numerators {
            poly::running_product(column, start);
            if chained {
                start = column.get(last).copied().unwrap_or(Fr::ONE);
            }
        }
        Ok(numerators)
    }

    fn evaluate(&self, evaluations: &[Evaluation<'_, Vec<Fr>>]) -> Result<Vec<Fr>> {
        let queries: Vec<(&[Fr], Fr)> = evaluations
            .iter()
            .map(|e| (e.polynomial.as_slice(), e.point))
            .collect();
        Ok(poly::evaluate(self.arithmetic, &queries))
    }

    fn combine(&self, terms: &[Term<'_, Vec<Fr>>], len: usize) -> Result<Vec<Fr>> {
        let terms: Vec<(Fr, &[Fr])> = terms
            .iter()
            .map(|t| (t.factor, t.column.as_slice()))
            .collect();
        Ok(poly::combine(self.arithmetic, &terms, len))
    }

    fn divide(&self, polynomials: Vec<Division<'_, Vec<Fr>>>) -> Result<Vec<Vec<Fr>>> {
        let one = |division: Division<'_, Vec<Fr>>| division.quotient(division.polynomial);
        Ok(polynomials.into_par_iter().map(one).collect())
    }
}
