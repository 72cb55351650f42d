//! Eight scalars, on machines without vector lanes.

use super::{LANES, LaneField, Lanes};

/// Eight scalars. They are always reduced, so every bound is 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable<F>([F; LANES]);

impl<F: LaneField> Portable<F> {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(F, F) -> F) -> Self {
        Portable(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl<F: LaneField> Portable<F> {
    #[inline(always)]
    fn negated(self, mask: u8) -> Self {
        self.select(Portable(self.0.map(|a| -a)), mask)
    }
}

impl<F: LaneField> Lanes for Portable<F> {
    type F = F;
    type Constant = F;
    type Products = Self;
    type Open = Self;

    #[inline(always)]
    fn load(from: &[F; LANES]) -> Self {
        Portable(*from)
    }

    #[inline(always)]
    fn store(self, to: &mut [F; LANES]) {
        *to = self.0;
    }

    #[inline(always)]
    fn constant(value: &F) -> F {
        *value
    }

    #[inline(always)]
    fn splat(value: &F) -> Self {
        Portable([*value; LANES])
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn sub<const K: u64>(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    fn square(self) -> Self {
        Portable(self.0.map(|a| a.square()))
    }

    #[inline(always)]
    fn mul_constant(self, constant: &F) -> Self {
        Portable(self.0.map(|a| a * constant))
    }

    #[inline(always)]
    fn no_products() -> Self {
        Self::zero()
    }

    #[inline(always)]
    fn add_product(sum: Self, a: Self, b: Self) -> Self {
        sum.add(a.mul(b))
    }

    #[inline(always)]
    fn sum_of_products(sum: Self) -> Self {
        sum
    }

    #[inline(always)]
    fn reduce(self) -> Self {
        self
    }

    #[inline(always)]
    fn open(self) -> Self {
        self
    }

    #[inline(always)]
    fn mul_open(self, other: Self) -> Self {
        self.mul(other)
    }

    #[inline(always)]
    fn square_open(self) -> Self {
        self.square()
    }

    #[inline(always)]
    fn add_open(a: Self, b: Self) -> Self {
        a.add(b)
    }

    #[inline(always)]
    fn sub_open<const K: u64>(a: Self, b: Self) -> Self {
        a.sub::<K>(b)
    }

    #[inline(always)]
    fn sub_negated<const K: u64>(a: Self, negate_a: u8, b: Self, negate_b: u8) -> Self {
        a.negated(negate_a).sub::<K>(b.negated(negate_b))
    }

    #[inline(always)]
    fn sub_open_negated<const K: u64>(a: Self, b: Self, negate_b: u8) -> Self {
        a.sub::<K>(b.negated(negate_b))
    }

    #[inline(always)]
    fn close(open: Self) -> Self {
        open
    }

    #[inline(always)]
    fn close_reduced(open: Self) -> Self {
        open
    }

    #[inline(always)]
    fn zero() -> Self {
        Portable([F::ZERO; LANES])
    }

    #[inline(always)]
    fn transpose(lanes: [Self; LANES]) -> [Self; LANES] {
        std::array::from_fn(|j| Portable(std::array::from_fn(|i| lanes[i].0[j])))
    }

    #[inline(always)]
    fn gather(from: [&F; LANES]) -> Self {
        Portable(from.map(|element| *element))
    }

    #[inline(always)]
    fn select(self, other: Self, mask: u8) -> Self {
        Portable(std::array::from_fn(|i| {
            if mask >> i & 1 == 1 {
                other.0[i]
            } else {
                self.0[i]
            }
        }))
    }

    #[inline(always)]
    fn integers(from: &[F; LANES]) -> [[u64; LANES]; 4] {
        let mut out = [[0; LANES]; 4];
        for (lane, element) in from.iter().enumerate() {
            let repr = element.to_repr();
            for (words, bytes) in out.iter_mut().zip(repr.as_ref().chunks_exact(8)) {
                let mut word = [0; 8];
                word.copy_from_slice(bytes);
                words[lane] = u64::from_le_bytes(word);
            }
        }
        out
    }
}
