//! What is checked before anything is computed: the key of a shared verifier, ranges of scalars, and the points of the proof.

use super::{
    errors::{INSTANCE_OUT_OF_RANGE, SCALAR_OUT_OF_RANGE},
    layout::Layout,
    limits::is_compact,
    numbers,
};
use crate::{
    options::Mode,
    protocol::Protocol,
    yul::{
        Block, Expression, Literal, Statement, add, and, calldataload, calldatasize, eq, iszero, lt,
    },
};

/// Public inputs, if their number is known, and scalars of the proof, up to which range checks are written out.
const UNROLLED_INSTANCES: usize = 32;
const UNROLLED_SCALARS: usize = 256;
/// Checks in one round of a loop.
const CHECKS_PER_ROUND: usize = 8;
/// The same, of public inputs whose number the key says.
const INSTANCES_PER_ROUND: usize = 4;
/// Checks in one expression: they nest, and the stack is 16 deep.
const CHECKS_PER_LINE: usize = 4;

/// Bytes of two points.
const PAIR: usize = 128;

/// A condition that a shared verifier's key must meet, which is in calldata: its last word names the shape, its numbers are small
/// enough to be worked with.
pub(crate) fn key(protocol: &Protocol, layout: &Layout) -> Expression {
    let shape = eq(calldataload(Literal::address(layout.key_shape())), "SHAPE");
    let known = lt(
        numbers::k(protocol, layout),
        Literal::decimal(u64::from(numbers::MAX_K) + 1),
    );
    let valid = and(shape, known);
    match numbers::oversized(protocol, layout) {
        Some(oversized) => and(valid, iszero(oversized)),
        None => valid,
    }
}

/// Checks the points of the proof: precompiles burn all gas on one that is not on the curve. Where a point is not, or is the
/// identity, the slow check decides and finds the first bad one.
pub(crate) fn points(layout: &Layout) -> Statement {
    let range = |from: usize, to: usize| {
        let places = [from, to].map(|at| Literal::address(at).into());
        Expression::call("areOnCurve", places)
    };
    let (start, end) = (layout.cd_proof, layout.cd_scalars);
    let opening = range(layout.cd_opening, layout.cd_opening + PAIR);
    // An odd one is checked in a pair with the first of the others.
    let rest = start + (end - start) % PAIR;
    let mut all = and(opening, range(rest, end));
    if rest != start {
        all = and(all, range(start, start + PAIR));
    }
    let slow = [
        ["PROOF".into(), "PROOF_SCALARS".into()],
        ["PROOF_OPENING".into(), add("PROOF", "PROOF_LENGTH")],
    ];
    let slow = slow.map(|places| Expression::call("checkPoints", places).into());
    Statement::If(iszero(all), slow.to_vec())
}

/// Range checks of all scalars, one call each for public inputs and proof.
pub(crate) fn ranges_looped(mode: Mode) -> Block {
    vec![check_instances(mode).into(), check_scalars().into()]
}

/// Range checks of all scalars as one flag; where it falls, the calls find the first bad scalar.
pub(crate) fn ranges_unrolled(protocol: &Protocol, layout: &Layout, mode: Mode) -> Block {
    let total = match mode {
        Mode::Embedded => protocol.total_instances(),
        Mode::Shared => 0,
    };
    let mut statements = Vec::new();
    if mode == Mode::Shared && !protocol.num_instances.is_empty() {
        // Behind its end, calldata is zero, which is in range.
        let start = Literal::address(layout.cd_instances);
        statements.push(check_rounds(INSTANCES_PER_ROUND, start, calldatasize()));
    }
    for (first, count, unrolled) in [
        (layout.cd_instances, total, UNROLLED_INSTANCES),
        (layout.cd_scalars, protocol.num_scalars, UNROLLED_SCALARS),
    ] {
        let looped = if is_compact(protocol, mode) || count > unrolled {
            count / CHECKS_PER_ROUND * CHECKS_PER_ROUND
        } else {
            0
        };
        if looped > 0 {
            let [start, end] = [first, first + 32 * looped].map(Literal::address);
            statements.push(check_rounds(CHECKS_PER_ROUND, start, end));
        }
        let places: Vec<Expression> = (looped..count)
            .map(|i| Literal::address(first + 32 * i).into())
            .collect();
        statements.extend(checks(places));
    }
    let mut failure = Vec::new();
    if total > 0 || mode == Mode::Shared && !protocol.num_instances.is_empty() {
        failure.push(check_instances(mode).into());
    }
    failure.push(check_scalars().into());
    statements.push(Statement::If(iszero("ok"), failure));
    statements
}

fn check_instances(mode: Mode) -> Expression {
    let end = match mode {
        Mode::Embedded => "CALLDATA_END".into(),
        Mode::Shared => calldatasize(),
    };
    check_words(
        ["INSTANCES".into(), end, "INSTANCES".into()],
        INSTANCE_OUT_OF_RANGE.selector(),
    )
}

fn check_scalars() -> Expression {
    check_words(
        ["PROOF_SCALARS", "PROOF_OPENING", "PROOF"].map(Expression::from),
        SCALAR_OUT_OF_RANGE.selector(),
    )
}

/// Checks the words between two places in calldata; an error counts from a third one.
fn check_words([at, end, from]: [Expression; 3], selector: Literal) -> Expression {
    Expression::call("checkScalars", [at, end, from, selector.into(), "r".into()])
}

/// A loop over several words a round.
fn check_rounds(per_round: usize, start: Literal, end: impl Into<Expression>) -> Statement {
    let places = (0..per_round).map(|i| match i {
        0 => "at".into(),
        _ => add("at", Literal::offset(32 * i)),
    });
    let round = Literal::hex(32 * per_round);
    Statement::repeat(
        Some(Statement::declare("at", start)),
        lt("at", end),
        Statement::assign("at", add("at", round)),
        checks(places.collect()),
    )
}

/// Range checks of the words at these places in calldata.
fn checks(places: Vec<Expression>) -> Block {
    places
        .chunks(CHECKS_PER_LINE)
        .map(|places| {
            let check = places.iter().fold(Expression::from("ok"), |rest, place| {
                and(lt(calldataload(place.clone()), "r"), rest)
            });
            Statement::assign("ok", check)
        })
        .collect()
}
