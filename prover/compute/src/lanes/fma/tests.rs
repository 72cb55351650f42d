//! Limbs at their extremes, against integers: that halves of products are exact, and results stay within their bounds, is what these lanes
//! stand on.

use super::montgomery::low_half;
use super::*;
use crate::lanes::Arithmetic;
use crate::lanes::cases::{check_store, modulus, power, split, values};
use crate::lanes::limbs::BITS;
use halo2curves::bn256::{Fq, Fr};
use num_bigint::BigInt;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// The integers of a vector, all of which are the same here.
fn one_of<V: Vector>(vector: V) -> i64 {
    let mut out = [0; LANES];
    vector.write(&mut out);
    assert_eq!(out, [out[0]; LANES]);
    out[0] as i64
}

fn value(limbs: impl DoubleEndedIterator<Item = i64>) -> BigInt {
    limbs
        .rev()
        .fold(BigInt::from(0), |value, limb| (value << BITS) + limb)
}

/// The value of carried limbs.
fn carried<F: LaneField + Modulus, V: Vector>(lanes: Fma<F, V>) -> BigInt {
    let limbs = lanes.limbs.map(one_of);
    assert!(limbs.iter().all(|limb| (0..1 << BITS).contains(limb)));
    value(limbs.into_iter())
}

/// The same value in limbs that are not carried, negative ones among them, as products and differences leave them.
fn uncarried<V: Vector>(rng: &mut ChaCha20Rng, limbs: [u64; LIMBS]) -> [V; LIMBS] {
    let mut limbs = limbs.map(|limb| limb as i64);
    for i in 0..LIMBS - 1 {
        let moved = match rng.gen_range(0..4) {
            0 => 0,
            1 => -256,
            2 => 256,
            _ => rng.gen_range(-256..=256),
        };
        limbs[i + 1] -= moved;
        limbs[i] += moved << BITS;
    }
    all(&limbs.map(|limb| limb as u64))
}

/// Both halves of products of limbs, which are exact where the processor rounds to the nearest.
fn check_halves<V: Vector>() {
    let mut rng = ChaCha20Rng::seed_from_u64(12);
    let mut limbs = vec![0, 1, 2, 3, MASK, MASK - 1, MASK - 2, MASK / 3];
    for bit in [25, 26, 27, 50, 51] {
        limbs.extend([(1 << bit) - 1, 1 << bit, (1 << bit) + 1]);
    }
    limbs.extend((0..60).map(|_| rng.gen_range(0..=MASK)));
    for &a in &limbs {
        for &b in &limbs {
            let [x, y] = [a, b].map(|limb| convert(V::broadcast(limb)));
            let sums = (V::broadcast(LOW), V::broadcast(HIGH.wrapping_neg()));
            let (low, high) = V::add_product::<4, 1>(sums, &[x; LIMBS], &[y; LIMBS]);
            let (low, high) = (one_of(low), one_of(high));
            assert!(low.abs() <= 1 << 51, "{a} {b}");
            assert_eq!(value([low, high].into_iter()), BigInt::from(a) * b);
            let half: V = low_half(x, y);
            assert_eq!(one_of(half), LOW as i64 - low, "{a} {b}");
        }
    }
}

