//! From a partitioned model to a bundle.

use super::{
    counter::ProofCounter,
    describe::{chunk_entry, manifest, set_verifier},
    names::{
        LAYOUT_FILE, MANIFEST_FILE, MAX_LAYOUT_BYTES, MAX_SOURCE_BYTES, PRIVATE_DIR, PUBLIC_DIR,
        SOLIDITY_DIR,
    },
    private::{self, PrivateModel},
    structure::{Recipe, StructureFile},
    whole::Bundle,
};
use crate::{
    error::{EngineError, Result},
    key_set,
    keys::{self, VerifyingKey, encode_vk},
    resources::{Cost, Stopwatch},
    srs::{KzgParams, SrsStore, verifier_params},
};
use chainfer_circuits::{
    ChunkCircuit, ChunkPlan, CircuitShape, HideWeights, Objective, PlanSummary,
};
use chainfer_formats::{
    B256, ChunkEntry, LeafClass, Scalar, SrsSpec,
    digest::keccak256,
    files::{self, Access},
    json::FileKind,
    limits::{MAX_CHUNKS, MAX_REPORT_WORDS, REPORT_REMEDY, report_words},
    packing::public_words,
    srs::DEVELOPMENT_DIGEST,
};
use chainfer_model::{
    executor::ClampTable, frontend::LoadOptions, partitioned::PartitionedModel,
    quantise::CalibrationSource, split::SplitLimits,
};
use chainfer_plonk::{PlonkError, Structure};
use rand::{RngCore, rngs::OsRng};
use serde::Serialize;
use std::{fmt, fs, path::Path, sync::Arc};

/// Which trusted setup the keys are made under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SrsChoice {
    /// The insecure development SRS.
    #[default]
    Development,
    /// The one with this digest, which the store has.
    Digest(B256),
}

/// What a generator of verifier contracts is given.
#[derive(Clone, Copy, Debug)]
pub struct VerifierRequest<'a> {
    /// Chunk index.
    pub chunk: usize,
    /// Verifying key.
    pub vk: &'a VerifyingKey,
    /// Trusted setup that the key was made with.
    pub params: &'a KzgParams,
    /// Number of instances, root and context counted.
    pub num_instances: usize,
}

/// A generated verifier contract, and the key that it reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifierSource {
    /// Name of the contract: ASCII letters and digits. Chunks with equal sources share a name, and no others do.
    pub contract: String,
    /// Self-contained Solidity source.
    pub source: String,
    /// Code hash of the contract that holds the chunk's verifying key.
    pub key_code_hash: B256,
}

/// A generator of verifier contracts; the error is shown to the user.
pub type EmitVerifier<'a> = dyn Fn(VerifierRequest<'_>) -> Result<VerifierSource, String> + 'a;

/// Options of [`compile`].
#[derive(Clone, Default)]
pub struct CompileOptions<'a> {
    /// What to optimise circuits for.
    pub objective: Objective,
    /// log2 of the rows of every chunk; found if absent.
    pub k: Option<u32>,
    /// Weight hiding.
    pub hide_weights: HideWeights,
    /// Seed of the weight blinders, which are derived from it and all that makes up the key; drawn if absent. An
    /// identical compile makes the same key, whose proofs count against one budget: keep to one bundle per seed.
    pub hiding_seed: Option<[u8; 32]>,
    /// Trusted setup.
    pub srs: SrsChoice,
    /// Where the samples came from that the model was quantised with; recorded for audits.
    pub calibration: Option<CalibrationSource>,
    /// What layers were cut by that are too large for a chunk; recorded for audits.
    pub split: Option<SplitLimits>,
    /// How the model's file was read; recorded for audits.
    pub reading: LoadOptions,
    /// The shape of each chunk, as they were chosen for several chunks together; empty if each gets the one that suits it alone.
    pub shapes: Vec<CircuitShape>,
    /// Which saturations are the float model's own; needed to refuse others when proving.
    pub clamps: Option<ClampTable>,
    /// Makes the Solidity verifiers; without it the bundle has none.
    pub emit_verifier: Option<&'a EmitVerifier<'a>>,
}

impl CompileOptions<'_> {
    fn recipe(&self) -> Recipe {
        Recipe {
            objective: self.objective,
            k: self.k,
            hide_weights: self.hide_weights,
            calibration: self.calibration,
            split: self.split,
            shapes: self.shapes.clone(),
        }
    }
}

impl fmt::Debug for CompileOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompileOptions")
            .field("objective", &self.objective)
            .field("k", &self.k)
            .field("hide_weights", &self.hide_weights)
            .field("srs", &self.srs)
            .finish_non_exhaustive()
    }
}

/// Figures of one compiled chunk.
#[derive(Clone, Debug, Serialize)]
pub struct ChunkReport {
    /// How its circuit is laid out: columns, and the rows taken.
    pub plan: PlanSummary,
    /// Bytes of every proof.
    pub proof_length: usize,
    /// Key generation.
    pub cost: Cost,
}

