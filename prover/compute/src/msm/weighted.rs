//! Sums of points times small numbers: what is left of a multi-scalar multiplication when scalars are cut into digits.
//!
//! Points with one digit are added first. Their sum S_d stands for d·S_d, and the sum of these is taken by the bits of d:
//! sum of d·S_d = sum over bits b of 2^b·(sum of S_d over all d with bit b). To spare additions, a long digit is halved before:
//! all S_d with one upper half are added, and all with one lower half, and the bits of halves are taken from there. Each step is
//! again a keyed sum, so all of it runs in lanes, and the sets of many windows and columns share its inversions.

use super::Point;
use super::layout::{Keyed, Layout, NO_KEY, Term};
use super::sums::Sums;
use crate::lanes::{Arithmetic, dispatch};
use halo2curves::bn256::G1Affine;
use halo2curves::group::prime::PrimeCurveAffine as _;

/// Digits of more bits than this are halved.
const WHOLE: u32 = 5;

/// Terms whose keys are their digits, and the number of bits of the largest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digits {
    /// All digits are below it, and above 0.
    pub(super) below: u32,
}

impl Digits {
    fn bits(self) -> u32 {
        u32::BITS - self.below.saturating_sub(1).leading_zeros()
    }

    /// Bits of the lower half, where it is halved.
    fn lower(self) -> Option<u32> {
        (self.bits() > WHOLE).then(|| self.bits() / 2)
    }
}

/// Keyed sums, without those at infinity. A key may have several.
struct KeyedSums {
    keys: Vec<u32>,
    sums: Vec<Point>,
    any_at_infinity: bool,
}

impl KeyedSums {
    fn new(arithmetic: Arithmetic, points: &[Point], terms: &[Keyed], keys: u32) -> Self {
        let layout = Layout::new(terms, keys as usize);
        let (sums, any_at_infinity) = dispatch(
            arithmetic,
            Sums {
                points,
                layout: &layout,
            },
        );
        KeyedSums {
            keys: layout.keys,
            sums,
            any_at_infinity,
        }
    }

    /// Place, key and sum.
    fn iter(&self) -> impl Iterator<Item = (u32, u32, Point)> {
        (0..)
            .zip(&self.keys)
            .zip(&self.sums)
            .filter_map(|((at, &key), &sum)| {
                let absent = key == NO_KEY || self.any_at_infinity && sum.0 == G1Affine::identity();
                (!absent).then_some((at, key, sum))
            })
    }
}

/// A sum that counts times 2^bit in that of a set.
pub(super) struct OfBit {
    pub(super) set: usize,
    pub(super) bit: u32,
    pub(super) sum: G1Affine,
}

/// The sums of points times their digits, bit by bit of the digits, for each set. Keys of terms are digits counted on from the digits
/// of the sets before: a digit d of a set is the key `first + d`, where `first` is the sum of `below` of the sets before it. No digit is 0.
pub(super) fn weighted_sums(
    arithmetic: Arithmetic,
    points: &[Point],
    terms: &[Keyed],
    sets: &[Digits],
) -> Vec<OfBit> {
    let starts = Starts::new(sets.iter().map(|set| set.below));
    let of_digits = KeyedSums::new(arithmetic, points, terms, starts.end());

    // Points with parts of their digits: the set, the place of the part in the digit, and the part.
    let mut parts: Vec<(usize, u32, u32)> = Vec::new();
    let mut of_parts: Vec<Point> = Vec::new();
    let halves = Starts::new(sets.iter().map(|set| match set.lower() {
        Some(lower) => (1 << lower) + (1 << (set.bits() - lower)),
        None => 0,
    }));
    let mut halved: Vec<Keyed> = Vec::new();
    let mut set = 0;
    for (at, key, sum) in of_digits.iter() {
        set = starts.find(key, set);
        let digit = key - starts.of(set);
        if let Some(lower) = sets[set].lower() {
            let term = Term::new(at, false);
            let (high, low) = (digit >> lower, digit & ((1 << lower) - 1));
            if low > 0 {
                let key = halves.of(set) + low;
                halved.push(Keyed { key, term });
            }
            if high > 0 {
                let key = halves.of(set) + (1 << lower) + high;
                halved.push(Keyed { key, term });
            }
        } else {
            parts.push((set, 0, digit));
            of_parts.push(sum);
        }
    }
    let of_halves = KeyedSums::new(arithmetic, &of_digits.sums, &halved, halves.end());
    for (_, key, sum) in of_halves.iter() {
        set = halves.find(key, set);
        let lower = sets[set].lower().unwrap_or(0);
        let half = key - halves.of(set);
        parts.push(if half < 1 << lower {
            (set, 0, half)
        } else {
            (set, lower, half - (1 << lower))
        });
        of_parts.push(sum);
    }

    let bits = Starts::new(sets.iter().map(|set| set.bits()));
    let mut terms: Vec<Keyed> = Vec::new();
    for (&(set, place, part), at) in parts.iter().zip(0..) {
        let term = Term::new(at, false);
        for bit in 0..u32::BITS - part.leading_zeros() {
            if part >> bit & 1 == 1 {
                let key = bits.of(set) + place + bit;
                terms.push(Keyed { key, term });
            }
        }
    }
    KeyedSums::new(arithmetic, &of_parts, &terms, bits.end())
        .iter()
        .map(|(_, key, sum)| {
            set = bits.find(key, set);
            OfBit {
                set,
                bit: key - bits.of(set),
                sum: sum.0,
            }
        })
        .collect()
}

/// Where the keys of each set start.
struct Starts(Vec<u32>);

impl Starts {
    fn new(lengths: impl Iterator<Item = u32>) -> Self {
        let mut sum = 0;
        let mut starts = vec![0];
        for length in lengths {
            sum += length;
            starts.push(sum);
        }
        Starts(starts)
    }

    fn of(&self, set: usize) -> u32 {
        self.0[set]
    }

    fn end(&self) -> u32 {
        self.0[self.0.len() - 1]
    }

    /// The set of a key. Keys come in runs, so a guess is tried first.
    fn find(&self, key: u32, guess: usize) -> usize {
        if (self.0[guess]..self.0[guess + 1]).contains(&key) {
            guess
        } else {
            self.0.partition_point(|&start| start <= key) - 1
        }
    }
}
