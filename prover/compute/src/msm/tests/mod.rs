//! Sums against scalar multiplication of halo2curves, over awkward bases and scalars.

use super::bases::TableError;
use super::digits::MAGNITUDE_BITS;
use super::layout::{Keyed, Layout, NO_KEY, Term};
use super::sums::Sums;
use super::table::Multiples;
use super::*;
use crate::lanes::{Kernel as _, checked::Checked};
use halo2curves::bn256::Fq;
use halo2curves::ff::{Field as _, PrimeField as _};
use halo2curves::group::{Curve as _, prime::PrimeCurveAffine as _};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

pub(super) fn random_points(rng: &mut ChaCha20Rng, count: usize) -> Vec<G1Affine> {
    let step = G1::random(&mut *rng);
    let mut point = G1::random(&mut *rng);
    let points: Vec<G1> = (0..count)
        .map(|_| {
            point = point.double() + step;
            point
        })
        .collect();
    let mut out = vec![G1Affine::identity(); count];
    G1::batch_normalize(&points, &mut out);
    out
}

fn naive(points: &[G1Affine], scalars: &[Fr]) -> G1 {
    points
        .iter()
        .zip(scalars)
        .map(|(point, scalar)| point * scalar)
        .sum()
}

fn awkward_scalar(rng: &mut ChaCha20Rng) -> Fr {
    let value = match rng.gen_range(0..12) {
        0 | 1 => Fr::ZERO,
        2 => Fr::ONE,
        3 => Fr::from(rng.gen_range(0..256)),
        4 | 5 => Fr::from(rng.gen_range(0..1 << 12)),
        6 => Fr::from(rng.gen_range(0..1 << 16)),
        7 => Fr::from(rng.r#gen::<u64>()),
        8 => Fr::from(u64::MAX) + Fr::from(rng.gen_range(0..2)),
        9 => (-Fr::ONE) * Fr::TWO_INV + Fr::from(rng.gen_range(0..2)),
        10 => Fr::from(2).pow_vartime([rng.gen_range(0..254)]),
        _ => Fr::random(&mut *rng),
    };
    if rng.r#gen() { value } else { -value }
}

fn awkward_points(rng: &mut ChaCha20Rng, count: usize, kind: u32) -> Vec<G1Affine> {
    let mut points = random_points(rng, count);
    match kind {
        // Some at infinity, some equal, some opposite.
        1 => {
            for i in 1..count {
                let other = points[rng.gen_range(0..i)];
                match rng.gen_range(0..6) {
                    0 => points[i] = other,
                    1 => points[i] = -other,
                    2 => points[i] = G1Affine::identity(),
                    _ => {}
                }
            }
        }
        2 => points.fill(G1Affine::generator()),
        3 => points.fill(G1Affine::identity()),
        _ => {}
    }
    points
}

#[test]
fn sums_of_awkward_columns_are_naive_ones() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for round in 0..60 {
        let count = match round {
            0..=40 => round,
            _ => (1 << rng.gen_range(5..8)) + rng.gen_range(0..5) - 2,
        };
        let points = awkward_points(&mut rng, count, round as u32 % 4);
        let columns: Vec<Vec<Fr>> = (0..3)
            .map(|kind| {
                let length = if kind == 2 {
                    rng.gen_range(0..=count)
                } else {
                    count
                };
                let one = awkward_scalar(&mut rng);
                (0..length)
                    .map(|_| {
                        if kind == 1 {
                            one
                        } else {
                            awkward_scalar(&mut rng)
                        }
                    })
                    .collect()
            })
            .collect();
        let expected: Vec<G1> = columns
            .iter()
            .map(|column| naive(&points, column))
            .collect();
        let columns: Vec<&[Fr]> = columns.iter().map(Vec::as_slice).collect();
        for arithmetic in Arithmetic::available() {
            for bases in [Bases::new(&points), Bases::with_table(arithmetic, &points)] {
                assert_eq!(
                    msm_batch(arithmetic, &bases, &columns),
                    expected,
                    "{round} {arithmetic:?}"
                );
            }
        }
    }
}

