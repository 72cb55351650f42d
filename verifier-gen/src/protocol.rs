//! The order of a proof: what is committed, squeezed, evaluated and opened where. Follows halo2-axiom's `verify_proof`.

use halo2_proofs::{
    plonk::{Any, ConstraintSystem, Expression, VerifyingKey},
    poly::Rotation,
};
use halo2curves::bn256::{Fr, G1Affine};

use crate::error::GenerateError;

/// A step of the Fiat-Shamir transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Points of the proof that follow.
    Points(usize),
    /// Scalars of the proof that follow.
    Scalars(usize),
    /// One challenge.
    Squeeze,
}

/// Challenges by the order in which they are squeezed.
#[derive(Clone, Debug)]
pub(crate) struct Challenges {
    /// The circuit's own, by their index.
    pub(crate) circuit: Vec<usize>,
    pub(crate) theta: usize,
    pub(crate) beta: usize,
    pub(crate) gamma: usize,
    pub(crate) y: usize,
    pub(crate) x: usize,
    /// SHPLONK's `y`: separates polynomials of one rotation set.
    pub(crate) open_y: usize,
    /// SHPLONK's `v`: separates rotation sets.
    pub(crate) open_v: usize,
    /// SHPLONK's `u`: where the combined quotient is opened.
    pub(crate) open_u: usize,
    pub(crate) count: usize,
}

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

/// Commitments that are opened at the same points.
#[derive(Clone, Debug)]
pub(crate) struct RotationSet {
    pub(crate) rotations: Vec<i32>,
    /// Each commitment with its evaluations, in the order of `rotations`.
    pub(crate) members: Vec<(Commitment, Vec<Evaluation>)>,
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
        let mut openings = Openings::new(vk.get_domain().get_n());
        for (i, (column, at)) in cs.advice_queries().iter().enumerate() {
            openings.query(
                Commitment::Proof(advice[column.index()]),
                at.0,
                advice_evaluations + i,
            )?;
        }
        for (set, z) in permutation_sets.iter().zip(&permutation_z) {
            openings.query(Commitment::Proof(*z), 0, set.z)?;
            openings.query(Commitment::Proof(*z), 1, set.z_next)?;
        }
        for (set, z) in permutation_sets.iter().zip(&permutation_z).rev() {
            if let Some(z_last) = set.z_last {
                openings.query(Commitment::Proof(*z), last, z_last)?;
            }
        }
        for ((evaluations, z), (input, table)) in lookups.iter().zip(&lookup_z).zip(&lookup_columns)
        {
            openings.query(Commitment::Proof(*z), 0, evaluations.z)?;
            openings.query(Commitment::Proof(*input), 0, evaluations.input)?;
            openings.query(Commitment::Proof(*table), 0, evaluations.table)?;
            openings.query(Commitment::Proof(*input), -1, evaluations.input_prev)?;
            openings.query(Commitment::Proof(*z), 1, evaluations.z_next)?;
        }
        for (i, (column, at)) in cs.fixed_queries().iter().enumerate() {
            openings.query(
                Commitment::Fixed(column.index()),
                at.0,
                fixed_evaluations + i,
            )?;
        }
        for i in 0..vk.permutation().commitments().len() {
            openings.query(Commitment::Sigma(i), 0, sigma_evaluations + i)?;
        }
        openings.push(Commitment::Quotient, 0, Evaluation::Quotient)?;
        openings.query(Commitment::Proof(random), 0, random_evaluation)?;

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
            rotation_sets: openings.into_sets(),
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

fn check(vk: &VerifyingKey<G1Affine>, num_instances: &[usize]) -> Result<(), GenerateError> {
    let cs = vk.cs();
    if num_instances.len() != cs.num_instance_columns() {
        return Err(GenerateError::InstanceColumns {
            expected: cs.num_instance_columns(),
            got: num_instances.len(),
        });
    }
    let usable = (vk.get_domain().get_n() as usize).saturating_sub(cs.blinding_factors() + 1);
    if let Some((column, got)) = num_instances
        .iter()
        .enumerate()
        .find(|(_, len)| **len > usable)
    {
        return Err(GenerateError::InstanceTooLong {
            column,
            got: *got,
            usable,
        });
    }
    if cs.degree() < 3 {
        return Err(GenerateError::DegreeTooLow(cs.degree()));
    }
    check_degrees(cs)
}

/// halo2 bounds the degree that it derives, by 5 unless told otherwise, and does not say so.
fn check_degrees(cs: &ConstraintSystem<Fr>) -> Result<(), GenerateError> {
    let limit = cs.degree();
    let highest = |expressions: &[Expression<Fr>]| expressions.iter().map(Expression::degree).max();
    let gates = cs.gates().iter().map(|gate| {
        let degree = highest(gate.polynomials()).unwrap_or(0);
        ("gate", gate.name(), degree)
    });
    let lookups = cs.lookups().iter().map(|lookup| {
        // The product `(1 - l_last - l_blind) z(X) (input + beta) (table + gamma)`; halo2 counts constants as degree 1.
        let [input, table] = [lookup.input_expressions(), lookup.table_expressions()]
            .map(|expressions| highest(expressions).unwrap_or(0).max(1));
        ("lookup", lookup.name(), 2 + input + table)
    });
    match gates.chain(lookups).find(|(.., degree)| *degree > limit) {
        None => Ok(()),
        Some((kind, name, degree)) => Err(GenerateError::DegreeClamped {
            kind,
            name: name.to_owned(),
            degree,
            limit,
        }),
    }
}

/// Positions in the proof, handed out in order.
#[derive(Debug, Default)]
struct TranscriptLayout {
    steps: Vec<Step>,
    points: usize,
    scalars: usize,
    challenges: usize,
}

impl TranscriptLayout {
    /// Advice commitments and circuit challenges, phase by phase; returns their positions by column and by index.
    fn phases(&mut self, cs: &ConstraintSystem<Fr>) -> (Vec<usize>, Vec<usize>) {
        let (advice_phases, challenge_phases) = (cs.advice_column_phase(), cs.challenge_phase());
        let mut advice = vec![0; advice_phases.len()];
        let mut challenges = vec![0; challenge_phases.len()];
        for phase in 0..=advice_phases.iter().copied().max().unwrap_or(0) {
            for (position, _) in advice
                .iter_mut()
                .zip(&advice_phases)
                .filter(|(_, p)| **p == phase)
            {
                *position = self.point();
            }
            for (position, _) in challenges
                .iter_mut()
                .zip(&challenge_phases)
                .filter(|(_, p)| **p == phase)
            {
                *position = self.squeeze();
            }
        }
        (advice, challenges)
    }

