//! What a cheating prover could try with digits.

use super::digits;
use crate::columns::Col;
use crate::tests::case::{LOOKUP, R, cases, names};
use crate::tests::{failing, recounted};
use halo2curves::bn256::Fr;

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
