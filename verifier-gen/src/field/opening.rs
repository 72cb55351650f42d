//! SHPLONK's scalars: denominators, the scalar of each point in the final combination, and the schedule of its point operations.

use halo2curves::{bn256::Fr, ff::Field};

use super::{
    denominators::Denominators,
    domain::Domain,
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

/// What the Lagrange basis over a set's points is divided by, as a position among the denominators or as an inverse.
#[derive(Clone, Copy, Debug)]
enum Basis<T> {
    /// Powers of x; what else there is are constants.
    OverX(T),
    /// A power of x times the differences of any two of the set's roots: one denominator for the whole basis.
    OverDifferences(T),
    /// Nothing: the set has one point.
    One,
}

/// Everything but the constraints that the arithmetic has to provide.
#[derive(Debug)]
pub(crate) struct OpeningScalars<'a> {
    protocol: &'a Protocol,
    domain: Domain<'a>,
    /// `u` minus each opened point, by rotation.
    distances: Vec<(i32, NodeId)>,
    /// (x^n - 1) / n, a factor of every Lagrange polynomial.
    pub(crate) lagrange_factor: NodeId,
    x_to_n: NodeId,
    /// By rotation set.
    bases: Vec<Basis<usize>>,
    /// Positions among the denominators.
    vanishing: usize,
    first_difference: usize,
}

impl<'a> OpeningScalars<'a> {
    /// What has to be known before the one inversion.
    pub(crate) fn new(
        graph: &mut Graph,
        denominators: &mut Denominators,
        protocol: &'a Protocol,
        domain: Domain<'a>,
    ) -> Self {
        let x = graph.input(Input::Challenge(protocol.challenges.x));
        let u = graph.input(Input::Challenge(protocol.challenges.open_u));
        let distances: Vec<_> = protocol
            .rotations()
            .into_iter()
            .map(|rotation| {
                let root = domain.root(graph, rotation);
                let point = graph.mul(x, root);
                (rotation, graph.sub(u, point))
            })
            .collect();
        let x_to_n = domain.to_rows(graph, x);
        let one = graph.constant(Fr::ONE);
        let vanishing = graph.sub(x_to_n, one);
        let rows = domain.rows_inverse(graph);
        let lagrange_factor = graph.mul(vanishing, rows);
        let first_difference = match protocol.rotation_sets.first() {
            Some(set) => difference(graph, &distances, set),
            None => one,
        };
        let vanishing = denominators.push(vanishing);
        let bases = protocol.rotation_sets.iter().map(|set| match domain {
            Domain::Known(_) => Basis::OverX(denominators.push(x)),
            Domain::OfKey if set.rotations.len() == 1 => Basis::One,
            Domain::OfKey => {
                let power = graph.pow(x, set.rotations.len() as u64 - 1);
                let differences = differences_of_roots(graph, domain, &set.rotations);
                let product = graph.mul(power, differences);
                Basis::OverDifferences(denominators.push(product))
            }
        });
        let bases = bases.collect();
        Self {
            protocol,
            domain,
            lagrange_factor,
            x_to_n,
            vanishing,
            bases,
            first_difference: denominators.push(first_difference),
            distances,
        }
    }

    /// The schedule, given the constraints' value at x.
    pub(crate) fn groups(
        &self,
        graph: &mut Graph,
        denominators: &Denominators,
        known: &KnownPoints,
        numerator: NodeId,
    ) -> Vec<Group> {
        let protocol = self.protocol;
        let bases: Vec<Basis<NodeId>> = self
            .bases
            .iter()
            .map(|basis| match *basis {
                Basis::OverX(at) => Basis::OverX(denominators.inverse(graph, at)),
                Basis::OverDifferences(at) => {
                    Basis::OverDifferences(denominators.inverse(graph, at))
                }
                Basis::One => Basis::One,
            })
            .collect();
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
        for (i, (set, basis)) in protocol.rotation_sets.iter().zip(bases).enumerate() {
            let combined = self.remainder(graph, set, basis, y, quotient);
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
        set: &RotationSet,
        basis: Basis<NodeId>,
        y: NodeId,
        quotient: NodeId,
    ) -> NodeId {
        let scale = match basis {
            Basis::OverX(inverse) => graph.pow(inverse, set.rotations.len() as u64 - 1),
            Basis::OverDifferences(_) | Basis::One => graph.constant(Fr::ONE),
        };
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
            let others = set.rotations.iter().filter(|other| *other != rotation);
            let others: Vec<i32> = others.copied().collect();
            let zeros: Vec<_> = others.iter().map(|other| self.distance(*other)).collect();
            let zeros = graph.product(zeros);
            let factor = match basis {
                Basis::One => graph.constant(Fr::ONE),
                Basis::OverX(_) => self.inverse_differences(graph, *rotation, &others),
                Basis::OverDifferences(_) => {
                    // Of all differences, this root's own are in the denominator. They are later root less earlier one: those to
                    // roots behind come with the other sign.
                    let differences = differences_of_roots(graph, self.domain, &others);
                    match (others.len() - i).is_multiple_of(2) {
                        true => differences,
                        false => graph.neg(differences),
                    }
                }
            };
            let term = graph.product([zeros, scale, factor, sum]);
            total = graph.add(total, term);
        }
        match basis {
            Basis::OverX(_) | Basis::One => total,
            Basis::OverDifferences(inverse) => graph.mul(total, inverse),
        }
    }

    /// The inverse of the product of a root's differences to others, where roots are known.
    fn inverse_differences(&self, graph: &mut Graph, rotation: i32, others: &[i32]) -> NodeId {
        let root = |rotation| root_power(self.protocol.omega, rotation);
        let differences = others.iter().map(|other| root(rotation) - root(*other));
        let product: Fr = differences.product();
        graph.constant(product.invert().unwrap_or(Fr::ZERO))
    }
}

/// The product of the differences of any two of these roots, the later one less the earlier one.
fn differences_of_roots(graph: &mut Graph, domain: Domain<'_>, rotations: &[i32]) -> NodeId {
    let roots: Vec<NodeId> = rotations
        .iter()
        .map(|rotation| domain.root(graph, *rotation))
        .collect();
    let mut product = graph.constant(Fr::ONE);
    for (i, earlier) in roots.iter().enumerate() {
        for later in &roots[i + 1..] {
            let difference = graph.sub(*later, *earlier);
            product = graph.mul(product, difference);
        }
    }
    product
}

/// The vanishing polynomial of the points outside a set, at u.
fn difference(graph: &mut Graph, distances: &[(i32, NodeId)], set: &RotationSet) -> NodeId {
    let outside = distances
        .iter()
        .filter(|(rotation, _)| !set.rotations.contains(rotation));
    graph.product(outside.map(|(_, node)| *node))
}
