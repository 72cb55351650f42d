//! What is checked before anything is computed: the key of a shared verifier, ranges of scalars, and the points of the proof.

use super::{
    errors::{INSTANCE_OUT_OF_RANGE, INVALID_KEY, SCALAR_OUT_OF_RANGE},
    layout::Layout,
    limits::is_compact,
};
use crate::{
    options::Mode,
    protocol::Protocol,
    yul::{
        Block, Expression, Literal, Statement, add, and, byte, calldataload, extcodecopy,
        extcodesize, iszero, lt, mload, or, xor,
    },
};

/// Public inputs, and scalars of the proof, up to which a shared verifier writes their range checks out.
const UNROLLED_INSTANCES: usize = 32;
const UNROLLED_SCALARS: usize = 256;
/// Checks in one round of a loop.
const CHECKS_PER_ROUND: usize = 8;
/// Checks in one expression: they nest, and the stack is 16 deep.
const CHECKS_PER_LINE: usize = 4;

/// Bytes of two points.
const PAIR: usize = 128;

/// Copies the key from its contract's code to memory and checks what can be checked of it: length, first byte and shape.
pub(crate) fn key(layout: &Layout, shape_id: &[u8; 32]) -> Block {
    // The code's first byte goes in front of the key.
    let code = Literal::address(layout.key - 1);
    let len = Literal::hex(layout.key_len + 1);
    let shape = mload(Literal::address(layout.key + layout.key_len - 32));
    let wrong_length = xor(extcodesize("key"), len);
    let wrong_start = byte(Literal::decimal(0), mload(code));
    vec![
        extcodecopy("key", code, Literal::decimal(0), len).into(),
        Statement::Comment("The key's last word names the one shape that it is for."),
        Statement::declare("mismatch", xor(shape, Literal::word(*shape_id))),
        Statement::guard(
            or("mismatch", or(wrong_length, wrong_start)),
            Expression::call("failAt", [INVALID_KEY.selector().into(), "key".into()]),
        ),
    ]
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
pub(crate) fn ranges_looped() -> Block {
    vec![check_instances().into(), check_scalars().into()]
}

/// Range checks of all scalars as one flag; where it falls, the calls find the first bad scalar.
pub(crate) fn ranges_unrolled(protocol: &Protocol, layout: &Layout, mode: Mode) -> Block {
    let total = protocol.total_instances();
    let mut statements = Vec::new();
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
            statements.push(check_rounds(first, first + 32 * looped));
        }
        let places: Vec<Expression> = (looped..count)
            .map(|i| Literal::address(first + 32 * i).into())
            .collect();
        statements.extend(checks(places));
    }
    let mut failure = Vec::new();
    if total > 0 {
        failure.push(check_instances().into());
    }
    failure.push(check_scalars().into());
    statements.push(Statement::If(iszero("ok"), failure));
    statements
}

fn check_instances() -> Expression {
    check_words(
        ["INSTANCES", "CALLDATA_END", "INSTANCES"],
        INSTANCE_OUT_OF_RANGE.selector(),
    )
}

fn check_scalars() -> Expression {
    check_words(
        ["PROOF_SCALARS", "PROOF_OPENING", "PROOF"],
        SCALAR_OUT_OF_RANGE.selector(),
    )
}

/// Checks the words between two places in calldata; an error counts from a third one.
fn check_words(places: [&'static str; 3], selector: Literal) -> Expression {
    let [at, end, from] = places.map(Expression::from);
    Expression::call("checkScalars", [at, end, from, selector.into(), "r".into()])
}

/// A loop over several words a round.
fn check_rounds(start: usize, end: usize) -> Statement {
    let places = (0..CHECKS_PER_ROUND).map(|i| match i {
        0 => "at".into(),
        _ => add("at", Literal::offset(32 * i)),
    });
    let round = Literal::hex(32 * CHECKS_PER_ROUND);
    Statement::repeat(
        Some(Statement::declare("at", Literal::address(start))),
        lt("at", Literal::address(end)),
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
