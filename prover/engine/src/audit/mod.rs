//! A bundle's public part compared with what compiling again gives.
//!
//! Two questions have an answer here. [`audit_model`]: are the keys those of this model? [`audit_structure`], for who does not have the
//! model: are they those of *some* weights in the structure that the bundle states? Both plan every chunk, commit to its fixed columns
//! and its copy constraints, generate its verifier, and compare all of it, with the manifest field by field. No proving key is made.
//!
//! What an audit cannot see is in its result: commitments of weight columns under unknown blinders or of unknown weights, and in a
//! structure audit what is free by nature (names, scales, zero points, the user's view of a tensor).
//!
//! Security: docs/security.md#audits.

mod chunk;
mod difference;

pub use difference::Difference;

use crate::{
    bundle::{
        EmitVerifier, LAYOUT_FILE, MAX_LAYOUT_BYTES, PRIVATE_DIR, PublicBundle, Recipe,
        STRUCTURE_FILE, StructureFile,
        compile::{LayoutFile, bound_seed},
        describe,
        private::{read_seed, seed_path},
    },
    error::{EngineError, Result},
    key_set::set_digest,
    resources::{Cost, Stopwatch},
    srs::SrsStore,
};
use chainfer_circuits::PlanSummary;
use chainfer_formats::{ChunkEntry, Manifest, Scalar, SrsSpec, TensorSpec, files};
use chainfer_model::{
    executor::ClampTable,
    frontend::LoadOptions,
    partitioned::PartitionedModel,
    quantized::{QLayer, TensorId},
};
use chunk::{ChunkAudit, Source};
use difference::{Numbers, compare};
use serde::Serialize;
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Display, path::Path};

/// A model that was quantised and cut again, as [`audit_model`] takes it.
#[derive(Clone, Debug)]
pub struct ModelAgain<'a> {
    /// The model with its weights.
    pub model: &'a PartitionedModel,
    /// The options of compile.
    pub recipe: Recipe,
    /// How its file was read.
    pub reading: LoadOptions,
    /// The saturations of the float model; they go into the blinders of a seed that a user gave to compile.
    pub clamps: Option<&'a ClampTable>,
    /// The seed that was given to compile, or the one that is in the bundle's private folder. Without it hidden weight columns cannot be
    /// compared.
    pub seed: Option<[u8; 32]>,
}

/// What a bundle was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Against {
    /// A model with its weights.
    Model,
    /// The structure that the bundle states, without weights.
    Structure,
}

/// How much of a chunk's key was compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Chunk index.
    pub chunk: usize,
    /// Fixed columns whose commitments were compared.
    pub fixed_columns: usize,
    /// Columns of weights and biases whose commitments could not be compared.
    pub unseen_weight_columns: usize,
    /// Columns whose copy constraints were compared.
    pub copied_columns: usize,
}

/// The result of an audit.
#[derive(Clone, Debug, Serialize)]
pub struct Audit {
    /// What the bundle was compared with.
    pub against: Against,
    /// What differs; an audit without differences passes.
    pub differences: Vec<Difference>,
    /// What was compared of each key.
    pub coverage: Vec<Coverage>,
    /// What no comparison shows, in words.
    pub on_trust: Vec<String>,
    /// Time and memory.
    #[serde(flatten)]
    pub cost: Cost,
}

impl Audit {
    /// Whether nothing differs.
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }

    /// Weight columns of all chunks that could not be compared.
    pub fn unseen_weight_columns(&self) -> usize {
        self.coverage.iter().map(|c| c.unseen_weight_columns).sum()
    }

    /// Whether nothing differs and everything was compared: the bundle is as compiled.
    pub fn is_as_compiled(&self) -> bool {
        self.passed() && self.against == Against::Model && self.unseen_weight_columns() == 0
    }
}

