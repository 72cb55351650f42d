//! Vectors of AVX-512F: eight integers or doubles.
//!
//! # Safety
//! Two things are unsafe here. Intrinsics need a processor that has them: every call of this file is reached through [`vectorised`], whose
//! callers hold a [`HasAvx512`], made by [`detect`] alone. Loads and stores need memory of the right size: they take references
//! to arrays, with unaligned instructions.
#![expect(unsafe_code, reason = "vector instructions are unsafe functions")]

use super::{MIDDLE, SPLIT, Vector};
use crate::lanes::ifma::{gather, read, read_two, scatter, transpose_words, write};
use crate::lanes::limbs::{LIMBS, elements_are_words};
use crate::lanes::{HasAvx512, LANES};
use std::arch::{asm, x86_64::*};

/// A witness where the processor has the instructions, and field elements lie in memory as lanes take them.
pub(in crate::lanes) fn detect() -> Option<HasAvx512> {
    let has = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && elements_are_words();
    if has { Some(HasAvx512(())) } else { None }
}

/// Runs `f` with the vector instructions enabled: what is inlined into it may use them.
#[inline]
pub(in crate::lanes) fn vectorised<T>(_detected: HasAvx512, f: impl FnOnce() -> T) -> T {
    #[target_feature(enable = "avx512f,avx2,fma")]
    fn enabled<T>(f: impl FnOnce() -> T) -> T {
        f()
    }
    // SAFETY: a `HasAvx512` is made by `detect`, where it finds all of these instructions.
    unsafe { enabled(f) }
}

/// The sums with a product. Six instructions as they are written: the compiler would take all products first, and keep them in memory.
#[inline]
#[target_feature(enable = "avx512f")]
fn add_product(
    (mut first, mut second): (__m512i, __m512i),
    a: __m512d,
    b: __m512d,
) -> (__m512i, __m512i) {
    // SAFETY: the instructions are those of the target feature, and touch nothing but their operands.
    unsafe {
        asm!(
            "vmovapd {high}, {split}",
            "vfmadd231pd {high}, {a}, {b}",
            "vsubpd {low}, {middle}, {high}",
            "vfmadd231pd {low}, {a}, {b}",
            "vpaddq {second}, {second}, {high}",
            "vpsubq {first}, {first}, {low}",
            high = out(zmm_reg) _,
            low = out(zmm_reg) _,
            first = inout(zmm_reg) first,
            second = inout(zmm_reg) second,
            a = in(zmm_reg) a,
            b = in(zmm_reg) b,
            split = in(zmm_reg) _mm512_set1_pd(SPLIT),
            middle = in(zmm_reg) _mm512_set1_pd(MIDDLE),
            options(pure, nomem, nostack),
        );
    }
    (first, second)
}

impl Vector for __m512i {
    type Doubles = __m512d;

    #[inline(always)]
    fn apart<T>(f: impl FnOnce() -> T) -> T {
        f()
    }

    #[inline(always)]
    fn broadcast(word: u64) -> Self {
        // SAFETY: see the head of this file.
        unsafe { _mm512_set1_epi64(word as i64) }
    }

    #[inline(always)]
    fn broadcast_double(value: f64) -> __m512d {
        // SAFETY: see the head of this file.
        unsafe { _mm512_set1_pd(value) }
    }

    #[inline(always)]
    fn doubles(self) -> __m512d {
        // SAFETY: see the head of this file.
        unsafe { _mm512_castsi512_pd(self) }
    }

    #[inline(always)]
    fn bits(doubles: __m512d) -> Self {
        // SAFETY: see the head of this file.
        unsafe { _mm512_castpd_si512(doubles) }
    }

    #[inline(always)]
    fn fused(a: __m512d, b: __m512d, c: __m512d) -> __m512d {
        // SAFETY: see the head of this file.
        unsafe { _mm512_fmadd_pd(a, b, c) }
    }

    #[inline(always)]
    fn minus(a: __m512d, b: __m512d) -> __m512d {
        // SAFETY: see the head of this file.
        unsafe { _mm512_sub_pd(a, b) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { _mm512_add_epi64(self, other) }
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { _mm512_sub_epi64(self, other) }
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { _mm512_and_si512(self, other) }
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { _mm512_or_si512(self, other) }
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { _mm512_xor_si512(self, other) }
    }

    #[inline(always)]
    fn left<const N: i32>(self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { _mm512_sllv_epi64(self, _mm512_set1_epi64(N as i64)) }
    }

    #[inline(always)]
    fn right<const N: i32>(self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { _mm512_srlv_epi64(self, _mm512_set1_epi64(N as i64)) }
    }

    #[inline(always)]
    fn add_product<const K: usize, const I: usize>(
        sums: (Self, Self),
        a: &[__m512d; LIMBS],
        b: &[__m512d; LIMBS],
    ) -> (Self, Self) {
        // SAFETY: see the head of this file.
        unsafe { add_product(sums, a[I], b[K.wrapping_sub(I)]) }
    }

    #[inline(always)]
    fn add_multiple<const I: usize>(
        sums: (Self, Self),
        a: &[__m512d; LIMBS],
        by: f64,
    ) -> (Self, Self) {
        // SAFETY: see the head of this file.
        unsafe { add_product(sums, a[I], Self::broadcast_double(by)) }
    }

    #[inline(always)]
    fn mul_halves(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { _mm512_mul_epu32(self, other) }
    }

    #[inline(always)]
    fn mask(mask: u8) -> Self {
        // SAFETY: see the head of this file.
        unsafe { _mm512_maskz_set1_epi64(mask, -1) }
    }

    #[inline(always)]
    fn blend(self, other: Self, by: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe {
            let mask = _mm512_cmplt_epi64_mask(by, _mm512_setzero_si512());
            _mm512_mask_blend_epi64(mask, self, other)
        }
    }

    #[inline(always)]
    fn load<F>(from: &[F; LANES]) -> [Self; 4] {
        const { assert!(size_of::<F>() == 32) };
        gather(read(from.as_ptr().cast()))
    }

    #[inline(always)]
    fn gather<F>(from: [&F; LANES]) -> [Self; 4] {
        gather([
            read_two(from[0], from[1]),
            read_two(from[2], from[3]),
            read_two(from[4], from[5]),
            read_two(from[6], from[7]),
        ])
    }

    #[inline(always)]
    fn store<F>(words: [Self; 4], to: &mut [F; LANES]) {
        const { assert!(size_of::<F>() == 32) };
        write(to.as_mut_ptr().cast(), scatter(words));
    }

    #[inline(always)]
    fn write(self, to: &mut [u64; LANES]) {
        // SAFETY: eight words are 64 writable bytes; the store needs no alignment.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), self) };
    }

    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        transpose_words(rows)
    }
}
