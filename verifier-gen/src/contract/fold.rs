//! The multi-scalar multiplication: Horner's rule over groups of commitments, then the groups' sum.
//!
//! Scratch memory, from its start: the proof's last point (the accumulator's left side), then A, the point to add; B, the group's
//! sum; its multiplier, which both precompiles leave alone; and C, where the combination waits while a group is folded. An
//! addition reads A and B, a multiplication B and the multiplier. Functions do all of it: `foldProof` and `foldMemory` multiply B
//! and add a point to it, one point after another; `scaleAndAdd` multiplies B and adds it to A.

use super::{layout::Layout, place::Place};
use crate::{
    field::{
        graph::NodeId,
        opening::{Destination, Group},
    },
    yul::{
        Block, Expression, Literal, Name, Statement, and, calldatacopy, calldatasize, eq, gas,
        iszero, mcopy, mstore, returndatasize, shr, staticcall,
    },
};

/// Gas of a multiplication and an addition in one of the functions, without what the precompiles charge.
const STEP_GAS: usize = 320;
/// 16-bit addresses in a word.
const LIST_LEN: usize = 16;

/// How points are handed to the functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Steps {
    /// Two in one call where possible: cheapest to run.
    Pairs,
    /// Up to 16 in a word: least code.
    Lists,
}

/// Statements and what they cost, without what the precompiles charge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folding {
    pub(crate) functions: Block,
    pub(crate) statements: Block,
    pub(crate) gas: usize,
    pub(crate) bytes: usize,
    pub(crate) multiplications: usize,
    pub(crate) additions: usize,
}

/// Bytes of a point.
const POINT: Literal = Literal::hex(0x40);
/// Offsets in the scratch memory.
const A: usize = 0x40;
const B: usize = 0x80;
const MULTIPLIER: usize = 0xc0;
const C: usize = 0xe0;

/// Folds the groups. `scalar` gives the expression that reads a group's scalar or multiplier.
pub(crate) fn fold(
    groups: &[Group],
    layout: &Layout,
    steps: Steps,
    scalar: impl Fn(NodeId) -> Expression,
) -> Folding {
    let mut folder = Folder {
        layout,
        steps,
        waiting: Vec::new(),
        out: Folding {
            functions: functions(layout, steps),
            bytes: match steps {
                Steps::Pairs => 550,
                Steps::Lists => 330,
            },
            ..Folding::default()
        },
        multiplier: None,
    };
    let mut ordered: Vec<&Group> = groups.iter().collect();
    // The unscaled group first: it costs no addition. Single points last: from the first of them on, the combination stays at A.
    ordered.sort_by_key(|group| {
        (
            group.destination != Destination::Quotient,
            group.scalar.is_some(),
            group.steps.is_empty(),
        )
    });
    let (a, b, c) = (layout.scratch + A, layout.scratch + B, layout.scratch + C);
    let mut total: Option<usize> = None;
    for (i, group) in ordered.iter().enumerate() {
        let is_quotient = group.destination == Destination::Quotient;
        if is_quotient && group.steps.is_empty() {
            continue;
        }
        folder.copy(layout.point(group.first), b);
        for (multiplier, point) in &group.steps {
            folder.set_multiplier(scalar(*multiplier));
            folder.step(layout.point(*point));
        }
        folder.flush();
        if is_quotient {
            folder.copy(Place::Memory(b), layout.quotient);
            continue;
        }
        let next_is_single = ordered[i + 1..].iter().all(|group| group.steps.is_empty());
        let to = if next_is_single { a } else { c };
        match group.scalar {
            None if total.is_none() => folder.copy(Place::Memory(b), to),
            scale => {
                folder.set_multiplier(scale.map_or_else(|| Literal::decimal(1).into(), &scalar));
                match total {
                    None => folder.clear(a),
                    Some(at) if at == a => {}
                    Some(at) => folder.copy(Place::Memory(at), a),
                }
                folder.scale_and_add();
                if to != a {
                    folder.copy(Place::Memory(a), to);
                }
            }
        }
        total = Some(to);
    }
    folder.out
}

struct Folder<'a> {
    layout: &'a Layout,
    steps: Steps,
    out: Folding,
    /// Points of one kind and one multiplier that no statement folds yet.
    waiting: Vec<Place>,
    /// What the multiplier's word holds.
    multiplier: Option<Expression>,
}

