//! Vectors of AVX2: eight integers or doubles in two registers.
//!
//! # Safety
//! Two things are unsafe here. Intrinsics need a processor that has them: every call of this file is reached through [`vectorised`], whose
//! callers hold a [`HasAvx2`], made by [`detect`] alone. Loads and stores need memory of the right size: they take references
//! to elements of 32 bytes and to arrays, with unaligned instructions.
#![expect(unsafe_code, reason = "vector instructions are unsafe functions")]

use super::{MIDDLE, SPLIT, Vector};
use crate::lanes::limbs::{LIMBS, elements_are_words};
use crate::lanes::{HasAvx2, LANES};
use std::arch::{asm, x86_64::*};

/// A witness where the processor has the instructions, and field elements lie in memory as lanes take them.
pub(in crate::lanes) fn detect() -> Option<HasAvx2> {
    let has =
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && elements_are_words();
    if has { Some(HasAvx2(())) } else { None }
}

/// Runs `f` with the vector instructions enabled: what is inlined into it may use them.
#[inline]
pub(in crate::lanes) fn vectorised<T>(_detected: HasAvx2, f: impl FnOnce() -> T) -> T {
    #[target_feature(enable = "avx2,fma")]
    fn enabled<T>(f: impl FnOnce() -> T) -> T {
        f()
    }
    // SAFETY: a `HasAvx2` is made by `detect`, where it finds all of these instructions.
    unsafe { enabled(f) }
}

#[inline(always)]
fn read<F>(element: &F) -> __m256i {
    const { assert!(size_of::<F>() == 32) };
    // SAFETY: an element is 32 readable bytes; the load needs no alignment.
    unsafe { _mm256_loadu_si256((&raw const *element).cast()) }
}

/// Writes the words of an element below p.
#[inline(always)]
fn write<F>(words: __m256i, to: &mut F) {
    const { assert!(size_of::<F>() == 32) };
    // SAFETY: an element is 32 writable bytes; the store needs no alignment.
    unsafe { _mm256_storeu_si256((&raw mut *to).cast(), words) }
}

/// Place i of result j is place j of operand i.
#[inline(always)]
fn transpose_words(r: [__m256i; 4]) -> [__m256i; 4] {
    // SAFETY: see the head of this file.
    unsafe {
        let (a, b) = (
            _mm256_unpacklo_epi64(r[0], r[1]),
            _mm256_unpackhi_epi64(r[0], r[1]),
        );
        let (c, d) = (
            _mm256_unpacklo_epi64(r[2], r[3]),
            _mm256_unpackhi_epi64(r[2], r[3]),
        );
        [
            _mm256_permute2x128_si256::<0x20>(a, c),
            _mm256_permute2x128_si256::<0x20>(b, d),
            _mm256_permute2x128_si256::<0x31>(a, c),
            _mm256_permute2x128_si256::<0x31>(b, d),
        ]
    }
}

/// Two registers of integers.
///
/// One after the other, the halves of a product would take as long as each waits for its own results: they go side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair(__m256i, __m256i);

/// Two registers of doubles.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Doubles(__m256d, __m256d);

/// The sums with a product, in instructions as they are written: the compiler would take all products first, and keep them in memory. One of
/// the operands is read where it is used.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_product<const A: usize, const B: usize>(
    (mut first, mut second): (Pair, Pair),
    a: &[Doubles; LIMBS],
    b: &[Doubles; LIMBS],
) -> (Pair, Pair) {
    const { assert!(A < LIMBS && B < LIMBS) };
    // SAFETY: the instructions are those of the target features. They read two elements of the arrays, 64 aligned bytes each.
    unsafe {
        asm!(
            "vmovapd {a0}, ymmword ptr [{a} + 64 * {i}]",
            "vmovapd {a1}, ymmword ptr [{a} + 64 * {i} + 32]",
            "vmovapd {high0}, {split}",
            "vmovapd {high1}, {split}",
            "vfmadd231pd {high0}, {a0}, ymmword ptr [{b} + 64 * {j}]",
            "vfmadd231pd {high1}, {a1}, ymmword ptr [{b} + 64 * {j} + 32]",
            "vsubpd {low0}, {middle}, {high0}",
            "vsubpd {low1}, {middle}, {high1}",
            "vfmadd231pd {low0}, {a0}, ymmword ptr [{b} + 64 * {j}]",
            "vfmadd231pd {low1}, {a1}, ymmword ptr [{b} + 64 * {j} + 32]",
            "vpaddq {second0}, {second0}, {high0}",
            "vpaddq {second1}, {second1}, {high1}",
            "vpsubq {first0}, {first0}, {low0}",
            "vpsubq {first1}, {first1}, {low1}",
            a0 = out(ymm_reg) _,
            a1 = out(ymm_reg) _,
            high0 = out(ymm_reg) _,
            high1 = out(ymm_reg) _,
            low0 = out(ymm_reg) _,
            low1 = out(ymm_reg) _,
            first0 = inout(ymm_reg) first.0,
            first1 = inout(ymm_reg) first.1,
            second0 = inout(ymm_reg) second.0,
            second1 = inout(ymm_reg) second.1,
            a = in(reg) a.as_ptr(),
            b = in(reg) b.as_ptr(),
            i = const A,
            j = const B,
            split = in(ymm_reg) _mm256_set1_pd(SPLIT),
            middle = in(ymm_reg) _mm256_set1_pd(MIDDLE),
            options(pure, readonly, nostack),
        );
    }
    (first, second)
}

