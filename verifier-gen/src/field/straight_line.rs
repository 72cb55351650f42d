//! Schedules field arithmetic as straight-line code: nested expressions of bounded depth, memory for what is used again.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
};

use halo2curves::{bn256::Fr, ff::Field};

use super::{
    arithmetic::{Arithmetic, Op, Term, ValueId},
    expression::{Expression, Formula, Store, WORD_BOUND, small_value},
    graph::Input,
    words,
};

/// Words and variables on the stack of an expression, from which on it is stored.
const MAX_IN_EXPRESSION: usize = 12;
/// Bytes from which a constant is stored if it is read twice.
const LONG_CONSTANT: usize = 24;
/// Stack slots that one expression may take: the EVM reaches 16 deep, and the variables lie below.
const MAX_DEPTH: usize = 8;

/// A piece of straight-line code.
#[derive(Clone, Debug, Default)]
pub(crate) struct StraightLine {
    /// Inputs that stay on the stack; a variable's number is its position.
    pub(crate) variables: Vec<Input>,
    /// Statements in order.
    pub(crate) statements: Vec<Store>,
    pub(crate) gas: usize,
    pub(crate) bytes: usize,
    /// Statements of each function.
    functions: Vec<Range<usize>>,
}

impl StraightLine {
    /// The statements in functions, each with the variables that it reads.
    pub(crate) fn functions(&self) -> impl Iterator<Item = (Vec<usize>, &[Store])> {
        self.functions.iter().map(|range| {
            let statements = &self.statements[range.clone()];
            let read: BTreeSet<usize> = statements
                .iter()
                .flat_map(|statement| statement.formula.variables())
                .collect();
            (read.into_iter().collect(), statements)
        })
    }
}

/// Schedules values in several steps; what one step stored, the next ones read.
#[derive(Debug)]
pub(crate) struct Scheduler<'a> {
    arithmetic: &'a Arithmetic,
    expressions: HashMap<ValueId, Expression>,
    uses: HashMap<ValueId, usize>,
    /// Values stored so far.
    stored: usize,
    /// Whether long constants that are read again are stored: less code and more gas.
    stores_constants: bool,
    step: StraightLine,
}

impl<'a> Scheduler<'a> {
    pub(crate) fn new(
        arithmetic: &'a Arithmetic,
        roots: &[ValueId],
        stores_constants: bool,
    ) -> Self {
        Self {
            arithmetic,
            expressions: HashMap::new(),
            uses: arithmetic.uses(roots),
            stored: 0,
            stores_constants,
            step: StraightLine::default(),
        }
    }

    /// Computes the roots, in order, and stores them; `variables` are inputs to keep on the stack meanwhile.
    pub(crate) fn schedule(&mut self, roots: &[ValueId], variables: &[Input]) -> StraightLine {
        // Expressions that were not stored may name variables of the last step.
        self.expressions.retain(|_, expression| expression.stored);
        self.step.variables = variables.to_vec();
        self.step.gas = 8 * variables.len();
        self.step.bytes = 5 * variables.len();
        for id in self.arithmetic.order(roots) {
            if !self.expressions.contains_key(&id) {
                self.value(id, roots.contains(&id));
            }
        }
        let mut step = std::mem::take(&mut self.step);
        step.functions = words::split(&step.statements);
        let functions = step.functions.len();
        step.gas += 45 * functions;
        step.bytes += 30 * functions;
        step
    }

    /// The formula that reads a root.
    pub(crate) fn root(&self, id: ValueId) -> Formula {
        self.operand(id).formula
    }

    fn leaf(&self, op: &Op) -> Expression {
        match op {
            Op::Constant(value) => Expression::constant(value),
            Op::Input(input) => {
                let mut variables = self.step.variables.iter();
                match variables.position(|variable| variable == input) {
                    Some(number) => Expression::variable(number),
                    None => Expression::input(*input),
                }
            }
            Op::Product(..) | Op::Sum(_) => unreachable!("operands are scheduled in order"),
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
        // A root is stored; any other value if computing it again costs more.
        let store = is_root || (uses > 1 && expression.gas + 6 + 6 * uses < uses * expression.gas);
        let is_wide = words::on_stack(&expression.formula) > MAX_IN_EXPRESSION;
        let expression = if store || is_wide {
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
                && Expression::constant(value).bytes >= LONG_CONSTANT
            {
                let stored = self.store(Expression::constant(value));
                self.expressions.insert(operand, stored);
            }
        }
    }

    fn store(&mut self, expression: Expression) -> Expression {
        let value = self.stored;
        self.stored += 1;
        self.step.gas += expression.gas + 6;
        self.step.bytes += expression.bytes + 4;
        self.step.statements.push(Store {
            value,
            formula: expression.formula,
        });
        Expression::stored(value, expression.bound)
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
                return Expression::scaled(value, factor, other);
            }
        }
        let (first, second) = (self.operand(a).depth, self.operand(b).depth);
        let (deep, other) = if first >= second { (a, b) } else { (b, a) };
        let deep = self.shallow(deep, MAX_DEPTH - 1);
        let other = self.shallow(other, MAX_DEPTH - 2);
        deep.product(other)
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
        sum.unwrap_or_else(|| Expression::constant(&Fr::ZERO))
    }
}
