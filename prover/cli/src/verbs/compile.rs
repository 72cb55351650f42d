//! `chainfer compile`: turns a model file into a bundle.

use super::{
    program::{Plan, Program},
    setup::{choose, say, setup_facts},
    shared::{
        OWN_SHAPE, Origin, SHAPE_LEGEND, ScoresBefore, catalogue_name, columns, rows_used,
        say_before, scores_before,
    },
};
use crate::{
    args::CompileArgs,
    failure::bad_input,
    output::{Align, Page, Progress, Report, Table, bytes, seconds, thousands},
    solidity::generate,
};
use chainfer_circuits::{Objective, PlanSummary};
use chainfer_engine::{
    bundle::{CompileOptions, VerifierRequest, VerifierSource, compile as compile_bundle},
    resources::{Cost, Stopwatch},
    srs::SrsStore,
};
use chainfer_formats::{B256, KnownSetups, SetupStatus, SrsSpec, files, hex};
use chainfer_model::{
    frontend::LoadOptions,
    quantise::{CalibrationSource, QuantReport},
};
use chainfer_verifier_gen::GeneratedVerifier;
use serde::Serialize;
use std::{
    cell::RefCell,
    fs,
    path::{Path, PathBuf},
};

/// Largest size of a file with a seed.
const MAX_SEED_BYTES: u64 = 1 << 10;

/// What to compile and how.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) model: PathBuf,
    pub(crate) reading: LoadOptions,
    pub(crate) plan: Plan,
    pub(crate) hiding_seed: Option<[u8; 32]>,
    /// As `--srs` takes it.
    pub(crate) srs: String,
    pub(crate) known: KnownSetups,
    pub(crate) output: PathBuf,
}

impl Request {
    fn resolve(args: CompileArgs) -> anyhow::Result<Self> {
        Ok(Self {
            plan: args.plan.into(),
            hiding_seed: args.hiding_seed.as_deref().map(read_seed).transpose()?,
            reading: args.reading.load_options()?,
            model: args.model,
            srs: args.srs,
            known: args.known.load()?,
            output: args.output,
        })
    }
}

/// Reads a seed: 32 bytes, or `0x` and 64 hex digits. Error messages do not show the content.
pub(crate) fn read_seed(path: &Path) -> anyhow::Result<[u8; 32]> {
    let content = files::read_named(path, MAX_SEED_BYTES)?;
    let refuse = || {
        bad_input(format!(
            "{}: expected a seed of 32 bytes, or 0x and 64 hex digits",
            path.display()
        ))
    };
    if let Ok(seed) = content.as_slice().try_into() {
        return Ok(seed);
    }
    let text = std::str::from_utf8(&content).map_err(|_| refuse())?;
    Ok(hex::parse_word_any_case(text.trim())
        .map_err(|_| refuse())?
        .0)
}

/// One compiled chunk, as it is reported.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ChunkOutcome {
    pub(crate) index: usize,
    pub(crate) layers: Vec<String>,
    pub(crate) k: u32,
    pub(crate) num_public: usize,
    pub(crate) hide_rows: u32,
    pub(crate) proof_bytes: usize,
    pub(crate) contract: String,
    pub(crate) gas_estimate: u64,
    pub(crate) code_size_estimate: usize,
    /// Entry of the catalogue that its shape is, if it is canonical.
    pub(crate) catalogue: Option<&'static str>,
    pub(crate) plan: PlanSummary,
    #[serde(flatten)]
    pub(crate) cost: Cost,
}

/// A compiled model, as it is reported.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) bundle: PathBuf,
    pub(crate) model: PathBuf,
    #[serde(with = "hex::word")]
    pub(crate) manifest_id: B256,
    pub(crate) srs: SrsSpec,
    #[serde(flatten)]
    pub(crate) setup: SetupStatus,
    pub(crate) quantisation: QuantReport,
    /// The outputs that are scores before a function that was left out.
    pub(crate) scores_before: ScoresBefore,
    pub(crate) chunks: Vec<ChunkOutcome>,
    #[serde(flatten)]
    pub(crate) cost: Cost,
}

