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
use crate::setup::Setup;
use chainfer_compute::backend::{Compute, Division, Term};
use halo2_proofs::transcript::{EncodedChallenge, TranscriptWrite};
use halo2curves::bn256::{Fr, G1Affine};
use halo2curves::ff::{BatchInvert, Field};
use halo2curves::group::Curve;

/// A value that the proof states.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a, P> {
    pub(crate) polynomial: &'a P,
    pub(crate) point: Fr,
    pub(crate) value: Fr,
}

/// A polynomial with the values of all its points.
struct Opened<'a, P> {
    polynomial: &'a P,
    values: Vec<(Fr, Fr)>,
}

/// Polynomials with the same points.
struct Set<'a, P> {
    points: Vec<Fr>,
    opened: Vec<Opened<'a, P>>,
}

/// Sets in the order in which their first polynomial is first queried, as halo2's verifier orders them.
fn sets<'a, P>(queries: &[Query<'a, P>]) -> Vec<Set<'a, P>> {
    let mut all: Vec<Opened<'a, P>> = Vec::new();
    for query in queries {
        let value = (query.point, query.value);
        match all
            .iter_mut()
            .find(|o| std::ptr::eq(o.polynomial, query.polynomial))
        {
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
    let mut sets: Vec<Set<'a, P>> = Vec::new();
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

/// Writes the two commitments of the opening.
///
/// # Errors
/// The back end or the transcript fails.
pub(crate) fn open<C, E, T>(
    compute: &C,
    setup: &Setup<C::Bases>,
    queries: &[Query<'_, C::Column>],
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
    let (mut combined, mut low) = (Vec::new(), Vec::new());
    for set in &sets {
        let factors = powers(y, set.opened.len());
        let terms: Vec<Term<'_, C::Column>> = set
            .opened
            .iter()
            .zip(&factors)
            .map(|(opened, factor)| Term {
                factor: *factor,
                column: opened.polynomial,
            })
            .collect();
        combined.push(compute.combine(&terms, n)?);
        let value = |at: usize| -> Fr {
            let values = set.opened.iter().zip(&factors);
            values
                .map(|(opened, factor)| opened.values[at].1 * factor)
                .sum()
        };
        let values: Vec<Fr> = (0..set.points.len()).map(value).collect();
        low.push(interpolate(&set.points, &values));
    }
    let divisions = sets
        .iter()
        .zip(&combined)
        .zip(&low)
        .map(|((set, polynomial), low)| Division {
            polynomial,
            low: low.clone(),
            roots: set.points.clone(),
        });
    let quotients = compute.divide(divisions.collect())?;
    let v_powers = powers(v, sets.len());
    let terms: Vec<Term<'_, C::Column>> = quotients
        .iter()
        .zip(&v_powers)
        .map(|(column, factor)| Term {
            factor: *factor,
            column,
        })
        .collect();
    let h = compute.combine(&terms, n)?;
    drop(terms);
    drop(quotients);
    write_commitments(compute, setup, &[&h], transcript)?;
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
    let mut terms = Vec::new();
    let mut constant = Fr::ZERO;
    for (((column, low), z), v_power) in combined.iter().zip(&low).zip(&others).zip(&v_powers) {
        let factor = *v_power * z * normal;
        constant += factor * at(low, u);
        terms.push(Term { factor, column });
    }
    terms.push(Term {
        factor: -z_all * normal,
        column: &h,
    });
    let linear = compute.combine(&terms, n)?;
    let last = compute.divide(vec![Division {
        polynomial: &linear,
        low: vec![constant],
        roots: vec![u],
    }])?;
    write_commitments(compute, setup, &last.iter().collect::<Vec<_>>(), transcript)
}

/// Commits to polynomials and writes the commitments.
///
/// # Errors
/// The back end or the transcript fails.
pub(crate) fn write_commitments<C, E, T>(
    compute: &C,
    setup: &Setup<C::Bases>,
    polynomials: &[&C::Column],
    transcript: &mut T,
) -> Result<()>
where
    C: Compute,
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
{
    write_points(&compute.commit(setup.monomial(), polynomials)?, transcript)
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

fn powers(base: Fr, count: usize) -> Vec<Fr> {
    std::iter::successors(Some(Fr::ONE), |power| Some(*power * base))
        .take(count)
        .collect()
}

fn at(coefficients: &[Fr], point: Fr) -> Fr {
    coefficients
        .iter()
        .rev()
        .fold(Fr::ZERO, |sum, c| sum * point + c)
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
                assert_eq!(at(&p, *point), *value);
            }
        }
    }

    #[test]
    fn sets_keep_the_order_of_their_first_polynomials() {
        let (a, b, c) = (0u8, 1u8, 2u8);
        let query = |polynomial, point: u64| Query {
            polynomial,
            point: Fr::from(point),
            value: Fr::from(point),
        };
        let queries = [
            query(&a, 1),
            query(&b, 2),
            query(&c, 2),
            query(&b, 1),
            query(&a, 1),
            query(&c, 1),
        ];
        let sets = sets(&queries);
        assert_eq!(sets.len(), 2);
        assert_eq!(sets[0].points, [Fr::from(1)]);
        assert_eq!(sets[1].points, [Fr::from(1), Fr::from(2)]);
        assert!(std::ptr::eq(sets[1].opened[0].polynomial, &b));
        assert!(std::ptr::eq(sets[1].opened[1].polynomial, &c));
    }
}
