//! One interface to whatever does the heavy steps of a proof.
//!
//! A back end owns its columns and bases and hands out handles, so that a device keeps its data: a prover never sees a slice that it did
//! not ask for with [`Compute::read`]. All columns of one step go in one call.

mod cpu;
mod measured;
mod naive;
#[cfg(any(test, feature = "suite"))]
pub mod suite;

pub use cpu::Cpu;
pub use measured::{Entry, Measured};
pub use naive::Naive;

use crate::lanes::Arithmetic;
use crate::ntt::Domain;
use crate::quotient::Program;
use halo2curves::bn256::{Fr, G1, G1Affine};
use std::borrow::Cow;
use thiserror::Error;

/// Why a back end did not do its step.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ComputeError {
    /// Columns that do not fit each other, or the step: a mistake of the caller.
    #[error("{step}: {detail}")]
    Shape {
        /// The step.
        step: &'static str,
        /// What does not fit.
        detail: String,
    },
    /// The device or its library failed.
    #[error("{step} on {device}: {detail}")]
    Device {
        /// The step.
        step: &'static str,
        /// The device.
        device: String,
        /// What it said.
        detail: String,
    },
}

/// A result of a back end.
pub type Result<T> = std::result::Result<T, ComputeError>;

/// A term of a linear combination.
#[derive(Debug)]
pub struct Term<'a, P> {
    /// The factor.
    pub factor: Fr,
    /// The column.
    pub column: &'a P,
}

/// A value of a polynomial that is asked for.
#[derive(Debug)]
pub struct Evaluation<'a, P> {
    /// Coefficients.
    pub polynomial: &'a P,
    /// Where.
    pub point: Fr,
}

/// A back end. Columns have 2^k elements of the domain at hand; polynomials are columns of coefficients, lowest degree first.
///
/// # Errors
/// Every step may fail on a device. None leaves a wrong result behind an `Ok` that the back end could know of; a prover checks its
/// proofs all the same.
pub trait Compute: Send + Sync {
    /// A column that the back end owns.
    type Column: Send + Sync;
    /// Points to commit with.
    type Bases: Send + Sync;

    /// A name for reports.
    fn name(&self) -> String;

    /// A round of a proof begins: for reports.
    fn round(&self, _name: &'static str) {}

    /// The domain of 2^k points. What of its transforms is done on the processor runs on the fastest arithmetic there is, unless the back
    /// end has another.
    fn domain(&self, k: u32) -> Domain {
        Domain::new(Arithmetic::detect(), k)
    }

    /// Number of elements of a column.
    fn len(&self, column: &Self::Column) -> usize;

    /// Takes points to commit with.
    #[expect(clippy::missing_errors_doc, reason = "said of the trait")]
    fn bases(&self, points: Vec<G1Affine>) -> Result<Self::Bases>;

    /// Takes a column.
    #[expect(clippy::missing_errors_doc, reason = "said of the trait")]
    fn column(&self, values: Vec<Fr>) -> Result<Self::Column>;

    /// The elements of a column.
    #[expect(clippy::missing_errors_doc, reason = "said of the trait")]
    fn read<'a>(&self, column: &'a Self::Column) -> Result<Cow<'a, [Fr]>>;

    /// The sum of element times point for every column.
    #[expect(clippy::missing_errors_doc, reason = "said of the trait")]
    fn commit(&self, bases: &Self::Bases, columns: &[&Self::Column]) -> Result<Vec<G1>>;

    /// From values on the domain to coefficients.
    #[expect(clippy::missing_errors_doc, reason = "said of the trait")]
    fn to_coefficients(
        &self,
        domain: &Domain,
        columns: Vec<Self::Column>,
    ) -> Result<Vec<Self::Column>>;

    /// From coefficients to values on the coset shift · omega^i of m points. Polynomials may have a multiple of m coefficients. `reuse` are columns that are needed no more, whose memory may serve.
    #[expect(clippy::missing_errors_doc, reason = "said of the trait")]
    fn to_coset(
        &self,
        domain: &Domain,
        shift: Fr,
        columns: &[&Self::Column],
        reuse: Vec<Self::Column>,
    ) -> Result<Vec<Self::Column>>;

    /// From values on the coset shift · omega^i to coefficients, times `scale`.
    #[expect(clippy::missing_errors_doc, reason = "said of the trait")]
    fn coset_to_coefficients(
        &self,
        domain: &Domain,
        shift: Fr,
        scale: Fr,
        column: Self::Column,
    ) -> Result<Self::Column>;

    /// One column of several of the same length: element j of column r of count becomes element r + count·j.
    #[expect(clippy::missing_errors_doc, reason = "said of the trait")]
    fn interleave(&self, columns: Vec<Self::Column>) -> Result<Self::Column>;

    /// Runs a program over columns: as many columns as it has outputs.
    #[expect(clippy::missing_errors_doc, reason = "said of the trait")]
    fn run(
        &self,
        program: &Program,
        columns: &[&Self::Column],
        parameters: &[Fr],
    ) -> Result<Vec<Self::Column>>;

    /// For every pair of numerators and denominators the running products of their ratios: element i is the product of the ratios before
    /// i, and every column goes on where the one before it was at element `last`. Elements behind `last` are left to the caller.
    #[expect(clippy::missing_errors_doc, reason = "said of the trait")]
    fn running_products(
        &self,
        numerators: Vec<Self::Column>,
        denominators: Vec<Self::Column>,
        last: usize,
        chained: bool,
    ) -> Result<Vec<Vec<Fr>>>;

    /// Values of polynomials.
    #[expect(clippy::missing_errors_doc, reason = "said of the trait")]
    fn evaluate(&self, evaluations: &[Evaluation<'_, Self::Column>]) -> Result<Vec<Fr>>;

    /// A linear combination.
    #[expect(clippy::missing_errors_doc, reason = "said of the trait")]
    fn combine(&self, terms: &[Term<'_, Self::Column>], len: usize) -> Result<Self::Column>;

    /// Every polynomial less its value's interpolation (`low` holds its few lowest coefficients), divided by X - root for
    /// each of its roots; the remainders are 0 by construction and dropped.
    #[expect(clippy::missing_errors_doc, reason = "said of the trait")]
    fn divide(&self, polynomials: Vec<Division<'_, Self::Column>>) -> Result<Vec<Self::Column>>;
}

/// A polynomial to divide.
#[derive(Debug)]
pub struct Division<'a, P> {
    /// The dividend, before `low` is taken from it.
    pub polynomial: &'a P,
    /// Coefficients that are subtracted first, lowest degree first.
    pub low: Vec<Fr>,
    /// Roots of the divisor.
    pub roots: Vec<Fr>,
}

impl<P> Division<'_, P> {
    /// What is left of these coefficients: as many, the highest 0.
    pub fn quotient(&self, polynomial: &[Fr]) -> Vec<Fr> {
        let mut quotient = polynomial.to_vec();
        for (c, low) in quotient.iter_mut().zip(&self.low) {
            *c -= low;
        }
        for root in &self.roots {
            crate::poly::divide_by_root(&mut quotient, *root);
        }
        quotient
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::Arithmetic;

    #[test]
    fn back_ends_of_this_crate_pass_the_suite() {
        for arithmetic in Arithmetic::available() {
            suite::check(&Cpu::with(arithmetic));
        }
        suite::check(&Naive);
        suite::check(&Measured::new(&Cpu::detect()));
    }
}
