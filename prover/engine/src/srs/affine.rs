//! Many operations on affine points of G1 at once, with one field inversion for all.
//!
//! The identity is (0, 0), as in halo2curves. Cases that the affine formulas do not cover (equal abscissas, the identity) are
//! rare in a setup, but a crafted file may bring them about: they get their own, slower path.

use halo2curves::{
    bn256::{Fq, Fr, G1, G1Affine},
    ff::{Field, PrimeField, WithSmallOrderMulGroup},
    group::{Curve, prime::PrimeCurveAffine},
};

/// Bits of a signed digit.
const WINDOW: usize = 4;
/// Digits of a half scalar, which has at most 128 bits; the last one is a carry.
const DIGITS: usize = 128 / WINDOW + 1;
/// Multiples of a point in its table: 1 to 8.
const TABLE: usize = 1 << (WINDOW - 1);

/// Scratch memory for the inversions.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    denominators: Vec<Fq>,
    products: Vec<Fq>,
    addends: Vec<G1Affine>,
}

impl Scratch {
    /// Inverts the denominators in place; zero stays zero.
    fn invert(&mut self) {
        self.products.clear();
        let mut product = Fq::ONE;
        for value in &self.denominators {
            self.products.push(product);
            if !bool::from(value.is_zero()) {
                product *= value;
            }
        }
        // A product of nonzero elements is not zero.
        let mut inverse = product.invert().unwrap_or(Fq::ZERO);
        for (value, before) in self.denominators.iter_mut().zip(&self.products).rev() {
            if !bool::from(value.is_zero()) {
                let next = inverse * *value;
                *value = inverse * before;
                inverse = next;
            }
        }
    }
}

fn is_identity(point: &G1Affine) -> bool {
    bool::from(point.is_identity())
}

/// `points[i] = 2 points[i]`.
fn double_all(points: &mut [G1Affine], scratch: &mut Scratch) {
    scratch.denominators.clear();
    scratch
        .denominators
        .extend(points.iter().map(|p| p.y.double()));
    scratch.invert();
    // G1 has no point of order two, so only the identity has y = 0, and the formulas take it to itself.
    for (point, inverse) in points.iter_mut().zip(&scratch.denominators) {
        let square = point.x.square();
        let slope = (square.double() + square) * inverse;
        let x = slope.square() - point.x.double();
        point.y = slope * (point.x - x) - point.y;
        point.x = x;
    }
}

/// `sums[i] += addends[i]`, with the addends in the scratch memory.
fn add_all(sums: &mut [G1Affine], scratch: &mut Scratch) {
    scratch.denominators.clear();
    scratch
        .denominators
        .extend(sums.iter().zip(&scratch.addends).map(|(a, b)| {
            if is_identity(a) || is_identity(b) {
                Fq::ZERO
            } else {
                b.x - a.x
            }
        }));
    scratch.invert();
    let addends = scratch.addends.iter().zip(&scratch.denominators);
    for (sum, (addend, inverse)) in sums.iter_mut().zip(addends) {
        if bool::from(inverse.is_zero()) {
            *sum = add_slowly(sum, addend);
        } else {
            *sum = add_with(sum, addend, inverse);
        }
    }
}

fn add_slowly(a: &G1Affine, b: &G1Affine) -> G1Affine {
    match (is_identity(a), is_identity(b)) {
        (true, _) => *b,
        (_, true) => *a,
        _ => (a.to_curve() + b).to_affine(),
    }
}

/// `a + b`, given `1 / (b.x - a.x)`.
fn add_with(a: &G1Affine, b: &G1Affine, inverse: &Fq) -> G1Affine {
    let slope = (b.y - a.y) * inverse;
    let x = slope.square() - a.x - b.x;
    let y = slope * (a.x - x) - a.y;
    G1Affine { x, y }
}

/// `(low[i], high[i]) = (low[i] + high[i], low[i] - high[i])`.
pub(super) fn butterflies(low: &mut [G1Affine], high: &mut [G1Affine], scratch: &mut Scratch) {
    scratch.denominators.clear();
    scratch
        .denominators
        .extend(low.iter().zip(high.iter()).map(|(a, b)| {
            if is_identity(a) || is_identity(b) {
                Fq::ZERO
            } else {
                b.x - a.x
            }
        }));
    scratch.invert();
    let pairs = low.iter_mut().zip(high.iter_mut());
    for ((a, b), inverse) in pairs.zip(&scratch.denominators) {
        let minus = -*b;
        (*a, *b) = if bool::from(inverse.is_zero()) {
            (add_slowly(a, b), add_slowly(a, &minus))
        } else {
            (add_with(a, b, inverse), add_with(a, &minus, inverse))
        };
    }
}