    fn point(&mut self) -> usize {
        match self.steps.last_mut() {
            Some(Step::Points(count)) => *count += 1,
            _ => self.steps.push(Step::Points(1)),
        }
        self.points += 1;
        self.points - 1
    }

    fn scalars(&mut self, count: usize) -> usize {
        match self.steps.last_mut() {
            Some(Step::Scalars(total)) => *total += count,
            _ => self.steps.push(Step::Scalars(count)),
        }
        self.scalars += count;
        self.scalars - count
    }

    fn squeeze(&mut self) -> usize {
        self.steps.push(Step::Squeeze);
        self.challenges += 1;
        self.challenges - 1
    }
}

/// Groups queries as SHPLONK does: by commitment, then by the set of points, both in order of first appearance.
#[derive(Debug)]
struct Openings {
    rows: u64,
    commitments: Vec<(Commitment, Vec<(i32, Evaluation)>)>,
}

impl Openings {
    fn new(rows: u64) -> Self {
        Self {
            rows,
            commitments: Vec::new(),
        }
    }

    fn query(
        &mut self,
        commitment: Commitment,
        rotation: i32,
        scalar: usize,
    ) -> Result<(), GenerateError> {
        self.push(commitment, rotation, Evaluation::Proof(scalar))
    }

    fn push(
        &mut self,
        commitment: Commitment,
        rotation: i32,
        value: Evaluation,
    ) -> Result<(), GenerateError> {
        // Equal points must meet in one set, so a rotation is kept as its representative nearest to zero.
        let rows = self.rows as i64;
        let wrapped = i64::from(rotation).rem_euclid(rows);
        let rotation = if wrapped > rows / 2 {
            wrapped - rows
        } else {
            wrapped
        } as i32;
        match self
            .commitments
            .iter_mut()
            .find(|(known, _)| *known == commitment)
        {
            Some((_, queries)) if queries.iter().any(|(known, _)| *known == rotation) => {
                return Err(GenerateError::RotationCollision { rows: self.rows });
            }
            Some((_, queries)) => queries.push((rotation, value)),
            None => self.commitments.push((commitment, vec![(rotation, value)])),
        }
        Ok(())
    }

    fn into_sets(self) -> Vec<RotationSet> {
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
        sets
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
