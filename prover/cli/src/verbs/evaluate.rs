//! `chainfer evaluate`: runs the quantised model on a data set, and compares it with labels and with the float model.

use super::shared::{Origin, argmax};
use crate::{
    args::EvaluateArgs,
    failure::bad_input,
    output::{Align, Page, Progress, Report, Table, seconds, thousands},
};
use anyhow::Context as _;
use chainfer_engine::{
    EngineError,
    bundle::{Bundle, StructureFile},
};
use chainfer_formats::{B256, hex};
use chainfer_model::{
    executor::Saturation,
    io::{load_labels, load_samples},
    load_model_with,
    quantise::{Evaluated, Evaluator, MAX_RELATIVE_ERROR, Tally},
    quantized::QuantizedGraph,
};
use rayon::prelude::*;
use serde::Serialize;

/// Samples that one thread takes at a time. Sums are added up in the order of the samples, so figures do not depend on threads.
const BATCH: usize = 16;

/// Samples of which something is true.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Share {
    count: u64,
    of: u64,
}

impl Share {
    fn add(&mut self, holds: bool) {
        self.count += u64::from(holds);
        self.of += 1;
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.of += other.of;
    }

    fn text(self) -> String {
        let percent = 100.0 * self.count as f64 / self.of.max(1) as f64;
        format!("{} of {} ({percent:.2} %)", self.count, self.of)
    }
}

/// Errors of a tensor against the float model.
#[derive(Clone, Debug, Serialize)]
struct TensorError {
    tensor: String,
    max_abs_error: f64,
    mean_abs_error: f64,
    /// As parts of the range of the float values.
    max_relative_error: f64,
    mean_relative_error: f64,
}

/// What saturated of a tensor, over all samples.
#[derive(Clone, Debug, Serialize)]
struct Saturated {
    #[serde(flatten)]
    total: Saturation,
    /// Samples with a value that saturates.
    samples: u64,
}

/// An evaluation, as it is reported.
#[derive(Clone, Debug, Serialize)]
struct Outcome {
    #[serde(with = "hex::word")]
    manifest_id: B256,
    samples: usize,
    /// Samples whose largest value of the first output stands where the float model has it.
    agreement: Option<Share>,
    /// Samples whose largest value of the first output stands at their label.
    accuracy: Option<Share>,
    float_accuracy: Option<Share>,
    outputs: Vec<TensorError>,
    worst: Option<TensorError>,
    saturation: Vec<Saturated>,
    wall_s: f64,
    samples_per_s: f64,
}

/// Figures of some of the samples.
#[derive(Clone, Debug, Default)]
struct Sums {
    agreement: Share,
    accuracy: Share,
    float_accuracy: Share,
    tallies: Vec<Tally>,
    saturation: Vec<Saturated>,
}

impl Sums {
    fn add(&mut self, evaluated: Evaluated, label: Option<usize>) {
        let found = evaluated.raw.first().and_then(|raw| argmax(raw));
        let float = evaluated.float.as_ref().and_then(|f| largest(f.first()?));
        if let Some(float) = float {
            self.agreement.add(found == Some(float));
        }
        if let Some(label) = label {
            self.accuracy.add(found == Some(label));
            if let Some(float) = float {
                self.float_accuracy.add(float == label);
            }
        }
        self.merge_tallies(&evaluated.tallies);
        for total in evaluated.saturation {
            self.merge_saturation(Saturated { total, samples: 1 });
        }
    }

    fn merge(mut self, other: Self) -> Self {
        self.agreement.merge(other.agreement);
        self.accuracy.merge(other.accuracy);
        self.float_accuracy.merge(other.float_accuracy);
        self.merge_tallies(&other.tallies);
        for saturated in other.saturation {
            self.merge_saturation(saturated);
        }
        self
    }

    fn merge_tallies(&mut self, tallies: &[Tally]) {
        self.tallies
            .resize(self.tallies.len().max(tallies.len()), Tally::default());
        for (own, other) in self.tallies.iter_mut().zip(tallies) {
            own.merge(other);
        }
    }

    fn merge_saturation(&mut self, other: Saturated) {
        let mut known = self.saturation.iter_mut();
        match known.find(|own| own.total.tensor == other.total.tensor) {
            Some(own) => {
                own.total.saturated += other.total.saturated;
                own.total.values += other.total.values;
                own.samples += other.samples;
            }
            None => self.saturation.push(other),
        }
    }
}

/// Index of the largest value; the lowest if there are several.
fn largest(values: &[f64]) -> Option<usize> {
    let best = |best: Option<(usize, f64)>, (i, v): (usize, &f64)| match best {
        Some((_, most)) if *v <= most => best,
        _ => Some((i, *v)),
    };
    values.iter().enumerate().fold(None, best).map(|(i, _)| i)
}

