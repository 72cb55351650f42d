//! One chunk: its key and its verifier made again, and compared.

use super::{Coverage, Difference};
use crate::{
    bundle::{
        EmitVerifier, PublicBundle, Recipe, VerifierRequest, VerifierSource,
        describe::{chunk_entry, set_verifier},
    },
    error::{EngineError, Result},
    field::coordinate_word,
    key_set::vk_key_digest,
    keys::{self, VerifyingKey},
    srs::{SrsStore, verifier_params},
};
use chainfer_circuits::{ChunkCircuit, ChunkPlan, FixedColumn, PlanSummary};
use chainfer_compute::backend::Cpu;
use chainfer_formats::{ChunkEntry, Scalar, SrsSpec};
use chainfer_model::partitioned::{ChunkSpec, PartitionedModel};
use chainfer_plonk::Structure;
use halo2curves::bn256::G1Affine;
use std::sync::Arc;

/// What a bundle is compiled from again.
pub(super) struct Source<'a> {
    pub(super) model: &'a PartitionedModel,
    pub(super) recipe: &'a Recipe,
    /// Whether the model has its weights; a blank one has not.
    pub(super) weights_known: bool,
    /// Seeds that the blinders may come from.
    pub(super) seeds: Vec<[u8; 32]>,
}

/// A chunk as compiling again gives it, and how the bundle's key differs.
pub(super) struct ChunkAudit {
    pub(super) entry: ChunkEntry,
    /// Digest of the key; none of a key of another shape.
    pub(super) digest: Option<Scalar>,
    pub(super) summary: PlanSummary,
    pub(super) coverage: Coverage,
    pub(super) differences: Vec<Difference>,
}

/// Audits one chunk; gives the setup that it was made under, too. `seed` is the position of the seed that fitted the chunks before.
pub(super) fn audit(
    bundle: &PublicBundle,
    source: &Source<'_>,
    chunk: usize,
    seed: &mut usize,
    emit: Option<&EmitVerifier<'_>>,
    store: &SrsStore,
) -> Result<(ChunkAudit, SrsSpec)> {
    let (found, vk) = (bundle.chunk(chunk)?, bundle.verifying_key(chunk)?);
    let plan_with = |seed: [u8; 32]| {
        let plan = ChunkPlan::new(
            source.model,
            chunk,
            &source.recipe.plan_options(chunk, seed),
        )?;
        Ok::<_, EngineError>(Arc::new(plan))
    };
    let first = source.seeds.get(*seed).copied().unwrap_or_default();
    let plan = plan_with(first)?;
    let hidden = plan.hide_rows() > 0;
    let unseen = !source.weights_known || (hidden && source.seeds.is_empty());
    let spec = &source.model.chunks[chunk];
    let setup = &bundle.manifest().srs;
    if *plan.shape() != found.shape {
        return Ok((of_another_shape(&plan, found, spec, chunk), setup.clone()));
    }
    let srs = store.prover_checked(setup.digest, plan.shape().k)?;
    let make = |plan: &Arc<ChunkPlan>| -> Result<VerifyingKey> {
        let circuit = ChunkCircuit::for_keygen(Arc::clone(plan))?;
        let structure = Structure::of(&circuit, plan.shape().k);
        drop(circuit);
        let made =
            structure.and_then(|of| of.verifying_key(&Cpu::detect(), srs.streamed()?.as_ref()));
        let vk = made.map_err(|e| EngineError::Keygen {
            chunk,
            detail: e.to_string(),
        })?;
        keys::check_points(&vk)?;
        Ok(vk)
    };
    let columns = plan.fixed_columns();
    let mut own = make(&plan)?;
    if hidden && source.weights_known && weights_differ(&columns, &own, &vk) {
        for (at, other) in source.seeds.iter().enumerate() {
            if at == *seed {
                continue;
            }
            let made = make(&plan_with(*other)?)?;
            if !weights_differ(&columns, &made, &vk) {
                (own, *seed) = (made, at);
                break;
            }
        }
    }
    let skipped: Vec<usize> = (columns.iter().enumerate())
        .filter(|(_, column)| unseen && column.holds_weights)
        .map(|(i, _)| i)
        .collect();
    let differences = compare_keys(chunk, &plan, &columns, &skipped, &own, &vk);
    if !skipped.is_empty() {
        own = keys::with_fixed_of::<ChunkCircuit>(&own, &vk, &skipped, plan.shape().clone())?;
    }
    let mut audited = ChunkAudit {
        entry: chunk_entry(chunk, spec, &plan, &own),
        digest: Some(vk_key_digest(plan.shape(), plan.num_public(), &own)?),
        summary: plan.summary(),
        coverage: Coverage {
            chunk,
            fixed_columns: columns.len() - skipped.len(),
            unseen_weight_columns: skipped.len(),
            copied_columns: own.permutation().commitments().len(),
        },
        differences,
    };
    if let Some(emit) = emit {
        let made = emit(VerifierRequest {
            chunk,
            vk: &own,
            params: &verifier_params(srs.spec(), [srs.k()])?[0],
            num_instances: 2 + audited.entry.num_public,
        })
        .map_err(|detail| EngineError::VerifierSource { chunk, detail })?;
        let file = set_verifier(&mut audited.entry, &made)?;
        let difference = compare_source(bundle, chunk, file, &made);
        audited.differences.extend(difference);
    }
    Ok((audited, srs.spec().clone()))
}

