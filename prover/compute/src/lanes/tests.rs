//! Every operation of every kind of lanes against the field itself, over random and extreme operands.

use super::*;
use num_bigint::BigUint;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// Elements whose words, limbs or Montgomery forms are at their ends, then random ones.
fn elements<F: LaneField>() -> Vec<F> {
    let mut out = vec![
        F::ZERO,
        F::ONE,
        -F::ONE,
        F::from(2),
        F::TWO_INV,
        -F::from(2),
    ];
    for bit in [
        1, 47, 48, 51, 52, 53, 63, 64, 103, 104, 105, 127, 128, 155, 156, 191, 192, 207, 208, 252,
        253,
    ] {
        let power = F::from(2).pow_vartime([bit]);
        // R = 2^256: with 1/R the words themselves are the power.
        let unscaled = power * F::from(2).pow_vartime([256]).invert().unwrap();
        out.extend([
            power,
            power - F::ONE,
            unscaled,
            unscaled - F::ONE,
            -unscaled,
        ]);
    }
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    while out.len() < 160 {
        out.push(F::random(&mut rng));
    }
    out
}

struct Agree;

impl<F: LaneField> Kernel<F> for Agree {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes<F = F>>(self) {
        let pool = elements::<F>();
        let stored = |lanes: L| {
            let mut out = [F::ZERO; LANES];
            lanes.store(&mut out);
            out
        };
        let mut rng = ChaCha20Rng::seed_from_u64(9);
        let mut pick = || -> [F; LANES] {
            std::array::from_fn(|_| pool[rand::Rng::gen_range(&mut rng, 0..pool.len())])
        };
        for _ in 0..2000 {
            let (x, y) = (pick(), pick());
            let (a, b) = (L::load(&x), L::load(&y));
            let expect =
                |f: fn(F, F) -> F| -> [F; LANES] { std::array::from_fn(|i| f(x[i], y[i])) };
            assert_eq!(stored(a.mul(b)), expect(|x, y| x * y), "product");
            assert_eq!(stored(a.square()), expect(|x, _| x * x), "square");
            assert_eq!(stored(a.add(b).reduce()), expect(|x, y| x + y), "sum");
            assert_eq!(
                stored(a.sub::<16>(b).reduce()),
                expect(|x, y| x - y),
                "difference"
            );
            // At the limit: 80 times an element below 1.
            let mut many = a;
            for _ in 0..4 {
                many = many.add(a);
            }
            assert_eq!(
                stored(many.reduce()),
                expect(|x, _| x * F::from(5)),
                "reduction"
            );
            let product = many.mul(many);
            assert_eq!(
                stored(product.reduce()),
                expect(|x, _| x * x * F::from(25)),
                "at the limit"
            );
            let mut sum = L::no_products();
            let mut expected = [F::ZERO; LANES];
            // 8·16·16 + 56·3·16 is below 83·84.
            for i in 0..PRODUCTS {
                let (u, v) = (pick(), pick());
                let (mut c, d) = (L::load(&u), L::load(&v));
                if i >= 8 {
                    c = c.reduce();
                }
                sum = L::add_product(sum, c, d);
                for lane in 0..LANES {
                    expected[lane] += u[lane] * v[lane];
                }
            }
            assert_eq!(
                stored(L::sum_of_products(sum).reduce()),
                expected,
                "sum of products"
            );
            assert_eq!(stored(a), x, "kept");
            let c = L::constant(&y[0]);
            assert_eq!(stored(L::splat(&c)), [y[0]; LANES], "constant");
            assert_eq!(
                stored(many.mul_constant(&c)),
                x.map(|x| x * F::from(5) * y[0]),
                "by a constant"
            );
        }
        for _ in 0..2000 {
            let (x, y, z) = (pick(), pick(), pick());
            let (a, b, c) = (L::load(&x), L::load(&y), L::load(&z));
            let open = L::sub_open::<32>(a.mul_open(b), L::add_open(c.open(), b.open()));
            let expected = std::array::from_fn(|i| x[i] * y[i] - z[i] - y[i]);
            assert_eq!(stored(L::close(open).reduce()), expected, "closed");
            assert_eq!(
                stored(L::close_reduced(open)),
                expected,
                "closed and reduced"
            );
            let (mask, other) = (x[0].is_odd().unwrap_u8() * 0x5a, 0b0110_0011);
            let sign = |mask: u8, i: usize, v: F| if mask >> i & 1 == 1 { -v } else { v };
            let expected = std::array::from_fn(|i| sign(mask, i, x[i]) - sign(other, i, y[i]));
            let difference = L::sub_negated::<16>(a, mask, b, other);
            assert_eq!(stored(difference.reduce()), expected, "signed difference");
            let open = L::sub_open_negated::<16>(a.mul_open(b), c, other);
            let expected = std::array::from_fn(|i| x[i] * y[i] - sign(other, i, z[i]));
            assert_eq!(
                stored(L::close_reduced(open)),
                expected,
                "signed open difference"
            );
            let open = L::sub_open::<80>(a.square_open(), a.open());
            let expected = x.map(|x| x * x - x);
            assert_eq!(stored(L::close_reduced(open)), expected, "closed square");
        }
        for mask in [0, 1, 0b1010_0110, 255] {
            let (x, y) = (pick(), pick());
            assert_eq!(
                stored(L::load(&x).select(L::load(&y), mask)),
                std::array::from_fn(|i| if mask >> i & 1 == 1 { y[i] } else { x[i] }),
                "selected"
            );
        }
        for from in pool.chunks_exact(LANES) {
            let from: [F; LANES] = from.try_into().unwrap();
            let backwards: [&F; LANES] = std::array::from_fn(|i| &from[LANES - 1 - i]);
            assert_eq!(
                stored(L::gather(backwards)),
                backwards.map(|e| *e),
                "gathered"
            );
            let integers: [[u64; LANES]; 4] = std::array::from_fn(|w| {
                from.map(|e| {
                    let repr = e.to_repr();
                    u64::from_le_bytes(repr.as_ref()[8 * w..8 * w + 8].try_into().unwrap())
                })
            });
            assert_eq!(L::integers(&from), integers, "integers");
        }
        assert_eq!(stored(L::zero()), [F::ZERO; LANES]);
        let square: [[F; LANES]; LANES] =
            std::array::from_fn(|i| std::array::from_fn(|j| pool[8 * i + j]));
        let turned = L::transpose(std::array::from_fn(|i| L::load(&square[i])));
        for (j, lanes) in turned.into_iter().enumerate() {
            assert_eq!(
                stored(lanes),
                std::array::from_fn(|i| square[i][j]),
                "transposed"
            );
        }
    }
}

#[test]
fn available_lanes_are_the_field() {
    for arithmetic in Arithmetic::available() {
        dispatch::<Fr, _>(arithmetic, Agree);
        dispatch::<Fq, _>(arithmetic, Agree);
    }
}

#[test]
fn limit_is_that_of_260_bits() {
    for modulus in [Fr::MODULUS, Fq::MODULUS] {
        let p = BigUint::parse_bytes(&modulus.as_bytes()[2..], 16).unwrap();
        assert_eq!((BigUint::from(1u32) << 260u32) / p, BigUint::from(LIMIT));
    }
}
