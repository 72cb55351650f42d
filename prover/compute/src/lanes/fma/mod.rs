//! Eight lanes of fused multiplications and additions of doubles, for processors without IFMA.
//!
//! A lane is five limbs of 52 bits (see [`limbs`]), as integers of 64 bits. The product of two limbs is taken by two operations on doubles,
//! after Emmart, Zheng and Weems, "Faster modular exponentiation using double precision floating point arithmetic on the GPU" (ARITH
//! 2018), here for rounding to the nearest, as processors do unless told otherwise. For integers a and b of 52 bits:
//!
//! - `high` = a·b + 2^104, rounded. It lies in [2^104, 2^105), where doubles are 2^52 apart, so it is 2^104 + h·2^52 with h the integer
//!   nearest to a·b/2^52, and its bits as an integer are those of 2^104 and h more. h is at most 2^52 - 2, as a·b is at most
//!   2^104 - 2^53 + 1.
//! - `middle` = (2^104 - 3·2^51) - `high` = -(2h + 3)·2^51. It is exact, as 2h + 3 is below 2^53; and so is 2^104 - 3·2^51 =
//!   (2^53 - 3)·2^51.
//! - `low` = a·b + `middle` = l - 3·2^51 with l = a·b - h·2^52, which lies in [-2^51, 2^51]. `low` is an integer in [-2^53, -2^52]. Doubles
//!   are 1 apart there, so it is exact, and its bits are those of -3·2^51 and l less: the sign stands apart from the size, which is 3·2^51 - l.
//!
//! Bits are added to and subtracted from 64-bit integers; what they have too much is known beforehand ([`HIGH`], [`LOW`]), and taken from
//! what a sum starts with, modulo 2^64. The same start makes a sum positive that is carried from, so that a shift without sign will do: it
//! gets [`POSITIVE`](start::POSITIVE), a multiple of 2^52, and the limb above starts with so much less. Starts are constants: [`Start`] counts what they
//! have to make good.
//!
//! The lower half of a product may be negative, and so may limbs that are not carried: between -2^61 and 2^61, whatever kernels add up.
//!
//! The file has no intrinsics: a [`Vector`] has them.
#![expect(
    clippy::needless_range_loop,
    reason = "limbs are indexed as in the formulas"
)]

pub(super) mod avx2;
pub(super) mod avx512;
mod carry;
mod montgomery;
mod start;

use super::limbs::{self, LIMBS, MASK, Modulus, multiple};
use super::{LANES, LaneField, Lanes};
use carry::{
    carry, close_reduced, difference, integer_words, negated, plus, split_shifted, sum, words_of,
};
use montgomery::{montgomery, montgomery_square, products, reduce_wide};
use start::{CLOSE, CLOSED, OPEN, Start, closing_multiple};
use std::fmt;
use std::marker::PhantomData;

/// The bits of 2^104 as a double.
const HIGH: u64 = (1023 + 104) << 52;
/// The bits of -3·2^51.
const LOW: u64 = 1 << 63 | (1023 + 52) << 52 | 1 << 51;
/// The bits of 2^52: with them, an integer of 52 bits becomes the double that is 2^52 more.
const INTEGER: u64 = (1023 + 52) << 52;
/// 2^104
const SPLIT: f64 = f64::from_bits(HIGH);
/// 2^104 - 3·2^51
const MIDDLE: f64 = f64::from_bits(HIGH - 3);
/// 2^52
const INTEGER_VALUE: f64 = f64::from_bits(INTEGER);

