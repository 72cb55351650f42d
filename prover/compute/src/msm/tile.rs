//! The sums of a tile: rounds of additions of affine points which share an inversion each.

use super::bases::Point;
use super::layout::{Group, Term};
use super::sums::invert;
use crate::lanes::{LANES, Lanes, prefetch};
use halo2curves::bn256::{Fq, G1Affine};
use halo2curves::ff::Field as _;

/// How many pairs ahead points are asked for.
const AHEAD: usize = 6;

/// Two rows of points to be added.
#[derive(Clone, Copy)]
struct Pair {
    left: u32,
    right: u32,
    /// Where the sums go, in the first round; in later ones they go to `left`.
    to: u32,
    /// Lanes with two terms. The others keep what is on the left.
    active: u8,
}

/// Working memory of a tile.
pub(super) struct Tile<L> {
    x: Vec<L>,
    y: Vec<L>,
    difference: Vec<L>,
    product: Vec<L>,
    /// A row that nobody reads a sum from.
    spare: u32,
    pairs: Vec<Pair>,
    groups: Vec<(usize, [u16; LANES])>,
    one: L,
}

/// Independent chains of products, so that one goes on while the other waits.
const CHAINS: usize = 2;

type Chains<L> = [L; CHAINS];

fn lanes_below(lengths: &[u16; LANES], row: usize) -> u8 {
    if row < usize::from(lengths[LANES - 1]) {
        return u8::MAX;
    }
    let mut mask = 0;
    for (lane, &length) in lengths.iter().enumerate() {
        mask |= u8::from(row < usize::from(length)) << lane;
    }
    mask
}

fn row_of(terms: &[Term], start: u32) -> [Term; LANES] {
    let mut row = [Term::default(); LANES];
    row.copy_from_slice(&terms[start as usize..start as usize + LANES]);
    row
}

/// Asks for the points of two rows.
#[inline(always)]
fn ask_for(points: &[Point], terms: &[Term], pair: &Pair) {
    for start in [pair.left as usize, pair.right as usize] {
        for term in &terms[start..start + LANES] {
            prefetch(&points[term.point()]);
        }
    }
}

#[inline(always)]
fn gather_x<L: Lanes<F = Fq>>(points: &[Point], row: &[Term; LANES]) -> L {
    let p = |i: usize| &points[row[i].point()].0.x;
    L::gather([p(0), p(1), p(2), p(3), p(4), p(5), p(6), p(7)])
}

/// Bound 16. The signs of terms are not in it.
#[inline(always)]
fn gather_y<L: Lanes<F = Fq>>(points: &[Point], row: &[Term; LANES]) -> L {
    let p = |i: usize| &points[row[i].point()].0.y;
    L::gather([p(0), p(1), p(2), p(3), p(4), p(5), p(6), p(7)])
}

/// The lanes with negative terms.
#[inline(always)]
fn negative(row: &[Term; LANES]) -> u8 {
    let mut mask = 0;
    for (lane, term) in row.iter().enumerate() {
        mask |= u8::from(term.negative()) << lane;
    }
    mask
}

/// An operand of a sum: (x, y), or (x, -y) in the lanes of a mask.
#[derive(Clone, Copy)]
struct Operand<L> {
    x: L,
    y: L,
    negative: u8,
}

impl<L: Lanes<F = Fq>> Tile<L> {
    #[inline(always)]
    pub(super) fn new(rows: usize) -> Self {
        // Two more for a pair that makes their number even and is written to the last row.
        let spare = rows + 1;
        let rows = || vec![L::zero(); rows + 2];
        Tile {
            x: rows(),
            y: rows(),
            difference: rows(),
            product: rows(),
            spare: spare as u32,
            pairs: Vec::new(),
            groups: Vec::new(),
            one: L::splat(&L::constant(&Fq::ONE)),
        }
    }

    /// False where two terms of a pair have the same x.
    #[inline(always)]
    pub(super) fn sum(
        &mut self,
        points: &[Point],
        terms: &[Term],
        groups: &[Group],
        out: &mut [Point],
    ) -> bool {
        if !self.first_round(points, terms, groups) {
            return false;
        }
        while self.halve() {
            if !self.round() {
                return false;
            }
        }
        for ((at, _), out) in self.groups.iter().zip(out.chunks_mut(LANES)) {
            let (mut x, mut y) = ([Fq::ZERO; LANES], [Fq::ZERO; LANES]);
            self.x[*at].store(&mut x);
            self.y[*at].store(&mut y);
            for (out, (x, y)) in out.iter_mut().zip(x.into_iter().zip(y)) {
                *out = Point(G1Affine { x, y });
            }
        }
        true
    }

