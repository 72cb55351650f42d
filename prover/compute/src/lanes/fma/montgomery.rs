//! Montgomery's multiplication and reduction of limbs as doubles.

use super::start::{Start, start};
use super::{MIDDLE, SPLIT, Vector, convert, double, doubles_of};
use crate::lanes::limbs::{BITS, LIMBS, MASK, Modulus, divided, folded};
use std::marker::PhantomData;

/// Adds a_I·b_(K-I) to limb K and the next, where there is one.
#[inline(always)]
fn add_product<const K: usize, const I: usize, V: Vector>(
    t: &mut [V; 2 * LIMBS],
    a: &[V::Doubles; LIMBS],
    b: &[V::Doubles; LIMBS],
) {
    if I <= K && K - I < LIMBS {
        (t[K], t[K + 1]) = V::add_product::<K, I>((t[K], t[K + 1]), a, b);
    }
}

/// Adds a_I·by_(K-from) to limb K and the next, where there is one.
#[inline(always)]
fn add_multiple<const K: usize, const I: usize, V: Vector>(
    t: &mut [V; 2 * LIMBS],
    a: &[V::Doubles; LIMBS],
    by: &[f64; LIMBS],
    from: usize,
) {
    if K >= from && K - from < LIMBS {
        (t[K], t[K + 1]) = V::add_multiple::<I>((t[K], t[K + 1]), a, by[K - from]);
    }
}

/// What the reduction multiplies by: see [`reduce_limb`].
struct Factors<M>(PhantomData<M>);

impl<M: Modulus> Factors<M> {
    /// 2^-156, 2^-104 and 2^-52 modulo p.
    const TOGETHER: [[f64; LIMBS]; TOGETHER] = {
        let last = folded::<M>();
        let middle = divided::<M>(last);
        [
            doubles_of(divided::<M>(middle)),
            doubles_of(middle),
            doubles_of(last),
        ]
    };
    /// p
    const P: [f64; LIMBS] = doubles_of(M::P);
    /// 1/p modulo 2^52
    const INVERSE: f64 = double((1 << BITS) - M::NEGATIVE_INVERSE);
    /// The lowest limb of 2^-52 modulo p, times 1/p, modulo 2^52.
    const LAST_INVERSE: f64 = {
        let inverse = (1 << BITS) - M::NEGATIVE_INVERSE;
        double(folded::<M>()[0].wrapping_mul(inverse) & MASK)
    };
}

/// The bits of -3·2^51 less the lower half of a·b.
#[inline(always)]
pub(super) fn low_half<V: Vector>(a: V::Doubles, b: V::Doubles) -> V {
    let high = V::fused(a, b, V::broadcast_double(SPLIT));
    let middle = V::minus(V::broadcast_double(MIDDLE), high);
    V::bits(V::fused(a, b, middle))
}

/// Adds the products that start at limb K.
#[inline(always)]
fn product_limb<const K: usize, V: Vector>(
    t: &mut [V; 2 * LIMBS],
    a: &[V::Doubles; LIMBS],
    b: &[V::Doubles; LIMBS],
) {
    add_product::<K, 0, V>(t, a, b);
    add_product::<K, 1, V>(t, a, b);
    add_product::<K, 2, V>(t, a, b);
    add_product::<K, 3, V>(t, a, b);
    add_product::<K, 4, V>(t, a, b);
}

/// Adds the product of two numbers.
#[inline(always)]
pub(super) fn products<V: Vector>(
    t: &mut [V; 2 * LIMBS],
    a: &[V::Doubles; LIMBS],
    b: &[V::Doubles; LIMBS],
) {
    product_limb::<0, V>(t, a, b);
    product_limb::<1, V>(t, a, b);
    product_limb::<2, V>(t, a, b);
    product_limb::<3, V>(t, a, b);
    product_limb::<4, V>(t, a, b);
    product_limb::<5, V>(t, a, b);
    product_limb::<6, V>(t, a, b);
    product_limb::<7, V>(t, a, b);
    product_limb::<8, V>(t, a, b);
}