/// Eight integers of 64 bits, or doubles. Implementations are reached where the processor has the instructions alone.
pub(crate) trait Vector: Copy + Send + Sync + 'static {
    /// The same registers as doubles.
    type Doubles: Copy;

    /// Runs a computation, perhaps as a function of its own, so that products of many instructions are there once.
    fn apart<T>(f: impl FnOnce() -> T) -> T;
    /// The integer in all places.
    fn broadcast(word: u64) -> Self;
    /// The double in all places.
    fn broadcast_double(value: f64) -> Self::Doubles;
    /// The bits as doubles.
    fn doubles(self) -> Self::Doubles;
    /// The bits of doubles.
    fn bits(doubles: Self::Doubles) -> Self;
    /// a·b + c, rounded once.
    fn fused(a: Self::Doubles, b: Self::Doubles, c: Self::Doubles) -> Self::Doubles;
    /// a - b
    fn minus(a: Self::Doubles, b: Self::Doubles) -> Self::Doubles;
    /// Subtracts the bits of `low` of a_I·b_(K-I) from the first sum, and adds those of `high` to the second: see the head of this file.
    fn add_product<const K: usize, const I: usize>(
        sums: (Self, Self),
        a: &[Self::Doubles; LIMBS],
        b: &[Self::Doubles; LIMBS],
    ) -> (Self, Self);
    /// The same of a_I and a constant.
    fn add_multiple<const I: usize>(
        sums: (Self, Self),
        a: &[Self::Doubles; LIMBS],
        by: f64,
    ) -> (Self, Self);
    /// Sum modulo 2^64.
    fn add(self, other: Self) -> Self;
    /// Difference modulo 2^64.
    fn sub(self, other: Self) -> Self;
    /// Bits of both.
    fn and(self, other: Self) -> Self;
    /// Bits of one or both.
    fn or(self, other: Self) -> Self;
    /// Bits of one.
    fn xor(self, other: Self) -> Self;
    /// Shift to the left.
    fn left<const N: i32>(self) -> Self;
    /// Shift to the right, without sign.
    fn right<const N: i32>(self) -> Self;
    /// Products of the lower halves, of 32 bits.
    fn mul_halves(self, other: Self) -> Self;
    /// All bits in the places whose bit of the mask is set, and none in the others.
    fn mask(mask: u8) -> Self;
    /// `self` where the highest bit of `by` is clear, and `other` where it is set.
    fn blend(self, other: Self, by: Self) -> Self;
    /// The words of elements, least significant ones first.
    fn load<F>(from: &[F; LANES]) -> [Self; 4];
    /// The words of elements that lie apart.
    fn gather<F>(from: [&F; LANES]) -> [Self; 4];
    /// Writes the words of elements: the inverse of [`load`](Self::load).
    fn store<F>(words: [Self; 4], to: &mut [F; LANES]);
    /// Writes integers.
    fn write(self, to: &mut [u64; LANES]);
    /// Place i of result j is place j of operand i.
    fn transpose(rows: [Self; LANES]) -> [Self; LANES];
}

const fn double(limb: u64) -> f64 {
    assert!(limb <= MASK);
    f64::from_bits(limb | INTEGER) - INTEGER_VALUE
}

const fn doubles_of(limbs: [u64; LIMBS]) -> [f64; LIMBS] {
    [
        double(limbs[0]),
        double(limbs[1]),
        double(limbs[2]),
        double(limbs[3]),
        double(limbs[4]),
    ]
}

/// Limbs of 52 bits as doubles.
#[inline(always)]
fn converted<V: Vector>(limbs: &[V; LIMBS]) -> [V::Doubles; LIMBS] {
    [
        convert(limbs[0]),
        convert(limbs[1]),
        convert(limbs[2]),
        convert(limbs[3]),
        convert(limbs[4]),
    ]
}

#[inline(always)]
fn convert<V: Vector>(limb: V) -> V::Doubles {
    V::minus(
        limb.or(V::broadcast(INTEGER)).doubles(),
        V::broadcast_double(INTEGER_VALUE),
    )
}

#[inline(always)]
fn all<V: Vector>(w: &[u64; LIMBS]) -> [V; LIMBS] {
    [
        V::broadcast(w[0]),
        V::broadcast(w[1]),
        V::broadcast(w[2]),
        V::broadcast(w[3]),
        V::broadcast(w[4]),
    ]
}

#[inline(always)]
fn all_doubles<V: Vector>(w: &[f64; LIMBS]) -> [V::Doubles; LIMBS] {
    [
        V::broadcast_double(w[0]),
        V::broadcast_double(w[1]),
        V::broadcast_double(w[2]),
        V::broadcast_double(w[3]),
        V::broadcast_double(w[4]),
    ]
}