/// Compiles as the arguments say, and reports the bundle's figures.
pub(crate) fn run(args: CompileArgs, progress: Progress) -> anyhow::Result<Report> {
    let outcome = compile(&Request::resolve(args)?, progress)?;
    Report::new(&outcome, page(&outcome))
}

/// Compiles a model into a bundle.
///
/// # Errors
/// The model, the samples or the options cannot be used, or the bundle cannot be written.
pub(crate) fn compile(request: &Request, progress: Progress) -> anyhow::Result<Outcome> {
    let watch = Stopwatch::start();
    // Checked before the work, which takes long.
    if fs::symlink_metadata(&request.output).is_ok() {
        return Err(bad_input(format!(
            "{} exists already; choose another folder or remove it",
            request.output.display()
        )));
    }
    let store = SrsStore::user()?;
    let srs = choose(&request.srs, &store, &request.known, progress)?;
    let Program {
        model,
        clamps,
        report: quantisation,
        fixed_point,
        split,
        shapes,
        ..
    } = request
        .plan
        .program(&request.model, &request.reading, progress)?;
    let total = model.chunks.len();
    progress.say(format_args!(
        "cut into {total} chunk{}",
        if total == 1 { "" } else { "s" }
    ));

    let verifiers = RefCell::new(Vec::<GeneratedVerifier>::new());
    let emit = |request: VerifierRequest<'_>| -> Result<VerifierSource, String> {
        let (made, key) = generate(&request).map_err(|e| format!("{e:#}"))?;
        progress.say(format_args!(
            "chunk {} of {total}: made keys and verifier",
            request.chunk + 1
        ));
        let source = VerifierSource {
            contract: made.contract_name.clone(),
            source: made.solidity.clone(),
            key_code_hash: B256::from(key.code_hash),
        };
        verifiers.borrow_mut().push(made);
        Ok(source)
    };
    let options = CompileOptions {
        objective: request.plan.objective,
        hide_weights: request.plan.hide_weights,
        hiding_seed: request.hiding_seed,
        calibration: Some(quantisation.calibration),
        clamps: Some(clamps),
        split,
        reading: request.reading.clone(),
        shapes,
        emit_verifier: Some(&emit),
        srs,
        ..CompileOptions::default()
    };
    let compiled = compile_bundle(&model, &options, &store, &request.output)?;
    Origin::new(fixed_point).write(&request.output)?;

    let manifest = compiled.bundle.public().manifest();
    let chunks = manifest
        .chunks
        .iter()
        .zip(compiled.chunks)
        .zip(verifiers.into_inner())
        .zip(&model.chunks)
        .map(|(((entry, report), verifier), spec)| ChunkOutcome {
            index: entry.index,
            layers: model.graph.layers[spec.first_layer..spec.end_layer]
                .iter()
                .map(|layer| layer.name().to_owned())
                .collect(),
            k: entry.shape.k,
            num_public: entry.num_public,
            hide_rows: entry.hide_rows,
            proof_bytes: report.proof_length,
            contract: verifier.contract_name,
            gas_estimate: verifier.gas_estimate,
            code_size_estimate: verifier.code_size_estimate,
            catalogue: catalogue_name(&entry.shape),
            plan: report.plan,
            cost: report.cost,
        })
        .collect::<Vec<_>>();
    if request.plan.objective == Objective::Gas {
        say_own_shapes(&chunks, progress);
    }
    let setup = request.known.status(&manifest.srs);
    say(&setup, progress);
    Ok(Outcome {
        bundle: request.output.clone(),
        model: request.model.clone(),
        manifest_id: manifest.manifest_id,
        srs: manifest.srs.clone(),
        setup,
        quantisation,
        scores_before: scores_before(&manifest.outputs),
        chunks,
        cost: watch.cost(),
    })
}