/// Evaluates a bundle as the arguments say.
pub(crate) fn run(args: &EvaluateArgs, progress: Progress) -> anyhow::Result<Report> {
    let bundle = Bundle::open(&args.bundle)
        .with_context(|| format!("cannot use the bundle {}", args.bundle.display()))?;
    let graph = &bundle.model().graph;
    let clamps = bundle.clamps().ok_or_else(|| {
        EngineError::Inconsistent(
            "the bundle does not record where the float model saturates".to_owned(),
        )
    })?;
    let float = match args.model.as_deref() {
        Some(file) => {
            // Read as the bundle says that it was.
            let stated = StructureFile::read(bundle.public().dir());
            let reading = stated.map(|stated| stated.reading).unwrap_or_default();
            Some(load_model_with(file, &reading)?.graph)
        }
        None => None,
    };
    let evaluator = Evaluator::new(graph, clamps, float.as_ref())?;
    let origin = Origin::read(&args.bundle)?;
    let samples = load_samples(&args.inputs, &graph.input_specs(), origin.fixed_point)?;
    let labels = args.labels.as_deref().map(load_labels).transpose()?;
    if let Some(labels) = &labels {
        check_labels(labels, samples.len(), graph)?;
    }
    progress.say(format_args!(
        "evaluating {} samples",
        thousands(samples.len() as u64)
    ));
    let start = progress.elapsed_s();
    let batches = samples.par_chunks(BATCH).enumerate().map(|(n, batch)| {
        let mut sums = Sums::default();
        for (i, sample) in batch.iter().enumerate() {
            let label = labels.as_ref().map(|labels| labels[n * BATCH + i]);
            sums.add(evaluator.run(&sample.0)?, label);
        }
        Ok(sums)
    });
    let batches = batches.collect::<anyhow::Result<Vec<Sums>>>()?;
    let sums = batches.into_iter().fold(Sums::default(), Sums::merge);
    let wall_s = progress.elapsed_s() - start;
    let outcome = outcome(&bundle, sums, samples.len(), wall_s);
    Report::new(&outcome, page(&outcome))
}

fn check_labels(labels: &[usize], samples: usize, graph: &QuantizedGraph) -> anyhow::Result<()> {
    if labels.len() != samples {
        return Err(bad_input(format!(
            "--labels: {} labels for {samples} samples",
            labels.len()
        )));
    }
    let classes = graph
        .outputs
        .first()
        .map_or(0, |id| graph.tensor(*id).dims.len());
    match labels.iter().position(|label| *label >= classes) {
        Some(n) => Err(bad_input(format!(
            "--labels: label {n} is {}, but the first output has {classes} values",
            labels[n]
        ))),
        None => Ok(()),
    }
}

fn outcome(bundle: &Bundle, sums: Sums, samples: usize, wall_s: f64) -> Outcome {
    let graph = &bundle.model().graph;
    let error = |tensor: usize| {
        let tally = sums.tallies.get(tensor)?;
        Some(TensorError {
            tensor: graph.tensors[tensor].name.clone(),
            max_abs_error: tally.max,
            mean_abs_error: tally.mean(),
            max_relative_error: tally.relative(tally.max),
            mean_relative_error: tally.relative(tally.mean()),
        })
    };
    let written = graph.layers.iter().map(|layer| layer.output().0);
    let worst = written.filter_map(error).reduce(|a, b| {
        match b.max_relative_error > a.max_relative_error {
            true => b,
            false => a,
        }
    });
    let some = |share: Share| (share.of > 0).then_some(share);
    Outcome {
        manifest_id: bundle.public().manifest().manifest_id,
        samples,
        agreement: some(sums.agreement),
        accuracy: some(sums.accuracy),
        float_accuracy: some(sums.float_accuracy),
        outputs: graph.outputs.iter().filter_map(|id| error(id.0)).collect(),
        worst,
        saturation: sums.saturation,
        wall_s,
        samples_per_s: samples as f64 / wall_s.max(1e-9),
    }
}

fn page(outcome: &Outcome) -> Page {
    use Align::{Left, Right};
    let count = thousands(outcome.samples as u64);
    let mut page = Page::new().heading(format!(
        "Evaluated {count} samples in {}, {:.0} a second (not proved)",
        seconds(outcome.wall_s),
        outcome.samples_per_s
    ));
    for (name, share) in [
        ("accuracy", outcome.accuracy),
        ("accuracy of the float model", outcome.float_accuracy),
        ("largest value as in the float model", outcome.agreement),
    ] {
        if let Some(share) = share {
            page = page.fact(name, share.text());
        }
    }
    if outcome.outputs.is_empty() {
        page = page.text("  pass --model FILE to compare with the float model");
    } else {
        let percent = |part: f64| format!("{:.3} %", 100.0 * part);
        let mut table = Table::new(&[
            ("tensor", Left),
            ("largest error", Right),
            ("of range", Right),
            ("mean error", Right),
            ("of range", Right),
            ("", Left),
        ]);
        let worst = outcome.worst.iter().map(|worst| (worst, "worst layer"));
        for (error, role) in outcome.outputs.iter().map(|o| (o, "output")).chain(worst) {
            table.row([
                error.tensor.clone(),
                format!("{:.5e}", error.max_abs_error),
                percent(error.max_relative_error),
                format!("{:.5e}", error.mean_abs_error),
                percent(error.mean_relative_error),
                match error.max_relative_error > MAX_RELATIVE_ERROR {
                    true => format!("{role}: above {:.0} %", 100.0 * MAX_RELATIVE_ERROR),
                    false => role.to_owned(),
                },
            ]);
        }
        page = page.heading("Errors against the float model").table(table);
    }
    if outcome.saturation.is_empty() {
        return page.text("  nothing saturates");
    }
    let mut table = Table::new(&[
        ("tensor", Left),
        ("values that saturate", Right),
        ("of", Right),
        ("samples", Right),
    ]);
    for saturated in &outcome.saturation {
        table.row([
            saturated.total.tensor.clone(),
            thousands(saturated.total.saturated),
            thousands(saturated.total.values),
            thousands(saturated.samples),
        ]);
    }
    page.heading("Saturation where the float model has none, over the samples with any")
        .table(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn largest_ties_take_the_lowest_index() {
        assert_eq!(largest(&[1.0, 5.0, 5.0, 2.0]), Some(1));
        assert_eq!(largest(&[]), None);
    }
}