/// Limbs that are folded together.
pub(super) const TOGETHER: usize = 3;

/// Ends a limb: what it has above 52 bits goes on to the next.
#[inline(always)]
fn end<const K: usize, V: Vector>(t: &mut [V; 2 * LIMBS]) {
    t[K + 1] = t[K + 1].add(t[K].right::<{ BITS as i32 }>());
}

/// Ends a limb that is folded.
#[inline(always)]
fn end_folded<const K: usize, V: Vector>(
    t: &mut [V; 2 * LIMBS],
    factors: &mut [V::Doubles; LIMBS],
) {
    factors[K] = convert(t[K].and(V::broadcast(MASK)));
    end::<K, V>(t);
}

/// What folding limbs 0 to 2 adds to limb K.
#[inline(always)]
fn fold<const K: usize, M: Modulus, V: Vector>(
    t: &mut [V; 2 * LIMBS],
    factors: &[V::Doubles; LIMBS],
) {
    let [third, second, first] = &Factors::<M>::TOGETHER;
    add_multiple::<K, 0, V>(t, factors, third, TOGETHER);
    add_multiple::<K, 1, V>(t, factors, second, TOGETHER);
    add_multiple::<K, 2, V>(t, factors, first, TOGETHER);
}

/// What folding limb 3 adds to limb K.
#[inline(always)]
fn fold_last<const K: usize, M: Modulus, V: Vector>(
    t: &mut [V; 2 * LIMBS],
    factors: &[V::Doubles; LIMBS],
) {
    let first = &Factors::<M>::TOGETHER[TOGETHER - 1];
    add_multiple::<K, 3, V>(t, factors, first, LIMBS - 1);
}

/// What q·p adds to limb K.
#[inline(always)]
fn divide<const K: usize, M: Modulus, V: Vector>(
    t: &mut [V; 2 * LIMBS],
    factors: &[V::Doubles; LIMBS],
) {
    add_multiple::<K, 4, V>(t, factors, &Factors::<M>::P, LIMBS - 1);
}

/// Montgomery's reduction of ten limbs: their value over 2^260 modulo p, below 1.13·p more than value/2^260. `add` adds to limb K and the
/// next, when limb K is next.
///
/// Limbs 0 to 2 are carried, then folded together: t_i·2^(52i) is t_i·2^(52i-156) three limbs up, where 2^(52i-156) may be taken modulo
/// p. So is limb 3, by one limb, and q·p is added so that limb 4 vanishes: q = -(t_4 + t_3·f)/p modulo 2^52, where f is the lowest limb of
/// 2^-52 modulo p. Of the products with 1/p and f/p in it, the lower halves are wanted alone: their bits are those of -3·2^51 less the half, and
/// -3·2^51 has the bits of 2^51, so the sum of both is q modulo 2^52.
///
/// Folding three limbs adds less than 3·2^52·p times 2^156, folding the fourth k·p times 2^208 (k is below 0.127·2^52), and q·p less than
/// p times 2^260.
///
/// There is little in this that waits for something else, and what waits is written as late as it may come: a processor looks some ten products
/// ahead. (Factors are in memory for AVX2, as what refers to them is; so `t` is not with them.)
#[inline(always)]
fn reduction<const PRODUCT: bool, M: Modulus, V: Vector>(
    mut t: [V; 2 * LIMBS],
    a: &[V::Doubles; LIMBS],
    b: &[V::Doubles; LIMBS],
) -> [V; LIMBS] {
    let mask = V::broadcast(MASK);
    let mut factors = [V::broadcast_double(0.0); LIMBS];
    let (t, f) = (&mut t, &mut factors);
    if PRODUCT {
        product_limb::<0, V>(t, a, b);
        product_limb::<1, V>(t, a, b);
    }
    end_folded::<0, V>(t, f);
    if PRODUCT {
        product_limb::<2, V>(t, a, b);
    }
    end_folded::<1, V>(t, f);
    if PRODUCT {
        product_limb::<3, V>(t, a, b);
    }
    end_folded::<2, V>(t, f);
    if PRODUCT {
        product_limb::<4, V>(t, a, b);
    }
    fold::<3, M, V>(t, f);
    fold::<4, M, V>(t, f);
    if PRODUCT {
        product_limb::<5, V>(t, a, b);
    }
    end_folded::<3, V>(t, f);
    let lowest = convert(t[4].and(mask));
    fold::<5, M, V>(t, f);
    fold_last::<5, M, V>(t, f);
    let of_lowest: V = low_half(lowest, V::broadcast_double(Factors::<M>::INVERSE));
    let of_last: V = low_half(f[3], V::broadcast_double(Factors::<M>::LAST_INVERSE));
    if PRODUCT {
        product_limb::<6, V>(t, a, b);
    }
    fold::<6, M, V>(t, f);
    fold_last::<6, M, V>(t, f);
    f[4] = convert(of_lowest.add(of_last).and(mask));
    if PRODUCT {
        product_limb::<7, V>(t, a, b);
    }
    fold::<7, M, V>(t, f);
    fold_last::<7, M, V>(t, f);
    if PRODUCT {
        product_limb::<8, V>(t, a, b);
    }
    fold_last::<8, M, V>(t, f);
    fold_last::<4, M, V>(t, f);
    divide::<4, M, V>(t, f);
    end::<4, V>(t);
    divide::<5, M, V>(t, f);
    divide::<6, M, V>(t, f);
    divide::<7, M, V>(t, f);
    divide::<8, M, V>(t, f);
    [t[5], t[6], t[7], t[8], t[9]]
}

