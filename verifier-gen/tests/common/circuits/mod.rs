//! Small circuits, one for each feature that a verifying key can have, one of a chunk's size and
//! one drawn by chance.

use halo2_proofs::plonk::{Circuit, Expression};
use halo2curves::bn256::Fr;

/// A circuit with its public inputs.
pub(crate) trait Example: Circuit<Fr> + Clone + Sync {
    const NAME: &'static str;
    /// Log of the rows.
    const K: u32 = 6;
    /// Whether the key merges simple selectors into fewer columns.
    const COMPRESS_SELECTORS: bool = false;
    fn example() -> Self;
    fn instances(&self) -> Vec<Vec<Fr>>;
}

fn power(expression: Expression<Fr>, exponent: usize) -> Expression<Fr> {
    let mut product = expression.clone();
    for _ in 1..exponent {
        product = product * expression.clone();
    }
    product
}

macro_rules! plain_circuit {
    ($config:ty) => {
        type Config = $config;
        type FloorPlanner = halo2_proofs::circuit::SimpleFloorPlanner;
        type Params = ();

        fn without_witnesses(&self) -> Self {
            self.clone()
        }
    };
}

mod columns;
mod cubic;
mod degrees;
mod factors;
mod large;
mod lookups;
mod no_permutation;
mod only_fixed;
mod phases;
mod public;
mod random;
mod selectors;
mod wide;

pub(crate) use columns::Columns;
pub(crate) use cubic::Cubic;
pub(crate) use degrees::{HighDegree, LowQuotient};
pub(crate) use factors::Factors;
pub(crate) use large::Large;
pub(crate) use lookups::Lookups;
pub(crate) use no_permutation::NoPermutation;
pub(crate) use only_fixed::OnlyFixed;
pub(crate) use phases::Phases;
pub(crate) use public::{EmptyColumn, ManyInstances};
pub(crate) use random::{Random, System};
pub(crate) use selectors::Selectors;
pub(crate) use wide::Wide;
