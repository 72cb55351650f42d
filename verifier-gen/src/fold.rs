//! Renders the multi-scalar multiplication: Horner's rule over groups of commitments, then the groups' sum.
//!
//! Scratch memory, from its start: the proof's last point (the accumulator's left side), then A, the point to add; B, the group's
//! sum; its multiplier, which both precompiles leave alone; and C, where the combination waits while a group is folded. An
//! addition reads A and B, a multiplication B and the multiplier.

use crate::{
    inline::Place,
    layout::Layout,
    opening::{Destination, Group, Point},
};

/// Gas for one call: a bad point costs no more. Several times what the call costs, should its price rise.
const MUL_GAS: usize = 20_000;
const ADD_GAS: usize = 1_000;
/// A run of points that is this long gets a loop.
const LOOP_FROM: usize = 3;
const UNROLL_FROM: usize = 6;

/// Rendered statements and what they cost, without what the precompiles charge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folding {
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

/// Consecutive points with one multiplier and a constant distance.
struct Run {
    multiplier: String,
    first: Place,
    stride: isize,
    len: usize,
}

/// Renders the groups. `scalar` gives the expression that reads a group's scalar or multiplier.
pub(crate) fn fold(
    groups: &[Group],
    layout: &Layout,
    scalar: impl Fn(crate::graph::NodeId) -> String,
) -> Folding {
    let mut folder = Folder {
        layout,
        out: Folding::default(),
        multiplier: String::new(),
    };
    let mut ordered: Vec<&Group> = groups.iter().collect();
    // Single points last: from the first of them on, the combination stays at A.
    ordered.sort_by_key(|group| {
        (
            group.destination != Destination::Quotient,
            group.steps.is_empty(),
        )
    });
    let mut total: Option<usize> = None;
    for (i, group) in ordered.iter().enumerate() {
        let scale = group.scalar.map(&scalar);
        let runs = folder.runs(group, &scalar);
        if group.destination == Destination::Quotient {
            if !group.steps.is_empty() {
                folder.group(group.first, &runs, scale, layout.quotient);
            }
            continue;
        }
        let next_is_single = ordered[i + 1..].iter().all(|group| group.steps.is_empty());
        let to = layout.scratch + if next_is_single { A } else { C };
        match total {
            None => folder.group(group.first, &runs, scale, to),
            Some(at) => {
                folder.group(group.first, &runs, scale, layout.scratch + B);
                if at != layout.scratch + A {
                    folder.copy(Place::Memory(at), layout.scratch + A);
                }
                folder.add(to);
            }
        }
        total = Some(to);
    }
    folder.out
}

struct Folder<'a> {
    layout: &'a Layout,
    out: Folding,
    /// What the multiplier's word holds.
    multiplier: String,
}

