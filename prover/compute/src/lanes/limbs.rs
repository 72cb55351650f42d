//! Field elements in five limbs of 52 bits, as all vector lanes have them: least significant first, for a value times 2^-260 modulo p.
//!
//! Elements in memory are those of halo2curves, value times 2^256 in four words; times 16, a shift by four bits, it is a lane's form.
//!
//! # Safety
//! Elements are read as their four words: that they are these is asserted on their size, and on their bytes by [`elements_are_words`].
#![expect(unsafe_code, reason = "elements are read as words")]

use super::LaneField;
use halo2curves::bn256::{Fq, Fr};
use halo2curves::ff::Field as _;
use halo2curves::serde::SerdeObject as _;

pub(super) const LIMBS: usize = 5;
pub(super) const BITS: u32 = 52;
pub(super) const MASK: u64 = (1 << BITS) - 1;

/// A modulus in limbs of 52 bits.
pub(crate) trait Modulus {
    /// p
    const P: [u64; LIMBS];
    /// -1/p modulo 2^52
    const NEGATIVE_INVERSE: u64;
}

impl Modulus for Fr {
    const P: [u64; LIMBS] = [
        0x1f593f0000001,
        0x4879b9709143e,
        0x181585d2833e8,
        0xa029b85045b68,
        0x30644e72e131,
    ];
    const NEGATIVE_INVERSE: u64 = 0x1f593efffffff;
}

impl Modulus for Fq {
    const P: [u64; LIMBS] = [
        0x8c16d87cfd47,
        0x916871ca8d3c2,
        0x181585d97816a,
        0xa029b85045b68,
        0x30644e72e131,
    ];
    const NEGATIVE_INVERSE: u64 = 0x20782e4866389;
}

const _: () = assert!(size_of::<Fr>() == 32 && size_of::<Fq>() == 32);

/// What a product is above its operands' over 2^260: p, and k·p/2^52 with k = -1/p modulo 2^52. 1.13·p is promised.
const _: () = {
    let most = (1 << BITS) / 100 * 13;
    assert!(Fr::NEGATIVE_INVERSE < most);
    assert!(Fq::NEGATIVE_INVERSE < most);
};

/// K·p in limbs.
pub(super) const fn multiple<M: Modulus>(k: u64) -> [u64; LIMBS] {
    let mut out = [0; LIMBS];
    let mut carry = 0u128;
    let mut i = 0;
    while i < LIMBS {
        let sum = M::P[i] as u128 * k as u128 + carry;
        out[i] = (sum as u64) & MASK;
        carry = sum >> BITS;
        i += 1;
    }
    assert!(carry == 0, "the multiple has 260 bits at most");
    out
}

/// x/2^52 modulo p: (x + k·p)/2^52 with k = -x/p modulo 2^52.
pub(super) const fn divided<M: Modulus>(x: [u64; LIMBS]) -> [u64; LIMBS] {
    let k = x[0].wrapping_mul(M::NEGATIVE_INVERSE) & MASK;
    let mut out = [0; LIMBS];
    let mut carry = 0u128;
    let mut i = 0;
    while i < LIMBS {
        let sum = M::P[i] as u128 * k as u128 + x[i] as u128 + carry;
        if i > 0 {
            out[i - 1] = (sum as u64) & MASK;
        }
        carry = sum >> BITS;
        i += 1;
    }
    out[LIMBS - 1] = carry as u64;
    out
}

/// (k·p + 1)/2^52 with k = -1/p modulo 2^52.
pub(super) const fn folded<M: Modulus>() -> [u64; LIMBS] {
    divided::<M>([1, 0, 0, 0, 0])
}

/// Whether field elements lie in memory as their four Montgomery words.
pub(super) fn elements_are_words() -> bool {
    lies_as_words(Fr::ONE, Fr::ONE.to_raw_bytes()) && lies_as_words(Fq::ONE, Fq::ONE.to_raw_bytes())
}

fn lies_as_words<F>(element: F, raw: Vec<u8>) -> bool {
    const { assert!(size_of::<F>() == 32) };
    // SAFETY: `element` is 32 bytes, all initialised: halo2curves' elements have no padding (four words and their size is 32).
    let bytes = unsafe { std::slice::from_raw_parts((&raw const element).cast::<u8>(), 32) };
    bytes == raw
}

/// The Montgomery words of an element.
pub(super) fn words<F: LaneField>(element: F) -> [u64; 4] {
    const { assert!(size_of::<F>() == 32 && align_of::<F>() >= align_of::<u64>()) };
    // SAFETY: an element is four words, all of whose values are integers, aligned as one.
    unsafe { (&raw const element).cast::<[u64; 4]>().read() }
}

/// A lane's form of a constant.
pub(super) fn constant<F: LaneField>(value: &F) -> [u64; LIMBS] {
    let [w0, w1, w2, w3] = words(*value * F::from(16));
    [
        w0 & MASK,
        (w0 >> 52 | w1 << 12) & MASK,
        (w1 >> 40 | w2 << 24) & MASK,
        (w2 >> 28 | w3 << 36) & MASK,
        w3 >> 16,
    ]
}
