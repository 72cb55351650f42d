//! Tests of a back end: every step against [`Naive`], at ends and in the middle.
//!
//! For the crates that have a back end of their own; they run [`check`] in a test.
#![cfg_attr(
    not(test),
    expect(clippy::unwrap_used, reason = "this module is only called by tests")
)]

use super::{Compute, Division, Evaluation, Naive, Term};
use crate::lanes::Arithmetic;
use crate::ntt::Domain;
use crate::quotient::{Builder, Program};
use halo2curves::bn256::{Fr, G1, G1Affine};
use halo2curves::ff::Field;
use halo2curves::group::Curve as _;
use halo2curves::group::prime::PrimeCurveAffine as _;

/// Checks every step of a back end.
///
/// # Panics
/// Where a step fails, or its result is not that of [`Naive`].
pub fn check<C: Compute>(compute: &C) {
    assert!(!compute.name().is_empty(), "a back end has a name");
    columns_come_back(compute);
    commitments(compute);
    for k in [1, 3, 6, 8] {
        transforms(compute, k);
    }
    parts_of_cosets(compute);
    programs(compute);
    running_products(compute);
    evaluations(compute);
    combinations(compute);
    divisions(compute);
    mistakes_are_errors(compute);
}

/// Elements that look random, the first few at the ends of the field.
fn elements(seed: u64, count: usize) -> Vec<Fr> {
    let ends = [Fr::ZERO, Fr::ONE, -Fr::ONE, -Fr::from(2), Fr::from(1 << 20)];
    let mut state = Fr::from(seed).square() + Fr::from(0x9e37_79b9_7f4a_7c15);
    let next = move || {
        state = state.square() + Fr::from(seed);
        state
    };
    ends.into_iter()
        .chain(std::iter::repeat_with(next))
        .take(count)
        .collect()
}

/// Multiples of the generator: with one at infinity, two that are equal and two that are opposite.
fn points(count: usize) -> Vec<G1Affine> {
    let mut points: Vec<G1Affine> = elements(77, count + 3)[3..]
        .iter()
        .map(|c| (G1Affine::generator() * *c).to_affine())
        .collect();
    if count > 8 {
        points[3] = G1Affine::identity();
        points[5] = points[4];
        points[7] = -points[6];
    }
    points
}

fn handles<C: Compute>(compute: &C, columns: &[Vec<Fr>]) -> Vec<C::Column> {
    columns
        .iter()
        .map(|values| compute.column(values.clone()).unwrap())
        .collect()
}

fn assert_columns<C: Compute>(compute: &C, got: &[C::Column], expected: &[Vec<Fr>], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}: number of columns");
    for (number, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert_eq!(compute.len(got), expected.len(), "{what}: length");
        let got = compute.read(got).unwrap();
        assert_eq!(got.as_ref(), expected.as_slice(), "{what}: column {number}");
    }
}

fn columns_come_back<C: Compute>(compute: &C) {
    for len in [0, 1, 2, 7, 64, 100] {
        let columns = [elements(1, len), elements(2, len)];
        let handles = handles(compute, &columns);
        assert_columns(compute, &handles, &columns, "a column");
    }
}

fn commitments<C: Compute>(compute: &C) {
    for count in [1, 2, 9, 64] {
        let points = points(count);
        let bases = compute.bases(points.clone()).unwrap();
        let mut columns = vec![
            elements(3, count),
            elements(4, count),
            vec![Fr::ZERO; count],
            vec![Fr::ONE; count],
            vec![-Fr::ONE; count],
            (0..count as u64).map(|i| Fr::from(i % 5)).collect(),
        ];
        // Small values, blinded at the end.
        let mut blinded = columns[5].clone();
        blinded[count - 1] = elements(5, 9)[8];
        columns.extend([blinded, elements(6, count / 2), Vec::new()]);
        let handles = handles(compute, &columns);
        let handles: Vec<&C::Column> = handles.iter().collect();
        let expected = Naive
            .commit(&points, &columns.iter().collect::<Vec<_>>())
            .unwrap();
        assert_points(&compute.commit(&bases, &handles).unwrap(), &expected);
        // As one that goes to the device alone.
        assert_points(
            &compute.commit(&bases, &handles[..1]).unwrap(),
            &expected[..1],
        );
        assert!(compute.commit(&bases, &[]).unwrap().is_empty());
    }
}

fn assert_points(got: &[G1], expected: &[G1]) {
    let affine = |points: &[G1]| -> Vec<G1Affine> { points.iter().map(G1::to_affine).collect() };
    assert_eq!(affine(got), affine(expected), "commitments");
}

