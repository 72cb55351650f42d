//! Expressions under construction: every value once, and simple where it can be.

use super::run::Program;
use super::{allocate, lower, schedule};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field as _;
use std::collections::HashMap;

/// A value of a [`Builder`]. Equal values are equal expressions, but equal expressions may be different values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub(super) u32);

/// How a value comes about. Operands are older than what they make, so that the order of nodes is one of evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    Constant(Fr),
    Parameter(u32),
    Column { column: u32, rotation: i32 },
    Negate(Value),
    Add(Value, Value),
    Subtract(Value, Value),
    Multiply(Value, Value),
}

/// Builds expressions over columns, parameters and constants.
///
/// Operations return the simplest value they know: constants are folded, operands of sums and products are ordered, signs and
/// constant factors move outwards to where they meet others. An expression that was built before is returned, not built again.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    nodes: Vec<Node>,
    /// Whether a node is the same in all rows.
    invariant: Vec<bool>,
    known: HashMap<Node, Value>,
}

impl Builder {
    /// A builder without values.
    pub fn new() -> Self {
        Self::default()
    }

    /// The column at this row plus `rotation`, around the ends.
    pub fn column(&mut self, column: usize, rotation: i32) -> Value {
        self.node(Node::Column {
            column: column as u32,
            rotation,
        })
    }

    /// A constant.
    pub fn constant(&mut self, value: Fr) -> Value {
        self.node(Node::Constant(value))
    }

    /// A value that each run says, the same in all rows.
    pub fn parameter(&mut self, parameter: usize) -> Value {
        self.node(Node::Parameter(parameter as u32))
    }

    /// a + b
    pub fn add(&mut self, a: Value, b: Value) -> Value {
        match (self.of(a), self.of(b)) {
            (Node::Constant(x), Node::Constant(y)) => return self.constant(x + y),
            (Node::Constant(x), _) if x == Fr::ZERO => return b,
            (_, Node::Constant(y)) if y == Fr::ZERO => return a,
            _ => {}
        }
        match (self.opposite(a), self.opposite(b)) {
            (Some(x), Some(y)) => {
                let sum = self.add(x, y);
                return self.negate(sum);
            }
            (Some(x), None) => return self.subtract(b, x),
            (None, Some(y)) => return self.subtract(a, y),
            (None, None) => {}
        }
        if self.is_invariant(a) == self.is_invariant(b) {
            return self.node(Node::Add(a.min(b), a.max(b)));
        }
        let (x, c) = if self.is_invariant(b) { (a, b) } else { (b, a) };
        match self.of(x) {
            Node::Add(y, d) if self.is_invariant(d) => {
                let sum = self.add(c, d);
                self.add(y, sum)
            }
            Node::Subtract(d, y) if self.is_invariant(d) => {
                let sum = self.add(c, d);
                self.subtract(sum, y)
            }
            _ => self.node(Node::Add(x, c)),
        }
    }

    /// a - b
    pub fn subtract(&mut self, a: Value, b: Value) -> Value {
        if a == b {
            return self.constant(Fr::ZERO);
        }
        match (self.of(a), self.of(b)) {
            (Node::Constant(x), Node::Constant(y)) => return self.constant(x - y),
            (Node::Constant(x), _) if x == Fr::ZERO => return self.negate(b),
            (_, Node::Constant(y)) if y == Fr::ZERO => return a,
            _ => {}
        }
        match (self.opposite(a), self.opposite(b)) {
            (_, Some(y)) => return self.add(a, y),
            (Some(x), None) => {
                let sum = self.add(x, b);
                return self.negate(sum);
            }
            (None, None) => {}
        }
        match (self.is_invariant(a), self.is_invariant(b)) {
            (false, true) => {
                let negative = self.negate(b);
                self.add(a, negative)
            }
            (true, false) => match self.of(b) {
                Node::Add(y, d) if self.is_invariant(d) => {
                    let difference = self.subtract(a, d);
                    self.subtract(difference, y)
                }
                Node::Subtract(d, y) if self.is_invariant(d) => {
                    let difference = self.subtract(a, d);
                    self.add(y, difference)
                }
                _ => self.node(Node::Subtract(a, b)),
            },
            _ => self.node(Node::Subtract(a, b)),
        }
    }

