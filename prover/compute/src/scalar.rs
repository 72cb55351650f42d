//! What is done with single elements all over: roots of unity, powers, values of short polynomials.

use halo2curves::bn256::Fr;
use halo2curves::ff::{Field, PrimeField};

/// The root of unity of order 2^k that halo2 uses. `k` is at most 28, the field's two-adicity.
pub fn root_of_unity(k: u32) -> Fr {
    (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square())
}

/// The inverse of [`root_of_unity`].
pub fn inverse_root_of_unity(k: u32) -> Fr {
    (k..Fr::S).fold(Fr::ROOT_OF_UNITY_INV, |root, _| root.square())
}

/// The powers 1, base, base^2, … without an end.
pub fn all_powers(base: Fr) -> impl Iterator<Item = Fr> {
    std::iter::successors(Some(Fr::ONE), move |power| Some(*power * base))
}

/// The powers 1, base, base^2, … of which there are `count`.
pub fn powers(base: Fr, count: usize) -> Vec<Fr> {
    all_powers(base).take(count).collect()
}

/// The value of a polynomial (coefficients, lowest degree first) at a point, by Horner's rule. For long ones, see
/// [`poly::evaluate`](crate::poly::evaluate).
pub fn horner(coefficients: &[Fr], point: Fr) -> Fr {
    let step = |sum: Fr, c: &Fr| sum * point + c;
    coefficients.iter().rev().fold(Fr::ZERO, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_of_unity_has_its_order_and_inverse() {
        for k in [0, 1, 5, 28] {
            let root = root_of_unity(k);
            assert_eq!(root.pow_vartime([1u64 << k]), Fr::ONE);
            assert_eq!(root * inverse_root_of_unity(k), Fr::ONE);
            if k > 0 {
                assert_eq!(root.pow_vartime([1u64 << (k - 1)]), -Fr::ONE);
            }
        }
    }

    #[test]
    fn horner_is_the_sum_of_powers() {
        for len in 0..5u64 {
            let p: Vec<Fr> = (0..len).map(|i| Fr::from(i + 2)).collect();
            let point = Fr::from(7);
            let sum: Fr = p.iter().zip(all_powers(point)).map(|(c, x)| *c * x).sum();
            assert_eq!(horner(&p, point), sum);
        }
        assert_eq!(powers(Fr::from(3), 3), [1, 3, 9].map(Fr::from));
        assert_eq!(powers(Fr::from(3), 0), []);
    }
}
