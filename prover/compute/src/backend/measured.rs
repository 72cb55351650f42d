//! A back end that keeps account of another.

use super::{Compute, Division, Evaluation, Result, Term};
use crate::ntt::Domain;
use crate::quotient::Program;
use halo2curves::bn256::{Fr, G1, G1Affine};
use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of an element.
const ELEMENT: u64 = 32;

/// What one kind of step took within one round of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The round.
    pub round: &'static str,
    /// The step.
    pub step: &'static str,
    /// Calls.
    pub calls: u64,
    /// Columns of all calls.
    pub columns: u64,
    /// Elements of those columns.
    pub elements: u64,
    /// Bytes that went to the back end or came from it.
    pub bytes_moved: u64,
    /// Elapsed time.
    pub elapsed: Duration,
}

/// Counts and times every step of a back end.
#[derive(Debug)]
pub struct Measured<'a, C> {
    inner: &'a C,
    account: Mutex<Account>,
}

#[derive(Debug, Default)]
struct Account {
    round: &'static str,
    entries: Vec<Entry>,
}

/// How much a call is about.
#[derive(Clone, Copy, Default)]
struct Size {
    columns: usize,
    elements: usize,
    moved: usize,
}

impl<'a, C: Compute> Measured<'a, C> {
    /// Of this back end.
    pub fn new(inner: &'a C) -> Self {
        Measured {
            inner,
            account: Mutex::default(),
        }
    }

    /// What was done, in the order in which each kind of step was first done.
    pub fn entries(&self) -> Vec<Entry> {
        self.account
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entries
            .clone()
    }

    fn measure<T>(
        &self,
        step: &'static str,
        size: Size,
        work: impl FnOnce(&C) -> Result<T>,
    ) -> Result<T> {
        let started = Instant::now();
        let result = work(self.inner)?;
        let elapsed = started.elapsed();
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        let round = account.round;
        let found = account
            .entries
            .iter()
            .position(|e| e.round == round && e.step == step);
        let at = found.unwrap_or_else(|| {
            account.entries.push(Entry {
                round,
                step,
                calls: 0,
                columns: 0,
                elements: 0,
                bytes_moved: 0,
                elapsed: Duration::ZERO,
            });
            account.entries.len() - 1
        });
        let entry = &mut account.entries[at];
        entry.calls += 1;
        entry.columns += size.columns as u64;
        entry.elements += size.elements as u64;
        entry.bytes_moved += size.moved as u64 * ELEMENT;
        entry.elapsed += elapsed;
        Ok(result)
    }
}

fn columns(count: usize, len: usize) -> Size {
    Size {
        columns: count,
        elements: count * len,
        moved: 0,
    }
}

impl<C: Compute> Compute for Measured<'_, C> {
    type Column = C::Column;
    type Bases = C::Bases;

    fn name(&self) -> String {
        self.inner.name()
    }

    fn round(&self, name: &'static str) {
        self.account
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .round = name;
        self.inner.round(name);
    }

    fn domain(&self, k: u32) -> Domain {
        self.inner.domain(k)
    }

    fn len(&self, column: &C::Column) -> usize {
        self.inner.len(column)
    }

    fn bases(&self, points: Vec<G1Affine>) -> Result<C::Bases> {
        let size = Size {
            moved: 2 * points.len(),
            ..columns(1, points.len())
        };
        self.measure("bases", size, |c| c.bases(points))
    }

    fn column(&self, values: Vec<Fr>) -> Result<C::Column> {
        let size = Size {
            moved: values.len(),
            ..columns(1, values.len())
        };
        self.measure("column in", size, |c| c.column(values))
    }

    fn read<'a>(&self, column: &'a C::Column) -> Result<Cow<'a, [Fr]>> {
        let len = self.inner.len(column);
        let size = Size {
            moved: len,
            ..columns(1, len)
        };
        self.measure("column out", size, |c| c.read(column))
    }

    fn commit(&self, bases: &C::Bases, polynomials: &[&C::Column]) -> Result<Vec<G1>> {
        let elements = polynomials.iter().map(|p| self.inner.len(p)).sum();
        let size = Size {
            columns: polynomials.len(),
            elements,
            moved: 0,
        };
        self.measure("MSM", size, |c| c.commit(bases, polynomials))
    }

    fn to_coefficients(&self, domain: &Domain, values: Vec<C::Column>) -> Result<Vec<C::Column>> {
        let size = columns(values.len(), domain.n());
        self.measure("NTT", size, |c| c.to_coefficients(domain, values))
    }

    fn to_coset(
        &self,
        domain: &Domain,
        shift: Fr,
        polynomials: &[&C::Column],
        reuse: Vec<C::Column>,
    ) -> Result<Vec<C::Column>> {
        let size = columns(polynomials.len(), domain.n());
        self.measure("NTT", size, |c| {
            c.to_coset(domain, shift, polynomials, reuse)
        })
    }

    fn coset_to_coefficients(
        &self,
        domain: &Domain,
        shift: Fr,
        scale: Fr,
        column: C::Column,
    ) -> Result<C::Column> {
        self.measure("NTT", columns(1, domain.n()), |c| {
            c.coset_to_coefficients(domain, shift, scale, column)
        })
    }

    fn interleave(&self, parts: Vec<C::Column>) -> Result<C::Column> {
        let len = parts.first().map_or(0, |column| self.inner.len(column));
        self.measure("interleaving", columns(parts.len(), len), |c| {
            c.interleave(parts)
        })
    }

    fn run(
        &self,
        program: &Program,
        values: &[&C::Column],
        parameters: &[Fr],
    ) -> Result<Vec<C::Column>> {
        let len = values.first().map_or(0, |column| self.inner.len(column));
        self.measure("program", columns(values.len(), len), |c| {
            c.run(program, values, parameters)
        })
    }

    fn running_products(
        &self,
        numerators: Vec<C::Column>,
        denominators: Vec<C::Column>,
        last: usize,
        chained: bool,
    ) -> Result<Vec<Vec<Fr>>> {
        let len = numerators
            .first()
            .map_or(0, |column| self.inner.len(column));
        let size = Size {
            moved: numerators.len() * len,
            ..columns(numerators.len(), len)
        };
        self.measure("running product", size, |c| {
            c.running_products(numerators, denominators, last, chained)
        })
    }

    fn evaluate(&self, evaluations: &[Evaluation<'_, C::Column>]) -> Result<Vec<Fr>> {
        let elements = evaluations
            .iter()
            .map(|e| self.inner.len(e.polynomial))
            .sum();
        let size = Size {
            columns: evaluations.len(),
            elements,
            moved: evaluations.len(),
        };
        self.measure("evaluation", size, |c| c.evaluate(evaluations))
    }

    fn combine(&self, terms: &[Term<'_, C::Column>], len: usize) -> Result<C::Column> {
        self.measure("combination", columns(terms.len(), len), |c| {
            c.combine(terms, len)
        })
    }

    fn divide(&self, polynomials: Vec<Division<'_, C::Column>>) -> Result<Vec<C::Column>> {
        let elements = polynomials
            .iter()
            .map(|d| self.inner.len(d.polynomial) * d.roots.len())
            .sum();
        let size = Size {
            columns: polynomials.len(),
            elements,
            moved: 0,
        };
        self.measure("division", size, |c| c.divide(polynomials))
    }
}
