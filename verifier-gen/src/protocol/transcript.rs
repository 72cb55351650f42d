//! The Fiat-Shamir transcript of a proof: points and scalars in their order, and the challenges between them.

use halo2_proofs::plonk::ConstraintSystem;
use halo2curves::bn256::Fr;

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

/// Positions in the proof, handed out in order.
#[derive(Debug, Default)]
pub(crate) struct TranscriptLayout {
    pub(crate) steps: Vec<Step>,
    pub(crate) points: usize,
    pub(crate) scalars: usize,
    pub(crate) challenges: usize,
}

impl TranscriptLayout {
    /// Advice commitments and circuit challenges, phase by phase; returns their positions by column and by index.
    pub(crate) fn phases(&mut self, cs: &ConstraintSystem<Fr>) -> (Vec<usize>, Vec<usize>) {
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

    pub(crate) fn point(&mut self) -> usize {
        match self.steps.last_mut() {
            Some(Step::Points(count)) => *count += 1,
            _ => self.steps.push(Step::Points(1)),
        }
        self.points += 1;
        self.points - 1
    }

    pub(crate) fn scalars(&mut self, count: usize) -> usize {
        match self.steps.last_mut() {
            Some(Step::Scalars(total)) => *total += count,
            _ => self.steps.push(Step::Scalars(count)),
        }
        self.scalars += count;
        self.scalars - count
    }

    pub(crate) fn squeeze(&mut self) -> usize {
        self.steps.push(Step::Squeeze);
        self.challenges += 1;
        self.challenges - 1
    }
}
