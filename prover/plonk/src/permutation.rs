//! The permutation argument: running products over the columns that take part in copies.
//!
//! The columns are taken `degree - 2` at a time. For a set of columns v with their sigmas, row by row,
//!
//! ```text
//! z(next row) = z · product of (v_j + delta^j · beta · X + gamma) / product of (v_j + beta · sigma_j + gamma)
//! ```
//!
//! z starts at 1 for the first set, and where the set before it ended for the others (halo2 book, "Permutation argument").

use chainfer_compute::quotient::{Builder, Program};
use halo2curves::bn256::Fr;
use halo2curves::ff::{Field, PrimeField};

/// Number of columns a product takes.
pub(crate) fn set_len(degree: usize) -> usize {
    degree - 2
}

/// Numerator and denominator of every set, over the columns \[values…, sigmas…, powers of omega\] and the parameters \[beta, gamma\].
pub(crate) fn program(columns: usize, degree: usize) -> Program {
    let mut builder = Builder::new();
    let (beta, gamma) = (builder.parameter(0), builder.parameter(1));
    let x = builder.column(2 * columns, 0);
    let beta_x = builder.multiply(beta, x);
    let mut delta = Fr::ONE;
    let (mut numerators, mut denominators) = (Vec::new(), Vec::new());
    let all: Vec<usize> = (0..columns).collect();
    for set in all.chunks(set_len(degree)) {
        let mut numerator = builder.constant(Fr::ONE);
        let mut denominator = builder.constant(Fr::ONE);
        for &j in set {
            let (value, sigma) = (builder.column(j, 0), builder.column(columns + j, 0));
            let value = builder.add(value, gamma);
            let delta_power = builder.constant(delta);
            let own = builder.multiply(delta_power, beta_x);
            let own = builder.add(value, own);
            numerator = builder.multiply(numerator, own);
            let other = builder.multiply(beta, sigma);
            let other = builder.add(value, other);
            denominator = builder.multiply(denominator, other);
            delta *= Fr::DELTA;
        }
        numerators.push(numerator);
        denominators.push(denominator);
    }
    numerators.extend(denominators);
    builder.compile(&numerators)
}
