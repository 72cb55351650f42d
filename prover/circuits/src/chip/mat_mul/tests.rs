//! What a cheating prover could try with matrix products.

use crate::tests::builder::Builder;
use crate::tests::case::{Case, QLayer, R, RELATION, cases_of, names};
use crate::tests::failing;
use chainfer_model::quantized::{QMatMul, TensorId};

/// Two products of a 2 × 2 with a 2 × 4 matrix.
fn mat_mul() -> (Builder, TensorId) {
    let mut b = Builder::new(R, 211);
    let (x, w) = (b.input(4, 2, 2), b.input(1, 1, 8));
    let y = b.mat_mul(w, x, 2, 2);
    (b, y)
}

fn layer(case: &Case) -> &QMatMul {
    match &case.model.graph.layers[0] {
        QLayer::MatMul(layer) => layer,
        _ => panic!(),
    }
}

#[test]
fn output_off_by_one_fails_the_relation() {
    for case in cases_of(mat_mul) {
        for element in case.plain_outputs() {
            let failures = case.failing_with_output_off(element);
            assert_eq!(failures, names(&[RELATION]));
        }
    }
}

#[test]
fn input_that_changes_alone_fails_the_relation() {
    for case in cases_of(mat_mul) {
        let layer = layer(&case);
        for (tensor, elements) in [(layer.left.tensor, 8), (layer.right, 16)] {
            for element in [0, 3, elements - 1] {
                let forged = case.with_input_changed(tensor, element);
                assert_eq!(failing(&forged, &forged.circuit), names(&[RELATION]));
            }
        }
    }
}

#[test]
fn wrong_weights_and_biases_fail_the_relation() {
    for case in cases_of(mat_mul) {
        for changed in 0..4 {
            let mut other = case.model.clone();
            let QLayer::MatMul(layer) = &mut other.graph.layers[0] else {
                panic!()
            };
            match changed {
                3 => layer.element_bias[5] += 1,
                weight => layer.weights[weight] += 1,
            }
            let claimed = case.with_trace_of(&other);
            assert_eq!(failing(&claimed, &claimed.circuit), names(&[RELATION]));
        }
    }
}

#[test]
fn errors_that_cancel_at_constant_challenges_fail_the_relation() {
    for case in cases_of(mat_mul) {
        let safe = case.safe_remainders();
        // Within a channel, at one position of two rows, and of two matrices.
        let apart = |by: usize| {
            let found = safe.iter().find(|e| safe.contains(&(**e + by)));
            *found.unwrap()
        };
        for by in [1, 4, 8] {
            let (plus, minus) = (apart(by), apart(by) + by);
            let failures = case.failing_with_remainders(&[(plus, 1), (minus, -1)]);
            assert_eq!(failures, names(&[RELATION]));
        }
    }
}
