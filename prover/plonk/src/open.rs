//! SHPLONK: one opening of all polynomials at all their points (Boneh, Drake, Fisch, Gabizon, <https://eprint.iacr.org/2020/081>, section 4).
//!
//! Polynomials that are opened at the same points form a set. With challenges y, v and u, N_i the combination of set i by powers of y, R_i
//! its interpolation on the set's points and Z_i their vanishing polynomial,
//!
//! ```text
//! h = sum of v^i · (N_i - R_i) / Z_i
//! L = sum of v^i · z_i · (N_i - R_i(u)) - z_T · h,   z_i = Z_T(u) / Z_i(u), z_T = Z_T(u) over all points
//! ```
//!
//! are committed to as h and L / (z_0 · (X - u)). N_i is made once.

use crate::error::Result;
use crate::limits::Limits;
use crate::polynomials::Polynomials;
use crate::setup::Setup;
use crate::source::{Basis, refs};
use chainfer_compute::backend::{Compute, Division, Term};
use chainfer_compute::scalar::{horner, powers};
use halo2_proofs::transcript::{EncodedChallenge, TranscriptWrite};
use halo2curves::bn256::{Fr, G1Affine};
use halo2curves::ff::{BatchInvert, Field};
use halo2curves::group::Curve;

/// A value that the proof states.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query {
    /// Its number among [`Polynomials`].
    pub(crate) polynomial: usize,
    pub(crate) point: Fr,
    pub(crate) value: Fr,
}

/// A polynomial with the values of all its points.
struct Opened {
    polynomial: usize,
    values: Vec<(Fr, Fr)>,
}

/// Polynomials with the same points.
struct Set {
    points: Vec<Fr>,
    opened: Vec<Opened>,
}

/// Sets in the order in which their first polynomial is first queried, as halo2's verifier orders them.
fn sets(queries: &[Query]) -> Vec<Set> {
    let mut all: Vec<Opened> = Vec::new();
    for query in queries {
        let value = (query.point, query.value);
        match all.iter_mut().find(|o| o.polynomial == query.polynomial) {
            Some(opened) => {
                if !opened.values.contains(&value) {
                    opened.values.push(value);
                }
            }
            None => all.push(Opened {
                polynomial: query.polynomial,
                values: vec![value],
            }),
        }
    }
    let mut sets: Vec<Set> = Vec::new();
    for mut opened in all {
        opened.values.sort_by_key(|(point, _)| *point);
        let points: Vec<Fr> = opened.values.iter().map(|(point, _)| *point).collect();
        match sets.iter_mut().find(|set| set.points == points) {
            Some(set) => set.opened.push(opened),
            None => sets.push(Set {
                points,
                opened: vec![opened],
            }),
        }
    }
    sets
}

/// What a set's polynomials are combined to by powers of y.
struct Combined<P> {
    /// N
    polynomial: P,
    /// R
    low: Vec<Fr>,
}

impl Set {
    /// Combines the polynomials, and drops them: each is in one set.
    fn combine<C: Compute>(
        &self,
        (compute, limits): (&C, Limits),
        polynomials: &mut Polynomials<'_, C::Column>,
        n: usize,
        y: Fr,
    ) -> Result<Combined<C::Column>> {
        let factors = powers(y, self.opened.len());
        let numbers: Vec<usize> = self.opened.iter().map(|opened| opened.polynomial).collect();
        let groups = numbers
            .chunks(limits.at_once())
            .zip(factors.chunks(limits.at_once()));
        let mut sum: Option<C::Column> = None;
        for (numbers, factors) in groups {
            let next = {
                let lent = polynomials.lend(compute, numbers)?;
                let terms = refs(&lent).into_iter().zip(factors.iter().copied());
                let sum = sum.iter().map(|sum| (sum, Fr::ONE));
                compute.combine(&self::terms(terms.chain(sum)), n)?
            };
            sum = Some(next);
            polynomials.forget(numbers);
        }
        let polynomial = match sum {
            Some(sum) => sum,
            None => compute.combine(&[], n)?,
        };
        let value = |at: usize| -> Fr {
            let values = self.opened.iter().zip(&factors);
            values
                .map(|(opened, factor)| opened.values[at].1 * factor)
                .sum()
        };
        let values: Vec<Fr> = (0..self.points.len()).map(value).collect();
        Ok(Combined {
            polynomial,
            low: interpolate(&self.points, &values),
        })
    }
}

fn terms<'a, P>(of: impl Iterator<Item = (&'a P, Fr)>) -> Vec<Term<'a, P>> {
    of.map(|(column, factor)| Term { factor, column }).collect()
}

