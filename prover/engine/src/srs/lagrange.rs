//! The Lagrange basis of a setup: `L_j(tau)` in G1 for the roots of unity of the domain of 2^k, from powers of tau.
//!
//! `L_j = 1/n sum_i omega^(-ij) tau^i`, so the basis is the inverse Fourier transform of the powers. Scalar multiplications
//! are nearly all of its cost: a radix-2 transform in place, on affine points, in batches that share inversions.

use super::{
    affine::{Digits, Scratch, butterflies, multiply_all},
    powers,
};
use halo2_proofs::arithmetic::best_multiexp;
use halo2curves::{
    bn256::{Fr, G1, G1Affine},
    ff::{BatchInvert, Field, PrimeField},
    group::Group,
};
use rayon::prelude::*;

/// Butterflies of one batch: enough to share inversions, few enough for the cache.
const BATCH: usize = 1024;
/// Points of a multi-scalar multiplication that are weighted at a time.
const CHUNK: usize = 1 << 15;

/// The root of unity of order 2^k that halo2 uses.
pub(super) fn root_of_unity(k: u32) -> Fr {
    (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |w, _| w.square())
}

/// The Lagrange basis for these powers of tau; their number is a power of two.
pub(super) fn from_powers(powers_of_tau: &[G1Affine]) -> Vec<G1Affine> {
    let n = powers_of_tau.len();
    let k = n.ilog2();
    let mut points: Vec<G1Affine> = (0..n)
        .into_par_iter()
        .map(|i| powers_of_tau[reverse_bits(i, k)])
        .collect();
    // The last level also divides by n, which spares half of the multiplications for it.
    let size = Fr::from(n as u64).invert().unwrap_or(Fr::ZERO);
    for level in 0..k {
        let root = root_of_unity(level + 1).invert().unwrap_or(Fr::ZERO);
        let scale = (level + 1 == k).then_some(size);
        transform_level(&mut points, 1 << level, root, scale);
    }
    points
}

fn reverse_bits(i: usize, bits: u32) -> usize {
    i.reverse_bits()
        .checked_shr(usize::BITS - bits)
        .unwrap_or(0)
}

/// One level: blocks of `2 half` points whose halves are combined by the powers of `root`.
fn transform_level(points: &mut [G1Affine], half: usize, root: Fr, scale: Option<Fr>) {
    if half >= BATCH {
        points.par_chunks_mut(2 * half).for_each(|block| {
            let (low, high) = block.split_at_mut(half);
            let batches = low.par_chunks_mut(BATCH).zip(high.par_chunks_mut(BATCH));
            batches.enumerate().for_each(|(at, (low, high))| {
                let first = root.pow_vartime([(at * BATCH) as u64]);
                let mut twiddle = scale.unwrap_or(Fr::ONE) * first;
                let twiddles: Vec<Fr> = (0..high.len())
                    .map(|_| {
                        let this = twiddle;
                        twiddle *= root;
                        this
                    })
                    .collect();
                combine(low, high, &twiddles, scale);
            });
        });
        return;
    }
    // Small blocks are gathered so that a batch spans several.
    let twiddles: Vec<Fr> = powers(root, half)
        .into_iter()
        .map(|t| t * scale.unwrap_or(Fr::ONE))
        .collect();
    points.par_chunks_mut(2 * BATCH).for_each(|chunk| {
        let halves = |chunk: &[G1Affine], which: usize| -> Vec<G1Affine> {
            let blocks = chunk.chunks(2 * half);
            blocks
                .flat_map(|b| b[which * half..(which + 1) * half].to_vec())
                .collect()
        };
        let (mut low, mut high) = (halves(chunk, 0), halves(chunk, 1));
        let repeated: Vec<Fr> = twiddles.iter().copied().cycle().take(high.len()).collect();
        combine(&mut low, &mut high, &repeated, scale);
        for (block, (low, high)) in chunk
            .chunks_mut(2 * half)
            .zip(low.chunks(half).zip(high.chunks(half)))
        {
            block[..half].copy_from_slice(low);
            block[half..].copy_from_slice(high);
        }
    });
}

