//! What a contract has to compute: the field arithmetic of a protocol, and which points are folded with which scalars.

use halo2_proofs::plonk::VerifyingKey;
use halo2curves::bn256::G1Affine;

use super::{key::Key, limits::is_compact};
use crate::{
    error::GenerateError,
    field::{
        constraints::numerator,
        denominators::Denominators,
        domain::Domain,
        graph::{Graph, NodeId},
        lagrange::{Fractions, InstanceLoop},
        opening::{Group, KnownPoints, OpeningScalars, Point},
    },
    options::Mode,
    protocol::{Commitment, Protocol},
};

/// What a contract computes, before a code style is chosen.
pub(crate) struct Shape<'a> {
    pub(crate) protocol: &'a Protocol,
    pub(crate) key: &'a Key,
    pub(crate) mode: Mode,
    pub(crate) graph: Graph,
    /// The product of all denominators.
    pub(crate) denominator: NodeId,
    /// The constraints' value at x.
    pub(crate) numerator: NodeId,
    pub(crate) groups: Vec<Group>,
    pub(crate) loops: Vec<InstanceLoop>,
    pub(crate) loops_over_rows: bool,
    /// Commitments of the key that are in memory.
    pub(crate) key_points: Vec<Commitment>,
}

impl<'a> Shape<'a> {
    pub(crate) fn new(
        vk: &VerifyingKey<G1Affine>,
        protocol: &'a Protocol,
        key: &'a Key,
        mode: Mode,
    ) -> Result<Self, GenerateError> {
        let known = match mode {
            Mode::Embedded => key.known_points(),
            Mode::Shared => KnownPoints::default(),
        };
        let queries: Vec<(usize, i32)> = vk
            .cs()
            .instance_queries()
            .iter()
            .map(|(column, at)| (column.index(), at.0))
            .collect();
        let mut graph = Graph::default();
        let mut denominators = Denominators::default();
        let domain = Domain::new(protocol, mode);
        let opening = OpeningScalars::new(&mut graph, &mut denominators, protocol, domain);
        let fractions = Fractions::new(
            &mut graph,
            &mut denominators,
            protocol,
            domain,
            &queries,
            is_compact(protocol, mode) || mode == Mode::Shared,
        );
        let denominator = denominators.product(&mut graph);
        let lagrange = fractions.values(&mut graph, &denominators, opening.lagrange_factor);
        let numerator = numerator(&mut graph, protocol, vk.cs(), &lagrange)?;
        let groups = opening.groups(&mut graph, &denominators, &known, numerator);
        let folded: Vec<Point> = groups
            .iter()
            .flat_map(|group| {
                std::iter::once(group.first).chain(group.steps.iter().map(|(_, point)| *point))
            })
            .collect();
        let is_folded = |commitment: Commitment| folded.contains(&Point::Commitment(commitment));
        let key_points = key
            .commitments()
            .filter(|commitment| mode == Mode::Shared || is_folded(*commitment))
            .collect();
        Ok(Self {
            protocol,
            key,
            mode,
            graph,
            denominator,
            numerator,
            groups,
            loops: fractions.loops,
            loops_over_rows: fractions.loops_over_rows,
            key_points,
        })
    }

    /// Scalars and multipliers of all groups, once each.
    pub(crate) fn scalars(&self) -> Vec<NodeId> {
        let mut scalars = Vec::new();
        for group in &self.groups {
            scalars.extend(group.steps.iter().map(|(multiplier, _)| *multiplier));
            scalars.extend(group.scalar);
        }
        scalars.sort_unstable();
        scalars.dedup();
        scalars
    }
}
