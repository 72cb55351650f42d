//! Many operations on affine points of G1 at once, with one field inversion for all.
//!
//! The identity is (0, 0), as in halo2curves; no other point has y = 0, as G1 has no point of order two. Cases that the affine
//! formulas do not cover (equal abscissas, the identity) are rare in a setup, but a crafted file may bring them about: they get
//! their own, slower path.

use halo2curves::{
    bn256::{Fq, G1, G1Affine},
    ff::Field,
    group::{Curve, Group, prime::PrimeCurveAffine},
};

/// Scratch memory for the inversions.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    denominators: Vec<Fq>,
    products: Vec<Fq>,
    middles: Vec<Middle>,
}

impl Scratch {
    fn start(&mut self, denominators: impl Iterator<Item = Fq>) {
        self.denominators.clear();
        self.denominators.extend(denominators);
        self.invert();
    }

    /// Inverts the denominators in place; zero stays zero.
    ///
    /// Products of the elements at even and at odd places: a multiplication need not wait for the one before it.
    fn invert(&mut self) {
        self.products.clear();
        let mut product = [Fq::ONE; 2];
        for (i, value) in self.denominators.iter().enumerate() {
            self.products.push(product[i % 2]);
            if *value != Fq::ZERO {
                product[i % 2] *= value;
            }
        }
        // A product of nonzero elements is not zero.
        let both = (product[0] * product[1]).invert().unwrap_or(Fq::ZERO);
        let mut inverse = [both * product[1], both * product[0]];
        let values = self.denominators.iter_mut().zip(&self.products);
        for (i, (value, before)) in values.enumerate().rev() {
            if *value != Fq::ZERO {
                let next = inverse[i % 2] * *value;
                *value = inverse[i % 2] * before;
                inverse[i % 2] = next;
            }
        }
    }
}

fn is_identity(point: &G1Affine) -> bool {
    point.y == Fq::ZERO
}

/// `points[i] = 2 points[i]`.
pub(super) fn double_all(points: &mut [G1Affine], scratch: &mut Scratch) {
    scratch.start(points.iter().map(|p| p.y.double()));
    for (point, inverse) in points.iter_mut().zip(&scratch.denominators) {
        // The formulas take the identity to itself.
        *point = double_with(point, inverse);
    }
}

/// `2 p`, given `1 / 2 p.y`.
fn double_with(p: &G1Affine, inverse: &Fq) -> G1Affine {
    let square = p.x.square();
    let slope = (square.double() + square) * inverse;
    let x = slope.square() - p.x.double();
    let y = slope * (p.x - x) - p.y;
    G1Affine { x, y }
}

/// `1 / (b.x - a.x)` is what a sum needs; zero where the formulas do not hold.
fn difference(a: &G1Affine, b: &G1Affine) -> Fq {
    if is_identity(a) || is_identity(b) {
        Fq::ZERO
    } else {
        b.x - a.x
    }
}

/// `sums[i] += addends[i]`.
pub(super) fn add_all(sums: &mut [G1Affine], addends: &[G1Affine], scratch: &mut Scratch) {
    scratch.start(sums.iter().zip(addends).map(|(a, b)| difference(a, b)));
    let addends = addends.iter().zip(&scratch.denominators);
    for (sum, (addend, inverse)) in sums.iter_mut().zip(addends) {
        *sum = add_with(sum, addend, inverse);
    }
}

/// `a + b`, given the inverse of [`difference`].
fn add_with(a: &G1Affine, b: &G1Affine, inverse: &Fq) -> G1Affine {
    if *inverse == Fq::ZERO {
        return match (is_identity(a), is_identity(b)) {
            (true, _) => *b,
            (_, true) => *a,
            _ => (a.to_curve() + b).to_affine(),
        };
    }
    let slope = (b.y - a.y) * inverse;
    let x = slope.square() - a.x - b.x;
    let y = slope * (a.x - x) - a.y;
    G1Affine { x, y }
}

/// `(low[i], high[i]) = (low[i] + high[i], low[i] - high[i])`.
pub(super) fn butterflies(low: &mut [G1Affine], high: &mut [G1Affine], scratch: &mut Scratch) {
    scratch.start(low.iter().zip(high.iter()).map(|(a, b)| difference(a, b)));
    let pairs = low.iter_mut().zip(high.iter_mut());
    for ((a, b), inverse) in pairs.zip(&scratch.denominators) {
        let minus = -*b;
        (*a, *b) = (add_with(a, b, inverse), add_with(a, &minus, inverse));
    }
}

/// A point that is added to the sum at this place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addend {
    pub(super) sum: usize,
    pub(super) point: G1Affine,
}

