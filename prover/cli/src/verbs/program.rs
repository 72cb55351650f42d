//! From a model file to an integer program that is cut into chunks.

use crate::{
    args::{AutoOr, ObjectiveArg, PlanArgs, VisibilityArg},
    output::{Progress, thousands},
};
use chainfer_circuits::{HideWeights, Objective};
use chainfer_engine::{
    bundle::Recipe,
    fit::{FitTarget, fit},
};
use chainfer_model::{
    executor::ClampTable,
    frontend::{LoadOptions, LoadedModel},
    io::load_calibration,
    load_model_with,
    partition::{BoundaryVisibility, ChunkCount, CostModel, partition},
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
}

/// How a program is cut into chunks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// So that chunks stay within a target.
    Fit {
        chunks: ChunkCount,
        recipe: Recipe,
        target: FitTarget,
    },
    /// As it has been before.
    Again {
        chunks: ChunkCount,
        split: Option<SplitLimits>,
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
        Some(file) => load_calibration(file, &float.input_specs(), float.fixed_point())?,
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
    let (model, clamps, split) = match cut {
        Cut::Fit {
            chunks,
            recipe,
            target,
        } => {
            let layers = graph.layers.len();
            let fitted = fit(&graph, &clamps, (*chunks, visibility), recipe, target)?;
            let parts = fitted.model.graph.layers.len();
            if parts > layers {
                progress.say(format_args!(
                    "large layers are cut by channels: {layers} layers become {parts}"
                ));
            }
            (fitted.model, fitted.clamps, fitted.split)
        }
        Cut::Again { chunks, split } => {
            let (graph, clamps) = match split {
                Some(limits) => split_layers(graph, clamps, limits)?,
                None => (graph, clamps),
            };
            let model = partition(graph, *chunks, visibility, &CostModel::default())?;
            (model, clamps, *split)
        }
    };
    Ok(Program {
        model,
        clamps,
        report: quantised.report,
        fixed_point: float.fixed_point(),
        split,
    })
}
