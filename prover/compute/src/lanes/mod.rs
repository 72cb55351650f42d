//! Eight field elements at once.
//!
//! Every kernel of this crate is written once, over `Lanes`, and runs on the fastest arithmetic that the machine has: eight lanes of
//! AVX-512 IFMA (`ifma`), eight lanes of fused multiplications of doubles in AVX-512 or AVX2 registers (`fma`), or eight scalars
//! (`Portable`). `dispatch` chooses. The crate has no unsafe code but here: in `limbs`, `ifma`, `fma::avx2` and `fma::avx512`.
//!
//! ## Bounds
//! A lane holds an integer below 84p that stands for its residue; p is the field's modulus, 254 bits wide, and a lane has 260 bits.
//! Nothing is reduced that need not be, so every operation states the bound of its result by those of its operands, in multiples of
//! p. A kernel argues in comments that it stays below the limit.
//!
//! Only [`Arithmetic`] is public. Vector instructions must not be reached but through `dispatch`, on a machine that has them, and lanes have
//! them behind safe functions.

#[cfg(all(test, target_arch = "x86_64"))]
mod cases;
#[cfg(test)]
pub(crate) mod checked;
#[cfg(target_arch = "x86_64")]
mod fma;
#[cfg(target_arch = "x86_64")]
mod ifma;
#[cfg(target_arch = "x86_64")]
mod limbs;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use ifma::Ifma;
pub(crate) use portable::Portable;

use halo2curves::bn256::{Fq, Fr};
use halo2curves::ff::PrimeField;
use std::fmt;

/// Number of lanes.
pub(crate) const LANES: usize = 8;

/// Eight elements of a prime field, and the operations on all of them.
///
/// Bounds are in multiples of the modulus: "a + b" says that the result is below the sum of the operands' bounds. All operands are
/// below [`LIMIT`].
pub(crate) trait Lanes: Copy + Send + Sync + fmt::Debug + 'static {
    /// The field.
    type F: LaneField;
    /// One constant for all lanes, ready to be multiplied by.
    type Constant: Copy + Send + Sync + fmt::Debug;
    /// A sum of products before its one reduction.
    type Products: Copy + Send + Sync + fmt::Debug;
    /// A value in the middle of a computation, where carries are not worth their time yet: a product and a few sums and differences.
    type Open: Copy;

    /// Reads eight elements. Bound 16.
    fn load(from: &[Self::F; LANES]) -> Self;
    /// Writes eight elements, fully reduced. The operand is below 16.
    fn store(self, to: &mut [Self::F; LANES]);
    /// A constant.
    fn constant(value: &Self::F) -> Self::Constant;
    /// The constant in every lane. Bound 1.
    fn splat(value: &Self::Constant) -> Self;
    /// Sum. Bound a + b.
    fn add(self, other: Self) -> Self;
    /// Difference. Bound a + K; `other` is at most K.
    fn sub<const K: u64>(self, other: Self) -> Self;
    /// Product. Bound a·b/84 + 1.13.
    fn mul(self, other: Self) -> Self;
    /// Product with itself. Bound a·a/84 + 1.13.
    fn square(self) -> Self;
    /// Product with a constant. Bound a/84 + 1.13.
    fn mul_constant(self, constant: &Self::Constant) -> Self;
    /// The empty sum of products.
    fn no_products() -> Self::Products;
    /// The sum and a·b: half the work of a product and its addition. At most [`PRODUCTS`] of them.
    fn add_product(sum: Self::Products, a: Self, b: Self) -> Self::Products;
    /// What was added up. Bound (sum of a·b)/84 + 1.13, which is below [`LIMIT`].
    fn sum_of_products(sum: Self::Products) -> Self;
    /// The same residues. Bound 3.
    fn reduce(self) -> Self;
    /// The same value, to be added to and subtracted from without carries.
    fn open(self) -> Self::Open;
    /// [`mul`](Self::mul) without carries, of the same bound.
    fn mul_open(self, other: Self) -> Self::Open;
    /// [`square`](Self::square) without carries, of the same bound.
    fn square_open(self) -> Self::Open;
    /// Sum. Bound a + b.
    fn add_open(a: Self::Open, b: Self::Open) -> Self::Open;
    /// Difference. Bound a + K; `b` is at most K, and a sum of products and carried values: there is no
    /// difference in it.
    fn sub_open<const K: u64>(a: Self::Open, b: Self::Open) -> Self::Open;
    /// a - b, each negated in the lanes of its mask. Bound 4K; both are at most K.
    fn sub_negated<const K: u64>(a: Self, negate_a: u8, b: Self, negate_b: u8) -> Self;
    /// a - b, where b is negated in the lanes of the mask. Bound a + 2K; b is at most K.
    fn sub_open_negated<const K: u64>(a: Self::Open, b: Self, negate_b: u8) -> Self::Open;
    /// Carries.
    fn close(open: Self::Open) -> Self;
    /// Carries and reduces. Bound 3.
    fn close_reduced(open: Self::Open) -> Self;
    /// Zero in every lane. Bound 1.
    fn zero() -> Self;
    /// Lane i of the result j is lane j of the operand i.
    fn transpose(lanes: [Self; LANES]) -> [Self; LANES];
    /// Reads eight elements from where each of them lies. Bound 16.
    fn gather(from: [&Self::F; LANES]) -> Self;
    /// The lanes of `other` whose bit of `mask` is set (lane i is bit i), and those of `self`. Bound max(a, b).
    fn select(self, other: Self, mask: u8) -> Self;
    /// The integers below p that eight elements stand for: their least significant words, then the next.
    fn integers(from: &[Self::F; LANES]) -> [[u64; LANES]; 4];
}

