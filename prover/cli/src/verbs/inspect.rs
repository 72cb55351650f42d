//! `chainfer inspect`: describes a bundle or a model.

use super::{
    picture,
    setup::setup_facts,
    shared::{OWN_SHAPE, SHAPE_LEGEND, catalogue_name, factor_ends, say_before, scores_before},
};
use crate::{
    args::{InspectArgs, PlanArgs},
    failure::bad_input,
    output::{Align, Page, Progress, Report, Table, bytes, thousands},
};
use anyhow::Context as _;
use chainfer_circuits::PlanSummary;
use chainfer_engine::bundle::{Bundle, LAYOUT_FILE, MAX_LAYOUT_BYTES, PRIVATE_DIR, PublicBundle};
use chainfer_formats::{KnownSetups, Manifest, TensorSpec, Visibility, files};
use chainfer_model::{
    frontend::{LoadOptions, LoadedModel, Support, SurveyedNode},
    survey_model,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;

/// Describes a bundle if the target is a folder, a model file otherwise.
pub(crate) fn run(args: InspectArgs, progress: Progress) -> anyhow::Result<Report> {
    // The reader of models says of other folders what they are.
    let is_bundle = args.target.is_dir() && !args.target.join("saved_model.pb").is_file();
    if args.plan != PlanArgs::default() && (is_bundle || args.svg.is_none()) {
        return Err(bad_input(
            "options that say how a model is cut need a model file and --svg FILE: a bundle has been cut, and nothing else depends on them",
        ));
    }
    if is_bundle {
        return bundle(&args.target, &args.known.load()?, args.svg.as_deref());
    }
    let reading = args.reading.load_options()?;
    let (mut json, mut page) = model(&args.target, &reading)?;
    if let Some(file) = &args.svg {
        let model = (args.target.as_path(), &reading);
        let (drawn, with_chunks) =
            picture::of_model(model, &args.plan.into(), file, page, progress)?;
        (json["svg"], page) = (drawn, with_chunks);
    }
    Report::new(&json, page)
}

fn model(path: &Path, options: &LoadOptions) -> anyhow::Result<(Value, Page)> {
    let survey = survey_model(path, options)?;
    Ok(match &survey.model {
        Ok(model) => readable(path, model),
        Err(_) => unsupported(path, &survey.nodes),
    })
}

/// A model that has nodes that are not supported: they are what its owner wants to know of it.
fn unsupported(path: &Path, nodes: &[SurveyedNode]) -> (Value, Page) {
    let mut table = Table::new(&[
        ("node", Align::Left),
        ("operator", Align::Left),
        ("supported", Align::Left),
        ("remedy", Align::Left),
    ]);
    let mut json_nodes = Vec::new();
    let mut count = 0;
    for node in nodes {
        let (word, reason, remedy) = match &node.support {
            Support::Supported => ("yes", "", ""),
            Support::Constant => ("yes, a constant", "", ""),
            Support::Dropped => ("left out", "", ""),
            Support::Unknown => ("unknown", "it reads what an unsupported node computes", ""),
            Support::Unsupported { reason, remedy } => ("no", reason.as_str(), remedy.as_str()),
        };
        let verdict = match &node.support {
            Support::Unsupported { .. } => {
                count += 1;
                Some(false)
            }
            Support::Unknown => None,
            _ => Some(true),
        };
        table.row([
            node.name.clone(),
            node.operator.clone(),
            if reason.is_empty() {
                word.to_owned()
            } else {
                format!("{word}: {reason}")
            },
            remedy.to_owned(),
        ]);
        json_nodes.push(json!({
            "name": node.name, "operation": node.operator, "supported": verdict, "reason": reason, "remedy": remedy,
        }));
    }
    let page = Page::new()
        .heading(format!("Model {}", path.display()))
        .fact("not supported", format!("{count} of {} nodes", nodes.len()))
        .heading("Nodes")
        .table(table);
    let json = json!({
        "kind": "model", "supported": false, "unsupported": count, "nodes": json_nodes,
    });
    (json, page)
}

fn readable(path: &Path, model: &LoadedModel) -> (Value, Page) {
    let graph = &model.graph;
    let mut table = Table::new(&[
        ("operation", Align::Left),
        ("node", Align::Left),
        ("output", Align::Right),
        ("parameters", Align::Right),
    ]);
    let mut nodes = Vec::new();
    for node in graph.nodes() {
        let shape = &graph.tensor(node.output).shape;
        let parameters = node.op.parameters();
        table.row([
            node.op.name().to_owned(),
            node.name.clone(),
            format!("{shape:?}"),
            if parameters == 0 {
                "-".to_owned()
            } else {
                thousands(parameters as u64)
            },
        ]);
        nodes.push(json!({
            "name": node.name, "operation": node.op.name(), "shape": shape, "parameters": parameters,
        }));
    }
    let mut page = Page::new().heading(format!("Model {}", path.display()));
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for (role, ids, list) in [
        ("input", graph.inputs(), &mut inputs),
        ("output", graph.outputs(), &mut outputs),
    ] {
        for id in ids {
            let tensor = graph.tensor(*id);
            page = page.fact(role, format!("{} {:?}", tensor.name, tensor.shape));
            list.push(json!({ "name": tensor.name, "shape": tensor.shape }));
        }
    }
    page = page
        .fact("parameters", thousands(graph.parameters() as u64))
        .heading("Operations")
        .table(table);
    for warning in &model.warnings {
        page = page.text(format!("  {warning}"));
    }
    let json = json!({
        "kind": "model", "supported": true, "warnings": model.warnings, "inputs": inputs, "outputs": outputs, "nodes": nodes, "parameters": graph.parameters(),
    });
    (json, page)
}

#[derive(Deserialize)]
struct LayoutFile {
    chunks: Vec<PlanSummary>,
}

fn bundle(path: &Path, known: &KnownSetups, svg: Option<&Path>) -> anyhow::Result<Report> {
    let public = PublicBundle::open(path)
        .with_context(|| format!("cannot use the bundle {}", path.display()))?;
    let manifest = public.manifest();
    let layout = public.dir().join(LAYOUT_FILE);
    let text = files::read(&layout, MAX_LAYOUT_BYTES)?;
    let layout: LayoutFile = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not a layout file of this version", layout.display()))?;
    check_layout(manifest, &layout.chunks).map_err(|what| {
        let path = public.dir().join(LAYOUT_FILE);
        bad_input(format!(
            "{} contradicts the manifest: {what}",
            path.display()
        ))
    })?;
    let left = proofs_left(path)?;
    let drawn = svg
        .map(|file| picture::of_bundle(path, &public, &layout.chunks, file))
        .transpose()?;

    let page = Page::new()
        .heading(format!("Bundle {}", path.display()))
        .fact("manifest id", manifest.manifest_id)
        .fact("key set", manifest.key_set);
    let status = known.status(&manifest.srs);
    let mut page = setup_facts(page, &status, &manifest.srs)
        .fact(
            "range",
            format!("{} steps", thousands(manifest.range.into())),
        )
        .heading("Tensors")
        .table(tensors(manifest));
    for (name, function) in scores_before(&manifest.outputs) {
        page = page.text(format!("  output {name}: {}", say_before(function)));
    }
    page = page
        .heading("Chunks")
        .table(chunks(manifest, &layout.chunks, left.as_deref()))
        .text(SHAPE_LEGEND)
        .text("  columns: first phase + second phase + fixed, and in brackets those under copy constraints")
        .text("  rows, columns, lookups and error are what the bundle says of itself (public/layout.json): `chainfer audit` compares them")
        .text("  error: soundness error of lookups and random linear combinations; the curve has about 100 bits of security");
    let shapes = manifest.chunks.iter().map(|c| catalogue_name(&c.shape));
    let page = match svg {
        Some(file) => page.text(format!("  drawn in {}", file.display())),
        None => page,
    };
    let mut json = json!({
        "kind": "bundle", "catalogue": shapes.collect::<Vec<_>>(), "manifest": manifest, "layout": layout.chunks, "proofs_left": left,
        "setup": status.word(), "setup_name": status.name(),
    });
    if let Some(file) = drawn {
        json["svg"] = file;
    }
    Report::new(&json, page)
}

/// Refuses a report that contradicts the manifest. The rest of it only an audit can check.
fn check_layout(manifest: &Manifest, plans: &[PlanSummary]) -> Result<(), String> {
    if plans.len() != manifest.chunks.len() {
        return Err(format!(
            "it has {} chunks, not {}",
            plans.len(),
            manifest.chunks.len()
        ));
    }
    for (entry, plan) in manifest.chunks.iter().zip(plans) {
        let rows = 1usize << entry.shape.k;
        let parts = [plan.value_rows, plan.combine_rows, plan.hash_rows];
        let wrong = if plan.shape != entry.shape {
            "shape"
        } else if plan.hide_rows != entry.hide_rows {
            "hide_rows"
        } else if plan.usable_rows >= rows {
            "usable_rows"
        } else if parts.iter().any(|taken| *taken > plan.usable_rows) {
            "rows taken"
        } else {
            continue;
        };
        return Err(format!("chunk {}: {wrong}", entry.index));
    }
    Ok(())
}

/// How many more proofs each chunk's key may make; `None` if the bundle has no private part.
fn proofs_left(path: &Path) -> anyhow::Result<Option<Vec<Option<u32>>>> {
    if !path.join(PRIVATE_DIR).is_dir() {
        return Ok(None);
    }
    let bundle = Bundle::open(path)?;
    let chunks = 0..bundle.public().num_chunks();
    Ok(Some(
        chunks
            .map(|chunk| bundle.proofs_left(chunk))
            .collect::<Result<_, _>>()?,
    ))
}

fn tensors(manifest: &Manifest) -> Table {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("tensor", Left),
        ("role", Left),
        ("shape", Left),
        ("visibility", Left),
        ("chunk", Right),
        ("words", Right),
        ("scale", Right),
        ("zero point", Right),
    ]);
    let mut add = |spec: &TensorSpec, role: &str| {
        table.row([
            spec.name.clone(),
            role.to_owned(),
            format!("{:?}", spec.shape),
            match spec.visibility {
                Visibility::Public => "public".to_owned(),
                Visibility::Committed => "committed".to_owned(),
            },
            spec.chunk.to_string(),
            spec.words().to_string(),
            match factor_ends(spec) {
                None => format!("{:.6}", spec.scale),
                Some((least, most)) => format!("{:.6}, times {least:e} to {most:e}", spec.scale),
            },
            spec.zero_point.to_string(),
        ]);
    };
    manifest.inputs.iter().for_each(|spec| add(spec, "input"));
    manifest.outputs.iter().for_each(|spec| add(spec, "output"));
    table
}

