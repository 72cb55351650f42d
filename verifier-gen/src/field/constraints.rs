//! The constraints: gates, permutation and lookups, combined by powers of `y`, as halo2 orders them.

use halo2_proofs::{
    plonk::{Any, ConstraintSystem, Expression},
    poly::Rotation,
};
use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};

use super::{
    graph::{Graph, Input, Node, NodeId},
    lagrange::Lagrange,
};
use crate::{
    error::GenerateError,
    protocol::{LookupEvaluations, Protocol, query_index},
};

/// The value at x of the constraints' combination: the quotient times the vanishing polynomial.
pub(crate) fn numerator(
    graph: &mut Graph,
    protocol: &Protocol,
    cs: &ConstraintSystem<Fr>,
    lagrange: &Lagrange,
) -> Result<NodeId, GenerateError> {
    let mut builder = Builder {
        graph,
        protocol,
        cs,
        lagrange,
    };
    let mut constraints = Vec::new();
    for polynomial in cs.gates().iter().flat_map(|gate| gate.polynomials()) {
        constraints.push(builder.expression(polynomial)?);
    }
    builder.permutation(&mut constraints)?;
    for (argument, evaluations) in cs.lookups().iter().zip(&protocol.lookups) {
        let input = builder.compressed(argument.input_expressions())?;
        let table = builder.compressed(argument.table_expressions())?;
        builder.lookup(&mut constraints, input, table, evaluations);
    }
    let y = builder.challenge(protocol.challenges.y);
    Ok(combine(graph, &constraints, y))
}

/// Horner's rule in y. Neighbours with a common factor (a selector, as a rule) are combined before that factor is applied.
fn combine(graph: &mut Graph, constraints: &[NodeId], y: NodeId) -> NodeId {
    let mut sum = graph.constant(Fr::ZERO);
    let mut rest = constraints;
    while let Some(first) = rest.first() {
        let mut best = (1, None);
        for factor in factors(graph, *first) {
            let length = rest
                .iter()
                .take_while(|id| factors(graph, **id).contains(&factor))
                .count();
            if length > best.0 {
                best = (length, Some(factor));
            }
        }
        let (run, others) = rest.split_at(best.0);
        rest = others;
        let mut inner = graph.constant(Fr::ZERO);
        for id in run {
            let value = match best.1 {
                Some(factor) => cofactor(graph, *id, factor),
                None => *id,
            };
            let shifted = graph.mul(inner, y);
            inner = graph.add(shifted, value);
        }
        if let Some(factor) = best.1 {
            inner = graph.mul(inner, factor);
        }
        let power = graph.pow(y, run.len() as u64);
        let shifted = graph.mul(sum, power);
        sum = graph.add(shifted, inner);
    }
    sum
}

fn factors(graph: &Graph, id: NodeId) -> Vec<NodeId> {
    match graph.node(id) {
        Node::Mul(a, b) => [a, b]
            .into_iter()
            .filter(|id| !matches!(graph.node(*id), Node::Constant(_)))
            .collect(),
        _ => Vec::new(),
    }
}

fn cofactor(graph: &Graph, id: NodeId, factor: NodeId) -> NodeId {
    match graph.node(id) {
        Node::Mul(a, b) if a == factor => b,
        Node::Mul(a, _) => a,
        _ => id,
    }
}

struct Builder<'a> {
    graph: &'a mut Graph,
    protocol: &'a Protocol,
    cs: &'a ConstraintSystem<Fr>,
    lagrange: &'a Lagrange,
}

