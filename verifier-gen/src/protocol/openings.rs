//! Which commitments are opened where, grouped as SHPLONK groups them.

use std::collections::BTreeSet;

use crate::error::GenerateError;

/// A commitment that is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commitment {
    /// A point of the proof, by position.
    Proof(usize),
    Fixed(usize),
    Sigma(usize),
    /// The quotient, folded from its pieces.
    Quotient,
}

/// A claimed evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evaluation {
    /// A scalar of the proof, by position.
    Proof(usize),
    /// The value that the constraints dictate.
    Quotient,
}

/// Commitments that are opened at the same points.
#[derive(Clone, Debug)]
pub(crate) struct RotationSet {
    pub(crate) rotations: Vec<i32>,
    /// Each commitment with its evaluations, in the order of `rotations`.
    pub(crate) members: Vec<(Commitment, Vec<Evaluation>)>,
}

/// Groups queries as SHPLONK does: by commitment, then by the set of points, both in order of first appearance.
#[derive(Debug, Default)]
pub(crate) struct Openings {
    commitments: Vec<(Commitment, Vec<(i32, Evaluation)>)>,
}

impl Openings {
    pub(crate) fn query(&mut self, commitment: Commitment, rotation: i32, scalar: usize) {
        self.push(commitment, rotation, Evaluation::Proof(scalar));
    }

    pub(crate) fn push(&mut self, commitment: Commitment, rotation: i32, value: Evaluation) {
        match self
            .commitments
            .iter_mut()
            .find(|(known, _)| *known == commitment)
        {
            Some((_, queries)) => queries.push((rotation, value)),
            None => self.commitments.push((commitment, vec![(rotation, value)])),
        }
    }

    /// The sets over a domain of so many rows. The groups are the same for every domain in which different rotations are different
    /// rows, and there is no verifier for any other.
    pub(crate) fn into_sets(self, rows: u64) -> Result<Vec<RotationSet>, GenerateError> {
        let queried = self.commitments.iter().flat_map(|(_, queries)| queries);
        let rotations: BTreeSet<i32> = queried.map(|(rotation, _)| *rotation).collect();
        let wrapped = rotations
            .iter()
            .map(|rotation| i64::from(*rotation).rem_euclid(rows as i64));
        if wrapped.collect::<BTreeSet<_>>().len() < rotations.len() {
            return Err(GenerateError::RotationCollision { rows });
        }
        let mut sets: Vec<RotationSet> = Vec::new();
        for (commitment, mut queries) in self.commitments {
            queries.sort_by_key(|(rotation, _)| *rotation);
            let (rotations, evaluations): (Vec<i32>, Vec<Evaluation>) = queries.into_iter().unzip();
            match sets.iter_mut().find(|set| set.rotations == rotations) {
                Some(set) => set.members.push((commitment, evaluations)),
                None => sets.push(RotationSet {
                    rotations,
                    members: vec![(commitment, evaluations)],
                }),
            }
        }
        Ok(sets)
    }
}
