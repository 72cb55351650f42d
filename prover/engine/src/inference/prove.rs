//! Proving: execute, commit, then all chunks in parallel, because no chunk waits for another.

use super::{context::ContextSource, instances::instances, opening::secret_file, outputs};
use crate::{
    bundle::Bundle,
    error::{EngineError, Result},
    field::{to_fr, to_scalar},
    prove::{self, LoadedKey, Prover, Request, StepCost},
    resources::{Cost, Stopwatch, available_memory, measured},
    srs::SrsStore,
};
use chainfer_circuits::{
    ChunkCircuit, ChunkPlan, ChunkWitness, InferenceCommitment, chunk_instances,
};
use chainfer_compute::backend::Cpu;
use chainfer_formats::{ChunkProof, ProofFile, Scalar, SecretFile, SetupPolicy, proof::Statement};
use chainfer_model::{
    executor::{execute, execute_strict},
    quantise::SaturationPolicy,
};
use chainfer_plonk::{CircuitSize, Limits, PROCESS_BYTES, PlonkError};
use rand::{RngCore, rngs::OsRng};
use rayon::ThreadPoolBuilder;
use serde::Serialize;
use std::{
    cell::RefCell,
    fmt,
    iter::successors,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

/// Options of [`prove_inference`].
#[derive(Clone, Debug, Default)]
pub struct ProveOptions {
    /// Chunks proved at once; by default as many as there are cores.
    pub jobs: Option<usize>,
    /// Bytes of memory that the process may take, by estimate: fewer jobs run at once then, and a chunk that takes more by itself is proved
    /// in a slower way that takes less. By default what the machine has left, and nothing is refused.
    pub max_memory: Option<u64>,
    /// What to do with a value that leaves its tensor's range where the float model has no bound.
    pub saturation: SaturationPolicy,
    /// Which setups do for which chains.
    pub setups: SetupPolicy,
    /// Who makes the proofs.
    pub prover: Prover,
}

/// Cost of one chunk's proof.
#[derive(Clone, Debug, Serialize)]
pub struct ChunkMetrics {
    /// Position of the chunk in the model.
    pub index: usize,
    /// Time and memory.
    #[serde(flatten)]
    pub cost: Cost,
    /// Bytes of the proof.
    pub proof_bytes: usize,
    /// What it was spent on, round by round; none by halo2's own prover.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepCost>,
}

/// Cost of an inference proof.
#[derive(Clone, Debug, Serialize)]
pub struct ProveMetrics {
    /// Total time and memory.
    #[serde(flatten)]
    pub cost: Cost,
    /// Bytes of all chunk proofs.
    pub proof_bytes: usize,
    /// Executing and committing.
    pub prepare: Cost,
    /// Per chunk.
    pub chunks: Vec<ChunkMetrics>,
}

/// A proved inference.
#[derive(Debug)]
pub struct InferenceProof {
    /// What `PROOF` holds, for everybody.
    pub proof: ProofFile,
    /// What `PROOF.secret` holds: opens every boundary tensor.
    pub secret: SecretFile,
    /// What it cost.
    pub metrics: ProveMetrics,
}

/// An executed and committed inference: all that a chunk's proof depends on.
#[derive(Clone)]
pub struct PreparedInference {
    witness: ChunkWitness,
    context: ContextSource,
    context_value: Scalar,
}

impl fmt::Debug for PreparedInference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedInference")
            .field("root", &self.root())
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

impl PreparedInference {
    /// Root of the commitment tree.
    pub fn root(&self) -> Scalar {
        to_scalar(&self.witness.commitment.root())
    }

    /// Values of every tensor, by tensor id.
    pub fn values(&self) -> &[Vec<u32>] {
        &self.witness.values
    }
}

/// Executes the model on quantised inputs (one list an input, in the order of the tensor's dims) and commits to every
/// boundary tensor under fresh salts.
///
/// # Errors
/// Inputs of the wrong number, length or range; a context that is not below the modulus; an insecure setup for a
/// real chain; saturation, where it is refused.
pub fn prepare(
    bundle: &Bundle,
    inputs: &[Vec<u32>],
    context: ContextSource,
    options: &ProveOptions,
) -> Result<PreparedInference> {
    let _span = tracing::info_span!("prepare").entered();
    if let Some(binding) = context.binding() {
        let setup = &bundle.public().manifest().srs;
        options.setups.require_for_chain(setup, binding.chain_id)?;
    }
    let context_value = context.scalar()?;
    let model = bundle.model();
    let trace = match (options.saturation, bundle.clamps()) {
        (SaturationPolicy::Saturate, _) => execute(&model.graph, inputs)?,
        (SaturationPolicy::Refuse, Some(clamps)) => execute_strict(&model.graph, clamps, inputs)?,
        (SaturationPolicy::Refuse, None) => {
            return Err(EngineError::Inconsistent(
                "the bundle does not record where the float model saturates, so saturation cannot be refused"
                    .to_owned(),
            ));
        }
    };
    let mut secret = [0u8; 32];
    OsRng.fill_bytes(&mut secret);
    let commitment = InferenceCommitment::new(model, &trace.tensors, &secret);
    let witness = ChunkWitness {
        values: Arc::new(trace.tensors),
        commitment: Arc::new(commitment),
    };
    Ok(PreparedInference {
        witness,
        context,
        context_value,
    })
}

/// Proves one chunk within limits, and checks the proof. Takes one attempt from the key's hiding budget once the key is
/// read and before anything is computed from it, whatever comes of it then.
///
/// # Errors
/// The budget is spent, a file is missing or damaged, the setup is not in the store, or the proof does not verify.
pub fn prove_chunk(
    bundle: &Bundle,
    store: &SrsStore,
    chunk: usize,
    inference: &PreparedInference,
    (prover, limits): (&Prover, Limits),
) -> Result<(ChunkProof, Vec<StepCost>)> {
    let _span = tracing::info_span!("prove_chunk", chunk).entered();
    let counter = bundle.counter(chunk)?;
    counter.require()?;
    let public = bundle.public();
    let (entry, vk) = (public.chunk(chunk)?, public.verifying_key(chunk)?);
    let verifier_params = &public.verifier_params()[chunk];
    let plan = tracing::debug_span!("plan").in_scope(|| bundle.plan(chunk))?;
    let digest = bundle.public().manifest().srs.digest;
    let setup = store.prover(digest, entry.shape.k)?;
    let witness = &inference.witness;
    let circuit = |plan: Arc<ChunkPlan>| {
        tracing::debug_span!("witness")
            .in_scope(|| ChunkCircuit::for_one_proof(plan, witness))
            .map_err(|e| PlonkError::Witness(e.to_string()))
    };
    let values = chunk_instances(
        bundle.model(),
        chunk,
        &witness.values,
        &witness.commitment,
        to_fr(inference.context_value),
    );
    let public_values: Vec<Scalar> = values.iter().skip(2).map(to_scalar).collect();
    if public_values.len() != entry.num_public {
        return Err(EngineError::Inconsistent(format!(
            "chunk {chunk} has {} public values, its manifest says {}",
            public_values.len(),
            entry.num_public
        )));
    }
    bundle.require_proving_key(chunk)?;
    let of_key = RefCell::new(None);
    let load = |stored: bool| {
        let _span = tracing::debug_span!("read_key").entered();
        // What a proof tells of the hidden weights is computed from the key: no key that cannot be read may spend an attempt.
        let read = bundle.proving_key(chunk, stored).and_then(|key| {
            counter.take()?;
            Ok(key)
        });
        read.map_err(|error| {
            let told = PlonkError::Load(error.to_string());
            *of_key.borrow_mut() = Some(error);
            told
        })
    };
    // The instances are built as the verifier of the file will build them.
    let instances = instances(inference.root(), inference.context_value, &public_values);
    let load_within = || load(limits.streamed);
    let request = |cpu| Request {
        cpu,
        limits,
        setup: &setup,
        vk: &vk,
        load: &load_within,
    };
    let plan = Arc::new(plan);
    let made = tracing::debug_span!("create_proof").in_scope(|| match prover {
        // The plan goes with the circuit.
        Prover::Cpu(cpu) => request(*cpu).create(circuit(plan)?, &values),
        Prover::Accelerator(accelerator) => {
            let verifies =
                |proof: &[u8]| prove::verify(verifier_params, &vk, &instances, proof).is_ok();
            let circuit = || circuit(Arc::clone(&plan));
            accelerator.create(&request(Cpu::detect()), circuit, &values, verifies)
        }
        Prover::Stock => {
            let srs = store.get(digest, entry.shape.k);
            let srs = srs.map_err(|error| PlonkError::Load(error.to_string()))?;
            let LoadedKey::Held(key) = load(false)? else {
                return Err(PlonkError::OtherKey);
            };
            let proof = prove::create_stock(&srs, &key, circuit(plan)?, &values)?;
            Ok((proof, Vec::new()))
        }
    });
    let (proof, steps) = made.map_err(|error| {
        of_key.take().unwrap_or_else(|| EngineError::Proving {
            chunk,
            detail: error.to_string(),
        })
    })?;
    prove::verify(verifier_params, &vk, &instances, &proof).map_err(|e| {
        EngineError::SelfCheck {
            chunk,
            source: e.in_chunk(chunk),
        }
    })?;
    let proof = ChunkProof {
        index: chunk,
        public_values,
        proof: proof.into(),
    };
    Ok((proof, steps))
}

/// Proves an inference, chunks in parallel.
///
/// # Errors
/// As [`prepare`] and [`prove_chunk`]; [`EngineError::MemoryLimit`] if one chunk alone exceeds `max_memory`.
pub fn prove_inference(
    bundle: &Bundle,
    store: &SrsStore,
    inputs: &[Vec<u32>],
    context: ContextSource,
    options: &ProveOptions,
) -> Result<InferenceProof> {
    let watch = Stopwatch::start();
    // Found out before other chunks spend an attempt in vain.
    for chunk in 0..bundle.public().num_chunks() {
        bundle.counter(chunk)?.require()?;
    }
    let inference = prepare(bundle, inputs, context, options)?;
    let prepare_cost = watch.cost();
    let cores = thread::available_parallelism().map_or(1, |n| n.get());
    let share = share(bundle, options, cores)?;
    let jobs = share.jobs;
    let queue = Queue::new(bundle.public().num_chunks(), jobs, share.threads);
    let mut proved: Vec<(ChunkProof, ChunkMetrics)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs)
            .map(|_| {
                scope.spawn(|| {
                    work(
                        bundle,
                        store,
                        &inference,
                        &queue,
                        (&options.prover, &share.limits),
                    )
                })
            })
            .collect();
        let mut proved = Vec::new();
        let mut failed = None;
        for worker in workers {
            match worker.join() {
                Ok(Ok(some)) => proved.extend(some),
                Ok(Err(error)) => failed = failed.or(Some(error)),
                // A bug in a worker is the caller's panic, not a silent gap.
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        failed.map_or(Ok(proved), Err)
    })?;
    proved.sort_by_key(|(proof, _)| proof.index);
    let (chunks, metrics): (Vec<_>, Vec<_>) = proved.into_iter().unzip();
    let manifest = bundle.public().manifest();
    let secret = secret_file(
        manifest.manifest_id,
        bundle.model(),
        &inference.witness.values,
        &inference.witness.commitment,
        inference.context_value,
    );
    let statement = Statement {
        manifest_id: manifest.manifest_id,
        model_id: inference.context.model_id(),
        root: inference.root(),
        context: inference.context_value,
        binding: inference.context.binding(),
    };
    let outputs = outputs::decode(manifest, &chunks)?;
    let proof = ProofFile::new(statement, chunks, outputs)?;
    let metrics = ProveMetrics {
        cost: watch.cost(),
        proof_bytes: proof.proof_bytes(),
        prepare: prepare_cost,
        chunks: metrics,
    };
    Ok(InferenceProof {
        proof,
        secret,
        metrics,
    })
}

