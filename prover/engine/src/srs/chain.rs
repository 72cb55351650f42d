//! Powers of tau that are checked by one pairing, over a random combination.

use super::powers;
use halo2_proofs::arithmetic::best_multiexp;
use halo2curves::{
    CurveAffine,
    bn256::{Bn256, Fr, G1Affine, G2Affine},
    ff::Field,
    group::{Curve, Group},
    pairing::Engine,
};

/// Points that are weighted at a time.
const CHUNK: usize = 1 << 15;

/// `factor * sum_i rho^i points[i]`.
pub(super) fn combine<P: CurveAffine<ScalarExt = Fr>>(
    points: &[P],
    rho: Fr,
    factor: Fr,
) -> P::CurveExt {
    let mut weight = factor;
    points
        .chunks(CHUNK)
        .map(|chunk| {
            let weights: Vec<Fr> = powers(rho, chunk.len())
                .into_iter()
                .map(|w| w * weight)
                .collect();
            weight *= rho.pow_vartime([chunk.len() as u64]);
            best_multiexp(&weights, chunk)
        })
        .fold(P::CurveExt::identity(), |sum, part| sum + part)
}

/// A random combination of points that may be powers of tau, which come in parts.
pub(super) struct Chain<P: CurveAffine> {
    pub(super) first: P,
    last: P,
    sum: P::CurveExt,
    /// rho to the exponent of the last point.
    last_weight: Fr,
    rho: Fr,
}

impl<P: CurveAffine<ScalarExt = Fr>> Chain<P> {
    pub(super) fn new(rho: Fr) -> Self {
        Self {
            first: P::identity(),
            last: P::identity(),
            sum: P::CurveExt::identity(),
            last_weight: Fr::ZERO,
            rho,
        }
    }

    pub(super) fn add(&mut self, at: u64, points: &[P]) {
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return;
        };
        if at == 0 {
            self.first = *first;
        }
        self.last = *last;
        let weight = self.rho.pow_vartime([at]);
        self.last_weight = weight * self.rho.pow_vartime([points.len() as u64 - 1]);
        self.sum += combine(points, self.rho, weight);
    }

    /// `sum_i rho^i points[i]`
    pub(super) fn sum(&self) -> P::CurveExt {
        self.sum
    }

    /// The combinations of all points but the last, and of all but the first one place down.
    pub(super) fn sides(&self) -> (P::CurveExt, P::CurveExt) {
        let low = self.sum - self.last * self.last_weight;
        let high = (self.sum - self.first) * self.rho.invert().unwrap_or(Fr::ZERO);
        (low, high)
    }
}

impl Chain<G1Affine> {
    /// Whether the points are powers of the tau of this point.
    pub(super) fn is_of(&self, tau_g2: &G2Affine) -> bool {
        let (low, high) = self.sides();
        let (low, high) = (low.to_affine(), high.to_affine());
        !pairing_differs((&high, &G2Affine::generator()), (&low, tau_g2))
    }
}

pub(super) fn pairing_differs(a: (&G1Affine, &G2Affine), b: (&G1Affine, &G2Affine)) -> bool {
    Bn256::pairing(a.0, a.1) != Bn256::pairing(b.0, b.1)
}
