//! Renders field arithmetic as Yul: nested expressions of bounded depth, memory for what is used again.
//!
//! Values stay below 2^256 without being reduced: every expression carries a bound in multiples of the scalar field's order r, of
//! which five fit a word, so that sums are plain additions. `mulmod` and `addmod` take any words and reduce.

use std::collections::HashMap;

use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};

use crate::{
    arithmetic::{Arithmetic, Op, Term, ValueId},
    graph::Input,
};

/// Multiples of r that fit a word.
const WORD_BOUND: u8 = 5;
/// Stack slots that one expression may take: the EVM reaches 16 deep, and the variables lie below.
const MAX_DEPTH: usize = 8;

/// An expression and what it costs.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    pub(crate) text: String,
    /// Stack slots while it is evaluated, with its result.
    depth: usize,
    /// The value is at most this many times r.
    bound: u8,
    /// Whether it reads a slot.
    stored: bool,
    pub(crate) gas: usize,
    pub(crate) bytes: usize,
}

impl Expression {
    fn leaf(text: String, gas: usize, bytes: usize) -> Self {
        Self {
            text,
            depth: 1,
            bound: 1,
            stored: false,
            gas,
            bytes,
        }
    }

    fn word(place: Place) -> Self {
        Self::leaf(place.load(), 6, 4)
    }

    /// A binary opcode; the second operand is evaluated first.
    fn binary(name: &str, gas: usize, a: Self, b: Self, bound: u8) -> Self {
        Self {
            text: format!("{name}({}, {})", a.text, b.text),
            depth: b.depth.max(1 + a.depth),
            bound,
            stored: false,
            gas: gas + a.gas + b.gas,
            bytes: 1 + a.bytes + b.bytes,
        }
    }

    /// An opcode modulo r, whose operands may be swapped: the deeper one is evaluated first.
    fn modular(name: &str, a: Self, b: Self) -> Self {
        let (a, b) = if a.depth > b.depth { (b, a) } else { (a, b) };
        Self {
            text: format!("{name}({}, {}, r)", a.text, b.text),
            depth: (1 + b.depth).max(2 + a.depth),
            bound: 1,
            stored: false,
            gas: 11 + a.gas + b.gas,
            bytes: 2 + a.bytes + b.bytes,
        }
    }

    fn sum(self, other: Self) -> Self {
        if self.bound + other.bound > WORD_BOUND {
            return Self::modular("addmod", self, other);
        }
        let bound = self.bound + other.bound;
        let (a, b) = if self.depth > other.depth {
            (other, self)
        } else {
            (self, other)
        };
        Self::binary("add", 3, a, b, bound)
    }

    /// Minus the value, modulo r.
    fn negated(self) -> Self {
        let bound = self.bound;
        let multiple = if bound == 1 {
            Self::leaf("r".to_owned(), 3, 1)
        } else {
            Self::leaf(multiple_of_order(bound), 3, 33)
        };
        Self::binary("sub", 3, multiple, self, bound)
    }
}

/// A rendered piece of arithmetic.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inline {
    /// Statements in order.
    pub(crate) statements: Vec<String>,
    pub(crate) gas: usize,
    pub(crate) bytes: usize,
}

/// Where a word is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Memory(usize),
    Calldata(usize),
}

impl Place {
    pub(crate) fn load(self) -> String {
        match self {
            Self::Memory(at) => format!("mload({at:#06x})"),
            Self::Calldata(at) => format!("calldataload({at:#06x})"),
        }
    }
}

/// Where inputs lie and where values may be stored.
pub(crate) trait Places {
    /// Where an input is.
    fn input(&self, input: Input) -> Place;
    /// Address of the stored value with this number.
    fn slot(&self, number: usize) -> usize;
}

/// Renders values in several steps; what one step stored, the next ones read.
#[derive(Debug)]
pub(crate) struct Renderer<'a, P> {
    arithmetic: &'a Arithmetic,
    places: &'a P,
    expressions: HashMap<ValueId, Expression>,
    uses: HashMap<ValueId, usize>,
    slots: usize,
    step: Inline,
    /// Inputs that variables hold in this step.
    variables: HashMap<Input, String>,
}

impl<'a, P: Places> Renderer<'a, P> {
    pub(crate) fn new(arithmetic: &'a Arithmetic, places: &'a P, roots: &[ValueId]) -> Self {
        Self {
            arithmetic,
            places,
            expressions: HashMap::new(),
            uses: arithmetic.uses(roots),
            slots: 0,
            step: Inline::default(),
            variables: HashMap::new(),
        }
    }

    /// Values stored so far.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// Computes the roots, in order, and stores them; `variables` are inputs to keep on the stack meanwhile.
    pub(crate) fn render(&mut self, roots: &[ValueId], variables: &[Input]) -> Inline {
        // Expressions that were not stored may name variables of the last step.
        self.expressions.retain(|_, expression| expression.stored);
        self.variables = variables
            .iter()
            .enumerate()
            .map(|(i, input)| (*input, format!("v{i}")))
            .collect();
        for input in variables {
            let load = self.places.input(*input).load();
            let name = &self.variables[input];
            self.step.statements.push(format!("let {name} := {load}"));
            self.step.gas += 8;
            self.step.bytes += 5;
        }
        for id in self.arithmetic.order(roots) {
            if !self.expressions.contains_key(&id) {
                self.value(id, roots.contains(&id));
            }
        }
        self.variables.clear();
        std::mem::take(&mut self.step)
    }