/// Writes the two commitments of the opening.
///
/// # Errors
/// The back end or the transcript fails; a column of the key or a basis cannot be read.
pub(crate) fn open<C, E, T>(
    (compute, setup, limits): (&C, &Setup<C::Bases>, Limits),
    queries: &[Query],
    mut polynomials: Polynomials<'_, C::Column>,
    transcript: &mut T,
) -> Result<()>
where
    C: Compute,
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
{
    let n = 1usize << setup.k();
    let sets = sets(queries);
    let y: Fr = *transcript.squeeze_challenge_scalar::<()>();
    let v: Fr = *transcript.squeeze_challenge_scalar::<()>();
    let combined = sets
        .iter()
        .map(|set| set.combine((compute, limits), &mut polynomials, n, y))
        .collect::<Result<Vec<_>>>()?;
    drop(polynomials);
    let v_powers = powers(v, sets.len());
    let mut sum: Option<C::Column> = None;
    let numbered: Vec<usize> = (0..sets.len()).collect();
    for numbers in numbered.chunks(limits.at_once()) {
        let divisions = numbers.iter().map(|number| Division {
            polynomial: &combined[*number].polynomial,
            low: combined[*number].low.clone(),
            roots: sets[*number].points.clone(),
        });
        let quotients = compute.divide(divisions.collect())?;
        let factors = numbers.iter().map(|number| v_powers[*number]);
        let sum_before = sum.iter().map(|sum| (sum, Fr::ONE));
        let next = compute.combine(&terms(quotients.iter().zip(factors).chain(sum_before)), n)?;
        sum = Some(next);
    }
    let h = match sum {
        Some(sum) => sum,
        None => compute.combine(&[], n)?,
    };
    commit(compute, setup, &h, transcript)?;
    let u: Fr = *transcript.squeeze_challenge_scalar::<()>();

    let mut all_points: Vec<Fr> = sets
        .iter()
        .flat_map(|set| set.points.iter().copied())
        .collect();
    all_points.sort();
    all_points.dedup();
    let vanishing =
        |points: &mut dyn Iterator<Item = &Fr>| -> Fr { points.map(|point| u - point).product() };
    let z_all = vanishing(&mut all_points.iter());
    let others: Vec<Fr> = sets
        .iter()
        .map(|set| vanishing(&mut all_points.iter().filter(|p| !set.points.contains(p))))
        .collect();
    let normal = others
        .first()
        .and_then(|z| Option::from(z.invert()))
        .unwrap_or(Fr::ONE);
    let mut of_sets = Vec::new();
    let mut constant = Fr::ZERO;
    for ((combined, z), v_power) in combined.iter().zip(&others).zip(&v_powers) {
        let factor = *v_power * z * normal;
        constant += factor * horner(&combined.low, u);
        of_sets.push((&combined.polynomial, factor));
    }
    of_sets.push((&h, -z_all * normal));
    let linear = compute.combine(&terms(of_sets.into_iter()), n)?;
    drop((combined, h));
    let divided = compute.divide(vec![Division {
        polynomial: &linear,
        low: vec![constant],
        roots: vec![u],
    }])?;
    drop(linear);
    for last in &divided {
        commit(compute, setup, last, transcript)?;
    }
    Ok(())
}

fn commit<C, E, T>(
    compute: &C,
    setup: &Setup<C::Bases>,
    polynomial: &C::Column,
    transcript: &mut T,
) -> Result<()>
where
    C: Compute,
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
{
    let bases = setup.basis(compute, Basis::Monomial)?;
    write_points(&compute.commit(bases.as_ref(), &[polynomial])?, transcript)
}

/// Writes points, made affine together.
///
/// # Errors
/// The transcript fails.
pub(crate) fn write_points<E, T>(
    points: &[halo2curves::bn256::G1],
    transcript: &mut T,
) -> Result<()>
where
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
{
    let mut affine = vec![G1Affine::default(); points.len()];
    halo2curves::bn256::G1::batch_normalize(points, &mut affine);
    for point in affine {
        transcript.write_point(point)?;
    }
    Ok(())
}

/// Coefficients of the polynomial of least degree with these values at these points, which differ.
pub(crate) fn interpolate(points: &[Fr], values: &[Fr]) -> Vec<Fr> {
    let mut scales: Vec<Fr> = points
        .iter()
        .map(|p| points.iter().filter(|q| *q != p).map(|q| *p - q).product())
        .collect();
    scales.iter_mut().batch_invert();
    let mut sum = vec![Fr::ZERO; points.len()];
    for (j, (scale, value)) in scales.iter().zip(values).enumerate() {
        // The product of X - q over the other points.
        let mut basis = vec![*scale * value];
        for (i, q) in points.iter().enumerate() {
            if i != j {
                basis.push(Fr::ZERO);
                for at in (0..basis.len()).rev() {
                    let below = if at == 0 { Fr::ZERO } else { basis[at - 1] };
                    basis[at] = below - *q * basis[at];
                }
            }
        }
        for (sum, c) in sum.iter_mut().zip(basis) {
            *sum += c;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolation_has_its_values() {
        let points = [Fr::from(3), Fr::from(5), -Fr::from(2)];
        for count in 0..=3 {
            let values: Vec<Fr> = (0..count as u64).map(|i| Fr::from(10 + i)).collect();
            let p = interpolate(&points[..count], &values);
            assert_eq!(p.len(), count);
            for (point, value) in points.iter().zip(&values) {
                assert_eq!(horner(&p, *point), *value);
            }
        }
    }

    #[test]
    fn sets_keep_the_order_of_their_first_polynomials() {
        let query = |polynomial: usize, point: u64| Query {
            polynomial,
            point: Fr::from(point),
            value: Fr::from(point),
        };
        let queries = [
            query(0, 1),
            query(1, 2),
            query(2, 2),
            query(1, 1),
            query(0, 1),
            query(2, 1),
        ];
        let sets = sets(&queries);
        assert_eq!(sets.len(), 2);
        assert_eq!(sets[0].points, [Fr::from(1)]);
        assert_eq!(sets[1].points, [Fr::from(1), Fr::from(2)]);
        let of_second: Vec<usize> = sets[1].opened.iter().map(|o| o.polynomial).collect();
        assert_eq!(of_second, [1, 2]);
    }
}
