//! Field arithmetic as it is computed: products and signed sums, with powers written out as products.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use halo2curves::{bn256::Fr, ff::Field};

use super::{
    expression::encoded_len,
    graph::{Graph, Input, Node, NodeId},
};

/// A value of an [`Arithmetic`]; operands have smaller ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ValueId(u32);

/// A term of a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Term {
    pub(crate) negative: bool,
    pub(crate) value: ValueId,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Constant(Fr),
    Input(Input),
    Product(ValueId, ValueId),
    /// At least one term is not negative.
    Sum(Vec<Term>),
}

/// Values without duplicates.
#[derive(Debug, Default)]
pub(crate) struct Arithmetic {
    ops: Vec<Op>,
    ids: HashMap<Op, ValueId>,
}

impl Arithmetic {
    /// Translates the roots; they come back in the same order.
    pub(crate) fn new(graph: &Graph, roots: &[NodeId]) -> (Self, Vec<ValueId>) {
        let mut builder = Builder::new(graph, roots);
        let roots = roots.iter().map(|root| builder.root(*root)).collect();
        (builder.arithmetic, roots)
    }

    pub(crate) fn op(&self, id: ValueId) -> &Op {
        &self.ops[id.0 as usize]
    }

    fn intern(&mut self, op: Op) -> ValueId {
        let next = ValueId(self.ops.len() as u32);
        let id = *self.ids.entry(op.clone()).or_insert(next);
        if id == next {
            self.ops.push(op);
        }
        id
    }

    fn constant(&mut self, value: Fr) -> ValueId {
        self.intern(Op::Constant(value))
    }

    fn product(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.intern(Op::Product(a.min(b), a.max(b)))
    }

    pub(crate) fn operands(&self, id: ValueId) -> Vec<ValueId> {
        match self.op(id) {
            Op::Constant(_) | Op::Input(_) => Vec::new(),
            Op::Product(a, b) => vec![*a, *b],
            Op::Sum(terms) => terms.iter().map(|term| term.value).collect(),
        }
    }

    /// What the roots need, operands first.
    pub(crate) fn order(&self, roots: &[ValueId]) -> Vec<ValueId> {
        let mut needed = vec![false; self.ops.len()];
        for root in roots {
            needed[root.0 as usize] = true;
        }
        for index in (0..self.ops.len()).rev() {
            if needed[index] {
                for operand in self.operands(ValueId(index as u32)) {
                    needed[operand.0 as usize] = true;
                }
            }
        }
        (0..self.ops.len() as u32)
            .map(ValueId)
            .filter(|id| needed[id.0 as usize])
            .collect()
    }

    /// How often each value that the roots need is read by another one.
    pub(crate) fn uses(&self, roots: &[ValueId]) -> HashMap<ValueId, usize> {
        let mut uses = HashMap::new();
        for id in self.order(roots) {
            for operand in self.operands(id) {
                *uses.entry(operand).or_default() += 1;
            }
        }
        uses
    }

    /// Multiplications and additions that the roots need.
    pub(crate) fn operations(&self, roots: &[ValueId]) -> usize {
        let operations = self.order(roots).into_iter().map(|id| match self.op(id) {
            Op::Constant(_) | Op::Input(_) => 0,
            Op::Product(..) => 1,
            Op::Sum(terms) => terms.len() - 1,
        });
        operations.sum()
    }

    /// The inputs that most operations of the roots read, without those that `known` needs anyway.
    pub(crate) fn hot_inputs(
        &self,
        roots: &[ValueId],
        known: &[ValueId],
        at_least: usize,
    ) -> Vec<Input> {
        let known: BTreeSet<_> = self.order(known).into_iter().collect();
        let mut counts: HashMap<Input, usize> = HashMap::new();
        for id in self.order(roots) {
            if known.contains(&id) {
                continue;
            }
            for operand in self.operands(id) {
                if let Op::Input(input) = self.op(operand) {
                    *counts.entry(*input).or_default() += 1;
                }
            }
        }
        let mut hot: Vec<_> = counts
            .into_iter()
            .filter(|(_, count)| *count >= at_least)
            .collect();
        hot.sort_by_key(|(input, count)| (std::cmp::Reverse(*count), *input));
        hot.into_iter().map(|(input, _)| input).collect()
    }
}

/// A value up to its sign.
#[derive(Clone, Copy, Debug)]
struct Signed {
    negative: bool,
    value: ValueId,
}

struct Builder<'g> {
    graph: &'g Graph,
    arithmetic: Arithmetic,
    values: HashMap<NodeId, Signed>,
    /// How many nodes read each one; a sum that one other sum reads is merged into it.
    uses: Vec<u32>,
    powers: HashMap<ValueId, BTreeMap<u64, ValueId>>,
}

impl<'g> Builder<'g> {
    fn new(graph: &'g Graph, roots: &[NodeId]) -> Self {
        let mut uses = vec![0; graph.len()];
        let mut exponents: BTreeMap<NodeId, BTreeSet<u64>> = BTreeMap::new();
        for root in roots {
            uses[root.index()] += 2;
        }
        for id in graph.ids().rev() {
            if uses[id.index()] == 0 {
                continue;
            }
            match graph.node(id) {
                Node::Add(a, b) | Node::Mul(a, b) => {
                    uses[a.index()] += 1;
                    uses[b.index()] += 1;
                }
                Node::Power(base, exponent) => {
                    exponents.entry(base).or_default().insert(exponent);
                }
                Node::Constant(_) | Node::Input(_) => {}
            }
        }
        let mut builder = Self {
            graph,
            arithmetic: Arithmetic::default(),
            values: HashMap::new(),
            uses,
            powers: HashMap::new(),
        };
        // Ascending, so that each power finds the ones below.
        for (base, exponents) in exponents {
            let base = builder.signed(base).value;
            for exponent in exponents {
                builder.power(base, exponent);
            }
        }
        for id in graph.ids() {
            if builder.uses[id.index()] > 0 {
                builder.signed(id);
            }
        }
        builder
    }

