//! From ordered steps to a program: registers by liveness, reductions by bounds.

use super::lower::{Lowered, Operand, Step};
use super::run::{Instruction, Pair, Program};
use super::schedule::Item;
use crate::lanes::{LIMIT, product_bound};

/// Registers beyond which columns are read again rather than kept. One takes 2,560 bytes; more were no faster.
const CAPACITY: usize = 16;

/// Bounds of what the lanes give, in multiples of the modulus.
const LOADED: u64 = 16;
const REDUCED: u64 = 3;
const INVARIANT: u64 = 1;
/// What may be stored.
const STORED: u64 = 16;

/// Sums of a·b over the operands' bounds up to here leave a product at most at the limit.
const PRODUCT_LIMIT: u64 = (LIMIT - 2) * LIMIT;

/// Multiples of the modulus that a subtraction can add.
pub(super) const MULTIPLES: [u64; 6] = [2, 4, 8, 16, 32, 64];

/// The index of the smallest multiple that is no less than the bound.
fn multiple(bound: u64) -> Option<usize> {
    MULTIPLES.iter().position(|&multiple| multiple >= bound)
}

pub(super) fn allocate(lowered: Lowered, order: &[Item]) -> Program {
    let mut allocator = Allocator {
        lowered: &lowered,
        uses: uses(&lowered, order),
        register_of: vec![None; lowered.steps.len()],
        bounds: Vec::new(),
        free: Vec::new(),
        loaded: Vec::new(),
        instructions: Vec::new(),
        pairs: Vec::new(),
    };
    for (position, item) in order.iter().enumerate() {
        match *item {
            Item::Step(step) => allocator.step(position, step),
            Item::Store { output, from } => allocator.store(position, output, from),
        }
    }
    let columns = lowered.steps.iter().map(|step| match step {
        Step::Load { column, .. } => column + 1,
        _ => 0,
    });
    Program {
        columns: columns.max().unwrap_or(0),
        outputs: lowered.outputs.len(),
        registers: allocator.bounds.len(),
        instructions: allocator.instructions,
        pairs: allocator.pairs,
        invariants: lowered.invariants,
    }
}

/// The positions at which steps are used, the last first.
fn uses(lowered: &Lowered, order: &[Item]) -> Vec<Vec<usize>> {
    let mut uses = vec![Vec::new(); lowered.steps.len()];
    for (position, item) in order.iter().enumerate().rev() {
        let mut visit = |operand| {
            if let Operand::Step(step) = operand {
                uses[step].push(position);
            }
        };
        match *item {
            Item::Step(step) => lowered.steps[step].operands(visit),
            Item::Store { from, .. } => visit(from),
        }
    }
    uses
}

struct Allocator<'a> {
    lowered: &'a Lowered,
    uses: Vec<Vec<usize>>,
    register_of: Vec<Option<usize>>,
    /// The bound of what each register holds.
    bounds: Vec<u64>,
    /// Free registers, the one that was used last at the end.
    free: Vec<usize>,
    /// Loads that are in registers.
    loaded: Vec<usize>,
    instructions: Vec<Instruction>,
    pairs: Vec<Pair>,
}

