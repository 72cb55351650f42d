//! `chainfer audit`: compiles a bundle's model again, or the structure that it states, and compares everything with the bundle.

use super::{
    compile::read_seed,
    deploy::{counted, open},
    program::{Cut, Program, integer_program},
    setup::{say, setup_facts},
    shared::factor_ends,
};
use crate::{
    args::AutoOr,
    args::{AgainArgs, AuditArgs},
    failure::bad_input,
    output::{Page, Progress, Report, seconds},
    solidity::generate,
};
use anyhow::Context as _;
use chainfer_engine::{
    audit::{
        Against, Audit, Coverage, Difference, ModelAgain, audit_model, audit_structure, stored_seed,
    },
    bundle::{PublicBundle, Recipe, StructureFile, VerifierRequest, VerifierSource},
    resources::Cost,
    srs::SrsStore,
};
use chainfer_formats::{B256, SetupStatus, SrsSpec, TensorSpec, Visibility, hex};
use chainfer_model::{
    frontend::LoadOptions,
    partition::{BoundaryVisibility, ChunkCount},
    quantise::CalibrationSource,
};
use serde::Serialize;
use std::path::Path;

/// What an audit comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Everything was compared with the model.
    AsCompiled,
    /// Everything but hidden weight columns was compared with the model.
    AsCompiledExceptWeights,
    /// Everything but weights was compared with the stated structure.
    StructureAudited,
    /// Something differs.
    NotAsCompiled,
}

/// An audit, as it is reported.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    against: Against,
    #[serde(with = "hex::word")]
    manifest_id: B256,
    unseen_weight_columns: usize,
    /// The real values that inputs and outputs can stand for, if they were compared.
    ranges: Vec<String>,
    /// The options with which the model's file was read.
    read_with: Vec<String>,
    /// What no comparison shows.
    pub(crate) on_trust: Vec<String>,
    pub(crate) differences: Vec<Difference>,
    /// What to do about the differences.
    remedies: Vec<String>,
    coverage: Vec<Coverage>,
    /// Tensors and layers of the stated structure, if that is what the bundle was compared with.
    tensors: Vec<String>,
    layers: Vec<String>,
    #[serde(flatten)]
    cost: Cost,
}

/// An audit, with what the bundle's setup is worth: keys that are as compiled prove nothing under a setup whose tau somebody knows.
#[derive(Serialize)]
struct Reported<'a> {
    #[serde(flatten)]
    outcome: &'a Outcome,
    #[serde(flatten)]
    setup: &'a SetupStatus,
}

impl Outcome {
    /// Whether nothing differs.
    pub(crate) fn passed(&self) -> bool {
        self.verdict != Verdict::NotAsCompiled
    }
}

/// Audits a bundle; the report is negative if anything differs.
pub(crate) fn run(args: &AuditArgs, progress: Progress) -> anyhow::Result<Report> {
    // clap does not say so, because --structure and a model exclude each other.
    if args.structure && args.again.is_given() {
        return Err(bad_input(
            "how a model was compiled cannot be given with --structure: the bundle states it",
        ));
    }
    let known = args.known.load()?;
    let bundle = open(&args.bundle)?;
    let spec = &bundle.manifest().srs;
    let setup = known.status(spec);
    say(&setup, progress);
    let model = args.model.as_deref();
    let outcome = audit(&args.bundle, &bundle, model, &args.again, progress)?;
    let reported = Reported {
        outcome: &outcome,
        setup: &setup,
    };
    let report = Report::new(&reported, page(&outcome, &setup, spec))?;
    Ok(if outcome.passed() {
        report
    } else {
        report.negative()
    })
}

