//! One circuit, one proof, with the EVM transcript: our prover, and halo2's `verify_proof`.

use crate::{
    accelerator::Accelerator,
    error::VerifyError,
    keys::{KeyFile, ProvingKey, VerifyingKey, proof_length},
    srs::{KzgParams, ProverSetup, Srs},
};
use chainfer_compute::{
    backend::{Compute, Cpu, Entry, Measured},
    lanes::Arithmetic,
    ntt::Domain,
};
use chainfer_plonk::{Key, Limits, PlonkError, Setup, Witness};
use chainfer_transcript::{EvmTranscriptRead, EvmTranscriptWrite};
use halo2_proofs::{
    plonk::{self, Circuit, Error},
    poly::EvaluationDomain,
    poly::kzg::{
        commitment::KZGCommitmentScheme,
        multiopen::{ProverSHPLONK, VerifierSHPLONK},
        strategy::SingleStrategy,
    },
};
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde::Serialize;
use std::{fmt, ops::Range, sync::Arc};

/// Who makes proofs, and on what.
#[derive(Clone, Debug)]
pub enum Prover {
    /// Ours, on the processor.
    Cpu(Cpu),
    /// Ours, on an accelerator, and on the processor where that fails.
    Accelerator(Arc<Accelerator>),
    /// halo2's own, for comparison.
    Stock,
}

impl Default for Prover {
    fn default() -> Self {
        Prover::Cpu(Cpu::detect())
    }
}

/// What one kind of step took within one round of a proof.
#[derive(Clone, Debug, Serialize)]
pub struct StepCost {
    /// The round.
    pub round: &'static str,
    /// The step.
    pub step: &'static str,
    /// Calls of the back end.
    pub calls: u64,
    /// Columns of all calls.
    pub columns: u64,
    /// Elements of those columns.
    pub elements: u64,
    /// Bytes that went to the back end or came from it.
    pub bytes_moved: u64,
    /// Elapsed seconds.
    pub wall_s: f64,
}

impl From<Entry> for StepCost {
    fn from(entry: Entry) -> Self {
        StepCost {
            round: entry.round,
            step: entry.step,
            calls: entry.calls,
            columns: entry.columns,
            elements: entry.elements,
            bytes_moved: entry.bytes_moved,
            wall_s: entry.elapsed.as_secs_f64(),
        }
    }
}

/// Proves that a witness satisfies its circuit with these instances (one instance column).
///
/// # Errors
/// The key, the setup and the witness are not of each other. A witness that breaks a constraint is *not* an error: check the proof.
pub fn create<W: Witness>(
    srs: &Srs,
    pk: &ProvingKey,
    witness: W,
    instances: &[Fr],
) -> Result<Vec<u8>, PlonkError> {
    let load = || Ok(LoadedKey::Held(Box::new(pk.clone())));
    let request = Request {
        cpu: srs.cpu(),
        limits: Limits::default(),
        setup: &ProverSetup::from(srs),
        vk: pk.get_vk(),
        load: &load,
    };
    request.create(witness, instances).map(|(proof, _)| proof)
}

/// A proving key, in memory or in its file.
#[derive(Debug)]
pub enum LoadedKey {
    /// In memory.
    Held(Box<ProvingKey>),
    /// In its file, with its verifying key.
    Stored(Box<VerifyingKey>, KeyFile),
}

/// What makes a proof of one circuit.
pub struct Request<'a> {
    /// The back end.
    pub cpu: Cpu,
    /// What to do about memory.
    pub limits: Limits,
    /// The setup.
    pub setup: &'a ProverSetup,
    /// The verifying key.
    pub vk: &'a VerifyingKey,
    /// Loads the proving key, once the witness is committed to.
    pub load: &'a dyn Fn() -> Result<LoadedKey, PlonkError>,
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("cpu", &self.cpu)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Request<'_> {
    /// A proof that the witness satisfies the circuit with these instances, and an account of its steps.
    ///
    /// # Errors
    /// As [`create`]; what loading the key says.
    pub fn create<W: Witness>(
        &self,
        witness: W,
        instances: &[Fr],
    ) -> Result<(Vec<u8>, Vec<StepCost>), PlonkError> {
        let setup = match self.limits.streamed {
            false => self.setup.in_memory()?,
            true => self.setup.streamed()?,
        };
        self.create_on(&self.cpu, &setup, witness, instances)
    }

    /// The same on any back end, which made this setup.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_on<C: Compute, W: Witness>(
        &self,
        back_end: &C,
        setup: &Setup<C::Bases>,
        witness: W,
        instances: &[Fr],
    ) -> Result<(Vec<u8>, Vec<StepCost>), PlonkError> {
        let compute = Measured::new(back_end);
        let mut transcript = EvmTranscriptWrite::init(Vec::with_capacity(proof_length(self.vk)));
        let load = || match (self.load)()? {
            LoadedKey::Held(key) => {
                let (vk, columns) = key.into_parts();
                chainfer_plonk::ProvingKey::new(&compute, vk, columns)
            }
            LoadedKey::Stored(vk, file) => {
                chainfer_plonk::ProvingKey::streamed(&compute, *vk, Box::new(file))
            }
        };
        let prover = chainfer_plonk::Prover {
            compute: &compute,
            setup,
            vk: self.vk,
            key: Key::Load(&load),
            limits: self.limits,
        };
        let mut rng = ChaCha20Rng::from_entropy();
        prover.prove(witness, &[instances], &mut rng, &mut transcript)?;
        let steps = compute.entries().into_iter().map(StepCost::from);
        Ok((transcript.finalize(), steps.collect()))
    }
}

