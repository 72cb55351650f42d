//! Loops over rows of the evaluation domain: sums over Lagrange polynomials, as fractions, before the one inversion.

use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};

use super::{layout::Layout, numbers};
use crate::{
    field::{
        graph::{Inactive, Input},
        lagrange::InstanceLoop,
        program::Operand,
    },
    options::Mode,
    protocol::{Protocol, root_power},
    yul::{
        Block, Expression, Literal, Statement, add, addmod, and, calldataload, calldatasize, lt,
        mload, modulo, mstore, mulmod, shl, shr, sub,
    },
};

/// Public inputs of one column from which the loop over them is unrolled, and how far.
const UNROLL_FROM: usize = 16;
const UNROLLED: usize = 4;

/// k up to which the root of unity comes from one of a lower order than the field's largest: fewer squarings.
const SMALL_K: u32 = 14;

/// The domain of a shared verifier, from the key's number of rows: its root of unity and its inverse, x to the number of rows, and
/// the inverse of that number.
pub(crate) fn domain(protocol: &Protocol, layout: &Layout) -> Statement {
    let square = |name: &'static str| Statement::assign(name, mulmod(name, name, "r"));
    let one_less = || Statement::assign("left", sub("left", Literal::decimal(1)));
    let squarings = |k: u32| sub(Literal::decimal(u64::from(k)), "k");
    let roots = |k: u32| {
        let exponent = 1 << (numbers::MAX_K - k);
        [Fr::ROOT_OF_UNITY, Fr::ROOT_OF_UNITY_INV]
            .map(|root| Literal::field_word(&root.pow_vartime([exponent])))
    };
    let [root, inverse] = roots(numbers::MAX_K);
    let [small_root, small_inverse] = roots(SMALL_K);
    let store = |input, value: Expression| {
        Statement::from(mstore(Literal::address(address(layout, input)), value))
    };
    let minus_one = || sub("r", Literal::decimal(1));
    Statement::Block(vec![
        Statement::Comment(
            "The domain has 2^k rows: roots of unity of order 2^14, or 2^28, are squared down to it.",
        ),
        Statement::declare("k", numbers::k(protocol, layout)),
        Statement::declare("root", root),
        Statement::declare("inverse", inverse),
        Statement::declare("left", squarings(numbers::MAX_K)),
        Statement::If(
            lt("k", Literal::decimal(u64::from(SMALL_K) + 1)),
            vec![
                Statement::assign("root", small_root),
                Statement::assign("inverse", small_inverse),
                Statement::assign("left", squarings(SMALL_K)),
            ],
        ),
        Statement::repeat(
            None,
            "left",
            one_less(),
            vec![square("root"), square("inverse")],
        ),
        store(Input::Root, "root".into()),
        store(Input::RootInverse, "inverse".into()),
        Statement::Comment("x is squared k times, twice a round."),
        Statement::declare("power", challenge_x(protocol, layout)),
        Statement::If(and("k", Literal::decimal(1)), vec![square("power")]),
        Statement::repeat(
            Some(Statement::assign("left", shr(Literal::decimal(1), "k"))),
            "left",
            one_less(),
            vec![square("power"), square("power")],
        ),
        store(Input::XToRows, "power".into()),
        Statement::Comment("2^k divides r - 1, and 2^k * ((r - 1) / 2^k) is minus one."),
        store(Input::RowsInverse, sub("r", shr("k", minus_one()))),
    ])
}

fn address(layout: &Layout, input: Input) -> usize {
    layout.operand(Operand::Input(input))
}

fn challenge_x(protocol: &Protocol, layout: &Layout) -> Expression {
    mload(Literal::address(layout.challenge(protocol.challenges.x)))
}

/// The domain's root of unity or its inverse.
fn root(protocol: &Protocol, layout: &Layout, inverse: bool) -> Expression {
    let (input, rotation) = match inverse {
        true => (Input::RootInverse, -1),
        false => (Input::Root, 1),
    };
    match layout.mode() {
        Mode::Embedded => Literal::field_word(&root_power(protocol.omega, rotation)).into(),
        Mode::Shared => mload(Literal::address(address(layout, input))),
    }
}