/// The seed of the blinders in a bundle's private folder, if it has one.
///
/// # Errors
/// The file is damaged or cannot be read.
pub fn stored_seed(bundle: &Path) -> Result<Option<[u8; 32]>> {
    let private = bundle.join(PRIVATE_DIR);
    if std::fs::symlink_metadata(&private).is_err() {
        return Ok(None);
    }
    files::require_folder(&private)?;
    if std::fs::symlink_metadata(seed_path(&private)).is_err() {
        return Ok(None);
    }
    read_seed(&private).map(Some)
}

/// Compares a bundle with a model.
///
/// # Errors
/// The model cannot be compiled with this recipe, or the store lacks the bundle's setup. Differences are not errors.
pub fn audit_model(
    bundle: &PublicBundle,
    again: &ModelAgain<'_>,
    emit: Option<&EmitVerifier<'_>>,
    store: &SrsStore,
) -> Result<Audit> {
    let watch = Stopwatch::start();
    let setup = bundle.manifest().srs.digest;
    let seeds = match again.seed {
        None => Vec::new(),
        Some(seed) => {
            let with = (&again.recipe, again.clamps, emit.is_some());
            vec![seed, bound_seed(seed, setup, again.model, with)?]
        }
    };
    let source = Source {
        model: again.model,
        recipe: &again.recipe,
        weights_known: true,
        seeds,
    };
    let mut audit = run(bundle, &source, Against::Model, emit, store)?;
    match StructureFile::read(bundle.dir()) {
        Ok(found) => {
            // A bundle of an earlier release does not say how its file was read.
            let reading = match found.reading.is_default() {
                true => LoadOptions::default(),
                false => again.reading.clone(),
            };
            let expected = StructureFile::new(again.recipe.clone(), reading, again.model);
            let what = format!("{STRUCTURE_FILE}: ");
            compare(
                &what,
                Numbers::Exact,
                &expected,
                &found,
                &mut audit.differences,
            )?;
        }
        // A bundle of an earlier release; whoever audits by structure is told.
        Err(EngineError::NoStructure { .. }) => {}
        Err(error) => audit.differences.push(Difference::of_file(
            STRUCTURE_FILE,
            "the structure of the model",
            error,
        )),
    }
    audit.cost = watch.cost();
    Ok(audit)
}

/// Compares a bundle with a structure, which is usually the one that it states ([`StructureFile::read`]): everything but the values of the
/// weights.
///
/// # Errors
/// The structure is malformed, or the store lacks the bundle's setup. Differences are not errors.
pub fn audit_structure(
    bundle: &PublicBundle,
    stated: &StructureFile,
    emit: Option<&EmitVerifier<'_>>,
    store: &SrsStore,
) -> Result<Audit> {
    let watch = Stopwatch::start();
    let model = stated.blank_model(bundle.manifest())?;
    let source = Source {
        model: &model,
        recipe: &stated.options,
        weights_known: false,
        seeds: Vec::new(),
    };
    let mut audit = run(bundle, &source, Against::Structure, emit, store)?;
    audit.cost = watch.cost();
    Ok(audit)
}

/// Why a chunk of a stated structure is not one that a key of this shape has room for. To plan it would take time and memory out of
/// proportion.
fn too_large(model: &PartitionedModel, chunk: usize, entry: &ChunkEntry) -> Option<String> {
    let (spec, graph) = (&model.chunks[chunk], &model.graph);
    let layers = graph.layers.get(spec.first_layer..spec.end_layer)?;
    let weights: usize = layers.iter().map(QLayer::weights).sum();
    let tensors: BTreeSet<TensorId> = (layers.iter())
        .flat_map(|layer| layer.inputs().into_iter().chain([layer.output()]))
        .collect();
    let values: usize = tensors.iter().map(|id| graph.tensor(*id).dims.len()).sum();
    let shape = &entry.shape;
    let counts = [
        ("weights", weights, shape.weights_per_row << shape.k),
        ("values of tensors", values, shape.lanes << shape.k),
    ];
    let mut counts = counts.into_iter();
    let (what, count, room) = counts.find(|(_, count, room)| count > room)?;
    Some(format!("{count} {what}, where its key has room for {room}"))
}

