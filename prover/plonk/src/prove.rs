//! The protocol.

use crate::cosets::Pieces;
use crate::error::{PlonkError, Result};
use crate::key::{ProvingKey, usable_rows};
use crate::limits::Limits;
use crate::open::{open, write_points};
use crate::polynomials::Polynomials;
use crate::setup::Setup;
use crate::source::Basis;
use crate::witness::Witness;
use chainfer_compute::backend::Compute;
use halo2_proofs::plonk::VerifyingKey;
use halo2_proofs::transcript::{EncodedChallenge, TranscriptWrite};
use halo2curves::bn256::{Fr, G1Affine};
use rand::RngCore;
use std::fmt;
use std::marker::PhantomData;

/// A proving key, or how to come by it. It is asked for when the witness is committed to, so that both need not be in memory at
/// the most expensive moment of making the witness.
pub enum Key<'a, P> {
    /// At hand.
    Loaded(&'a ProvingKey<P>),
    /// To be loaded for one proof.
    Load(&'a dyn Fn() -> Result<ProvingKey<P>>),
}

impl<P> fmt::Debug for Key<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Key::Loaded(_) => "Loaded",
            Key::Load(_) => "Load",
        })
    }
}

/// What proves one circuit, any number of times.
#[derive(Debug)]
pub struct Prover<'a, C: Compute> {
    /// The back end, which made setup and key.
    pub compute: &'a C,
    /// The powers of tau.
    pub setup: &'a Setup<C::Bases>,
    /// The verifying key.
    pub vk: &'a VerifyingKey<G1Affine>,
    /// The key.
    pub key: Key<'a, C::Column>,
    /// What to do about memory. Whether key and setup are streamed is theirs to say; the other limits hold either way.
    pub limits: Limits,
}

impl<C: Compute> Prover<'_, C> {
    /// Proves that the witness satisfies the circuit with these instances, one slice an instance column, and writes the proof to the
    /// transcript.
    ///
    /// Everything that hides the witness is drawn from `rng`: the values of the blinding rows of every committed column, and the
    /// polynomial that blinds the quotient. The limits have no influence on the proof.
    ///
    /// # Errors
    /// The setup, key, instances and witness do not fit each other; a looked-up value is not in its table; a streamed key or setup cannot be
    /// read; the back end or the transcript fails. A witness that breaks a gate or a copy is not an error: the proof does not verify.
    pub fn prove<W, R, E, T>(
        &self,
        witness: W,
        instances: &[&[Fr]],
        rng: &mut R,
        transcript: &mut T,
    ) -> Result<()>
    where
        W: Witness,
        R: RngCore,
        E: EncodedChallenge<G1Affine>,
        T: TranscriptWrite<G1Affine, E>,
    {
        let Prover {
            compute,
            setup,
            vk,
            limits,
            ..
        } = *self;
        let k = vk.get_domain().k();
        setup.require_k(k)?;
        let usable = usable_rows(vk.cs(), k)?;
        if limits.coset_parts > k {
            return Err(PlonkError::Mismatch {
                what: "log2 of the parts of a coset, at most",
                expected: k as usize,
                got: limits.coset_parts as usize,
            });
        }
        let mut round = Round {
            compute,
            setup,
            vk,
            usable,
            limits,
            rng,
            transcript,
            encoding: PhantomData,
        };
        round.transcript.common_scalar(vk.transcript_repr())?;
        let instances = round.instances(instances)?;
        compute.round("advice");
        let (advice, challenges) = round.advice(witness)?;
        let values = Values {
            advice,
            instances,
            challenges,
        };
        compute.round("key");
        let loaded;
        let key = match &self.key {
            Key::Loaded(key) => *key,
            Key::Load(load) => {
                loaded = load()?;
                &loaded
            }
        };
        if key.vk.transcript_repr() != vk.transcript_repr() {
            return Err(PlonkError::OtherKey);
        }
        let theta: Fr = *round.transcript.squeeze_challenge_scalar::<()>();
        compute.round("lookups");
        let permuted = round.permuted_lookups(key, &values, theta)?;
        let beta: Fr = *round.transcript.squeeze_challenge_scalar::<()>();
        let gamma: Fr = *round.transcript.squeeze_challenge_scalar::<()>();
        compute.round("permutation");
        let products = round.permutation_products(key, &values, beta, gamma)?;
        compute.round("lookups");
        let lookups = round.lookup_products(permuted, beta, gamma)?;
        compute.round("random polynomial");
        let random = round.random_polynomial()?;
        let y: Fr = *round.transcript.squeeze_challenge_scalar::<()>();

        compute.round("coefficients");
        let mut parameters = vec![beta, gamma, theta, y];
        parameters.extend(values.challenges);
        let mut polynomials = Polynomials::new(key);
        let at = polynomials.places();
        for (first, columns) in [
            (at.advice, values.advice),
            (at.instance, values.instances),
            (at.product, products),
            (at.lookup, lookups),
        ] {
            polynomials.put(first, round.to_coefficients(key, columns)?);
        }
        compute.round("quotient");
        let parts = round.quotient_on_cosets(key, &polynomials, &parameters)?;
        compute.round("quotient pieces");
        let pieces = Pieces::new(k, parts);
        round.commit_pieces(&pieces)?;
        let x: Fr = *round.transcript.squeeze_challenge_scalar::<()>();
        let quotient = pieces.combined_at(compute, x)?;
        drop(pieces);
        polynomials.put(at.random, vec![random, quotient]);
        let queries = round.evaluate(key, &mut polynomials, x)?;
        compute.round("opening");
        open(
            (compute, setup, limits),
            &queries,
            polynomials,
            round.transcript,
        )
    }
}

