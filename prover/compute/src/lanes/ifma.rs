//! Eight lanes of AVX-512 IFMA.
//!
//! A lane is five limbs of 52 bits in five vector registers (see [`limbs`]). Multiplication is Montgomery's with R = 2^260, one limb a round: 52 x 52 bit products come as a low and a high half of 52
//! bits each (`vpmadd52luq`, `vpmadd52huq`), which are added to 64-bit accumulators without overflow.
//!
//! # Safety
//! Two things are unsafe here. Intrinsics need a processor that has them: every call of this file is reached through [`vectorised`], whose
//! callers hold a [`HasIfma`], made by [`detect`] alone. Loads and stores need memory of the right size: they take
//! references to arrays of 256 bytes, with unaligned instructions. That a field element is its four Montgomery words is asserted on
//! its size, and on its bytes by [`elements_are_words`].
#![expect(unsafe_code, reason = "vector instructions are unsafe functions")]
#![expect(
    clippy::needless_range_loop,
    reason = "limbs are indexed as in the formulas"
)]

use super::limbs::{self, BITS, LIMBS, MASK, Modulus, elements_are_words, folded, multiple};
use super::{HasIfma, LANES, LaneField, Lanes};
use std::arch::x86_64::*;
use std::marker::PhantomData;

/// Eight elements of `F` in five vectors of 52-bit limbs.
#[derive(Clone, Copy)]
pub(crate) struct Ifma<F> {
    limbs: [__m512i; LIMBS],
    field: PhantomData<F>,
}

impl<F> std::fmt::Debug for Ifma<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ifma").finish_non_exhaustive()
    }
}

/// 2^260 - p
const fn complement<M: Modulus>() -> [u64; LIMBS] {
    let mut out = [0; LIMBS];
    let mut borrow = 0u64;
    let mut i = 0;
    while i < LIMBS {
        let (difference, under) = 0u64.overflowing_sub(M::P[i] + borrow);
        out[i] = difference & MASK;
        borrow = under as u64;
        i += 1;
    }
    out
}

/// floor(2^260 / p), for both fields.
const QUOTIENT: u64 = 84;

/// A witness where the processor has the instructions, and field elements lie in memory as this file takes them.
pub(super) fn detect() -> Option<HasIfma> {
    let has = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512ifma")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("adx")
        && elements_are_words();
    if has { Some(HasIfma(())) } else { None }
}

/// Runs `f` with the vector instructions enabled: what is inlined into it may use them.
#[inline]
pub(super) fn vectorised<T>(_detected: HasIfma, f: impl FnOnce() -> T) -> T {
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma,bmi2,adx")]
    fn enabled<T>(f: impl FnOnce() -> T) -> T {
        f()
    }
    // SAFETY: a `HasIfma` is made by `detect`, where it finds all of these instructions.
    unsafe { enabled(f) }
}

#[inline(always)]
fn broadcast(word: u64) -> __m512i {
    // SAFETY: see the head of this file.
    unsafe { _mm512_set1_epi64(word as i64) }
}

#[inline(always)]
fn all(w: &[u64; LIMBS]) -> [__m512i; LIMBS] {
    [
        broadcast(w[0]),
        broadcast(w[1]),
        broadcast(w[2]),
        broadcast(w[3]),
        broadcast(w[4]),
    ]
}

#[inline(always)]
fn add(a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: see the head of this file.
    unsafe { _mm512_add_epi64(a, b) }
}

#[inline(always)]
fn sub(a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: see the head of this file.
    unsafe { _mm512_sub_epi64(a, b) }
}

#[inline(always)]
fn and(a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: see the head of this file.
    unsafe { _mm512_and_si512(a, b) }
}

#[inline(always)]
fn or(a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: see the head of this file.
    unsafe { _mm512_or_si512(a, b) }
}

#[inline(always)]
fn left<const N: u32>(a: __m512i) -> __m512i {
    // SAFETY: see the head of this file.
    unsafe { _mm512_slli_epi64::<N>(a) }
}