fn run(
    bundle: &PublicBundle,
    source: &Source<'_>,
    against: Against,
    emit: Option<&EmitVerifier<'_>>,
    store: &SrsStore,
) -> Result<Audit> {
    let mut audit = Audit {
        against,
        differences: Vec::new(),
        coverage: Vec::new(),
        on_trust: Vec::new(),
        cost: Cost::default(),
    };
    let found = bundle.manifest();
    let (expected, got) = (source.model.chunks.len(), found.chunks.len());
    if expected != got {
        let chunks = |n: usize| format!("{n} chunks");
        let difference = Difference::new(None, "chunks", chunks(expected), chunks(got));
        audit.differences.push(difference);
        return Ok(audit);
    }
    let mut made = Vec::new();
    let mut seed = 0;
    let mut setup = None;
    for index in 0..expected {
        let span = tracing::info_span!("audit_chunk", chunk = index);
        let _entered = span.enter();
        if against == Against::Structure
            && let Some(reason) = too_large(source.model, index, &found.chunks[index])
        {
            audit.differences.push(unplannable(index, reason));
            return Ok(audit);
        }
        let (chunk, spec) = match chunk::audit(bundle, source, index, &mut seed, emit, store) {
            Ok(audited) => audited,
            // A stated structure that cannot be planned is the bundle's fault.
            Err(EngineError::Circuit(error)) if against == Against::Structure => {
                audit.differences.push(unplannable(index, error));
                return Ok(audit);
            }
            Err(error) => return Err(error),
        };
        setup.get_or_insert(spec);
        made.push(chunk);
    }
    let mut entries = Vec::new();
    let mut digests = Vec::new();
    let mut plans = Vec::new();
    for chunk in made {
        let ChunkAudit {
            entry,
            digest,
            summary,
            coverage,
            differences,
        } = chunk;
        entries.push(entry);
        digests.push(digest);
        plans.push(summary);
        audit.coverage.push(coverage);
        audit.differences.extend(differences);
    }
    if let Some(setup) = setup {
        // Keys of another shape are named as a whole.
        let digests: Option<Vec<Scalar>> = digests.into_iter().collect();
        let key_set = digests.map_or(found.key_set, |digests| set_digest(&digests));
        compare_manifests(found, source.model, entries, (setup, key_set), &mut audit)?;
    }
    compare_layout(bundle.dir(), &plans, &mut audit.differences)?;
    audit.on_trust = on_trust(&audit);
    Ok(audit)
}

fn unplannable(chunk: usize, reason: impl Display) -> Difference {
    let what = format!("{STRUCTURE_FILE}: chunk");
    Difference::new(Some(chunk), what, "a chunk that compile can plan", reason)
}

fn on_trust(audit: &Audit) -> Vec<String> {
    let mut words = Vec::new();
    match audit.unseen_weight_columns() {
        0 => {}
        n => words.push(format!("the values of {n} columns of weights and biases")),
    }
    if audit.against == Against::Structure {
        words.push(
            "names, scales, factors, zero points, shapes and element orders of tensors, and which of them are scores before a function that was left \
             out, as the manifest states them"
                .to_owned(),
        );
    }
    words
}