/// A fresh bundle.
#[derive(Debug)]
pub struct Compiled {
    /// The bundle, opened.
    pub bundle: Bundle,
    /// Per chunk.
    pub chunks: Vec<ChunkReport>,
    /// Total time and memory.
    pub cost: Cost,
}

/// The report of how chunks are laid out. It is for people: nothing but an audit checks it.
pub(crate) const LAYOUT: FileKind = FileKind {
    name: "layout",
    format: "chainfer.layout",
    version: 1,
    access: Access::Public,
    max_bytes: MAX_LAYOUT_BYTES,
};

#[derive(Serialize)]
pub(crate) struct LayoutFile<'a> {
    format: &'static str,
    version: u32,
    chunks: Vec<&'a PlanSummary>,
}

impl<'a> LayoutFile<'a> {
    pub(crate) fn new(chunks: Vec<&'a PlanSummary>) -> Self {
        Self {
            format: LAYOUT.format,
            version: LAYOUT.version,
            chunks,
        }
    }
}

/// Makes keys for every chunk and writes the bundle. Everything goes to a folder beside `out` that is renamed at the
/// end: `out` is whole or absent.
///
/// # Errors
/// `out` exists, a chunk fits no circuit, the setup is missing, or the file system refuses.
pub fn compile(
    model: &PartitionedModel,
    options: &CompileOptions<'_>,
    store: &SrsStore,
    out: &Path,
) -> Result<Compiled> {
    let watch = Stopwatch::start();
    if fs::symlink_metadata(out).is_ok() {
        return Err(EngineError::OutputExists {
            path: out.to_owned(),
        });
    }
    if model.chunks.is_empty() || model.chunks.len() > MAX_CHUNKS {
        return Err(EngineError::Inconsistent(format!(
            "the model has {} chunks, allowed are 1 to {MAX_CHUNKS}",
            model.chunks.len()
        )));
    }
    check_report(model)?;
    files::remove_abandoned_siblings(out);
    let staging = files::temporary_sibling(out);
    let written = write_all(model, options, store, &staging).and_then(|chunks| {
        fs::rename(&staging, out).map_err(EngineError::io("rename to", out))?;
        Ok(chunks)
    });
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_dir_all(&staging);
    }
    let chunks = written?;
    files::sync_parent(out);
    Ok(Compiled {
        bundle: Bundle::open(out)?,
        chunks,
        cost: watch.cost(),
    })
}

/// Refuses, before a key is made, what a manifest and a registry would refuse.
fn check_report(model: &PartitionedModel) -> Result<()> {
    let words = |class: LeafClass| {
        let leaves = model.leaves.iter().filter(move |leaf| leaf.class == class);
        leaves.map(|leaf| {
            let length = model.graph.tensor(leaf.tensor).dims.len();
            public_words(leaf.visibility, length)
        })
    };
    let (inputs, outputs) = (words(LeafClass::Input), words(LeafClass::Output));
    let words = report_words(model.chunks.len(), inputs, outputs);
    if words <= MAX_REPORT_WORDS {
        return Ok(());
    }
    Err(EngineError::Inconsistent(format!(
        "a report of a contradiction would take {words} words, at most {MAX_REPORT_WORDS} fit a transaction: {REPORT_REMEDY}"
    )))
}

/// The seed of the blinders of one compile: a PRF of the user's seed over all that is compiled. Bundles of other models, options or
/// setups share no blinders then, not even in chunks that are equal: each counts proofs against a budget of its own.
pub(crate) fn bound_seed(
    seed: [u8; 32],
    setup: B256,
    model: &PartitionedModel,
    (recipe, clamps, verifiers): (&Recipe, Option<&ClampTable>, bool),
) -> Result<[u8; 32]> {
    let refuse = |e| EngineError::Inconsistent(format!("the model cannot be hashed: {e}"));
    let plan = recipe.plan();
    let mut compiled = rmp_serde::to_vec(&(plan, clamps, verifiers, model)).map_err(refuse)?;
    if !recipe.shapes.is_empty() {
        compiled.extend(rmp_serde::to_vec(&recipe.shapes).map_err(refuse)?);
    }
    // Nothing of this is part of the program.
    let ends: String = (model.graph.outputs.iter())
        .filter_map(|id| model.graph.tensor(*id).before)
        .map(|function| function.to_string())
        .collect();
    let compiled = keccak256(&[&compiled, ends.as_bytes()]);
    Ok(keccak256(&[b"chainfer.hiding.v2", &seed, &setup.0, &compiled.0]).0)
}