/// A scalar as signed digits of two halves: `low + high * ZETA`, where ZETA is the eigenvalue of the curve's endomorphism.
#[derive(Clone, Debug)]
pub(super) struct Digits([[i8; DIGITS]; 2]);

/// A short basis of the lattice of `(a, b)` with `a + b * ZETA = 0`: (A, -B) and (-B, -C), with `A C + B B = r`.
const A: u128 = 147_946_756_881_789_319_000_765_030_803_803_410_728;
const B: u128 = 9_931_322_734_385_697_763;
const C: u128 = 147_946_756_881_789_319_010_696_353_538_189_108_491;
/// `floor(2^256 C / r)` and `floor(2^256 B / r)`, little-endian.
const C_OVER_R: [u64; 3] = [0x5398_fd03_00ff_6565, 0x4cce_f014_a773_d2d2, 0x2];
const B_OVER_R: [u64; 3] = [0xd91d_232e_c7e0_b3d7, 0x2, 0];

impl Digits {
    pub(super) fn of(scalar: &Fr) -> Self {
        let limbs = limbs(scalar);
        // The scalar is split by rounding it to the lattice; the rounding is off by one at most, for which there is room.
        let c = Fr::from_u128(scaled(limbs, C_OVER_R));
        let d = Fr::from_u128(scaled(limbs, B_OVER_R));
        let low = scalar - c * Fr::from_u128(A) - d * Fr::from_u128(B);
        let high = c * Fr::from_u128(B) - d * Fr::from_u128(C);
        Self([signed_digits(&low), signed_digits(&high)])
    }
}

fn limbs(scalar: &Fr) -> [u64; 4] {
    let repr = scalar.to_repr();
    let mut limbs = [0u64; 4];
    for (limb, bytes) in limbs.iter_mut().zip(repr.as_chunks::<8>().0) {
        *limb = u64::from_le_bytes(*bytes);
    }
    limbs
}

/// `floor(a * b / 2^256)`, which must fit in 128 bits.
fn scaled(a: [u64; 4], b: [u64; 3]) -> u128 {
    let mut product = [0u64; 7];
    for (i, x) in a.iter().enumerate() {
        let mut carry = 0u128;
        for (j, y) in b.iter().enumerate() {
            let sum = u128::from(*x) * u128::from(*y) + u128::from(product[i + j]) + carry;
            product[i + j] = sum as u64;
            carry = sum >> 64;
        }
        product[i + 3] = carry as u64;
    }
    u128::from(product[4]) | u128::from(product[5]) << 64
}

/// Digits from -7 to 8 of a scalar near zero.
fn signed_digits(scalar: &Fr) -> [i8; DIGITS] {
    let [.., high] = limbs(scalar);
    let negative = high != 0;
    let magnitude = if negative { -scalar } else { *scalar };
    let [l0, l1, ..] = limbs(&magnitude);
    let mut rest = u128::from(l0) | u128::from(l1) << 64;
    let mut digits = [0i8; DIGITS];
    let mut carry = 0i8;
    for digit in &mut digits {
        let value = (rest as u8 & 0xf) as i8 + carry;
        rest >>= WINDOW;
        carry = i8::from(value > TABLE as i8);
        *digit = value - (carry << WINDOW);
        if negative {
            *digit = -*digit;
        }
    }
    digits
}

/// `points[i] = scalars[i] * points[i]`.
pub(super) fn multiply_all(points: &mut [G1Affine], scalars: &[Digits], scratch: &mut Scratch) {
    let tables = tables(points, scratch);
    points.fill(G1Affine::identity());
    // Leading digits are nearly always zero.
    let leading = |s: &Digits| (0..DIGITS).rev().find(|w| s.0.iter().any(|h| h[*w] != 0));
    let Some(first) = scalars.iter().filter_map(leading).max() else {
        return;
    };
    for window in (0..=first).rev() {
        if window < first {
            for _ in 0..WINDOW {
                double_all(points, scratch);
            }
        }
        for half in 0..2 {
            scratch.addends.clear();
            let digits = scalars.iter().map(|s| s.0[half][window]);
            scratch.addends.extend(digits.enumerate().map(|(i, digit)| {
                let Some(at) = usize::from(digit.unsigned_abs()).checked_sub(1) else {
                    return G1Affine::identity();
                };
                let mut point = tables[at][i];
                if half == 1 {
                    point.x *= Fq::ZETA;
                }
                if digit < 0 { -point } else { point }
            }));
            add_all(points, scratch);
        }
    }
}