/// Warns of chunks that no canonical shape holds.
fn say_own_shapes(chunks: &[ChunkOutcome], progress: Progress) {
    for chunk in chunks.iter().filter(|chunk| chunk.catalogue.is_none()) {
        progress.warn(format_args!(
            "chunk {} gets a shape of its own, because no shape of the catalogue holds it: its verifier has to be deployed for it",
            chunk.index
        ));
    }
}

fn page(outcome: &Outcome) -> Page {
    let quantisation = &outcome.quantisation;
    let samples = match quantisation.calibration {
        CalibrationSource::Given => format!("{} samples", quantisation.samples),
        CalibrationSource::Synthetic => {
            "random inputs; pass --calibration to use real ones".to_owned()
        }
    };
    let page = Page::new()
        .heading(format!("Bundle {}", outcome.bundle.display()))
        .fact("manifest id", outcome.manifest_id);
    let mut page = setup_facts(page, &outcome.setup, &outcome.srs)
        .heading(format!(
            "Quantised to {} steps; errors against the float model on {samples}",
            thousands(quantisation.range.into())
        ))
        .table(layers(quantisation));
    for output in &quantisation.outputs {
        page = page.text(format!(
            "  output {}: largest error {:.4} ({:.2} % of its range), mean error {:.4}, largest value {:.2}",
            output.name,
            output.max_abs_error,
            100.0 * output.relative_error,
            output.mean_abs_error,
            output.max_abs_value
        ));
    }
    for (name, function) in &outcome.scores_before {
        page = page.text(format!("  output {name}: {}", say_before(*function)));
    }
    for warning in &quantisation.warnings {
        page = page.text(format!("  warning: {warning}"));
    }
    let cost = &outcome.cost;
    page.heading("Chunks")
        .table(chunks(&outcome.chunks))
        .text(SHAPE_LEGEND)
        .text("  columns: first phase + second phase + fixed; gas is an estimate; `chainfer solidity` prints code sizes")
        .heading(format!(
            "Compiled in {}{}",
            seconds(cost.wall_s),
            cost.peak_rss_bytes.map_or_else(String::new, |b| format!(", peak memory {}", bytes(b)))
        ))
        .text(format!("  next: chainfer prove {} --input FILE -o proof.json", outcome.bundle.display()))
}

fn layers(quantisation: &QuantReport) -> Table {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("layer", Left),
        ("kind", Left),
        ("output", Right),
        ("weights", Right),
        ("largest error", Right),
        ("of range", Right),
        ("mean error", Right),
        ("saturated", Right),
    ]);
    for layer in &quantisation.layers {
        let [c, h, w] = layer.dims;
        table.row([
            layer.name.clone(),
            layer.kind.clone(),
            format!("{c}x{h}x{w}"),
            thousands(layer.weights as u64),
            format!("{:.5}", layer.max_abs_error),
            format!("{:.2} %", 100.0 * layer.relative_error),
            format!("{:.5}", layer.mean_abs_error),
            match layer.saturated {
                0 => "-".to_owned(),
                some => format!("{some} of {}", layer.values),
            },
        ]);
    }
    table
}

fn chunks(chunks: &[ChunkOutcome]) -> Table {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("chunk", Right),
        ("layers", Right),
        ("shape", Left),
        ("k", Right),
        ("rows used", Right),
        ("columns", Left),
        ("hide rows", Right),
        ("public", Right),
        ("proof", Right),
        ("verify gas", Right),
        ("seconds", Right),
    ]);
    for chunk in chunks {
        let plan = &chunk.plan;
        table.row([
            chunk.index.to_string(),
            chunk.layers.len().to_string(),
            chunk.catalogue.unwrap_or(OWN_SHAPE).to_owned(),
            chunk.k.to_string(),
            rows_used(plan),
            columns(plan),
            chunk.hide_rows.to_string(),
            chunk.num_public.to_string(),
            bytes(chunk.proof_bytes as u64),
            thousands(chunk.gas_estimate),
            format!("{:.1}", chunk.cost.wall_s),
        ]);
    }
    table
}
