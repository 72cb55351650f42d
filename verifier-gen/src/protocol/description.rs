//! The protocol of one constraint system: what its proofs hold, in which order, and what is opened where. Follows halo2-axiom's
//! `verify_proof`.

use halo2_proofs::{
    plonk::{Any, ConstraintSystem, VerifyingKey},
    poly::Rotation,
};
use halo2curves::bn256::{Fr, G1Affine};

use super::{
    limits::check,
    openings::{Commitment, Evaluation, Openings, RotationSet},
    transcript::{Challenges, Step, TranscriptLayout},
};
use crate::error::GenerateError;

/// Evaluations of one grand product of the permutation argument.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PermutationSet {
    pub(crate) z: usize,
    pub(crate) z_next: usize,
    pub(crate) z_last: Option<usize>,
}

/// Evaluations of one built-in lookup.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LookupEvaluations {
    pub(crate) z: usize,
    pub(crate) z_next: usize,
    pub(crate) input: usize,
    pub(crate) input_prev: usize,
    pub(crate) table: usize,
}

/// Everything that the shape of a circuit fixes.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    pub(crate) k: u32,
    pub(crate) omega: Fr,
    pub(crate) blinding_factors: usize,
    /// Columns under one grand product.
    pub(crate) permutation_chunk: usize,
    /// Public inputs by instance column.
    pub(crate) num_instances: Vec<usize>,
    pub(crate) steps: Vec<Step>,
    pub(crate) challenges: Challenges,
    pub(crate) num_points: usize,
    pub(crate) num_scalars: usize,
    /// Positions of the quotient's pieces among the proof's points.
    pub(crate) quotient_pieces: std::ops::Range<usize>,
    /// First evaluation of a fixed column, of a sigma.
    pub(crate) fixed_evaluations: usize,
    pub(crate) sigma_evaluations: usize,
    pub(crate) permutation_sets: Vec<PermutationSet>,
    pub(crate) lookups: Vec<LookupEvaluations>,
    pub(crate) rotation_sets: Vec<RotationSet>,
}

