//! Digits of scalars.

/// Bits of the largest magnitude, (p - 1)/2.
pub(super) const MAGNITUDE_BITS: u32 = 253;

/// A magnitude, of which digits are taken.
pub(super) trait Magnitude: Copy + Send + Sync {
    /// Bits `from..from + count`; `count` is below 32.
    fn bits(self, from: u32, count: u32) -> u32;
}

impl Magnitude for u64 {
    #[inline(always)]
    fn bits(self, from: u32, count: u32) -> u32 {
        let shifted = if from < 64 { self >> from } else { 0 };
        (shifted & ((1 << count) - 1)) as u32
    }
}

impl Magnitude for [u64; 4] {
    #[inline(always)]
    fn bits(self, from: u32, count: u32) -> u32 {
        let (word, shift) = ((from / 64) as usize, from % 64);
        let at = |word: usize| u128::from(self.get(word).copied().unwrap_or(0));
        let pair = at(word) | at(word + 1) << 64;
        (pair >> shift) as u32 & ((1 << count) - 1)
    }
}

/// Which bits of a magnitude a digit is made of.
///
/// Digits are signed: with the bit below as carry in and the top bit as carry out, a digit of c bits is between -2^(c-1) and
/// 2^(c-1). The last digit of a scalar has no carry out and keeps its top bit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) from: u32,
    pub(super) bits: u32,
    pub(super) last: bool,
}

impl Window {
    /// The digit's magnitude, and whether it is negative.
    #[inline(always)]
    pub(super) fn digit<M: Magnitude>(self, magnitude: M) -> (u32, bool) {
        let raw = if self.from == 0 {
            magnitude.bits(0, self.bits) << 1
        } else {
            magnitude.bits(self.from - 1, self.bits + 1)
        };
        let digit = (raw + 1) >> 1;
        // Without branches: a sign is as good as random.
        let negative = u32::from(!self.last) & (raw >> self.bits);
        let opposite = (1 << self.bits) - digit;
        let magnitude = digit ^ ((digit ^ opposite) & negative.wrapping_neg());
        (magnitude, negative == 1)
    }

    /// All digits of magnitudes of so many bits are below it.
    pub(super) fn below(self, magnitude_bits: u32) -> u32 {
        if !self.last {
            (1 << (self.bits - 1)) + 1
        } else if self.from == 0 {
            1 << self.bits.min(magnitude_bits)
        } else {
            (1 << self.bits.min(magnitude_bits.saturating_sub(self.from))) + 1
        }
    }
}
