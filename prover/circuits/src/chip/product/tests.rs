//! What a cheating prover could try with products.

use crate::columns::Col;
use crate::tests::builder::Builder;
use crate::tests::case::{Case, QLayer, R, RELATION, cases_of, names};
use crate::tests::{failing, recounted};
use chainfer_model::quantized::{QProduct, TensorId};
use halo2curves::bn256::Fr;

/// Two channels, with gaps between image rows where the lane is padded.
fn product() -> (Builder, TensorId) {
    let mut b = Builder::new(R, 201);
    let (x, w) = (b.input(2, 2, 3), b.input(1, 1, 5));
    let y = b.product(x, w, (2, 2, 3));
    (b, y)
}

fn layer(case: &Case) -> &QProduct {
    match &case.model.graph.layers[0] {
        QLayer::Product(layer) => layer,
        _ => panic!(),
    }
}

#[test]
fn product_off_by_one_fails_the_relation() {
    for case in cases_of(product) {
        for element in case.plain_outputs() {
            let failures = case.failing_with_output_off(element);
            assert_eq!(failures, names(&[RELATION]));
        }
    }
}

#[test]
fn operand_other_than_the_activation_fails_the_copy_and_the_relation() {
    for case in cases_of(product) {
        let layout = &case.setup.plan.layout;
        let pairs = layout.pairs(case.output, "").unwrap();
        for element in [0, 11] {
            let row = pairs.row(layout.tensors[&case.output].slot_of(element));
            for row in [row, row + 1] {
                let cells = [Col::Y(0).at(row), Col::V(0).at(row)];
                let honest = case.get(cells[0]);
                let by = if honest == Fr::zero() {
                    Fr::one()
                } else {
                    -Fr::one()
                };
                let forged = case
                    .setup
                    .circuit
                    .tampered(&cells.map(|cell| (cell, honest + by)));
                let forged = recounted(&case.setup, &forged);
                assert_eq!(failing(&case.setup, &forged), names(&["copy", RELATION]));
            }
        }
    }
}

#[test]
fn input_that_changes_alone_fails() {
    for case in cases_of(product) {
        let layer = layer(&case);
        for operand in [&layer.left, &layer.right] {
            let element = operand.element(4);
            // The operands' rows follow the input, the output does not.
            let forged = case.with_input_changed(operand.tensor, element);
            assert_eq!(failing(&forged, &forged.circuit), names(&[RELATION]));
        }
    }
}

#[test]
fn wrong_weights_and_biases_fail_the_relation() {
    for case in cases_of(product) {
        for changed in 0..4 {
            let mut other = case.model.clone();
            let QLayer::Product(layer) = &mut other.graph.layers[0] else {
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
    for case in cases_of(product) {
        let safe = case.safe_remainders();
        // Within a channel, and at one position of two channels.
        let across = safe
            .iter()
            .find(|e| **e < 6 && safe.contains(&(**e + 6)))
            .unwrap();
        for [plus, minus] in [[safe[0], safe[1]], [*across, across + 6]] {
            let failures = case.failing_with_remainders(&[(plus, 1), (minus, -1)]);
            assert_eq!(failures, names(&[RELATION]));
        }
    }
}

/// Both operands of a unit exchanged: the product is the same, what stands alone is not.
#[test]
fn exchanged_operands_fail() {
    for case in cases_of(product) {
        let layout = &case.setup.plan.layout;
        let row = layout.pairs(case.output, "").unwrap().row(0);
        let [a, b] = [row, row + 1].map(|row| case.get(Col::Y(0).at(row)));
        assert_ne!(a, b);
        let cells = [(row, b), (row + 1, a)];
        let cells =
            cells.map(|(row, value)| [(Col::Y(0).at(row), value), (Col::V(0).at(row), value)]);
        let forged = case.setup.circuit.tampered(&cells.concat());
        let failures = failing(&case.setup, &recounted(&case.setup, &forged));
        assert_eq!(failures, names(&["copy", RELATION]));
    }
}
