//! Renders field arithmetic as Yul: nested expressions of bounded depth, memory for what is used again.
//!
//! Values stay below 2^256 without being reduced: every expression carries a bound in multiples of the scalar field's order r, of
//! which five fit a word, so that sums are plain additions. `mulmod` and `addmod` take any words and reduce.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
};

use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};

use crate::{
    arithmetic::{Arithmetic, Op, Term, ValueId},
    graph::Input,
    slots::{self, Slots},
};

/// Multiples of r that fit a word.
const WORD_BOUND: u8 = 5;
/// Words that a function may read more than once, or write and read: the compiler's via-IR pipeline keeps all of these on the
/// stack. With the variables that it reads, a few more.
const MAX_SHARED_WORDS: usize = 13;
const MAX_ON_STACK: usize = 15;
/// The same for an expression, from which on it is stored.
const MAX_IN_EXPRESSION: usize = 12;
/// Bytes from which a constant is stored if it is read twice.
const LONG_CONSTANT: usize = 24;
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
        let order = || Self::leaf("r".to_owned(), 3, 1);
        // A factor and a multiplication are shorter than the multiple.
        let multiple = match bound {
            1 => order(),
            2 => Self::binary("add", 3, order(), order(), 2),
            _ => Self::binary(
                "mul",
                5,
                Self::leaf(bound.to_string(), 3, 2),
                order(),
                bound,
            ),
        };
        Self::binary("sub", 3, multiple, self, bound)
    }
}

/// A rendered piece of arithmetic.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inline {
    /// Declarations of the variables.
    pub(crate) variables: Vec<String>,
    /// Statements in order.
    pub(crate) statements: Vec<String>,
    pub(crate) gas: usize,
    pub(crate) bytes: usize,
    /// Statements of each function.
    functions: Vec<Range<usize>>,
}

impl Inline {
    /// Splits the statements; addresses are still names then, one for each value.
    fn split(&mut self) {
        let mut ranges = Vec::new();
        let (mut start, mut words) = (0, Words::default());
        for (i, statement) in self.statements.iter().enumerate() {
            let mut extended = words.clone();
            extended.read(statement);
            if i > start && extended.is_too_deep() {
                ranges.push(start..i);
                start = i;
                extended = Words::default();
                extended.read(statement);
            }
            words = extended;
            words.write(statement);
        }
        if start < self.statements.len() {
            ranges.push(start..self.statements.len());
        }
        self.functions = ranges;
    }

    /// Writes addresses in place of stored values' names.
    pub(crate) fn resolve(&mut self, slots: &Slots, address: impl Fn(usize) -> usize) {
        for statement in &mut self.statements {
            *statement = slots.resolve(statement, &address);
        }
    }

    /// The statements in functions, each with the variables that it reads: the legacy compiler is indifferent, via-IR would
    /// otherwise keep too many values on the stack.
    pub(crate) fn functions(&self) -> Vec<(Vec<String>, &[String])> {
        let with_variables = |range: &Range<usize>| {
            let statements: &[String] = &self.statements[range.clone()];
            let is_read = |name: &String| {
                let mut tokens = statements.iter().flat_map(|statement| tokens(statement));
                tokens.any(|token| token == name)
            };
            let names = (0..self.variables.len()).map(|i| format!("v{i}"));
            (names.filter(is_read).collect(), statements)
        };
        self.functions.iter().map(with_variables).collect()
    }
}

/// The words that a function touches.
#[derive(Clone, Debug, Default)]
struct Words {
    reads: HashMap<String, usize>,
    written: Vec<String>,
    variables: BTreeSet<String>,
}

impl Words {
    fn read(&mut self, statement: &str) {
        for opcode in ["mload(", "calldataload("] {
            for (at, _) in statement.match_indices(opcode) {
                let word = statement[at..].split(')').next().unwrap_or_default();
                *self.reads.entry(word.to_owned()).or_default() += 1;
            }
        }
        let variables = tokens(statement).filter(|token| token.starts_with('v'));
        self.variables.extend(variables.map(str::to_owned));
    }

    fn write(&mut self, statement: &str) {
        if let Some(rest) = statement.strip_prefix("mstore(")
            && let Some((at, _)) = rest.split_once(',')
        {
            self.written.push(format!("mload({at}"));
        }
    }

    fn is_too_deep(&self) -> bool {
        self.shared() > MAX_SHARED_WORDS || self.on_stack() > MAX_ON_STACK
    }

    fn on_stack(&self) -> usize {
        self.shared() + self.variables.len()
    }

    fn shared(&self) -> usize {
        let shared =
            |(word, count): &(&String, &usize)| **count > 1 || self.written.contains(*word);
        self.reads.iter().filter(shared).count()
    }
}

fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
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
}