#[inline(always)]
fn right<const N: u32>(a: __m512i) -> __m512i {
    // SAFETY: see the head of this file.
    unsafe { _mm512_srli_epi64::<N>(a) }
}

/// Shift to the right that keeps the sign.
#[inline(always)]
fn right_signed(a: __m512i) -> __m512i {
    // SAFETY: see the head of this file.
    unsafe { _mm512_srai_epi64::<BITS>(a) }
}

/// accumulator + low 52 bits of a·b
#[inline(always)]
fn low(accumulator: __m512i, a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: see the head of this file.
    unsafe { _mm512_madd52lo_epu64(accumulator, a, b) }
}

/// accumulator + high 52 bits of a·b
#[inline(always)]
fn high(accumulator: __m512i, a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: see the head of this file.
    unsafe { _mm512_madd52hi_epu64(accumulator, a, b) }
}

/// The opposite, limb by limb, in the lanes of the mask.
#[inline(always)]
fn negated(mut limbs: [__m512i; LIMBS], mask: u8) -> [__m512i; LIMBS] {
    for limb in &mut limbs {
        // SAFETY: see the head of this file.
        *limb = unsafe { _mm512_mask_sub_epi64(*limb, mask, broadcast(0), *limb) };
    }
    limbs
}

/// Brings every limb to 52 bits; limbs may be negative, the value may not.
#[inline(always)]
fn carry(mut limbs: [__m512i; LIMBS]) -> [__m512i; LIMBS] {
    let mask = broadcast(MASK);
    for i in 0..LIMBS - 1 {
        limbs[i + 1] = add(limbs[i + 1], right_signed(limbs[i]));
        limbs[i] = and(limbs[i], mask);
    }
    limbs
}

/// Products of two numbers of five limbs, added up without carries: ten limbs, least significant first.
///
/// A product adds at most 10 halves of 52 bits to a limb, the reduction 10 more and a carry: 64 products stay below 2^62.
#[derive(Clone, Copy)]
pub(crate) struct Products([__m512i; 2 * LIMBS]);

impl std::fmt::Debug for Products {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Products").finish_non_exhaustive()
    }
}

impl Products {
    #[inline(always)]
    fn add(mut self, a: &[__m512i; LIMBS], b: &[__m512i; LIMBS]) -> Self {
        for i in 0..LIMBS {
            for j in 0..LIMBS {
                self.0[i + j] = low(self.0[i + j], a[i], b[j]);
                self.0[i + j + 1] = high(self.0[i + j + 1], a[i], b[j]);
            }
        }
        self
    }
}

/// Makes limb i zero: t_i·2^(52i) stands for t_i·(k·p + 1)·2^(52i), as multiples of p do not count, which is t_i times [`folded`]
/// one limb up. What t_i has above 52 bits goes up too.
#[inline(always)]
fn fold<M: Modulus>(t: &mut [__m512i; 2 * LIMBS], i: usize) {
    let folded = const { folded::<M>() };
    let lowest = and(t[i], broadcast(MASK));
    t[i + 1] = add(t[i + 1], right::<BITS>(t[i]));
    for j in 0..LIMBS {
        t[i + j + 1] = low(t[i + j + 1], lowest, broadcast(folded[j]));
    }
    for j in 0..LIMBS {
        t[i + j + 2] = high(t[i + j + 2], lowest, broadcast(folded[j]));
    }
}

/// Makes limb i zero by adding q·p, q = -t_i/p modulo 2^52.
#[inline(always)]
fn divide<M: Modulus>(t: &mut [__m512i; 2 * LIMBS], i: usize) {
    let q = low(broadcast(0), t[i], broadcast(M::NEGATIVE_INVERSE));
    for j in 0..LIMBS {
        t[i + j] = low(t[i + j], q, broadcast(M::P[j]));
    }
    for j in 0..LIMBS {
        t[i + j + 1] = high(t[i + j + 1], q, broadcast(M::P[j]));
    }
    t[i + 1] = add(t[i + 1], right::<BITS>(t[i]));
}

