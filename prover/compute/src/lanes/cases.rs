//! Values for the tests of lanes of five limbs: those at the ends of limbs and of multiples of the modulus.

use super::limbs::{BITS, LIMBS, words};
use super::{LANES, LaneField, Lanes};
use num_bigint::{BigInt, BigUint};
use rand::Rng;
use rand_chacha::ChaCha20Rng;

pub(super) fn modulus<F: LaneField>() -> BigInt {
    BigInt::from(BigUint::parse_bytes(&F::MODULUS.as_bytes()[2..], 16).unwrap())
}

pub(super) fn power(bits: u32) -> BigInt {
    BigInt::from(1) << bits
}

/// Carried limbs.
pub(super) fn split(value: &BigInt) -> [u64; LIMBS] {
    let digits = value.to_biguint().unwrap().to_u64_digits();
    let bit = |at: usize| digits.get(at / 64).copied().unwrap_or(0) >> (at % 64) & 1;
    let limb = |i: usize| (0..BITS as usize).fold(0, |limb, at| limb | bit(52 * i + at) << at);
    assert!(value.bits() <= 260);
    std::array::from_fn(limb)
}

/// Integers up to a multiple of p: the ends, multiples of p and their neighbours, limbs of ones and of zeros.
pub(super) fn values(rng: &mut ChaCha20Rng, p: &BigInt, most: u64) -> Vec<BigInt> {
    let end = p * most;
    let mut out = vec![BigInt::from(0), BigInt::from(1), &end - 1];
    for multiple in 0..=most {
        for offset in [-1, 0, 1] {
            out.push(p * multiple + offset);
        }
        for bits in [52, 104, 156, 208] {
            let low = power(bits) - 1;
            let value: BigInt = p * multiple;
            out.push((&value >> bits << bits) + &low);
            out.push(value >> bits << bits);
        }
    }
    for _ in 0..100 {
        let random: [u64; 5] = rng.r#gen();
        let random = random
            .iter()
            .fold(BigInt::from(0), |v, word| (v << 64) + word);
        out.push(random % &end);
    }
    out.retain(|value| (BigInt::from(0)..end.clone()).contains(value));
    out
}

/// A value in all lanes is stored as its sixteenth modulo p, below p.
pub(super) fn check_store<L: Lanes>(value: &BigInt, lanes: L) {
    let p = modulus::<L::F>();
    let mut stored = [L::F::default(); LANES];
    lanes.store(&mut stored);
    let word = words(stored[0])
        .iter()
        .rev()
        .fold(BigInt::from(0), |v, word| (v << 64) + word);
    assert!(word < p);
    assert_eq!((word * 16 - value) % &p, BigInt::from(0));
}
