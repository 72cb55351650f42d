//! How much memory a proof may take, and what that costs.

use halo2_proofs::plonk::ConstraintSystem;
use halo2curves::bn256::Fr;

/// Bytes of an element.
const ELEMENT: u64 = 32;

/// Most parts that a coset is cut into, as a power of two.
const MOST_PARTS: u32 = 6;
/// Fewest rows of a part, as a power of two.
const FEWEST_ROWS: u32 = 6;

/// Columns' worth of a setup: points are two elements, in two bases, held twice.
const SETUP: u64 = 8;
/// Columns' worth of a circuit's plan, and of what allocations leave unused, as measured on chunks of k = 14 to 17.
const CIRCUIT: u64 = 16;
/// Polynomials that an opening makes.
const OPENING: u64 = 16;

/// What a proof does to take less memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// log2 of the number of parts into which every coset is cut while the quotient is computed. A part takes so much less memory for
    /// the values of all columns; every rotation of a column is evaluated by itself then, which takes more time.
    pub coset_parts: u32,
}

impl Limits {
    /// The fastest way to prove this circuit with 2^k rows in so many bytes, or the one that takes the least, if none fits.
    pub fn within(cs: &ConstraintSystem<Fr>, k: u32, bytes: Option<u64>) -> Self {
        let Some(bytes) = bytes else {
            return Limits::default();
        };
        let most = k.saturating_sub(FEWEST_ROWS).min(MOST_PARTS);
        let all: Vec<(Limits, u64)> = (0..=most)
            .map(|coset_parts| Limits { coset_parts })
            .map(|limits| (limits, proving_bytes(cs, k, limits)))
            .collect();
        let fits = all.iter().find(|(_, needed)| *needed <= bytes);
        let least = all.iter().min_by_key(|(_, needed)| *needed);
        fits.or(least)
            .map_or_else(Limits::default, |(limits, _)| *limits)
    }
}

/// Bytes that a proof takes beside the process itself, by estimate: the polynomials of key and witness, the setup, and the values of all columns
/// on a coset, or on a part of one; or what the permutation takes, if that is more.
pub fn proving_bytes(cs: &ConstraintSystem<Fr>, k: u32, limits: Limits) -> u64 {
    let copied = cs.permutation().get_columns().len() as u64;
    let pieces = cs.degree() as u64 - 1;
    let products = copied.div_ceil(cs.degree() as u64 - 2);
    let lookups = cs.lookups().len() as u64;
    let fixed = (cs.num_fixed_columns() + cs.num_selectors()) as u64;
    let advice = (cs.num_advice_columns() + cs.num_instance_columns()) as u64;
    // Four polynomials of rows and points; the random one, the quotient's numerator and pieces.
    let kept = fixed + copied + advice + products + 3 * lookups + 6 + pieces;
    let queries =
        (cs.advice_queries().len() + cs.fixed_queries().len() + cs.instance_queries().len()) as u64
            + copied
            + 3 * products
            + 5 * lookups
            + 4;
    let columns = kept - pieces - 2;
    let on_coset = match limits.coset_parts {
        0 => columns,
        parts => queries.div_ceil(1 << parts).max(OPENING),
    };
    // Before the quotient: key and witness, the values of the permutation's columns, numerators and denominators, and the scalars of the
    // products while they are committed to. More than the quotient takes in many parts.
    let permutation = fixed + 2 * copied + advice + 3 * products + 4 * lookups + 5;
    (ELEMENT * ((kept + on_coset).max(permutation) + SETUP + CIRCUIT)) << k
}
