//! Multi-scalar multiplication over G1 of BN254: Pippenger's method, with sums of affine points in lanes.
//!
//! 1. `column`: scalars leave Montgomery form and are sorted by size. Zeros vanish, and the smaller of s and p - s counts, so a
//!    column costs what its values are worth. Nothing need be said about them beforehand.
//! 2. `plan`: for each size, the widths of digits that cost the least. Every window of digits is a set; with a table of multiples of
//!    the points ([`Bases::with_table`]), all windows are one set. Few large scalars among small ones, as blinding rows are, have a
//!    small table made for them (`few`). Sets become jobs, one or two for each thread; all columns of a batch share them.
//! 3. `weighted`, `layout`, `sums`: the points of each digit are added, then their sums by halves of digits, then by bits. All
//!    additions are affine, eight lanes at once, and share inversions.
//! 4. What is left are a few points for every bit of a column, and doublings.
//!
//! The endomorphism of the curve is not used: with half as many windows over twice as many points, sums take as many additions, and
//! at 2^14 to 2^18 points the same time, before the endomorphism itself is counted.
//!
//! ## Memory
//! Beside bases and scalars: 16 bytes for a small scalar and 40 for a large one, for two million scalars at most and one column at
//! least, and in every thread 12 bytes for each digit of a job and 72 for each of its sums (a job is 400,000 additions at most, so
//! about 6 MB), and 0.7 MB for a tile of sums.

mod bases;
mod column;
mod digits;
mod few;
mod layout;
mod plan;
mod sums;
mod table;
mod terms;
mod tile;
mod weighted;

#[cfg(test)]
mod tests;

pub use bases::{Bases, TableError};

use crate::lanes::Arithmetic;
use bases::Point;
use column::Column;
use few::Few;
use halo2curves::bn256::{Fr, G1, G1Affine};
use halo2curves::group::Group as _;
use plan::{Jobs, Set, Source};
use rayon::prelude::*;
use terms::Spread;

/// Scalars of a batch that are in work at once, which bounds its memory.
const AT_ONCE: usize = 1 << 21;

/// The sum of points times scalars, for every column of scalars, in the current pool of threads. A column may be shorter than the
/// basis; what it has beyond the basis does not count.
pub fn msm_batch(arithmetic: Arithmetic, bases: &Bases, columns: &[&[Fr]]) -> Vec<G1> {
    let longest = columns.iter().map(|column| column.len()).max();
    let at_once = (AT_ONCE / longest.unwrap_or(1).max(1)).max(1);
    let batches = columns.chunks(at_once);
    batches
        .flat_map(|columns| sums(arithmetic, bases, columns))
        .collect()
}

fn sums(arithmetic: Arithmetic, bases: &Bases, columns: &[&[Fr]]) -> Vec<G1> {
    let threads = rayon::current_num_threads();
    // Columns are cut only where there are too few of them for the threads.
    let pieces = threads.div_ceil(columns.len().max(1));
    let mut columns: Vec<Column> = columns
        .par_iter()
        .map(|scalars| {
            let scalars = &scalars[..scalars.len().min(bases.len())];
            let mut column = Column::new(arithmetic, scalars, pieces);
            if !bases.infinities.is_empty() {
                for piece in &mut column.pieces {
                    piece.retain(|point| bases.infinities.binary_search(&point).is_err());
                }
            }
            column
        })
        .collect();
    let few = match bases.table {
        None => Few::new(arithmetic, bases, &mut columns),
        Some(_) => None,
    };
    let sets = columns
        .iter()
        .enumerate()
        .flat_map(|(place, column)| {
            let few = (few.is_some() && Few::has(column)).then_some(Few::WIDTH);
            plan::sets(place, column, bases.table, few)
        })
        .collect();
    let Jobs { jobs, shared } = Jobs::new(sets, threads);
    let mut batch = Batch {
        arithmetic,
        bases,
        few,
        columns,
        spread: Vec::new(),
    };
    batch.spread = shared
        .into_par_iter()
        .map(|shared| {
            let (_, length) = batch.points(shared.set.source);
            Spread::new(&shared, &batch.columns[shared.set.column], length)
        })
        .collect();
    let sums: Vec<(usize, u32, G1Affine)> = jobs
        .into_par_iter()
        .flat_map_iter(|sets| batch.sums(&sets))
        .collect();
    let mut of_columns = vec![Vec::new(); batch.columns.len()];
    for (column, bit, sum) in sums {
        of_columns[column].push((bit, sum));
    }
    of_columns.into_par_iter().map(sum_of_bits).collect()
}

/// What all jobs of a batch read.
struct Batch<'a> {
    arithmetic: Arithmetic,
    bases: &'a Bases,
    few: Option<Few>,
    columns: Vec<Column>,
    /// Terms of the sets that jobs share.
    spread: Vec<Spread>,
}

impl Batch<'_> {
    /// The points of a source, and how many of them are in a row of its table.
    fn points(&self, source: Source) -> (&[Point], usize) {
        match (source, &self.few) {
            (Source::Few, Some(few)) => (&few.points, few.length),
            _ => (&self.bases.points, self.bases.len()),
        }
    }

    /// Columns, bits and points, which count times 2^bit in the sum of the column, for sets of one source.
    fn sums(&self, sets: &[Set]) -> Vec<(usize, u32, G1Affine)> {
        let source = sets.first().map_or(Source::Bases, |set| set.source);
        let (points, length) = self.points(source);
        let mut terms = Vec::new();
        let mut first = 0;
        for set in sets {
            match set.share {
                Some(share) => self.spread[share.shared].append(share.piece, first, &mut terms),
                None => {
                    let places = set.scalars.clone();
                    let column = &self.columns[set.column];
                    terms::append(set, column, places, length, first, &mut terms);
                }
            }
            first += set.digits.below;
        }
        let digits: Vec<_> = sets.iter().map(|set| set.digits).collect();
        weighted::weighted_sums(self.arithmetic, points, &terms, &digits)
            .into_iter()
            .map(|of_bit| {
                let set = &sets[of_bit.set];
                (set.column, set.shift + of_bit.bit, of_bit.sum)
            })
            .collect()
    }
}

/// Sum of 2^bit times points.
fn sum_of_bits(mut terms: Vec<(u32, G1Affine)>) -> G1 {
    terms.sort_by_key(|&(bit, _)| std::cmp::Reverse(bit));
    let mut sum = G1::identity();
    let mut at = terms.first().map_or(0, |&(bit, _)| bit);
    for (bit, term) in terms {
        for _ in bit..at {
            sum = sum.double();
        }
        at = bit;
        sum += term;
    }
    for _ in 0..at {
        sum = sum.double();
    }
    sum
}
