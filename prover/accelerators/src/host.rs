//! Steps that the processor does for a device: columns come from it, and results go back.

use chainfer_compute::backend::{Compute, Cpu, Division, Evaluation, Result, Term};
use chainfer_compute::ntt::Domain;
use chainfer_compute::poly;
use chainfer_compute::quotient::Program;
use halo2curves::bn256::Fr;
use std::borrow::Cow;

/// A device with a processor beside it.
#[derive(Debug)]
pub(crate) struct Host<'a, C: Compute> {
    pub(crate) device: &'a C,
    pub(crate) cpu: Cpu,
}

impl<C: Compute> Host<'_, C> {
    pub(crate) fn read(&self, columns: &[&C::Column]) -> Result<Vec<Vec<Fr>>> {
        columns
            .iter()
            .map(|column| self.device.read(column).map(Cow::into_owned))
            .collect()
    }

    fn read_owned(&self, columns: Vec<C::Column>) -> Result<Vec<Vec<Fr>>> {
        self.read(&columns.iter().collect::<Vec<_>>())
    }

    fn take(&self, columns: Vec<Vec<Fr>>) -> Result<Vec<C::Column>> {
        columns
            .into_iter()
            .map(|values| self.device.column(values))
            .collect()
    }

    pub(crate) fn to_coefficients(
        &self,
        domain: &Domain,
        columns: Vec<C::Column>,
    ) -> Result<Vec<C::Column>> {
        let columns = self.read_owned(columns)?;
        self.take(self.cpu.to_coefficients(domain, columns)?)
    }

    /// The polynomial modulo X^len - power.
    pub(crate) fn fold(&self, column: &C::Column, len: usize, power: Fr) -> Result<C::Column> {
        let coefficients = self.device.read(column)?;
        let folded = poly::fold(self.cpu.arithmetic(), &coefficients, len, power);
        self.device.column(folded)
    }

    pub(crate) fn to_coset(
        &self,
        domain: &Domain,
        shift: Fr,
        columns: &[&C::Column],
    ) -> Result<Vec<C::Column>> {
        let columns = self.read(columns)?;
        let columns: Vec<&Vec<Fr>> = columns.iter().collect();
        self.take(self.cpu.to_coset(domain, shift, &columns, Vec::new())?)
    }

    pub(crate) fn coset_to_coefficients(
        &self,
        domain: &Domain,
        shift: Fr,
        scale: Fr,
        column: &C::Column,
    ) -> Result<C::Column> {
        let values = self.device.read(column)?.into_owned();
        let coefficients = self
            .cpu
            .coset_to_coefficients(domain, shift, scale, values)?;
        self.device.column(coefficients)
    }

    pub(crate) fn run(
        &self,
        program: &Program,
        columns: &[&C::Column],
        parameters: &[Fr],
    ) -> Result<Vec<C::Column>> {
        let columns = self.read(columns)?;
        let columns: Vec<&Vec<Fr>> = columns.iter().collect();
        self.take(self.cpu.run(program, &columns, parameters)?)
    }

    pub(crate) fn interleave(&self, columns: Vec<C::Column>) -> Result<C::Column> {
        let columns = self.read_owned(columns)?;
        self.device.column(self.cpu.interleave(columns)?)
    }

    pub(crate) fn running_products(
        &self,
        numerators: Vec<C::Column>,
        denominators: Vec<C::Column>,
        last: usize,
        chained: bool,
    ) -> Result<Vec<Vec<Fr>>> {
        let (numerators, denominators) =
            (self.read_owned(numerators)?, self.read_owned(denominators)?);
        self.cpu
            .running_products(numerators, denominators, last, chained)
    }

    /// Reads every polynomial once.
    pub(crate) fn evaluate(&self, evaluations: &[Evaluation<'_, C::Column>]) -> Result<Vec<Fr>> {
        let mut distinct: Vec<&C::Column> = Vec::new();
        let mut places = Vec::new();
        for evaluation in evaluations {
            let same = |column: &&C::Column| std::ptr::eq(*column, evaluation.polynomial);
            places.push(distinct.iter().position(same).unwrap_or_else(|| {
                distinct.push(evaluation.polynomial);
                distinct.len() - 1
            }));
        }
        let columns = self.read(&distinct)?;
        let asked: Vec<Evaluation<'_, Vec<Fr>>> = evaluations
            .iter()
            .zip(places)
            .map(|(evaluation, place)| Evaluation {
                polynomial: &columns[place],
                point: evaluation.point,
            })
            .collect();
        self.cpu.evaluate(&asked)
    }

    pub(crate) fn combine(&self, terms: &[Term<'_, C::Column>], len: usize) -> Result<C::Column> {
        let columns: Vec<&C::Column> = terms.iter().map(|term| term.column).collect();
        let columns = self.read(&columns)?;
        let terms: Vec<Term<'_, Vec<Fr>>> = terms
            .iter()
            .zip(&columns)
            .map(|(term, column)| Term {
                factor: term.factor,
                column,
            })
            .collect();
        self.device.column(self.cpu.combine(&terms, len)?)
    }

    pub(crate) fn divide(&self, divisions: Vec<Division<'_, C::Column>>) -> Result<Vec<C::Column>> {
        let columns: Vec<&C::Column> = divisions.iter().map(|d| d.polynomial).collect();
        let columns = self.read(&columns)?;
        let divisions = divisions
            .into_iter()
            .zip(&columns)
            .map(|(division, polynomial)| Division {
                polynomial,
                low: division.low,
                roots: division.roots,
            })
            .collect();
        self.take(self.cpu.divide(divisions)?)
    }
}
