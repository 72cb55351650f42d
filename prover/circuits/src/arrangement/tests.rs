//! Encoded selectors stand for the flags that they are computed from.

use crate::tests::builder::{Builder, partition};
use crate::tests::case::{R, cases};
use crate::tests::setup;
use crate::tests::way::Way;
use crate::{ChunkPlan, Objective, PlanOptions};
use chainfer_model::partitioned::Visibility;
use halo2curves::bn256::Fr;

#[test]
fn codes_stand_for_their_flags() {
    for case in cases() {
        assert_codes_stand_for_flags(&case.setup.plan);
    }
}

#[test]
fn codes_with_max_pooling_stand_for_their_flags() {
    let options = PlanOptions {
        objective: Objective::Gas,
        ..PlanOptions::default()
    };
    let mut b = Builder::new(R, 23);
    let x = b.input(2, 4, 5);
    let h = b.max_pool(x, [2, 2], [2, 1], [0, 0], (2, 4));
    b.graph.outputs.push(h);
    let inputs = b.values();
    let model = partition(&b.graph, &[1], Visibility::Committed, Visibility::Public);
    assert_codes_stand_for_flags(&setup(&model, &inputs, 0, &options).plan);
}

#[test]
fn codes_with_products_stand_for_their_flags() {
    let mut b = Builder::new(R, 26);
    let x = b.input(2, 2, 2);
    let f = b.table();
    let h = b.function(x, f);
    let y = b.product(h, x, (2, 2, 2));
    b.graph.outputs.push(y);
    let model = partition(&b.graph, &[2], Visibility::Committed, Visibility::Public);
    for way in Way::ALL {
        assert_codes_stand_for_flags(&way.plan(&model, 0, &PlanOptions::default()));
    }
}

fn assert_codes_stand_for_flags(plan: &ChunkPlan) {
    use crate::chip::{linear, poseidon, rlc};
    use crate::columns::{Fix, REQUANTISED, VALUE};
    use crate::selectors::{SCALE, tests::evaluate};
    use halo2_proofs::plonk::Expression;
    let fixed = crate::circuit::fill(plan).unwrap();
    let arrangement = plan.arrangement;
    let mut checked = 0;
    for role in arrangement.encoded_flags(plan.shape()) {
        for row in 0..plan.usable {
            let value = |role: Fix| fixed.column(role).unwrap()[row];
            let mut query = |role: Fix| Expression::Constant(value(role));
            let flag = arrangement.decode(role, plan.shape(), &mut query).unwrap();
            let expected = match role {
                // A fold's first row has no base yet.
                rlc::FOLD_R => value(rlc::FOLD_R) + first_of_fold(plan, row),
                rlc::FOLD_Z => value(rlc::FOLD_Z) - first_of_fold(plan, row),
                // Weights come before the biases in their column, blinders after them.
                Fix {
                    name: linear::BIAS, ..
                } if !(plan.layout.first..plan.layout.end).contains(&row) => continue,
                role => value(role),
            };
            let scale = match role {
                VALUE | poseidon::ROTATE | poseidon::PARTIAL | poseidon::FULL => 1,
                Fix {
                    name: REQUANTISED | linear::BIAS,
                    ..
                } => 1,
                _ => SCALE,
            };
            let flag = evaluate(&flag, Fr::zero());
            assert_eq!(flag, expected * Fr::from(scale), "{role:?} at {row}");
            checked += 1;
        }
    }
    assert!(checked > 10 * plan.usable, "{checked}");
}

/// 1 where a fold by z begins.
fn first_of_fold(plan: &ChunkPlan, row: usize) -> Fr {
    use crate::chip::rlc::program::{Carry, Load, Row};
    let begins = |line: &Row| line.load == Load::FoldZ && line.carry == Carry::Drop;
    Fr::from(u64::from(plan.check.get(row).is_some_and(begins)))
}