/// The same with a constant.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_multiple<const A: usize>(
    (mut first, mut second): (Pair, Pair),
    a: &[Doubles; LIMBS],
    by: f64,
) -> (Pair, Pair) {
    const { assert!(A < LIMBS) };
    // SAFETY: the instructions are those of the target features. They read an element of the array, 64 aligned bytes.
    unsafe {
        asm!(
            "vmovapd {high0}, {split}",
            "vmovapd {high1}, {split}",
            "vfmadd231pd {high0}, {by}, ymmword ptr [{a} + 64 * {i}]",
            "vfmadd231pd {high1}, {by}, ymmword ptr [{a} + 64 * {i} + 32]",
            "vsubpd {low0}, {middle}, {high0}",
            "vsubpd {low1}, {middle}, {high1}",
            "vfmadd231pd {low0}, {by}, ymmword ptr [{a} + 64 * {i}]",
            "vfmadd231pd {low1}, {by}, ymmword ptr [{a} + 64 * {i} + 32]",
            "vpaddq {second0}, {second0}, {high0}",
            "vpaddq {second1}, {second1}, {high1}",
            "vpsubq {first0}, {first0}, {low0}",
            "vpsubq {first1}, {first1}, {low1}",
            high0 = out(ymm_reg) _,
            high1 = out(ymm_reg) _,
            low0 = out(ymm_reg) _,
            low1 = out(ymm_reg) _,
            first0 = inout(ymm_reg) first.0,
            first1 = inout(ymm_reg) first.1,
            second0 = inout(ymm_reg) second.0,
            second1 = inout(ymm_reg) second.1,
            a = in(reg) a.as_ptr(),
            i = const A,
            by = in(ymm_reg) _mm256_set1_pd(by),
            split = in(ymm_reg) _mm256_set1_pd(SPLIT),
            middle = in(ymm_reg) _mm256_set1_pd(MIDDLE),
            options(pure, readonly, nostack),
        );
    }
    (first, second)
}

impl Vector for Pair {
    type Doubles = Doubles;

    /// A product is about a thousand instructions: a kernel with several would not stay in the nearest cache.
    #[inline(always)]
    fn apart<T>(f: impl FnOnce() -> T) -> T {
        #[inline(never)]
        #[target_feature(enable = "avx2,fma")]
        fn enabled<T>(f: impl FnOnce() -> T) -> T {
            f()
        }
        // SAFETY: see the head of this file.
        unsafe { enabled(f) }
    }

    #[inline(always)]
    fn broadcast(word: u64) -> Self {
        // SAFETY: see the head of this file.
        let vector = unsafe { _mm256_set1_epi64x(word as i64) };
        Pair(vector, vector)
    }

    #[inline(always)]
    fn broadcast_double(value: f64) -> Doubles {
        // SAFETY: see the head of this file.
        let vector = unsafe { _mm256_set1_pd(value) };
        Doubles(vector, vector)
    }

    #[inline(always)]
    fn doubles(self) -> Doubles {
        // SAFETY: see the head of this file.
        unsafe { Doubles(_mm256_castsi256_pd(self.0), _mm256_castsi256_pd(self.1)) }
    }

    #[inline(always)]
    fn bits(doubles: Doubles) -> Self {
        // SAFETY: see the head of this file.
        unsafe {
            Pair(
                _mm256_castpd_si256(doubles.0),
                _mm256_castpd_si256(doubles.1),
            )
        }
    }

    #[inline(always)]
    fn fused(a: Doubles, b: Doubles, c: Doubles) -> Doubles {
        // SAFETY: see the head of this file.
        unsafe {
            Doubles(
                _mm256_fmadd_pd(a.0, b.0, c.0),
                _mm256_fmadd_pd(a.1, b.1, c.1),
            )
        }
    }

    #[inline(always)]
    fn minus(a: Doubles, b: Doubles) -> Doubles {
        // SAFETY: see the head of this file.
        unsafe { Doubles(_mm256_sub_pd(a.0, b.0), _mm256_sub_pd(a.1, b.1)) }
    }

    #[inline(always)]
    fn add_product<const K: usize, const I: usize>(
        sums: (Self, Self),
        a: &[Doubles; LIMBS],
        b: &[Doubles; LIMBS],
    ) -> (Self, Self) {
        // SAFETY: see the head of this file.
        unsafe {
            match K.wrapping_sub(I) {
                0 => add_product::<I, 0>(sums, a, b),
                1 => add_product::<I, 1>(sums, a, b),
                2 => add_product::<I, 2>(sums, a, b),
                3 => add_product::<I, 3>(sums, a, b),
                _ => add_product::<I, 4>(sums, a, b),
            }
        }
    }