/// Values of lanes stay below this multiple of the modulus.
pub(crate) const LIMIT: u64 = 84;

/// The bound of a reduced product, or sum of products, whose unreduced bound is this multiple of p^2.
pub(crate) const fn product_bound(bounds: u64) -> u64 {
    // bounds/84 + 1.13
    (100 * bounds + 113 * LIMIT).div_ceil(100 * LIMIT)
}

/// Products that one [`Lanes::Products`] takes.
pub(crate) const PRODUCTS: usize = 64;

/// A field with lanes. Where the target has no vector lanes, they are portable ones.
pub(crate) trait LaneField: PrimeField + fmt::Debug {
    /// Its lanes of AVX-512 IFMA.
    type Ifma: Lanes<F = Self>;
    /// Its lanes of fused multiplications in AVX-512 registers.
    type Avx512: Lanes<F = Self>;
    /// Its lanes of fused multiplications in AVX2 registers.
    type Avx2: Lanes<F = Self>;
}

#[cfg(target_arch = "x86_64")]
mod vectors {
    use super::fma::{Fma, avx2::Pair};
    use super::{Fq, Fr, Ifma, LaneField};
    use std::arch::x86_64::__m512i;

    impl LaneField for Fr {
        type Ifma = Ifma<Fr>;
        type Avx512 = Fma<Fr, __m512i>;
        type Avx2 = Fma<Fr, Pair>;
    }

    impl LaneField for Fq {
        type Ifma = Ifma<Fq>;
        type Avx512 = Fma<Fq, __m512i>;
        type Avx2 = Fma<Fq, Pair>;
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod vectors {
    use super::{Fq, Fr, LaneField, Portable};

    impl LaneField for Fr {
        type Ifma = Portable<Fr>;
        type Avx512 = Portable<Fr>;
        type Avx2 = Portable<Fr>;
    }

    impl LaneField for Fq {
        type Ifma = Portable<Fq>;
        type Avx512 = Portable<Fq>;
        type Avx2 = Portable<Fq>;
    }
}

/// The arithmetic that kernels run on. All but the portable one are made by [`available`](Self::available) alone, so that the instructions are
/// there where one is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// Scalar code, on every machine.
    Portable,
    /// Eight lanes of fused multiplications of doubles, in AVX2 registers.
    Avx2(HasAvx2),
    /// Eight lanes of fused multiplications of doubles, in AVX-512 registers.
    Avx512(HasAvx512),
    /// Eight lanes of AVX-512 IFMA.
    Ifma(HasIfma),
}

/// A witness that the processor has AVX2 and FMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HasAvx2(());

/// A witness that the processor has AVX-512F.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HasAvx512(());

/// A witness that the processor has AVX-512 IFMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HasIfma(());

/// The processor has no AVX2, or no FMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the processor does not have the instructions AVX2 and FMA")]
pub struct MissingInstructions;

impl Arithmetic {
    /// All that this machine has, the fastest first.
    pub fn available() -> Vec<Self> {
        let vectors = Self::vectors().into_iter().flatten();
        vectors.chain([Arithmetic::Portable]).collect()
    }