/// Montgomery's reduction of ten limbs, limbs not carried: their value over 2^260 modulo p, below 1.13·p more than value/2^260.
///
/// Four limbs are folded, which adds less than k·p times 2^208 (k is below 0.127·2^52), and one divided, which adds p at most.
#[inline(always)]
fn reduce_wide<M: Modulus>(mut t: [__m512i; 2 * LIMBS]) -> [__m512i; LIMBS] {
    for i in 0..LIMBS - 1 {
        fold::<M>(&mut t, i);
    }
    divide::<M>(&mut t, LIMBS - 1);
    [t[5], t[6], t[7], t[8], t[9]]
}

/// Montgomery product, limbs not carried: a·b/2^260 modulo p, below a·b/2^260 + 1.13·p.
///
/// Four limbs are folded, which adds less than k·p times 2^208 (k is below 0.127·2^52), and one divided, which adds p at most. A limb takes at most 20 halves of 52 bits and carries before it is folded: 57 bits.
#[inline(always)]
fn montgomery<M: Modulus>(a: &[__m512i; LIMBS], b: &[__m512i; LIMBS]) -> [__m512i; LIMBS] {
    let mut t = [broadcast(0); 2 * LIMBS];
    for i in 0..LIMBS {
        for j in 0..LIMBS {
            t[i + j] = low(t[i + j], a[i], b[j]);
        }
        for j in 0..LIMBS {
            t[i + j + 1] = high(t[i + j + 1], a[i], b[j]);
        }
        if i < LIMBS - 1 {
            fold::<M>(&mut t, i);
        }
    }
    divide::<M>(&mut t, LIMBS - 1);
    [t[5], t[6], t[7], t[8], t[9]]
}

/// Montgomery product of an operand with itself, as [`montgomery`]. Products of different limbs are taken once and doubled.
#[inline(always)]
fn montgomery_square<M: Modulus>(a: &[__m512i; LIMBS]) -> [__m512i; LIMBS] {
    let mut t = [broadcast(0); 2 * LIMBS];
    for i in 0..LIMBS {
        for j in i + 1..LIMBS {
            t[i + j] = low(t[i + j], a[i], a[j]);
            t[i + j + 1] = high(t[i + j + 1], a[i], a[j]);
        }
    }
    for limb in &mut t[1..2 * LIMBS - 1] {
        *limb = add(*limb, *limb);
    }
    for i in 0..LIMBS {
        t[2 * i] = low(t[2 * i], a[i], a[i]);
        t[2 * i + 1] = high(t[2 * i + 1], a[i], a[i]);
    }
    reduce_wide::<M>(t)
}

impl<F: LaneField + Modulus> Ifma<F> {
    #[inline(always)]
    fn new(limbs: [__m512i; LIMBS]) -> Self {
        Ifma {
            limbs,
            field: PhantomData,
        }
    }

    /// a, or a - p where that is not negative. The operand is below 2.
    #[inline(always)]
    fn subtract_once(self) -> [__m512i; LIMBS] {
        let p = all(&F::P);
        let mut difference = self.limbs;
        for i in 0..LIMBS {
            difference[i] = sub(difference[i], p[i]);
        }
        let difference = carry(difference);
        // SAFETY: see the head of this file.
        let negative = unsafe { _mm512_movepi64_mask(difference[LIMBS - 1]) };
        let mut out = difference;
        for i in 0..LIMBS {
            // SAFETY: see the head of this file.
            out[i] = unsafe { _mm512_mask_blend_epi64(negative, difference[i], self.limbs[i]) };
        }
        out
    }
}

/// Sixteen times four words of 64 bits in limbs of 52.
#[inline(always)]
fn split_shifted(w: [__m512i; 4]) -> [__m512i; LIMBS] {
    let mask = broadcast(MASK);
    [
        and(left::<4>(w[0]), mask),
        and(or(right::<48>(w[0]), left::<16>(w[1])), mask),
        and(or(right::<36>(w[1]), left::<28>(w[2])), mask),
        and(or(right::<24>(w[2]), left::<40>(w[3])), mask),
        right::<12>(w[3]),
    ]
}

