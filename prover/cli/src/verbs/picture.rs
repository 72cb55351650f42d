//! The picture of `chainfer inspect --svg`: of a bundle as it was compiled, or of a model as it would be.

use super::{
    program::Plan,
    shared::{OWN_SHAPE, catalogue_name, columns, rows_used},
};
use crate::{
    drawing::{ChunkFigures, Drawing},
    failure::bad_input,
    output::{Align, Page, Progress, Table, bytes, seconds, thousands},
    solidity::generate,
};
use anyhow::Context as _;
use chainfer_circuits::PlanSummary;
use chainfer_engine::{
    bundle::{Bundle, PRIVATE_DIR, PublicBundle, StructureFile, VerifierRequest},
    fit::without_key,
};
use chainfer_formats::{
    Manifest,
    files::{self, Access},
    packing::public_words,
};
use chainfer_model::{frontend::LoadOptions, partitioned::PartitionedModel};
use serde_json::{Value, json};
use std::path::Path;

/// Draws what a model file would be compiled to, and adds its chunks to a page. No key is made.
///
/// # Errors
/// The model cannot be cut, or the file cannot be written.
pub(super) fn of_model(
    (model, reading): (&Path, &LoadOptions),
    plan: &Plan,
    file: &Path,
    page: Page,
    progress: Progress,
) -> anyhow::Result<(Value, Page)> {
    let program = plan.program(model, reading, progress)?;
    let figures = (program.plans.iter().enumerate())
        .map(|(chunk, plan)| {
            let gas = without_key(
                &plan.shape,
                2 + public_words_of(&program.model, chunk),
                |request| {
                    let made = generate(&request).map_err(|e| format!("{e:#}"))?;
                    Ok(made.0.gas_estimate)
                },
            );
            ChunkFigures {
                gas: gas.ok(),
                ..ChunkFigures::planned(plan)
            }
        })
        .collect::<Vec<_>>();
    write(model, &program.model, &figures, file)?;
    let page = page
        .heading("Chunks, as compile would cut them")
        .table(table(&program.model, &figures))
        .text(format!("  drawn in {}", file.display()));
    Ok((json!({ "file": file, "chunks": program.plans }), page))
}

/// Words of a chunk's instance behind root and context.
fn public_words_of(model: &PartitionedModel, chunk: usize) -> usize {
    let words = |leaf: &usize| {
        let leaf = &model.leaves[*leaf];
        public_words(leaf.visibility, model.graph.tensor(leaf.tensor).dims.len())
    };
    model.chunks[chunk].exposes.iter().map(words).sum()
}

fn table(model: &PartitionedModel, chunks: &[ChunkFigures]) -> Table {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("chunk", Right),
        ("layers", Right),
        ("shape", Left),
        ("k", Right),
        ("rows used", Right),
        ("columns", Left),
        ("CPU time", Right),
        ("memory", Right),
        ("verify gas", Right),
    ]);
    for (chunk, figures) in chunks.iter().enumerate() {
        let plan = &figures.plan;
        let layers = (model.chunks.get(chunk)).map_or(0, |spec| spec.end_layer - spec.first_layer);
        table.row([
            chunk.to_string(),
            layers.to_string(),
            figures.shape.to_owned(),
            plan.shape.k.to_string(),
            rows_used(plan),
            columns(plan),
            seconds(plan.cpu_seconds()),
            bytes(plan.proving_bytes()),
            figures.gas.map_or_else(|| "-".to_owned(), thousands),
        ]);
    }
    table
}

/// Draws a bundle. Names of layers are known to those who have its private part.
///
/// # Errors
/// The bundle contradicts itself, or the file cannot be written.
pub(super) fn of_bundle(
    path: &Path,
    public: &PublicBundle,
    plans: &[PlanSummary],
    file: &Path,
) -> anyhow::Result<Value> {
    let manifest = public.manifest();
    let figures = plans
        .iter()
        .enumerate()
        .map(|(chunk, plan)| {
            let entry = &manifest.chunks[chunk];
            let (verifier, _) = generate(&VerifierRequest {
                chunk,
                vk: &*public.verifying_key(chunk)?,
                params: &public.verifier_params()[chunk],
                num_instances: 2 + entry.num_public,
            })?;
            Ok(ChunkFigures {
                gas: Some(verifier.gas_estimate),
                proof: Some(entry.proof_length),
                ..ChunkFigures::planned(plan)
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    if path.join(PRIVATE_DIR).is_dir() {
        write(path, Bundle::open(path)?.model(), &figures, file)?;
    } else {
        let stated = StructureFile::read(public.dir())?;
        let mut model = stated.blank_model(manifest)?;
        if model.chunks.len() != plans.len() {
            return Err(bad_input(format!(
                "the structure of {} has {} chunks, its manifest {}: it was changed; get the bundle again",
                path.display(),
                model.chunks.len(),
                plans.len()
            )));
        }
        name_ends(&mut model, manifest);
        write(path, &model, &figures, file)?;
    }
    Ok(json!(file))
}

/// Gives inputs and outputs the names that the manifest has for them.
fn name_ends(model: &mut PartitionedModel, manifest: &Manifest) {
    let graph = &mut model.graph;
    for (ids, specs) in [
        (&graph.inputs, &manifest.inputs),
        (&graph.outputs, &manifest.outputs),
    ] {
        for (id, spec) in ids.iter().zip(specs) {
            if let Some(tensor) = graph.tensors.get_mut(id.0) {
                tensor.name.clone_from(&spec.name);
                tensor.external_shape.clone_from(&spec.shape);
            }
        }
    }
}

fn write(
    what: &Path,
    model: &PartitionedModel,
    chunks: &[ChunkFigures],
    file: &Path,
) -> anyhow::Result<()> {
    let name = what.file_name().unwrap_or(what.as_os_str());
    let drawing = Drawing {
        title: name.to_string_lossy().into_owned(),
        model,
        chunks,
    };
    files::write_atomic(file, drawing.svg().as_bytes(), Access::Public)
        .with_context(|| format!("cannot write {}", file.display()))
}

impl ChunkFigures {
    /// What a plan says.
    fn planned(plan: &PlanSummary) -> Self {
        Self {
            shape: catalogue_name(&plan.shape).unwrap_or(OWN_SHAPE),
            plan: plan.clone(),
            gas: None,
            proof: None,
        }
    }
}
