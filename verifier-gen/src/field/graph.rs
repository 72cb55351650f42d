//! Field arithmetic as a graph without duplicates: common sub-expressions meet by construction.

use std::collections::{BTreeMap, HashMap};

use halo2curves::{bn256::Fr, ff::Field};

/// Results of the loop over the last usable row and the blinded ones, where a row's distance is x over its root, less one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Inactive {
    /// The sum of the inverse distances, times their product.
    Sum,
    /// Product of the blinded rows' distances.
    Blinded,
    /// Product of all distances.
    Product,
}

/// A value that the verifier has in memory before the arithmetic starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Input {
    /// A public input, by its index over all instance columns, in an embedded verifier.
    Instance(usize),
    /// An evaluation of the proof, by position.
    Evaluation(usize),
    /// A challenge, by the order in which it is squeezed.
    Challenge(usize),
    /// What a loop over public inputs gives, see [`InstanceLoop`](super::lagrange::InstanceLoop).
    LoopNumerator(usize),
    LoopDenominator(usize),
    /// What the loop over the rows without constraints leaves, see [`super::lagrange`].
    Inactive(Inactive),
    /// The inverse of the denominators' product.
    Inverse,
    /// Of a shared verifier, whose key says how many rows there are: the domain's root of unity and its inverse.
    Root,
    RootInverse,
    /// x to the number of rows.
    XToRows,
    /// The inverse of the number of rows.
    RowsInverse,
}

impl Input {
    /// Whether powers of it are kept in one form, see [`Monomial`].
    fn has_powers(self) -> bool {
        matches!(self, Self::Challenge(_) | Self::Root | Self::RootInverse)
    }
}

/// A node of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(u32);

impl NodeId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    Constant(Fr),
    Input(Input),
    /// A challenge or a root of unity to a power of at least two.
    Power(NodeId, u64),
    Add(NodeId, NodeId),
    Mul(NodeId, NodeId),
}

/// A constant times powers of challenges and roots of unity. Products of these are kept in one form, whatever order a circuit wrote them in.
#[derive(Clone, Debug)]
struct Monomial {
    coefficient: Fr,
    powers: BTreeMap<NodeId, u64>,
}

impl Monomial {
    fn constant(coefficient: Fr) -> Self {
        Self {
            coefficient,
            powers: BTreeMap::new(),
        }
    }

    fn power(base: NodeId, exponent: u64) -> Self {
        Self {
            coefficient: Fr::ONE,
            powers: BTreeMap::from([(base, exponent)]),
        }
    }

    fn times(&self, other: &Self) -> Self {
        let mut powers = self.powers.clone();
        for (base, exponent) in &other.powers {
            *powers.entry(*base).or_default() += exponent;
        }
        Self {
            coefficient: self.coefficient * other.coefficient,
            powers,
        }
    }
}

/// Expressions over [`Input`]s. Operands always have smaller ids than the node that uses them.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    nodes: Vec<Node>,
    monomials: Vec<Option<Monomial>>,
    ids: HashMap<Node, NodeId>,
}