/// Limbs of 52 bits, below 2^256, in four words.
#[inline(always)]
fn join(l: [__m512i; LIMBS]) -> [__m512i; 4] {
    [
        or(l[0], left::<52>(l[1])),
        or(right::<12>(l[1]), left::<40>(l[2])),
        or(right::<24>(l[2]), left::<28>(l[3])),
        or(right::<36>(l[3]), left::<16>(l[4])),
    ]
}

/// Words of two elements in one vector: (a0 a1 a2 a3 b0 b1 b2 b3).
pub(super) type Pairs = [__m512i; 4];

/// From eight elements of four words to four vectors of one word each.
#[inline(always)]
pub(super) fn gather(z: Pairs) -> [__m512i; 4] {
    // SAFETY: see the head of this file.
    unsafe {
        let even = _mm512_setr_epi64(0, 4, 8, 12, 1, 5, 9, 13);
        let odd = _mm512_setr_epi64(2, 6, 10, 14, 3, 7, 11, 15);
        let (t0, u0) = (
            _mm512_permutex2var_epi64(z[0], even, z[1]),
            _mm512_permutex2var_epi64(z[2], even, z[3]),
        );
        let (t1, u1) = (
            _mm512_permutex2var_epi64(z[0], odd, z[1]),
            _mm512_permutex2var_epi64(z[2], odd, z[3]),
        );
        [
            _mm512_shuffle_i64x2::<0b01_00_01_00>(t0, u0),
            _mm512_shuffle_i64x2::<0b11_10_11_10>(t0, u0),
            _mm512_shuffle_i64x2::<0b01_00_01_00>(t1, u1),
            _mm512_shuffle_i64x2::<0b11_10_11_10>(t1, u1),
        ]
    }
}

/// The inverse of [`gather`].
#[inline(always)]
pub(super) fn scatter(w: [__m512i; 4]) -> Pairs {
    // SAFETY: see the head of this file.
    unsafe {
        let t0 = _mm512_shuffle_i64x2::<0b01_00_01_00>(w[0], w[1]);
        let u0 = _mm512_shuffle_i64x2::<0b11_10_11_10>(w[0], w[1]);
        let t1 = _mm512_shuffle_i64x2::<0b01_00_01_00>(w[2], w[3]);
        let u1 = _mm512_shuffle_i64x2::<0b11_10_11_10>(w[2], w[3]);
        let first = _mm512_setr_epi64(0, 4, 8, 12, 1, 5, 9, 13);
        let second = _mm512_setr_epi64(2, 6, 10, 14, 3, 7, 11, 15);
        [
            _mm512_permutex2var_epi64(t0, first, t1),
            _mm512_permutex2var_epi64(t0, second, t1),
            _mm512_permutex2var_epi64(u0, first, u1),
            _mm512_permutex2var_epi64(u0, second, u1),
        ]
    }
}

#[inline(always)]
pub(super) fn read(from: *const u8) -> Pairs {
    // SAFETY: the callers hand in the start of 256 readable bytes; the loads need no alignment.
    unsafe {
        [
            _mm512_loadu_si512(from.cast()),
            _mm512_loadu_si512(from.add(64).cast()),
            _mm512_loadu_si512(from.add(128).cast()),
            _mm512_loadu_si512(from.add(192).cast()),
        ]
    }
}

/// Words of two elements.
#[inline(always)]
pub(super) fn read_two<F>(first: &F, second: &F) -> __m512i {
    const { assert!(size_of::<F>() == 32) };
    // SAFETY: an element is 32 readable bytes; the loads need no alignment.
    unsafe {
        let first = _mm256_loadu_si256((&raw const *first).cast());
        let second = _mm256_loadu_si256((&raw const *second).cast());
        _mm512_inserti64x4::<1>(_mm512_castsi256_si512(first), second)
    }
}

/// Asks for the cache line in which `at` starts. Does nothing but that.
#[inline(always)]
pub(super) fn prefetch<T>(at: &T) {
    // SAFETY: a prefetch reads nothing, and every processor of this architecture has it.
    unsafe { _mm_prefetch::<_MM_HINT_T0>((&raw const *at).cast()) }
}

