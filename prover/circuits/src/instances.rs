//! The order of a chunk's instance column.

use crate::commitment::{InferenceCommitment, pack};
use chainfer_model::partitioned::{PartitionedModel, Visibility};
use halo2curves::bn256::Fr;

/// The instance column of a chunk: `[root, context, public values…]`.
pub fn chunk_instances(
    model: &PartitionedModel,
    chunk: usize,
    values: &[Vec<u32>],
    commitment: &InferenceCommitment,
    context: Fr,
) -> Vec<Fr> {
    let mut instances = vec![commitment.root(), context];
    for leaf in &model.chunks[chunk].exposes {
        let info = &model.leaves[*leaf];
        match info.visibility {
            Visibility::Public => instances.extend(pack(&values[info.tensor.0])),
            Visibility::Committed => instances.push(commitment.leaves[*leaf]),
        }
    }
    instances
}
