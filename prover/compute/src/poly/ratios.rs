//! Ratios of columns and their running products: the grand products of permutation and lookup arguments.

use crate::lanes::{Arithmetic, Kernel, LANES, Lanes, dispatch};
use halo2curves::bn256::Fr;
use halo2curves::ff::{BatchInvert, Field};
use rayon::prelude::*;

/// Chains of products that do not wait for each other.
const CHAINS: usize = 4;
/// Elements that share one inversion.
const BLOCK: usize = 1 << 11;

struct Divide<'a> {
    numerators: &'a mut [Fr],
    denominators: &'a [Fr],
}

impl Kernel<Fr> for Divide<'_> {
    /// Whether no denominator is 0; else nothing is written.
    type Output = bool;

    /// Montgomery's trick in 32 chains. Bounds: products of one factor below 16 and one below 2 are below 2.
    #[inline(always)]
    fn run<L: Lanes<F = Fr>>(self) -> bool {
        let (denominators, _) = self.denominators.as_chunks::<LANES>();
        let (numerators, _) = self.numerators.as_chunks_mut::<LANES>();
        let one = L::splat(&L::constant(&Fr::ONE));
        let mut products = [one; CHAINS];
        let mut before = Vec::with_capacity(denominators.len());
        for (i, eight) in denominators.iter().enumerate() {
            let product = &mut products[i % CHAINS];
            before.push(*product);
            *product = product.mul(L::load(eight));
        }
        let mut inverses = [Fr::ZERO; CHAINS * LANES];
        let (eights, _) = inverses.as_chunks_mut::<LANES>();
        for (product, eight) in products.iter().zip(eights) {
            product.store(eight);
        }
        if inverses.contains(&Fr::ZERO) {
            return false;
        }
        inverses.iter_mut().batch_invert();
        let (eights, _) = inverses.as_chunks::<LANES>();
        let mut inverses = [one; CHAINS];
        for (inverse, eight) in inverses.iter_mut().zip(eights) {
            *inverse = L::load(eight).reduce();
        }
        for (i, (numerator, denominator)) in
            numerators.iter_mut().zip(denominators).enumerate().rev()
        {
            let inverse = &mut inverses[i % CHAINS];
            let ratio = inverse.mul(before[i]).mul(L::load(numerator));
            *inverse = inverse.mul(L::load(denominator));
            ratio.store(numerator);
        }
        true
    }
}

/// Divides every numerator by its denominator, in place and in parallel. What would be divided by 0 becomes 0.
///
/// # Panics
/// If the lengths differ.
pub fn ratios(arithmetic: Arithmetic, numerators: &mut [Fr], denominators: &[Fr]) {
    assert_eq!(
        numerators.len(),
        denominators.len(),
        "one denominator a numerator"
    );
    numerators
        .par_chunks_mut(BLOCK)
        .zip(denominators.par_chunks(BLOCK))
        .for_each(|(numerators, denominators)| {
            let aligned = numerators.len() / LANES * LANES;
            let (head, tail) = numerators.split_at_mut(aligned);
            let done = dispatch::<Fr, _>(
                arithmetic,
                Divide {
                    numerators: head,
                    denominators: &denominators[..aligned],
                },
            );
            let from = if done { aligned } else { 0 };
            let rest = if done { tail } else { numerators };
            let mut inverses = denominators[from..].to_vec();
            inverses.iter_mut().batch_invert();
            for (numerator, inverse) in rest.iter_mut().zip(inverses) {
                *numerator *= inverse;
            }
        });
}

/// Replaces element i by the product of `start` and all elements before i, and returns the product of `start` and all.
pub fn running_product(factors: &mut [Fr], start: Fr) -> Fr {
    let mut product = start;
    for factor in factors {
        let next = product * *factor;
        *factor = product;
        product = next;
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    #[test]
    fn ratios_are_products_with_inverses() {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        for arithmetic in Arithmetic::available() {
            for (len, zero) in [
                (0, None),
                (1, None),
                (7, Some(0)),
                (40, None),
                (5000, None),
                (5000, Some(4200)),
            ] {
                let mut random = || -> Vec<Fr> { (0..len).map(|_| Fr::random(&mut rng)).collect() };
                let (mut numerators, mut denominators) = (random(), random());
                if let Some(at) = zero {
                    denominators[at] = Fr::ZERO;
                }
                let expected: Vec<Fr> = numerators
                    .iter()
                    .zip(&denominators)
                    .map(|(n, d)| *n * d.invert().unwrap_or(Fr::ZERO))
                    .collect();
                ratios(arithmetic, &mut numerators, &denominators);
                assert_eq!(numerators, expected);
            }
        }
    }

    #[test]
    fn running_product_starts_with_its_start() {
        let mut factors = [2, 3, 5].map(Fr::from);
        assert_eq!(running_product(&mut factors, Fr::from(7)), Fr::from(210));
        assert_eq!(factors, [7, 14, 42].map(Fr::from));
    }
}
