//! Error of the integer program against the float network, on the calibration samples.

use super::calibrate::CalibrationSource;
use crate::error::Result;
use crate::executor::{ClampTable, quantise_clamped, run};
use crate::fuse::FusedGraph;
use crate::quantized::QuantizedGraph;
use crate::signature::Sample;
use serde::{Deserialize, Serialize};

/// Error of one layer's output, in real units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerReport {
    /// Name of the source node or nodes.
    pub name: String,
    /// The kind of layer, see [`crate::quantized::QLayer::kind`].
    pub kind: String,
    /// `[channels, rows, columns]` of the output.
    pub dims: [usize; 3],
    /// Number of integer weights.
    pub weights: usize,
    /// Real size of one step of the output.
    pub scale: f64,
    /// Zero point of the output.
    pub zero_point: u32,
    /// Largest difference from the float network.
    pub max_abs_error: f64,
    /// Mean difference from the float network.
    pub mean_abs_error: f64,
    /// Name of the tensor that it writes.
    pub tensor: String,
    /// `max_abs_error` as a part of the range of the float values; 0 where all of them are 0.
    pub relative_error: f64,
    /// Values that saturated where the float function does not.
    pub saturated: u64,
    /// Number of values compared.
    pub values: u64,
}

/// Error of one model output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputReport {
    /// Name from the source model.
    pub name: String,
    /// Largest difference from the float network.
    pub max_abs_error: f64,
    /// Mean difference from the float network.
    pub mean_abs_error: f64,
    /// `max_abs_error` as a part of the range of the float values; 0 where all of them are 0.
    pub relative_error: f64,
    /// Largest magnitude of the float output.
    pub max_abs_value: f64,
}

/// How far the integer program is from the float network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantReport {
    /// Activation range R.
    pub range: u32,
    /// Where the samples came from.
    pub calibration: CalibrationSource,
    /// Number of samples.
    pub samples: usize,
    /// Reasons to doubt the figures: synthetic samples, tensors with errors above [`MAX_RELATIVE_ERROR`], tensors that saturate.
    pub warnings: Vec<String>,
    /// Layers in order.
    pub layers: Vec<LayerReport>,
    /// Model outputs in order.
    pub outputs: Vec<OutputReport>,
}

/// Largest error of a tensor, as a part of the range of its values, that no warning names.
pub const MAX_RELATIVE_ERROR: f64 = 0.02;

/// Errors of one tensor over samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Largest difference.
    pub max: f64,
    sum: f64,
    /// Number of values compared.
    pub count: u64,
    low: f64,
    high: f64,
}

impl Tally {
    /// Takes up a value and what it should be.
    pub fn add(&mut self, value: f64, expected: f64) {
        let error = (value - expected).abs();
        self.max = self.max.max(error);
        self.sum += error;
        self.count += 1;
        self.low = self.low.min(expected);
        self.high = self.high.max(expected);
    }

    /// Takes up another tally of the same tensor.
    pub fn merge(&mut self, other: &Self) {
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self.count += other.count;
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
    }

    /// Mean difference.
    pub fn mean(&self) -> f64 {
        self.sum / self.count.max(1) as f64
    }

    /// Width of the range of the expected values, 0 included.
    pub fn range(&self) -> f64 {
        self.high - self.low
    }

    /// A difference as a part of that range; 0 where there is none.
    pub fn relative(&self, error: f64) -> f64 {
        let range = self.range();
        if range > 0.0 { error / range } else { 0.0 }
    }
}

pub(super) fn measure(
    fused: &FusedGraph,
    graph: &QuantizedGraph,
    clamps: &ClampTable,
    samples: &[Sample],
    traces: &[Vec<Vec<f64>>],
    source: CalibrationSource,
) -> Result<QuantReport> {
    let mut tallies = vec![Tally::default(); graph.tensors.len()];
    let mut saturated = vec![0; graph.tensors.len()];
    // What the float function reaches of a tensor that saturates where the function is flat, or bounded.
    let mut ends = vec![(f64::NEG_INFINITY, f64::INFINITY); graph.tensors.len()];
    for (layer, clamp) in graph.layers.iter().zip(&clamps.0) {
        let quant = &graph.tensor(layer.output()).quant;
        let slot = &mut ends[layer.output().0];
        if clamp.low {
            slot.0 = quant.real(0);
        }
        if clamp.high {
            slot.1 = quant.real(graph.range - 1);
        }
    }
    for (sample, float) in samples.iter().zip(traces) {
        let inputs = quantise_clamped(graph, &sample.0);
        let trace = run(graph, &inputs, |index, acc| {
            let lost = clamps.0[index].lost(graph.range, acc);
            saturated[graph.layers[index].output().0] += lost;
            Ok(())
        })?;
        for (t, (values, scaled)) in trace.tensors.iter().zip(float).enumerate() {
            let tensor = &graph.tensors[t];
            for (e, (u, scaled)) in values.iter().zip(scaled).enumerate() {
                let factor = tensor.factor(e);
                let expected = scaled.clamp(ends[t].0, ends[t].1);
                tallies[t].add(tensor.real(e, *u), factor * expected);
            }
        }
    }
    let layers: Vec<LayerReport> = graph
        .layers
        .iter()
        .map(|layer| {
            let tensor = graph.tensor(layer.output());
            let tally = &tallies[layer.output().0];
            LayerReport {
                name: layer.name().to_owned(),
                kind: layer.kind().to_owned(),
                dims: [tensor.dims.c, tensor.dims.h, tensor.dims.w],
                weights: layer.weights(),
                scale: tensor.quant.scale,
                zero_point: tensor.quant.zero_point,
                max_abs_error: tally.max,
                mean_abs_error: tally.mean(),
                tensor: tensor.name.clone(),
                relative_error: tally.relative(tally.max),
                saturated: saturated[layer.output().0],
                values: tally.count,
            }
        })
        .collect();
    let outputs = fused
        .outputs
        .iter()
        .map(|t| OutputReport {
            name: graph.tensors[*t].name.clone(),
            max_abs_error: tallies[*t].max,
            mean_abs_error: tallies[*t].mean(),
            relative_error: tallies[*t].relative(tallies[*t].max),
            max_abs_value: tallies[*t].high.max(-tallies[*t].low),
        })
        .collect();
    Ok(QuantReport {
        range: graph.range,
        calibration: source,
        samples: samples.len(),
        warnings: warnings(source, &layers),
        layers,
        outputs,
    })
}

fn warnings(source: CalibrationSource, layers: &[LayerReport]) -> Vec<String> {
    let mut warnings = Vec::new();
    if source == CalibrationSource::Synthetic {
        warnings.push(
            "no calibration samples were given: ranges come from pseudo-random inputs, and real inputs may saturate or lose \
             precision; pass a file of real samples"
                .into(),
        );
    }
    for l in layers {
        if l.relative_error > MAX_RELATIVE_ERROR {
            warnings.push(format!(
                "tensor {} (layer {}): the largest error is {:.1} % of the range of its values on the samples, more than {:.0} %",
                l.tensor,
                l.name,
                100.0 * l.relative_error,
                100.0 * MAX_RELATIVE_ERROR
            ));
        }
        if l.saturated > 0 {
            warnings.push(format!(
                "tensor {} (layer {}): {} of {} calibration values saturate",
                l.tensor, l.name, l.saturated, l.values
            ));
        }
    }
    warnings
}