    fn root(&mut self, id: NodeId) -> ValueId {
        let signed = self.signed(id);
        if !signed.negative {
            return signed.value;
        }
        let zero = self.arithmetic.constant(Fr::ZERO);
        let term = |negative, value| Term { negative, value };
        self.arithmetic
            .intern(Op::Sum(vec![term(false, zero), term(true, signed.value)]))
    }

    fn signed(&mut self, id: NodeId) -> Signed {
        if let Some(signed) = self.values.get(&id) {
            return *signed;
        }
        let positive = |value| Signed {
            negative: false,
            value,
        };
        let signed = match self.graph.node(id) {
            Node::Constant(value) => {
                let negative = encoded_len(&-value) < encoded_len(&value);
                let magnitude = if negative { -value } else { value };
                Signed {
                    negative,
                    value: self.arithmetic.constant(magnitude),
                }
            }
            Node::Input(input) => positive(self.arithmetic.intern(Op::Input(input))),
            Node::Power(base, exponent) => {
                // Bases are challenges.
                let base = self.signed(base).value;
                positive(self.power(base, exponent))
            }
            Node::Mul(a, b) => {
                let (a, b) = (self.signed(a), self.signed(b));
                let one = self.arithmetic.constant(Fr::ONE);
                let value = match (a.value == one, b.value == one) {
                    (true, _) => b.value,
                    (_, true) => a.value,
                    _ => self.arithmetic.product(a.value, b.value),
                };
                Signed {
                    negative: a.negative != b.negative,
                    value,
                }
            }
            Node::Add(..) => self.sum(id),
        };
        self.values.insert(id, signed);
        signed
    }

    fn sum(&mut self, id: NodeId) -> Signed {
        let mut terms = Vec::new();
        let mut open = vec![id];
        while let Some(node) = open.pop() {
            match self.graph.node(node) {
                Node::Add(a, b) if node == id || self.uses[node.index()] == 1 => {
                    open.extend([b, a]);
                }
                _ => {
                    let signed = self.signed(node);
                    terms.push(Term {
                        negative: signed.negative,
                        value: signed.value,
                    });
                }
            }
        }
        let negative = terms.iter().filter(|term| term.negative).count();
        let flip = 2 * negative > terms.len();
        if flip {
            terms.iter_mut().for_each(|term| term.negative ^= true);
        }
        Signed {
            negative: flip,
            value: self.arithmetic.intern(Op::Sum(terms)),
        }
    }

    /// A power from the powers that exist: one product if two of them add up, else by squaring.
    fn power(&mut self, base: ValueId, exponent: u64) -> ValueId {
        if exponent == 0 {
            return self.arithmetic.constant(Fr::ONE);
        }
        let known = self
            .powers
            .entry(base)
            .or_insert_with(|| BTreeMap::from([(1, base)]));
        if let Some(power) = known.get(&exponent) {
            return *power;
        }
        let pair = known
            .range(..exponent)
            .rev()
            .find_map(|(small, a)| known.get(&(exponent - small)).map(|b| (*a, *b)));
        let (a, b) = match pair {
            Some(pair) => pair,
            None if exponent.is_multiple_of(2) => {
                let half = self.power(base, exponent / 2);
                (half, half)
            }
            None => (self.power(base, exponent - 1), base),
        };
        let power = self.arithmetic.product(a, b);
        self.powers.entry(base).or_default().insert(exponent, power);
        power
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Values by id, for given inputs.
    pub(crate) fn evaluate(arithmetic: &Arithmetic, inputs: &impl Fn(Input) -> Fr) -> Vec<Fr> {
        let mut values: Vec<Fr> = Vec::new();
        for op in &arithmetic.ops {
            let at = |id: &ValueId| values[id.0 as usize];
            let value = match op {
                Op::Constant(value) => *value,
                Op::Input(input) => inputs(*input),
                Op::Product(a, b) => at(a) * at(b),
                Op::Sum(terms) => terms
                    .iter()
                    .map(|term| {
                        let value = at(&term.value);
                        if term.negative { -value } else { value }
                    })
                    .sum(),
            };
            values.push(value);
        }
        values
    }

    #[test]
    fn differences_of_negative_sums_keep_their_sign() {
        let mut graph = Graph::default();
        let [a, b, c] = [0, 1, 2].map(|i| graph.input(Input::Evaluation(i)));
        let one = graph.constant(Fr::ONE);
        let minus_a = graph.neg(a);
        let negative = graph.sub(minus_a, b);
        let product = graph.mul(negative, c);
        let root = graph.sub(one, product);
        let negated = graph.neg(negative);
        let (arithmetic, roots) = Arithmetic::new(&graph, &[root, negated]);
        let inputs = |input| match input {
            Input::Evaluation(i) => Fr::from(i as u64 + 5),
            _ => Fr::ZERO,
        };
        let values = evaluate(&arithmetic, &inputs);
        let [a, b, c] = [5u64, 6, 7].map(Fr::from);
        assert_eq!(values[roots[0].0 as usize], Fr::ONE + (a + b) * c);
        assert_eq!(values[roots[1].0 as usize], a + b);
    }
}
