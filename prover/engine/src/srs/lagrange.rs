//! The Lagrange basis of a setup: `L_j(tau)` in G1 for the roots of unity of the domain of 2^k, from powers of tau.
//!
//! `L_j = 1/n sum_i omega^(-ij) tau^i`, so the basis is the inverse Fourier transform of the powers: in place, on affine points,
//! in batches that share inversions. Scalar multiplications are nearly all of its cost. Two levels of a radix-2 transform are
//! done at once: four points take three sums of products, of five terms in all, where two levels apart take four products.

use super::{
    affine::{Scratch, butterflies},
    weighted_sums::{Term, weighted_sums},
};
use chainfer_compute::scalar::root_of_unity;
use halo2_proofs::arithmetic::best_multiexp;
use halo2curves::{
    bn256::{Fr, G1, G1Affine},
    ff::{BatchInvert, Field},
    group::{Curve, Group},
};
use rayon::prelude::*;

/// Groups of four points that are transformed at once: enough to share inversions, few enough for the cache.
const BATCH: usize = 256;
/// Points of a multi-scalar multiplication that are weighted at a time.
const CHUNK: usize = 1 << 15;

/// The Lagrange basis for these powers of tau; their number is a power of two.
pub(super) fn from_powers(powers_of_tau: &[G1Affine]) -> Vec<G1Affine> {
    let n = powers_of_tau.len();
    let k = n.ilog2();
    let mut points: Vec<G1Affine> = (0..n)
        .into_par_iter()
        .map(|i| powers_of_tau[reverse_bits(i, k)])
        .collect();
    // All results are divided by n. A first block hands the factor on by its twiddles, which cost the same with it; only the
    // points that no twiddle multiplies are left to be multiplied here.
    let scale = Fr::from(n as u64).invert().unwrap_or(Fr::ZERO);
    let first_level = k % 2;
    for point in &mut points[..1 << first_level] {
        *point = (*point * scale).to_affine();
    }
    if first_level == 1 {
        points.par_chunks_mut(2 * BATCH).for_each(first);
    }
    for level in (first_level..k).step_by(2) {
        two_levels(&mut points, level, scale);
    }
    points
}

fn reverse_bits(i: usize, bits: u32) -> usize {
    i.reverse_bits()
        .checked_shr(usize::BITS - bits)
        .unwrap_or(0)
}

/// The first level of a transform: sum and difference of neighbours.
fn first(points: &mut [G1Affine]) {
    let (pairs, _) = points.as_chunks_mut::<2>();
    let (mut low, mut high): (Vec<_>, Vec<_>) = pairs.iter().map(|[a, b]| (*a, *b)).unzip();
    butterflies(&mut low, &mut high, &mut Scratch::default());
    for (pair, sum_and_difference) in pairs.iter_mut().zip(low.into_iter().zip(high)) {
        *pair = sum_and_difference.into();
    }
}

/// Neighbouring groups of four: the i-th takes the i-th point of each quarter.
struct Quads<'a> {
    quarters: [&'a mut [G1Affine]; 4],
    /// Number of the first group within its block.
    first: usize,
    /// Whether it belongs to the first block, which scales.
    scaled: bool,
}

/// The levels `level` and `level + 1`: blocks of four quarters of 2^level points become one transform each.
fn two_levels(points: &mut [G1Affine], level: u32, scale: Fr) {
    let quarter = 1usize << level;
    let root = root_of_unity(level + 2).invert().unwrap_or(Fr::ZERO);
    let quarter_turn = root.pow_vartime([quarter as u64]);
    let length = quarter.min(BATCH);
    let mut quads = Vec::with_capacity(points.len() / 4 / length);
    for (block, points) in points.chunks_mut(4 * quarter).enumerate() {
        let (low, high) = points.split_at_mut(2 * quarter);
        let (a, b) = low.split_at_mut(quarter);
        let (c, d) = high.split_at_mut(quarter);
        let [a, b, c, d] = [a, b, c, d].map(|q| q.chunks_mut(length));
        quads.extend(
            a.zip(b)
                .zip(c.zip(d))
                .enumerate()
                .map(|(i, ((a, b), (c, d)))| Quads {
                    quarters: [a, b, c, d],
                    first: i * length,
                    scaled: block == 0,
                }),
        );
    }
    let roots = Roots {
        root,
        quarter_turn,
        scale,
    };
    quads
        .par_chunks_mut(BATCH / length)
        .for_each(|quads| transform(quads, &roots));
}