/// As [`create`], by halo2's own prover, which serves for comparison.
///
/// # Errors
/// halo2's.
pub fn create_stock<C: Circuit<Fr>>(
    srs: &Srs,
    pk: &ProvingKey,
    circuit: C,
    instances: &[Fr],
) -> Result<Vec<u8>, Error> {
    let mut transcript = EvmTranscriptWrite::init(Vec::with_capacity(proof_length(pk.get_vk())));
    plonk::create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<Bn256>, _, _, _, _>(
        srs.params(),
        &stock_key(pk),
        &[circuit],
        &[&[instances]],
        ChaCha20Rng::from_entropy(),
        &mut transcript,
    )?;
    Ok(transcript.finalize())
}

/// The key as halo2's own prover takes it.
fn stock_key(pk: &ProvingKey) -> plonk::ProvingKey<G1Affine> {
    let vk = pk.get_vk();
    // With the tables of its FFTs.
    let domain = EvaluationDomain::new(vk.cs().degree() as u32, vk.get_domain().k());
    let domain = &domain;
    let n = 1usize << domain.k();
    let last = n - (vk.cs().blinding_factors() + 1);
    let rows = |rows: Range<usize>| {
        let mut values = domain.empty_lagrange();
        values[rows].fill(Fr::one());
        domain.lagrange_to_coeff(values)
    };
    let on_domain = Domain::new(Arithmetic::detect(), domain.k()).to_coset(Fr::one());
    let values = |coefficients: &Vec<Fr>| {
        let values = on_domain.apply(&[coefficients]).pop();
        domain.lagrange_from_vec(values.unwrap_or_default())
    };
    let polynomials = |columns: &[Vec<Fr>]| {
        columns
            .iter()
            .map(|c| domain.coeff_from_vec(c.clone()))
            .collect::<Vec<_>>()
    };
    let columns = pk.columns();
    let own = VerifyingKey::from_parts(
        domain.clone(),
        vk.fixed_commitments().clone(),
        vk.permutation().clone(),
        vk.cs().clone(),
        Vec::new(),
        false,
    );
    plonk::ProvingKey::from_parts(
        own,
        rows(0..1),
        rows(last..last + 1),
        rows(0..last),
        columns.fixed.iter().map(values).collect(),
        polynomials(&columns.fixed),
        plonk::permutation::ProvingKey::from_parts(
            columns.sigmas.iter().map(values).collect(),
            polynomials(&columns.sigmas),
        ),
    )
}

/// Checks untrusted proof bytes. The caller fixes the number of instances: halo2 does not.
///
/// # Errors
/// [`VerifyError::ProofLength`] or [`VerifyError::ProofInvalid`], reported for chunk 0.
pub fn verify(
    params: &KzgParams,
    vk: &VerifyingKey,
    instances: &[Fr],
    proof: &[u8],
) -> Result<(), VerifyError> {
    let expected = proof_length(vk);
    if proof.len() != expected {
        return Err(VerifyError::ProofLength {
            chunk: 0,
            expected,
            got: proof.len(),
        });
    }
    let invalid = |detail: String| VerifyError::ProofInvalid { chunk: 0, detail };
    let mut transcript = EvmTranscriptRead::init(proof);
    plonk::verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        params,
        vk,
        SingleStrategy::new(params),
        &[&[instances]],
        &mut transcript,
    )
    .map_err(|e| invalid(e.to_string()))?;
    if !transcript.is_exhausted() {
        return Err(invalid("bytes are left behind the proof".to_owned()));
    }
    Ok(())
}
