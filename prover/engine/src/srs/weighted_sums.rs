//! Many sums of few points each, all weighted by full scalars: the doublings of a sum are shared by its terms (Straus, "Addition
//! chains of vectors", 1964), the tables of a point by the sums, the inversions by everything that happens at one place.

use super::{
    affine::{Addend, Scratch, add_all, double_all, double_and_add},
    glv::{Digit, LARGEST, PLACES, digits},
};
use halo2curves::{
    bn256::{Fq, Fr, G1Affine},
    ff::WithSmallOrderMulGroup,
    group::prime::PrimeCurveAffine,
};

/// Odd multiples in a table: 1, 3, 5, …
const TABLE: usize = LARGEST.div_ceil(2);

/// `scalar * points[point]`, a part of `sums[sum]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    pub(super) sum: usize,
    pub(super) point: usize,
    pub(super) scalar: Fr,
}

/// The sums of the terms, which come in the order of their sums.
pub(super) fn weighted_sums(
    points: &[G1Affine],
    terms: impl Iterator<Item = Term>,
    sums: usize,
    scratch: &mut Scratch,
) -> Vec<G1Affine> {
    let tables = Tables::new(points, scratch);
    let mut places: Vec<Vec<Addend>> = vec![Vec::new(); PLACES];
    for Term { sum, point, scalar } in terms {
        for digit in digits(&scalar) {
            let point = tables.multiple(point, &digit);
            places[digit.place as usize].push(Addend { sum, point });
        }
    }
    let mut totals = vec![G1Affine::identity(); sums];
    for mut addends in places.into_iter().rev().skip_while(Vec::is_empty) {
        while merge(&mut addends, scratch) {}
        double_and_add(&mut totals, &addends, scratch);
    }
    totals
}

/// Adds neighbours that belong to one sum, pair by pair; whether there were any.
fn merge(addends: &mut Vec<Addend>, scratch: &mut Scratch) -> bool {
    let mut merged: Vec<Addend> = Vec::with_capacity(addends.len());
    let (mut pairs, mut lefts, mut rights) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = addends.as_slice();
    while let [first, others @ ..] = rest {
        rest = others;
        if let [second, others @ ..] = rest
            && second.sum == first.sum
        {
            rest = others;
            pairs.push(merged.len());
            lefts.push(first.point);
            rights.push(second.point);
        }
        merged.push(*first);
    }
    if pairs.is_empty() {
        return false;
    }
    add_all(&mut lefts, &rights, scratch);
    for (at, point) in pairs.into_iter().zip(lefts) {
        merged[at].point = point;
    }
    *addends = merged;
    true
}

/// Odd multiples of points.
struct Tables {
    /// `multiples[m][i] = (2 m + 1) * points[i]`
    multiples: [Vec<G1Affine>; TABLE],
    /// Abscissas of their images under the endomorphism.
    mapped: [Vec<Fq>; TABLE],
}

impl Tables {
    fn new(points: &[G1Affine], scratch: &mut Scratch) -> Self {
        let mut doubles = points.to_vec();
        double_all(&mut doubles, scratch);
        let mut next = points.to_vec();
        let multiples = std::array::from_fn(|m| {
            if m > 0 {
                add_all(&mut next, &doubles, scratch);
            }
            next.clone()
        });
        let mapped = std::array::from_fn(|m: usize| {
            let multiples: &Vec<G1Affine> = &multiples[m];
            multiples.iter().map(|p| p.x * Fq::ZETA).collect()
        });
        Self { multiples, mapped }
    }

    fn multiple(&self, point: usize, digit: &Digit) -> G1Affine {
        let m = usize::from(digit.size / 2);
        let mut multiple = self.multiples[m][point];
        if digit.mapped {
            multiple.x = self.mapped[m][point];
        }
        if digit.negative { -multiple } else { multiple }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2curves::{
        bn256::G1,
        ff::Field,
        group::{Curve, Group},
    };
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn weighted_sums_match_plain_ones_at_edges_too() {
        let mut rng = StdRng::seed_from_u64(1);
        let zeta = <Fr as WithSmallOrderMulGroup<3>>::ZETA;
        let mut scalars: Vec<Fr> = (0..40).map(|_| Fr::random(&mut rng)).collect();
        scalars.extend([Fr::ZERO, Fr::ONE, -Fr::ONE, zeta, -zeta, zeta.square()]);
        scalars.extend([15, 16, 17, 31].map(Fr::from));
        let mut points: Vec<G1Affine> = (0..5).map(|_| G1::random(&mut rng).to_affine()).collect();
        points.extend([
            points[0],
            -points[1],
            G1Affine::identity(),
            G1Affine::generator(),
        ]);

        // Sums of no, one, two, … terms; some are of one point alone, its negative, or equal scalars.
        let mut terms = Vec::new();
        for sum in 0..60 {
            for i in 0..sum % 5 {
                terms.push(Term {
                    sum,
                    point: (sum * 7 + i * 5) % points.len(),
                    scalar: scalars[(sum * sum + i / 2) % scalars.len()],
                });
            }
        }
        let mut expected = vec![G1::identity(); 60];
        for term in &terms {
            expected[term.sum] += points[term.point] * term.scalar;
        }
        let expected: Vec<G1Affine> = expected.iter().map(Curve::to_affine).collect();
        let got = weighted_sums(&points, terms.into_iter(), 60, &mut Scratch::default());
        assert_eq!(got, expected);
    }
}
