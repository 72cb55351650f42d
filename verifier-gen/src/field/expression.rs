//! Expressions over words, each with what it costs and how large its value may be.
//!
//! Values stay below 2^256 without being reduced: every expression carries a bound in multiples of the scalar field's order r, of
//! which five fit a word, so that sums are plain additions. `mulmod` and `addmod` take any words and reduce.

use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};

use super::graph::Input;

/// Multiples of r that fit a word.
pub(crate) const WORD_BOUND: u8 = 5;

/// A word that an expression reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Word {
    Input(Input),
    /// A value that a statement stored, by number.
    Stored(usize),
}

/// A plain opcode, or one that reduces modulo r.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Add,
    Sub,
    Mul,
    AddMod,
    MulMod,
}

/// What is computed. The second operand is evaluated first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Formula {
    /// The order r.
    Order,
    Constant(Fr),
    /// A number of multiples of r.
    Multiple(u8),
    /// An input that is kept on the stack, by number.
    Variable(usize),
    Load(Word),
    Apply(Operation, Box<[Formula; 2]>),
}

impl Formula {
    /// Calls `visit` for this formula and all below, from the left.
    pub(crate) fn visit(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        if let Self::Apply(_, operands) = self {
            operands.iter().for_each(|operand| operand.visit(visit));
        }
    }

    /// The words that are read, as often as they are.
    pub(crate) fn words(&self) -> Vec<Word> {
        let mut words = Vec::new();
        self.visit(&mut |formula| {
            if let Self::Load(word) = formula {
                words.push(*word);
            }
        });
        words
    }

    /// The stored values that are read.
    pub(crate) fn stored(&self) -> impl Iterator<Item = usize> {
        self.words().into_iter().filter_map(|word| match word {
            Word::Stored(value) => Some(value),
            Word::Input(_) => None,
        })
    }

    /// The variables that are read.
    pub(crate) fn variables(&self) -> Vec<usize> {
        let mut variables = Vec::new();
        self.visit(&mut |formula| {
            if let Self::Variable(variable) = formula {
                variables.push(*variable);
            }
        });
        variables
    }
}

/// A statement: stores what a formula gives as the value of this number. Every number is stored once.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) value: usize,
    pub(crate) formula: Formula,
}

/// A formula and what it costs.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    pub(crate) formula: Formula,
    /// Stack slots while it is evaluated, with its result.
    pub(crate) depth: usize,
    /// The value is at most this many times r.
    pub(crate) bound: u8,
    /// Whether it is a stored value.
    pub(crate) stored: bool,
    pub(crate) gas: usize,
    pub(crate) bytes: usize,
}

impl Expression {
    fn leaf(formula: Formula, gas: usize, bytes: usize) -> Self {
        Self {
            formula,
            depth: 1,
            bound: 1,
            stored: false,
            gas,
            bytes,
        }
    }

    pub(crate) fn constant(value: &Fr) -> Self {
        let len = encoded_len(value);
        Self {
            bound: u8::from(*value != Fr::ZERO),
            ..Self::leaf(
                Formula::Constant(*value),
                if len == 0 { 2 } else { 3 },
                1 + len,
            )
        }
    }

    pub(crate) fn input(input: Input) -> Self {
        Self::leaf(Formula::Load(Word::Input(input)), 6, 4)
    }

    pub(crate) fn variable(number: usize) -> Self {
        Self::leaf(Formula::Variable(number), 3, 1)
    }

    /// A value of this bound, read from where it was stored.
    pub(crate) fn stored(value: usize, bound: u8) -> Self {
        Self {
            bound,
            stored: true,
            ..Self::leaf(Formula::Load(Word::Stored(value)), 6, 4)
        }
    }

    fn plain(operation: Operation, gas: usize, a: Self, b: Self, bound: u8) -> Self {
        Self {
            depth: b.depth.max(1 + a.depth),
            bound,
            stored: false,
            gas: gas + a.gas + b.gas,
            bytes: 1 + a.bytes + b.bytes,
            formula: Formula::Apply(operation, Box::new([a.formula, b.formula])),
        }
    }

    /// An operation modulo r, whose operands may be swapped: the deeper one is evaluated first.
    fn modular(operation: Operation, a: Self, b: Self) -> Self {
        let (a, b) = if a.depth > b.depth { (b, a) } else { (a, b) };
        Self {
            depth: (1 + b.depth).max(2 + a.depth),
            bound: 1,
            stored: false,
            gas: 11 + a.gas + b.gas,
            bytes: 2 + a.bytes + b.bytes,
            formula: Formula::Apply(operation, Box::new([a.formula, b.formula])),
        }
    }

    pub(crate) fn sum(self, other: Self) -> Self {
        if self.bound + other.bound > WORD_BOUND {
            return Self::modular(Operation::AddMod, self, other);
        }
        let bound = self.bound + other.bound;
        let (a, b) = if self.depth > other.depth {
            (other, self)
        } else {
            (self, other)
        };
        Self::plain(Operation::Add, 3, a, b, bound)
    }

    /// The product modulo r.
    pub(crate) fn product(self, other: Self) -> Self {
        Self::modular(Operation::MulMod, self, other)
    }

    /// A small constant times a value: plain where the product stays within a word.
    pub(crate) fn scaled(factor: &Fr, small: u64, value: Self) -> Self {
        let constant = Self::constant(factor);
        // A factor has up to 64 bits: its product with a bound could wrap.
        let bound = u8::try_from(small)
            .ok()
            .and_then(|small| small.checked_mul(value.bound))
            .filter(|bound| *bound <= WORD_BOUND);
        match bound {
            Some(bound) => Self::plain(Operation::Mul, 5, constant, value, bound),
            None => constant.product(value),
        }
    }

    /// Minus the value, modulo r.
    pub(crate) fn negated(self) -> Self {
        let bound = self.bound;
        let order = || Self::leaf(Formula::Order, 3, 1);
        // A factor and a multiplication are shorter than the multiple.
        let multiple = match bound {
            1 => order(),
            2 => Self::plain(Operation::Add, 3, order(), order(), 2),
            _ => {
                let multiple = Self::leaf(Formula::Multiple(bound), 3, 2);
                Self::plain(Operation::Mul, 5, multiple, order(), bound)
            }
        };
        Self::plain(Operation::Sub, 3, multiple, self, bound)
    }
}

/// Bytes of a constant without leading zeros.
pub(crate) fn encoded_len(value: &Fr) -> usize {
    let repr = value.to_repr();
    let bytes = repr.as_ref();
    bytes.len() - bytes.iter().rev().take_while(|byte| **byte == 0).count()
}

/// A constant of at most 64 bits.
pub(crate) fn small_value(value: &Fr) -> Option<u64> {
    let repr = value.to_repr();
    let (low, high) = repr.as_ref().split_at(8);
    let small = high.iter().all(|byte| *byte == 0);
    small.then(|| {
        low.iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte))
    })
}