/// Chunks to prove, handed out one at a time with a share of the cores.
struct Queue {
    state: Mutex<QueueState>,
    chunks: usize,
    jobs: usize,
    cores: usize,
}

struct QueueState {
    next: usize,
    stopped: bool,
}

impl Queue {
    fn new(chunks: usize, jobs: usize, cores: usize) -> Self {
        Self {
            state: Mutex::new(QueueState {
                next: 0,
                stopped: false,
            }),
            chunks,
            jobs,
            cores,
        }
    }

    /// The next chunk and the threads that it may use. Towards the end, fewer jobs share the cores.
    fn take(&self) -> Option<(usize, usize)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.stopped || state.next >= self.chunks {
            return None;
        }
        let chunk = state.next;
        state.next += 1;
        let beside = self.jobs.min(self.chunks - chunk).max(1);
        Some((chunk, (self.cores / beside).max(1)))
    }

    fn stop(&self) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .stopped = true;
    }
}

fn work(
    bundle: &Bundle,
    store: &SrsStore,
    inference: &PreparedInference,
    queue: &Queue,
    (prover, limits): (&Prover, &[Limits]),
) -> Result<Vec<(ChunkProof, ChunkMetrics)>> {
    let mut proved = Vec::new();
    while let Some((chunk, threads)) = queue.take() {
        let run = || {
            let pool = ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .map_err(|e| EngineError::Proving {
                    chunk,
                    detail: e.to_string(),
                })?;
            let (proof, cost) = measured(&pool, || {
                let how = (prover, limits.get(chunk).copied().unwrap_or_default());
                prove_chunk(bundle, store, chunk, inference, how)
            });
            let (proof, steps) = proof?;
            let metrics = ChunkMetrics {
                index: chunk,
                cost,
                proof_bytes: proof.proof.len(),
                steps,
            };
            tracing::info!(chunk, wall_s = cost.wall_s, cpu_s = cost.cpu_s, "proved");
            Ok((proof, metrics))
        };
        match run() {
            Ok(one) => proved.push(one),
            Err(error) => {
                queue.stop();
                return Err(error);
            }
        }
    }
    Ok(proved)
}