impl Allocator<'_> {
    fn step(&mut self, position: usize, step: usize) {
        let lowered = self.lowered;
        let step_operands = &lowered.steps[step];
        step_operands.operands(|operand| self.bring(position, operand));
        let (instruction, bound) = match step_operands {
            Step::Load { .. } => return,
            &Step::Add(a, b) => self.add(a, b),
            &Step::Subtract(a, b) => self.subtract(a, b),
            &Step::Multiply(a, b) => self.multiply(a, b),
            Step::Products(pairs) => self.products(pairs),
        };
        step_operands.operands(|operand| self.release(position, operand));
        let to = self.acquire(position);
        self.bounds[to] = bound;
        self.register_of[step] = Some(to);
        self.instructions.push(instruction.into(to));
    }

    fn store(&mut self, position: usize, output: usize, from: Operand) {
        if let Operand::Invariant(constant) = from {
            let to = self.acquire(position);
            self.bounds[to] = INVARIANT;
            self.instructions.push(Instruction::Splat { to, constant });
            self.instructions
                .push(Instruction::Store { from: to, output });
            self.free.push(to);
            return;
        }
        self.bring(position, from);
        self.fit([from], |[bound]| bound <= STORED);
        let from_register = self.register(from);
        self.instructions.push(Instruction::Store {
            from: from_register,
            output,
        });
        self.release(position, from);
    }

    /// Loads the column where the operand is one that is not in a register.
    fn bring(&mut self, position: usize, operand: Operand) {
        let Operand::Step(step) = operand else {
            return;
        };
        if self.register_of[step].is_some() {
            return;
        }
        if let Step::Load { column, rotation } = self.lowered.steps[step] {
            let to = self.acquire(position);
            self.bounds[to] = LOADED;
            self.register_of[step] = Some(to);
            self.loaded.push(step);
            self.instructions.push(Instruction::Load {
                to,
                column,
                rotation,
            });
        }
    }

    /// A register for a value, which what is used at this position does not occupy.
    fn acquire(&mut self, position: usize) -> usize {
        if let Some(register) = self.free.pop() {
            return register;
        }
        if self.bounds.len() >= CAPACITY {
            // The load whose next use is furthest; those of this position are in use now.
            let furthest = (0..self.loaded.len())
                .filter_map(|index| {
                    let next = *self.uses[self.loaded[index]].last()?;
                    (next > position).then_some((next, index))
                })
                .max();
            if let Some((_, index)) = furthest {
                let step = self.loaded.swap_remove(index);
                if let Some(register) = self.register_of[step].take() {
                    return register;
                }
            }
        }
        self.bounds.push(0);
        self.bounds.len() - 1
    }

    /// Takes note of the uses at this position, and frees the register where there is none later.
    fn release(&mut self, position: usize, operand: Operand) {
        let Operand::Step(step) = operand else {
            return;
        };
        let uses = &mut self.uses[step];
        while uses.last() == Some(&position) {
            uses.pop();
        }
        if uses.is_empty()
            && let Some(register) = self.register_of[step].take()
        {
            self.loaded.retain(|&loaded| loaded != step);
            self.free.push(register);
        }
    }

    /// The register of a step. Invariants have none.
    fn register(&self, operand: Operand) -> usize {
        match operand {
            Operand::Step(step) => self.register_of[step].unwrap_or_default(),
            Operand::Invariant(_) => 0,
        }
    }

    fn bound(&self, operand: Operand) -> u64 {
        match operand {
            Operand::Step(_) => self.bounds[self.register(operand)],
            Operand::Invariant(_) => INVARIANT,
        }
    }

    /// Reduces operands, the largest first, until their bounds are accepted.
    fn fit<const N: usize>(&mut self, operands: [Operand; N], accepted: impl Fn([u64; N]) -> bool) {
        self.fit_all(&operands, |this| {
            accepted(operands.map(|operand| this.bound(operand)))
        });
    }

    fn fit_all(&mut self, operands: &[Operand], accepted: impl Fn(&Self) -> bool) {
        while !accepted(self) {
            let largest = operands
                .iter()
                .copied()
                .max_by_key(|&operand| self.bound(operand));
            let Some(largest) = largest.filter(|&operand| self.bound(operand) > REDUCED) else {
                debug_assert!(false, "reduced operands are always accepted");
                return;
            };
            let at = self.register(largest);
            self.bounds[at] = REDUCED;
            self.instructions.push(Instruction::Reduce { at });
        }
    }

    fn add(&mut self, a: Operand, b: Operand) -> (Pending, u64) {
        self.fit([a, b], |[a, b]| a + b <= LIMIT);
        let bound = self.bound(a) + self.bound(b);
        let (a, b) = match (a, b) {
            (Operand::Invariant(_), _) => (b, a),
            _ => (a, b),
        };
        let pending = match b {
            Operand::Step(_) => Pending::Add(self.register(a), self.register(b)),
            Operand::Invariant(constant) => Pending::AddConstant(self.register(a), constant),
        };
        (pending, bound)
    }

    fn subtract(&mut self, a: Operand, b: Operand) -> (Pending, u64) {
        let bound_of = |a: u64, b: u64| multiple(b).map(|index| a + MULTIPLES[index]);
        self.fit([a, b], |[a, b]| {
            bound_of(a, b).is_some_and(|bound| bound <= LIMIT)
        });
        let bound = bound_of(self.bound(a), self.bound(b)).unwrap_or(LIMIT);
        let multiple = multiple(self.bound(b)).unwrap_or_default();
        let b = self.register(b);
        let pending = match a {
            Operand::Step(_) => Pending::Subtract(self.register(a), b, multiple),
            Operand::Invariant(constant) => Pending::SubtractFromConstant(constant, b, multiple),
        };
        (pending, bound)
    }

    fn multiply(&mut self, a: Operand, b: Operand) -> (Pending, u64) {
        self.fit([a, b], |[a, b]| a * b <= PRODUCT_LIMIT);
        let bound = product_bound(self.bound(a) * self.bound(b));
        let (a, b) = match (a, b) {
            (Operand::Invariant(_), _) => (b, a),
            _ => (a, b),
        };
        let register = self.register(a);
        let pending = match b {
            _ if a == b => Pending::Square(register),
            Operand::Step(_) => Pending::Multiply(register, self.register(b)),
            Operand::Invariant(constant) => Pending::Scale(register, constant),
        };
        (pending, bound)
    }

    fn products(&mut self, pairs: &[(Operand, Operand)]) -> (Pending, u64) {
        let sum = |this: &Self| -> u64 {
            pairs
                .iter()
                .map(|&(a, b)| this.bound(a) * this.bound(b))
                .sum()
        };
        let operands: Vec<Operand> = pairs.iter().flat_map(|&(a, b)| [a, b]).collect();
        self.fit_all(&operands, |this| sum(this) <= PRODUCT_LIMIT);
        let bound = product_bound(sum(self));
        let first = self.pairs.len();
        let mut constants = Vec::new();
        for &(a, b) in pairs {
            let (a, b) = match (a, b) {
                (Operand::Invariant(_), _) => (b, a),
                _ => (a, b),
            };
            let a = self.register(a);
            match b {
                Operand::Step(_) => self.pairs.push(Pair {
                    a,
                    b: self.register(b),
                }),
                Operand::Invariant(constant) => constants.push(Pair { a, b: constant }),
            }
        }
        let middle = self.pairs.len();
        self.pairs.extend(constants);
        (Pending::Products(first, middle, self.pairs.len()), bound)
    }
}

/// An instruction that has no register for its result yet.
enum Pending {
    Add(usize, usize),
    AddConstant(usize, usize),
    Subtract(usize, usize, usize),
    SubtractFromConstant(usize, usize, usize),
    Multiply(usize, usize),
    Square(usize),
    Scale(usize, usize),
    Products(usize, usize, usize),
}

impl Pending {
    fn into(self, to: usize) -> Instruction {
        match self {
            Pending::Add(a, b) => Instruction::Add { to, a, b },
            Pending::AddConstant(a, constant) => Instruction::AddConstant { to, a, constant },
            Pending::Subtract(a, b, multiple) => Instruction::Subtract { to, a, b, multiple },
            Pending::SubtractFromConstant(constant, b, multiple) => {
                Instruction::SubtractFromConstant {
                    to,
                    constant,
                    b,
                    multiple,
                }
            }
            Pending::Multiply(a, b) => Instruction::Multiply { to, a, b },
            Pending::Square(a) => Instruction::Square { to, a },
            Pending::Scale(a, constant) => Instruction::Scale { to, a, constant },
            Pending::Products(first, middle, end) => Instruction::Products {
                to,
                first,
                middle,
                end,
            },
        }
    }
}