/// Audits a bundle against a model, or against the structure that it states.
///
/// # Errors
/// The model or the structure cannot be compiled, or the bundle's setup is missing.
pub(crate) fn audit(
    path: &Path,
    bundle: &PublicBundle,
    model: Option<&Path>,
    again: &AgainArgs,
    progress: Progress,
) -> anyhow::Result<Outcome> {
    let total = bundle.num_chunks();
    let emit = |request: VerifierRequest<'_>| -> Result<VerifierSource, String> {
        let (made, key) = generate(&request).map_err(|e| format!("{e:#}"))?;
        progress.say(format_args!(
            "chunk {} of {total}: made key and verifier again",
            request.chunk + 1
        ));
        Ok(VerifierSource {
            contract: made.contract_name,
            source: made.solidity,
            key_code_hash: B256::from(key.code_hash),
        })
    };
    let store = SrsStore::user()?;
    let mut read_with = Vec::new();
    let (mut audit, remedies, stated, calibration) = match model {
        None => {
            let stated = StructureFile::read(bundle.dir())?;
            let audit = audit_structure(bundle, &stated, Some(&emit), &store)?;
            let remedies = remedies(&audit, None, None);
            (audit, remedies, Some(stated), None)
        }
        Some(file) => {
            let stated = StructureFile::read(bundle.dir()).ok();
            let given = again.reading.load_options()?;
            let reading = reading(given, stated.as_ref().map(|stated| stated.reading.clone()))?;
            let model = (file, &reading);
            let program = program(bundle, model, again, stated.as_ref(), progress)?;
            read_with = words(&reading);
            let options = stated.map(|stated| stated.options);
            let calibration = options.as_ref().and_then(|options| options.calibration);
            let recipe = recipe(again, options, program.report.calibration);
            let seed = match &again.hiding_seed {
                Some(file) => Some(read_seed(file)?),
                None => stored_seed(path)?,
            };
            let compiled = ModelAgain {
                model: &program.model,
                recipe,
                reading,
                clamps: Some(&program.clamps),
                seed,
            };
            let audit = audit_model(bundle, &compiled, Some(&emit), &store)
                .with_context(|| format!("cannot compile {} again", file.display()))?;
            let used = program.report.calibration;
            let remedies = remedies(&audit, Some(used), calibration);
            (audit, remedies, None, Some(used))
        }
    };
    if calibration == Some(CalibrationSource::Given) {
        audit.on_trust.push(CALIBRATION_ON_TRUST.to_owned());
    }
    let manifest = bundle.manifest();
    let ends = manifest.inputs.iter().chain(&manifest.outputs);
    let ranges = ends.map(|spec| range(spec, manifest.range));
    Ok(Outcome {
        verdict: verdict(&audit),
        ranges: if audit.against == Against::Model {
            ranges.collect()
        } else {
            Vec::new()
        },
        read_with,
        against: audit.against,
        manifest_id: bundle.manifest().manifest_id,
        unseen_weight_columns: audit.unseen_weight_columns(),
        on_trust: audit.on_trust,
        differences: audit.differences,
        remedies,
        coverage: audit.coverage,
        tensors: stated.as_ref().map(tensors).unwrap_or_default(),
        layers: stated.as_ref().map(layers).unwrap_or_default(),
        cost: Cost {
            wall_s: progress.elapsed_s(),
            ..audit.cost
        },
    })
}

/// What a model's own file does not fix.
const CALIBRATION_ON_TRUST: &str = "the calibration samples: they fix all ranges, and ill-chosen ones make a program that says the same of \
    every input, or the wrong thing; look at the inputs' ranges, and `run` the bundle on inputs of your own";

/// The real values that an input or output can stand for, in words.
fn range(spec: &TensorSpec, range: u32) -> String {
    let value = |quantised: f64| spec.scale * (quantised - f64::from(spec.zero_point));
    let (low, high) = (value(0.0), value(f64::from(range) - 1.0));
    let each = match factor_ends(spec) {
        None => String::new(),
        Some((least, most)) => {
            format!(", times a factor of each feature from {least:e} to {most:e}")
        }
    };
    format!("{} from {low:.6} to {high:.6}{each}", spec.name)
}

fn verdict(audit: &Audit) -> Verdict {
    match audit.against {
        _ if !audit.passed() => Verdict::NotAsCompiled,
        Against::Structure => Verdict::StructureAudited,
        Against::Model if audit.is_as_compiled() => Verdict::AsCompiled,
        Against::Model => Verdict::AsCompiledExceptWeights,
    }
}