/// `(low, high) = (s low + t high, s low - t high)`.
fn combine(low: &mut [G1Affine], high: &mut [G1Affine], twiddles: &[Fr], scale: Option<Fr>) {
    let mut scratch = Scratch::default();
    if let Some(scale) = scale {
        let digits = vec![Digits::of(&scale); low.len()];
        multiply_all(low, &digits, &mut scratch);
    }
    let nontrivial: Vec<usize> = (0..high.len())
        .filter(|i| twiddles[*i] != Fr::ONE)
        .collect();
    if nontrivial.len() == high.len() {
        let digits: Vec<Digits> = twiddles.iter().map(Digits::of).collect();
        multiply_all(high, &digits, &mut scratch);
    } else if !nontrivial.is_empty() {
        let mut some: Vec<G1Affine> = nontrivial.iter().map(|i| high[*i]).collect();
        let digits: Vec<Digits> = nontrivial
            .iter()
            .map(|i| Digits::of(&twiddles[*i]))
            .collect();
        multiply_all(&mut some, &digits, &mut scratch);
        for (i, point) in nontrivial.into_iter().zip(some) {
            high[i] = point;
        }
    }
    butterflies(low, high, &mut scratch);
}

/// Weights `s_j` with `sum_j s_j L_j = sum_i rho^i tau^i` for a basis in the order of the powers of `root`:
/// `s_j = sum_i (rho root^j)^i = (rho^n - 1) / (rho root^j - 1)`.
///
/// A basis with one wrong point fails this equation for all but `n` of the `r` values that rho may have.
pub(super) struct Weights {
    next: Fr,
    root: Fr,
    numerator: Fr,
}

impl Weights {
    pub(super) fn new(k: u32, root: Fr, rho: Fr) -> Self {
        Self {
            next: rho,
            root,
            numerator: rho.pow_vartime([1u64 << k]) - Fr::ONE,
        }
    }

    /// The sum of the next points of the basis, weighted.
    pub(super) fn combine(&mut self, points: &[G1Affine]) -> G1 {
        points
            .chunks(CHUNK)
            .map(|chunk| {
                let mut weights: Vec<Fr> = (0..chunk.len())
                    .map(|_| {
                        let this = self.next - Fr::ONE;
                        self.next *= self.root;
                        this
                    })
                    .collect();
                // rho is random: that a root of unity is hit has probability n / r.
                weights.iter_mut().batch_invert();
                for weight in &mut weights {
                    *weight *= self.numerator;
                }
                best_multiexp(&weights, chunk)
            })
            .fold(G1::identity(), |sum, part| sum + part)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{GeneratorTable, lagrange_at};
    use super::*;
    use halo2curves::group::{Curve, prime::PrimeCurveAffine};
    use rand::{SeedableRng, rngs::StdRng};

    fn setup(k: u32) -> (Fr, Vec<G1Affine>) {
        let tau = Fr::random(StdRng::seed_from_u64(k.into()));
        (tau, GeneratorTable::new().multiply(&powers(tau, 1 << k)))
    }

    #[test]
    fn from_powers_matches_the_basis_at_a_known_tau() {
        for k in [1, 2, 3, 7, 12] {
            let (tau, g) = setup(k);
            let expected = GeneratorTable::new().multiply(&lagrange_at(tau, k));
            assert!(from_powers(&g) == expected, "k {k}");
        }
    }

    #[test]
    fn from_powers_of_a_root_of_unity_gives_unit_vectors() {
        let tau = root_of_unity(3);
        let g = GeneratorTable::new().multiply(&powers(tau, 8));
        let basis = from_powers(&g);
        for (j, point) in basis.iter().enumerate() {
            let expected = if j == 1 {
                G1Affine::generator()
            } else {
                G1Affine::identity()
            };
            assert_eq!(*point, expected, "{j}");
        }
    }

    #[test]
    fn weights_accept_the_basis_and_refuse_a_changed_one() {
        let k = 6;
        let (_, g) = setup(k);
        let mut basis = from_powers(&g);
        let rho = Fr::random(StdRng::seed_from_u64(9));
        let expected = best_multiexp(&powers(rho, 1 << k), &g);
        let sum = |basis: &[G1Affine]| Weights::new(k, root_of_unity(k), rho).combine(basis);
        assert_eq!(sum(&basis), expected);
        basis.swap(4, 5);
        assert_ne!(sum(&basis), expected);
        basis.swap(4, 5);
        basis[9] = (basis[9].to_curve() + G1Affine::generator()).to_affine();
        assert_ne!(sum(&basis), expected);
    }
}