/// Columns as values on the domain.
pub(crate) struct Values<P> {
    pub(crate) advice: Vec<P>,
    pub(crate) instances: Vec<P>,
    pub(crate) challenges: Vec<Fr>,
}

/// What every round works with.
pub(crate) struct Round<'a, C: Compute, R, T, E> {
    pub(crate) compute: &'a C,
    pub(crate) setup: &'a Setup<C::Bases>,
    pub(crate) vk: &'a VerifyingKey<G1Affine>,
    /// Rows that a circuit may use; the last of the others but for blinding ends the running products.
    pub(crate) usable: usize,
    pub(crate) limits: Limits,
    pub(crate) rng: &'a mut R,
    pub(crate) transcript: &'a mut T,
    encoding: PhantomData<E>,
}

impl<C, R, E, T> Round<'_, C, R, T, E>
where
    C: Compute,
    R: RngCore,
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
{
    pub(crate) fn n(&self) -> usize {
        1 << self.vk.get_domain().k()
    }

    /// Columns that a step may take at once.
    pub(crate) fn at_once(&self) -> usize {
        self.limits.at_once()
    }

    pub(crate) fn blind(&mut self, rows: &mut [Fr]) {
        use halo2curves::ff::Field as _;
        for cell in rows {
            *cell = Fr::random(&mut *self.rng);
        }
    }

    /// Commits to columns and writes the commitments.
    ///
    /// # Errors
    /// The back end or the transcript fails, or the basis cannot be read.
    pub(crate) fn commit(&mut self, basis: Basis, columns: &[&C::Column]) -> Result<()> {
        let bases = self.setup.basis(self.compute, basis)?;
        for columns in columns.chunks(self.at_once()) {
            let points = self.compute.commit(bases.as_ref(), columns)?;
            write_points(&points, self.transcript)?;
        }
        Ok(())
    }

    fn to_coefficients(
        &self,
        key: &ProvingKey<C::Column>,
        columns: Vec<C::Column>,
    ) -> Result<Vec<C::Column>> {
        let mut made = Vec::new();
        let mut columns = columns.into_iter();
        loop {
            let some: Vec<C::Column> = columns.by_ref().take(self.at_once()).collect();
            if some.is_empty() {
                return Ok(made);
            }
            made.extend(self.compute.to_coefficients(&key.domain, some)?);
        }
    }
}