/// Keys of different shapes have other columns; nothing of them can be compared but that.
fn of_another_shape(
    plan: &ChunkPlan,
    found: &ChunkEntry,
    spec: &ChunkSpec,
    chunk: usize,
) -> ChunkAudit {
    ChunkAudit {
        entry: ChunkEntry {
            num_public: plan.num_public(),
            shape: plan.shape().clone(),
            hide_rows: plan.hide_rows(),
            reads: spec.reads.clone(),
            writes: spec.writes.clone(),
            exposes: spec.exposes.clone(),
            ..found.clone()
        },
        digest: None,
        summary: plan.summary(),
        coverage: Coverage {
            chunk,
            fixed_columns: 0,
            unseen_weight_columns: 0,
            copied_columns: 0,
        },
        differences: vec![Difference::new(
            Some(chunk),
            "verifying key",
            "a key of the shape that the planner chooses",
            "a key of another shape, which cannot be compared",
        )],
    }
}

fn weights_differ(columns: &[FixedColumn], own: &VerifyingKey, other: &VerifyingKey) -> bool {
    let pairs = own
        .fixed_commitments()
        .iter()
        .zip(other.fixed_commitments());
    let mut of_weights = columns.iter().zip(pairs).filter(|(c, _)| c.holds_weights);
    of_weights.any(|(_, (own, other))| own != other)
}

/// Compares every commitment of two keys of one shape, but those of `skipped` fixed columns.
fn compare_keys(
    chunk: usize,
    plan: &ChunkPlan,
    columns: &[FixedColumn],
    skipped: &[usize],
    own: &VerifyingKey,
    other: &VerifyingKey,
) -> Vec<Difference> {
    let fixed = columns.iter().map(|c| format!("fixed column {}", c.name));
    let copied = plan.equality_columns().into_iter();
    let copied = copied.map(|name| format!("copy constraints of {name}"));
    let mut differences = Vec::new();
    let mut compare = |names: Vec<String>, own: &[G1Affine], other: &[G1Affine], skip: &[usize]| {
        if own.len() != names.len() || own.len() != other.len() {
            let count = |n: usize| format!("{n} commitments");
            let what = "verifying key";
            let difference =
                Difference::new(Some(chunk), what, count(own.len()), count(other.len()));
            differences.push(difference);
        }
        for (i, (name, (own, other))) in names.into_iter().zip(own.iter().zip(other)).enumerate() {
            if own != other && !skip.contains(&i) {
                differences.push(Difference::new(Some(chunk), name, point(own), point(other)));
            }
        }
    };
    let (a, b) = (own.fixed_commitments(), other.fixed_commitments());
    compare(fixed.collect(), a, b, skipped);
    let (a, b) = (own.permutation(), other.permutation());
    compare(copied.collect(), a.commitments(), b.commitments(), &[]);
    differences
}

fn point(point: &G1Affine) -> String {
    format!("commitment {}", coordinate_word(&point.x))
}

fn compare_source(
    bundle: &PublicBundle,
    chunk: usize,
    file: String,
    made: &VerifierSource,
) -> Option<Difference> {
    let expected = "the source that the key generates";
    match bundle.verifier_source(chunk) {
        Ok(Some(source)) if source == made.source => None,
        // The manifest has no verifier: its fields differ.
        Ok(None) => None,
        Ok(Some(_)) => Some(Difference::new(Some(chunk), file, expected, "another one")),
        Err(error) => Some(Difference::new(Some(chunk), file, expected, error)),
    }
}
