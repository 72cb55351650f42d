//! What sums of products start with, so that the bits that products have too much are made good, and limbs are positive that are carried from.

use super::montgomery::TOGETHER;
use super::{HIGH, LOW, Vector};
use crate::lanes::limbs::{BITS, LIMBS, Modulus, multiple};

/// Added to a limb that is carried from, which is above -2^62 and below 2^62 then.
pub(super) const POSITIVE: u64 = 1 << 62;
const CARRIED: u64 = POSITIVE >> BITS;

/// What the limbs of a sum start with.
#[derive(Clone, Copy)]
pub(super) struct Start(pub(super) [u64; 2 * LIMBS]);

impl Start {
    pub(super) const NONE: Start = Start([0; 2 * LIMBS]);

    /// Makes good a product at this limb: its low half goes there, and its high half to the next.
    const fn product(mut self, at: usize) -> Self {
        self.0[at] = self.0[at].wrapping_add(LOW);
        self.0[at + 1] = self.0[at + 1].wrapping_sub(HIGH);
        self
    }

    /// Makes a limb positive that is carried from.
    const fn carried(mut self, at: usize) -> Self {
        self.0[at] = self.0[at].wrapping_add(POSITIVE);
        self.0[at + 1] = self.0[at + 1].wrapping_sub(CARRIED);
        self
    }

    /// Of the product of two numbers of five limbs.
    pub(super) const fn products(mut self) -> Self {
        let mut i = 0;
        while i < LIMBS {
            let mut j = 0;
            while j < LIMBS {
                self = self.product(i + j);
                j += 1;
            }
            i += 1;
        }
        self
    }

    /// Of the reduction.
    pub(super) const fn reduction(mut self) -> Self {
        let mut i = 0;
        while i < LIMBS {
            self = self.carried(i);
            let mut j = 0;
            while j < LIMBS {
                let at = if i < TOGETHER { TOGETHER } else { LIMBS - 1 };
                self = self.product(at + j);
                j += 1;
            }
            i += 1;
        }
        self
    }

    /// Of the carries of the upper half.
    pub(super) const fn close(mut self) -> Self {
        let mut i = LIMBS;
        while i < 2 * LIMBS - 1 {
            self = self.carried(i);
            i += 1;
        }
        self
    }

    /// So that limbs 1 to 8 are right when they are doubled.
    pub(super) const fn halved(mut self) -> Self {
        let mut i = 1;
        while i < 2 * LIMBS - 1 {
            assert!(self.0[i].is_multiple_of(2));
            self.0[i] /= 2;
            i += 1;
        }
        self
    }
}

/// Of the sum of a product and its reduction whose limbs stay open.
pub(super) const OPEN: Start = Start::NONE.products().reduction();
/// The same, where limbs are carried.
pub(super) const CLOSED: Start = OPEN.close();

/// What limbs are given so that they may be carried from though they are negative.
pub(super) const CLOSE: [u64; LIMBS] = {
    let start = Start::NONE.close().0;
    [start[5], start[6], start[7], start[8], start[9]]
};

/// K·p in limbs that may be carried from when negative ones are added.
pub(super) const fn closing_multiple<M: Modulus>(k: u64, times: u64) -> [u64; LIMBS] {
    let mut out = multiple::<M>(k);
    let mut i = 0;
    while i < LIMBS {
        out[i] = (out[i] * times).wrapping_add(CLOSE[i]);
        i += 1;
    }
    out
}

#[inline(always)]
pub(super) fn start<V: Vector>(start: &Start) -> [V; 2 * LIMBS] {
    let mut t = [V::broadcast(0); 2 * LIMBS];
    for i in 0..2 * LIMBS {
        t[i] = V::broadcast(start.0[i]);
    }
    t
}