/// What the twiddles of two levels are made of.
struct Roots {
    /// The root of the second level; the first level has its square.
    root: Fr,
    /// The root to the exponent of a quarter of its order.
    quarter_turn: Fr,
    /// Factor of the first block.
    scale: Fr,
}

impl Roots {
    fn twiddles(&self, part: &Quads<'_>) -> impl Iterator<Item = Twiddles> + use<> {
        let Self {
            root, quarter_turn, ..
        } = *self;
        let factor = if part.scaled { self.scale } else { Fr::ONE };
        let mut w = root.pow_vartime([part.first as u64]);
        (0..part.quarters[0].len()).map(move |_| {
            let this = Twiddles::new(w, quarter_turn, factor);
            w *= root;
            this
        })
    }
}

/// Factors of one group of four points `a, b, c, d`, where `w` is the twiddle of the second level.
struct Twiddles {
    /// `w^2`, of b.
    b: Fr,
    /// `w`, of c, and `w^3`, of d, in the combination of the even results.
    even: [Fr; 2],
    /// The same for the odd results, a quarter of the circle on: `w i` and `- w^3 i`.
    odd: [Fr; 2],
}

impl Twiddles {
    fn new(w: Fr, quarter_turn: Fr, factor: Fr) -> Self {
        let square = w.square();
        let even = [w * factor, w * square * factor];
        Self {
            b: square * factor,
            even,
            odd: [even[0] * quarter_turn, -even[1] * quarter_turn],
        }
    }
}

/// `(u + v, u' + v', u - v, u' - v')` in place of `(a, b, c, d)`, where `u, u'` are `a` plus and minus its product for b, and
/// `v`, `v'` the even and odd combinations of c and d.
fn transform(quads: &mut [Quads<'_>], roots: &Roots) {
    let gather = |q: usize| {
        quads
            .iter()
            .flat_map(move |part| part.quarters[q].iter().copied())
    };
    let mut low: Vec<G1Affine> = gather(0).collect();
    let count = low.len();
    let points: Vec<G1Affine> = (1..4).flat_map(gather).collect();
    let [b, c, d] = [0, 1, 2].map(|quarter| quarter * count);
    let twiddles = quads.iter().flat_map(|part| roots.twiddles(part));
    let terms = twiddles.enumerate().flat_map(|(i, factors)| {
        let term = |sum: usize, point: usize, scalar: Fr| Term {
            sum: 3 * i + sum,
            point: point + i,
            scalar,
        };
        [
            term(0, b, factors.b),
            term(1, c, factors.even[0]),
            term(1, d, factors.even[1]),
            term(2, c, factors.odd[0]),
            term(2, d, factors.odd[1]),
        ]
    });
    let mut scratch = Scratch::default();
    let sums = weighted_sums(&points, terms, 3 * count, &mut scratch);
    let sums_at = |which: usize| sums.iter().skip(which).step_by(3).copied();

    let mut high: Vec<G1Affine> = sums_at(0).collect();
    butterflies(&mut low, &mut high, &mut scratch);
    low.append(&mut high);
    let mut high: Vec<G1Affine> = sums_at(1).chain(sums_at(2)).collect();
    butterflies(&mut low, &mut high, &mut scratch);
    let mut results = low.into_iter().chain(high);
    for quarter in 0..4 {
        for (point, result) in quads
            .iter_mut()
            .flat_map(|part| part.quarters[quarter].iter_mut())
            .zip(&mut results)
        {
            *point = result;
        }
    }
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
    use super::super::{GeneratorTable, lagrange_at, powers};
    use super::*;
    use halo2curves::group::{Curve, prime::PrimeCurveAffine};
    use rand::{SeedableRng, rngs::StdRng};

    fn setup(k: u32) -> (Fr, Vec<G1Affine>) {
        let tau = Fr::random(StdRng::seed_from_u64(k.into()));
        (tau, GeneratorTable::new().multiply(&powers(tau, 1 << k)))
    }

    #[test]
    fn from_powers_matches_the_basis_at_a_known_tau() {
        for k in [0, 1, 2, 3, 4, 7, 11, 12] {
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
