//! Partitions whose leaves are not their boundary.

use crate::tests::case::cases;
use crate::{ChunkPlan, PlanOptions};
use chainfer_model::partitioned::PartitionedModel;

#[test]
fn partition_without_a_boundary_tensor_is_refused() {
    for case in cases() {
        let spoil: [fn(&mut PartitionedModel); 5] = [
            |m| m.chunks[0].writes.clear(),
            |m| m.chunks[0].reads.truncate(1),
            |m| m.chunks[0].exposes.push(9),
            |m| m.leaves[0].tensor = m.leaves[1].tensor,
            |m| m.chunks[0].end_layer -= 1,
        ];
        for (i, spoil) in spoil.iter().enumerate() {
            let mut model = case.model.clone();
            spoil(&mut model);
            let refused = ChunkPlan::new(&model, 0, &PlanOptions::default());
            assert!(
                matches!(refused, Err(crate::CircuitError::Inconsistent { .. })),
                "case {i}"
            );
        }
    }
}
