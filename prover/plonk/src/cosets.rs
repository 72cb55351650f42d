//! The quotient of all constraints by X^n - 1, on cosets.
//!
//! It is h = sum over m of X^(m·n) · piece m, with pieces of n coefficients. On the coset c·omega^i, X^n is the constant c^n: there the
//! quotient of the numerator's values by c^n - 1 is the sum of c^(m·n) · piece m, a polynomial of n coefficients that those n values
//! determine. As many cosets as pieces determine the pieces.

use crate::error::{PlonkError, Result};
use crate::key::{ProvingKey, only};
use crate::open::interpolate;
use crate::polynomials::Polynomials;
use crate::prove::Round;
use crate::quotient::Parted;
use crate::source::{Basis, refs};
use chainfer_compute::backend::{Compute, Term};
use chainfer_compute::ntt::Domain;
use chainfer_compute::scalar::{all_powers, root_of_unity};
use halo2_proofs::transcript::{EncodedChallenge, TranscriptWrite};
use halo2curves::bn256::{Fr, G1Affine};
use halo2curves::ff::{Field, WithSmallOrderMulGroup as _};
use rand::RngCore;
use std::collections::BTreeMap;

/// Shifts of the cosets: zeta, a cube root of 1 and so in no domain, times powers of a root of 1 whose order is larger than n by a power of
/// two.
fn shifts(k: u32, count: usize) -> impl Iterator<Item = Fr> {
    let extension = count.next_power_of_two().ilog2();
    let powers = all_powers(root_of_unity(k + extension)).take(count);
    powers.map(|power| Fr::ZETA * power)
}

/// The pieces of a quotient, as combinations of what was found on the cosets.
#[derive(Debug)]
pub(crate) struct Pieces<P> {
    n: usize,
    /// Sum of c^(m·n) · piece m, for every coset.
    parts: Vec<P>,
    /// The inverse of the matrix of c^(m·n), a row a coset and a column an m.
    inverse: Vec<Vec<Fr>>,
}

impl<P> Pieces<P> {
    pub(crate) fn new(k: u32, parts: Vec<P>) -> Self {
        let powers: Vec<Fr> = shifts(k, parts.len())
            .map(|shift| shift.pow_vartime([1u64 << k]))
            .collect();
        Pieces {
            n: 1 << k,
            parts,
            inverse: inverse_vandermonde(&powers),
        }
    }

    fn combined<C: Compute<Column = P>>(&self, compute: &C, factors: &[Fr]) -> Result<P> {
        let terms: Vec<Term<'_, P>> = factors
            .iter()
            .zip(&self.parts)
            .map(|(factor, column)| Term {
                factor: *factor,
                column,
            })
            .collect();
        Ok(compute.combine(&terms, self.n)?)
    }

    /// The sum of x^(m·n) · piece m.
    pub(crate) fn combined_at<C: Compute<Column = P>>(&self, compute: &C, x: Fr) -> Result<P> {
        let mut factors = vec![Fr::ZERO; self.parts.len()];
        let powers = all_powers(x.pow_vartime([self.n as u64]));
        for (of_piece, power) in self.inverse.iter().zip(powers) {
            for (sum, factor) in factors.iter_mut().zip(of_piece) {
                *sum += power * factor;
            }
        }
        self.combined(compute, &factors)
    }
}

