//! Transforms against their definition, on every arithmetic.

use super::*;
use crate::lanes::{Arithmetic, checked::Checked};
use halo2curves::ff::PrimeField;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

fn random(k: u32, seed: u64) -> Vec<Fr> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    (0..1 << k).map(|_| Fr::random(&mut rng)).collect()
}

#[test]
fn transform_of_any_parameters_is_its_definition() {
    for arithmetic in Arithmetic::available() {
        for k in 0..=11 {
            let omega = (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square());
            let x = random(k, 1);
            for case in 0..8u64 {
                let or = |bit: u64, value: Fr| if case & bit == 0 { Fr::ONE } else { value };
                let parameters = Parameters {
                    root: omega,
                    into: or(1, Fr::from(5)),
                    out: or(2, Fr::from(7)),
                    scale: or(4, Fr::from(11)),
                };
                let transform = Transform::new(arithmetic, k, parameters);
                let mut in_place = [x.clone()];
                transform.in_place(&mut in_place);
                let expected = reference::by_definition(&parameters, &x);
                assert_eq!(in_place[0], expected, "k {k}, case {case}, {arithmetic:?}");
                assert_eq!(transform.apply(&[&x])[0], expected);
            }
        }
    }
}

#[test]
fn large_transform_is_the_small_one() {
    for arithmetic in Arithmetic::available() {
        for k in [12, 13, 16, 19] {
            let domain = Domain::new(arithmetic, k);
            let x = random(k, 2);
            let shift = Fr::from(3);
            let mut expected = x.clone();
            let parameters = Parameters {
                root: domain.omega(),
                into: shift,
                out: Fr::ONE,
                scale: Fr::ONE,
            };
            reference::transform(&parameters, &mut expected);
            let values = domain.to_coset(shift).apply(&[&x]);
            assert_eq!(values[0], expected, "k {k}, {arithmetic:?}");
            let back = domain
                .coset_to_coefficients(shift, Fr::ONE)
                .apply(&[&values[0]]);
            assert_eq!(back[0], x, "k {k}, {arithmetic:?}");
        }
    }
}

#[test]
fn coefficients_of_extreme_values_are_right() {
    for arithmetic in Arithmetic::available() {
        let domain = Domain::new(arithmetic, 13);
        for value in [Fr::ZERO, Fr::ONE, -Fr::ONE] {
            let mut columns = [vec![value; domain.n()]];
            domain.to_coefficients().in_place(&mut columns);
            assert_eq!(columns[0][0], value);
            assert!(columns[0][1..].iter().all(|c| *c == Fr::ZERO));
        }
    }
}

#[test]
fn rotation_is_by_powers_of_the_generator() {
    let domain = Domain::new(Arithmetic::Portable, 5);
    assert_eq!(
        domain.rotate(Fr::from(3), 2),
        Fr::from(3) * domain.omega().square()
    );
    assert_eq!(domain.rotate(domain.omega(), -1), Fr::ONE);
}

#[test]
fn bounds_of_transforms_are_kept() {
    for k in [6, 9, 12, 13, 17] {
        for value in [-Fr::ONE, Fr::from(1)] {
            for (into, out) in [(1, 1), (5, 1), (1, 7)] {
                let omega = (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square());
                let parameters = Parameters {
                    root: omega,
                    into: Fr::from(into),
                    out: Fr::from(out),
                    scale: Fr::ONE,
                };
                let passes = Passes::<Checked<Fr>>::new(k, &parameters);
                let mut scratch = Scratch::new(&passes);
                let mut column = vec![value; 1 << k];
                passes.rows(&column, &mut scratch);
                passes.lanes(&scratch, &mut column);
            }
        }
    }
}

#[test]
fn rows_with_the_bound_of_the_largest_domain_go_across_lanes() {
    let eight = Checked::load(&[-Fr::ONE; LANES]);
    let reduced = eight.reduce();
    // 3·16 + 3·3 + 1
    let row = (0..3).fold(Checked::zero(), |row, _| row.add(eight).add(reduced));
    for out in [1, 7] {
        let parameters = Parameters {
            root: Domain::new(Arithmetic::Portable, 6).omega(),
            into: Fr::ONE,
            out: Fr::from(out),
            scale: Fr::ONE,
        };
        let passes = Passes::<Checked<Fr>>::new(6, &parameters);
        let mut scratch = Scratch::new(&passes);
        scratch.rows.fill(row);
        passes.lanes(&scratch, &mut [Fr::ZERO; 64]);
    }
}
