//! What a cheating prover could try with the equations of layers.

use super::{alpha_codes, gamma_code};
use crate::chip::rlc::program::{Carry, Load, Row, Step};
use crate::columns::Col;
use crate::error::CircuitError;
use crate::tests::case::{R, RELATION, cases, names};
use crate::tests::{failing, recounted};
use chainfer_model::executor::linear_accumulators;
use chainfer_model::quantized::{QLayer, TermMap};
use halo2curves::bn256::Fr;

#[test]
fn wrong_weight_fails_the_relation() {
    for case in cases() {
        let mut other = case.model.clone();
        let QLayer::Linear(layer) = &mut other.graph.layers[1] else {
            panic!()
        };
        let TermMap::Dense { weights } = &mut layer.terms[0].map else {
            panic!()
        };
        // The activation that meets the changed weight is not 0.
        let at = case.trace()[2].iter().position(|u| *u > 0).unwrap();
        weights[at] += 1;
        let claimed = case.with_trace_of(&other);
        assert_eq!(failing(&claimed, &claimed.circuit), names(&[RELATION]));
    }
}

#[test]
fn wrong_activation_fails_the_relation() {
    for case in cases() {
        let (element, _) = case.plain_output();
        let mut values = case.trace();
        values[case.output.0][element] += 1;
        let claimed = case.claiming(values);
        let (y, v) = (
            case.cell(case.output, element, Col::Y),
            case.cell(case.output, element, Col::V),
        );
        let one = Fr::one();
        let forged = claimed
            .circuit
            .tampered(&[(y, case.get(y) + one), (v, case.get(v) + one)]);
        assert_eq!(
            failing(&claimed, &recounted(&claimed, &forged)),
            names(&[RELATION])
        );
    }
}

#[test]
fn errors_that_cancel_at_constant_challenges_fail_the_relation() {
    // Two outputs are off by one in opposite directions, so their sum is right.
    for case in cases() {
        let accumulators =
            linear_accumulators(&case.model.graph, case.layer(case.output), &case.trace());
        let r = i64::from(R);
        let safe = |a: i64| (1..r - 1).contains(&a.rem_euclid(r));
        let pick: Vec<usize> = (0..accumulators.len())
            .filter(|i| safe(accumulators[*i]))
            .take(2)
            .collect();
        let (plus, minus) = (
            case.cell(case.output, pick[0], Col::Rem),
            case.cell(case.output, pick[1], Col::Rem),
        );
        let forged = case.setup.circuit.tampered(&[
            (plus, case.get(plus) + Fr::one()),
            (minus, case.get(minus) - Fr::one()),
        ]);
        assert_eq!(
            failing(&case.setup, &recounted(&case.setup, &forged)),
            names(&[RELATION])
        );
    }
}

#[test]
fn combinations_without_a_code_are_refused() {
    let row = |carry, load, weights: usize| Row {
        carry,
        load,
        weights: vec![1; weights],
        ..Row::default()
    };
    assert_eq!(alpha_codes(&Row::default()), Ok((0, 0)));
    for bad in [
        row(Carry::Hold, Load::One, 0),
        row(Carry::R, Load::FoldZ, 1),
        row(Carry::Drop, Load::FoldZ, 2),
    ] {
        let refused = alpha_codes(&bad);
        assert!(matches!(refused, Err(CircuitError::UnknownCode { .. })));
    }
    let bad = Row {
        gamma: Step::R,
        zero: true,
        ..Row::default()
    };
    let refused = gamma_code(&bad, false);
    assert!(matches!(refused, Err(CircuitError::UnknownCode { .. })));
}
