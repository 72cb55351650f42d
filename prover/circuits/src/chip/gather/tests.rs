//! What a cheating prover could try with rearranged elements.

use crate::tests::builder::Builder;
use crate::tests::case::{QLayer, R, cases_of, names};
use crate::tests::way::Way;
use chainfer_model::quantized::TensorId;

fn gather() -> (Builder, TensorId) {
    let mut b = Builder::new(R, 181);
    let (x, w) = (b.input(2, 2, 2), b.input(1, 1, 3));
    let y = b.gather(&[x, w], (2, 2, 3));
    (b, y)
}

#[test]
fn element_other_than_its_source_fails_the_copy() {
    for case in cases_of(gather) {
        for element in [0, 5, 11] {
            assert_eq!(case.failing_with_output_off(element), names(&["copy"]));
        }
    }
}

#[test]
fn source_that_changes_alone_fails_the_copy() {
    for case in cases_of(gather) {
        let QLayer::Gather(layer) = &case.model.graph.layers[0] else {
            panic!()
        };
        let element = layer.elements.iter().find(|e| **e < 8).unwrap();
        let forged = case.with_input_changed(layer.sources[0], *element);
        let failures = crate::tests::failing(&forged, &forged.circuit);
        assert_eq!(failures, names(&["copy"]));
    }
}

#[test]
fn gather_needs_no_rows_of_checks_and_no_columns() {
    for case in cases_of(gather) {
        assert!(case.setup.plan.check.is_empty());
        let shape = case.setup.plan.shape();
        assert_eq!(shape.functions, case.way == Way::Canonical);
    }
}