/// Montgomery product a·b/2^260 modulo p, below a·b/2^260 + 1.13·p, added to what it starts with.
#[inline(always)]
pub(super) fn montgomery<M: Modulus, V: Vector>(
    from: &Start,
    a: &[V::Doubles; LIMBS],
    b: &[V::Doubles; LIMBS],
) -> [V; LIMBS] {
    reduction::<true, M, V>(start(from), a, b)
}

/// The reduction of ten limbs.
#[inline(always)]
pub(super) fn reduce_wide<M: Modulus, V: Vector>(t: [V; 2 * LIMBS]) -> [V; LIMBS] {
    let none = [V::broadcast_double(0.0); LIMBS];
    reduction::<false, M, V>(t, &none, &none)
}

/// Montgomery product of an operand with itself. Products of different limbs are taken once and doubled.
#[inline(always)]
pub(super) fn montgomery_square<M: Modulus, V: Vector>(
    from: &Start,
    a: &[V::Doubles; LIMBS],
) -> [V; LIMBS] {
    let mut t: [V; 2 * LIMBS] = start(from);
    add_product::<1, 0, V>(&mut t, a, a);
    add_product::<2, 0, V>(&mut t, a, a);
    add_product::<3, 0, V>(&mut t, a, a);
    add_product::<3, 1, V>(&mut t, a, a);
    add_product::<4, 0, V>(&mut t, a, a);
    add_product::<4, 1, V>(&mut t, a, a);
    add_product::<5, 1, V>(&mut t, a, a);
    add_product::<5, 2, V>(&mut t, a, a);
    add_product::<6, 2, V>(&mut t, a, a);
    add_product::<7, 3, V>(&mut t, a, a);
    for limb in &mut t[1..2 * LIMBS - 1] {
        *limb = limb.add(*limb);
    }
    add_product::<0, 0, V>(&mut t, a, a);
    add_product::<2, 1, V>(&mut t, a, a);
    add_product::<4, 2, V>(&mut t, a, a);
    add_product::<6, 3, V>(&mut t, a, a);
    add_product::<8, 4, V>(&mut t, a, a);
    reduce_wide::<M, V>(t)
}