/// Chunks that are proved at a time, the threads of all, and what each chunk is proved within.
struct Share {
    jobs: usize,
    threads: usize,
    limits: Vec<Limits>,
}

/// How many chunks are proved at a time, on how many threads, and what each does to keep within its share of the memory. With a limit, fewer
/// are proved at a time, so that none has to take the slower ways that need less; a chunk that is too large by itself takes them, on fewer
/// threads in the end.
fn share(bundle: &Bundle, options: &ProveOptions, cores: usize) -> Result<Share> {
    let chunks = bundle.public().num_chunks();
    let jobs = options.jobs.unwrap_or(cores).clamp(1, chunks);
    let Some(limit) = options.max_memory.or_else(available_memory) else {
        return Ok(Share {
            jobs,
            threads: cores,
            limits: vec![Limits::default(); chunks],
        });
    };
    let available = limit.saturating_sub(PROCESS_BYTES);
    let mut sizes = Vec::new();
    for chunk in 0..chunks {
        let vk = bundle.public().verifying_key(chunk)?;
        let mut size = CircuitSize::of(vk.cs(), vk.get_domain().k);
        size.witness = ChunkCircuit::witness_columns(&bundle.public().chunk(chunk)?.shape);
        sizes.push(size);
    }
    let least = |size: &CircuitSize, threads: usize| {
        size.proving_bytes(Limits::within(size, Some(0), threads), threads)
    };
    let fits = |threads: &usize| sizes.iter().all(|size| least(size, *threads) <= available);
    let mut fewer = successors(Some(cores), |threads| (*threads > 1).then_some(threads / 2));
    let threads = fewer.find(fits).unwrap_or(1);
    if options.max_memory.is_some() {
        let needed = sizes.iter().map(|size| least(size, threads));
        let too_large = needed.enumerate().find(|(_, needed)| *needed > available);
        if let Some((chunk, needed)) = too_large {
            return Err(EngineError::MemoryLimit {
                chunk,
                needed: needed + PROCESS_BYTES,
                limit,
            });
        }
    }
    let at_full_speed = |jobs: usize| {
        let each = (threads / jobs).max(1);
        let all = sizes.iter();
        let needed = all.map(|size| size.proving_bytes(Limits::default(), each));
        needed.max().unwrap_or(0).saturating_mul(jobs as u64) <= available
    };
    let jobs = (1..=jobs).rev().find(|jobs| at_full_speed(*jobs));
    let jobs = jobs.unwrap_or(1);
    // A job may have all cores in the end, when others have none.
    let within = |size: &CircuitSize| Limits::within(size, Some(available / jobs as u64), threads);
    let limits = match jobs {
        1 => sizes.iter().map(within).collect(),
        _ => vec![Limits::default(); chunks],
    };
    Ok(Share {
        jobs,
        threads,
        limits,
    })
}