/// The model, quantised and cut as the arguments or else the bundle's manifest say.
fn program(
    bundle: &PublicBundle,
    model: (&Path, &LoadOptions),
    again: &AgainArgs,
    stated: Option<&StructureFile>,
    progress: Progress,
) -> anyhow::Result<Program> {
    let manifest = bundle.manifest();
    let chunks = match again.chunks {
        Some(chunks) => chunks.into(),
        None => ChunkCount::Exactly(bundle.num_chunks()),
    };
    let cut = Cut::Again {
        split: stated.and_then(|stated| stated.options.split),
        ends: stated.map(StructureFile::ends).filter(|ends| match chunks {
            ChunkCount::Exactly(n) => ends.len() == n,
            ChunkCount::Auto => true,
        }),
        chunks,
    };
    let stated = |specs: &[TensorSpec], default: Visibility| {
        specs.first().map_or(default, |spec| spec.visibility)
    };
    let default = BoundaryVisibility::default();
    let visibility = BoundaryVisibility {
        inputs: (again.input_visibility)
            .map_or_else(|| stated(&manifest.inputs, default.inputs), Into::into),
        outputs: (again.output_visibility)
            .map_or_else(|| stated(&manifest.outputs, default.outputs), Into::into),
    };
    let calibration = again.calibration.as_deref();
    integer_program(
        model,
        calibration,
        (visibility, AutoOr::Exactly(manifest.range)),
        &cut,
        progress,
    )
}

/// How the model's file is read: as the bundle states, which what is given may not contradict; as given, if it states nothing.
///
/// # Errors
/// What is given contradicts what the bundle states.
fn reading(given: LoadOptions, stated: Option<LoadOptions>) -> anyhow::Result<LoadOptions> {
    let Some(stated) = stated.filter(|stated| !stated.is_default()) else {
        return Ok(given);
    };
    let other = given
        .dims
        .iter()
        .find(|(name, length)| stated.dims.get(*name) != Some(*length));
    let contradiction = match other {
        Some((name, length)) => format!("--dim {name}={length}"),
        None if given.drop_final_softmax && !stated.drop_final_softmax => {
            "--drop-final-softmax".to_owned()
        }
        None => return Ok(stated),
    };
    let options = words(&stated).join(" ");
    Err(bad_input(format!(
        "{contradiction} contradicts the bundle, which states that its model was read with {options}; leave these options out"
    )))
}

/// Options of reading, as they are given on the command line.
fn words(reading: &LoadOptions) -> Vec<String> {
    let dims = reading.dims.iter();
    let dims = dims.map(|(name, length)| format!("--dim {name}={length}"));
    let scores = reading.drop_final_softmax;
    dims.chain(scores.then(|| "--drop-final-softmax".to_owned()))
        .collect()
}

fn recipe(again: &AgainArgs, stated: Option<Recipe>, calibration: CalibrationSource) -> Recipe {
    let mut stated = stated.unwrap_or_default();
    // Shapes that were chosen for other options.
    if again
        .optimize
        .is_some_and(|objective| stated.objective != objective.into())
    {
        stated.shapes.clear();
    }
    Recipe {
        objective: again.optimize.map_or(stated.objective, Into::into),
        hide_weights: again.hide_weights.map_or(stated.hide_weights, Into::into),
        calibration: Some(calibration),
        ..stated
    }
}

/// What the user can do about differences. `used` is where the samples of this audit came from, `stated` what the bundle says.
fn remedies(
    audit: &Audit,
    used: Option<CalibrationSource>,
    stated: Option<CalibrationSource>,
) -> Vec<String> {
    use CalibrationSource::{Given, Synthetic};
    let differs = |of: fn(&Difference) -> bool| audit.differences.iter().any(of);
    let mut remedies = Vec::new();
    let by_samples = |d: &Difference| {
        let ends = [".scale", ".zero_point", "options.calibration"];
        let columns = ["fixed column weight", "fixed column linear: bias"];
        ends.iter().any(|end| d.what.ends_with(end))
            || columns.iter().any(|start| d.what.starts_with(start))
    };
    if let Some(used) = used
        && differs(by_samples)
    {
        remedies.push(match (used, stated) {
            (Synthetic, Some(Given)) => "the bundle was compiled with calibration samples: pass the same file with --calibration FILE",
            (Given, Some(Synthetic)) => "the bundle was compiled without calibration samples: leave --calibration out",
            (Given, _) => "weights or scales differ: the model file is another one, or the calibration samples are not those that the bundle was compiled with",
            (Synthetic, _) => "weights or scales differ: the model file is another one, or the bundle was compiled with calibration samples; then pass the same file with --calibration FILE",
        }.to_owned());
    }
    if differs(|d| {
        d.what.contains(".shape.") || d.what.ends_with(".hide_rows") || d.what == "chunks"
    }) {
        remedies.push(
            "the circuits are laid out differently: pass the options that the bundle was compiled with (--chunks, --optimize, --hide-weights), and use the release of chainfer that made it"
                .to_owned(),
        );
    }
    if differs(|d| d.what.ends_with(".sol")) {
        remedies.push(
            "the verifier contracts are not those that this program generates: use the release of chainfer that made the bundle"
                .to_owned(),
        );
    }
    remedies
}