#[inline(always)]
pub(super) fn write(to: *mut u8, words: Pairs) {
    // SAFETY: the callers hand in the start of 256 writable bytes; the stores need no alignment.
    unsafe {
        _mm512_storeu_si512(to.cast(), words[0]);
        _mm512_storeu_si512(to.add(64).cast(), words[1]);
        _mm512_storeu_si512(to.add(128).cast(), words[2]);
        _mm512_storeu_si512(to.add(192).cast(), words[3]);
    }
}

/// Lanes (0 of a, 0 of b, 2 of a, 2 of b, …) and (1 of a, 1 of b, 3 of a, …).
#[inline(always)]
fn interleave(a: __m512i, b: __m512i) -> (__m512i, __m512i) {
    // SAFETY: see the head of this file.
    unsafe { (_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b)) }
}

/// Of four interleaved pairs, the four vectors that hold one lane of each.
#[inline(always)]
fn quarters(v: [__m512i; 4]) -> [__m512i; 4] {
    // SAFETY: see the head of this file.
    unsafe {
        let a = _mm512_shuffle_i64x2::<0b10_00_10_00>(v[0], v[1]);
        let b = _mm512_shuffle_i64x2::<0b11_01_11_01>(v[0], v[1]);
        let c = _mm512_shuffle_i64x2::<0b10_00_10_00>(v[2], v[3]);
        let d = _mm512_shuffle_i64x2::<0b11_01_11_01>(v[2], v[3]);
        [
            _mm512_shuffle_i64x2::<0b10_00_10_00>(a, c),
            _mm512_shuffle_i64x2::<0b10_00_10_00>(b, d),
            _mm512_shuffle_i64x2::<0b11_01_11_01>(a, c),
            _mm512_shuffle_i64x2::<0b11_01_11_01>(b, d),
        ]
    }
}

/// A vector of words, transposed: lane i of result j is lane j of operand i.
#[inline(always)]
pub(super) fn transpose_words(r: [__m512i; LANES]) -> [__m512i; LANES] {
    let (e0, o0) = interleave(r[0], r[1]);
    let (e1, o1) = interleave(r[2], r[3]);
    let (e2, o2) = interleave(r[4], r[5]);
    let (e3, o3) = interleave(r[6], r[7]);
    let even = quarters([e0, e1, e2, e3]);
    let odd = quarters([o0, o1, o2, o3]);
    [
        even[0], odd[0], even[1], odd[1], even[2], odd[2], even[3], odd[3],
    ]
}

impl<F: LaneField + Modulus> Lanes for Ifma<F> {
    type F = F;
    type Constant = [u64; LIMBS];
    type Products = Products;
    type Open = [__m512i; LIMBS];

    #[inline(always)]
    fn load(from: &[F; LANES]) -> Self {
        const { assert!(size_of::<F>() == 32) };
        Self::new(split_shifted(gather(read(from.as_ptr().cast()))))
    }

    /// With q below 16 such that the sum is a multiple of 16, (a + q·p) / 16 is below (16 + 15)/16 p.
    #[inline(always)]
    fn store(self, to: &mut [F; LANES]) {
        const { assert!(size_of::<F>() == 32) };
        let zero = broadcast(0);
        let p = all(&F::P);
        let nibble = broadcast(15);
        let q = and(
            low(zero, self.limbs[0], broadcast(F::NEGATIVE_INVERSE & 15)),
            nibble,
        );
        let mut t = self.limbs;
        for j in 0..LIMBS {
            t[j] = low(t[j], q, p[j]);
        }
        for j in 0..LIMBS - 1 {
            t[j + 1] = high(t[j + 1], q, p[j]);
        }
        let t = carry(t);
        let mask = broadcast(MASK);
        let shifted = [
            and(or(right::<4>(t[0]), left::<48>(t[1])), mask),
            and(or(right::<4>(t[1]), left::<48>(t[2])), mask),
            and(or(right::<4>(t[2]), left::<48>(t[3])), mask),
            and(or(right::<4>(t[3]), left::<48>(t[4])), mask),
            right::<4>(t[4]),
        ];
        let reduced = Self::new(shifted).subtract_once();
        write(to.as_mut_ptr().cast(), scatter(join(reduced)));
    }

