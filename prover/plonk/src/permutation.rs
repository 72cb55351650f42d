//! The permutation argument: running products over the columns that take part in copies.
//!
//! The columns are taken `degree - 2` at a time. For a set of columns v with their sigmas, row by row,
//!
//! ```text
//! z(next row) = z · product of (v_j + delta^j · beta · X + gamma) / product of (v_j + beta · sigma_j + gamma)
//! ```
//!
//! z starts at 1 for the first set, and where the set before it ended for the others (halo2 book, "Permutation argument").

use chainfer_compute::quotient::{Builder, Program, Value};
use halo2curves::bn256::Fr;
use halo2curves::ff::{Field, PrimeField};

/// Number of columns a product takes.
pub(crate) fn set_len(degree: usize) -> usize {
    degree - 2
}

/// What the factors of all columns have in common.
#[derive(Clone, Copy)]
pub(crate) struct Shared {
    pub(crate) beta: Value,
    pub(crate) gamma: Value,
    /// beta · X
    pub(crate) beta_x: Value,
}

/// Multiplies `own` by v + delta^j · beta · X + gamma, and `other` by v + beta · sigma + gamma, for column j.
pub(crate) fn multiply(
    builder: &mut Builder,
    shared: Shared,
    (own, other): (&mut Value, &mut Value),
    (value, sigma, delta): (Value, Value, Fr),
) {
    let value = builder.add(value, shared.gamma);
    let factor = builder.multiply(shared.beta, sigma);
    let factor = builder.add(value, factor);
    *other = builder.multiply(*other, factor);
    let factor = builder.constant(delta);
    let factor = builder.multiply(factor, shared.beta_x);
    let factor = builder.add(value, factor);
    *own = builder.multiply(*own, factor);
}

/// Numerators and denominators of consecutive sets, over the columns \[values…, sigmas…, powers of omega\] and the parameters
/// \[beta, gamma\]. `first` is the number of the first column among all that take part.
pub(crate) fn program(first: usize, columns: usize, degree: usize) -> Program {
    let mut builder = Builder::new();
    let (beta, gamma) = (builder.parameter(0), builder.parameter(1));
    let x = builder.column(2 * columns, 0);
    let beta_x = builder.multiply(beta, x);
    let shared = Shared {
        beta,
        gamma,
        beta_x,
    };
    let mut delta = Fr::DELTA.pow_vartime([first as u64]);
    let (mut numerators, mut denominators) = (Vec::new(), Vec::new());
    let all: Vec<usize> = (0..columns).collect();
    for set in all.chunks(set_len(degree)) {
        let mut numerator = builder.constant(Fr::ONE);
        let mut denominator = builder.constant(Fr::ONE);
        for &j in set {
            let (value, sigma) = (builder.column(j, 0), builder.column(columns + j, 0));
            let into = (&mut numerator, &mut denominator);
            multiply(&mut builder, shared, into, (value, sigma, delta));
            delta *= Fr::DELTA;
        }
        numerators.push(numerator);
        denominators.push(denominator);
    }
    numerators.extend(denominators);
    builder.compile(&numerators)
}
