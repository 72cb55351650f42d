//! How a batch is cut into sets of digits, and sets into jobs for threads.
//!
//! Costs are counted in additions of affine points.

use super::column::Column;
use super::digits::{MAGNITUDE_BITS, Window};
use super::weighted::Digits;
use std::ops::Range;

/// Widest digit.
const WIDEST: u32 = 16;

/// What a set costs beside its terms and keys: its share of short rounds, and steps outside of lanes.
const SET: f64 = 100.0;

/// What a key with a sum of its own costs, more than the addition that its first term spares: two terms in sums of halves, and its way
/// in and out of lanes.
const DISTINCT: f64 = 1.8;

/// What a key costs that may have no terms.
const KEY: f64 = 0.05;

/// What it costs to look at a digit, even if it is 0.
const LOOK: f64 = 0.06;

/// Fewest additions worth a job of their own.
const JOB: f64 = 2000.0;

/// Additions in a job beside which its short rounds do not count: threads may have two of them, for balance.
const LONG_JOB: f64 = 10_000.0;

/// Most additions in a job, which bounds its memory.
const LARGEST_JOB: f64 = 400_000.0;

/// Which scalars of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Small,
    Large,
}

/// Which points terms are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Bases,
    /// Those with large scalars where there are few of them.
    Few,
}

/// Terms that a job takes of a set which it shares with other jobs: those with a part of the keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// Place of the set among those that are shared.
    pub(super) shared: usize,
    pub(super) piece: usize,
}

/// The one of so many pieces that a digit belongs to, by a multiplicative hash.
#[inline(always)]
pub(super) fn piece_of(digit: u32, pieces: u32) -> usize {
    (((digit.wrapping_mul(0x9e37_79b1) >> 16) * pieces) >> 16) as usize
}

/// A set whose keys several jobs share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) set: Set,
    pub(super) pieces: u32,
}

/// Digits whose points are added together: those of one window, or of several, where a table has the multiples of points.
#[derive(Clone, Debug)]
pub(super) struct Set {
    pub(super) column: usize,
    pub(super) part: Part,
    pub(super) source: Source,
    /// Places in the list of scalars of this part.
    pub(super) scalars: Range<usize>,
    /// Where only some of the keys are meant.
    pub(super) share: Option<Share>,
    pub(super) windows: Vec<Window>,
    /// Whether digits of window i belong to row i of the table; all belong to the basis otherwise.
    pub(super) rows: bool,
    /// The sum counts times 2^shift.
    pub(super) shift: u32,
    pub(super) digits: Digits,
    estimate: Estimate,
}

/// What a set is expected to hold.
#[derive(Clone, Copy, Debug)]
struct Estimate {
    terms: f64,
    keys: f64,
    distinct: f64,
    cost: f64,
}

impl Estimate {
    fn new(terms: f64, keys: u32) -> Self {
        let keys = f64::from(keys);
        let distinct = keys * (1.0 - (-terms / keys).exp());
        let halves = 2.0 * keys.sqrt().min(distinct);
        let of_halves = halves * (DISTINCT + keys.log2() / 4.0);
        let cost = if terms == 0.0 {
            0.0
        } else {
            terms + DISTINCT * distinct + of_halves + KEY * keys + SET
        };
        Estimate {
            terms,
            keys,
            distinct,
            cost,
        }
    }
}

/// Windows of c bits over so many bits. A single bit that is left over goes to the last one.
pub(super) fn windows(c: u32, bits: u32) -> Vec<Window> {
    let count = (bits.saturating_sub(u32::from(c > 2)).div_ceil(c)).max(1);
    (0..count)
        .map(|i| Window {
            from: i * c,
            bits: if i + 1 < count { c } else { bits - i * c },
            last: i + 1 == count,
        })
        .collect()
}

/// One more than the largest digit of any of these windows.
fn below(windows: &[Window], bits: u32) -> u32 {
    let largest = windows.iter().map(|window| window.below(bits)).max();
    largest.unwrap_or(1)
}

