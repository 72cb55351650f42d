//! Number-theoretic transforms: polynomials between coefficients and values on a domain of 2^k points or a coset of it.
//!
//! A [`Transform`] of n = 2^k elements computes, for every t below n,
//!
//! ```text
//! X[t] = scale · out^t · sum over i of x[i] · into^i · root^(i·t)
//! ```
//!
//! of which the transforms of a proof are cases ([`Domain`]). Both orders are natural.
//!
//! # How
//! The elements are read as a matrix of n/8 rows and 8 columns, a row a vector of lanes. With m = n/8, i = 8a + l and t = q·m + j,
//!
//! ```text
//! X[q·m + j] = scale · out^(q·m + j) · sum over l of root^(l·q·m) · (into^l · root^(l·j)) · Y_l[j]
//! Y_l[j]     = sum over a of x[8a + l] · (into^8)^a · (root^8)^(a·j)
//! ```
//!
//! Y is a transform of m elements in every lane at once, by decimation in time: rows are read in bit-reversed order, and `into` is
//! in the factors of the layers (f(X) = e(X^2) + X·o(X^2) holds at into·root^j as at root^j), so that a coset costs
//! little more than the domain. What is left, eight elements for each j, is one step across lanes: rows j to j + 7 are transposed and go
//! through a transform of eight. The order of passes keeps blocks of rows in the second-level cache.

mod domain;
mod passes;
#[cfg(test)]
mod reference;
mod scalar;
#[cfg(test)]
mod tests;

pub use domain::Domain;

use crate::lanes::{Arithmetic, Kernel, LANES, Lanes, dispatch};
pub(crate) use crate::scalar::powers;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use passes::{Passes, Scratch};
use rayon::prelude::*;
use scalar::Scalar;
use std::any::Any;

/// Below this, a transform in scalars: there are too few rows for lanes.
const SMALL_K: u32 = 6;

/// One transform, with its factors. See the [module](self).
#[derive(Debug)]
pub struct Transform {
    arithmetic: Arithmetic,
    k: u32,
    factors: Factors,
}

#[derive(Debug)]
enum Factors {
    /// For few elements, and where there are no vector instructions.
    Scalar(Scalar),
    /// [`Passes`] of the lanes of the arithmetic.
    Passes(Box<dyn Any + Send + Sync>),
}

/// What a transform computes. See the [module](self).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters {
    root: Fr,
    into: Fr,
    out: Fr,
    scale: Fr,
}

struct Prepare {
    k: u32,
    parameters: Parameters,
}

impl Kernel<Fr> for Prepare {
    type Output = Box<dyn Any + Send + Sync>;

    #[inline(always)]
    fn run<L: Lanes<F = Fr>>(self) -> Self::Output {
        Box::new(Passes::<L>::new(self.k, &self.parameters))
    }
}

struct Run<'a, I> {
    passes: &'a (dyn Any + Send + Sync),
    columns: I,
}

/// Where a transform reads, and where it writes.
enum Column<'a> {
    InPlace(&'a mut [Fr]),
    Into(&'a [Fr], &'a mut [Fr]),
}

impl<'a, I: Iterator<Item = Column<'a>>> Kernel<Fr> for Run<'_, I> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<F = Fr>>(self) {
        // Made by `Prepare` on the same arithmetic.
        let Some(passes) = self.passes.downcast_ref::<Passes<L>>() else {
            return;
        };
        let mut scratch = Scratch::new(passes);
        for column in self.columns {
            match column {
                Column::InPlace(values) => {
                    passes.rows(values, &mut scratch);
                    passes.lanes(&scratch, values);
                }
                Column::Into(from, to) => {
                    passes.rows(from, &mut scratch);
                    passes.lanes(&scratch, to);
                }
            }
        }
    }
}

impl Transform {
    fn new(arithmetic: Arithmetic, k: u32, parameters: Parameters) -> Self {
        let factors = if k < SMALL_K || arithmetic == Arithmetic::Portable {
            Factors::Scalar(Scalar::new(k, &parameters))
        } else {
            Factors::Passes(dispatch::<Fr, _>(arithmetic, Prepare { k, parameters }))
        };
        Transform {
            arithmetic,
            k,
            factors,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        1 << self.k
    }

    /// Whether there is no element, which there is.
    pub fn is_empty(&self) -> bool {
        false
    }

    fn run(&self, column: Column<'_>) {
        match &self.factors {
            Factors::Scalar(scalar) => scalar.run(column),
            Factors::Passes(passes) => dispatch::<Fr, _>(
                self.arithmetic,
                Run {
                    passes: passes.as_ref(),
                    columns: std::iter::once(column),
                },
            ),
        }
    }

    /// Transforms columns of [`len`](Self::len) elements in place, in parallel.
    ///
    /// # Panics
    /// If a column has another length.
    pub fn in_place<C: AsMut<[Fr]> + Send>(&self, columns: &mut [C]) {
        columns.par_iter_mut().for_each(|column| {
            let values = column.as_mut();
            assert_eq!(values.len(), self.len(), "elements of a column");
            self.run(Column::InPlace(values));
        });
    }

    /// Transforms columns into others, all of [`len`](Self::len) elements, in parallel.
    ///
    /// # Panics
    /// If a column has another length, or there are more columns than others.
    pub fn between<C: AsRef<[Fr]> + Sync>(&self, from: &[C], to: &mut [Vec<Fr>]) {
        assert!(from.len() <= to.len(), "a column for each");
        from.par_iter().zip(to).for_each(|(from, to)| {
            let from = from.as_ref();
            assert!(
                from.len() == self.len() && to.len() == self.len(),
                "elements of a column"
            );
            self.run(Column::Into(from, to));
        });
    }

    /// Transforms columns of [`len`](Self::len) elements, in parallel.
    ///
    /// # Panics
    /// If a column has another length.
    pub fn apply(&self, columns: &[&[Fr]]) -> Vec<Vec<Fr>> {
        let mut to = vec![vec![Fr::ZERO; self.len()]; columns.len()];
        self.between(columns, &mut to);
        to
    }
}

/// base^0 to base^7 times a factor.
fn eight_powers(factor: Fr, base: Fr) -> [Fr; LANES] {
    let mut power = factor;
    std::array::from_fn(|_| {
        let now = power;
        power *= base;
        now
    })
}