    /// Lists the pairs of the next round; false where all sums are there.
    fn halve(&mut self) -> bool {
        self.pairs.clear();
        for (at, lengths) in &mut self.groups {
            let rows = usize::from(lengths[0]);
            let half = rows.div_ceil(2);
            for i in 0..rows - half {
                self.pairs.push(Pair {
                    left: (*at + i) as u32,
                    right: (*at + i + half) as u32,
                    to: (*at + i) as u32,
                    active: lanes_below(lengths, i + half),
                });
            }
            for length in lengths {
                *length = (*length).min(half as u16);
            }
        }
        if self.pairs.is_empty() {
            return false;
        }
        self.even();
        true
    }

    fn even(&mut self) {
        while !self.pairs.len().is_multiple_of(CHAINS) {
            self.pairs.push(Pair {
                left: self.spare,
                right: self.spare,
                to: self.spare,
                active: 0,
            });
        }
    }

    #[inline(always)]
    fn first_round(&mut self, points: &[Point], terms: &[Term], groups: &[Group]) -> bool {
        self.pairs.clear();
        self.groups.clear();
        let mut at = 0;
        for group in groups {
            let rows = group.rows();
            let half = rows.div_ceil(2);
            for i in 0..rows - half {
                self.pairs.push(Pair {
                    left: (group.start + i * LANES) as u32,
                    right: (group.start + (i + half) * LANES) as u32,
                    to: (at + i) as u32,
                    active: lanes_below(&group.lengths, i + half),
                });
            }
            if rows % 2 == 1 {
                let row = row_of(terms, (group.start + (half - 1) * LANES) as u32);
                self.x[at + half - 1] = gather_x::<L>(points, &row).reduce();
                let y: L = gather_y(points, &row);
                let opposite = L::zero().sub::<16>(y);
                self.y[at + half - 1] = y.select(opposite, negative(&row)).reduce();
            }
            let mut lengths = group.lengths;
            for length in &mut lengths {
                *length = (*length).min(half as u16);
            }
            self.groups.push((at, lengths));
            at += half;
        }
        if self.pairs.is_empty() {
            return true;
        }
        while !self.pairs.len().is_multiple_of(CHAINS) {
            self.pairs.push(Pair {
                left: 0,
                right: 0,
                to: self.spare,
                active: 0,
            });
        }
        let mut running: Chains<L> = [self.one; CHAINS];
        for at in (0..self.pairs.len()).step_by(CHAINS) {
            for chain in 0..CHAINS {
                if let Some(pair) = self.pairs.get(at + chain + AHEAD) {
                    ask_for(points, terms, pair);
                }
                let pair = self.pairs[at + chain];
                let x1: L = gather_x(points, &row_of(terms, pair.left));
                let x2: L = gather_x(points, &row_of(terms, pair.right));
                let mut difference = x2.sub::<16>(x1);
                if pair.active != u8::MAX {
                    difference = difference.select(self.one, !pair.active);
                }
                self.x[pair.to as usize] = x1;
                self.keep(&mut running, at, chain, difference);
            }
        }
        let Some(mut running) = inverses(running) else {
            return false;
        };
        for at in (0..self.pairs.len()).step_by(CHAINS).rev() {
            let none = Operand {
                x: self.one,
                y: self.one,
                negative: 0,
            };
            let mut left = [none; CHAINS];
            let mut right = [(self.one, 0); CHAINS];
            for chain in 0..CHAINS {
                if let Some(ahead) = (at + chain).checked_sub(AHEAD) {
                    ask_for(points, terms, &self.pairs[ahead]);
                }
                let pair = self.pairs[at + chain];
                let row = row_of(terms, pair.left);
                left[chain] = Operand {
                    x: self.x[pair.to as usize],
                    y: gather_y(points, &row),
                    negative: negative(&row),
                };
                let row = row_of(terms, pair.right);
                right[chain] = (gather_y(points, &row), negative(&row));
            }
            self.finish::<16, 64, true>(&mut running, at, left, right);
        }
        true
    }

