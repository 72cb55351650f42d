//! The terms of sets: points, or rows of tables of points, with their digits for keys.

use super::column::{Column, Scaled, within};
use super::digits::Magnitude;
use super::layout::Keyed;
use super::plan::{Part, Set, Shared, piece_of};
use rayon::prelude::*;
use std::ops::Range;

/// Appends the terms of scalars at these places of a set's part of a column. Digits are keys from `first` on, and a row of the table
/// has `length` points.
pub(super) fn append(
    set: &Set,
    column: &Column,
    places: Range<usize>,
    length: usize,
    first: u32,
    terms: &mut Vec<Keyed>,
) {
    let pieces = column.pieces.iter();
    match set.part {
        Part::Small => {
            for scalars in within(pieces.map(|piece| piece.small.as_slice()), places) {
                append_scalars(set, scalars, length, first, terms);
            }
        }
        Part::Large => {
            for scalars in within(pieces.map(|piece| piece.large.as_slice()), places) {
                append_scalars(set, scalars, length, first, terms);
            }
        }
    }
}

fn append_scalars<M: Magnitude>(
    set: &Set,
    scalars: &[Scaled<M>],
    length: usize,
    first: u32,
    terms: &mut Vec<Keyed>,
) {
    for (row, window) in set.windows.iter().enumerate() {
        let offset = if set.rows { row * length } else { 0 };
        // Every term is written, and stays where its digit is not 0: that is cheaper than to guess it.
        let mut at = terms.len();
        terms.resize(at + scalars.len(), Keyed::default());
        for &Scaled { term, magnitude } in scalars {
            let (digit, negative) = window.digit(magnitude);
            terms[at] = Keyed {
                key: first + digit,
                term: term.of_row(offset, negative),
            };
            at += usize::from(digit > 0);
        }
        terms.truncate(at);
    }
}

/// The terms of a set whose keys are shared, by piece of its keys. Each piece is in several lists.
pub(super) struct Spread(Vec<Vec<Vec<Keyed>>>);

impl Spread {
    pub(super) fn new(shared: &Shared, column: &Column, length: usize) -> Self {
        let Shared { set, pieces } = shared;
        let places = set.scalars.clone();
        let step = places.len().div_ceil(rayon::current_num_threads()).max(1);
        let starts: Vec<usize> = places.clone().step_by(step).collect();
        let lists = starts.into_par_iter().map(|start| {
            let places = start..(start + step).min(places.end);
            let mut terms = Vec::new();
            append(set, column, places, length, 0, &mut terms);
            let expected = terms.len() / *pieces as usize;
            let mut lists = vec![Vec::with_capacity(expected + expected / 8); *pieces as usize];
            for term in terms {
                lists[piece_of(term.key, *pieces)].push(term);
            }
            lists
        });
        Spread(lists.collect())
    }

    /// Appends the terms of a piece, with digits as keys from `first` on.
    pub(super) fn append(&self, piece: usize, first: u32, terms: &mut Vec<Keyed>) {
        for lists in &self.0 {
            terms.extend(lists[piece].iter().map(|&Keyed { key, term }| Keyed {
                key: first + key,
                term,
            }));
        }
    }
}