/// The sum over a column's public inputs: value times Lagrange polynomial, without the factor that all rows share.
pub(crate) fn instances(
    protocol: &Protocol,
    layout: &Layout,
    index: usize,
    column: &InstanceLoop,
) -> Statement {
    let (numerator, denominator) = layout.instance_loop(index);
    let mut block = vec![
        Statement::Comment(
            "The sum of value / (z - 1), as a fraction, where z is x over the row's root of unity.",
        ),
        Statement::declare("step", root(protocol, layout, true)),
    ];
    block.extend(first_distance(protocol, layout, column.row));
    block.extend([
        Statement::declare("sum", Literal::decimal(0)),
        Statement::declare("product", Literal::decimal(1)),
        Statement::Let("distance".into(), None),
    ]);
    block.extend(match layout.mode() {
        Mode::Embedded => loop_of_known_length(protocol, layout, column.column),
        Mode::Shared => loop_of_key_s_length(protocol, layout, column.column),
    });
    block.push(mstore(Literal::address(numerator), modulo("sum", "r")).into());
    block.push(mstore(Literal::address(denominator), "product").into());
    Statement::Block(block)
}

/// Declares z for the first public input, which is in this row.
fn first_distance(protocol: &Protocol, layout: &Layout, row: i32) -> Block {
    let x = challenge_x(protocol, layout);
    match (layout.mode(), row) {
        (_, 0) => vec![Statement::declare("z", x)],
        (Mode::Embedded, row) => {
            let root = Literal::field_word(&root_power(protocol.omega, -row));
            vec![Statement::declare("z", mulmod(x, root, "r"))]
        }
        (Mode::Shared, row) => {
            let next = mulmod("z", root(protocol, layout, row > 0), "r");
            vec![
                Statement::declare("z", x),
                Statement::repeat(
                    Some(Statement::declare(
                        "left",
                        Literal::decimal(u64::from(row.unsigned_abs())),
                    )),
                    "left",
                    Statement::assign("left", sub("left", Literal::decimal(1))),
                    vec![Statement::assign("z", next)],
                ),
            ]
        }
    }
}

fn loop_of_known_length(protocol: &Protocol, layout: &Layout, column: usize) -> Block {
    let count = protocol.num_instances[column];
    let before: usize = protocol.num_instances[..column].iter().sum();
    let start = layout.cd_instances + 32 * before;
    let unrolled = if count < UNROLL_FROM { 1 } else { UNROLLED };
    let end = start + 32 * (count / unrolled * unrolled);
    let mut round = Vec::new();
    for i in 0..unrolled {
        round.extend(summand(match i {
            0 => "at".into(),
            _ => add("at", Literal::offset(32 * i)),
        }));
    }
    let mut block = vec![Statement::repeat(
        Some(Statement::declare("at", Literal::address(start))),
        lt("at", Literal::address(end)),
        Statement::assign("at", add("at", Literal::offset(32 * unrolled))),
        round,
    )];
    for at in (end..start + 32 * count).step_by(32) {
        block.extend(summand(Literal::address(at).into()));
    }
    block
}

/// Columns lie one behind the other; the last one ends where calldata does.
fn loop_of_key_s_length(protocol: &Protocol, layout: &Layout, column: usize) -> Block {
    let bytes = |count| shl(Literal::decimal(5), count);
    let all = Literal::address(layout.cd_instances);
    let mut block = vec![Statement::declare(
        "at",
        match column {
            0 => all.into(),
            _ => add(
                all,
                bytes(numbers::total_instances(protocol, layout, column)),
            ),
        },
    )];
    let end = if column + 1 == protocol.num_instances.len() {
        calldatasize()
    } else {
        let count = numbers::instances(protocol, layout, column);
        block.push(Statement::declare("end", add("at", bytes(count))));
        "end".into()
    };
    block.push(Statement::repeat(
        None,
        lt("at", end),
        Statement::assign("at", add("at", Literal::offset(32))),
        summand("at".into()).to_vec(),
    ));
    block
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
    let x = challenge_x(protocol, layout);
    let rows = protocol.blinding_factors as u64 + 1;
    let omega = root(protocol, layout, false);
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
