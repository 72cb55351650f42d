//! The arithmetic behind the openings: denominators, scalars of the final combination, and its schedule of point operations.

use halo2curves::{bn256::Fr, ff::Field};

use crate::{
    graph::{Graph, Input, NodeId},
    protocol::{Commitment, Evaluation, Protocol, RotationSet},
};

/// A point of the final combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    Commitment(Commitment),
    /// The generator of G1.
    Generator,
}

/// Where a folded group goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// The combination's first value.
    Start,
    /// Added to the combination.
    Add,
    /// Kept as the quotient's commitment.
    Quotient,
}

/// Points folded by Horner's rule, the highest power first, and then scaled.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) multiplier: NodeId,
    pub(crate) points: Vec<Point>,
    pub(crate) scalar: Option<NodeId>,
    pub(crate) destination: Destination,
}

/// Everything but the constraints that the arithmetic has to provide.
#[derive(Debug)]
pub(crate) struct OpeningScalars {
    /// `u` minus each opened point, by rotation.
    distances: Vec<(i32, NodeId)>,
    /// The denominators' product, without those of the Lagrange polynomials.
    pub(crate) denominator: NodeId,
    /// (x^n - 1) / n, a factor of every Lagrange polynomial.
    pub(crate) lagrange_factor: NodeId,
    x: NodeId,
    x_to_n: NodeId,
    vanishing: NodeId,
    first_difference: NodeId,
}

impl OpeningScalars {
    /// What has to be known before the one inversion.
    pub(crate) fn new(graph: &mut Graph, protocol: &Protocol) -> Self {
        let x = graph.input(Input::Challenge(protocol.challenges.x));
        let u = graph.input(Input::Challenge(protocol.challenges.open_u));
        let distances: Vec<_> = protocol
            .rotations()
            .into_iter()
            .map(|rotation| {
                let root = graph.constant(root_power(protocol.omega, rotation));
                let point = graph.mul(x, root);
                (rotation, graph.sub(u, point))
            })
            .collect();
        let x_to_n = graph.pow(x, protocol.rows());
        let one = graph.constant(Fr::ONE);
        let vanishing = graph.sub(x_to_n, one);
        let rows = Fr::from(protocol.rows()).invert().unwrap_or(Fr::ZERO);
        let rows = graph.constant(rows);
        let lagrange_factor = graph.mul(vanishing, rows);
        let mut scalars = Self {
            distances,
            denominator: one,
            lagrange_factor,
            x,
            x_to_n,
            vanishing,
            first_difference: one,
        };
        if let Some(first) = protocol.rotation_sets.first() {
            scalars.first_difference = scalars.difference(graph, first);
        }
        scalars.denominator = graph.product([x, vanishing, scalars.first_difference]);
        scalars
    }

