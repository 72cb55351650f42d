//! Values that are no trace.

use crate::tests::case::{R, cases};
use crate::{ChunkCircuit, ChunkWitness, InferenceCommitment};
use std::sync::Arc;

#[test]
fn values_that_are_no_trace_are_refused() {
    for case in cases() {
        let mut values = case.trace();
        values[0][0] = R;
        let commitment = Arc::new(InferenceCommitment::new(&case.model, &values, &[7; 32]));
        let witness = ChunkWitness {
            values: Arc::new(values),
            commitment,
        };
        let refused = ChunkCircuit::for_proof(case.setup.plan.clone(), &witness);
        assert!(matches!(
            refused,
            Err(crate::CircuitError::BadWitness { .. })
        ));
    }
}