    /// -a
    pub fn negate(&mut self, a: Value) -> Value {
        match self.of(a) {
            Node::Constant(x) => self.constant(-x),
            Node::Negate(x) => x,
            Node::Subtract(x, y) => self.subtract(y, x),
            Node::Add(x, c) if self.is_invariant(c) && !self.is_invariant(x) => {
                let negative = self.negate(c);
                self.subtract(negative, x)
            }
            Node::Multiply(x, c) if self.is_invariant(c) && !self.is_invariant(x) => {
                let negative = self.negate(c);
                self.multiply(x, negative)
            }
            _ => self.node(Node::Negate(a)),
        }
    }

    /// a·b
    pub fn multiply(&mut self, a: Value, b: Value) -> Value {
        match (self.of(a), self.of(b)) {
            (Node::Constant(x), Node::Constant(y)) => return self.constant(x * y),
            (Node::Constant(x), _) => {
                if let Some(product) = self.small_multiple(b, x) {
                    return product;
                }
            }
            (_, Node::Constant(y)) => {
                if let Some(product) = self.small_multiple(a, y) {
                    return product;
                }
            }
            _ => {}
        }
        match (self.opposite(a), self.opposite(b)) {
            (Some(x), Some(y)) => return self.multiply(x, y),
            (Some(x), None) => {
                let product = self.multiply(x, b);
                return self.negate(product);
            }
            (None, Some(y)) => {
                let product = self.multiply(a, y);
                return self.negate(product);
            }
            (None, None) => {}
        }
        match (self.is_invariant(a), self.is_invariant(b)) {
            (true, true) => self.node(Node::Multiply(a.min(b), a.max(b))),
            (false, true) => self.scale(a, b),
            (true, false) => self.scale(b, a),
            (false, false) => {
                let ((x, c), (y, d)) = (self.without_scale(a), self.without_scale(b));
                let product = self.node(Node::Multiply(x.min(y), x.max(y)));
                match (c, d) {
                    (None, None) => product,
                    (Some(c), None) | (None, Some(c)) => self.scale(product, c),
                    (Some(c), Some(d)) => {
                        let factor = self.multiply(c, d);
                        self.scale(product, factor)
                    }
                }
            }
        }
    }

    /// a·a
    pub fn square(&mut self, a: Value) -> Value {
        self.multiply(a, a)
    }

    /// Multiples that cost less than a product.
    fn small_multiple(&mut self, a: Value, factor: Fr) -> Option<Value> {
        if factor == Fr::ZERO {
            return Some(self.constant(Fr::ZERO));
        }
        if factor == Fr::ONE {
            return Some(a);
        }
        (factor == -Fr::ONE).then(|| self.negate(a))
    }

    /// x times the invariant c.
    fn scale(&mut self, x: Value, c: Value) -> Value {
        let (y, d) = self.without_scale(x);
        let Some(d) = d else {
            return self.node(Node::Multiply(x, c));
        };
        let factor = self.multiply(c, d);
        if let Node::Constant(factor) = self.of(factor)
            && let Some(product) = self.small_multiple(y, factor)
        {
            return product;
        }
        self.node(Node::Multiply(y, factor))
    }

    /// x as a product of the first with the second, an invariant.
    pub(super) fn without_scale(&self, x: Value) -> (Value, Option<Value>) {
        match self.of(x) {
            Node::Multiply(y, c) if self.is_invariant(c) && !self.is_invariant(y) => (y, Some(c)),
            _ => (x, None),
        }
    }

    /// What this negates. The sign of an invariant stays with it, where it costs nothing.
    fn opposite(&self, value: Value) -> Option<Value> {
        match self.of(value) {
            Node::Negate(x) if !self.is_invariant(x) => Some(x),
            _ => None,
        }
    }

    pub(super) fn of(&self, value: Value) -> Node {
        self.nodes[value.0 as usize]
    }

    pub(super) fn is_invariant(&self, value: Value) -> bool {
        self.invariant[value.0 as usize]
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    fn node(&mut self, node: Node) -> Value {
        if let Some(&value) = self.known.get(&node) {
            return value;
        }
        let invariant = match node {
            Node::Constant(_) | Node::Parameter(_) => true,
            Node::Column { .. } => false,
            Node::Negate(a) => self.is_invariant(a),
            Node::Add(a, b) | Node::Subtract(a, b) | Node::Multiply(a, b) => {
                self.is_invariant(a) && self.is_invariant(b)
            }
        };
        let value = Value(self.nodes.len() as u32);
        self.nodes.push(node);
        self.invariant.push(invariant);
        self.known.insert(node, value);
        value
    }

    /// The program that computes these values.
    pub fn compile(self, outputs: &[Value]) -> Program {
        let lowered = lower::lower(self, outputs);
        let order = schedule::schedule(&lowered);
        allocate::allocate(lowered, &order)
    }
}
