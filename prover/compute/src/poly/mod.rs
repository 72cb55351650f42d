//! What a proof does with polynomials besides transforms: evaluation, linear combination, division by a root, products of ratios.

mod combine;
mod divide;
mod evaluate;
mod ratios;

pub use combine::{combine, fold, fold_into};
pub use divide::divide_by_root;
pub use evaluate::evaluate;
pub use ratios::{ratios, running_product};
