//! Lagrange polynomials at x, as fractions of polynomials in x: one inversion serves all denominators.

use halo2curves::{bn256::Fr, ff::Field};

use super::{
    denominators::Denominators,
    domain::Domain,
    graph::{Graph, Inactive, Input, NodeId},
};
use crate::protocol::{Protocol, root_power};

/// Public inputs of one query up to which their Lagrange polynomials are written out; a loop takes longer columns, and those of
/// which only the key says how long they are.
const UNROLLED_INSTANCES: usize = 2;

/// A public-input query whose sum over Lagrange polynomials is computed by a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InstanceLoop {
    pub(crate) column: usize,
    /// Row of the column's first public input, as seen from the query.
    pub(crate) row: i32,
}

/// A fraction over one of the denominators, without the factor (x^n - 1) / n.
#[derive(Clone, Copy, Debug)]
struct Fraction {
    numerator: NodeId,
    denominator: usize,
}

/// The fractions that the constraints need, before the inversion.
#[derive(Debug)]
pub(crate) struct Fractions {
    first: Option<Fraction>,
    last: Option<Fraction>,
    /// The last usable row and the blinded rows together: where constraints are not active.
    inactive: Option<Fraction>,
    instances: Vec<Option<Fraction>>,
    pub(crate) loops: Vec<InstanceLoop>,
    /// Whether a loop gives `last` and `inactive`: less code and more gas than polynomials in x.
    pub(crate) loops_over_rows: bool,
}

/// The polynomials' values, and those of the public-input queries.
#[derive(Debug)]
pub(crate) struct Lagrange {
    pub(crate) first: NodeId,
    pub(crate) last: NodeId,
    pub(crate) active: NodeId,
    pub(crate) instances: Vec<NodeId>,
}

impl Fractions {
    pub(crate) fn new(
        graph: &mut Graph,
        denominators: &mut Denominators,
        protocol: &Protocol,
        domain: Domain<'_>,
        instance_queries: &[(usize, i32)],
        loops_over_rows: bool,
    ) -> Self {
        let x = graph.input(Input::Challenge(protocol.challenges.x));
        let arguments = !protocol.permutation_sets.is_empty() || !protocol.lookups.is_empty();
        let (mut first, mut last, mut inactive) = (None, None, None);
        if arguments {
            let one = graph.constant(Fr::ONE);
            let distance = distance(graph, x, Fr::ONE);
            first = Some(Fraction {
                numerator: one,
                denominator: denominators.push(distance),
            });
            if loops_over_rows {
                let mut input = |part| graph.input(Input::Inactive(part));
                let denominator = denominators.push(input(Inactive::Product));
                let fraction = |numerator| {
                    Some(Fraction {
                        numerator,
                        denominator,
                    })
                };
                last = fraction(input(Inactive::Blinded));
                inactive = fraction(input(Inactive::Sum));
            } else {
                let rows: Vec<Fr> = (-(protocol.blinding_factors as i32) - 1..0)
                    .map(|row| root_power(protocol.omega, row))
                    .collect();
                let behind = rows[1..].iter().map(|root| self::distance(graph, x, *root));
                let behind = behind.collect::<Vec<_>>();
                let behind = graph.product(behind);
                let last_distance = self::distance(graph, x, rows[0]);
                let product = graph.mul(behind, last_distance);
                let denominator = denominators.push(product);
                let root = graph.constant(rows[0]);
                last = Some(Fraction {
                    numerator: graph.mul(behind, root),
                    denominator,
                });
                inactive = Some(Fraction {
                    numerator: horner(graph, x, &sum_of_roots_over_distances(&rows)),
                    denominator,
                });
            }
        }
        let mut loops = Vec::new();
        let instances = instance_queries
            .iter()
            .map(|&(column, rotation)| {
                let before: usize = protocol.num_instances[..column].iter().sum();
                let count = protocol.num_instances[column];
                if matches!(domain, Domain::OfKey) || count > UNROLLED_INSTANCES {
                    let id = loops.len();
                    loops.push(InstanceLoop {
                        column,
                        row: -rotation,
                    });
                    let denominator = graph.input(Input::LoopDenominator(id));
                    return Some(Fraction {
                        numerator: graph.input(Input::LoopNumerator(id)),
                        denominator: denominators.push(denominator),
                    });
                }
                let mut sum: Option<(NodeId, NodeId)> = None;
                for i in 0..count {
                    let root = root_power(protocol.omega, i as i32 - rotation);
                    let value = graph.input(Input::Instance(before + i));
                    let constant = graph.constant(root);
                    let value = graph.mul(value, constant);
                    let distance = distance(graph, x, root);
                    sum = Some(match sum {
                        None => (value, distance),
                        Some((numerator, product)) => {
                            let left = graph.mul(numerator, distance);
                            let right = graph.mul(value, product);
                            (graph.add(left, right), graph.mul(product, distance))
                        }
                    });
                }
                sum.map(|(numerator, product)| Fraction {
                    numerator,
                    denominator: denominators.push(product),
                })
            })
            .collect();
        Self {
            first,
            last,
            inactive,
            instances,
            loops,
            loops_over_rows: arguments && loops_over_rows,
        }
    }