fn write_all(
    model: &PartitionedModel,
    options: &CompileOptions<'_>,
    store: &SrsStore,
    staging: &Path,
) -> Result<Vec<ChunkReport>> {
    let (public, private) = (staging.join(PUBLIC_DIR), staging.join(PRIVATE_DIR));
    files::create_dir(&public, Access::Public)?;
    files::create_dir(&private, Access::Private)?;
    let recipe = options.recipe();
    let setup = match options.srs {
        SrsChoice::Development => DEVELOPMENT_DIGEST,
        SrsChoice::Digest(digest) => digest,
    };
    let hiding_seed = match options.hiding_seed {
        Some(seed) => {
            let verifiers = options.emit_verifier.is_some();
            bound_seed(
                seed,
                setup,
                model,
                (&recipe, options.clamps.as_ref(), verifiers),
            )?
        }
        None => {
            let mut seed = [0u8; 32];
            OsRng.fill_bytes(&mut seed);
            seed
        }
    };
    let mut entries = Vec::new();
    let mut digests = Vec::new();
    let mut reports = Vec::new();
    let mut setup = None;
    for chunk in 0..model.chunks.len() {
        let span = tracing::info_span!("compile_chunk", chunk);
        let _entered = span.enter();
        let plan = ChunkPlan::new(model, chunk, &recipe.plan_options(chunk, hiding_seed))?;
        if plan.hide_rows() == 1 {
            return Err(EngineError::Inconsistent(format!(
                "chunk {chunk}: one row of blinders hides no proof; ask for 0 or at least 2"
            )));
        }
        let made = compile_chunk(model, chunk, plan, options, store, (&public, &private))?;
        tracing::info!(
            k = made.entry.shape.k,
            wall_s = made.report.cost.wall_s,
            "keys are made"
        );
        entries.push(made.entry);
        digests.push(made.digest);
        reports.push(made.report);
        setup = Some(made.setup);
    }
    let Some(srs) = setup else {
        return Err(EngineError::Inconsistent(
            "the model has no chunk".to_owned(),
        ));
    };
    let manifest = manifest(model, entries, (srs, key_set::set_digest(&digests)))?;
    manifest.write(&public.join(MANIFEST_FILE))?;
    let layout = LayoutFile::new(reports.iter().map(|r| &r.plan).collect());
    LAYOUT.write(&public.join(LAYOUT_FILE), &layout)?;
    let plan = recipe.plan();
    StructureFile::new(recipe, options.reading.clone(), model).write(&public)?;
    private::write_seed(&private, &hiding_seed)?;
    let private_model = PrivateModel {
        manifest_id: manifest.manifest_id,
        plan,
        clamps: options.clamps.clone(),
        model: model.clone(),
    };
    private_model.write(&private)?;
    Ok(reports)
}

struct Made {
    entry: ChunkEntry,
    /// Of its key.
    digest: Scalar,
    report: ChunkReport,
    setup: SrsSpec,
}

fn compile_chunk(
    model: &PartitionedModel,
    chunk: usize,
    plan: ChunkPlan,
    options: &CompileOptions<'_>,
    store: &SrsStore,
    (public, private): (&Path, &Path),
) -> Result<Made> {
    let watch = Stopwatch::start();
    let k = plan.shape().k;
    let digest = match options.srs {
        SrsChoice::Development => DEVELOPMENT_DIGEST,
        SrsChoice::Digest(digest) => digest,
    };
    let setup = store.prover_checked(digest, k)?;
    let plan = Arc::new(plan);
    let refused = |e: PlonkError| EngineError::Keygen {
        chunk,
        detail: e.to_string(),
    };
    // The circuit's cells are gone before the key is made.
    let structure = Structure::of(&ChunkCircuit::for_keygen(Arc::clone(&plan))?, k);
    let structure = structure.map_err(refused)?;
    let bases = setup.streamed().map_err(refused)?;
    let path = private.join(ChunkEntry::pk_file_of(chunk));
    let vk = &keys::generate_to_file(&path, chunk, structure, &bases)?;
    drop(bases);
    keys::check_points(vk)?;
    let mut entry = chunk_entry(chunk, &model.chunks[chunk], &plan, vk);
    files::write_atomic(
        &public.join(entry.vk_file()),
        &encode_vk(vk),
        Access::Public,
    )?;
    ProofCounter::new(private, chunk, entry.hide_rows).initialise()?;
    if let Some(emit) = options.emit_verifier {
        let params = &verifier_params(setup.spec(), [k])?[0];
        let request = VerifierRequest {
            chunk,
            vk,
            params,
            num_instances: 2 + entry.num_public,
        };
        let made = emit(request).map_err(|detail| EngineError::VerifierSource { chunk, detail })?;
        write_verifier(&mut entry, &made, public)?;
    }
    let report = ChunkReport {
        plan: plan.summary(),
        proof_length: entry.proof_length,
        cost: watch.cost(),
    };
    let digest = key_set::vk_key_digest(plan.shape(), entry.num_public, vk)?;
    Ok(Made {
        entry,
        digest,
        report,
        setup: setup.spec().clone(),
    })
}

/// Writes a verifier unless an earlier chunk has, and records it.
fn write_verifier(entry: &mut ChunkEntry, made: &VerifierSource, public: &Path) -> Result<()> {
    let path = public.join(set_verifier(entry, made)?);
    files::create_dir(&public.join(SOLIDITY_DIR), Access::Public)?;
    if !path.exists() {
        files::write_atomic(&path, made.source.as_bytes(), Access::Public)?;
    } else if files::read(&path, MAX_SOURCE_BYTES)? != made.source.as_bytes() {
        return Err(EngineError::VerifierSource {
            chunk: entry.index,
            detail: format!("another verifier has the name {}", made.contract),
        });
    }
    Ok(())
}
