//! Sums of affine points, eight at once, with one inversion for many additions.
//!
//! A sum of two affine points takes one inversion, which many of them share (Montgomery's trick): three products an addition. The
//! terms of a lane are added in pairs, the sums again in pairs, and so on. All pairs of one round over a tile of groups share an
//! inversion; a tile is as large as its working memory fits a core's cache.
//!
//! Two terms with one x have no such sum: they are equal or opposite. Then the product of all differences is zero, and the tile is
//! summed anew in projective coordinates, which takes every case. Points of a basis or of a round before are never at infinity.

use super::Point;
use super::layout::{Group, Layout, Term};
use super::tile::Tile;
use crate::lanes::{Kernel, LANES, Lanes};
use halo2curves::bn256::{Fq, G1, G1Affine};
use halo2curves::ff::Field as _;
use halo2curves::group::{Curve as _, Group as _, prime::PrimeCurveAffine as _};

/// Rows of sums of first pairs in a tile: 320 bytes each for both coordinates, a difference and a product.
const TILE: usize = 512;

/// The sums of a layout, lane by lane of group by group.
pub(super) struct Sums<'a> {
    pub(super) points: &'a [Point],
    pub(super) layout: &'a Layout,
}

impl Kernel<Fq> for Sums<'_> {
    /// The sums, and whether some may be at infinity.
    type Output = (Vec<Point>, bool);

    #[inline(always)]
    fn run<L: Lanes<F = Fq>>(self) -> (Vec<Point>, bool) {
        let Sums { points, layout } = self;
        let groups = &layout.groups;
        let mut out = vec![Point(G1Affine::identity()); groups.len() * LANES];
        let mut any_at_infinity = false;
        let rows = groups.iter().map(|group| group.rows().div_ceil(2)).sum();
        let mut tile = Tile::<L>::new(TILE.min(rows));
        let mut first = 0;
        while first < groups.len() {
            let mut last = first;
            let mut rows = 0;
            while last < groups.len() {
                rows += groups[last].rows().div_ceil(2);
                if rows > TILE {
                    break;
                }
                last += 1;
            }
            let out = &mut out[first * LANES..last * LANES];
            if !tile.sum(points, &layout.terms, &groups[first..last], out) {
                sum_every_case(points, &layout.terms, &groups[first..last], out);
                any_at_infinity = true;
            }
            first = last;
        }
        (out, any_at_infinity)
    }
}

/// The same sums in complete formulas. A sum may be the point at infinity.
#[cold]
fn sum_every_case(points: &[Point], terms: &[Term], groups: &[Group], out: &mut [Point]) {
    let mut sums = vec![G1::identity(); out.len()];
    for (group, sums) in groups.iter().zip(sums.chunks_mut(LANES)) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            for row in 0..usize::from(group.lengths[lane]) {
                let term = terms[group.start + row * LANES + lane];
                let Point(point) = points[term.point()];
                *sum += if term.negative() { -point } else { point };
            }
        }
    }
    let mut affine = vec![G1Affine::identity(); sums.len()];
    G1::batch_normalize(&sums, &mut affine);
    for (out, affine) in out.iter_mut().zip(affine) {
        *out = Point(affine);
    }
}

/// The inverses of eight elements, or none where one of them is zero.
pub(super) fn invert(elements: [Fq; LANES]) -> Option<[Fq; LANES]> {
    let mut before = [Fq::ONE; LANES];
    let mut product = Fq::ONE;
    for (before, element) in before.iter_mut().zip(&elements) {
        *before = product;
        product *= element;
    }
    let mut inverse: Fq = Option::from(product.invert())?;
    let mut out = before;
    for (out, element) in out.iter_mut().zip(&elements).rev() {
        *out *= inverse;
        inverse *= element;
    }
    Some(out)
}