fn check<F: LaneField + Modulus, V: Vector>() {
    let mut rng = ChaCha20Rng::seed_from_u64(11);
    let p = modulus::<F>();
    let r = power(260);
    let lanes = |value: &BigInt| Fma::<F, V>::new(all(&split(value)));
    let most = values(&mut rng, &p, 84);
    let closed = |open: [V; LIMBS], value: &BigInt| {
        let reduced = carried(Fma::<F, V>::close_reduced(open));
        assert_eq!((&reduced - value) % &p, BigInt::from(0), "{value}");
        assert!(reduced < &p * 2, "{value}");
        assert_eq!(carried(Fma::<F, V>::close(open)), *value);
    };
    for value in &most {
        closed(uncarried(&mut rng, split(value)), value);
        closed(lanes(value).open(), value);
        let square = carried(lanes(value).square());
        assert_eq!((&square * &r - value * value) % &p, BigInt::from(0));
        assert_eq!(
            carried(Fma::<F, V>::close(lanes(value).square_open())),
            square
        );
        assert_eq!(carried(lanes(value).mul(lanes(value))), square);
    }
    for _ in 0..4000 {
        let (a, b) = (
            &most[rng.gen_range(0..most.len())],
            &most[rng.gen_range(0..most.len())],
        );
        let product = carried(lanes(a).mul(lanes(b)));
        assert_eq!((&product * &r - a * b) % &p, BigInt::from(0), "{a} {b}");
        assert!(&product * 100 * &r < a * b * 100 + &p * 113 * &r);
        let open = lanes(a).mul_open(lanes(b));
        assert_eq!(carried(Fma::<F, V>::close(open)), product);
        closed(open, &product);
    }
    // Differences, of which the smallest have negative limbs in all places.
    let mut differences = |most: u64, sub: fn([V; LIMBS], [V; LIMBS]) -> [V; LIMBS]| {
        let mut subtrahends = values(&mut rng, &p, most);
        subtrahends.extend((0..200).map(|i| &p * most - (BigInt::from(1) << i)));
        for b in subtrahends {
            for a in [
                BigInt::from(0),
                BigInt::from(1),
                power(208),
                &p * (84 - most) - 1,
            ] {
                let (x, y) = (
                    uncarried(&mut rng, split(&a)),
                    uncarried(&mut rng, split(&b)),
                );
                let value = a + &p * most - &b;
                closed(sub(x, y), &value);
                if most <= 42 {
                    let a: BigInt = value - &p * most + &b;
                    let c = Fma::<F, V>::new(all(&split(&b)));
                    let open = Fma::<F, V>::add_open(x, c.open());
                    if &a + &b < &p * 84 {
                        closed(open, &(a + &b));
                    }
                }
            }
        }
    };
    differences(3, Fma::<F, V>::sub_open::<3>);
    differences(16, Fma::<F, V>::sub_open::<16>);
    differences(64, Fma::<F, V>::sub_open::<64>);
    differences(80, Fma::<F, V>::sub_open::<80>);
    // All limbs of ones but the highest, 64 times: 64·10·10 is below 83·84.
    let ones = |multiple: u64| {
        let value = &p * multiple;
        (value >> 208 << 208) - 1
    };
    let (a, b) = (ones(10), ones(10));
    let mut sum = Fma::<F, V>::no_products();
    for _ in 0..super::super::PRODUCTS {
        sum = Fma::add_product(sum, lanes(&a), lanes(&b));
    }
    let sum = carried(Fma::<F, V>::sum_of_products(sum));
    assert_eq!((&sum * &r - &a * &b * 64) % &p, BigInt::from(0));
    assert!(sum < &p * 84);
    let empty = carried(Fma::<F, V>::sum_of_products(Fma::<F, V>::no_products()));
    assert_eq!(empty % &p, BigInt::from(0));
    for value in values(&mut rng, &p, 16) {
        check_store(&value, lanes(&value));
    }
}

#[test]
fn halves_of_products_are_exact() {
    for arithmetic in Arithmetic::available() {
        match arithmetic {
            Arithmetic::Avx2(detected) => avx2::vectorised(detected, check_halves::<avx2::Pair>),
            Arithmetic::Avx512(detected) => {
                avx512::vectorised(detected, check_halves::<std::arch::x86_64::__m512i>);
            }
            _ => {}
        }
    }
}

#[test]
fn extreme_limbs_stay_within_their_bounds() {
    for arithmetic in Arithmetic::available() {
        match arithmetic {
            Arithmetic::Avx2(detected) => {
                avx2::vectorised(detected, check::<Fr, avx2::Pair>);
                avx2::vectorised(detected, check::<Fq, avx2::Pair>);
            }
            Arithmetic::Avx512(detected) => {
                avx512::vectorised(detected, check::<Fr, std::arch::x86_64::__m512i>);
                avx512::vectorised(detected, check::<Fq, std::arch::x86_64::__m512i>);
            }
            _ => {}
        }
    }
}

/// What a limb starts with is its products' bits, modulo 2^64, and leaves no limb negative that is carried from.
#[test]
fn starts_count_each_half_once() {
    let lows = [1u64, 2, 3, 4, 5, 4, 3, 2, 1, 0];
    let highs = [0u64, 1, 2, 3, 4, 5, 4, 3, 2, 1];
    let products = Start::NONE.products().0;
    for i in 0..2 * LIMBS {
        let expected = lows[i]
            .wrapping_mul(LOW)
            .wrapping_sub(highs[i].wrapping_mul(HIGH));
        assert_eq!(products[i], expected);
    }
    assert_eq!(
        CLOSE
            .iter()
            .rev()
            .fold(BigInt::from(0), |v, limb| (v << BITS) + *limb as i64),
        BigInt::from(0)
    );
}