#[test]
fn large_columns_agree_with_the_library() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    for k in [10, 12] {
        for extra in [0, 1] {
            let count = (1 << k) + extra;
            let points = random_points(&mut rng, count);
            let full: Vec<Fr> = (0..count).map(|_| Fr::random(&mut rng)).collect();
            let ones = vec![Fr::ONE; count];
            let small: Vec<Fr> = (0..count)
                .map(|_| Fr::from(rng.gen_range(0..1 << 12)))
                .collect();
            let mut mixed: Vec<Fr> = (0..count).map(|_| awkward_scalar(&mut rng)).collect();
            mixed[0] = Fr::ZERO;
            let columns = [&full[..], &ones, &small, &mixed];
            let expected: Vec<G1> = columns
                .iter()
                .map(|column| halo2curves::msm::msm_best(column, &points))
                .collect();
            for arithmetic in Arithmetic::available() {
                for bases in [Bases::new(&points), Bases::with_table(arithmetic, &points)] {
                    assert_eq!(msm_batch(arithmetic, &bases, &columns), expected);
                }
            }
        }
    }
}

/// Sums of a layout, each over random terms of its own.
fn checked_sums(rng: &mut ChaCha20Rng, lengths: &[usize]) {
    let count = lengths.iter().sum();
    let points: Vec<Point> = random_points(rng, count).into_iter().map(Point).collect();
    let mut terms = Vec::new();
    for (&length, key) in lengths.iter().zip(0..) {
        for _ in 0..length {
            let term = Term::new(terms.len() as u32, rng.r#gen());
            terms.push(Keyed { key, term });
        }
    }
    let layout = Layout::new(&terms, lengths.len());
    let sums = Sums {
        points: &points,
        layout: &layout,
    };
    let (sums, any_at_infinity) = sums.run::<Checked<Fq>>();
    assert!(!any_at_infinity);
    let mut of_keys = vec![G1::identity(); lengths.len()];
    for (&key, sum) in layout.keys.iter().zip(sums) {
        if key != NO_KEY {
            of_keys[key as usize] += sum.0;
        }
    }
    let mut expected = vec![G1::identity(); lengths.len()];
    for Keyed { key, term } in terms {
        let Point(point) = points[term.point()];
        expected[key as usize] += if term.negative() { -point } else { point };
    }
    assert_eq!(of_keys, expected);
}

#[test]
fn bounds_of_sums_are_kept() {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    checked_sums(&mut rng, &[1]);
    checked_sums(&mut rng, &[2, 0, 1]);
    checked_sums(&mut rng, &[128, 127, 1, 65, 64, 63, 3, 129, 2]);
    checked_sums(&mut rng, &[3000, 0, 1025, 7]);
    let lengths: Vec<usize> = (0..400).map(|_| rng.gen_range(0..40)).collect();
    checked_sums(&mut rng, &lengths);
}

#[test]
fn bounds_of_multiples_are_kept() {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let mut points: Vec<Point> = random_points(&mut rng, 11).into_iter().map(Point).collect();
    points[3] = Point(G1Affine::identity());
    let multiples = Multiples {
        points: &points,
        c: 13,
        rows: 5,
    };
    let multiples = multiples.run::<Checked<Fq>>();
    for row in 0..5 {
        for (i, Point(point)) in points.iter().enumerate() {
            let scalar = Fr::from(2).pow_vartime([13 * row as u64]);
            let expected = if i == 3 {
                G1Affine::generator()
            } else {
                *point
            } * scalar;
            assert_eq!(G1::from(multiples[16 * row + i].0), expected);
        }
    }
}

#[test]
fn tables_that_were_written_are_read() {
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    let mut points = random_points(&mut rng, 37);
    points[5] = G1Affine::identity();
    let bases = Bases::with_table(Arithmetic::detect(), &points);
    let mut bytes = Vec::new();
    bases.write_table(&mut bytes);
    assert_eq!(bytes.len(), Bases::table_bytes(points.len()));
    let read = Bases::read_table(&points, &bytes).unwrap();
    assert_eq!(read.points, bases.points);
    let scalars: Vec<Fr> = points.iter().map(|_| Fr::random(&mut rng)).collect();
    let sums = msm_batch(Arithmetic::detect(), &read, &[&scalars]);
    assert_eq!(sums, [naive(&points, &scalars)]);

    let short = &bytes[..bytes.len() - 1];
    let refused = Bases::read_table(&points, short).unwrap_err();
    assert!(matches!(refused, TableError::Length { .. }), "{refused}");
    points.swap(0, 1);
    let refused = Bases::read_table(&points, &bytes).unwrap_err();
    assert_eq!(refused, TableError::Basis);
    points.swap(0, 1);
    bytes[64 * 40..][..32].fill(255);
    let refused = Bases::read_table(&points, &bytes).unwrap_err();
    assert_eq!(refused, TableError::Coordinate { point: 40 });
}

#[test]
fn few_large_scalars_have_their_own_table() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let points = random_points(&mut rng, 300);
    let columns: Vec<Vec<Fr>> = (0..9)
        .map(|column| {
            let mut scalars: Vec<Fr> = (0..300)
                .map(|_| Fr::from(rng.gen_range(0..1 << 12)))
                .collect();
            for scalar in &mut scalars[300 - column..] {
                *scalar = Fr::random(&mut rng);
            }
            scalars
        })
        .collect();
    let expected: Vec<G1> = columns
        .iter()
        .map(|column| naive(&points, column))
        .collect();
    let columns: Vec<&[Fr]> = columns.iter().map(Vec::as_slice).collect();
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        for arithmetic in Arithmetic::available() {
            let sums = pool.install(|| msm_batch(arithmetic, &Bases::new(&points), &columns));
            assert_eq!(sums, expected, "{threads} threads");
        }
    }
}

