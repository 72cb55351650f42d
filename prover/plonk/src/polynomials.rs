//! The polynomials of a proof in coefficients, by number, wherever they are.

use crate::error::{PlonkError, Result};
use crate::key::ProvingKey;
use crate::quotient::Places;
use crate::source::{KeyColumn, Lent};
use chainfer_compute::backend::Compute;

/// Polynomials by their numbers in [`Places`]. Those of the key may be read from somewhere whenever they are asked for; those of the witness
/// are here until they are dropped.
#[derive(Debug)]
pub(crate) struct Polynomials<'a, P> {
    key: &'a ProvingKey<P>,
    made: Vec<Option<P>>,
}

impl<'a, P> Polynomials<'a, P> {
    pub(crate) fn new(key: &'a ProvingKey<P>) -> Self {
        let count = key.places.quotient + 1;
        Polynomials {
            key,
            made: (0..count).map(|_| None).collect(),
        }
    }

    pub(crate) fn places(&self) -> &'a Places {
        &self.key.places
    }

    /// Puts columns in consecutive places.
    pub(crate) fn put(&mut self, first: usize, columns: Vec<P>) {
        for (place, column) in self.made[first..].iter_mut().zip(columns) {
            *place = Some(column);
        }
    }

    /// Drops what the proof made, unless it is wanted.
    pub(crate) fn keep(&mut self, is_wanted: impl Fn(usize) -> bool) {
        for (number, place) in self.made.iter_mut().enumerate() {
            if !is_wanted(number) {
                *place = None;
            }
        }
    }

    /// Drops what the proof made.
    pub(crate) fn forget(&mut self, numbers: &[usize]) {
        for number in numbers {
            self.made[*number] = None;
        }
    }

    /// Polynomials for one step.
    ///
    /// # Errors
    /// A column of the key cannot be read.
    pub(crate) fn lend<C: Compute<Column = P>>(
        &self,
        compute: &C,
        numbers: &[usize],
    ) -> Result<Vec<Lent<'_, P>>> {
        numbers
            .iter()
            .map(|number| self.one(compute, *number))
            .collect()
    }

    fn one<C: Compute<Column = P>>(&self, compute: &C, number: usize) -> Result<Lent<'_, P>> {
        let at = self.places();
        if let Some(made) = self.made.get(number).and_then(Option::as_ref) {
            return Ok(Lent::Held(made));
        }
        if number < at.advice {
            self.key.polynomial(compute, KeyColumn::Fixed(number))
        } else if (at.sigma..at.lookup).contains(&number) {
            let sigma = KeyColumn::Sigma(number - at.sigma);
            self.key.polynomial(compute, sigma)
        } else if (at.rows..at.random).contains(&number) {
            self.key.row_polynomial(compute, number - at.rows)
        } else {
            Err(PlonkError::Load(format!(
                "polynomial {number} of the proof is not there"
            )))
        }
    }
}
