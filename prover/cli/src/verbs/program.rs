//! From a model file to an integer program that is cut into chunks.

use crate::{
    args::{AutoOr, ObjectiveArg, PlanArgs, VisibilityArg},
    output::{Progress, thousands},
    solidity::generate,
};
use chainfer_circuits::{CircuitShape, HideWeights, Objective, PlanSummary};
use chainfer_engine::{
    bundle::{Recipe, VerifierRequest, VerifierSource},
    fit::{FitRequest, FitTarget, fit},
};
use chainfer_model::{
    executor::ClampTable,
    frontend::{LoadOptions, LoadedModel},
    io::load_samples,
    load_model_with,
    partition::{BoundaryVisibility, ChunkCount, CostModel, is_cut, partition, partition_at},
    partitioned::{PartitionedModel, Visibility},
    quantise::{QuantOptions, QuantReport, quantise, quantise_within_error},
    split::{SplitLimits, split as split_layers},
};
use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

/// How a model is quantised and cut.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) calibration: Option<PathBuf>,
    pub(crate) chunks: ChunkCount,
    pub(crate) objective: Objective,
    pub(crate) visibility: BoundaryVisibility,
    pub(crate) hide_weights: HideWeights,
    /// What chunks stay within.
    pub(crate) target: FitTarget,
    pub(crate) range: AutoOr<u32>,
}

impl Default for Plan {
    fn default() -> Self {
        PlanArgs::default().into()
    }
}

impl From<PlanArgs> for Plan {
    fn from(args: PlanArgs) -> Self {
        Self {
            calibration: args.calibration,
            chunks: args.chunks.into(),
            objective: args.optimize.into(),
            visibility: BoundaryVisibility {
                inputs: args.input_visibility.into(),
                outputs: args.output_visibility.into(),
            },
            hide_weights: args.hide_weights.into(),
            target: args.size.target(),
            range: args.range,
        }
    }
}

impl Plan {
    /// What the keys depend on, as far as it is known before.
    pub(crate) fn recipe(&self) -> Recipe {
        Recipe {
            objective: self.objective,
            hide_weights: self.hide_weights,
            ..Recipe::default()
        }
    }

    /// Reads a model, quantises it and cuts it.
    ///
    /// # Errors
    /// See [`integer_program`].
    pub(crate) fn program(
        &self,
        model: &Path,
        reading: &LoadOptions,
        progress: Progress,
    ) -> anyhow::Result<Program> {
        integer_program(
            (model, reading),
            self.calibration.as_deref(),
            (self.visibility, self.range),
            &Cut::Fit {
                chunks: self.chunks,
                recipe: self.recipe(),
                target: self.target,
            },
            progress,
        )
    }
}

impl From<AutoOr<NonZeroUsize>> for ChunkCount {
    fn from(arg: AutoOr<NonZeroUsize>) -> Self {
        match arg {
            AutoOr::Auto => Self::Auto,
            AutoOr::Exactly(n) => Self::Exactly(n.get()),
        }
    }
}

impl From<AutoOr<u32>> for HideWeights {
    fn from(arg: AutoOr<u32>) -> Self {
        match arg {
            AutoOr::Auto => Self::Auto,
            AutoOr::Exactly(rows) => Self::Rows(rows),
        }
    }
}

impl From<ObjectiveArg> for Objective {
    fn from(arg: ObjectiveArg) -> Self {
        match arg {
            ObjectiveArg::Time => Self::Time,
            ObjectiveArg::Gas => Self::Gas,
            ObjectiveArg::Memory => Self::Memory,
        }
    }
}

impl From<VisibilityArg> for Visibility {
    fn from(arg: VisibilityArg) -> Self {
        match arg {
            VisibilityArg::Public => Self::Public,
            VisibilityArg::Committed => Self::Committed,
        }
    }
}

