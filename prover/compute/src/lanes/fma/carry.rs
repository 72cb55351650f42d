//! Carries, reductions by small multiples of the modulus, and the way between limbs and words.

use super::montgomery::reduce_wide;
use super::start::{CLOSE, Start, start};
use super::{Vector, all};
use crate::lanes::limbs::{BITS, LIMBS, MASK, Modulus};

/// Brings every limb to 52 bits. No limb is negative, but for what [`CLOSE`] makes good.
#[inline(always)]
pub(super) fn carry<V: Vector>(mut limbs: [V; LIMBS]) -> [V; LIMBS] {
    let mask = V::broadcast(MASK);
    for i in 0..LIMBS - 1 {
        limbs[i + 1] = limbs[i + 1].add(limbs[i].right::<{ BITS as i32 }>());
        limbs[i] = limbs[i].and(mask);
    }
    limbs
}

#[inline(always)]
pub(super) fn sum<V: Vector>(mut a: [V; LIMBS], b: &[V; LIMBS]) -> [V; LIMBS] {
    for i in 0..LIMBS {
        a[i] = a[i].add(b[i]);
    }
    a
}

#[inline(always)]
pub(super) fn difference<V: Vector>(mut a: [V; LIMBS], b: &[V; LIMBS]) -> [V; LIMBS] {
    for i in 0..LIMBS {
        a[i] = a[i].sub(b[i]);
    }
    a
}

#[inline(always)]
pub(super) fn plus<V: Vector>(mut limbs: [V; LIMBS], constant: &[u64; LIMBS]) -> [V; LIMBS] {
    for i in 0..LIMBS {
        limbs[i] = limbs[i].add(V::broadcast(constant[i]));
    }
    limbs
}

/// The opposite, limb by limb, where bits of `by` are set.
#[inline(always)]
pub(super) fn negated<V: Vector>(mut limbs: [V; LIMBS], by: V) -> [V; LIMBS] {
    for limb in &mut limbs {
        *limb = limb.xor(by).sub(by);
    }
    limbs
}

/// q·p in limbs of 59 bits, for q below 128.
#[inline(always)]
fn small_multiple<M: Modulus, V: Vector>(q: V) -> [V; LIMBS] {
    let mut out = [q; LIMBS];
    for i in 0..LIMBS {
        let low = q.mul_halves(V::broadcast(M::P[i] & 0xffff_ffff));
        let high = q.mul_halves(V::broadcast(M::P[i] >> 32));
        out[i] = low.add(high.left::<32>());
    }
    out
}

/// floor(2^260 / p), for both fields.
const QUOTIENT: u64 = 84;
/// More than the limbs below can be to the highest one. See [`close_reduced`].
const MARGIN: u64 = 1 << 12;

/// The same residue below 2·p, for a value below 84·p in limbs between -2^61 and 2^61, negative ones among them.
///
/// The quotient by p is estimated from the highest limb t: q = floor(84·h/2^32), h = floor((t + 2^12)/2^20). The limbs below are less than
/// 2^10 of its units, so t + 2^12 is not negative, and it is below 2^52. Where q is not 0, t is above 2^45, and with 84 in the place of 84.6
/// the estimate is short by more than the 2^12 and the limbs below make it long. It is short by less than 1.65: 1 for the quotient's
/// fraction, 0.64 for 84, and 2^-25 for the fraction of h.
#[inline(always)]
pub(super) fn close_reduced<M: Modulus, V: Vector>(limbs: [V; LIMBS]) -> [V; LIMBS] {
    let highest = limbs[LIMBS - 1].add(V::broadcast(MARGIN)).right::<20>();
    let q = highest.mul_halves(V::broadcast(QUOTIENT)).right::<32>();
    carry(plus(difference(limbs, &small_multiple::<M, V>(q)), &CLOSE))
}

/// a, or a - p where that is not negative. The operand is below 2·p.
#[inline(always)]
fn subtract_once<M: Modulus, V: Vector>(a: [V; LIMBS]) -> [V; LIMBS] {
    let difference = carry(plus(difference(a, &all(&M::P)), &CLOSE));
    let negative = difference[LIMBS - 1];
    let mut out = difference;
    for i in 0..LIMBS {
        out[i] = difference[i].blend(a[i], negative);
    }
    out
}

/// Sixteen times four words of 64 bits in limbs of 52.
#[inline(always)]
pub(super) fn split_shifted<V: Vector>(w: [V; 4]) -> [V; LIMBS] {
    let mask = V::broadcast(MASK);
    [
        w[0].left::<4>().and(mask),
        w[0].right::<48>().or(w[1].left::<16>()).and(mask),
        w[1].right::<36>().or(w[2].left::<28>()).and(mask),
        w[2].right::<24>().or(w[3].left::<40>()).and(mask),
        w[3].right::<12>(),
    ]
}

/// Limbs of 52 bits, below 2^256, in four words.
#[inline(always)]
fn join<V: Vector>(l: [V; LIMBS]) -> [V; 4] {
    [
        l[0].or(l[1].left::<52>()),
        l[1].right::<12>().or(l[2].left::<40>()),
        l[2].right::<24>().or(l[3].left::<28>()),
        l[3].right::<36>().or(l[4].left::<16>()),
    ]
}

/// With q below 16 such that the sum is a multiple of 16, (a + q·p) / 16 is below (16 + 15)/16 p.
#[inline(always)]
pub(super) fn words_of<M: Modulus, V: Vector>(a: &[V; LIMBS]) -> [V; 4] {
    let nibble = V::broadcast(15);
    let inverse = V::broadcast(M::NEGATIVE_INVERSE & 15);
    let q = a[0].and(nibble).mul_halves(inverse).and(nibble);
    let t = carry(sum(small_multiple::<M, V>(q), a));
    let mask = V::broadcast(MASK);
    let shifted = [
        t[0].right::<4>().or(t[1].left::<48>()).and(mask),
        t[1].right::<4>().or(t[2].left::<48>()).and(mask),
        t[2].right::<4>().or(t[3].left::<48>()).and(mask),
        t[3].right::<4>().or(t[4].left::<48>()).and(mask),
        t[4].right::<4>(),
    ];
    join(subtract_once::<M, V>(shifted))
}

/// The integer that an element stands for: a Montgomery product by 1, below 1.14·p.
#[inline(always)]
pub(super) fn integer_words<M: Modulus, V: Vector>(a: &[V; LIMBS]) -> [V; 4] {
    let mut t: [V; 2 * LIMBS] = start(&const { Start::NONE.reduction().close() });
    for i in 0..LIMBS {
        t[i] = t[i].add(a[i]);
    }
    join(subtract_once::<M, V>(carry(reduce_wide::<M, V>(t))))
}