    /// The fastest of this machine.
    pub fn detect() -> Self {
        let fastest = Self::vectors().into_iter().flatten().next();
        fastest.unwrap_or(Arithmetic::Portable)
    }

    #[cfg(target_arch = "x86_64")]
    fn vectors() -> [Option<Self>; 3] {
        [
            ifma::detect().map(Arithmetic::Ifma),
            fma::avx512::detect().map(Arithmetic::Avx512),
            fma::avx2::detect().map(Arithmetic::Avx2),
        ]
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn vectors() -> [Option<Self>; 0] {
        []
    }

    /// That of AVX2 and FMA, which most processors of servers and desktops have.
    ///
    /// # Errors
    /// This one has not.
    pub fn avx2() -> Result<Self, MissingInstructions> {
        let is_avx2 = |arithmetic: &Self| matches!(arithmetic, Arithmetic::Avx2(_));
        let mut vectors = Self::vectors().into_iter().flatten();
        vectors.find(is_avx2).ok_or(MissingInstructions)
    }

    /// A short name for reports.
    pub fn name(self) -> &'static str {
        match self {
            Arithmetic::Portable => "portable",
            Arithmetic::Avx2(_) => "avx2-fma",
            Arithmetic::Avx512(_) => "avx512-fma",
            Arithmetic::Ifma(_) => "avx512-ifma",
        }
    }
}

/// A computation over lanes of any kind. `run` is to be `#[inline(always)]`, and so is everything that it calls in its inner loops.
pub(crate) trait Kernel<F: LaneField> {
    /// What it computes.
    type Output;
    /// Runs it.
    fn run<L: Lanes<F = F>>(self) -> Self::Output;
}

/// Runs a kernel on this arithmetic.
pub(crate) fn dispatch<F: LaneField, K: Kernel<F>>(arithmetic: Arithmetic, kernel: K) -> K::Output {
    match arithmetic {
        Arithmetic::Portable => kernel.run::<Portable<F>>(),
        #[cfg(target_arch = "x86_64")]
        Arithmetic::Avx2(detected) => fma::avx2::vectorised(
            detected,
            #[inline(always)]
            || kernel.run::<F::Avx2>(),
        ),
        #[cfg(target_arch = "x86_64")]
        Arithmetic::Avx512(detected) => fma::avx512::vectorised(
            detected,
            #[inline(always)]
            || kernel.run::<F::Avx512>(),
        ),
        #[cfg(target_arch = "x86_64")]
        Arithmetic::Ifma(detected) => ifma::vectorised(
            detected,
            #[inline(always)]
            || kernel.run::<F::Ifma>(),
        ),
        #[cfg(not(target_arch = "x86_64"))]
        Arithmetic::Avx2(_) | Arithmetic::Avx512(_) | Arithmetic::Ifma(_) => {
            kernel.run::<Portable<F>>()
        }
    }
}

/// Asks for the cache line in which `at` starts, ahead of its use. Does nothing where the target has no such instruction.
#[inline(always)]
pub(crate) fn prefetch<T>(at: &T) {
    #[cfg(target_arch = "x86_64")]
    ifma::prefetch(at);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

#[cfg(test)]
mod tests;