/// A model file, quantised and cut.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) model: PartitionedModel,
    pub(crate) clamps: ClampTable,
    pub(crate) report: QuantReport,
    /// Scale factor of the model's own fixed-point input files, if its format has any.
    pub(crate) fixed_point: Option<f64>,
    /// What layers were cut by, if any was.
    pub(crate) split: Option<SplitLimits>,
    /// The shapes of the chunks, if they were chosen for several together.
    pub(crate) shapes: Vec<CircuitShape>,
    /// How the chunks are laid out, where they are cut anew.
    pub(crate) plans: Vec<PlanSummary>,
}

/// How a program is cut into chunks.
#[derive(Clone, Debug)]
pub(crate) enum Cut {
    /// So that chunks stay within a target.
    Fit {
        chunks: ChunkCount,
        recipe: Recipe,
        target: FitTarget,
    },
    /// As it has been before: layers by these limits, chunks behind these layers, or else into so many.
    Again {
        split: Option<SplitLimits>,
        ends: Option<Vec<usize>>,
        chunks: ChunkCount,
    },
}

/// Reads a model, quantises it and cuts it.
///
/// # Errors
/// The model or the samples cannot be used, or the model cannot be cut as asked.
pub(crate) fn integer_program(
    (file, reading): (&Path, &LoadOptions),
    calibration: Option<&Path>,
    (visibility, range): (BoundaryVisibility, AutoOr<u32>),
    cut: &Cut,
    progress: Progress,
) -> anyhow::Result<Program> {
    let LoadedModel {
        graph: float,
        warnings,
    } = load_model_with(file, reading)?;
    for warning in warnings {
        progress.warn(warning);
    }
    progress.say(format_args!(
        "{}: {} operations, {} parameters",
        file.display(),
        float.nodes().len(),
        thousands(float.parameters() as u64)
    ));
    let samples = match calibration {
        Some(file) => load_samples(file, &float.input_specs(), float.fixed_point())?,
        None => Vec::new(),
    };
    let options = QuantOptions {
        input_factors: visibility.inputs == Visibility::Committed,
        ..QuantOptions::default()
    };
    let quantised = match range {
        AutoOr::Auto => quantise_within_error(&float, &samples, &options)?,
        AutoOr::Exactly(range) => quantise(&float, &samples, &QuantOptions { range, ..options })?,
    };
    progress.say(format_args!(
        "quantised to {} steps: {} layers",
        thousands(quantised.graph.range.into()),
        quantised.graph.layers.len()
    ));
    for warning in &quantised.report.warnings {
        progress.warn(warning);
    }
    let (graph, clamps) = (quantised.graph, quantised.clamps);
    let (model, clamps, split, shapes, plans) = match cut {
        Cut::Fit {
            chunks,
            recipe,
            target,
        } => {
            let layers = graph.layers.len();
            let emit = |request: VerifierRequest<'_>| -> Result<VerifierSource, String> {
                let made = generate(&request).map_err(|e| format!("{e:#}"));
                made.map(|_| VerifierSource::default())
            };
            let request = FitRequest {
                chunks: *chunks,
                visibility,
                recipe,
                target: *target,
                emit: Some(&emit),
            };
            let fitted = fit(&graph, &clamps, &request)?;
            let parts = fitted.model.graph.layers.len();
            if parts > layers {
                progress.say(format_args!(
                    "large layers are cut by channels: {layers} layers become {parts}"
                ));
            }
            (
                fitted.model,
                fitted.clamps,
                fitted.split,
                fitted.shapes,
                fitted.plans,
            )
        }
        Cut::Again {
            split,
            ends,
            chunks,
        } => {
            let (graph, clamps) = match split {
                Some(limits) => split_layers(graph, clamps, limits)?,
                None => (graph, clamps),
            };
            let model = match ends {
                // What a bundle states is of its own model.
                Some(ends) if is_cut(ends, graph.layers.len()) => {
                    partition_at(graph, ends, visibility)?
                }
                _ => partition(graph, *chunks, visibility, &CostModel::default())?,
            };
            (model, clamps, *split, Vec::new(), Vec::new())
        }
    };
    Ok(Program {
        model,
        clamps,
        report: quantised.report,
        fixed_point: float.fixed_point(),
        split,
        shapes,
        plans,
    })
}