/// Eight elements of `F` in five vectors of 52-bit limbs.
#[derive(Clone, Copy)]
pub(crate) struct Fma<F, V> {
    limbs: [V; LIMBS],
    field: PhantomData<F>,
}

impl<F, V> fmt::Debug for Fma<F, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fma").finish_non_exhaustive()
    }
}

impl<F, V: Vector> Fma<F, V> {
    #[inline(always)]
    fn new(limbs: [V; LIMBS]) -> Self {
        Fma {
            limbs,
            field: PhantomData,
        }
    }
}

/// Products of two numbers of five limbs, added up without carries: ten limbs, least significant first.
///
/// A product adds at most five high halves of 52 bits and five low ones, between -2^51 and 2^51, to a limb, and the reduction as many and a
/// carry: with 64 products a limb is between -2^60 and 2^61, and positive with [`POSITIVE`](start::POSITIVE).
#[derive(Clone, Copy)]
pub(crate) struct Products<V>([V; 2 * LIMBS]);

impl<V> fmt::Debug for Products<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Products").finish_non_exhaustive()
    }
}

/// A constant's limbs as integers and as doubles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Constant {
    limbs: [u64; LIMBS],
    doubles: [f64; LIMBS],
}

impl<F: LaneField + Modulus, V: Vector> Lanes for Fma<F, V> {
    type F = F;
    type Constant = Constant;
    type Products = Products<V>;
    type Open = [V; LIMBS];

    #[inline(always)]
    fn load(from: &[F; LANES]) -> Self {
        Self::new(split_shifted(V::load(from)))
    }

    #[inline(always)]
    fn store(self, to: &mut [F; LANES]) {
        V::store(words_of::<F, V>(&self.limbs), to);
    }

    fn constant(value: &F) -> Constant {
        let limbs = limbs::constant(value);
        Constant {
            limbs,
            doubles: doubles_of(limbs),
        }
    }

    #[inline(always)]
    fn splat(value: &Constant) -> Self {
        Self::new(all(&value.limbs))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self::new(carry(sum(self.limbs, &other.limbs)))
    }

    #[inline(always)]
    fn sub<const K: u64>(self, other: Self) -> Self {
        let offset = const { closing_multiple::<F>(K, 1) };
        let difference = difference(self.limbs, &other.limbs);
        Self::new(carry(plus(difference, &offset)))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        V::apart(
            #[inline(always)]
            || {
                let (a, b) = (converted(&self.limbs), converted(&other.limbs));
                Self::new(carry(montgomery::<F, V>(&CLOSED, &a, &b)))
            },
        )
    }

    #[inline(always)]
    fn square(self) -> Self {
        V::apart(
            #[inline(always)]
            || {
                let from = const { CLOSED.halved() };
                let a = converted(&self.limbs);
                Self::new(carry(montgomery_square::<F, V>(&from, &a)))
            },
        )
    }

    #[inline(always)]
    fn mul_constant(self, constant: &Constant) -> Self {
        V::apart(
            #[inline(always)]
            || {
                let (a, b) = (converted(&self.limbs), all_doubles::<V>(&constant.doubles));
                Self::new(carry(montgomery::<F, V>(&CLOSED, &a, &b)))
            },
        )
    }

    #[inline(always)]
    fn no_products() -> Products<V> {
        Products([V::broadcast(0); 2 * LIMBS])
    }

    #[inline(always)]
    fn add_product(sum: Products<V>, a: Self, b: Self) -> Products<V> {
        V::apart(
            #[inline(always)]
            || {
                let from = const { Start::NONE.products() };
                let (a, b) = (converted(&a.limbs), converted(&b.limbs));
                let mut t = sum.0;
                for i in 0..2 * LIMBS {
                    t[i] = t[i].add(V::broadcast(from.0[i]));
                }
                products(&mut t, &a, &b);
                Products(t)
            },
        )
    }