fn compare_manifests(
    found: &Manifest,
    model: &PartitionedModel,
    entries: Vec<ChunkEntry>,
    setup: (SrsSpec, Scalar),
    audit: &mut Audit,
) -> Result<()> {
    let by_structure = audit.against == Against::Structure;
    let mut expected = match describe::manifest(model, entries, setup) {
        Ok(manifest) => manifest,
        Err(error) if by_structure => {
            let what = "a model that a manifest can describe";
            let difference = Difference::of_file(STRUCTURE_FILE, what, error);
            audit.differences.push(difference);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    if by_structure {
        take_stated(&mut expected, found);
        compare_quantisation(model, found, &mut audit.differences);
    }
    expected.manifest_id = expected.recompute_id();
    compare("", Numbers::Exact, &expected, found, &mut audit.differences)
}

/// Takes over what a manifest states of its tensors that no key depends on.
fn take_stated(expected: &mut Manifest, found: &Manifest) {
    for (leaf, stated) in expected.leaves.iter_mut().zip(&found.leaves) {
        leaf.name.clone_from(&stated.name);
    }
    let specs = |own: &mut [TensorSpec], stated: &[TensorSpec]| {
        for (spec, stated) in own.iter_mut().zip(stated) {
            *spec = TensorSpec {
                name: stated.name.clone(),
                zero_point: stated.zero_point,
                scale: stated.scale,
                shape: stated.shape.clone(),
                element_order: stated.element_order.clone(),
                factors: stated.factors.clone(),
                before: stated.before,
                ..spec.clone()
            };
        }
    };
    specs(&mut expected.inputs, &found.inputs);
    specs(&mut expected.outputs, &found.outputs);
}

/// What a tensor's set is called; the way there is half as long for whoever asks next.
fn root(origin: &mut [usize], mut tensor: usize) -> usize {
    while origin[tensor] != tensor {
        origin[tensor] = origin[origin[tensor]];
        tensor = origin[tensor];
    }
    tensor
}

/// Maxima and gathers do not change what an integer stands for: inputs and outputs that only they connect have one scale and zero point.
fn compare_quantisation(
    model: &PartitionedModel,
    found: &Manifest,
    differences: &mut Vec<Difference>,
) {
    let graph = &model.graph;
    let mut origin: Vec<usize> = (0..graph.tensors.len()).collect();
    for layer in &graph.layers {
        if matches!(layer, QLayer::MaxPool(_) | QLayer::Gather(_)) {
            // Several sources share what they may not have shared before.
            for input in layer.inputs() {
                let (one, other) = (
                    root(&mut origin, input.0),
                    root(&mut origin, layer.output().0),
                );
                origin[other] = one;
            }
        }
    }
    let mut ids =
        |ids: &[TensorId]| -> Vec<usize> { ids.iter().map(|id| root(&mut origin, id.0)).collect() };
    let inputs = ids(&graph.inputs).into_iter().zip(&found.inputs);
    let outputs = ids(&graph.outputs).into_iter().zip(&found.outputs);
    let ends: Vec<(usize, &TensorSpec)> = inputs.chain(outputs).collect();
    for (i, (of, spec)) in ends.iter().enumerate() {
        let before = ends[..i].iter().find(|(other, _)| other == of);
        let Some((_, first)) = before else { continue };
        let quantisation = |spec: &TensorSpec| (spec.scale, spec.zero_point, spec.factors.clone());
        if quantisation(first) != quantisation(spec) {
            let text =
                |spec: &TensorSpec| format!("scale {}, zero point {}", spec.scale, spec.zero_point);
            differences.push(Difference::new(
                None,
                format!("quantisation of {}", spec.name),
                format!("that of {}, {}", first.name, text(first)),
                text(spec),
            ));
        }
    }
}

fn compare_layout(
    public: &Path,
    plans: &[PlanSummary],
    differences: &mut Vec<Difference>,
) -> Result<()> {
    let expected = LayoutFile::new(plans.iter().collect());
    let read =
        files::read(&public.join(LAYOUT_FILE), MAX_LAYOUT_BYTES).map_err(|error| error.to_string());
    let found = read.and_then(|bytes| {
        serde_json::from_slice::<Value>(&bytes).map_err(|error| error.to_string())
    });
    match found {
        Ok(found) => {
            let what = format!("{LAYOUT_FILE}: ");
            compare(&what, Numbers::Rounded, &expected, &found, differences)
        }
        Err(error) => {
            let expected = "the report of how chunks are laid out";
            differences.push(Difference::of_file(LAYOUT_FILE, expected, error));
            Ok(())
        }
    }
}
