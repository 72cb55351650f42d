//! The scalars of a column by their sizes.

use super::layout::Term;
use crate::lanes::{Arithmetic, Kernel, LANES, Lanes, dispatch};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field as _;
use rayon::prelude::*;
use std::ops::Range;

/// p, least significant word first.
const MODULUS: [u64; 4] = [
    0x43e1f593f0000001,
    0x2833e84879b97091,
    0xb85045b68181585d,
    0x30644e72e131a029,
];

/// A scalar that is not zero: the point (or its negative) and what it is multiplied by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scaled<M> {
    pub(super) term: Term,
    pub(super) magnitude: M,
}

/// A column in pieces, which threads have sorted.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) pieces: Vec<Scalars>,
}

/// Fewest scalars that are worth a thread of their own.
const PIECE: usize = 1024;

impl Column {
    /// Sorts scalars in so many pieces at most.
    pub(super) fn new(arithmetic: Arithmetic, scalars: &[Fr], pieces: usize) -> Self {
        let pieces = scalars.len().div_ceil(PIECE).clamp(1, pieces.max(1));
        let length = scalars.len().div_ceil(pieces).max(1);
        Column {
            pieces: scalars
                .par_chunks(length)
                .enumerate()
                .map(|(piece, column)| {
                    let first = piece * length;
                    dispatch(arithmetic, Classify { column, first })
                })
                .collect(),
        }
    }

    /// Number of small scalars.
    pub(super) fn small(&self) -> usize {
        self.pieces.iter().map(|piece| piece.small.len()).sum()
    }

    /// Number of large scalars.
    pub(super) fn large(&self) -> usize {
        self.pieces.iter().map(|piece| piece.large.len()).sum()
    }

    /// How many of the small ones have so many bits.
    pub(super) fn lengths(&self) -> [u32; 65] {
        let mut lengths = [0; 65];
        for piece in &self.pieces {
            for (sum, count) in lengths.iter_mut().zip(piece.lengths) {
                *sum += count;
            }
        }
        lengths
    }
}

/// The elements at these places of lists put one after the other, in runs.
pub(super) fn within<'a, T: 'a>(
    lists: impl Iterator<Item = &'a [T]>,
    places: Range<usize>,
) -> impl Iterator<Item = &'a [T]> {
    let mut start = 0;
    lists.map(move |list| {
        let place = |at: usize| at.clamp(start, start + list.len()) - start;
        let run = &list[place(places.start)..place(places.end)];
        start += list.len();
        run
    })
}

/// The scalars of a piece of a column that are not zero.
#[derive(Debug)]
pub(super) struct Scalars {
    /// Magnitudes of up to 64 bits.
    pub(super) small: Vec<Scaled<u64>>,
    /// The other ones.
    pub(super) large: Vec<Scaled<[u64; 4]>>,
    /// How many of the small ones have so many bits.
    pub(super) lengths: [u32; 65],
}

/// Small scalars that are collected before they are appended.
const BUFFER: usize = 128;

/// Sorts a piece of a column.
pub(super) struct Classify<'a> {
    pub(super) column: &'a [Fr],
    /// The point that its first scalar belongs to.
    pub(super) first: usize,
}

impl Kernel<Fr> for Classify<'_> {
    type Output = Scalars;

    #[inline(always)]
    fn run<L: Lanes<F = Fr>>(self) -> Scalars {
        let mut out = Scalars {
            small: Vec::new(),
            large: Vec::new(),
            lengths: [0; 65],
        };
        // Lanes have their own counts, so that one is not waited for by the next.
        let mut lengths = [[0u32; 65]; LANES];
        let none = Scaled {
            term: Term::default(),
            magnitude: 0,
        };
        let mut small = [none; BUFFER + LANES];
        let mut count = 0;
        let (blocks, rest) = self.column.as_chunks::<LANES>();
        let mut last = [Fr::ZERO; LANES];
        last[..rest.len()].copy_from_slice(rest);
        for (block, eight) in blocks.iter().chain([&last]).enumerate() {
            if *eight == [Fr::ZERO; LANES] {
                continue;
            }
            let first = self.first + block * LANES;
            let words = L::integers(eight);
            let [low, upper @ ..] = &words;
            let upper = upper.as_flattened().iter().fold(0, |all, word| all | word);
            for (lane, &low) in low.iter().enumerate() {
                let point = (first + lane) as u32;
                let (mut magnitude, mut negative) = (low, false);
                if upper != 0 {
                    let integer = words.map(|words| words[lane]);
                    if integer[1..] != [0; 3] {
                        let opposite = minus(integer);
                        if opposite[1..] != [0; 3] {
                            out.push_large(point, integer, opposite);
                            continue;
                        }
                        (magnitude, negative) = (opposite[0], true);
                    }
                }
                let term = Term::new(point, negative);
                small[count] = Scaled { term, magnitude };
                count += usize::from(magnitude > 0);
                lengths[lane][bit_length(magnitude)] += 1;
            }
            if count >= BUFFER {
                out.small.extend_from_slice(&small[..count]);
                count = 0;
            }
        }
        out.small.extend_from_slice(&small[..count]);
        for lengths in lengths {
            for (sum, count) in out.lengths.iter_mut().zip(lengths) {
                *sum += count;
            }
        }
        // Zeros are not among them.
        out.lengths[0] = 0;
        out
    }
}

fn bit_length(value: u64) -> usize {
    (u64::BITS - value.leading_zeros()) as usize
}

impl Scalars {
    /// The integer or its opposite, whose highest word is the smaller one: it is below 2^61, and the magnitude has 253 bits.
    fn push_large(&mut self, point: u32, integer: [u64; 4], opposite: [u64; 4]) {
        let negative = integer[3] > opposite[3];
        let mask = u64::from(negative).wrapping_neg();
        let mut magnitude = integer;
        for (word, opposite) in magnitude.iter_mut().zip(opposite) {
            *word ^= (*word ^ opposite) & mask;
        }
        let term = Term::new(point, negative);
        self.large.push(Scaled { term, magnitude });
    }

    /// Leaves out points for which this does not hold.
    pub(super) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        self.large.retain(|scaled| keep(scaled.term.point()));
        self.small.retain(|scaled| keep(scaled.term.point()));
        self.lengths = [0; 65];
        for scaled in &self.small {
            self.lengths[bit_length(scaled.magnitude)] += 1;
        }
    }
}

/// p - a
#[inline(always)]
fn minus(a: [u64; 4]) -> [u64; 4] {
    let mut out = [0; 4];
    let mut borrow = false;
    for i in 0..4 {
        let (difference, under) = MODULUS[i].overflowing_sub(a[i]);
        let (difference, under_again) = difference.overflowing_sub(u64::from(borrow));
        out[i] = difference;
        borrow = under || under_again;
    }
    out
}
