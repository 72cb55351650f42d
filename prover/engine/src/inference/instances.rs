//! The instances of a chunk, in the one order that all parts agree on.

use crate::field::to_fr;
use chainfer_formats::Scalar;
use halo2curves::bn256::Fr;

/// Root, context, public values.
pub(super) fn instances(root: Scalar, context: Scalar, public_values: &[Scalar]) -> Vec<Fr> {
    [root, context]
        .iter()
        .chain(public_values)
        .map(|scalar| to_fr(*scalar))
        .collect()
}
