//! What a cheating prover could try with functions.

use super::{KEY, TAG_BITS, VALUE, tag};
use crate::circuit::fill;
use crate::columns::Col;
use crate::tests::builder::{Builder, partition};
use crate::tests::case::{Case, LOOKUP, R, RELATION, cases_of, names};
use crate::tests::way::Way;
use crate::tests::{failing, recounted};
use crate::{ChunkPlan, HideWeights, Objective, PlanOptions};
use chainfer_model::partitioned::Visibility;
use chainfer_model::quantized::TensorId;
use halo2curves::bn256::Fr;

/// One function of an input, then another.
fn two_tables() -> (Builder, TensorId) {
    let mut b = Builder::new(R, 191);
    let x = b.input(2, 2, 2);
    let (f, g) = (b.table(), b.table());
    // An entry whose value is 0.
    b.graph.tables[f][7] = 0;
    let h = b.function(x, f);
    let y = b.function(h, g);
    (b, y)
}

/// The trace with an argument and a value in one slot of the output.
fn failing_with(case: &Case, argument: u64, value: u64) -> std::collections::BTreeSet<String> {
    let [y, _, v, _, e] = case.digits(case.output, 3);
    let (argument, value) = (Fr::from(argument), Fr::from(value));
    let mut values = case.trace();
    values[case.output.0][3] = u32::from_le_bytes(value.to_bytes()[..4].try_into().unwrap());
    let claimed = case.claiming(values);
    let forged = claimed
        .circuit
        .tampered(&[(y, value), (v, value), (e, argument)]);
    failing(&claimed, &recounted(&claimed, &forged))
}

/// The argument of that slot.
fn argument(case: &Case) -> usize {
    case.trace()[1 + case.output.0 - 2][3] as usize
}

#[test]
fn value_of_another_argument_fails_the_lookup() {
    for case in cases_of(two_tables) {
        let x = argument(&case);
        let g = &case.model.graph.tables[1];
        assert_eq!(failing_with(&case, x as u64, g[x].into()), names(&[]));
        let other = (0..R as usize).find(|other| g[*other] != g[x]).unwrap();
        let failures = failing_with(&case, x as u64, g[other].into());
        assert_eq!(failures, names(&[LOOKUP]));
    }
}

#[test]
fn value_of_another_table_fails_the_lookup() {
    for case in cases_of(two_tables) {
        let x = argument(&case);
        let f = &case.model.graph.tables[0];
        assert_ne!(f[x], case.model.graph.tables[1][x]);
        let failures = failing_with(&case, x as u64, f[x].into());
        assert_eq!(failures, names(&[LOOKUP]));
    }
}

#[test]
fn argument_other_than_the_activation_fails_the_relation() {
    for case in cases_of(two_tables) {
        let x = argument(&case);
        let other = (x + 1) % R as usize;
        let value = case.model.graph.tables[1][other];
        let failures = failing_with(&case, other as u64, value.into());
        assert_eq!(failures, names(&[RELATION]));
    }
}

#[test]
fn arguments_that_cancel_at_constant_challenges_fail_the_relation() {
    // One argument is one more, one is one less; both values are those of the arguments.
    for case in cases_of(two_tables) {
        let arguments = &case.trace()[case.output.0 - 1];
        let pick = |up: bool| {
            let fits = |x: &u32| if up { x + 1 < R } else { *x > 0 };
            arguments.iter().position(fits).unwrap()
        };
        let (plus, minus) = (pick(true), pick(false).max(pick(true) + 1));
        assert!(arguments[minus] > 0);
        let g = &case.model.graph.tables[1];
        let mut values = case.trace();
        let mut cells = Vec::new();
        for (element, x) in [(plus, arguments[plus] + 1), (minus, arguments[minus] - 1)] {
            let value = g[x as usize];
            values[case.output.0][element] = value;
            let [y, _, v, _, e] = case.digits(case.output, element);
            let value = Fr::from(u64::from(value));
            cells.extend([(y, value), (v, value), (e, Fr::from(u64::from(x)))]);
        }
        let claimed = case.claiming(values);
        let forged = claimed.circuit.tampered(&cells);
        let failures = failing(&claimed, &recounted(&claimed, &forged));
        assert_eq!(failures, names(&[RELATION]));
    }
}