fn transforms<C: Compute>(compute: &C, k: u32) {
    let domain = Domain::new(Arithmetic::detect(), k);
    let n = domain.n();
    let columns = [
        elements(7, n),
        elements(8, n),
        elements(9, n),
        vec![Fr::ZERO; n],
    ];
    let references: Vec<&Vec<Fr>> = columns.iter().collect();
    let expected = Naive.to_coefficients(&domain, columns.to_vec()).unwrap();
    let got = compute
        .to_coefficients(&domain, handles(compute, &columns))
        .unwrap();
    assert_columns(compute, &got, &expected, "to coefficients");

    let taken = handles(compute, &columns);
    let taken: Vec<&C::Column> = taken.iter().collect();
    let mut reuse = Vec::new();
    for shift in [Fr::ONE, Fr::from(5), -Fr::from(3), elements(10, 7)[6]] {
        let expected = Naive
            .to_coset(&domain, shift, &references, Vec::new())
            .unwrap();
        let got = compute.to_coset(&domain, shift, &taken, reuse).unwrap();
        assert_columns(compute, &got, &expected, "to a coset");
        reuse = got;
        let scale = elements(11, 9)[8];
        for values in &expected {
            let expected = Naive
                .coset_to_coefficients(&domain, shift, scale, values.clone())
                .unwrap();
            let column = compute.column(values.clone()).unwrap();
            let got = compute
                .coset_to_coefficients(&domain, shift, scale, column)
                .unwrap();
            assert_columns(compute, &[got], &[expected], "from a coset");
        }
    }
    assert_columns(
        compute,
        &compute.to_coefficients(&domain, Vec::new()).unwrap(),
        &[],
        "to coefficients",
    );
}

/// Polynomials of more coefficients than there are points, and the parts put together again.
fn parts_of_cosets<C: Compute>(compute: &C) {
    let domain = Domain::new(Arithmetic::detect(), 5);
    let columns = [elements(40, 64), elements(41, 128), elements(42, 32)];
    let taken = handles(compute, &columns);
    let taken: Vec<&C::Column> = taken.iter().collect();
    let references: Vec<&Vec<Fr>> = columns.iter().collect();
    let shift = elements(43, 8)[7];
    let expected = Naive
        .to_coset(&domain, shift, &references, Vec::new())
        .unwrap();
    let got = compute
        .to_coset(&domain, shift, &taken, Vec::new())
        .unwrap();
    assert_columns(compute, &got, &expected, "to a part of a coset");
    let expected = Naive.interleave(expected).unwrap();
    let got = compute.interleave(got).unwrap();
    assert_columns(compute, &[got], &[expected], "interleaving");
}

/// Outputs with every kind of operation, rotations both ways, parameters and constants.
fn program() -> Program {
    let mut b = Builder::new();
    let (x, next, before) = (b.column(0, 0), b.column(1, 1), b.column(2, -2));
    let (p, q, three) = (b.parameter(0), b.parameter(1), b.constant(Fr::from(3)));
    let product = b.multiply(x, next);
    let scaled = b.multiply(before, p);
    let sum = b.add(product, scaled);
    let difference = b.subtract(three, x);
    let both = b.multiply(sum, difference);
    let square = b.square(next);
    let shifted = b.add(square, q);
    let other = b.subtract(shifted, both);
    let unchanged = b.column(2, 0);
    b.compile(&[both, other, unchanged, q])
}

fn programs<C: Compute>(compute: &C) {
    for rows in [4, 64, 200] {
        let columns = [elements(12, rows), elements(13, rows), elements(14, rows)];
        let parameters = &elements(15, 9)[7..];
        let taken = handles(compute, &columns);
        let taken: Vec<&C::Column> = taken.iter().collect();
        let got = compute.run(&program(), &taken, parameters).unwrap();
        let row = |i: usize| {
            let (x, next) = (columns[0][i], columns[1][(i + 1) % rows]);
            let before = columns[2][(i + rows - 2) % rows];
            let both = (x * next + before * parameters[0]) * (Fr::from(3) - x);
            let other = next.square() + parameters[1] - both;
            [both, other, columns[2][i], parameters[1]]
        };
        let expected: Vec<Vec<Fr>> = (0..4)
            .map(|output| (0..rows).map(|i| row(i)[output]).collect())
            .collect();
        assert_columns(compute, &got, &expected, "a program");
        let references: Vec<&Vec<Fr>> = columns.iter().collect();
        let naive = Naive.run(&program(), &references, parameters).unwrap();
        assert_eq!(naive, expected, "the reference");
    }
}

