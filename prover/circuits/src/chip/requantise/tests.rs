//! What a cheating prover could try with digits.

use super::{accumulator_value, digits};
use crate::PlanOptions;
use crate::columns::Col;
use crate::field::signed;
use crate::tests::case::{Case, LOOKUP, R, cases, names};
use crate::tests::{failing, recounted};
use chainfer_model::executor::linear_accumulators;
use chainfer_model::quantized::QLayer;
use halo2curves::bn256::Fr;
use halo2curves::ff::PrimeField;

#[test]
fn remainder_below_zero_fails_the_lookup() {
    for case in cases() {
        let (element, _) = case.plain_output();
        let mut values = case.trace();
        values[case.output.0][element] += 1;
        let claimed = case.claiming(values);
        let at = |col| case.cell(case.output, element, col);
        let (y, v, rem) = (at(Col::Y), at(Col::V), at(Col::Rem));
        let forged = claimed.circuit.tampered(&[
            (y, case.get(y) + Fr::one()),
            (v, case.get(v) + Fr::one()),
            (rem, case.get(rem) - Fr::from(u64::from(R))),
        ]);
        assert_eq!(
            failing(&claimed, &recounted(&claimed, &forged)),
            names(&[LOOKUP])
        );
    }
}

#[test]
fn quotient_out_of_range_fails_the_lookup() {
    // The quotient less one and the remainder plus R: the same accumulator, a second output.
    for case in cases() {
        let (element, _) = case.plain_output();
        let mut values = case.trace();
        values[case.output.0][element] -= 1;
        let claimed = case.claiming(values);
        let at = |col| case.cell(case.output, element, col);
        let (y, v, rem) = (at(Col::Y), at(Col::V), at(Col::Rem));
        let forged = claimed.circuit.tampered(&[
            (y, case.get(y) - Fr::one()),
            (v, case.get(v) - Fr::one()),
            (rem, case.get(rem) + Fr::from(u64::from(R))),
        ]);
        assert_eq!(
            failing(&claimed, &recounted(&claimed, &forged)),
            names(&[LOOKUP])
        );
    }
}

#[test]
fn saturation_claimed_where_there_is_none_fails_the_lookup() {
    // c = 1 needs a quotient digit below 0.
    for case in cases() {
        let (element, _) = case.plain_output();
        let mut values = case.trace();
        values[case.output.0][element] = R - 1;
        let claimed = case.claiming(values);
        let at = |col| case.cell(case.output, element, col);
        let (y, v, c) = (at(Col::Y), at(Col::V), at(Col::C));
        let r = Fr::from(u64::from(R));
        let forged =
            claimed
                .circuit
                .tampered(&[(y, r - Fr::one()), (v, case.get(v) - r), (c, Fr::from(2))]);
        assert_eq!(
            failing(&claimed, &recounted(&claimed, &forged)),
            names(&[LOOKUP])
        );
    }
}

/// The case with biases that give the outputs these accumulators.
fn with_accumulators(case: Case, wanted: &[i64]) -> Case {
    let found = linear_accumulators(&case.model.graph, case.layer(case.output), &case.trace());
    let mut model = case.model;
    let Some(QLayer::Linear(layer)) = model.graph.layers.last_mut() else {
        panic!()
    };
    assert_eq!(layer.output, case.output);
    for (i, bias) in layer.element_bias.iter_mut().enumerate() {
        *bias += wanted[i] - found[i];
    }
    Case {
        setup: case
            .way
            .setup(&model, &case.inputs, 0, &PlanOptions::default()),
        model,
        ..case
    }
}

#[test]
fn saturation_beyond_one_fails_its_gate_alone() {
    // With c the whole overflow and E = 1 the accumulator is the same, and the output another one, in range for these v.
    let r = i64::from(R);
    let (rem, overflows) = (5, [(2, 150), (-2, 10), (3, 140), (-3, 60)]);
    let accumulators = overflows.map(|(overflow, v)| rem + r * (v + r * overflow));
    for case in cases() {
        let case = with_accumulators(case, &accumulators);
        for (element, (overflow, v)) in overflows.into_iter().enumerate() {
            let honest = digits(accumulators[element], R).unwrap();
            assert_eq!(i64::from(honest.c) * i64::from(honest.e + 1), overflow);
            let square = overflow * overflow;
            let output = (1 - square) * v + (r - 1) * (square + overflow) / 2;
            let mut values = case.trace();
            assert_eq!(values[case.output.0][element], honest.y);
            assert!(output != i64::from(honest.y) && (0..r).contains(&output));
            values[case.output.0][element] = output as u32;
            let claimed = case.claiming(values);
            let at = |col| case.cell(case.output, element, col);
            let (y, c, e) = (at(Col::Y), at(Col::C), at(Col::E));
            let forged = claimed.circuit.tampered(&[
                (y, signed(output)),
                (c, signed(overflow + 1)),
                (e, Fr::zero()),
            ]);
            let Col::C(lane) = c.col else { panic!() };
            assert_eq!(
                failing(&claimed, &recounted(&claimed, &forged)),
                names(&[&format!("saturation {lane}: c in -1, 0, 1")])
            );
        }
    }
}

#[test]
fn every_accumulator_has_one_output() {
    // Exhaustive over all digits for a small range: no accumulator is written in two ways with different outputs.
    let range = 16i64;
    let mut outputs = std::collections::BTreeMap::new();
    for rem in 0..range {
        for v in 0..range {
            for (c, y) in [(-1i64, 0), (0, v), (1, range - 1)] {
                for e in 0..range {
                    let acc = rem + range * (v + range * c * (e + 1));
                    let first = *outputs.entry(acc).or_insert(y);
                    assert_eq!(first, y, "accumulator {acc}");
                    let honest = digits(acc, range as u32).unwrap();
                    assert_eq!((i64::from(honest.y), i64::from(honest.rem)), (y, rem));
                    assert_eq!(y, acc.div_euclid(range).clamp(0, range - 1));
                }
            }
        }
    }
    assert!(digits(range.pow(3) + range.pow(2), range as u32).is_none());
    assert!(digits(-range.pow(3) - 1, range as u32).is_none());
}

#[test]
fn accumulators_are_distinct_in_the_field() {
    // Under weights that are any field elements an accumulator is any field element, and the digits are those of one output at most.
    let range = 16i64;
    let mut outputs = std::collections::BTreeMap::new();
    for rem in 0..range {
        for v in 0..range {
            for (c, y) in [(-1, 0), (0, v), (1, range - 1)] {
                for e in 0..range {
                    let cells = [rem, v, c + 1, e].map(signed);
                    let acc = accumulator_value(signed(range), cells);
                    assert_eq!(*outputs.entry(acc.to_repr()).or_insert(y), y);
                }
            }
        }
    }
    let numbers = 2 * range.pow(3) + range.pow(2);
    assert_eq!(outputs.len() as i64, numbers);
    // So it is for every range: as many numbers as digits write, from -R^3 on, are fewer than the field's elements.
    let largest = 1u128 << 16;
    assert!(2 * largest.pow(3) + largest.pow(2) < 1 << 64);
    const { assert!(Fr::NUM_BITS > 64) }
}
