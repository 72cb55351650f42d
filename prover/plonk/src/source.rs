//! Where the large parts of a proof come from: the columns of a key and the points of a setup, in memory or read when a step needs them.

use crate::error::{PlonkError, Result};
use halo2curves::bn256::{Fr, G1Affine};
use std::fmt::Debug;

/// The polynomials of a proving key, in coefficients: all that has to be kept of it beside the verifying key.
#[derive(Clone, Debug)]
pub struct KeyColumns {
    /// Fixed columns.
    pub fixed: Vec<Vec<Fr>>,
    /// Permutation columns.
    pub sigmas: Vec<Vec<Fr>>,
}

/// A column of a proving key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyColumn {
    /// A fixed column.
    Fixed(usize),
    /// A permutation column.
    Sigma(usize),
}

/// What has the columns of a key, and gives them again and again: a file, for example.
pub trait KeySource: Debug + Send + Sync {
    /// The coefficients of a column.
    ///
    /// # Errors
    /// There is no such column, or it cannot be read.
    fn column(&self, column: KeyColumn) -> Result<Vec<Fr>>;
}

impl KeySource for KeyColumns {
    fn column(&self, column: KeyColumn) -> Result<Vec<Fr>> {
        let found = match column {
            KeyColumn::Fixed(index) => self.fixed.get(index),
            KeyColumn::Sigma(index) => self.sigmas.get(index),
        };
        found
            .cloned()
            .ok_or_else(|| PlonkError::Load(format!("there is no column {column:?}")))
    }
}

/// The basis that a column is committed to in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// For coefficients.
    Monomial,
    /// For values on the domain.
    Lagrange,
}

/// What has the points of a setup, and gives them again and again.
pub trait PointSource: Debug + Send + Sync {
    /// log2 of the number of points of a basis.
    fn k(&self) -> u32;

    /// The points of a basis.
    ///
    /// # Errors
    /// They cannot be read.
    fn points(&self, basis: Basis) -> Result<Vec<G1Affine>>;
}

/// Something that is held by somebody else, or was made for one step and goes after it.
#[derive(Debug)]
pub(crate) enum Lent<'a, T> {
    Held(&'a T),
    Made(T),
}

impl<T> AsRef<T> for Lent<'_, T> {
    fn as_ref(&self) -> &T {
        match self {
            Lent::Held(held) => held,
            Lent::Made(made) => made,
        }
    }
}

/// References to what was lent.
pub(crate) fn refs<'a, T>(lent: &'a [Lent<'_, T>]) -> Vec<&'a T> {
    lent.iter().map(AsRef::as_ref).collect()
}
