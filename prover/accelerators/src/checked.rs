//! Checks of what a back end computes.

use chainfer_compute::backend::{Compute, ComputeError, Cpu, Division, Evaluation, Result, Term};
use chainfer_compute::msm::{Bases, msm_batch};
use chainfer_compute::ntt::Domain;
use chainfer_compute::poly;
use chainfer_compute::quotient::Program;
use halo2curves::bn256::{Fr, G1, G1Affine};
use halo2curves::ff::{Field, PrimeField as _};
use halo2curves::group::Curve as _;
use rand::Rng as _;
use std::borrow::Cow;

/// A back end whose commitments and transforms are checked on the processor, all columns of a call at once: a random combination of the
/// results has to be what the same combination of the columns gives. A wrong result is [`ComputeError::Device`].
///
/// * Commitments: one multi-scalar multiplication a call instead of one a column.
/// * Transforms: the values and the coefficients are those of one polynomial at one random point.
///
/// The other steps cost about as much to check as to do. Whoever wants to be sure of them verifies the proof, as
/// [`Guard`](crate::Guard) does.
#[derive(Debug)]
pub struct Checked<C> {
    inner: C,
    cpu: Cpu,
}

/// Points to commit with: the back end's, and those to check with.
#[derive(Debug)]
pub struct CheckedBases<B> {
    inner: B,
    host: Bases,
}

impl<C: Compute> Checked<C> {
    /// Checks this back end.
    pub fn new(inner: C) -> Self {
        Checked {
            inner,
            cpu: Cpu::detect(),
        }
    }

    /// The back end.
    pub fn inner(&self) -> &C {
        &self.inner
    }

    fn wrong(&self, step: &'static str) -> ComputeError {
        ComputeError::Device {
            step,
            device: self.inner.name(),
            detail: "the result is wrong".to_owned(),
        }
    }

    /// The combination of columns by these factors, to the length of the longest.
    fn combined(&self, columns: &[&C::Column], factors: &[Fr]) -> Result<Vec<Fr>> {
        let read: Vec<Cow<'_, [Fr]>> = columns
            .iter()
            .map(|column| self.inner.read(column))
            .collect::<Result<_>>()?;
        let len = read.iter().map(|column| column.len()).max().unwrap_or(0);
        let terms: Vec<(Fr, &[Fr])> = factors
            .iter()
            .copied()
            .zip(read.iter().map(AsRef::as_ref))
            .collect();
        Ok(poly::combine(self.cpu.arithmetic(), &terms, len))
    }

    fn columns_are(
        &self,
        step: &'static str,
        columns: &[C::Column],
        count: usize,
        len: usize,
    ) -> Result<()> {
        let fits = columns.len() == count && columns.iter().all(|c| self.inner.len(c) == len);
        if fits { Ok(()) } else { Err(self.wrong(step)) }
    }

    /// Whether these coefficients are `scale` times those of the polynomial with these values on the coset shift · omega^t: at a random
    /// point x, by the barycentric formula with z = x / shift,
    /// p(x) = scale · (z^n - 1) / n · sum of v_t · omega^t / (z - omega^t).
    fn agree(
        &self,
        domain: &Domain,
        shift: Fr,
        scale: Fr,
        values: &[Fr],
        coefficients: &[Fr],
    ) -> bool {
        let z = Fr::random(rand::thread_rng());
        let mut point = Fr::ONE;
        let (mut numerators, mut denominators) = (Vec::new(), Vec::new());
        for value in values {
            numerators.push(*value * point);
            denominators.push(z - point);
            point *= domain.omega();
        }
        poly::ratios(self.cpu.arithmetic(), &mut numerators, &denominators);
        let n = domain.n() as u64;
        let n_inverse: Fr = Option::from(Fr::from(n).invert()).unwrap_or(Fr::ZERO);
        let sum: Fr = numerators.iter().sum();
        let expected = scale * (z.pow_vartime([n]) - Fr::ONE) * n_inverse * sum;
        let got = poly::evaluate(self.cpu.arithmetic(), &[(coefficients, z * shift)]);
        got == [expected]
    }
}