fn running_products<C: Compute>(compute: &C) {
    for (len, last, chained) in [
        (1, 0, true),
        (16, 11, true),
        (16, 11, false),
        (70, 69, true),
    ] {
        let numerators: Vec<Vec<Fr>> = (16..19).map(|s| elements(s, len + 5)[5..].into()).collect();
        let mut denominators: Vec<Vec<Fr>> =
            (19..22).map(|s| elements(s, len + 5)[5..].into()).collect();
        denominators[2][len - 1] = Fr::ZERO;
        let expected = Naive
            .running_products(numerators.clone(), denominators.clone(), last, chained)
            .unwrap();
        let got = compute
            .running_products(
                handles(compute, &numerators),
                handles(compute, &denominators),
                last,
                chained,
            )
            .unwrap();
        assert_eq!(got.len(), expected.len(), "running products");
        for (got, expected) in got.iter().zip(&expected) {
            assert_eq!(got[..=last], expected[..=last], "running products");
            assert_eq!(got.len(), len, "running products");
        }
    }
}

fn evaluations<C: Compute>(compute: &C) {
    let columns = [
        elements(22, 64),
        elements(23, 1),
        elements(24, 33),
        Vec::new(),
    ];
    let taken = handles(compute, &columns);
    let points = [Fr::ZERO, Fr::ONE, -Fr::ONE, elements(25, 8)[7]];
    let mut asked = Vec::new();
    let mut expected = Vec::new();
    for (values, column) in columns.iter().zip(&taken) {
        for point in points {
            asked.push(Evaluation {
                polynomial: column,
                point,
            });
            let of_naive = Evaluation {
                polynomial: values,
                point,
            };
            expected.extend(Naive.evaluate(&[of_naive]).unwrap());
        }
    }
    assert_eq!(compute.evaluate(&asked).unwrap(), expected, "evaluations");
    assert!(compute.evaluate(&[]).unwrap().is_empty());
}

fn combinations<C: Compute>(compute: &C) {
    for (len, others) in [(64, 64), (64, 40), (13, 13)] {
        let columns = [elements(26, len), elements(27, others), elements(28, len)];
        let factors = [Fr::ONE, -Fr::ONE, elements(29, 9)[8]];
        let taken = handles(compute, &columns);
        for count in 0..=3 {
            let terms: Vec<Term<'_, C::Column>> = taken[..count]
                .iter()
                .zip(factors)
                .map(|(column, factor)| Term { factor, column })
                .collect();
            let of_naive: Vec<Term<'_, Vec<Fr>>> = columns[..count]
                .iter()
                .zip(factors)
                .map(|(column, factor)| Term { factor, column })
                .collect();
            let expected = Naive.combine(&of_naive, len).unwrap();
            let got = compute.combine(&terms, len).unwrap();
            assert_columns(compute, &[got], &[expected], "a combination");
        }
    }
}

fn divisions<C: Compute>(compute: &C) {
    let columns = [elements(30, 64), elements(31, 64), elements(32, 5)];
    let taken = handles(compute, &columns);
    let (low, roots) = (elements(33, 9), elements(34, 9));
    let parts = [
        (&low[5..6], &roots[6..7]),
        (&low[5..8], &roots[5..8]),
        (&low[..0], &roots[..1]),
    ];
    let mut expected = Vec::new();
    let mut asked = Vec::new();
    for ((values, column), (low, roots)) in columns.iter().zip(&taken).zip(parts) {
        expected.push(Division {
            polynomial: values,
            low: low.to_vec(),
            roots: roots.to_vec(),
        });
        asked.push(Division {
            polynomial: column,
            low: low.to_vec(),
            roots: roots.to_vec(),
        });
    }
    let expected = Naive.divide(expected).unwrap();
    let got = compute.divide(asked).unwrap();
    assert_columns(compute, &got, &expected, "a division");
}

/// Columns that do not fit are refused, before a device could see them.
fn mistakes_are_errors<C: Compute>(compute: &C) {
    let domain = Domain::new(Arithmetic::detect(), 4);
    let take = |len| compute.column(elements(35, len)).unwrap();
    let bases = compute.bases(points(4)).unwrap();
    assert!(
        compute.commit(&bases, &[&take(5)]).is_err(),
        "a long column"
    );
    assert!(compute.to_coefficients(&domain, vec![take(8)]).is_err());
    let (eight, sixteen) = (take(8), take(16));
    for columns in [[&eight, &sixteen], [&sixteen, &eight]] {
        assert!(
            compute
                .to_coset(&domain, Fr::from(5), &columns, Vec::new())
                .is_err()
        );
        let columns = [columns[0], columns[1], columns[1]];
        let parameters = [Fr::ONE, Fr::ONE];
        assert!(compute.run(&program(), &columns, &parameters).is_err());
    }
    assert!(
        compute
            .coset_to_coefficients(&domain, Fr::from(5), Fr::ONE, take(8))
            .is_err()
    );
}