/// `sums[i] = 2 sums[i]`, plus the addend of i if there is one: at most one for each sum, in ascending order.
///
/// `2 P + Q` is computed as `(P + Q) + P`, without the ordinate of `P + Q`: 11 multiplications with those for the inversions,
/// where doubling and adding take 13 (Eisenträger, Lauter, Montgomery, "Fast elliptic curve arithmetic and improved Weil
/// pairing evaluation", 2003, section 2).
pub(super) fn double_and_add(sums: &mut [G1Affine], addends: &[Addend], scratch: &mut Scratch) {
    let mut next = addends.iter().peekable();
    scratch.start(
        sums.iter()
            .enumerate()
            .map(|(i, p)| match next.next_if(|a| a.sum == i) {
                Some(addend) => difference(p, &addend.point),
                None => p.y.double(),
            }),
    );
    // Sums without an addend are done now; of the others, the slope from P to Q and the abscissa of P + Q.
    let mut next = addends.iter().peekable();
    let mut middles = std::mem::take(&mut scratch.middles);
    middles.clear();
    for ((i, p), inverse) in sums.iter_mut().enumerate().zip(&scratch.denominators) {
        if let Some(addend) = next.next_if(|a| a.sum == i) {
            let slope = (addend.point.y - p.y) * inverse;
            let x = slope.square() - p.x - addend.point.x;
            middles.push(Middle { slope, x });
        } else {
            *p = double_with(p, inverse);
        }
    }
    scratch.start(addends.iter().zip(&middles).map(|(addend, middle)| {
        let p = &sums[addend.sum];
        // The slope is zero where P + Q could not be computed; a true slope of zero takes the slower path, too.
        if middle.slope == Fq::ZERO {
            Fq::ZERO
        } else {
            middle.x - p.x
        }
    }));
    let middle = addends.iter().zip(&middles).zip(&scratch.denominators);
    for ((addend, Middle { slope, x: middle }), inverse) in middle {
        let p = &mut sums[addend.sum];
        *p = if is_identity(p) {
            addend.point
        } else if *inverse == Fq::ZERO {
            (p.to_curve().double() + addend.point).to_affine()
        } else {
            let slope = -(*slope + p.y.double() * inverse);
            let x = slope.square() - p.x - middle;
            let y = slope * (p.x - x) - p.y;
            G1Affine { x, y }
        };
    }
    scratch.middles = middles;
}

/// Of a sum P + Q, what the addition of P to it needs.
#[derive(Clone, Copy, Debug)]
struct Middle {
    /// From P to Q.
    slope: Fq,
    /// Abscissa of P + Q.
    x: Fq,
}

/// Affine forms of many points.
pub(super) fn normalise(points: &[G1]) -> Vec<G1Affine> {
    let mut affine = vec![G1Affine::identity(); points.len()];
    G1::batch_normalize(points, &mut affine);
    affine
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    /// Two points, their multiples and the identity, each with each: all cases of a sum.
    fn pairs() -> Vec<(G1Affine, G1Affine)> {
        let mut rng = StdRng::seed_from_u64(4);
        let (p, q) = (G1::random(&mut rng), G1::random(&mut rng));
        let of = [p, q, p.double(), -p, -p.double(), G1::identity()].map(|p| p.to_affine());
        of.iter().flat_map(|a| of.map(|b| (*a, b))).collect()
    }

    #[test]
    fn sums_and_doubles_hold_for_equal_opposite_and_identity() {
        let (a, b): (Vec<_>, Vec<_>) = pairs().into_iter().unzip();
        let expected = |f: fn(G1, G1Affine) -> G1| -> Vec<G1Affine> {
            let pairs = a.iter().zip(&b);
            pairs
                .map(|(a, b)| f(a.to_curve(), *b).to_affine())
                .collect()
        };
        let scratch = &mut Scratch::default();

        let mut got = a.clone();
        add_all(&mut got, &b, scratch);
        assert_eq!(got, expected(|a, b| a + b));

        let (mut low, mut high) = (a.clone(), b.clone());
        butterflies(&mut low, &mut high, scratch);
        assert_eq!(low, expected(|a, b| a + b));
        assert_eq!(high, expected(|a, b| a - b));

        let mut got = a.clone();
        double_all(&mut got, scratch);
        assert_eq!(got, expected(|a, _| a.double()));

        let mut got = a.clone();
        let addends = b.iter().enumerate();
        let addends: Vec<Addend> = addends
            .map(|(sum, point)| Addend { sum, point: *point })
            .collect();
        double_and_add(&mut got, &addends, scratch);
        assert_eq!(got, expected(|a, b| a.double() + b));
    }

    #[test]
    fn sums_without_an_addend_are_doubled() {
        let mut sums: Vec<G1Affine> = pairs().into_iter().map(|(a, _)| a).collect();
        let addends: Vec<Addend> = (1..sums.len())
            .step_by(3)
            .map(|sum| Addend {
                sum,
                point: sums[0],
            })
            .collect();
        let expected: Vec<G1Affine> = (0..sums.len())
            .map(|i| {
                let double = sums[i].to_curve().double();
                let added = if i % 3 == 1 { double + sums[0] } else { double };
                added.to_affine()
            })
            .collect();
        double_and_add(&mut sums, &addends, &mut Scratch::default());
        assert_eq!(sums, expected);
    }
}