/// Random factors of 128 bits. One column needs none.
fn factors(count: usize) -> Vec<Fr> {
    if count == 1 {
        return vec![Fr::ONE];
    }
    let mut rng = rand::thread_rng();
    (0..count).map(|_| Fr::from_u128(rng.r#gen())).collect()
}

impl<C: Compute> Compute for Checked<C> {
    type Column = C::Column;
    type Bases = CheckedBases<C::Bases>;

    fn name(&self) -> String {
        format!("{}, checked", self.inner.name())
    }

    fn round(&self, name: &'static str) {
        self.inner.round(name);
    }

    fn len(&self, column: &C::Column) -> usize {
        self.inner.len(column)
    }

    fn bases(&self, points: Vec<G1Affine>) -> Result<Self::Bases> {
        let host = Bases::new(&points);
        let inner = self.inner.bases(points)?;
        Ok(CheckedBases { inner, host })
    }

    fn column(&self, values: Vec<Fr>) -> Result<C::Column> {
        self.inner.column(values)
    }

    fn read<'a>(&self, column: &'a C::Column) -> Result<Cow<'a, [Fr]>> {
        self.inner.read(column)
    }

    fn commit(&self, bases: &Self::Bases, columns: &[&C::Column]) -> Result<Vec<G1>> {
        let commitments = self.inner.commit(&bases.inner, columns)?;
        if commitments.len() != columns.len() {
            return Err(self.wrong("commit"));
        }
        if columns.is_empty() {
            return Ok(commitments);
        }
        let arithmetic = self.cpu.arithmetic();
        let factors = factors(columns.len());
        let combined = self.combined(columns, &factors)?;
        let expected = msm_batch(arithmetic, &bases.host, &[&combined]);
        let points: Vec<G1Affine> = commitments.iter().map(G1::to_affine).collect();
        let got = msm_batch(arithmetic, &Bases::new(&points), &[&factors]);
        if got == expected {
            Ok(commitments)
        } else {
            Err(self.wrong("commit"))
        }
    }

    fn to_coefficients(&self, domain: &Domain, columns: Vec<C::Column>) -> Result<Vec<C::Column>> {
        let factors = factors(columns.len());
        let values = self.combined(&columns.iter().collect::<Vec<_>>(), &factors)?;
        let count = columns.len();
        let made = self.inner.to_coefficients(domain, columns)?;
        self.columns_are("to coefficients", &made, count, domain.n())?;
        let coefficients = self.combined(&made.iter().collect::<Vec<_>>(), &factors)?;
        if count == 0 || self.agree(domain, Fr::ONE, Fr::ONE, &values, &coefficients) {
            Ok(made)
        } else {
            Err(self.wrong("to coefficients"))
        }
    }

    fn to_coset(
        &self,
        domain: &Domain,
        shift: Fr,
        columns: &[&C::Column],
        reuse: Vec<C::Column>,
    ) -> Result<Vec<C::Column>> {
        let made = self.inner.to_coset(domain, shift, columns, reuse)?;
        self.columns_are("to a coset", &made, columns.len(), domain.n())?;
        let factors = factors(columns.len());
        let mut coefficients = self.combined(columns, &factors)?;
        if coefficients.len() != domain.n() {
            let power = shift.pow_vartime([domain.n() as u64]);
            let arithmetic = self.cpu.arithmetic();
            coefficients = poly::fold(arithmetic, &coefficients, domain.n(), power);
        }
        let values = self.combined(&made.iter().collect::<Vec<_>>(), &factors)?;
        if made.is_empty() || self.agree(domain, shift, Fr::ONE, &values, &coefficients) {
            Ok(made)
        } else {
            Err(self.wrong("to a coset"))
        }
    }

    fn coset_to_coefficients(
        &self,
        domain: &Domain,
        shift: Fr,
        scale: Fr,
        column: C::Column,
    ) -> Result<C::Column> {
        let values = self.inner.read(&column)?.into_owned();
        let made = self
            .inner
            .coset_to_coefficients(domain, shift, scale, column)?;
        let coefficients = self.inner.read(&made)?;
        let fits = coefficients.len() == domain.n();
        if fits && self.agree(domain, shift, scale, &values, &coefficients) {
            drop(coefficients);
            Ok(made)
        } else {
            Err(self.wrong("from a coset"))
        }
    }

    fn run(
        &self,
        program: &Program,
        columns: &[&C::Column],
        parameters: &[Fr],
    ) -> Result<Vec<C::Column>> {
        self.inner.run(program, columns, parameters)
    }

    fn interleave(&self, columns: Vec<C::Column>) -> Result<C::Column> {
        self.inner.interleave(columns)
    }

    fn running_products(
        &self,
        numerators: Vec<C::Column>,
        denominators: Vec<C::Column>,
        last: usize,
        chained: bool,
    ) -> Result<Vec<Vec<Fr>>> {
        self.inner
            .running_products(numerators, denominators, last, chained)
    }

    fn evaluate(&self, evaluations: &[Evaluation<'_, C::Column>]) -> Result<Vec<Fr>> {
        self.inner.evaluate(evaluations)
    }

    fn combine(&self, terms: &[Term<'_, C::Column>], len: usize) -> Result<C::Column> {
        self.inner.combine(terms, len)
    }

    fn divide(&self, polynomials: Vec<Division<'_, C::Column>>) -> Result<Vec<C::Column>> {
        self.inner.divide(polynomials)
    }
}
