//! The evaluation domain.

use halo2curves::{bn256::Fr, ff::Field};

/// The root of unity to the power of a rotation, which may be negative.
pub(crate) fn root_power(omega: Fr, rotation: i32) -> Fr {
    let power = omega.pow_vartime([u64::from(rotation.unsigned_abs())]);
    if rotation < 0 {
        power.invert().unwrap_or(Fr::ZERO)
    } else {
        power
    }
}