fn chunks(manifest: &Manifest, plans: &[PlanSummary], left: Option<&[Option<u32>]>) -> Table {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("chunk", Right),
        ("shape", Left),
        ("k", Right),
        ("columns", Left),
        ("rows: values", Right),
        ("weights", Right),
        ("hashing", Right),
        ("of", Right),
        ("lookups", Right),
        ("error", Right),
        ("hide rows", Right),
        ("proofs left", Right),
        ("public", Right),
        ("proof", Right),
    ]);
    for (entry, plan) in manifest.chunks.iter().zip(plans) {
        table.row([
            entry.index.to_string(),
            catalogue_name(&entry.shape).unwrap_or(OWN_SHAPE).to_owned(),
            entry.shape.k.to_string(),
            format!(
                "{}+{}+{} ({})",
                plan.first_phase_columns,
                plan.second_phase_columns,
                plan.fixed_columns,
                plan.equality_columns
            ),
            thousands(plan.value_rows as u64),
            thousands(plan.combine_rows as u64),
            thousands(plan.hash_rows as u64),
            thousands(plan.usable_rows as u64),
            thousands(plan.lookups as u64),
            format!("2^{:.0}", plan.soundness_error_log2),
            entry.hide_rows.to_string(),
            match left.map(|l| l.get(entry.index).copied().flatten()) {
                None => "?".to_owned(),
                Some(None) => "unlimited".to_owned(),
                Some(Some(count)) => thousands(count.into()),
            },
            entry.num_public.to_string(),
            bytes(entry.proof_length as u64),
        ]);
    }
    table
}