impl Builder<'_> {
    fn challenge(&mut self, index: usize) -> NodeId {
        self.graph.input(Input::Challenge(index))
    }

    fn scalar(&mut self, index: usize) -> NodeId {
        self.graph.input(Input::Evaluation(index))
    }

    fn cell(&mut self, column: &Any, index: usize, at: Rotation) -> Result<NodeId, GenerateError> {
        let query = query_index(self.cs, column, index, at)?;
        Ok(match column {
            Any::Advice(_) => self.scalar(query),
            Any::Fixed => self.scalar(self.protocol.fixed_evaluations + query),
            Any::Instance => self.lagrange.instances[query],
        })
    }

    fn expression(&mut self, expression: &Expression<Fr>) -> Result<NodeId, GenerateError> {
        Ok(match expression {
            Expression::Constant(value) => self.graph.constant(*value),
            Expression::Selector(_) => return Err(GenerateError::SelectorNotReplaced),
            Expression::Fixed(query) => {
                self.cell(&Any::Fixed, query.column_index(), query.rotation())?
            }
            Expression::Advice(query) => {
                self.cell(&Any::advice(), query.column_index(), query.rotation())?
            }
            Expression::Instance(query) => {
                self.cell(&Any::Instance, query.column_index(), query.rotation())?
            }
            Expression::Challenge(challenge) => {
                self.challenge(self.protocol.challenges.circuit[challenge.index()])
            }
            Expression::Negated(a) => {
                let a = self.expression(a)?;
                self.graph.neg(a)
            }
            Expression::Sum(a, b) => {
                let (a, b) = (self.expression(a)?, self.expression(b)?);
                self.graph.add(a, b)
            }
            Expression::Product(a, b) => {
                let (a, b) = (self.expression(a)?, self.expression(b)?);
                self.graph.mul(a, b)
            }
            Expression::Scaled(a, factor) => {
                let a = self.expression(a)?;
                let factor = self.graph.constant(*factor);
                self.graph.mul(a, factor)
            }
        })
    }

    /// The permutation argument: z starts at one, ends at zero or one, is handed from set to set, and multiplies up.
    fn permutation(&mut self, constraints: &mut Vec<NodeId>) -> Result<(), GenerateError> {
        let protocol = self.protocol;
        let (Some(first), Some(last)) = (
            protocol.permutation_sets.first(),
            protocol.permutation_sets.last(),
        ) else {
            return Ok(());
        };
        let z = self.scalar(first.z);
        constraints.push(self.starts_at_one(z));
        let z = self.scalar(last.z);
        constraints.push(self.ends_boolean(z));
        for (previous, set) in protocol
            .permutation_sets
            .iter()
            .zip(protocol.permutation_sets.iter().skip(1))
        {
            if let Some(z_last) = previous.z_last {
                let (z, z_last) = (self.scalar(set.z), self.scalar(z_last));
                let step = self.graph.sub(z, z_last);
                constraints.push(self.graph.mul(step, self.lagrange.first));
            }
        }
        let (beta, gamma) = (
            self.challenge(protocol.challenges.beta),
            self.challenge(protocol.challenges.gamma),
        );
        let x = self.challenge(protocol.challenges.x);
        let mut identity = self.graph.mul(beta, x);
        let delta = self.graph.constant(Fr::DELTA);
        let columns = self.cs.permutation().get_columns();
        for (i, (set, columns)) in protocol
            .permutation_sets
            .iter()
            .zip(columns.chunks(protocol.permutation_chunk))
            .enumerate()
        {
            let (mut left, mut right) = (self.scalar(set.z_next), self.scalar(set.z));
            for (j, column) in columns.iter().enumerate() {
                let value = self.cell(column.column_type(), column.index(), Rotation::cur())?;
                let value = self.graph.add(value, gamma);
                let sigma =
                    self.scalar(protocol.sigma_evaluations + i * protocol.permutation_chunk + j);
                let sigma = self.graph.mul(beta, sigma);
                let factor = self.graph.add(value, sigma);
                left = self.graph.mul(left, factor);
                let factor = self.graph.add(value, identity);
                right = self.graph.mul(right, factor);
                identity = self.graph.mul(identity, delta);
            }
            let difference = self.graph.sub(left, right);
            constraints.push(self.graph.mul(difference, self.lagrange.active));
        }
        Ok(())
    }

    /// A lookup's expressions, combined by powers of theta.
    fn compressed(&mut self, expressions: &[Expression<Fr>]) -> Result<NodeId, GenerateError> {
        let theta = self.challenge(self.protocol.challenges.theta);
        let mut sum = self.graph.constant(Fr::ZERO);
        for expression in expressions {
            let value = self.expression(expression)?;
            let shifted = self.graph.mul(sum, theta);
            sum = self.graph.add(shifted, value);
        }
        Ok(sum)
    }

    fn lookup(
        &mut self,
        constraints: &mut Vec<NodeId>,
        input: NodeId,
        table: NodeId,
        at: &LookupEvaluations,
    ) {
        let beta = self.challenge(self.protocol.challenges.beta);
        let gamma = self.challenge(self.protocol.challenges.gamma);
        let (z, z_next) = (self.scalar(at.z), self.scalar(at.z_next));
        let permuted_input = self.scalar(at.input);
        let permuted_input_prev = self.scalar(at.input_prev);
        let permuted_table = self.scalar(at.table);

        constraints.push(self.starts_at_one(z));
        constraints.push(self.ends_boolean(z));
        let left = [(permuted_input, beta), (permuted_table, gamma)];
        let left = left.map(|(value, challenge)| self.graph.add(value, challenge));
        let left = self.graph.product([z_next, left[0], left[1]]);
        let right = [(input, beta), (table, gamma)];
        let right = right.map(|(value, challenge)| self.graph.add(value, challenge));
        let right = self.graph.product([z, right[0], right[1]]);
        let difference = self.graph.sub(left, right);
        constraints.push(self.graph.mul(difference, self.lagrange.active));
        let apart = self.graph.sub(permuted_input, permuted_table);
        constraints.push(self.graph.mul(apart, self.lagrange.first));
        let moved = self.graph.sub(permuted_input, permuted_input_prev);
        constraints.push(self.graph.product([apart, moved, self.lagrange.active]));
    }

    fn starts_at_one(&mut self, z: NodeId) -> NodeId {
        let one = self.graph.constant(Fr::ONE);
        let difference = self.graph.sub(one, z);
        self.graph.mul(difference, self.lagrange.first)
    }

    fn ends_boolean(&mut self, z: NodeId) -> NodeId {
        let square = self.graph.mul(z, z);
        let difference = self.graph.sub(square, z);
        self.graph.mul(difference, self.lagrange.last)
    }
}