impl Graph {
    pub(crate) fn node(&self, id: NodeId) -> Node {
        self.nodes[id.index()]
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// All ids, operands first.
    pub(crate) fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    fn intern(&mut self, node: Node, monomial: Option<Monomial>) -> NodeId {
        if let Some(id) = self.ids.get(&node) {
            return *id;
        }
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(node);
        self.monomials.push(monomial);
        self.ids.insert(node, id);
        if let Node::Input(input) = node
            && input.has_powers()
        {
            self.monomials[id.index()] = Some(Monomial::power(id, 1));
        }
        id
    }

    pub(crate) fn constant(&mut self, value: Fr) -> NodeId {
        self.intern(Node::Constant(value), Some(Monomial::constant(value)))
    }

    pub(crate) fn input(&mut self, input: Input) -> NodeId {
        self.intern(Node::Input(input), None)
    }

    pub(crate) fn add(&mut self, a: NodeId, b: NodeId) -> NodeId {
        match (self.node(a), self.node(b)) {
            (Node::Constant(a), Node::Constant(b)) => self.constant(a + b),
            (Node::Constant(zero), _) if zero == Fr::ZERO => b,
            (_, Node::Constant(zero)) if zero == Fr::ZERO => a,
            _ => self.intern(Node::Add(a.min(b), a.max(b)), None),
        }
    }

    pub(crate) fn neg(&mut self, a: NodeId) -> NodeId {
        let minus_one = self.constant(-Fr::ONE);
        self.mul(minus_one, a)
    }

    pub(crate) fn sub(&mut self, a: NodeId, b: NodeId) -> NodeId {
        let b = self.neg(b);
        self.add(a, b)
    }

    pub(crate) fn mul(&mut self, a: NodeId, b: NodeId) -> NodeId {
        let monomials = (&self.monomials[a.index()], &self.monomials[b.index()]);
        match monomials {
            (Some(a), Some(b)) => {
                let product = a.times(b);
                self.monomial(product)
            }
            (Some(m), None) => {
                let m = m.clone();
                self.scale(b, m)
            }
            (None, Some(m)) => {
                let m = m.clone();
                self.scale(a, m)
            }
            (None, None) => self.intern(Node::Mul(a.min(b), a.max(b)), None),
        }
    }

    /// `base` to the power `exponent`, for a challenge or any other node.
    pub(crate) fn pow(&mut self, base: NodeId, exponent: u64) -> NodeId {
        let mut power = self.constant(Fr::ONE);
        for bit in (0..u64::BITS - exponent.leading_zeros()).rev() {
            power = self.mul(power, power);
            if exponent >> bit & 1 == 1 {
                power = self.mul(power, base);
            }
        }
        power
    }

    /// The product of many nodes; one for none.
    pub(crate) fn product(&mut self, factors: impl IntoIterator<Item = NodeId>) -> NodeId {
        let one = self.constant(Fr::ONE);
        factors
            .into_iter()
            .fold(one, |product, factor| self.mul(product, factor))
    }

    /// A node that is no monomial, times a monomial; monomials on the way merge.
    fn scale(&mut self, node: NodeId, by: Monomial) -> NodeId {
        let (mut node, mut by) = (node, by);
        if let Node::Mul(a, b) = self.node(node) {
            for (rest, other) in [(a, b), (b, a)] {
                if let Some(inner) = &self.monomials[other.index()] {
                    (node, by) = (rest, inner.times(&by));
                    break;
                }
            }
        }
        if by.coefficient == Fr::ZERO {
            return self.constant(Fr::ZERO);
        }
        if by.powers.is_empty() && by.coefficient == Fr::ONE {
            return node;
        }
        let by = self.monomial(by);
        self.intern(Node::Mul(node.min(by), node.max(by)), None)
    }

    /// The one node of a monomial: powers in order of their base, the constant last.
    fn monomial(&mut self, monomial: Monomial) -> NodeId {
        if monomial.coefficient == Fr::ZERO || monomial.powers.is_empty() {
            return self.constant(monomial.coefficient);
        }
        let mut product: Option<(NodeId, Monomial)> = None;
        for (&base, &exponent) in &monomial.powers {
            let power = Monomial::power(base, exponent);
            let factor = match exponent {
                1 => base,
                _ => self.intern(Node::Power(base, exponent), Some(power.clone())),
            };
            product = Some(match product {
                None => (factor, power),
                Some((node, value)) => {
                    let value = value.times(&power);
                    (
                        self.intern(
                            Node::Mul(node.min(factor), node.max(factor)),
                            Some(value.clone()),
                        ),
                        value,
                    )
                }
            });
        }
        let one = self.constant(Fr::ONE);
        let node = product.map_or(one, |(node, _)| node);
        if monomial.coefficient == Fr::ONE {
            return node;
        }
        let constant = self.constant(monomial.coefficient);
        self.intern(
            Node::Mul(node.min(constant), node.max(constant)),
            Some(monomial),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_challenges_meet_in_any_order() {
        let mut graph = Graph::default();
        let a = graph.input(Input::Challenge(0));
        let b = graph.input(Input::Challenge(1));
        let cell = graph.input(Input::Evaluation(0));
        let left = graph.product([a, b, cell, a, a]);
        let a3 = graph.pow(a, 3);
        let right = graph.mul(b, a3);
        let right = graph.mul(right, cell);
        assert_eq!(left, right);
    }

    #[test]
    fn constants_fold_and_neutral_elements_vanish() {
        let mut graph = Graph::default();
        let cell = graph.input(Input::Evaluation(3));
        let two = graph.constant(Fr::from(2));
        let half = graph.constant(Fr::from(2).invert().unwrap());
        let twice = graph.mul(cell, two);
        assert_eq!(graph.mul(half, twice), cell);
        let difference = graph.sub(two, two);
        assert_eq!(graph.add(cell, difference), cell);
        assert_eq!(graph.mul(cell, difference), difference);
    }
}
