//! The domain of a circuit: 2^k points, its cosets, and the transforms between them.

use super::{Parameters, Transform};
use crate::lanes::Arithmetic;
use crate::scalar::{inverse_root_of_unity, root_of_unity};
use halo2curves::bn256::Fr;
use halo2curves::ff::{Field, PrimeField};

/// The subgroup of 2^k points of halo2's evaluation domain.
#[derive(Debug)]
pub struct Domain {
    arithmetic: Arithmetic,
    k: u32,
    omega: Fr,
    omega_inv: Fr,
    to_coefficients: Transform,
}

impl Domain {
    /// The domain of 2^k points. `k` is at most 28, the field's two-adicity.
    pub fn new(arithmetic: Arithmetic, k: u32) -> Self {
        let (omega, omega_inv) = (root_of_unity(k), inverse_root_of_unity(k));
        let inverse = Parameters {
            root: omega_inv,
            into: Fr::ONE,
            out: Fr::ONE,
            scale: Fr::TWO_INV.pow_vartime([u64::from(k)]),
        };
        Domain {
            arithmetic,
            k,
            omega,
            omega_inv,
            to_coefficients: Transform::new(arithmetic, k, inverse),
        }
    }

    /// What its transforms run on.
    pub fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    /// log2 of the number of points.
    pub fn k(&self) -> u32 {
        self.k
    }

    /// Number of points.
    pub fn n(&self) -> usize {
        1 << self.k
    }

    /// The generator.
    pub fn omega(&self) -> Fr {
        self.omega
    }

    /// A point, rotated: point · omega^rotation.
    pub fn rotate(&self, point: Fr, rotation: i32) -> Fr {
        let base = if rotation < 0 {
            self.omega_inv
        } else {
            self.omega
        };
        point * base.pow_vartime([u64::from(rotation.unsigned_abs())])
    }

    /// From values on the domain to coefficients.
    pub fn to_coefficients(&self) -> &Transform {
        &self.to_coefficients
    }

    /// From coefficients to values on the coset shift · omega^t.
    pub fn to_coset(&self, shift: Fr) -> Transform {
        let parameters = Parameters {
            root: self.omega,
            into: shift,
            out: Fr::ONE,
            scale: Fr::ONE,
        };
        Transform::new(self.arithmetic, self.k, parameters)
    }

    /// From values on the coset shift · omega^t to coefficients times `scale`. `shift` is not 0.
    pub fn coset_to_coefficients(&self, shift: Fr, scale: Fr) -> Transform {
        let parameters = Parameters {
            root: self.omega_inv,
            into: Fr::ONE,
            out: shift.invert().unwrap_or(Fr::ZERO),
            scale: scale * Fr::TWO_INV.pow_vartime([u64::from(self.k)]),
        };
        Transform::new(self.arithmetic, self.k, parameters)
    }
}
