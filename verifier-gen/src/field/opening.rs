//! SHPLONK's scalars: denominators, the scalar of each point in the final combination, and the schedule of its point operations.

use halo2curves::{bn256::Fr, ff::Field};

use super::{
    denominators::Denominators,
    graph::{Graph, Input, NodeId},
};
use crate::protocol::{Commitment, Evaluation, Protocol, RotationSet, root_power};

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
    /// Added to the combination.
    Combination,
    /// Kept as the quotient's commitment.
    Quotient,
}

/// Points folded by Horner's rule, the highest power first, and then scaled.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) first: Point,
    /// What the sum so far is multiplied by, and the point that is added then.
    pub(crate) steps: Vec<(NodeId, Point)>,
    pub(crate) scalar: Option<NodeId>,
    pub(crate) destination: Destination,
}

/// What an embedded key says about its commitments; a shared verifier knows nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownPoints {
    /// Commitments to zero: they add nothing.
    pub(crate) identities: Vec<Commitment>,
    /// Commitments and the first one that equals each.
    pub(crate) equal: Vec<(Commitment, Commitment)>,
}

impl KnownPoints {
    fn is_identity(&self, commitment: Commitment) -> bool {
        self.identities.contains(&commitment)
    }

    fn representative(&self, commitment: Commitment) -> Commitment {
        self.equal
            .iter()
            .find(|(equal, _)| *equal == commitment)
            .map_or(commitment, |(_, first)| *first)
    }

    fn is_shared(&self, commitment: Commitment) -> bool {
        self.equal
            .iter()
            .any(|(equal, first)| *equal == commitment || *first == commitment)
    }
}

/// Everything but the constraints that the arithmetic has to provide.
#[derive(Debug)]
pub(crate) struct OpeningScalars {
    /// `u` minus each opened point, by rotation.
    distances: Vec<(i32, NodeId)>,
    /// (x^n - 1) / n, a factor of every Lagrange polynomial.
    pub(crate) lagrange_factor: NodeId,
    x_to_n: NodeId,
    /// Positions among the denominators.
    x: usize,
    vanishing: usize,
    first_difference: usize,
}

impl OpeningScalars {
    /// What has to be known before the one inversion.
    pub(crate) fn new(
        graph: &mut Graph,
        denominators: &mut Denominators,
        protocol: &Protocol,
    ) -> Self {
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
        let first_difference = match protocol.rotation_sets.first() {
            Some(set) => difference(graph, &distances, set),
            None => one,
        };
        Self {
            lagrange_factor,
            x_to_n,
            vanishing: denominators.push(vanishing),
            x: denominators.push(x),
            first_difference: denominators.push(first_difference),
            distances,
        }
    }

    /// The schedule, given the constraints' value at x.
    pub(crate) fn groups(
        &self,
        graph: &mut Graph,
        denominators: &Denominators,
        protocol: &Protocol,
        known: &KnownPoints,
        numerator: NodeId,
    ) -> Vec<Group> {
        let x_inverse = denominators.inverse(graph, self.x);
        let vanishing_inverse = denominators.inverse(graph, self.vanishing);
        let first_difference_inverse = denominators.inverse(graph, self.first_difference);
        let quotient = graph.mul(numerator, vanishing_inverse);

        let y = graph.input(Input::Challenge(protocol.challenges.open_y));
        let v = graph.input(Input::Challenge(protocol.challenges.open_v));
        let u = graph.input(Input::Challenge(protocol.challenges.open_u));
        let pieces: Vec<_> = protocol
            .quotient_pieces
            .clone()
            .rev()
            .map(|i| Point::Commitment(Commitment::Proof(i)))
            .collect();
        let mut groups: Vec<Group> = pieces
            .split_first()
            .map(|(first, rest)| Group {
                first: *first,
                steps: rest.iter().map(|point| (self.x_to_n, *point)).collect(),
                scalar: None,
                destination: Destination::Quotient,
            })
            .into_iter()
            .collect();
        let one = graph.constant(Fr::ONE);
        let mut merged: Vec<(Commitment, NodeId)> = Vec::new();
        let mut value = graph.constant(Fr::ZERO);
        for (i, set) in protocol.rotation_sets.iter().enumerate() {
            let combined = self.remainder(graph, protocol, set, x_inverse, y, quotient);
            let scalar = if i == 0 {
                one
            } else {
                let power = graph.pow(v, i as u64);
                let difference = difference(graph, &self.distances, set);
                graph.product([difference, first_difference_inverse, power])
            };
            let term = graph.mul(combined, scalar);
            value = graph.add(value, term);

            // Points of weight y^i, the highest first; what is known to vanish or to repeat is left out.
            let mut chain: Vec<(u64, Point)> = Vec::new();
            for (exponent, (commitment, _)) in set.members.iter().enumerate().rev() {
                if known.is_identity(*commitment) {
                    continue;
                }
                if known.is_shared(*commitment) {
                    let commitment = known.representative(*commitment);
                    let power = graph.pow(y, exponent as u64);
                    let weight = graph.mul(power, scalar);
                    match merged.iter_mut().find(|(first, _)| *first == commitment) {
                        Some((_, sum)) => *sum = graph.add(*sum, weight),
                        None => merged.push((commitment, weight)),
                    }
                } else {
                    chain.push((exponent as u64, Point::Commitment(*commitment)));
                }
            }
            let (Some((_, first)), Some((lowest, _))) = (chain.first(), chain.last()) else {
                continue;
            };
            let trailing = graph.pow(y, *lowest);
            let scalar = graph.mul(scalar, trailing);
            groups.push(Group {
                first: *first,
                steps: chain
                    .windows(2)
                    .map(|pair| (graph.pow(y, pair[0].0 - pair[1].0), pair[1].1))
                    .collect(),
                scalar: (scalar != one).then_some(scalar),
                destination: Destination::Combination,
            });
        }
        let mut single = |point, scalar| {
            groups.push(Group {
                first: point,
                steps: Vec::new(),
                scalar: Some(scalar),
                destination: Destination::Combination,
            });
        };
        for (commitment, weight) in merged {
            single(Point::Commitment(commitment), weight);
        }
        single(Point::Generator, graph.neg(value));
        let opening = protocol.opening_point();
        if let Some(first) = protocol.rotation_sets.first() {
            let zeros: Vec<_> = first
                .rotations
                .iter()
                .map(|rotation| self.distance(*rotation))
                .collect();
            let zeros = graph.product(zeros);
            single(
                Point::Commitment(Commitment::Proof(opening)),
                graph.neg(zeros),
            );
        }
        single(Point::Commitment(Commitment::Proof(opening + 1)), u);
        groups
    }

    fn distance(&self, rotation: i32) -> NodeId {
        match self.distances.iter().find(|(known, _)| *known == rotation) {
            Some((_, node)) => *node,
            None => unreachable!("distances cover every rotation of every set"),
        }
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

/// The vanishing polynomial of the points outside a set, at u.
fn difference(graph: &mut Graph, distances: &[(i32, NodeId)], set: &RotationSet) -> NodeId {
    let outside = distances
        .iter()
        .filter(|(rotation, _)| !set.rotations.contains(rotation));
    graph.product(outside.map(|(_, node)| *node))
}