fn tensors(stated: &StructureFile) -> Vec<String> {
    let structure = &stated.model;
    let role = |id: usize| {
        let is = |ids: &[chainfer_model::quantized::TensorId]| ids.iter().any(|t| t.0 == id);
        match (is(&structure.inputs), is(&structure.outputs)) {
            (true, _) => " (input)",
            (_, true) => " (output)",
            _ => "",
        }
    };
    let tensors = structure.tensors.iter().enumerate();
    tensors
        .map(|(id, dims)| format!("{id}: {}x{}x{}{}", dims.c, dims.h, dims.w, role(id)))
        .collect()
}

fn layers(stated: &StructureFile) -> Vec<String> {
    stated
        .model
        .layers
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn page(outcome: &Outcome, setup: &SetupStatus, spec: &SrsSpec) -> Page {
    let mut page = Page::new()
        .heading(headline(outcome))
        .fact("manifest id", outcome.manifest_id);
    page = setup_facts(page, setup, spec);
    page = add_to_page(page, outcome);
    page.text(format!("  audited in {}", seconds(outcome.cost.wall_s)))
}

/// The verdict in words.
pub(crate) fn headline(outcome: &Outcome) -> String {
    let n = outcome.unseen_weight_columns;
    match outcome.verdict {
        Verdict::AsCompiled => "AS COMPILED".to_owned(),
        Verdict::AsCompiledExceptWeights => {
            let columns = counted(n, "hidden weight column");
            format!("AS COMPILED except the values of {columns}")
        }
        Verdict::StructureAudited => {
            "STRUCTURE AUDITED: the keys are of the structure below, with unknown weights"
                .to_owned()
        }
        Verdict::NotAsCompiled => {
            let count = counted(outcome.differences.len(), "difference");
            format!("NOT AS COMPILED: {count}")
        }
    }
}

/// What was compared, what differs, and what has to be trusted.
pub(crate) fn add_to_page(mut page: Page, outcome: &Outcome) -> Page {
    let sum = |of: fn(&Coverage) -> usize| outcome.coverage.iter().map(of).sum::<usize>();
    page = page.fact(
        "compared",
        format!(
            "{} and {} of {}, the manifest, the generated files",
            counted(sum(|c| c.fixed_columns), "fixed column"),
            counted(sum(|c| c.copied_columns), "copied column"),
            counted(outcome.coverage.len(), "key")
        ),
    );
    for words in &outcome.ranges {
        page = page.fact("range", words);
    }
    if !outcome.read_with.is_empty() {
        page = page.fact("read with", outcome.read_with.join(" "));
    }
    for words in &outcome.on_trust {
        page = page.fact("on trust", words);
    }
    for difference in &outcome.differences {
        page = page.fact("NO", difference);
    }
    for remedy in &outcome.remedies {
        page = page.fact("remedy", remedy);
    }
    if !outcome.layers.is_empty() {
        page = page.heading("Structure: tensors (channels x rows x columns)");
        for tensor in &outcome.tensors {
            page = page.text(format!("  {tensor}"));
        }
        page = page.heading("Structure: layers");
        for layer in &outcome.layers {
            page = page.text(format!("  {layer}"));
        }
    }
    page
}