    #[inline(always)]
    fn round(&mut self) -> bool {
        let mut running: Chains<L> = [self.one; CHAINS];
        for at in (0..self.pairs.len()).step_by(CHAINS) {
            for chain in 0..CHAINS {
                let pair = self.pairs[at + chain];
                let x1 = self.x[pair.left as usize];
                let x2 = self.x[pair.right as usize];
                let mut difference = x2.sub::<3>(x1);
                if pair.active != u8::MAX {
                    difference = difference.select(self.one, !pair.active);
                }
                self.keep(&mut running, at, chain, difference);
            }
        }
        let Some(mut running) = inverses(running) else {
            return false;
        };
        for at in (0..self.pairs.len()).step_by(CHAINS).rev() {
            let none = Operand {
                x: self.one,
                y: self.one,
                negative: 0,
            };
            let mut left = [none; CHAINS];
            let mut right = [(self.one, 0); CHAINS];
            for chain in 0..CHAINS {
                let pair = self.pairs[at + chain];
                left[chain] = Operand {
                    x: self.x[pair.left as usize],
                    y: self.y[pair.left as usize],
                    negative: 0,
                };
                right[chain] = (self.y[pair.right as usize], 0);
            }
            self.finish::<3, 12, false>(&mut running, at, left, right);
        }
        true
    }

    #[inline(always)]
    fn keep(&mut self, running: &mut Chains<L>, at: usize, chain: usize, difference: L) {
        self.difference[at + chain] = difference;
        self.product[at + chain] = running[chain];
        running[chain] = running[chain].mul(difference);
    }

    /// The sums of a pair in each chain: the slope s = (y2 - y1)/(x2 - x1), x3 = s^2 - x1 - x2, y3 = s·(x1 - x3) - y1. On the right
    /// come y2 and the lanes where it is negated. Without `SIGNS`, nothing is negated.
    ///
    /// Bounds: with y at most K, and the difference of x and twice x1 at most K4 together, all products are below 8.
    #[inline(always)]
    fn finish<const K: u64, const K4: u64, const SIGNS: bool>(
        &mut self,
        running: &mut Chains<L>,
        at: usize,
        left: [Operand<L>; CHAINS],
        right: [(L, u8); CHAINS],
    ) {
        let mut slope = [self.one; CHAINS];
        for chain in 0..CHAINS {
            slope[chain] = running[chain].mul(self.product[at + chain]);
            running[chain] = running[chain].mul(self.difference[at + chain]);
        }
        for chain in 0..CHAINS {
            let (y1, y2) = (left[chain], right[chain]);
            let rise = if SIGNS {
                L::sub_negated::<K>(y2.0, y2.1, y1.y, y1.negative)
            } else {
                y2.0.sub::<K>(y1.y)
            };
            slope[chain] = slope[chain].mul(rise);
        }
        let mut x3 = slope;
        for chain in 0..CHAINS {
            let x1 = left[chain].x.open();
            let sum = L::add_open(self.difference[at + chain].open(), L::add_open(x1, x1));
            x3[chain] = L::close_reduced(L::sub_open::<K4>(slope[chain].square_open(), sum));
        }
        for chain in 0..CHAINS {
            let pair = self.pairs[at + chain];
            let Operand { x, y, negative } = left[chain];
            let mut x3 = x3[chain];
            let rise = slope[chain].mul_open(x.sub::<3>(x3));
            let mut y3 = L::close_reduced(if SIGNS {
                L::sub_open_negated::<K>(rise, y, negative)
            } else {
                L::sub_open::<K>(rise, y.open())
            });
            if pair.active != u8::MAX {
                let y = y.select(L::zero().sub::<K>(y), negative);
                x3 = x.reduce().select(x3, pair.active);
                y3 = y.reduce().select(y3, pair.active);
            }
            self.x[pair.to as usize] = x3;
            self.y[pair.to as usize] = y3;
        }
    }
}

/// The inverses of the products of both chains; none where one of them is zero.
#[inline(always)]
fn inverses<L: Lanes<F = Fq>>(running: Chains<L>) -> Option<Chains<L>> {
    let mut lanes = [Fq::ZERO; LANES];
    running[0].mul(running[1]).store(&mut lanes);
    let inverse = L::load(&invert(lanes)?);
    Some([inverse.mul(running[1]), inverse.mul(running[0])])
}
