//! Scalars of G1 as sparse signed digits of two halves, by the curve's endomorphism (Gallant, Lambert, Vanstone, "Faster point
//! multiplication on elliptic curves with efficient endomorphisms", 2001).

use halo2curves::{bn256::Fr, ff::PrimeField};

/// Digits are odd and at most this in size.
pub(super) const LARGEST: usize = (1 << (WINDOW - 1)) - 1;
/// A nonzero digit is followed by this many digits of zero, less one.
const WINDOW: u32 = 5;
/// Places of digits: a half has at most 128 bits, and a digit may carry.
pub(super) const PLACES: usize = 130;

/// `size * 2^place`, times ZETA for the second half, negated where that is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digit {
    pub(super) place: u32,
    pub(super) size: u8,
    pub(super) negative: bool,
    /// Whether it belongs to the half that is multiplied by ZETA, the eigenvalue of the endomorphism `(x, y) -> (ZETA x, y)`.
    pub(super) mapped: bool,
}

/// A short basis of the lattice of `(a, b)` with `a + b * ZETA = 0`: (A, -B) and (-B, -C), with `A C + B B = r`.
const A: u128 = 147_946_756_881_789_319_000_765_030_803_803_410_728;
const B: u128 = 9_931_322_734_385_697_763;
const C: u128 = 147_946_756_881_789_319_010_696_353_538_189_108_491;
/// `floor(2^256 C / r)` and `floor(2^256 B / r)`, little-endian.
const C_OVER_R: [u64; 3] = [0x5398_fd03_00ff_6565, 0x4cce_f014_a773_d2d2, 0x2];
const B_OVER_R: [u64; 3] = [0xd91d_232e_c7e0_b3d7, 0x2, 0];

/// The digits whose sum is the scalar.
pub(super) fn digits(scalar: &Fr) -> impl Iterator<Item = Digit> + use<> {
    let limbs = limbs(scalar);
    // The scalar is split by rounding it to the lattice; the rounding is off by one at most, for which there is room.
    let c = short(scaled(limbs, C_OVER_R));
    let d = short(scaled(limbs, B_OVER_R));
    let low = scalar - c * const { short(A) } - d * const { short(B) };
    let high = c * const { short(B) } - d * const { short(C) };
    signed_digits(&low, false).chain(signed_digits(&high, true))
}

const fn short(value: u128) -> Fr {
    Fr::from_raw([value as u64, (value >> u64::BITS) as u64, 0, 0])
}

fn limbs(scalar: &Fr) -> [u64; 4] {
    let repr = scalar.to_repr();
    std::array::from_fn(|i| u64::from_le_bytes(repr.as_chunks().0[i]))
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

/// Digits of a scalar near zero: the window form, of which one place in six is not zero.
fn signed_digits(scalar: &Fr, mapped: bool) -> impl Iterator<Item = Digit> + use<> {
    let [.., high] = limbs(scalar);
    let negated = high != 0;
    let magnitude = if negated { -scalar } else { *scalar };
    let [l0, l1, ..] = limbs(&magnitude);
    let mut rest = u128::from(l0) | u128::from(l1) << 64;
    let mut place = 0;
    std::iter::from_fn(move || {
        if rest == 0 {
            return None;
        }
        let zeros = rest.trailing_zeros();
        place += zeros;
        rest >>= zeros;
        let digit = rest as u8 & 0x1f;
        let below = usize::from(digit) > LARGEST;
        let this = Digit {
            place,
            size: if below { 0x20 - digit } else { digit },
            negative: negated != below,
            mapped,
        };
        rest = (rest >> WINDOW) + u128::from(below);
        place += WINDOW;
        Some(this)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2curves::ff::{Field, WithSmallOrderMulGroup};
    use rand::{SeedableRng, rngs::StdRng};

    fn mapped(scalar: Fr) -> Fr {
        scalar * <Fr as WithSmallOrderMulGroup<3>>::ZETA
    }

    #[test]
    fn digits_add_up_to_the_scalar() {
        let mut rng = StdRng::seed_from_u64(3);
        let mut scalars: Vec<Fr> = (0..1000).map(|_| Fr::random(&mut rng)).collect();
        let edges = [A, B, C, u128::MAX, 0, 1, 15, 16, 17, 31, 32].map(Fr::from_u128);
        scalars.extend(edges.iter().flat_map(|e| [*e, -e, mapped(*e), -mapped(*e)]));
        for scalar in scalars {
            let mut sum = Fr::ZERO;
            for digit in digits(&scalar) {
                assert!((digit.place as usize) < PLACES);
                assert!(digit.size % 2 == 1 && usize::from(digit.size) <= LARGEST);
                let mut value = Fr::from(u64::from(digit.size));
                value *= Fr::from(2).pow_vartime([u64::from(digit.place)]);
                value = if digit.mapped { mapped(value) } else { value };
                sum += if digit.negative { -value } else { value };
            }
            assert_eq!(sum, scalar);
        }
    }
}
