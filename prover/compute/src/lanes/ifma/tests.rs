//! Limbs at their extremes, against integers: that results stay within their bounds is what lazily reduced arithmetic stands on.

use super::*;
use crate::lanes::Arithmetic;
use crate::lanes::cases::{check_store, modulus, power, split, values};
use halo2curves::bn256::{Fq, Fr};
use num_bigint::BigInt;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// The same value in limbs that are not carried, as products and sums leave them: none is negative.
fn uncarried(rng: &mut ChaCha20Rng, mut limbs: [u64; LIMBS]) -> [__m512i; LIMBS] {
    for i in (0..LIMBS - 1).rev() {
        let most = limbs[i + 1].min(1 << 6);
        let carried = match rng.gen_range(0..3) {
            0 => 0,
            1 => most,
            _ => rng.gen_range(0..=most),
        };
        limbs[i + 1] -= carried;
        limbs[i] += carried << BITS;
    }
    all(&limbs)
}

/// The limbs of the lanes, all of which are the same here.
fn limbs_of(limbs: [__m512i; LIMBS]) -> [i64; LIMBS] {
    let mut out = [[0i64; LANES]; 8];
    let zero = broadcast(0);
    write(
        out.as_mut_ptr().cast(),
        [limbs[0], limbs[1], limbs[2], limbs[3]],
    );
    write(out[4..].as_mut_ptr().cast(), [limbs[4], zero, zero, zero]);
    std::array::from_fn(|i| {
        assert_eq!(out[i], [out[i][0]; LANES]);
        out[i][0]
    })
}

/// The value of carried limbs.
fn carried<F: LaneField + Modulus>(lanes: Ifma<F>) -> BigInt {
    let limbs = limbs_of(lanes.limbs);
    assert!(limbs.iter().all(|limb| (0..1 << BITS).contains(limb)));
    (limbs.iter().rev()).fold(BigInt::from(0), |value, limb| (value << BITS) + limb)
}

fn check<F: LaneField + Modulus>() {
    let mut rng = ChaCha20Rng::seed_from_u64(11);
    let p = modulus::<F>();
    let r = power(260);
    let lanes = |value: &BigInt| Ifma::<F>::new(all(&split(value)));
    let most = values(&mut rng, &p, 84);
    let closed = |open: [__m512i; LIMBS], value: &BigInt| {
        let reduced = carried(Ifma::<F>::close_reduced(open));
        assert_eq!((&reduced - value) % &p, BigInt::from(0), "{value}");
        assert!(reduced < &p * 2, "{value}");
    };
    for value in &most {
        let open = uncarried(&mut rng, split(value));
        assert_eq!(carried(Ifma::<F>::close(open)), *value);
        closed(open, value);
        let square = carried(lanes(value).square());
        assert_eq!((square * &r - value * value) % &p, BigInt::from(0));
    }
    for _ in 0..4000 {
        let (a, b) = (
            &most[rng.gen_range(0..most.len())],
            &most[rng.gen_range(0..most.len())],
        );
        let product = carried(lanes(a).mul(lanes(b)));
        assert_eq!((&product * &r - a * b) % &p, BigInt::from(0), "{a} {b}");
        assert!(product * 100 * &r < a * b * 100 + &p * 113 * &r);
    }
    // Differences, of which the smallest have negative limbs in all places.
    let mut differences =
        |most: u64, sub: fn([__m512i; LIMBS], [__m512i; LIMBS]) -> [__m512i; LIMBS]| {
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
                    closed(sub(x, y), &(a + &p * most - &b));
                }
            }
        };
    differences(3, Ifma::<F>::sub_open::<3>);
    differences(16, Ifma::<F>::sub_open::<16>);
    differences(64, Ifma::<F>::sub_open::<64>);
    differences(80, Ifma::<F>::sub_open::<80>);
    // All limbs of ones but the highest, 64 times: 64·10·10 is below 83·84.
    let ones = |multiple: u64| {
        let value = &p * multiple;
        (value >> 208 << 208) - 1
    };
    let (a, b) = (ones(10), ones(10));
    let mut sum = Ifma::<F>::no_products();
    for _ in 0..super::super::PRODUCTS {
        sum = Ifma::add_product(sum, lanes(&a), lanes(&b));
    }
    let sum = carried(Ifma::<F>::sum_of_products(sum));
    assert_eq!((&sum * &r - &a * &b * 64) % &p, BigInt::from(0));
    assert!(sum < &p * 84);
    for value in values(&mut rng, &p, 16) {
        check_store(&value, lanes(&value));
    }
}

#[test]
fn extreme_limbs_stay_within_their_bounds() {
    if let Arithmetic::Ifma(detected) = Arithmetic::detect() {
        vectorised(detected, check::<Fr>);
        vectorised(detected, check::<Fq>);
    }
}
