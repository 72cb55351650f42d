//! Renders the multi-scalar multiplication: Horner's rule over groups of commitments, then the groups' sum.
//!
//! Scratch memory, from its start: the proof's last point (the accumulator's left side), then A, the point to add; B, the group's
//! sum; its multiplier, which both precompiles leave alone; and C, where the combination waits while a group is folded. An
//! addition reads A and B, a multiplication B and the multiplier. Functions do all of it: `foldProof` and `foldMemory` multiply B
//! and add a point to it, one point after another; `scaleAndAdd` multiplies B and adds it to A.

use crate::{
    inline::Place,
    layout::Layout,
    opening::{Destination, Group},
};

/// Gas for one call: a bad point costs no more. Several times what the call costs, should its price rise.
const MUL_GAS: usize = 20_000;
const ADD_GAS: usize = 1_000;
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

/// Rendered statements and what they cost, without what the precompiles charge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folding {
    pub(crate) functions: Vec<String>,
    pub(crate) statements: Vec<String>,
    pub(crate) gas: usize,
    pub(crate) bytes: usize,
    pub(crate) multiplications: usize,
    pub(crate) additions: usize,
}

/// Offsets in the scratch memory.
const A: usize = 0x40;
const B: usize = 0x80;
const MULTIPLIER: usize = 0xc0;
const C: usize = 0xe0;

/// Renders the groups. `scalar` gives the expression that reads a group's scalar or multiplier.
pub(crate) fn fold(
    groups: &[Group],
    layout: &Layout,
    steps: Steps,
    scalar: impl Fn(crate::graph::NodeId) -> String,
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
        multiplier: String::new(),
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
                folder.set_multiplier(scale.map_or_else(|| "1".to_owned(), &scalar));
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
    multiplier: String,
}

impl Folder<'_> {
    fn set_multiplier(&mut self, value: String) {
        if self.multiplier != value {
            self.flush();
            let at = self.layout.scratch + MULTIPLIER;
            self.emit(format!("mstore({at:#06x}, {value})"), 12, 8);
            self.multiplier = value;
        }
    }

    fn copy(&mut self, from: Place, to: usize) {
        let (opcode, from) = match from {
            Place::Memory(at) => ("mcopy", at),
            Place::Calldata(at) => ("calldatacopy", at),
        };
        self.emit(format!("{opcode}({to:#06x}, {from:#06x}, 0x40)"), 18, 10);
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
        let name = match first {
            Place::Memory(_) => "foldMemory",
            Place::Calldata(_) => "foldProof",
        };
        let addresses = points
            .iter()
            .map(|(Place::Memory(at) | Place::Calldata(at))| *at);
        let (call, bytes) = match self.steps {
            Steps::Pairs => {
                let arguments: Vec<String> = addresses.map(|at| format!("{at:#06x}")).collect();
                let plural = if arguments.len() > 1 { "s" } else { "" };
                (
                    format!("{name}{plural}({})", arguments.join(", ")),
                    8 + 3 * arguments.len(),
                )
            }
            Steps::Lists => {
                // The lowest is the first.
                let digits: String = addresses.rev().map(|at| format!("{at:04x}")).collect();
                (format!("{name}(0x{digits})"), 9 + digits.len() / 2)
            }
        };
        self.out.multiplications += points.len();
        self.out.additions += points.len();
        self.emit(call, STEP_GAS * points.len(), bytes);
    }

    /// Makes a point the identity.
    fn clear(&mut self, at: usize) {
        self.emit(
            format!("calldatacopy({at:#06x}, calldatasize(), 0x40)"),
            18,
            8,
        );
    }

    fn scale_and_add(&mut self) {
        self.out.multiplications += 1;
        self.out.additions += 1;
        self.emit("scaleAndAdd()".to_owned(), STEP_GAS, 8);
    }

    fn emit(&mut self, statement: String, gas: usize, bytes: usize) {
        self.out.statements.push(statement);
        self.out.gas += gas;
        self.out.bytes += bytes;
    }
}

/// The functions that the statements call, as lines.
fn functions(layout: &Layout, steps: Steps) -> Vec<String> {
    let (a, b) = (layout.scratch + A, layout.scratch + B);
    let step = multiply_and_add(layout.scratch, b);
    let mut lines = Vec::new();
    for (name, copy) in [("foldProof", "calldatacopy"), ("foldMemory", "mcopy")] {
        match steps {
            Steps::Pairs => lines.extend([
                format!("function {name}(from) {{"),
                format!("    {copy}({a:#06x}, from, 0x40)"),
                format!("    if iszero({step}) {{ failFolding() }}"),
                "}".to_owned(),
                String::new(),
                format!("function {name}s(first, second) {{"),
                format!("    {copy}({a:#06x}, first, 0x40)"),
                format!("    let ok := {step}"),
                format!("    {copy}({a:#06x}, second, 0x40)"),
                format!("    if iszero(and({step}, ok)) {{ failFolding() }}"),
                "}".to_owned(),
            ]),
            Steps::Lists => lines.extend([
                "// Addresses of 16 bits, the first one lowest; none is zero.".to_owned(),
                format!("function {name}(list) {{"),
                "    for {} list { list := shr(16, list) } {".to_owned(),
                format!("        {copy}({a:#06x}, and(list, 0xffff), 0x40)"),
                format!("        if iszero({step}) {{ failFolding() }}"),
                "    }".to_owned(),
                "}".to_owned(),
            ]),
        }
        lines.push(String::new());
    }
    lines.extend([
        "function scaleAndAdd() {".to_owned(),
        format!(
            "    if iszero({}) {{ failFolding() }}",
            multiply_and_add(layout.scratch, a)
        ),
        "}".to_owned(),
    ]);
    lines
}

/// B times the multiplier, plus A, as an expression that tells success. Operands are evaluated from the right, and the size behind
/// a call is the one that it returned.
fn multiply_and_add(scratch: usize, to: usize) -> String {
    let (a, b) = (scratch + A, scratch + B);
    format!(
        "and(and(eq(returndatasize(), 0x40), staticcall({ADD_GAS}, 6, {a:#06x}, 0x80, {to:#06x}, 0x40)), and(eq(returndatasize(), 0x40), staticcall({MUL_GAS}, 7, {b:#06x}, 0x60, {b:#06x}, 0x40)))"
    )
}
