//! Linear combinations.

use crate::lanes::{Arithmetic, Kernel, LANES, Lanes, dispatch};
use crate::scalar::all_powers;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use rayon::prelude::*;

/// Elements of a task.
const BLOCK: usize = 1 << 11;
/// Products that are added before the sum is reduced: each is below 2, and so is what was reduced before them below 3.
const TERMS: usize = 32;

struct Combine<'a, 'b> {
    terms: &'a [(Fr, &'b [Fr])],
    start: usize,
    out: &'a mut [Fr],
}

impl Kernel<Fr> for Combine<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<F = Fr>>(self) {
        let factors: Vec<L::Constant> = self.terms.iter().map(|(f, _)| L::constant(f)).collect();
        let (eights, rest) = self.out.as_chunks_mut::<LANES>();
        let tail = self.start + eights.len() * LANES;
        for (i, to) in eights.iter_mut().enumerate() {
            let at = self.start + i * LANES;
            let mut sum = L::zero();
            for (factors, terms) in factors.chunks(TERMS).zip(self.terms.chunks(TERMS)) {
                for (factor, (_, column)) in factors.iter().zip(terms) {
                    let value = match column.get(at..).and_then(<[Fr]>::first_chunk::<LANES>) {
                        Some(eight) => L::load(eight),
                        None => L::load(&std::array::from_fn(|i| element(column, at + i))),
                    };
                    sum = sum.add(value.mul_constant(factor));
                }
                sum = sum.reduce();
            }
            sum.store(to);
        }
        for (i, to) in rest.iter_mut().enumerate() {
            let products = self
                .terms
                .iter()
                .map(|(factor, column)| *factor * element(column, tail + i));
            *to = products.sum();
        }
    }
}

fn element(column: &[Fr], at: usize) -> Fr {
    column.get(at).copied().unwrap_or(Fr::ZERO)
}

/// The sum of factor · column over all terms, `len` elements; columns that are shorter end in zeros. In parallel.
pub fn combine(arithmetic: Arithmetic, terms: &[(Fr, &[Fr])], len: usize) -> Vec<Fr> {
    let mut sum = vec![Fr::ZERO; len];
    combine_into(arithmetic, terms, &mut sum);
    sum
}

fn combine_into(arithmetic: Arithmetic, terms: &[(Fr, &[Fr])], sum: &mut [Fr]) {
    sum.par_chunks_mut(BLOCK).enumerate().for_each(|(i, out)| {
        let start = i * BLOCK;
        dispatch::<Fr, _>(arithmetic, Combine { terms, start, out });
    });
}

/// The polynomial modulo X^len - power: the sum of its parts of `len` coefficients times powers of `power`.
pub fn fold(arithmetic: Arithmetic, coefficients: &[Fr], len: usize, power: Fr) -> Vec<Fr> {
    let mut sum = vec![Fr::ZERO; len];
    fold_into(arithmetic, coefficients, power, &mut sum);
    sum
}

/// As [`fold`], into memory that is there.
pub fn fold_into(arithmetic: Arithmetic, coefficients: &[Fr], power: Fr, sum: &mut [Fr]) {
    let parts = coefficients.chunks(sum.len().max(1));
    let terms: Vec<(Fr, &[Fr])> = all_powers(power).zip(parts).collect();
    combine_into(arithmetic, &terms, sum);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    #[test]
    fn combination_is_the_sum_of_products() {
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        for (len, count) in [(0, 1), (1, 2), (8, 0), (13, 3), (4099, 5), (64, 100)] {
            let columns: Vec<Vec<Fr>> = (0..count)
                .map(|c| {
                    (0..len - (c % 3).min(len))
                        .map(|_| -Fr::from(rand::random::<u8>() as u64))
                        .collect()
                })
                .collect();
            let factors: Vec<Fr> = (0..count).map(|_| Fr::random(&mut rng)).collect();
            let terms: Vec<(Fr, &[Fr])> = factors
                .iter()
                .zip(&columns)
                .map(|(f, c)| (*f, c.as_slice()))
                .collect();
            let expected: Vec<Fr> = (0..len)
                .map(|i| terms.iter().map(|(f, c)| *f * element(c, i)).sum())
                .collect();
            for arithmetic in Arithmetic::available() {
                assert_eq!(combine(arithmetic, &terms, len), expected, "{len} {count}");
            }
        }
    }

    #[test]
    fn folded_polynomial_has_the_values_of_the_whole() {
        let coefficients: Vec<Fr> = (1..=32u64).map(Fr::from).collect();
        let point = Fr::from(7);
        let at = |p: &[Fr]| p.iter().rev().fold(Fr::ZERO, |sum, c| sum * point + c);
        for len in [4, 8, 32] {
            let power = point.pow_vartime([len as u64]);
            let folded = fold(Arithmetic::detect(), &coefficients, len, power);
            assert_eq!(folded.len(), len);
            assert_eq!(at(&folded), at(&coefficients));
        }
    }
}