    fn constant(value: &F) -> [u64; LIMBS] {
        limbs::constant(value)
    }

    #[inline(always)]
    fn splat(value: &[u64; LIMBS]) -> Self {
        Self::new(all(value))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let mut sum = self.limbs;
        for i in 0..LIMBS {
            sum[i] = add(sum[i], other.limbs[i]);
        }
        Self::new(carry(sum))
    }

    #[inline(always)]
    fn sub<const K: u64>(self, other: Self) -> Self {
        let offset = const { multiple::<F>(K) };
        let mut difference = self.limbs;
        for i in 0..LIMBS {
            difference[i] = add(sub(difference[i], other.limbs[i]), broadcast(offset[i]));
        }
        Self::new(carry(difference))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self::new(carry(montgomery::<F>(&self.limbs, &other.limbs)))
    }

    #[inline(always)]
    fn square(self) -> Self {
        Self::new(carry(montgomery_square::<F>(&self.limbs)))
    }

    #[inline(always)]
    fn mul_constant(self, constant: &[u64; LIMBS]) -> Self {
        Self::new(carry(montgomery::<F>(&self.limbs, &all(constant))))
    }

    #[inline(always)]
    fn no_products() -> Products {
        Products([broadcast(0); 2 * LIMBS])
    }

    #[inline(always)]
    fn add_product(sum: Products, a: Self, b: Self) -> Products {
        sum.add(&a.limbs, &b.limbs)
    }

    #[inline(always)]
    fn sum_of_products(sum: Products) -> Self {
        Self::new(carry(reduce_wide::<F>(sum.0)))
    }

    #[inline(always)]
    fn reduce(self) -> Self {
        Self::close_reduced(self.limbs)
    }

    #[inline(always)]
    fn open(self) -> [__m512i; LIMBS] {
        self.limbs
    }

    #[inline(always)]
    fn mul_open(self, other: Self) -> [__m512i; LIMBS] {
        montgomery::<F>(&self.limbs, &other.limbs)
    }

    #[inline(always)]
    fn square_open(self) -> [__m512i; LIMBS] {
        montgomery_square::<F>(&self.limbs)
    }

    #[inline(always)]
    fn add_open(mut a: [__m512i; LIMBS], b: [__m512i; LIMBS]) -> [__m512i; LIMBS] {
        for i in 0..LIMBS {
            a[i] = add(a[i], b[i]);
        }
        a
    }

    #[inline(always)]
    fn sub_open<const K: u64>(mut a: [__m512i; LIMBS], b: [__m512i; LIMBS]) -> [__m512i; LIMBS] {
        let offset = const { multiple::<F>(K) };
        for i in 0..LIMBS {
            a[i] = add(sub(a[i], b[i]), broadcast(offset[i]));
        }
        a
    }

    #[inline(always)]
    fn sub_negated<const K: u64>(a: Self, negate_a: u8, b: Self, negate_b: u8) -> Self {
        let offset = const { multiple::<F>(K) };
        let a = negated(a.limbs, negate_a);
        let mut difference = negated(b.limbs, !negate_b);
        for i in 0..LIMBS {
            difference[i] = add(add(difference[i], a[i]), broadcast(2 * offset[i]));
        }
        Self::new(carry(difference))
    }

    #[inline(always)]
    fn sub_open_negated<const K: u64>(
        a: [__m512i; LIMBS],
        b: Self,
        negate_b: u8,
    ) -> [__m512i; LIMBS] {
        let offset = const { multiple::<F>(K) };
        let mut difference = negated(b.limbs, !negate_b);
        for i in 0..LIMBS {
            difference[i] = add(add(difference[i], a[i]), broadcast(offset[i]));
        }
        difference
    }

    #[inline(always)]
    fn close(open: [__m512i; LIMBS]) -> Self {
        Self::new(carry(open))
    }