/// Renders values in several steps; what one step stored, the next ones read.
#[derive(Debug)]
pub(crate) struct Renderer<'a, P> {
    arithmetic: &'a Arithmetic,
    places: &'a P,
    expressions: HashMap<ValueId, Expression>,
    uses: HashMap<ValueId, usize>,
    /// Values stored so far.
    stored: usize,
    /// Whether long constants that are read again are stored: less code and more gas.
    stores_constants: bool,
    step: Inline,
    /// Inputs that variables hold in this step.
    variables: HashMap<Input, String>,
}

impl<'a, P: Places> Renderer<'a, P> {
    pub(crate) fn new(
        arithmetic: &'a Arithmetic,
        places: &'a P,
        roots: &[ValueId],
        stores_constants: bool,
    ) -> Self {
        Self {
            arithmetic,
            places,
            expressions: HashMap::new(),
            uses: arithmetic.uses(roots),
            stored: 0,
            stores_constants,
            step: Inline::default(),
            variables: HashMap::new(),
        }
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
            self.step.variables.push(format!("let {name} := {load}"));
            self.step.gas += 8;
            self.step.bytes += 5;
        }
        for id in self.arithmetic.order(roots) {
            if !self.expressions.contains_key(&id) {
                self.value(id, roots.contains(&id));
            }
        }
        self.variables.clear();
        let mut step = std::mem::take(&mut self.step);
        step.split();
        let functions = step.functions.len();
        step.gas += 45 * functions;
        step.bytes += 30 * functions;
        step
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
        if self.stores_constants {
            self.store_constants(id);
        }
        let expression = match op {
            Op::Constant(_) | Op::Input(_) => return,
            Op::Product(a, b) => self.product(*a, *b),
            Op::Sum(terms) => self.sum(terms),
        };
        let uses = self.uses.get(&id).copied().unwrap_or(0);
        // A value that is read from outside is stored; any other if computing it again is dearer.
        let store = is_root || (uses > 1 && expression.gas + 6 + 6 * uses < uses * expression.gas);
        let mut words = Words::default();
        words.read(&expression.text);
        let expression = if store || words.on_stack() > MAX_IN_EXPRESSION {
            self.store(expression)
        } else {
            expression
        };
        self.expressions.insert(id, expression);
    }

    /// Stores the long constants that this value is the first one to read.
    fn store_constants(&mut self, id: ValueId) {
        for operand in self.arithmetic.operands(id) {
            if let Op::Constant(value) = self.arithmetic.op(operand)
                && !self.expressions.contains_key(&operand)
                && self.uses.get(&operand).is_some_and(|uses| *uses > 1)
                && constant(value).bytes >= LONG_CONSTANT
            {
                let stored = self.store(constant(value));
                self.expressions.insert(operand, stored);
            }
        }
    }

    fn store(&mut self, expression: Expression) -> Expression {
        let name = slots::name(self.stored);
        self.stored += 1;
        self.step.gas += expression.gas + 6;
        self.step.bytes += expression.bytes + 4;
        self.step
            .statements
            .push(format!("mstore({name}, {})", expression.text));
        Expression {
            bound: expression.bound,
            stored: true,
            ..Expression::leaf(format!("mload({name})"), 6, 4)
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
                // A factor has up to 64 bits: its product with a bound could wrap.
                let bound = u8::try_from(factor)
                    .ok()
                    .and_then(|factor| factor.checked_mul(other.bound))
                    .filter(|bound| *bound <= WORD_BOUND);
                if let Some(bound) = bound {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Graph, NodeId};
    use proptest::prelude::*;
    use revm::primitives::U256;
    use std::collections::BTreeMap;

    struct Map;

    impl Places for Map {
        fn input(&self, input: Input) -> Place {
            match input {
                Input::Challenge(i) => Place::Memory(0x1000 + 32 * i),
                Input::Evaluation(i) => Place::Calldata(32 * i),
                _ => Place::Memory(0),
            }
        }
    }

    fn to_word(value: Fr) -> U256 {
        U256::from_le_slice(value.to_repr().as_ref())
    }

    fn order() -> U256 {
        to_word(-Fr::ONE) + U256::from(1)
    }

    fn input(input: Input) -> Fr {
        match input {
            // The largest elements show what overflows.
            Input::Challenge(i) => -Fr::from(i as u64 + 1),
            Input::Evaluation(i) => -Fr::from(i as u64 + 100),
            _ => Fr::ZERO,
        }
    }

    /// Runs the rendered statements; plain additions, subtractions and products must not leave the word.
    struct Machine {
        memory: BTreeMap<usize, U256>,
        variables: BTreeMap<String, U256>,
    }

    impl Machine {
        fn new() -> Self {
            let challenge = |i| to_word(input(Input::Challenge(i)));
            Self {
                memory: (0..3).map(|i| (0x1000 + 32 * i, challenge(i))).collect(),
                variables: BTreeMap::new(),
            }
        }

        fn run(&mut self, step: &Inline) {
            for line in step.variables.iter().chain(&step.statements) {
                if let Some(rest) = line.strip_prefix("let ") {
                    let (name, text) = rest.split_once(" := ").unwrap();
                    let value = self.evaluate(text);
                    self.variables.insert(name.to_owned(), value);
                } else {
                    let arguments = line.strip_prefix("mstore(").unwrap();
                    let (at, text) = arguments.split_once(", ").unwrap();
                    let at = self.evaluate(at).to::<usize>();
                    let value = self.evaluate(&text[..text.len() - 1]);
                    self.memory.insert(at, value);
                }
            }
        }

        fn evaluate(&self, text: &str) -> U256 {
            let Some((name, rest)) = text.split_once('(') else {
                return match text {
                    "r" => order(),
                    text if text.starts_with('v') => self.variables[text],
                    text => text.parse().unwrap(),
                };
            };
            let mut arguments = Vec::new();
            let (mut depth, mut start) = (0, 0);
            for (i, c) in rest.char_indices() {
                match c {
                    '(' => depth += 1,
                    ',' | ')' if depth == 0 => {
                        arguments.push(self.evaluate(rest[start..i].trim()));
                        start = i + 1;
                    }
                    ')' => depth -= 1,
                    _ => {}
                }
            }
            match (name, arguments.as_slice()) {
                ("add", [a, b]) => a.checked_add(*b).expect("no overflow"),
                ("sub", [a, b]) => a.checked_sub(*b).expect("no underflow"),
                ("mul", [a, b]) => a.checked_mul(*b).expect("no overflow"),
                ("addmod", [a, b, r]) => a.add_mod(*b, *r),
                ("mulmod", [a, b, r]) => a.mul_mod(*b, *r),
                ("mload", [at]) => self.memory[&at.to::<usize>()],
                ("calldataload", [at]) => to_word(input(Input::Evaluation(at.to::<usize>() / 32))),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Small constants of either sign, powers of two and their neighbours up to 64 bits, and full-size ones.
    fn constant_of(number: u64) -> Fr {
        let (kind, rest) = (number % 8, number / 8);
        match kind {
            0 => Fr::from(1 << (rest % 64)),
            1 => -Fr::from(1 << (rest % 64)),
            2 => Fr::from(u64::MAX - rest % 3),
            // Times three, this is 2 beyond 64 bits.
            3 => Fr::from(6_148_914_691_236_517_206),
            4 => Fr::from(rest).invert().unwrap_or(Fr::ONE),
            5 => Fr::from(rest % 8),
            _ => -Fr::from(rest % 4),
        }
    }

    proptest! {
        #[test]
        fn inline_code_computes_the_graph(ops in prop::collection::vec((0u8..6, any::<usize>(), any::<usize>()), 1..80), stores_constants: bool) {
            let mut graph = Graph::default();
            let known: Vec<Input> = (0..3).map(Input::Challenge).chain((0..3).map(Input::Evaluation)).collect();
            let mut nodes: Vec<NodeId> = known.iter().map(|input| graph.input(*input)).collect();
            let mut expected: Vec<Fr> = known.iter().map(|known| input(*known)).collect();
            for (kind, a, number) in ops {
                let (a, b) = (a % nodes.len(), number % nodes.len());
                let (node, value) = match kind {
                    0 | 1 => (graph.add(nodes[a], nodes[b]), expected[a] + expected[b]),
                    2 => (graph.sub(nodes[a], nodes[b]), expected[a] - expected[b]),
                    3 => (graph.mul(nodes[a], nodes[b]), expected[a] * expected[b]),
                    4 => (graph.pow(nodes[a], b as u64), expected[a].pow([b as u64])),
                    _ => {
                        let value = constant_of(number as u64);
                        (graph.constant(value), value)
                    }
                };
                nodes.push(node);
                expected.push(value);
            }
            let last = nodes.len() - 1;
            let picked = [last / 2, last, 0, last / 3];
            let (arithmetic, roots) = Arithmetic::new(&graph, &picked.map(|i| nodes[i]));
            let mut renderer = Renderer::new(&arithmetic, &Map, &roots, stores_constants);
            let mut steps = Vec::new();
            for (part, variables) in [(&roots[..2], 0..2), (&roots[2..], 1..3)] {
                let variables: Vec<Input> = variables.map(Input::Challenge).collect();
                steps.push(renderer.render(part, &variables));
            }
            let kept: Vec<String> = roots.iter().map(|root| renderer.root(*root).text).collect();
            let statements = steps.iter().flat_map(|step| step.statements.iter());
            let slots = Slots::new(statements.map(String::as_str), &kept);
            let address = |word| 0x2000 + 32 * word;
            let mut machine = Machine::new();
            for step in &mut steps {
                step.resolve(&slots, address);
                machine.run(step);
                let functions = step.functions();
                let statements: Vec<String> = functions.iter().flat_map(|(_, lines)| lines.iter().cloned()).collect();
                prop_assert_eq!(&statements, &step.statements);
            }
            for (text, i) in kept.iter().zip(picked) {
                let value = machine.evaluate(&slots.resolve(text, address));
                prop_assert_eq!(value % order(), to_word(expected[i]));
            }
        }
    }
}
