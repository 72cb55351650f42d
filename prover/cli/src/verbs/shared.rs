//! Code shared by several verbs: reading inputs, showing outputs, and the origin of a bundle.

use crate::output::{Page, Progress, thousands};
use anyhow::Context as _;
use chainfer_circuits::{CircuitShape, PlanSummary, catalogue};
use chainfer_engine::bundle::Bundle;
use chainfer_formats::{
    FinalFunction, FormatError, OutputValues, TensorSpec,
    files::{self, Access},
};
use chainfer_model::{executor::Saturation, io::load_inputs, quantise::SaturationPolicy};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

/// How many values of a list are printed.
const SHOWN: usize = 16;
/// Largest size of the file with a bundle's origin.
const MAX_ORIGIN_BYTES: u64 = 1 << 12;

/// What is shown for a shape that is not in the catalogue.
pub(crate) const OWN_SHAPE: &str = "own";

/// Says what a column of shapes shows.
pub(crate) const SHAPE_LEGEND: &str = "  shape: its entry in the catalogue, whose verifiers all models share; own: a shape that needs a verifier of its own";

/// Rows that a circuit uses, of those that it has.
pub(crate) fn rows_used(plan: &PlanSummary) -> String {
    format!(
        "{} of {}",
        thousands(plan.rows() as u64),
        thousands(plan.usable_rows as u64)
    )
}

/// Columns of a circuit: first phase + second phase + fixed.
pub(crate) fn columns(plan: &PlanSummary) -> String {
    format!(
        "{}+{}+{}",
        plan.first_phase_columns, plan.second_phase_columns, plan.fixed_columns
    )
}

/// The entry of the catalogue that a shape is.
pub(crate) fn catalogue_name(shape: &CircuitShape) -> Option<&'static str> {
    catalogue::entry_of(shape).map(|entry| entry.name)
}

/// What reading inputs needs to know about the model file that a bundle was made from.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Origin {
    format: String,
    version: u32,
    /// Scale factor of the model's own fixed-point input files, if its format has any.
    pub(crate) fixed_point: Option<f64>,
}

impl Origin {
    const FORMAT: &str = "chainfer.origin";

    /// The origin of a model with this scale factor.
    pub(crate) fn new(fixed_point: Option<f64>) -> Self {
        Self {
            format: Self::FORMAT.to_owned(),
            version: 1,
            fixed_point,
        }
    }

    fn path(bundle: &Path) -> PathBuf {
        bundle.join("private").join("origin.json")
    }

    /// Adds the file to a fresh bundle.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn write(&self, bundle: &Path) -> anyhow::Result<()> {
        let path = Self::path(bundle);
        let text = serde_json::to_vec_pretty(self)?;
        files::create(&path, Access::Private)?
            .write_all(&text)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    pub(crate) fn read(bundle: &Path) -> anyhow::Result<Self> {
        let path = Self::path(bundle);
        match files::read(&path, MAX_ORIGIN_BYTES) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is damaged", path.display())),
            // Only fixed-point inputs need it, and they have a usual factor.
            Err(FormatError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                Ok(Self::new(None))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads an input file and quantises it for a bundle. The second list is of inputs with values outside of their range.
///
/// # Errors
/// The file does not fit the model's inputs.
pub(crate) fn quantised_inputs(
    bundle: &Bundle,
    folder: &Path,
    file: &Path,
    policy: SaturationPolicy,
) -> anyhow::Result<(Vec<Vec<u32>>, Vec<Saturation>)> {
    let graph = &bundle.model().graph;
    let origin = Origin::read(folder)?;
    let reals = load_inputs(file, &graph.input_specs(), origin.fixed_point)?;
    let inputs = graph.quantise_inputs(&reals, policy)?;
    Ok((inputs, graph.saturated_inputs(&reals)))
}

/// Warns of tensors whose values saturated.
pub(crate) fn say_saturation(saturation: &[Saturation], progress: Progress) {
    for Saturation {
        tensor,
        saturated,
        values,
    } in saturation
    {
        progress.warn(format_args!(
            "tensor {tensor}: {saturated} of {values} values saturate where the float model does not; the samples of --calibration \
             do not cover this input"
        ));
    }
}

/// Least and largest factor of an input whose features have factors of their own.
pub(crate) fn factor_ends(spec: &TensorSpec) -> Option<(f64, f64)> {
    let factors = spec.factors.as_ref()?;
    let least = factors.iter().copied().reduce(f64::min)?;
    let most = factors.iter().copied().reduce(f64::max)?;
    Some((least, most))
}

/// Index of the largest value; the lowest if there are several.
pub(crate) fn argmax(raw: &[u32]) -> Option<usize> {
    raw.iter()
        .enumerate()
        .rev()
        .max_by_key(|(_, v)| **v)
        .map(|(i, _)| i)
}

/// The outputs that are scores before a function that was left out, by name.
pub(crate) type ScoresBefore = BTreeMap<String, FinalFunction>;

/// Those of a model.
pub(crate) fn scores_before(outputs: &[TensorSpec]) -> ScoresBefore {
    let before = |spec: &TensorSpec| Some((spec.name.clone(), spec.before?));
    outputs.iter().filter_map(before).collect()
}

/// What is said of scores before a function that was left out.
pub(crate) fn say_before(function: FinalFunction) -> String {
    format!(
        "scores before the model's final {function}, which is left out; their order is that of its values"
    )
}

/// Adds the outputs of an inference to a page.
pub(crate) fn outputs_page(
    mut page: Page,
    outputs: &[OutputValues],
    before: &ScoresBefore,
) -> Page {
    for output in outputs {
        page = page.heading(format!("Output {} {:?}", output.name, output.shape));
        if let Some(function) = before.get(&output.name) {
            page = page.fact("they are", say_before(*function));
        }
        let (Some(raw), Some(values)) = (&output.raw, &output.values) else {
            page = page.text("  committed: only a commitment to the values is public");
            continue;
        };
        page = page
            .fact("values", list(values.iter().map(|v| format!("{v:.3}"))))
            .fact("integers", list(raw.iter().map(ToString::to_string)));
        if let Some(best) = argmax(raw).filter(|_| raw.len() > 1) {
            page = page.fact("largest at", format!("index {best}"));
        }
    }
    page
}

fn list(values: impl ExactSizeIterator<Item = String>) -> String {
    let count = values.len();
    let shown: Vec<String> = values.take(SHOWN).collect();
    match count.checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} … {more} more", shown.join(" ")),
        _ => shown.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argmax_ties_take_the_lowest_index() {
        assert_eq!(argmax(&[1, 5, 5, 2]), Some(1));
        assert_eq!(argmax(&[]), None);
    }

    #[test]
    fn list_is_cut_with_the_count_of_the_rest() {
        let text = list(
            (0..20)
                .map(|i| i.to_string())
                .collect::<Vec<_>>()
                .into_iter(),
        );
        assert!(text.ends_with("15 … 4 more"), "{text}");
    }
}
