//! `chainfer run`: runs the quantised model on one input, without a proof.

use super::{
    prove::saturation,
    shared::{outputs_page, quantised_inputs},
};
use crate::{
    args::RunArgs,
    output::{Page, Progress, Report, seconds},
};
use anyhow::Context as _;
use chainfer_engine::{EngineError, bundle::Bundle};
use chainfer_formats::OutputValues;
use chainfer_model::{
    executor::{execute, execute_strict},
    quantise::SaturationPolicy,
};
use serde_json::json;

/// Executes the quantised model, and reports its outputs.
pub(crate) fn run(args: &RunArgs, progress: Progress) -> anyhow::Result<Report> {
    let bundle = Bundle::open(&args.bundle)
        .with_context(|| format!("cannot use the bundle {}", args.bundle.display()))?;
    let policy = saturation(args.saturation);
    let inputs = quantised_inputs(&bundle, &args.bundle, &args.input, policy)?;
    let graph = &bundle.model().graph;
    let trace = match policy {
        SaturationPolicy::Saturate => execute(graph, &inputs)?,
        SaturationPolicy::Refuse => {
            let clamps = bundle.clamps().ok_or_else(|| {
                EngineError::Inconsistent(
                    "the bundle does not record where the float model saturates, which --refuse-saturation needs".to_owned(),
                )
            })?;
            execute_strict(graph, clamps, &inputs)?
        }
    };
    let outputs: Vec<OutputValues> = bundle
        .public()
        .manifest()
        .outputs
        .iter()
        .zip(
            graph
                .raw_outputs(&trace)
                .into_iter()
                .zip(graph.real_outputs(&trace)),
        )
        .map(|(spec, (raw, values))| OutputValues {
            name: spec.name.clone(),
            shape: spec.shape.clone(),
            visibility: spec.visibility,
            raw: Some(raw),
            values: Some(values),
        })
        .collect();
    let wall_s = progress.elapsed_s();
    let json = json!({
        "manifest_id": bundle.public().manifest().manifest_id,
        "outputs": outputs,
        "wall_s": wall_s,
    });
    let page = Page::new().heading(format!("Computed in {} (not proved)", seconds(wall_s)));
    Report::new(&json, outputs_page(page, &outputs))
}