/// Scalars of one part of a column, and how large they are.
struct Sized<F> {
    column: usize,
    part: Part,
    source: Source,
    count: usize,
    /// Of the largest.
    bits: u32,
    /// How many have more than so many bits.
    longer: F,
}

impl<F: Fn(u32) -> f64> Sized<F> {
    fn terms(&self, window: &Window) -> f64 {
        (self.longer)(window.from)
    }

    fn cost(&self, windows: &[Window]) -> f64 {
        // Most windows are like the one before.
        let mut last = (f64::NAN, 0, 0.0);
        let mut sum = LOOK * (self.count * windows.len()) as f64;
        for window in windows {
            let (terms, keys) = (self.terms(window), window.below(self.bits));
            if last.0 != terms || last.1 != keys {
                last = (terms, keys, Estimate::new(terms, keys).cost);
            }
            sum += last.2;
        }
        sum
    }

    /// The windows of the least cost without a table. They are as even as can be, since threads share them.
    fn windows(&self) -> Vec<Window> {
        let mut best = Vec::new();
        let mut least = f64::INFINITY;
        let mut last = 0;
        for count in 1..=self.bits {
            let c = self.bits.div_ceil(count);
            if c > WIDEST || c == last {
                continue;
            }
            last = c;
            let windows = windows(c, self.bits);
            let cost = self.cost(&windows);
            if cost < least {
                (best, least) = (windows, cost);
            } else if cost > 2.0 * least {
                break;
            }
        }
        best
    }

    fn set(&self, windows: Vec<Window>, rows: bool) -> Set {
        let below = below(&windows, self.bits);
        let terms = windows.iter().map(|window| self.terms(window)).sum();
        Set {
            column: self.column,
            part: self.part,
            source: self.source,
            scalars: 0..self.count,
            share: None,
            shift: windows.first().map_or(0, |window| window.from),
            windows,
            rows,
            digits: Digits { below },
            estimate: Estimate::new(terms, below),
        }
    }

    /// Appends the sets of the least cost. `table` is the width of the digits of a table of the points.
    fn sets(&self, table: Option<u32>, out: &mut Vec<Set>) {
        let separate = self.windows();
        if let Some(c) = table {
            let set = self.set(windows(c, self.bits), true);
            let look = LOOK * (self.count * set.windows.len()) as f64;
            let cost = set.estimate.cost + look;
            if self.source == Source::Few || cost < self.cost(&separate) {
                out.push(set);
                return;
            }
        }
        out.extend(
            separate
                .into_iter()
                .map(|window| self.set(vec![window], false)),
        );
    }
}

/// The sets of a column. `table` is the width of the digits of a table of the basis; large scalars that are `few` have a table of
/// their own.
pub(super) fn sets(
    place: usize,
    column: &Column,
    table: Option<u32>,
    few: Option<u32>,
) -> Vec<Set> {
    let mut out = Vec::new();
    let lengths = column.lengths();
    if let Some(bits) = lengths.iter().rposition(|&count| count > 0) {
        let mut longer = [0.0; 66];
        for length in (0..65).rev() {
            longer[length] = longer[length + 1] + f64::from(lengths[length]);
        }
        let small = Sized {
            column: place,
            part: Part::Small,
            source: Source::Bases,
            count: column.small(),
            bits: bits as u32,
            longer: |l: u32| longer[l as usize + 1],
        };
        small.sets(table, &mut out);
    }
    let count = column.large();
    if count > 0 {
        let large = Sized {
            column: place,
            part: Part::Large,
            source: match few {
                Some(_) => Source::Few,
                None => Source::Bases,
            },
            count,
            bits: MAGNITUDE_BITS,
            longer: |_| count as f64,
        };
        large.sets(few.or(table), &mut out);
    }
    out
}

/// Sets for threads.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    /// The sets of a job have the same source.
    pub(super) jobs: Vec<Vec<Set>>,
    pub(super) shared: Vec<Shared>,
}