#[test]
fn batches_of_many_threads_are_those_of_one() {
    let mut rng = ChaCha20Rng::seed_from_u64(8);
    let points = random_points(&mut rng, 5000);
    let bases = [
        Bases::new(&points),
        Bases::with_table(Arithmetic::detect(), &points),
    ];
    let kinds: [&dyn Fn(&mut ChaCha20Rng) -> Fr; 4] = [
        &|rng| Fr::random(rng),
        &|rng| Fr::from(rng.gen_range(0..1 << 12)),
        &|rng| Fr::from(rng.gen_range(0..1 << 20)),
        &|_| Fr::ONE,
    ];
    for kind in kinds {
        let column: Vec<Fr> = points.iter().map(|_| kind(&mut rng)).collect();
        let expected = halo2curves::msm::msm_best(&column, &points);
        for threads in [2, 3, 7] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            for arithmetic in Arithmetic::available() {
                for bases in &bases {
                    let sums = pool.install(|| msm_batch(arithmetic, bases, &[&column]));
                    assert_eq!(sums, [expected], "{threads} threads");
                }
            }
        }
    }
}

#[test]
fn digits_add_up_to_magnitudes() {
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    for round in 0..2000 {
        let bits = rng.gen_range(1..=MAGNITUDE_BITS);
        let mut magnitude = [0u64; 4];
        for bit in 0..bits {
            let set = bit + 1 == bits || round % 3 == 0 || rng.r#gen();
            magnitude[(bit / 64) as usize] |= u64::from(set) << (bit % 64);
        }
        let value = magnitude.iter().rev().fold(Fr::ZERO, |value, &word| {
            value * Fr::from(2).pow_vartime([64]) + Fr::from(word)
        });
        for c in 1..=16 {
            let mut sum = Fr::ZERO;
            for window in plan::windows(c, bits) {
                let (digit, negative) = window.digit(magnitude);
                assert!(digit < window.below(bits), "{digit} of {window:?}");
                if bits <= 64 {
                    assert_eq!(window.digit(magnitude[0]), (digit, negative));
                }
                let digit =
                    Fr::from(u64::from(digit)) * Fr::from(2).pow_vartime([u64::from(window.from)]);
                sum += if negative { -digit } else { digit };
            }
            assert_eq!(sum, value, "{bits} bits by {c}");
        }
    }
}