    #[inline(always)]
    fn sum_of_products(sum: Products<V>) -> Self {
        V::apart(
            #[inline(always)]
            || {
                let from = const { Start::NONE.reduction().close() };
                let mut t = sum.0;
                for i in 0..2 * LIMBS {
                    t[i] = t[i].add(V::broadcast(from.0[i]));
                }
                Self::new(carry(reduce_wide::<F, V>(t)))
            },
        )
    }

    #[inline(always)]
    fn reduce(self) -> Self {
        Self::close_reduced(self.limbs)
    }

    #[inline(always)]
    fn open(self) -> [V; LIMBS] {
        self.limbs
    }

    #[inline(always)]
    fn mul_open(self, other: Self) -> [V; LIMBS] {
        V::apart(
            #[inline(always)]
            || {
                let (a, b) = (converted(&self.limbs), converted(&other.limbs));
                montgomery::<F, V>(&OPEN, &a, &b)
            },
        )
    }

    #[inline(always)]
    fn square_open(self) -> [V; LIMBS] {
        V::apart(
            #[inline(always)]
            || {
                let from = const { OPEN.halved() };
                montgomery_square::<F, V>(&from, &converted(&self.limbs))
            },
        )
    }

    #[inline(always)]
    fn add_open(a: [V; LIMBS], b: [V; LIMBS]) -> [V; LIMBS] {
        sum(a, &b)
    }

    #[inline(always)]
    fn sub_open<const K: u64>(a: [V; LIMBS], b: [V; LIMBS]) -> [V; LIMBS] {
        plus(difference(a, &b), &const { multiple::<F>(K) })
    }

    #[inline(always)]
    fn sub_negated<const K: u64>(a: Self, negate_a: u8, b: Self, negate_b: u8) -> Self {
        let offset = const { closing_multiple::<F>(K, 2) };
        let a = negated(a.limbs, V::mask(negate_a));
        let b = negated(b.limbs, V::mask(!negate_b));
        Self::new(carry(plus(sum(a, &b), &offset)))
    }

    #[inline(always)]
    fn sub_open_negated<const K: u64>(a: [V; LIMBS], b: Self, negate_b: u8) -> [V; LIMBS] {
        let b = negated(b.limbs, V::mask(!negate_b));
        plus(sum(a, &b), &const { multiple::<F>(K) })
    }

    #[inline(always)]
    fn close(open: [V; LIMBS]) -> Self {
        Self::new(carry(plus(open, &CLOSE)))
    }

    #[inline(always)]
    fn close_reduced(open: [V; LIMBS]) -> Self {
        Self::new(close_reduced::<F, V>(open))
    }

    #[inline(always)]
    fn zero() -> Self {
        Self::new([V::broadcast(0); LIMBS])
    }

    #[inline(always)]
    fn transpose(lanes: [Self; LANES]) -> [Self; LANES] {
        let mut out = lanes;
        for limb in 0..LIMBS {
            let words = V::transpose([
                lanes[0].limbs[limb],
                lanes[1].limbs[limb],
                lanes[2].limbs[limb],
                lanes[3].limbs[limb],
                lanes[4].limbs[limb],
                lanes[5].limbs[limb],
                lanes[6].limbs[limb],
                lanes[7].limbs[limb],
            ]);
            for lane in 0..LANES {
                out[lane].limbs[limb] = words[lane];
            }
        }
        out
    }

    #[inline(always)]
    fn gather(from: [&F; LANES]) -> Self {
        Self::new(split_shifted(V::gather(from)))
    }

    #[inline(always)]
    fn select(self, other: Self, mask: u8) -> Self {
        let by = V::mask(mask);
        let mut out = self.limbs;
        for i in 0..LIMBS {
            out[i] = out[i].blend(other.limbs[i], by);
        }
        Self::new(out)
    }

    #[inline(always)]
    fn integers(from: &[F; LANES]) -> [[u64; LANES]; 4] {
        let words = integer_words::<F, V>(&Self::load(from).limbs);
        let mut out = [[0u64; LANES]; 4];
        for i in 0..4 {
            words[i].write(&mut out[i]);
        }
        out
    }
}

#[cfg(test)]
mod tests;
