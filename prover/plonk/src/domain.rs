//! halo2's evaluation domain without the tables of its FFTs.

use chainfer_compute::scalar::{inverse_root_of_unity, root_of_unity};
use halo2_proofs::plonk::{ConstraintSystem, VerifyingKey, permutation};
use halo2_proofs::poly::EvaluationDomain;
use halo2curves::bn256::{Fr, G1Affine};
use halo2curves::ff::{BatchInvert, Field, PrimeField, WithSmallOrderMulGroup};
use std::collections::HashMap;

/// The domain of 2^k rows of a constraint system of this degree, as a verifier and our prover need it. `EvaluationDomain::new` makes tables for
/// FFTs of up to the extended domain beside it, 64 bytes for each of up to eight times 2^k points, which only halo2's own prover and key
/// generation read.
///
/// `k` and the extension by the degree are at most 28 together, the field's two-adicity.
pub fn evaluation_domain(degree: usize, k: u32) -> EvaluationDomain<Fr> {
    let pieces = degree.saturating_sub(1).max(1) as u64;
    let extended_k = k + pieces.next_power_of_two().ilog2();
    let n = 1u64 << k;
    let (omega, extended_omega) = (root_of_unity(k), root_of_unity(extended_k));
    let step = extended_omega.pow_vartime([n]);
    let first = Fr::ZETA.pow_vartime([n]);
    let mut t_evaluations: Vec<Fr> =
        std::iter::successors(Some(first), |power| Some(*power * step))
            .take(1 << (extended_k - k))
            .map(|power| power - Fr::ONE)
            .collect();
    t_evaluations.iter_mut().batch_invert();
    let halved = |times: u32| Fr::TWO_INV.pow_vartime([u64::from(times)]);
    EvaluationDomain {
        n,
        k,
        extended_k,
        omega,
        omega_inv: inverse_root_of_unity(k),
        extended_omega,
        extended_omega_inv: inverse_root_of_unity(extended_k),
        g_coset: Fr::ZETA,
        g_coset_inv: Fr::ZETA.square(),
        quotient_poly_degree: pieces,
        ifft_divisor: halved(k),
        extended_ifft_divisor: halved(extended_k),
        t_evaluations,
        barycentric_weight: halved(k),
        fft_data: HashMap::new(),
    }
}

/// The verifying key of a constraint system (selectors are fixed columns in it) with 2^k rows and these commitments.
pub fn verifying_key(
    cs: ConstraintSystem<Fr>,
    k: u32,
    fixed: Vec<G1Affine>,
    sigmas: Vec<G1Affine>,
) -> VerifyingKey<G1Affine> {
    let domain = evaluation_domain(cs.degree(), k);
    let permutation = permutation::VerifyingKey::from_commitments(sigmas);
    VerifyingKey::from_parts(domain, fixed, permutation, cs, Vec::new(), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domain_is_halo2s_but_for_its_tables() {
        for degree in [3, 4, 5, 6, 9] {
            for k in [1, 3, 6] {
                let (ours, halo2) = (
                    evaluation_domain(degree, k),
                    EvaluationDomain::new(degree as u32, k),
                );
                let numbers =
                    |d: &EvaluationDomain<Fr>| (d.n, d.k, d.extended_k, d.quotient_poly_degree);
                assert_eq!(numbers(&ours), numbers(&halo2));
                let elements = |d: &EvaluationDomain<Fr>| {
                    [
                        d.omega,
                        d.omega_inv,
                        d.extended_omega,
                        d.extended_omega_inv,
                        d.g_coset,
                        d.g_coset_inv,
                        d.ifft_divisor,
                        d.extended_ifft_divisor,
                        d.barycentric_weight,
                    ]
                };
                assert_eq!(elements(&ours), elements(&halo2), "degree {degree}, k {k}");
                assert_eq!(ours.t_evaluations, halo2.t_evaluations);
            }
        }
    }
}