    /// The quotient is estimated from the highest limb and what the next one carries: h = floor(T/2^52), where T is what the two highest limbs
    /// say. The limbs below are less than 2^63 each, a 2^41th of a unit of h, and with 84 in the place of 84.6 the estimate is short by more than
    /// that as soon as it is not 0. It is short by less than 1.64: 1 for the quotient's fraction, 0.64 for 84.
    ///
    /// h must not be negative, as its 52 lowest bits are taken. It is not, even where the value is next to 0 and limbs are negative: T adds
    /// up; it is not negative for limbs that are not; and for a difference K·p - b it is floor(K·p/2^156) less at most floor(b/2^156), as
    /// the limbs of K·p are carried and those of b not negative (see [`Lanes::sub_open`]).
    #[inline(always)]
    fn close_reduced(open: [__m512i; LIMBS]) -> Self {
        let zero = broadcast(0);
        let complement = const { complement::<F>() };
        let highest = add(open[LIMBS - 1], right_signed(open[LIMBS - 2]));
        let q = high(zero, highest, broadcast(QUOTIENT));
        let mut t = open;
        for j in 0..LIMBS {
            t[j] = low(t[j], q, broadcast(complement[j]));
        }
        for j in 0..LIMBS - 1 {
            t[j + 1] = high(t[j + 1], q, broadcast(complement[j]));
        }
        let mut t = carry(t);
        // q·2^260, which the complements brought in
        t[LIMBS - 1] = and(t[LIMBS - 1], broadcast(MASK));
        Self::new(t)
    }

    #[inline(always)]
    fn zero() -> Self {
        Self::new([broadcast(0); LIMBS])
    }

    #[inline(always)]
    fn transpose(lanes: [Self; LANES]) -> [Self; LANES] {
        let mut out = lanes;
        for limb in 0..LIMBS {
            let words = transpose_words([
                lanes[0].limbs[limb],
                lanes[1].limbs[limb],
                lanes[2].limbs[limb],
                lanes[3].limbs[limb],
                lanes[4].limbs[limb],
                lanes[5].limbs[limb],
                lanes[6].limbs[limb],
                lanes[7].limbs[limb],
            ]);
            for (to, word) in out.iter_mut().zip(words) {
                to.limbs[limb] = word;
            }
        }
        out
    }

    #[inline(always)]
    fn gather(from: [&F; LANES]) -> Self {
        const { assert!(size_of::<F>() == 32) };
        Self::new(split_shifted(gather([
            read_two(from[0], from[1]),
            read_two(from[2], from[3]),
            read_two(from[4], from[5]),
            read_two(from[6], from[7]),
        ])))
    }

    #[inline(always)]
    fn select(self, other: Self, mask: u8) -> Self {
        let mut out = self.limbs;
        for i in 0..LIMBS {
            // SAFETY: see the head of this file.
            out[i] = unsafe { _mm512_mask_blend_epi64(mask, self.limbs[i], other.limbs[i]) };
        }
        Self::new(out)
    }

    /// A Montgomery product by 1: p at most, and p only where an operand that is not zero is a multiple of p, which none is here.
    #[inline(always)]
    fn integers(from: &[F; LANES]) -> [[u64; LANES]; 4] {
        let mut t = Self::load(from).limbs;
        let zero = broadcast(0);
        let p = all(&F::P);
        let inverse = broadcast(F::NEGATIVE_INVERSE);
        for _ in 0..LIMBS {
            let q = low(zero, t[0], inverse);
            for j in 0..LIMBS {
                t[j] = low(t[j], q, p[j]);
            }
            t[1] = add(t[1], right::<BITS>(t[0]));
            for j in 0..LIMBS - 1 {
                t[j] = high(t[j + 1], q, p[j]);
            }
            t[LIMBS - 1] = high(zero, q, p[LIMBS - 1]);
        }
        let mut out = [[0u64; LANES]; 4];
        write(out.as_mut_ptr().cast(), join(carry(t)));
        out
    }
}

#[cfg(test)]
mod tests;