impl Protocol {
    pub(crate) fn new(
        vk: &VerifyingKey<G1Affine>,
        num_instances: &[usize],
    ) -> Result<Self, GenerateError> {
        let cs = vk.cs();
        check(vk, num_instances)?;
        let permutation_chunk = cs.degree() - 2;
        let num_sets = cs
            .permutation()
            .get_columns()
            .len()
            .div_ceil(permutation_chunk);
        let pieces = vk.get_domain().get_quotient_poly_degree();

        let mut layout = TranscriptLayout::default();
        let (advice, circuit) = layout.phases(cs);
        let theta = layout.squeeze();
        let lookup_columns: Vec<_> = cs
            .lookups()
            .iter()
            .map(|_| (layout.point(), layout.point()))
            .collect();
        let (beta, gamma) = (layout.squeeze(), layout.squeeze());
        let permutation_z: Vec<_> = (0..num_sets).map(|_| layout.point()).collect();
        let lookup_z: Vec<_> = cs.lookups().iter().map(|_| layout.point()).collect();
        let random = layout.point();
        let y = layout.squeeze();
        let first_piece = layout.points;
        let quotient_pieces = first_piece..first_piece + pieces;
        (0..pieces).for_each(|_| {
            layout.point();
        });
        let x = layout.squeeze();

        let advice_evaluations = layout.scalars(cs.advice_queries().len());
        let fixed_evaluations = layout.scalars(cs.fixed_queries().len());
        let random_evaluation = layout.scalars(1);
        let sigma_evaluations = layout.scalars(vk.permutation().commitments().len());
        let permutation_sets: Vec<_> = (0..num_sets)
            .map(|set| PermutationSet {
                z: layout.scalars(1),
                z_next: layout.scalars(1),
                z_last: (set + 1 < num_sets).then(|| layout.scalars(1)),
            })
            .collect();
        let lookups: Vec<_> = cs
            .lookups()
            .iter()
            .map(|_| LookupEvaluations {
                z: layout.scalars(1),
                z_next: layout.scalars(1),
                input: layout.scalars(1),
                input_prev: layout.scalars(1),
                table: layout.scalars(1),
            })
            .collect();

        let (open_y, open_v) = (layout.squeeze(), layout.squeeze());
        layout.point();
        let open_u = layout.squeeze();
        layout.point();

        let last = -(cs.blinding_factors() as i32 + 1);
        let mut openings = Openings::default();
        for (i, (column, at)) in cs.advice_queries().iter().enumerate() {
            openings.query(
                Commitment::Proof(advice[column.index()]),
                at.0,
                advice_evaluations + i,
            );
        }
        for (set, z) in permutation_sets.iter().zip(&permutation_z) {
            openings.query(Commitment::Proof(*z), 0, set.z);
            openings.query(Commitment::Proof(*z), 1, set.z_next);
        }
        for (set, z) in permutation_sets.iter().zip(&permutation_z).rev() {
            if let Some(z_last) = set.z_last {
                openings.query(Commitment::Proof(*z), last, z_last);
            }
        }
        for ((evaluations, z), (input, table)) in lookups.iter().zip(&lookup_z).zip(&lookup_columns)
        {
            openings.query(Commitment::Proof(*z), 0, evaluations.z);
            openings.query(Commitment::Proof(*input), 0, evaluations.input);
            openings.query(Commitment::Proof(*table), 0, evaluations.table);
            openings.query(Commitment::Proof(*input), -1, evaluations.input_prev);
            openings.query(Commitment::Proof(*z), 1, evaluations.z_next);
        }
        for (i, (column, at)) in cs.fixed_queries().iter().enumerate() {
            openings.query(
                Commitment::Fixed(column.index()),
                at.0,
                fixed_evaluations + i,
            );
        }
        for i in 0..vk.permutation().commitments().len() {
            openings.query(Commitment::Sigma(i), 0, sigma_evaluations + i);
        }
        openings.push(Commitment::Quotient, 0, Evaluation::Quotient);
        openings.query(Commitment::Proof(random), 0, random_evaluation);

        Ok(Self {
            k: vk.get_domain().k(),
            omega: vk.get_domain().get_omega(),
            blinding_factors: cs.blinding_factors(),
            permutation_chunk,
            num_instances: num_instances.to_vec(),
            challenges: Challenges {
                circuit,
                theta,
                beta,
                gamma,
                y,
                x,
                open_y,
                open_v,
                open_u,
                count: layout.challenges,
            },
            num_points: layout.points,
            num_scalars: layout.scalars,
            steps: layout.steps,
            quotient_pieces,
            fixed_evaluations,
            sigma_evaluations,
            permutation_sets,
            lookups,
            rotation_sets: openings.into_sets(vk.get_domain().get_n())?,
        })
    }

    /// Rows of the domain.
    pub(crate) fn rows(&self) -> u64 {
        1 << self.k
    }

    /// Bytes of a proof.
    pub(crate) fn proof_len(&self) -> usize {
        64 * self.num_points + 32 * self.num_scalars
    }

    /// Public inputs over all columns.
    pub(crate) fn total_instances(&self) -> usize {
        self.num_instances.iter().sum()
    }

    /// The opening's first point, SHPLONK's `W`, by position; `W'` follows it.
    pub(crate) fn opening_point(&self) -> usize {
        self.num_points - 2
    }

    /// Every rotation that is opened, once each.
    pub(crate) fn rotations(&self) -> Vec<i32> {
        let mut rotations: Vec<i32> = self
            .rotation_sets
            .iter()
            .flat_map(|set| set.rotations.iter().copied())
            .collect();
        rotations.sort_unstable();
        rotations.dedup();
        rotations
    }
}

/// Finds a query in the constraint system's lists.
pub(crate) fn query_index(
    cs: &ConstraintSystem<Fr>,
    column: &Any,
    index: usize,
    at: Rotation,
) -> Result<usize, GenerateError> {
    let (kind, position) = match column {
        Any::Advice(_) => (
            "advice",
            cs.advice_queries()
                .iter()
                .position(|(c, rotation)| c.index() == index && *rotation == at),
        ),
        Any::Fixed => (
            "fixed",
            cs.fixed_queries()
                .iter()
                .position(|(c, rotation)| c.index() == index && *rotation == at),
        ),
        Any::Instance => (
            "instance",
            cs.instance_queries()
                .iter()
                .position(|(c, rotation)| c.index() == index && *rotation == at),
        ),
    };
    position.ok_or(GenerateError::UnknownQuery {
        kind,
        column: index,
        rotation: at.0,
    })
}