impl Folder<'_> {
    fn set_multiplier(&mut self, value: Expression) {
        if self.multiplier.as_ref() != Some(&value) {
            self.flush();
            let at = Literal::address(self.layout.scratch + MULTIPLIER);
            self.emit(mstore(at, value.clone()), 12, 8);
            self.multiplier = Some(value);
        }
    }

    fn copy(&mut self, from: Place, to: usize) {
        let to = Literal::address(to);
        let copy = match from {
            Place::Memory(at) => mcopy(to, Literal::address(at), POINT),
            Place::Calldata(at) => calldatacopy(to, Literal::address(at), POINT),
        };
        self.emit(copy, 18, 10);
    }

    fn step(&mut self, point: Place) {
        let is_proof = |place: &Place| matches!(place, Place::Calldata(_));
        if let Some(last) = self.waiting.last()
            && is_proof(last) != is_proof(&point)
        {
            self.flush();
        }
        self.waiting.push(point);
        let full = match self.steps {
            Steps::Pairs => 2,
            Steps::Lists => LIST_LEN,
        };
        if self.waiting.len() == full {
            self.flush();
        }
    }

    /// Folds the points that wait.
    fn flush(&mut self) {
        let points = std::mem::take(&mut self.waiting);
        let Some(first) = points.first() else {
            return;
        };
        let origin = match first {
            Place::Memory(_) => Origin::Key,
            Place::Calldata(_) => Origin::Proof,
        };
        let addresses: Vec<usize> = points
            .iter()
            .map(|(Place::Memory(at) | Place::Calldata(at))| *at)
            .collect();
        let (call, bytes) = match self.steps {
            Steps::Pairs => {
                let name = match addresses.len() {
                    1 => origin.one(),
                    _ => origin.two(),
                };
                let arguments = addresses.iter().map(|at| Literal::address(*at).into());
                (Expression::call(name, arguments), 8 + 3 * addresses.len())
            }
            Steps::Lists => {
                let list = Literal::addresses(&addresses).into();
                (
                    Expression::call(origin.one(), [list]),
                    9 + 2 * addresses.len(),
                )
            }
        };
        self.out.multiplications += points.len();
        self.out.additions += points.len();
        self.emit(call, STEP_GAS * points.len(), bytes);
    }

    /// Makes a point the identity.
    fn clear(&mut self, at: usize) {
        let clear = calldatacopy(Literal::address(at), calldatasize(), POINT);
        self.emit(clear, 18, 8);
    }

    fn scale_and_add(&mut self) {
        self.out.multiplications += 1;
        self.out.additions += 1;
        self.emit(Expression::call("scaleAndAdd", []), STEP_GAS, 8);
    }

    fn emit(&mut self, call: Expression, gas: usize, bytes: usize) {
        self.out.statements.push(call.into());
        self.out.gas += gas;
        self.out.bytes += bytes;
    }
}

/// Where points that are added come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Proof,
    Key,
}

impl Origin {
    /// The function that adds one point, or a list of them.
    fn one(self) -> &'static str {
        match self {
            Self::Proof => "foldProof",
            Self::Key => "foldMemory",
        }
    }

    /// The function that adds two points.
    fn two(self) -> &'static str {
        match self {
            Self::Proof => "foldProofs",
            Self::Key => "foldMemorys",
        }
    }

    /// Copies a point to A.
    fn copy(self, layout: &Layout, from: impl Into<Expression>) -> Statement {
        let a = Literal::address(layout.scratch + A);
        match self {
            Self::Proof => calldatacopy(a, from, POINT).into(),
            Self::Key => mcopy(a, from, POINT).into(),
        }
    }
}

/// The functions that the statements call.
fn functions(layout: &Layout, steps: Steps) -> Block {
    let mut functions = Vec::new();
    for origin in [Origin::Proof, Origin::Key] {
        match steps {
            Steps::Pairs => functions.extend(pair_functions(layout, origin)),
            Steps::Lists => functions.extend(list_function(layout, origin)),
        }
        functions.push(Statement::Blank);
    }
    let sum = multiply_and_add(layout.scratch, A);
    functions.push(Statement::function(
        "scaleAndAdd",
        [] as [Name; 0],
        vec![unless(sum)],
    ));
    functions
}

fn pair_functions(layout: &Layout, origin: Origin) -> [Statement; 3] {
    let step = || multiply_and_add(layout.scratch, B);
    let one = vec![origin.copy(layout, "from"), unless(step())];
    let two = vec![
        origin.copy(layout, "first"),
        Statement::declare("ok", step()),
        origin.copy(layout, "second"),
        unless(and(step(), "ok")),
    ];
    [
        Statement::function(origin.one(), ["from"], one),
        Statement::Blank,
        Statement::function(origin.two(), ["first", "second"], two),
    ]
}

fn list_function(layout: &Layout, origin: Origin) -> [Statement; 2] {
    let first = and("list", Literal::hex(0xffff));
    let body = vec![
        origin.copy(layout, first),
        unless(multiply_and_add(layout.scratch, B)),
    ];
    let next = Statement::assign("list", shr(Literal::decimal(16), "list"));
    [
        Statement::Comment("Addresses of 16 bits, the first one lowest; none is zero."),
        Statement::function(
            origin.one(),
            ["list"],
            vec![Statement::repeat(None, "list", next, body)],
        ),
    ]
}

/// Reverts unless a precompile succeeded.
fn unless(success: Expression) -> Statement {
    Statement::guard(iszero(success), Expression::call("failFolding", []))
}

/// B times the multiplier, plus A, as an expression that is true on success. Operands are evaluated from the right, so that
/// `returndatasize` refers to the call next to it.
fn multiply_and_add(scratch: usize, to: usize) -> Expression {
    let [a, b, to] = [A, B, to].map(|offset| Literal::address(scratch + offset));
    let call = |precompile, at, length, to| {
        let (precompile, length) = (Literal::decimal(precompile), Literal::hex(length));
        let call = staticcall(gas(), precompile, at, length, to, POINT);
        and(eq(returndatasize(), POINT), call)
    };
    and(call(6, a, 0x80, to), call(7, b, 0x60, b))
}