    /// The expression that reads a root.
    pub(crate) fn root(&self, id: ValueId) -> Expression {
        match self.expressions.get(&id) {
            Some(expression) => expression.clone(),
            None => self.leaf(self.arithmetic.op(id)),
        }
    }

    fn leaf(&self, op: &Op) -> Expression {
        match op {
            Op::Constant(value) => constant(value),
            Op::Input(input) => match self.variables.get(input) {
                Some(name) => Expression::leaf(name.clone(), 3, 1),
                None => Expression::word(self.places.input(*input)),
            },
            Op::Product(..) | Op::Sum(_) => unreachable!("operands are rendered in order"),
        }
    }

    fn operand(&self, id: ValueId) -> Expression {
        match self.expressions.get(&id) {
            Some(expression) => expression.clone(),
            None => self.leaf(self.arithmetic.op(id)),
        }
    }

    fn value(&mut self, id: ValueId, is_root: bool) {
        let op = self.arithmetic.op(id);
        let expression = match op {
            Op::Constant(_) | Op::Input(_) => return,
            Op::Product(a, b) => self.product(*a, *b),
            Op::Sum(terms) => self.sum(terms),
        };
        let uses = self.uses.get(&id).copied().unwrap_or(0);
        // A value that is read from outside is stored; any other if computing it again is dearer.
        let store = is_root || (uses > 1 && expression.gas + 6 + 6 * uses < uses * expression.gas);
        let expression = if store {
            self.store(expression)
        } else {
            expression
        };
        self.expressions.insert(id, expression);
    }

    fn store(&mut self, expression: Expression) -> Expression {
        let at = self.places.slot(self.slots);
        self.slots += 1;
        self.step.gas += expression.gas + 6;
        self.step.bytes += expression.bytes + 4;
        self.step
            .statements
            .push(format!("mstore({at:#06x}, {})", expression.text));
        Expression {
            bound: expression.bound,
            stored: true,
            ..Expression::word(Place::Memory(at))
        }
    }

    /// Keeps an operand shallow enough for the operation around it.
    fn shallow(&mut self, id: ValueId, depth: usize) -> Expression {
        let expression = self.operand(id);
        if expression.depth <= depth {
            return expression;
        }
        let stored = self.store(expression);
        self.expressions.insert(id, stored.clone());
        stored
    }

    fn product(&mut self, a: ValueId, b: ValueId) -> Expression {
        for (small, other) in [(a, b), (b, a)] {
            if let Op::Constant(value) = self.arithmetic.op(small)
                && let Some(factor) = small_value(value)
            {
                let other = self.shallow(other, MAX_DEPTH - 2);
                if factor * u64::from(other.bound) <= u64::from(WORD_BOUND) {
                    let bound = other.bound * factor as u8;
                    return Expression::binary("mul", 5, constant(value), other, bound);
                }
                return Expression::modular("mulmod", constant(value), other);
            }
        }
        let (first, second) = (self.operand(a).depth, self.operand(b).depth);
        let (deep, other) = if first >= second { (a, b) } else { (b, a) };
        let deep = self.shallow(deep, MAX_DEPTH - 1);
        let other = self.shallow(other, MAX_DEPTH - 2);
        Expression::modular("mulmod", deep, other)
    }

    fn sum(&mut self, terms: &[Term]) -> Expression {
        let mut terms: Vec<Term> = terms.to_vec();
        terms.retain(|term| *self.arithmetic.op(term.value) != Op::Constant(Fr::ZERO));
        terms.sort_by_key(|term| std::cmp::Reverse(self.operand(term.value).depth));
        let mut sum: Option<Expression> = None;
        for (i, term) in terms.iter().enumerate() {
            let limit = if i == 0 { MAX_DEPTH } else { MAX_DEPTH - 2 };
            let limit = limit - usize::from(term.negative);
            let value = self.shallow(term.value, limit);
            let value = if term.negative {
                value.negated()
            } else {
                value
            };
            sum = Some(match sum {
                None => value,
                Some(sum) if sum.bound + value.bound > WORD_BOUND && sum.depth >= MAX_DEPTH => {
                    self.store(sum).sum(value)
                }
                Some(sum) => sum.sum(value),
            });
        }
        sum.unwrap_or_else(|| constant(&Fr::ZERO))
    }
}

fn small_value(value: &Fr) -> Option<u64> {
    let repr = value.to_repr();
    let (low, high) = repr.as_ref().split_at(8);
    let small = high.iter().all(|byte| *byte == 0);
    small.then(|| {
        low.iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte))
    })
}

fn constant(value: &Fr) -> Expression {
    let bytes: Vec<u8> = value.to_repr().as_ref().iter().rev().copied().collect();
    let digits = hex::encode(bytes);
    let digits = digits.trim_start_matches('0');
    let len = digits.len().div_ceil(2);
    let text = if digits.is_empty() {
        "0".to_owned()
    } else {
        format!("0x{digits}")
    };
    Expression {
        bound: u8::from(*value != Fr::ZERO),
        ..Expression::leaf(text, if len == 0 { 2 } else { 3 }, 1 + len)
    }
}

/// A multiple of r as a literal.
fn multiple_of_order(factor: u8) -> String {
    let mut order: Vec<u8> = (-Fr::ONE).to_repr().as_ref().to_vec();
    order[0] += 1;
    let mut carry = 0u16;
    for byte in &mut order {
        let product = u16::from(*byte) * u16::from(factor) + carry;
        *byte = product as u8;
        carry = product >> 8;
    }
    order.reverse();
    format!("0x{}", hex::encode(order))
}