impl<C, R, E, T> Round<'_, C, R, T, E>
where
    C: Compute,
    R: RngCore,
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
{
    /// The quotient's combination of pieces on every coset, as coefficients.
    pub(crate) fn quotient_on_cosets(
        &self,
        key: &ProvingKey<C::Column>,
        polynomials: &Polynomials<'_, C::Column>,
        parameters: &[Fr],
    ) -> Result<Vec<C::Column>> {
        let compute = self.compute;
        let (cs, domain) = (self.vk.cs(), &key.domain);
        let mut parts = Vec::new();
        let mut reuse = Vec::new();
        for shift in shifts(domain.k(), cs.degree() - 1) {
            let values = if self.limits.coset_parts == 0 {
                let queries: Vec<(usize, i32)> =
                    (0..polynomials.places().random).map(|c| (c, 0)).collect();
                let on_coset = self.values(polynomials, domain, &queries, |_| shift, reuse)?;
                let of_coset: Vec<&C::Column> = on_coset.iter().collect();
                let values = compute.run(key.quotient.numerator(cs), &of_coset, parameters)?;
                reuse = on_coset;
                only(values)?
            } else {
                self.numerator_in_parts(key, polynomials, shift, parameters)?
            };
            let power = shift.pow_vartime([domain.n() as u64]);
            let scale = Option::from((power - Fr::ONE).invert()).unwrap_or(Fr::ZERO);
            parts.push(compute.coset_to_coefficients(domain, shift, scale, values)?);
        }
        Ok(parts)
    }

    /// Values of the numerator on a coset, a part of it at a time. Part r of p has the points shift·omega^r times powers of omega^p: a coset of
    /// a smaller domain, on which a polynomial takes p times less memory. A rotation goes to another part, so a column is
    /// evaluated once a rotation.
    fn numerator_in_parts(
        &self,
        key: &ProvingKey<C::Column>,
        polynomials: &Polynomials<'_, C::Column>,
        shift: Fr,
        parameters: &[Fr],
    ) -> Result<C::Column> {
        let compute = self.compute;
        let part = compute.domain(key.domain.k() - self.limits.coset_parts);
        let Parted { program, queries } = key.quotient.parted(self.vk.cs());
        let mut values = Vec::new();
        let mut reuse = Vec::new();
        for r in 0..1i32 << self.limits.coset_parts {
            let point = |rotation| key.domain.rotate(shift, r + rotation);
            let on_part = self.values(polynomials, &part, queries, point, reuse)?;
            let of_part: Vec<&C::Column> = on_part.iter().collect();
            values.extend(compute.run(program, &of_part, parameters)?);
            reuse = on_part;
        }
        drop(reuse);
        Ok(compute.interleave(values)?)
    }

    /// Values of polynomials at rotations, on the coset that `shift` gives of a rotation. `reuse` is memory for them.
    fn values(
        &self,
        polynomials: &Polynomials<'_, C::Column>,
        domain: &Domain,
        queries: &[(usize, i32)],
        shift: impl Fn(i32) -> Fr,
        mut reuse: Vec<C::Column>,
    ) -> Result<Vec<C::Column>> {
        let mut places: BTreeMap<usize, Vec<(i32, usize)>> = BTreeMap::new();
        for (place, (number, rotation)) in queries.iter().enumerate() {
            places.entry(*number).or_default().push((*rotation, place));
        }
        let numbers: Vec<usize> = places.keys().copied().collect();
        let mut made: Vec<Option<C::Column>> = queries.iter().map(|_| None).collect();
        for numbers in numbers.chunks(self.at_once()) {
            let lent = polynomials.lend(self.compute, numbers)?;
            let mut by_rotation: BTreeMap<i32, Vec<(&C::Column, usize)>> = BTreeMap::new();
            for (number, polynomial) in numbers.iter().zip(refs(&lent)) {
                for (rotation, place) in &places[number] {
                    let wanted = by_rotation.entry(*rotation).or_default();
                    wanted.push((polynomial, *place));
                }
            }
            for (rotation, wanted) in by_rotation {
                let columns: Vec<&C::Column> = wanted.iter().map(|(column, _)| *column).collect();
                let again = reuse.split_off(reuse.len().saturating_sub(columns.len()));
                let values = self
                    .compute
                    .to_coset(domain, shift(rotation), &columns, again)?;
                for ((_, place), values) in wanted.into_iter().zip(values) {
                    made[place] = Some(values);
                }
            }
        }
        let all: Option<Vec<C::Column>> = made.into_iter().collect();
        all.ok_or(PlonkError::Mismatch {
            what: "columns that the back end made",
            expected: queries.len(),
            got: 0,
        })
    }

    /// Commits to the pieces. With a limit, a piece is made when it is its turn.
    pub(crate) fn commit_pieces(&mut self, pieces: &Pieces<C::Column>) -> Result<()> {
        let bases = self.setup.basis(self.compute, Basis::Monomial)?;
        for factors in pieces.inverse.chunks(self.at_once()) {
            let some = factors
                .iter()
                .map(|factors| pieces.combined(self.compute, factors))
                .collect::<Result<Vec<_>>>()?;
            let columns: Vec<&C::Column> = some.iter().collect();
            let points = self.compute.commit(bases.as_ref(), &columns)?;
            crate::open::write_points(&points, self.transcript)?;
        }
        Ok(())
    }
}

/// The inverse of the matrix whose row i holds the powers of point i: column i of it holds the coefficients of the polynomial that is 1 at
/// point i and 0 at the others.
fn inverse_vandermonde(points: &[Fr]) -> Vec<Vec<Fr>> {
    let count = points.len();
    let mut inverse = vec![vec![Fr::ZERO; count]; count];
    for i in 0..count {
        let mut values = vec![Fr::ZERO; count];
        values[i] = Fr::ONE;
        for (row, c) in inverse.iter_mut().zip(interpolate(points, &values)) {
            row[i] = c;
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_vandermonde_is_the_inverse() {
        let points = [Fr::from(2), Fr::from(5), -Fr::from(3), Fr::from(11)];
        let inverse = inverse_vandermonde(&points);
        for (i, point) in points.iter().enumerate() {
            let mut row = [Fr::ZERO; 4];
            for (m, coefficients) in inverse.iter().enumerate() {
                let power = point.pow_vartime([m as u64]);
                for (entry, c) in row.iter_mut().zip(coefficients) {
                    *entry += power * c;
                }
            }
            let mut unit = [Fr::ZERO; 4];
            unit[i] = Fr::ONE;
            assert_eq!(row, unit);
        }
    }
}
