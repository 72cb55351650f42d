//! Which verifying keys can have a verifier.

use halo2_proofs::plonk::{ConstraintSystem, Expression, VerifyingKey};
use halo2curves::bn256::{Fr, G1Affine};

use crate::error::GenerateError;

/// Refuses a key, or numbers of public inputs for it, that no proof could satisfy.
pub(crate) fn check(
    vk: &VerifyingKey<G1Affine>,
    num_instances: &[usize],
) -> Result<(), GenerateError> {
    let cs = vk.cs();
    if num_instances.len() != cs.num_instance_columns() {
        return Err(GenerateError::InstanceColumns {
            expected: cs.num_instance_columns(),
            got: num_instances.len(),
        });
    }
    let usable = (vk.get_domain().get_n() as usize).saturating_sub(cs.blinding_factors() + 1);
    if let Some((column, got)) = num_instances
        .iter()
        .enumerate()
        .find(|(_, len)| **len > usable)
    {
        return Err(GenerateError::InstanceTooLong {
            column,
            got: *got,
            usable,
        });
    }
    if cs.degree() < 3 {
        return Err(GenerateError::DegreeTooLow(cs.degree()));
    }
    check_degrees(cs)
}

/// halo2 bounds the degree that it derives, by 5 unless told otherwise, and does not say so.
fn check_degrees(cs: &ConstraintSystem<Fr>) -> Result<(), GenerateError> {
    let limit = cs.degree();
    let highest = |expressions: &[Expression<Fr>]| expressions.iter().map(Expression::degree).max();
    let gates = cs.gates().iter().map(|gate| {
        let degree = highest(gate.polynomials()).unwrap_or(0);
        ("gate", gate.name(), degree)
    });
    let lookups = cs.lookups().iter().map(|lookup| {
        // The product `(1 - l_last - l_blind) z(X) (input + beta) (table + gamma)`; halo2 counts constants as degree 1.
        let [input, table] = [lookup.input_expressions(), lookup.table_expressions()]
            .map(|expressions| highest(expressions).unwrap_or(0).max(1));
        ("lookup", lookup.name(), 2 + input + table)
    });
    match gates.chain(lookups).find(|(.., degree)| *degree > limit) {
        None => Ok(()),
        Some((kind, name, degree)) => Err(GenerateError::DegreeClamped {
            kind,
            name: name.to_owned(),
            degree,
            limit,
        }),
    }
}
