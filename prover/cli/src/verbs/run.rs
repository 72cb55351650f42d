//! `chainfer run`: runs the quantised model on one input, without a proof.

use super::{
    prove::saturation,
    shared::{outputs_page, quantised_inputs, say_saturation, scores_before},
};
use crate::{
    args::RunArgs,
    output::{Page, Progress, Report, seconds},
};
use anyhow::Context as _;
use chainfer_engine::{EngineError, bundle::Bundle};
use chainfer_formats::OutputValues;
use chainfer_model::{
    executor::{execute, execute_counting, execute_strict},
    quantise::SaturationPolicy,
};
use serde_json::json;

/// Executes the quantised model, and reports its outputs.
pub(crate) fn run(args: &RunArgs, progress: Progress) -> anyhow::Result<Report> {
    let bundle = Bundle::open(&args.bundle)
        .with_context(|| format!("cannot use the bundle {}", args.bundle.display()))?;
    let policy = saturation(args.saturation);
    let (inputs, mut saturation) = quantised_inputs(&bundle, &args.bundle, &args.input, policy)?;
    let graph = &bundle.model().graph;
    let trace = match (policy, bundle.clamps()) {
        (SaturationPolicy::Saturate, Some(clamps)) => {
            let (trace, layers) = execute_counting(graph, clamps, &inputs)?;
            saturation.extend(layers);
            trace
        }
        (SaturationPolicy::Saturate, None) => execute(graph, &inputs)?,
        (SaturationPolicy::Refuse, Some(clamps)) => execute_strict(graph, clamps, &inputs)?,
        (SaturationPolicy::Refuse, None) => {
            return Err(EngineError::Inconsistent(
                "the bundle does not record where the float model saturates, which --refuse-saturation needs".to_owned(),
            )
            .into());
        }
    };
    say_saturation(&saturation, progress);
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
    let before = scores_before(&bundle.public().manifest().outputs);
    let wall_s = progress.elapsed_s();
    let json = json!({
        "manifest_id": bundle.public().manifest().manifest_id,
        "outputs": outputs,
        "scores_before": before,
        "saturation": saturation,
        "wall_s": wall_s,
    });
    let page = Page::new().heading(format!("Computed in {} (not proved)", seconds(wall_s)));
    Report::new(&json, outputs_page(page, &outputs, &before))
}