    /// The schedule, given the constraints' value at x.
    pub(crate) fn groups(
        &self,
        graph: &mut Graph,
        protocol: &Protocol,
        numerator: NodeId,
    ) -> Vec<Group> {
        let inverse = graph.input(Input::Inverse);
        let x_inverse = graph.product([inverse, self.vanishing, self.first_difference]);
        let vanishing_inverse = graph.product([inverse, self.x, self.first_difference]);
        let first_difference_inverse = graph.product([inverse, self.x, self.vanishing]);
        let quotient = graph.mul(numerator, vanishing_inverse);

        let y = graph.input(Input::Challenge(protocol.challenges.open_y));
        let v = graph.input(Input::Challenge(protocol.challenges.open_v));
        let u = graph.input(Input::Challenge(protocol.challenges.open_u));
        let mut groups = vec![Group {
            multiplier: self.x_to_n,
            points: protocol
                .quotient_pieces
                .clone()
                .rev()
                .map(|i| Point::Commitment(Commitment::Proof(i)))
                .collect(),
            scalar: None,
            destination: Destination::Quotient,
        }];
        let mut value = graph.constant(Fr::ZERO);
        for (i, set) in protocol.rotation_sets.iter().enumerate() {
            let combined = self.remainder(graph, protocol, set, x_inverse, y, quotient);
            let points = set
                .members
                .iter()
                .rev()
                .map(|(commitment, _)| Point::Commitment(*commitment))
                .collect();
            let (term, scalar, destination) = if i == 0 {
                (combined, None, Destination::Start)
            } else {
                let power = graph.pow(v, i as u64);
                let difference = self.difference(graph, set);
                let scalar = graph.product([difference, first_difference_inverse, power]);
                (graph.mul(combined, scalar), Some(scalar), Destination::Add)
            };
            value = graph.add(value, term);
            groups.push(Group {
                multiplier: y,
                points,
                scalar,
                destination,
            });
        }
        let single = |point, scalar| Group {
            multiplier: y,
            points: vec![point],
            scalar: Some(scalar),
            destination: Destination::Add,
        };
        let opening = protocol.opening_point();
        groups.push(single(Point::Generator, graph.neg(value)));
        if let Some(first) = protocol.rotation_sets.first() {
            let zeros: Vec<_> = first
                .rotations
                .iter()
                .map(|rotation| self.distance(*rotation))
                .collect();
            let zeros = graph.product(zeros);
            groups.push(single(
                Point::Commitment(Commitment::Proof(opening)),
                graph.neg(zeros),
            ));
        }
        groups.push(single(Point::Commitment(Commitment::Proof(opening + 1)), u));
        groups
    }

    fn distance(&self, rotation: i32) -> NodeId {
        match self.distances.iter().find(|(known, _)| *known == rotation) {
            Some((_, node)) => *node,
            None => unreachable!("distances cover every rotation of every set"),
        }
    }

    /// The vanishing polynomial of the points outside a set, at u.
    fn difference(&self, graph: &mut Graph, set: &RotationSet) -> NodeId {
        let outside = self
            .distances
            .iter()
            .filter(|(rotation, _)| !set.rotations.contains(rotation));
        graph.product(outside.map(|(_, node)| *node))
    }

    /// The set's evaluations, interpolated over its points, at u: a Lagrange basis times a sum by powers of y for each point.
    fn remainder(
        &self,
        graph: &mut Graph,
        protocol: &Protocol,
        set: &RotationSet,
        x_inverse: NodeId,
        y: NodeId,
        quotient: NodeId,
    ) -> NodeId {
        // The basis's denominator is a constant times a power of x.
        let scale = graph.pow(x_inverse, set.rotations.len() as u64 - 1);
        let mut total = graph.constant(Fr::ZERO);
        for (i, rotation) in set.rotations.iter().enumerate() {
            let mut sum = graph.constant(Fr::ZERO);
            for (_, evaluations) in set.members.iter().rev() {
                let value = match evaluations[i] {
                    Evaluation::Proof(index) => graph.input(Input::Evaluation(index)),
                    Evaluation::Quotient => quotient,
                };
                let shifted = graph.mul(sum, y);
                sum = graph.add(shifted, value);
            }
            let others = || set.rotations.iter().filter(|other| *other != rotation);
            let denominator: Fr = others()
                .map(|other| {
                    root_power(protocol.omega, *rotation) - root_power(protocol.omega, *other)
                })
                .product();
            let basis: Vec<_> = others().map(|other| self.distance(*other)).collect();
            let basis = graph.product(basis);
            let constant = graph.constant(denominator.invert().unwrap_or(Fr::ZERO));
            let term = graph.product([basis, scale, constant, sum]);
            total = graph.add(total, term);
        }
        total
    }
}

/// The root of unity to the power of a rotation, which may be negative.
pub(crate) fn root_power(omega: Fr, rotation: i32) -> Fr {
    let power = omega.pow_vartime([u64::from(rotation.unsigned_abs())]);
    if rotation < 0 {
        power.invert().unwrap_or(Fr::ZERO)
    } else {
        power
    }
}
