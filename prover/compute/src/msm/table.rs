//! Multiples of points by powers of two, which spare the doublings and all but one set of buckets.

use super::Point;
use super::sums::invert;
use crate::lanes::{Arithmetic, Kernel, LANES, Lanes, dispatch};
use halo2curves::bn256::{Fq, G1Affine};
use halo2curves::ff::Field as _;
use halo2curves::group::prime::PrimeCurveAffine as _;
use rayon::prelude::*;

/// Points whose multiples share an inversion.
const CHUNK: usize = 128;

/// Row after row the points times 2^(c·row), as many rows as there are; row 0 is the points themselves. In the place of a point at
/// infinity stand multiples of the generator, which nobody asks for.
pub(super) fn multiples(
    arithmetic: Arithmetic,
    points: &[Point],
    c: u32,
    rows: usize,
) -> Vec<Point> {
    let chunks: Vec<Vec<Point>> = points
        .par_chunks(CHUNK)
        .map(|points| dispatch(arithmetic, Multiples { points, c, rows }))
        .collect();
    let mut out = Vec::with_capacity(points.len() * rows);
    for row in 0..rows {
        for (points, multiples) in points.chunks(CHUNK).zip(&chunks) {
            let padded = points.len().next_multiple_of(LANES);
            out.extend_from_slice(&multiples[row * padded..][..points.len()]);
        }
    }
    out
}

/// The multiples of a chunk, each row padded to whole lanes.
pub(super) struct Multiples<'a> {
    pub(super) points: &'a [Point],
    pub(super) c: u32,
    pub(super) rows: usize,
}

/// X/Z^2, Y/Z^3
#[derive(Clone, Copy)]
struct Jacobian<L> {
    x: L,
    y: L,
    z: L,
}

impl<L: Lanes<F = Fq>> Jacobian<L> {
    /// 2P, for P of odd order. x and y are below 3 and z below 4, before and after.
    ///
    /// With a = x^2, b = y^2, d = 4xb, e = 3a: x' = e^2 - 2d, y' = e(d - x') - 8b^2, z' = 2yz. All products are below 2 here.
    #[inline(always)]
    fn double(self) -> Self {
        let Jacobian { x, y, z } = self;
        let a = x.square();
        let b = y.square();
        let e = L::close(L::add_open(a.open(), L::add_open(a.open(), a.open())));
        let twice = |v: L::Open| L::add_open(v, v);
        let d = twice(twice(x.mul(b).open()));
        let x3 = L::close_reduced(L::sub_open::<16>(e.square_open(), twice(d)));
        let height = L::close(L::sub_open::<3>(d, x3.open()));
        let eight = twice(twice(twice(b.square().open())));
        let y3 = L::close_reduced(L::sub_open::<16>(e.mul_open(height), eight));
        let z3 = L::close(twice(y.mul_open(z)));
        Jacobian {
            x: x3,
            y: y3,
            z: z3,
        }
    }
}

impl Kernel<Fq> for Multiples<'_> {
    type Output = Vec<Point>;

    #[inline(always)]
    fn run<L: Lanes<F = Fq>>(self) -> Vec<Point> {
        let Multiples { points, c, rows } = self;
        let vectors = points.len().div_ceil(LANES);
        let one = L::splat(&L::constant(&Fq::ONE));
        let start = Jacobian {
            x: one,
            y: one,
            z: one,
        };
        let mut multiples = vec![start; rows * vectors];
        for (vector, points) in points.chunks(LANES).enumerate() {
            let (mut x, mut y) = ([Fq::ZERO; LANES], [Fq::ZERO; LANES]);
            for lane in 0..LANES {
                let point = match points.get(lane) {
                    Some(Point(point)) if !bool::from(point.is_identity()) => *point,
                    _ => G1Affine::generator(),
                };
                (x[lane], y[lane]) = (point.x, point.y);
            }
            let mut multiple = Jacobian {
                x: L::load(&x).reduce(),
                y: L::load(&y).reduce(),
                z: one,
            };
            multiples[vector] = multiple;
            for row in 1..rows {
                for _ in 0..c {
                    multiple = multiple.double();
                }
                multiples[row * vectors + vector] = multiple;
            }
        }
        normalise(&multiples)
    }
}

/// Affine points, by one inversion.
#[inline(always)]
fn normalise<L: Lanes<F = Fq>>(points: &[Jacobian<L>]) -> Vec<Point> {
    let one = L::splat(&L::constant(&Fq::ONE));
    let mut before = vec![one; points.len()];
    let mut product = one;
    for (before, point) in before.iter_mut().zip(points) {
        *before = product;
        product = product.mul(point.z);
    }
    let mut lanes = [Fq::ZERO; LANES];
    product.store(&mut lanes);
    // A multiple by a power of two of a point of odd order is not at infinity: all z have inverses.
    let mut inverse = L::load(&invert(lanes).unwrap_or(lanes));
    let mut out = vec![Point(G1Affine::identity()); points.len() * LANES];
    for ((out, point), before) in out.chunks_mut(LANES).zip(points).zip(before).rev() {
        let of_z = inverse.mul(before);
        inverse = inverse.mul(point.z);
        let square = of_z.square();
        let (mut x, mut y) = ([Fq::ZERO; LANES], [Fq::ZERO; LANES]);
        point.x.mul(square).store(&mut x);
        point.y.mul(square.mul(of_z)).store(&mut y);
        for (out, (x, y)) in out.iter_mut().zip(x.into_iter().zip(y)) {
            *out = Point(G1Affine { x, y });
        }
    }
    out
}