#[test]
fn multiplicity_of_an_entry_off_by_one_fails_the_lookup() {
    for case in cases_of(two_tables) {
        let entries = 2 * R as usize;
        for row in [0, 5, entries - 1, entries, case.setup.plan.idle_row()] {
            let cell = Col::TableMult.at(row);
            let forged = [(cell, case.get(cell) + Fr::one())];
            let forged = case.setup.circuit.tampered(&forged);
            assert_eq!(failing(&case.setup, &forged), names(&[LOOKUP]), "row {row}");
        }
    }
}

/// No slot looks a padded entry up, whatever its value is and however often the entry counts.
#[test]
fn padded_entry_matches_no_function() {
    for case in cases_of(two_tables) {
        let x = argument(&case);
        let honest = case.model.graph.tables[1][x];
        let [y, _, v, ..] = case.digits(case.output, 3);
        for value in [Fr::zero(), -Fr::one()] {
            if value == Fr::from(u64::from(honest)) {
                continue;
            }
            let forged = case.setup.circuit.tampered(&[(y, value), (v, value)]);
            let forged = recounted(&case.setup, &forged);
            let padded = Col::TableMult.at(2 * R as usize + 1);
            for times in [1, 2] {
                let forged = forged.tampered(&[(padded, Fr::from(times))]);
                assert!(failing(&case.setup, &forged).contains(LOOKUP));
            }
        }
    }
}

/// A digit is no entry of a function, not even of one with the value 0.
#[test]
fn digit_that_is_a_key_fails_the_lookup() {
    for case in cases_of(two_tables) {
        let digit = Col::Rem(0).at(case.setup.plan.idle_row());
        let key = Fr::from((1 << TAG_BITS) + 7);
        let entry = Col::TableMult.at(7);
        let forged = case.setup.circuit.tampered(&[(digit, key)]);
        let forged = recounted(&case.setup, &forged);
        for times in [0, 1] {
            let more = case.get(entry) + Fr::from(times);
            let forged = forged.tampered(&[(entry, more)]);
            assert_eq!(failing(&case.setup, &forged), names(&[LOOKUP]));
        }
    }
}

#[test]
fn tables_stand_one_after_the_other_and_functions_share_them() {
    let mut b = Builder::new(R, 192);
    let x = b.input(1, 2, 3);
    let (unused, f, g) = (b.table(), b.table(), b.table());
    let h = b.function(x, g);
    let h = b.function(h, f);
    let y = b.function(h, g);
    b.graph.outputs.push(y);
    let model = partition(&b.graph, &[3], Visibility::Public, Visibility::Public);
    for way in Way::ALL {
        let plan = way.plan(&model, 0, &PlanOptions::default());
        assert_eq!(plan.layout.tables, [g, f]);
        assert_ne!(unused, f);
        let fixed = fill(&plan).unwrap();
        let (keys, values) = (fixed.column(KEY).unwrap(), fixed.column(VALUE).unwrap());
        let range = R as usize;
        for row in 0..plan.usable {
            let (key, value) = match (row / range, row % range) {
                (0, x) => ((1 << TAG_BITS) + x as u64, 1 + model.graph.tables[g][x]),
                (1, x) => ((2 << TAG_BITS) + x as u64, 1 + model.graph.tables[f][x]),
                _ => (0, 0),
            };
            assert_eq!(
                (keys[row], values[row]),
                (Fr::from(key), Fr::from(u64::from(value)))
            );
        }
        // The tag is set where there is an element, and nowhere else.
        let mut tagged = 0;
        for lane in 0..plan.shape().lanes {
            let tags = fixed.column(tag(lane)).unwrap();
            tagged += tags.iter().filter(|t| **t != Fr::zero()).count();
        }
        assert_eq!(tagged, 18);
    }
}

#[test]
fn tables_make_room_for_themselves() {
    let mut b = Builder::new(R, 193);
    let x = b.input(1, 1, 2);
    let mut y = x;
    for _ in 0..6 {
        let table = b.table();
        y = b.function(y, table);
    }
    b.graph.outputs.push(y);
    let model = partition(&b.graph, &[6], Visibility::Public, Visibility::Public);
    for objective in [Objective::Time, Objective::Gas, Objective::Memory] {
        let options = |k| PlanOptions {
            objective,
            k,
            hide_weights: HideWeights::Rows(0),
            ..PlanOptions::default()
        };
        let plan = ChunkPlan::new(&model, 0, &options(None)).unwrap();
        assert!(plan.active_rows() >= 6 * R as usize);
        assert_eq!(plan.shape().k, 11);
        assert!(ChunkPlan::new(&model, 0, &options(Some(10))).is_err());
    }
}
