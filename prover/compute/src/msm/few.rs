//! A table for blinding rows.

use super::bases::{Bases, Point};
use super::column::{Column, Scaled};
use super::digits::MAGNITUDE_BITS;
use super::layout::Term;
use super::{plan, table};
use crate::lanes::{Arithmetic, LANES};

/// A table of the few points that have large scalars in some columns: the blinding rows of columns of small values.
pub(super) struct Few {
    pub(super) points: Vec<Point>,
    pub(super) length: usize,
}

impl Few {
    /// Width of its digits.
    pub(super) const WIDTH: u32 = 10;
    /// Most large scalars of a column that count as few.
    const SCALARS: usize = 32;
    /// What eight points of a table take, and what a column saves by it, in additions.
    const EIGHT_POINTS: usize = 2000;
    const SAVING: usize = 5000;

    pub(super) fn has(column: &Column) -> bool {
        (1..=Self::SCALARS).contains(&column.large())
    }

    /// Makes the table if it is worth it, and lets the large scalars of the columns that have few of them refer to it.
    pub(super) fn new(
        arithmetic: Arithmetic,
        bases: &Bases,
        columns: &mut [Column],
    ) -> Option<Self> {
        let mut columns: Vec<&mut Column> = columns
            .iter_mut()
            .filter(|column| Self::has(column))
            .collect();
        let mut rows: Vec<usize> = columns
            .iter()
            .flat_map(|column| &column.pieces)
            .flat_map(|piece| &piece.large)
            .map(|scaled| scaled.term.point())
            .collect();
        rows.sort_unstable();
        rows.dedup();
        let cost = rows.len().div_ceil(LANES) * Self::EIGHT_POINTS;
        if rows.is_empty() || cost > columns.len() * Self::SAVING {
            return None;
        }
        let pieces = columns.iter_mut().flat_map(|column| &mut column.pieces);
        for Scaled { term, .. } in pieces.flat_map(|piece| &mut piece.large) {
            let place = rows.partition_point(|&row| row < term.point());
            *term = Term::new(place as u32, term.negative());
        }
        let points: Vec<Point> = rows.iter().map(|&row| bases.points[row]).collect();
        let windows = plan::windows(Self::WIDTH, MAGNITUDE_BITS).len();
        Some(Few {
            points: table::multiples(arithmetic, &points, Self::WIDTH, windows),
            length: rows.len(),
        })
    }
}
