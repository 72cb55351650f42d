//! The multi-scalar multiplication: Horner's rule over groups of commitments, then the groups' sum.
//!
//! Scratch memory, from its start: the proof's last point (the accumulator's left side), then A, the point to add; B, the group's
//! sum; its multiplier, which both precompiles leave alone; and C, where the combination waits while a group is folded. An
//! addition reads A and B, a multiplication B and the multiplier. Functions do all of it: `foldProof` and `foldMemory` multiply B
//! and add a point to it, one point after another; `scaleAndAdd` multiplies B and adds it to A. A shared verifier's key is in calldata
//! like the proof, so that its `foldPoint` takes both.

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
    /// Two in one call where possible.
    Pairs,
    /// Four in one call where possible: cheapest to run.
    Fours,
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
                Steps::Fours => 600,
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
        let is_calldata = |place: &Place| matches!(place, Place::Calldata(_));
        if let Some(last) = self.waiting.last()
            && is_calldata(last) != is_calldata(&point)
        {
            self.flush();
        }
        self.waiting.push(point);
        let full = match self.steps {
            Steps::Pairs => 2,
            Steps::Fours => 4,
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
        let origin = Origin::of(*first, self.steps);
        let addresses: Vec<usize> = points
            .iter()
            .map(|(Place::Memory(at) | Place::Calldata(at))| *at)
            .collect();
        self.out.multiplications += points.len();
        self.out.additions += points.len();
        if self.steps == Steps::Lists {
            let list = Literal::addresses(&addresses).into();
            let call = Expression::call(origin.function(1), [list]);
            return self.emit(call, STEP_GAS * points.len(), 9 + 2 * points.len());
        }
        let mut rest = addresses.as_slice();
        for count in [4, 2, 1] {
            while rest.len() >= count {
                let (now, later) = rest.split_at(count);
                rest = later;
                let arguments = now.iter().map(|at| Literal::address(*at).into());
                let call = Expression::call(origin.function(count), arguments);
                self.emit(call, STEP_GAS * count, 8 + 3 * count);
            }
        }
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
    Memory,
    /// A shared verifier's proof and key.
    Calldata,
}

impl Origin {
    fn of(place: Place, steps: Steps) -> Self {
        match place {
            Place::Memory(_) => Self::Memory,
            Place::Calldata(_) if steps == Steps::Fours => Self::Calldata,
            Place::Calldata(_) => Self::Proof,
        }
    }

    /// The function that adds so many points; one point stands for a list, too.
    fn function(self, count: usize) -> &'static str {
        match (self, count) {
            (Self::Proof, 1) => "foldProof",
            (Self::Proof, _) => "foldProofs",
            (Self::Memory, 1) => "foldMemory",
            (Self::Memory, _) => "foldMemorys",
            (Self::Calldata, 1) => "foldPoint",
            (Self::Calldata, 2) => "foldTwo",
            (Self::Calldata, _) => "foldFour",
        }
    }

    /// Copies a point to A.
    fn copy(self, layout: &Layout, from: impl Into<Expression>) -> Statement {
        let a = Literal::address(layout.scratch + A);
        match self {
            Self::Proof | Self::Calldata => calldatacopy(a, from, POINT).into(),
            Self::Memory => mcopy(a, from, POINT).into(),
        }
    }
}

/// The functions that the statements call.
fn functions(layout: &Layout, steps: Steps) -> Block {
    let mut functions = Vec::new();
    let mut push = |function: Vec<Statement>| {
        functions.extend(function);
        functions.push(Statement::Blank);
    };
    match steps {
        Steps::Pairs => {
            for origin in [Origin::Proof, Origin::Memory] {
                push(fold_function(layout, origin, &["from"]));
                push(fold_function(layout, origin, &["first", "second"]));
            }
        }
        Steps::Fours => {
            let parameters = ["first", "second", "third", "fourth"];
            push(fold_function(layout, Origin::Calldata, &["from"]));
            push(fold_function(layout, Origin::Calldata, &parameters[..2]));
            push(fold_function(layout, Origin::Calldata, &parameters));
            // The quotient's commitment, if it has several pieces.
            push(fold_function(layout, Origin::Memory, &["from"]));
        }
        Steps::Lists => {
            push(list_function(layout, Origin::Proof).to_vec());
            push(list_function(layout, Origin::Memory).to_vec());
        }
    }
    let sum = multiply_and_add(layout.scratch, A);
    functions.push(Statement::function(
        "scaleAndAdd",
        [] as [Name; 0],
        vec![unless(sum)],
    ));
    functions
}

/// The function that folds the points at these addresses.
fn fold_function(layout: &Layout, origin: Origin, parameters: &[&'static str]) -> Vec<Statement> {
    let name = origin.function(parameters.len());
    let mut body = Vec::new();
    let mut ok: Option<Expression> = None;
    for (i, from) in parameters.iter().enumerate() {
        body.push(origin.copy(layout, *from));
        let step = multiply_and_add(layout.scratch, B);
        let step = match ok.take() {
            Some(ok) => and(step, ok),
            None => step,
        };
        if i + 1 == parameters.len() {
            body.push(unless(step));
        } else if i == 0 {
            body.push(Statement::declare("ok", step));
            ok = Some("ok".into());
        } else {
            body.push(Statement::assign("ok", step));
            ok = Some("ok".into());
        }
    }
    vec![Statement::function(name, parameters.iter().copied(), body)]
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
            origin.function(1),
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
