//! The values that a proof states, in the order in which it does, and the order in which the verifier opens them.

use crate::error::{PlonkError, Result};
use crate::key::ProvingKey;
use crate::open::Query;
use crate::polynomials::Polynomials;
use crate::prove::Round;
use crate::source::refs;
use chainfer_compute::backend::{Compute, Evaluation};
use halo2_proofs::transcript::{EncodedChallenge, TranscriptWrite};
use halo2curves::bn256::{Fr, G1Affine};
use rand::RngCore;

/// Polynomials, by number, with the points at which they are opened.
struct Openings {
    /// In the order in which the values are written.
    written: Vec<(usize, Fr)>,
    /// Where kinds of polynomials begin.
    fixed: usize,
    random: usize,
    sigmas: usize,
    products: usize,
    lookups: usize,
    /// The point of the row that ends running products.
    last: Fr,
}

impl Openings {
    fn new<P>(key: &ProvingKey<P>, x: Fr) -> Self {
        let (cs, place) = (key.vk.cs(), key.places);
        let at = |rotation: i32| key.domain.rotate(x, rotation);
        let mut written: Vec<(usize, Fr)> = Vec::new();
        let advice = cs.advice_queries().iter();
        written.extend(advice.map(|(c, r)| (place.advice + c.index(), at(r.0))));
        let fixed = written.len();
        written.extend(cs.fixed_queries().iter().map(|(c, r)| (c.index(), at(r.0))));
        let random = written.len();
        written.push((place.random, x));
        let sigmas = written.len();
        written.extend((place.sigma..place.lookup).map(|sigma| (sigma, x)));
        let products = written.len();
        let last = at(-(cs.blinding_factors() as i32 + 1));
        for product in place.product..place.sigma {
            written.extend([(product, x), (product, at(1))]);
            if product + 1 < place.sigma {
                written.push((product, last));
            }
        }
        let lookups = written.len();
        for product in (place.lookup..place.rows).step_by(3) {
            let (input, table) = (product + 1, product + 2);
            written.extend([
                (product, x),
                (product, at(1)),
                (input, x),
                (input, at(-1)),
                (table, x),
            ]);
        }
        Openings {
            written,
            fixed,
            random,
            sigmas,
            products,
            lookups,
            last,
        }
    }

    /// Positions in `written`, as the verifier queues them, less those behind the sigmas: the third value of the products comes behind
    /// those of all, from the last product to the first.
    fn queued(&self) -> Vec<usize> {
        let mut queued: Vec<usize> = (0..self.fixed).collect();
        let of_products = self.products..self.lookups;
        let (ends, others): (Vec<usize>, Vec<usize>) =
            of_products.partition(|position| self.written[*position].1 == self.last);
        queued.extend(others);
        queued.extend(ends.into_iter().rev());
        for first in (self.lookups..self.written.len()).step_by(5) {
            queued.extend([0, 2, 4, 3, 1].map(|offset| first + offset));
        }
        queued.extend(self.fixed..self.random);
        queued.extend(self.sigmas..self.products);
        queued
    }
}

impl<C, R, E, T> Round<'_, C, R, T, E>
where
    C: Compute,
    R: RngCore,
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
{
    /// Writes the values of all polynomials, drops those that are not opened, and says how the others are.
    pub(crate) fn evaluate(
        &mut self,
        key: &ProvingKey<C::Column>,
        polynomials: &mut Polynomials<'_, C::Column>,
        x: Fr,
    ) -> Result<Vec<Query>> {
        self.compute.round("evaluations");
        let openings = Openings::new(key, x);
        let written = &openings.written;
        let wanted: Vec<(usize, Fr)> = written
            .iter()
            .copied()
            .chain([(key.places.quotient, x)])
            .collect();
        polynomials.keep(|number| wanted.iter().any(|(of, _)| *of == number));
        let values = self.values_at(polynomials, &wanted)?;
        for value in &values[..written.len()] {
            self.transcript.write_scalar(*value)?;
        }
        let query = |position: usize| Query {
            polynomial: wanted[position].0,
            point: wanted[position].1,
            value: values[position],
        };
        let mut queries: Vec<Query> = openings.queued().into_iter().map(query).collect();
        queries.extend([written.len(), openings.random].map(query));
        Ok(queries)
    }

    /// Values of polynomials at points.
    fn values_at(
        &self,
        polynomials: &Polynomials<'_, C::Column>,
        wanted: &[(usize, Fr)],
    ) -> Result<Vec<Fr>> {
        let mut numbers: Vec<usize> = wanted.iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut values: Vec<Option<Fr>> = vec![None; wanted.len()];
        for numbers in numbers.chunks(self.at_once()) {
            let lent = polynomials.lend(self.compute, numbers)?;
            let lent = refs(&lent);
            let mut positions = Vec::new();
            let mut evaluations = Vec::new();
            for (position, (number, point)) in wanted.iter().enumerate() {
                if let Ok(found) = numbers.binary_search(number) {
                    positions.push(position);
                    evaluations.push(Evaluation {
                        polynomial: lent[found],
                        point: *point,
                    });
                }
            }
            let made = self.compute.evaluate(&evaluations)?;
            for (position, value) in positions.into_iter().zip(made) {
                values[position] = Some(value);
            }
        }
        let all: Option<Vec<Fr>> = values.into_iter().collect();
        all.ok_or(PlonkError::Mismatch {
            what: "values that the back end made",
            expected: wanted.len(),
            got: 0,
        })
    }
}