impl Jobs {
    /// Jobs of about the same cost for this number of threads.
    pub(super) fn new(sets: Vec<Set>, threads: usize) -> Self {
        let total: f64 = sets.iter().map(|set| set.estimate.cost).sum();
        let cost = (total / threads as f64).clamp(JOB, LARGEST_JOB);
        let mut shared = Vec::new();
        let (few, bases): (Vec<Set>, Vec<Set>) = sets
            .into_iter()
            .flat_map(|set| cut(set, cost, &mut shared))
            .partition(|set| set.source == Source::Few);
        let jobs = if threads == 1 {
            1.0
        } else if total > 2.0 * threads as f64 * LONG_JOB {
            2.0 * threads as f64
        } else {
            (total / JOB).min(threads as f64)
        };
        let jobs = jobs.max(total / LARGEST_JOB).ceil() as usize;
        let mut out = share_out(bases, jobs);
        out.extend(share_out(few, jobs));
        Jobs { jobs: out, shared }
    }
}

/// Pieces of about this cost: parts of its keys, or, where these are few, parts of its scalars, which may each have terms of every
/// key.
fn cut(set: Set, cost: f64, shared: &mut Vec<Shared>) -> Vec<Set> {
    let Estimate {
        terms,
        keys,
        distinct,
        ..
    } = set.estimate;
    // Few keys cost little in several pieces, which are easier to balance.
    let few = DISTINCT * distinct < 0.05 * terms;
    let cost = if few { cost / 2.0 } else { cost };
    let pieces = (set.estimate.cost / cost.max(JOB / 2.0)).round().max(1.0);
    if pieces == 1.0 {
        return vec![set];
    }
    let estimate = Estimate {
        cost: set.estimate.cost / pieces,
        ..set.estimate
    };
    // Keys that nearly all have terms, and few of them: none is likely to have most of the terms.
    let even = terms < 32.0 * distinct && distinct > keys / 8.0;
    if even && DISTINCT * distinct > LOOK * terms {
        shared.push(Shared {
            set: set.clone(),
            pieces: pieces as u32,
        });
        return (0..pieces as usize)
            .map(|piece| Set {
                share: Some(Share {
                    shared: shared.len() - 1,
                    piece,
                }),
                estimate,
                ..set.clone()
            })
            .collect();
    }
    let step = (set.scalars.len().div_ceil(pieces as usize)).max(1);
    let starts = set.scalars.clone().step_by(step);
    starts
        .map(|start| Set {
            scalars: start..(start + step).min(set.scalars.end),
            estimate,
            ..set.clone()
        })
        .collect()
}

/// The heaviest sets first, each to the job that is the lightest so far.
fn share_out(mut sets: Vec<Set>, jobs: usize) -> Vec<Vec<Set>> {
    let jobs = jobs.clamp(1, sets.len().max(1));
    let mut jobs: Vec<(f64, Vec<Set>)> = vec![(0.0, Vec::new()); jobs];
    sets.sort_by(|a, b| b.estimate.cost.total_cmp(&a.estimate.cost));
    for set in sets {
        let lightest = (0..jobs.len()).min_by(|&a, &b| jobs[a].0.total_cmp(&jobs[b].0));
        let (cost, sets) = &mut jobs[lightest.unwrap_or(0)];
        *cost += set.estimate.cost;
        sets.push(set);
    }
    jobs.into_iter()
        .map(|(_, mut sets)| {
            sets.sort_by_key(|set| (set.column, set.shift));
            sets
        })
        .filter(|sets| !sets.is_empty())
        .collect()
}

/// The width of the digits of a table for so many points.
pub(super) fn table_width(points: usize) -> u32 {
    let cost = |c: u32| {
        let rows = windows(c, MAGNITUDE_BITS);
        let terms = (points * rows.len()) as f64;
        Estimate::new(terms, below(&rows, MAGNITUDE_BITS)).cost
    };
    (1..=WIDEST)
        .min_by(|&a, &b| cost(a).total_cmp(&cost(b)))
        .unwrap_or(1)
}
