//! Error of the integer program against the float network, on the calibration samples.

use super::calibrate::CalibrationSource;
use crate::error::Result;
use crate::executor::{ClampTable, quantise_clamped, run};
use crate::fuse::FusedGraph;
use crate::quantized::{QLayer, QuantizedGraph};
use crate::signature::Sample;
use serde::{Deserialize, Serialize};

/// Error of one layer's output, in real units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerReport {
    /// Name of the source node or nodes.
    pub name: String,
    /// `linear` or `maxpool`.
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
    /// Reasons to doubt the figures: synthetic samples, layers that saturate.
    pub warnings: Vec<String>,
    /// Layers in order.
    pub layers: Vec<LayerReport>,
    /// Model outputs in order.
    pub outputs: Vec<OutputReport>,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    max: f64,
    sum: f64,
    count: u64,
    saturated: u64,
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
    let mut peaks = vec![0.0f64; graph.tensors.len()];
    let range = i64::from(graph.range);
    for (sample, float) in samples.iter().zip(traces) {
        let inputs = quantise_clamped(graph, &sample.0);
        let trace = run(graph, &inputs, |index, acc| {
            let clamp = clamps.0[index];
            let lost = acc.iter().map(|a| a.div_euclid(range));
            let lost = lost.filter(|v| (*v < 0 && !clamp.low) || (*v >= range && !clamp.high));
            tallies[graph.layers[index].output().0].saturated += lost.count() as u64;
            Ok(())
        })?;
        for (t, (values, expected)) in trace.tensors.iter().zip(float).enumerate() {
            let tensor = &graph.tensors[t];
            let tally = &mut tallies[t];
            for (e, (u, scaled)) in values.iter().zip(expected).enumerate() {
                let real = tensor.factor(e) * scaled;
                let error = (tensor.real(e, *u) - real).abs();
                tally.max = tally.max.max(error);
                tally.sum += error;
                tally.count += 1;
                peaks[t] = peaks[t].max(real.abs());
            }
        }
    }
    let mean = |t: &Tally| t.sum / t.count.max(1) as f64;
    let layers: Vec<LayerReport> = graph
        .layers
        .iter()
        .map(|layer| {
            let tensor = graph.tensor(layer.output());
            let tally = &tallies[layer.output().0];
            LayerReport {
                name: layer.name().to_owned(),
                kind: match layer {
                    QLayer::Linear(_) => "linear".into(),
                    QLayer::MaxPool(_) => "maxpool".into(),
                },
                dims: [tensor.dims.c, tensor.dims.h, tensor.dims.w],
                weights: layer.weights(),
                scale: tensor.quant.scale,
                zero_point: tensor.quant.zero_point,
                max_abs_error: tally.max,
                mean_abs_error: mean(tally),
                saturated: tally.saturated,
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
            mean_abs_error: mean(&tallies[*t]),
            max_abs_value: peaks[*t],
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
    warnings.extend(layers.iter().filter(|l| l.saturated > 0).map(|l| {
        format!(
            "layer {}: {} of {} calibration values saturate",
            l.name, l.saturated, l.values
        )
    }));
    warnings
}