/// `tables[m][i] = (m + 1) * points[i]`.
fn tables(points: &[G1Affine], scratch: &mut Scratch) -> [Vec<G1Affine>; TABLE] {
    let mut tables: [Vec<G1Affine>; TABLE] = Default::default();
    tables[0] = points.to_vec();
    for m in 1..TABLE {
        let mut next;
        if m % 2 == 1 {
            next = tables[m / 2].clone();
            double_all(&mut next, scratch);
        } else {
            next = tables[m - 1].clone();
            scratch.addends.clear();
            scratch.addends.extend_from_slice(points);
            add_all(&mut next, scratch);
        }
        tables[m] = next;
    }
    tables
}

/// Affine forms of many points.
pub(super) fn normalise(points: &[G1]) -> Vec<G1Affine> {
    let mut affine = vec![G1Affine::identity(); points.len()];
    G1::batch_normalize(points, &mut affine);
    affine
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2curves::group::Group;
    use rand::{SeedableRng, rngs::StdRng};

    fn random_points(count: usize, seed: u64) -> Vec<G1Affine> {
        let mut rng = StdRng::seed_from_u64(seed);
        (0..count)
            .map(|_| G1::random(&mut rng).to_affine())
            .collect()
    }

    #[test]
    fn multiply_all_matches_plain_multiplication_at_edges_too() {
        let mut rng = StdRng::seed_from_u64(1);
        let zeta = <Fr as WithSmallOrderMulGroup<3>>::ZETA;
        let mut scalars: Vec<Fr> = (0..40).map(|_| Fr::random(&mut rng)).collect();
        scalars.extend([
            Fr::ZERO,
            Fr::ONE,
            -Fr::ONE,
            zeta,
            -zeta,
            zeta * zeta,
            Fr::from(8),
            Fr::from(9),
            Fr::from_u128(u128::MAX),
            Fr::from_u128(A),
            Fr::from_u128(C),
        ]);
        let mut points = random_points(scalars.len(), 2);
        points[3] = G1Affine::identity();
        points[4] = G1Affine::generator();
        let expected: Vec<G1Affine> = points
            .iter()
            .zip(&scalars)
            .map(|(p, s)| (p * s).to_affine())
            .collect();
        let digits: Vec<Digits> = scalars.iter().map(Digits::of).collect();
        multiply_all(&mut points, &digits, &mut Scratch::default());
        assert_eq!(points, expected);
    }

    #[test]
    fn digits_add_up_to_the_scalar() {
        let mut rng = StdRng::seed_from_u64(3);
        let zeta = <Fr as WithSmallOrderMulGroup<3>>::ZETA;
        for scalar in (0..1000).map(|_| Fr::random(&mut rng)).chain([-Fr::ONE]) {
            let Digits(halves) = Digits::of(&scalar);
            let [low, high] = halves.map(|digits| {
                digits.iter().rev().fold(Fr::ZERO, |sum, digit| {
                    let size = Fr::from(u64::from(digit.unsigned_abs()));
                    sum * Fr::from(16) + if *digit < 0 { -size } else { size }
                })
            });
            assert_eq!(low + high * zeta, scalar);
        }
    }

    #[test]
    fn butterflies_handle_equal_opposite_and_identity() {
        let p = random_points(2, 4);
        let zero = G1Affine::identity();
        let mut low = vec![p[0], p[0], p[0], zero, p[0], zero];
        let mut high = vec![p[1], p[0], -p[0], p[1], zero, zero];
        let expected: Vec<(G1Affine, G1Affine)> = low
            .iter()
            .zip(&high)
            .map(|(a, b)| {
                (
                    (a.to_curve() + b).to_affine(),
                    (a.to_curve() - b).to_affine(),
                )
            })
            .collect();
        butterflies(&mut low, &mut high, &mut Scratch::default());
        let got: Vec<(G1Affine, G1Affine)> = low.into_iter().zip(high).collect();
        assert_eq!(got, expected);
    }
}