    #[inline(always)]
    fn add_multiple<const I: usize>(
        sums: (Self, Self),
        a: &[Doubles; LIMBS],
        by: f64,
    ) -> (Self, Self) {
        // SAFETY: see the head of this file.
        unsafe { add_multiple::<I>(sums, a, by) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe {
            Pair(
                _mm256_add_epi64(self.0, other.0),
                _mm256_add_epi64(self.1, other.1),
            )
        }
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe {
            Pair(
                _mm256_sub_epi64(self.0, other.0),
                _mm256_sub_epi64(self.1, other.1),
            )
        }
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe {
            Pair(
                _mm256_and_si256(self.0, other.0),
                _mm256_and_si256(self.1, other.1),
            )
        }
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe {
            Pair(
                _mm256_or_si256(self.0, other.0),
                _mm256_or_si256(self.1, other.1),
            )
        }
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe {
            Pair(
                _mm256_xor_si256(self.0, other.0),
                _mm256_xor_si256(self.1, other.1),
            )
        }
    }

    #[inline(always)]
    fn mul_halves(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe {
            Pair(
                _mm256_mul_epu32(self.0, other.0),
                _mm256_mul_epu32(self.1, other.1),
            )
        }
    }

    #[inline(always)]
    fn left<const N: i32>(self) -> Self {
        // SAFETY: see the head of this file.
        unsafe {
            Pair(
                _mm256_slli_epi64::<N>(self.0),
                _mm256_slli_epi64::<N>(self.1),
            )
        }
    }

    #[inline(always)]
    fn right<const N: i32>(self) -> Self {
        // SAFETY: see the head of this file.
        unsafe {
            Pair(
                _mm256_srli_epi64::<N>(self.0),
                _mm256_srli_epi64::<N>(self.1),
            )
        }
    }

    #[inline(always)]
    fn mask(mask: u8) -> Self {
        // SAFETY: see the head of this file.
        unsafe {
            let mask = _mm256_set1_epi64x(i64::from(mask));
            let places = (
                _mm256_setr_epi64x(1, 2, 4, 8),
                _mm256_setr_epi64x(16, 32, 64, 128),
            );
            Pair(
                _mm256_cmpeq_epi64(_mm256_and_si256(mask, places.0), places.0),
                _mm256_cmpeq_epi64(_mm256_and_si256(mask, places.1), places.1),
            )
        }
    }

    #[inline(always)]
    fn blend(self, other: Self, by: Self) -> Self {
        let (a, b, by) = (self.doubles(), other.doubles(), by.doubles());
        // SAFETY: see the head of this file.
        Self::bits(unsafe {
            Doubles(
                _mm256_blendv_pd(a.0, b.0, by.0),
                _mm256_blendv_pd(a.1, b.1, by.1),
            )
        })
    }

    #[inline(always)]
    fn load<F>(from: &[F; LANES]) -> [Self; 4] {
        let [a, b, c, d, e, f, g, h] = from;
        Self::gather([a, b, c, d, e, f, g, h])
    }

    #[inline(always)]
    fn gather<F>(from: [&F; LANES]) -> [Self; 4] {
        let [a, b, c, d, e, f, g, h] = from;
        let first = transpose_words([read(a), read(b), read(c), read(d)]);
        let second = transpose_words([read(e), read(f), read(g), read(h)]);
        [
            Pair(first[0], second[0]),
            Pair(first[1], second[1]),
            Pair(first[2], second[2]),
            Pair(first[3], second[3]),
        ]
    }

    #[inline(always)]
    fn store<F>(words: [Self; 4], to: &mut [F; LANES]) {
        let [a, b, c, d] = words;
        let first = transpose_words([a.0, b.0, c.0, d.0]);
        let second = transpose_words([a.1, b.1, c.1, d.1]);
        for i in 0..4 {
            write(first[i], &mut to[i]);
            write(second[i], &mut to[4 + i]);
        }
    }

    #[inline(always)]
    fn write(self, to: &mut [u64; LANES]) {
        let to = to.as_mut_ptr();
        // SAFETY: eight words are two times 32 writable bytes; the stores need no alignment.
        unsafe {
            _mm256_storeu_si256(to.cast(), self.0);
            _mm256_storeu_si256(to.add(4).cast(), self.1);
        }
    }

    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        let [a, b, c, d, e, f, g, h] = rows;
        let first = transpose_words([a.0, b.0, c.0, d.0]);
        let second = transpose_words([e.0, f.0, g.0, h.0]);
        let third = transpose_words([a.1, b.1, c.1, d.1]);
        let fourth = transpose_words([e.1, f.1, g.1, h.1]);
        [
            Pair(first[0], second[0]),
            Pair(first[1], second[1]),
            Pair(first[2], second[2]),
            Pair(first[3], second[3]),
            Pair(third[0], fourth[0]),
            Pair(third[1], fourth[1]),
            Pair(third[2], fourth[2]),
            Pair(third[3], fourth[3]),
        ]
    }
}