    /// The values, given the inversion. `factor` is (x^n - 1) / n.
    pub(crate) fn values(
        &self,
        graph: &mut Graph,
        denominators: &Denominators,
        factor: NodeId,
    ) -> Lagrange {
        let zero = graph.constant(Fr::ZERO);
        let value = |graph: &mut Graph, fraction: &Option<Fraction>| match fraction {
            None => zero,
            Some(fraction) => {
                let inverse = denominators.inverse(graph, fraction.denominator);
                let scaled = graph.mul(inverse, factor);
                graph.mul(scaled, fraction.numerator)
            }
        };
        let first = value(graph, &self.first);
        let last = value(graph, &self.last);
        let inactive = value(graph, &self.inactive);
        let instances = self
            .instances
            .iter()
            .map(|fraction| value(graph, fraction))
            .collect();
        let one = graph.constant(Fr::ONE);
        Lagrange {
            first,
            last,
            active: graph.sub(one, inactive),
            instances,
        }
    }
}

fn distance(graph: &mut Graph, x: NodeId, root: Fr) -> NodeId {
    let minus_root = graph.constant(-root);
    graph.add(x, minus_root)
}

fn horner(graph: &mut Graph, x: NodeId, coefficients: &[Fr]) -> NodeId {
    let zero = graph.constant(Fr::ZERO);
    coefficients.iter().rev().fold(zero, |sum, coefficient| {
        let shifted = graph.mul(sum, x);
        let coefficient = graph.constant(*coefficient);
        graph.add(shifted, coefficient)
    })
}

/// The numerator of the sum of root / (x - root) over the product of all distances, lowest coefficient first.
fn sum_of_roots_over_distances(roots: &[Fr]) -> Vec<Fr> {
    let mut sum = vec![Fr::ZERO; roots.len()];
    for (skip, root) in roots.iter().enumerate() {
        let mut term = vec![*root];
        for (i, other) in roots.iter().enumerate() {
            if i != skip {
                // Times (x - other).
                term.push(Fr::ZERO);
                for j in (0..term.len()).rev() {
                    let below = if j > 0 { term[j - 1] } else { Fr::ZERO };
                    term[j] = below - term[j] * other;
                }
            }
        }
        sum.iter_mut()
            .zip(term)
            .for_each(|(sum, term)| *sum += term);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerator_over_distances_is_the_sum_of_the_fractions() {
        let roots = [2u64, 3, 7, 11].map(Fr::from);
        let x = Fr::from(91);
        let coefficients = sum_of_roots_over_distances(&roots);
        let numerator = coefficients
            .iter()
            .rev()
            .fold(Fr::ZERO, |sum, c| sum * x + c);
        let product: Fr = roots.iter().map(|root| x - root).product();
        let expected: Fr = roots
            .iter()
            .map(|root| *root * (x - root).invert().unwrap())
            .sum();
        assert_eq!(numerator * product.invert().unwrap(), expected);
    }
}
