//! Loops over rows of the evaluation domain: sums over Lagrange polynomials, as fractions, before the one inversion.

use super::layout::Layout;
use crate::{
    field::{graph::Inactive, lagrange::InstanceLoop},
    protocol::{Protocol, root_power},
    yul::{
        Block, Expression, Literal, Statement, add, addmod, calldataload, lt, mload, modulo,
        mstore, mulmod, sub,
    },
};

/// Public inputs of one column from which the loop over them is unrolled, and how far.
const UNROLL_FROM: usize = 16;
const UNROLLED: usize = 4;

/// The sum over a column's public inputs: value times Lagrange polynomial, without the factor that all rows share.
pub(crate) fn instances(
    protocol: &Protocol,
    layout: &Layout,
    index: usize,
    column: &InstanceLoop,
) -> Statement {
    let start = layout.cd_instances + 32 * column.first;
    let unrolled = if column.count < UNROLL_FROM {
        1
    } else {
        UNROLLED
    };
    let end = start + 32 * (column.count / unrolled * unrolled);
    let (numerator, denominator) = layout.instance_loop(index);
    let root = |row| Literal::field_word(&root_power(protocol.omega, row));
    let x = || mload(Literal::address(layout.challenge(protocol.challenges.x)));
    let first = match column.row {
        0 => x(),
        row => mulmod(x(), root(-row), "r"),
    };
    let mut round = Vec::new();
    for i in 0..unrolled {
        round.extend(summand(match i {
            0 => "at".into(),
            _ => add("at", Literal::offset(32 * i)),
        }));
    }
    let mut block = vec![
        Statement::Comment(
            "The sum of value / (z - 1), as a fraction, where z is x over the row's root of unity.",
        ),
        Statement::declare("step", root(-1)),
        Statement::declare("z", first),
        Statement::declare("sum", Literal::decimal(0)),
        Statement::declare("product", Literal::decimal(1)),
        Statement::Let("distance".into(), None),
        Statement::repeat(
            Some(Statement::declare("at", Literal::address(start))),
            lt("at", Literal::address(end)),
            Statement::assign("at", add("at", Literal::offset(32 * unrolled))),
            round,
        ),
    ];
    for at in (end..start + 32 * column.count).step_by(32) {
        block.extend(summand(Literal::address(at).into()));
    }
    block.push(mstore(Literal::address(numerator), modulo("sum", "r")).into());
    block.push(mstore(Literal::address(denominator), "product").into());
    Statement::Block(block)
}

/// Adds the fraction of one public input and moves on to the next row.
fn summand(from: Expression) -> [Statement; 4] {
    let before = mulmod("sum", "distance", "r");
    let added = mulmod(calldataload(from), "product", "r");
    [
        // Distance and sum may exceed r: both are two reduced values together.
        Statement::assign("distance", distance()),
        Statement::assign("sum", add(before, added)),
        Statement::assign("product", mulmod("product", "distance", "r")),
        Statement::assign("z", mulmod("z", "step", "r")),
    ]
}

fn distance() -> Expression {
    add("z", sub("r", Literal::decimal(1)))
}

/// What the last usable row and the blinded ones contribute.
pub(crate) fn inactive(protocol: &Protocol, layout: &Layout) -> Statement {
    let x = mload(Literal::address(layout.challenge(protocol.challenges.x)));
    let rows = protocol.blinding_factors as u64 + 1;
    let omega = Literal::field_word(&protocol.omega);
    let round: Block = vec![
        Statement::assign("z", mulmod("z", omega, "r")),
        Statement::declare("distance", distance()),
        Statement::assign(
            "sum",
            addmod(mulmod("sum", "distance", "r"), "product", "r"),
        ),
        Statement::assign("blinded", "product"),
        Statement::assign("product", mulmod("product", "distance", "r")),
    ];
    let store = |part, value: &'static str| {
        Statement::from(mstore(Literal::address(layout.inactive(part)), value))
    };
    Statement::Block(vec![
        Statement::Comment(
            "Of the last usable row and the blinded ones: the distance is x over the row's root of unity, less one.",
        ),
        Statement::declare("z", x),
        Statement::declare("sum", Literal::decimal(0)),
        Statement::declare("product", Literal::decimal(1)),
        Statement::Let("blinded".into(), None),
        Statement::repeat(
            Some(Statement::declare("left", Literal::decimal(rows))),
            "left",
            Statement::assign("left", sub("left", Literal::decimal(1))),
            round,
        ),
        store(Inactive::Sum, "sum"),
        store(Inactive::Blinded, "blinded"),
        store(Inactive::Product, "product"),
    ])
}
