//! Lanes for tests that follow the bound of every value.

use super::{LANES, LIMIT, LaneField, Lanes, Portable, product_bound};

/// Portable lanes that carry the bound which lanes of 260 bits would have, and refuse what those would not take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked<F> {
    value: Portable<F>,
    bound: u64,
    /// Whether limbs may be negative: there is a difference in it whose carries were not taken.
    negative: bool,
}

impl<F: LaneField> Checked<F> {
    fn new(value: Portable<F>, bound: u64) -> Self {
        assert!(bound <= LIMIT, "a bound of {bound}");
        Checked {
            value,
            bound,
            negative: false,
        }
    }

    fn negative(self, negative: bool) -> Self {
        Checked { negative, ..self }
    }
}

impl<F: LaneField> Lanes for Checked<F> {
    type F = F;
    type Constant = F;
    type Products = (Portable<F>, u64);
    type Open = Self;

    fn load(from: &[F; LANES]) -> Self {
        Self::new(Portable::load(from), 16)
    }
    fn store(self, to: &mut [F; LANES]) {
        assert!(self.bound <= 16, "stored with a bound of {}", self.bound);
        self.value.store(to);
    }
    fn constant(value: &F) -> F {
        *value
    }
    fn splat(value: &F) -> Self {
        Self::new(Portable::splat(value), 1)
    }
    fn add(self, other: Self) -> Self {
        Self::new(self.value.add(other.value), self.bound + other.bound)
    }
    fn sub<const K: u64>(self, other: Self) -> Self {
        assert!(other.bound <= K, "{} is above {K}", other.bound);
        Self::new(self.value.sub::<K>(other.value), self.bound + K)
    }
    fn mul(self, other: Self) -> Self {
        let bound = product_bound(self.bound * other.bound);
        Self::new(self.value.mul(other.value), bound)
    }
    fn mul_constant(self, constant: &F) -> Self {
        self.mul(Self::splat(constant))
    }
    fn no_products() -> Self::Products {
        (Portable::zero(), 0)
    }
    fn add_product((sum, bound): Self::Products, a: Self, b: Self) -> Self::Products {
        (sum.add(a.value.mul(b.value)), bound + a.bound * b.bound)
    }
    fn sum_of_products((sum, bound): Self::Products) -> Self {
        Self::new(sum, product_bound(bound))
    }
    fn reduce(self) -> Self {
        Self::new(self.value, 3)
    }
    fn open(self) -> Self {
        self
    }
    fn mul_open(self, other: Self) -> Self {
        self.mul(other)
    }
    fn square_open(self) -> Self {
        self.square()
    }
    fn add_open(a: Self, b: Self) -> Self {
        a.add(b).negative(a.negative || b.negative)
    }
    fn sub_open<const K: u64>(a: Self, b: Self) -> Self {
        assert!(!b.negative, "a difference is subtracted");
        a.sub::<K>(b).negative(true)
    }
    fn sub_negated<const K: u64>(a: Self, negate_a: u8, b: Self, negate_b: u8) -> Self {
        assert!(
            a.bound.max(b.bound) <= K,
            "{} or {} is above {K}",
            a.bound,
            b.bound
        );
        Self::new(
            Portable::sub_negated::<K>(a.value, negate_a, b.value, negate_b),
            4 * K,
        )
    }
    fn sub_open_negated<const K: u64>(a: Self, b: Self, negate_b: u8) -> Self {
        assert!(b.bound <= K, "{} is above {K}", b.bound);
        Self::new(
            Portable::sub_open_negated::<K>(a.value, b.value, negate_b),
            a.bound + 2 * K,
        )
        .negative(true)
    }
    fn close(open: Self) -> Self {
        open.negative(false)
    }
    fn close_reduced(open: Self) -> Self {
        open.reduce()
    }
    fn zero() -> Self {
        Self::new(Portable::zero(), 1)
    }
    fn transpose(lanes: [Self; LANES]) -> [Self; LANES] {
        let bound = lanes.iter().map(|lane| lane.bound).max().unwrap_or(0);
        Portable::transpose(lanes.map(|lane| lane.value)).map(|value| Self::new(value, bound))
    }
    fn square(self) -> Self {
        self.mul(self)
    }
    fn gather(from: [&F; LANES]) -> Self {
        Self::new(Portable::gather(from), 16)
    }
    fn select(self, other: Self, mask: u8) -> Self {
        Self::new(
            self.value.select(other.value, mask),
            self.bound.max(other.bound),
        )
    }
    fn integers(from: &[F; LANES]) -> [[u64; LANES]; 4] {
        Portable::integers(from)
    }
}
