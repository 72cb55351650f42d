//! Small helpers for field elements.

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

/// A signed integer as a field element.
pub(crate) fn signed(v: i64) -> Fr {
    let magnitude = Fr::from(v.unsigned_abs());
    if v < 0 { -magnitude } else { magnitude }
}

/// 2^bits.
pub(crate) fn two_to(bits: u64) -> Fr {
    Fr::from(2).pow([bits])
}

/// `1, base, base^2, …`.
pub(crate) fn powers(base: Fr, count: usize) -> Vec<Fr> {
    std::iter::successors(Some(Fr::ONE), |p| Some(*p * base))
        .take(count)
        .collect()
}