impl Folder<'_> {
    fn runs(&self, group: &Group, scalar: &impl Fn(crate::graph::NodeId) -> String) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (multiplier, point) in &group.steps {
            let multiplier = scalar(*multiplier);
            let place = self.layout.point(*point);
            if let Some(run) = runs.last_mut()
                && run.multiplier == multiplier
                && let Some(distance) = distance(run.first, place)
                && [-64, 64].contains(&(distance / run.len as isize))
                && distance % 64 == 0
                && distance.unsigned_abs() == 64 * run.len
                && (run.len == 1 || run.stride == distance / run.len as isize)
            {
                run.stride = distance / run.len as isize;
                run.len += 1;
                continue;
            }
            runs.push(Run {
                multiplier,
                first: place,
                stride: 64,
                len: 1,
            });
        }
        runs
    }

    /// Folds and scales one group; the result goes to `to`.
    fn group(&mut self, first: Point, runs: &[Run], scale: Option<String>, to: usize) {
        let b = self.layout.scratch + B;
        let first = self.layout.point(first);
        if runs.is_empty() && scale.is_none() {
            self.copy(first, to);
            return;
        }
        self.copy(first, b);
        for (i, run) in runs.iter().enumerate() {
            self.set_multiplier(&run.multiplier);
            let last_run = i + 1 == runs.len() && scale.is_none();
            // The last addition may go elsewhere.
            let redirected = usize::from(last_run && to != b);
            let looped = if run.len - redirected >= LOOP_FROM {
                run.len - redirected
            } else {
                0
            };
            if looped > 0 {
                self.steps_loop(run, looped);
            }
            for index in looped..run.len {
                let output = if last_run && index + 1 == run.len {
                    to
                } else {
                    b
                };
                self.step(offset(run.first, run.stride * index as isize), output);
            }
        }
        if let Some(scale) = scale {
            self.set_multiplier(&scale);
            self.call(7, b, 0x60, to);
        }
    }

    fn set_multiplier(&mut self, value: &str) {
        if self.multiplier != value {
            self.multiplier = value.to_owned();
            let at = self.layout.scratch + MULTIPLIER;
            self.emit(format!("mstore({at:#06x}, {value})"), 12, 8);
        }
    }

    fn copy(&mut self, from: Place, to: usize) {
        self.emit(copy(&literal(from), from, to), 18, 10);
    }

    fn add(&mut self, to: usize) {
        self.call(6, self.layout.scratch + A, 0x80, to);
    }

    fn call(&mut self, precompile: usize, at: usize, len: usize, to: usize) {
        let call = call(precompile, at, len, to, "ok");
        self.count(precompile);
        self.emit(format!("ok := {call}"), 143, 31);
    }

    fn count(&mut self, precompile: usize) {
        if precompile == 7 {
            self.out.multiplications += 1;
        } else {
            self.out.additions += 1;
        }
    }

    fn multiply_and_add(&self, to: usize) -> String {
        let (a, b) = (self.layout.scratch + A, self.layout.scratch + B);
        format!("ok := {}", call(6, a, 0x80, to, &call(7, b, 0x60, b, "ok")))
    }

    fn step(&mut self, point: Place, to: usize) {
        self.copy(point, self.layout.scratch + A);
        let statement = self.multiply_and_add(to);
        self.count(7);
        self.count(6);
        self.emit(statement, 278, 54);
    }

    fn steps_loop(&mut self, run: &Run, len: usize) {
        let (a, b) = (self.layout.scratch + A, self.layout.scratch + B);
        let (compare, step) = if run.stride > 0 {
            ("lt", "add")
        } else {
            ("gt", "sub")
        };
        // Two points a round if the run is long: less counting.
        let unrolled = if len >= UNROLL_FROM { 2 } else { 1 };
        let rounds = len / unrolled;
        let end = literal(offset(run.first, run.stride * (rounds * unrolled) as isize));
        let stride = 0x40 * unrolled;
        self.emit(
            format!(
                "for {{ let at := {} }} {compare}(at, {end}) {{ at := {step}(at, {stride:#x}) }} {{",
                literal(run.first)
            ),
            40 + 54 * rounds,
            50,
        );
        for i in 0..unrolled {
            let at = match i {
                0 => "at".to_owned(),
                _ => format!("{step}(at, 0x40)"),
            };
            self.emit(format!("    {}", copy(&at, run.first, a)), 24 * rounds, 14);
            let statement = self.multiply_and_add(b);
            self.emit(format!("    {statement}"), 278 * rounds, 54);
        }
        self.emit("}".to_owned(), 0, 0);
        self.out.multiplications += rounds * unrolled;
        self.out.additions += rounds * unrolled;
        if rounds * unrolled < len {
            self.step(offset(run.first, run.stride * (len - 1) as isize), b);
        }
    }

    fn emit(&mut self, statement: String, gas: usize, bytes: usize) {
        self.out.statements.push(statement);
        self.out.gas += gas;
        self.out.bytes += bytes;
    }
}

fn call(precompile: usize, at: usize, len: usize, to: usize, ok: &str) -> String {
    let gas = if precompile == 7 { MUL_GAS } else { ADD_GAS };
    // Operands are evaluated from the right: the size is the one that this call returns.
    format!(
        "and(eq(returndatasize(), 0x40), and(staticcall({gas}, {precompile}, {at:#06x}, {len:#x}, {to:#06x}, 0x40), {ok}))"
    )
}

fn copy(from: &str, place: Place, to: usize) -> String {
    let opcode = match place {
        Place::Memory(_) => "mcopy",
        Place::Calldata(_) => "calldatacopy",
    };
    format!("{opcode}({to:#06x}, {from}, 0x40)")
}

fn literal(place: Place) -> String {
    let (Place::Memory(at) | Place::Calldata(at)) = place;
    format!("{at:#06x}")
}

fn offset(place: Place, by: isize) -> Place {
    match place {
        Place::Memory(at) => Place::Memory(at.saturating_add_signed(by)),
        Place::Calldata(at) => Place::Calldata(at.saturating_add_signed(by)),
    }
}

fn distance(from: Place, to: Place) -> Option<isize> {
    match (from, to) {
        (Place::Memory(from), Place::Memory(to)) | (Place::Calldata(from), Place::Calldata(to)) => {
            Some(to as isize - from as isize)
        }
        _ => None,
    }
}
