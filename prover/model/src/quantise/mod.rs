//! Quantisation: a float graph and calibration samples become an integer program and a report of its error.
//!
//! Everything is f64 in a fixed order with a pure-Rust libm, so one model gives one program on every machine.

mod calibrate;
mod correct;
mod equalise;
mod evaluate;
mod layer;
mod levels;
mod products;
mod ranges;
mod report;
mod rounding;

pub use crate::executor::SaturationPolicy;
pub use crate::signature::Sample;
pub use calibrate::CalibrationSource;
pub use evaluate::{Evaluated, Evaluator};
pub use report::{LayerReport, MAX_RELATIVE_ERROR, OutputReport, QuantReport, Tally};

use crate::error::{ModelError, Result};
use crate::executor::{ClampTable, FloatClamp, validate, validate_layer};
use crate::float::FloatGraph;
use crate::fuse::{FusedGraph, FusedLayer, FusedTensor, fuse};
use crate::quantized::{QFunction, QGather, QLayer, QMaxPool, QTensor, QuantizedGraph, TensorId};
use calibrate::{Margins, TensorQuant};
use correct::Corrector;
use serde::{Deserialize, Serialize};

/// How to quantise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantOptions {
    /// Activation range and divisor R.
    pub range: u32,
    /// At least 1: calibrated ends move out by `margin - 1` times the largest magnitude, and by more where samples are few.
    pub margin: f64,
    /// What the executor does with values out of range; quantising does not depend on it.
    pub saturation: SaturationPolicy,
    /// Whether features of an input may get factors of their own, where their ranges differ. Public inputs must not have any:
    /// contracts read them with one scale.
    pub input_factors: bool,
}

impl Default for QuantOptions {
    fn default() -> Self {
        Self {
            range: 4064,
            margin: 1.25,
            saturation: SaturationPolicy::Saturate,
            input_factors: true,
        }
    }
}

/// A quantised model.
#[derive(Clone, Debug)]
pub struct Quantised {
    /// The integer program.
    pub graph: QuantizedGraph,
    /// Which ends of each layer's range the float function has itself.
    pub clamps: ClampTable,
    /// Error against the float network, on the samples.
    pub report: QuantReport,
}

/// Ranges that [`quantise_within_error`] tries: the one that verifiers are shared with, and one with four times the steps.
pub const RANGES: [u32; 2] = [4064, 16256];

/// Quantises `graph` with the first of [`RANGES`] that keeps the error of every output within [`MAX_RELATIVE_ERROR`] of its range
/// on the samples; with the one of the least error if none does. [`QuantOptions::range`] is not read.
///
/// # Errors
/// As [`quantise`], with the last range.
pub fn quantise_within_error(
    graph: &FloatGraph,
    samples: &[Sample],
    options: &QuantOptions,
) -> Result<Quantised> {
    let mut best: Option<(f64, Quantised)> = None;
    let mut last = None;
    for range in RANGES {
        let made = quantise(graph, samples, &QuantOptions { range, ..*options });
        let quantised = match made {
            Ok(quantised) => quantised,
            Err(error) => {
                last = Some(error);
                continue;
            }
        };
        let outputs = quantised.report.outputs.iter();
        let error = outputs.map(|o| o.relative_error).fold(0.0, f64::max);
        if error <= MAX_RELATIVE_ERROR {
            return Ok(quantised);
        }
        if best.as_ref().is_none_or(|(least, _)| error < *least) {
            best = Some((error, quantised));
        }
    }
    match (best, last) {
        (Some((_, quantised)), _) => Ok(quantised),
        (None, Some(error)) => Err(error),
        (None, None) => Err(ModelError::InvalidOption("no range to try".into())),
    }
}

/// Quantises `graph`. Without samples, seeded pseudo-random ones take their place, and the report warns.
///
/// # Errors
/// Bad options or samples; a node that cannot be fused; a layer whose accumulator the circuit cannot write down.
pub fn quantise(
    graph: &FloatGraph,
    samples: &[Sample],
    options: &QuantOptions,
) -> Result<Quantised> {
    check_options(options)?;
    let given = samples.len();
    let (samples, source) = calibrate::samples(graph, samples)?;
    let margins = Margins::new(options.margin, source, samples.len());
    let mut fused = fuse(graph)?;
    let mut traces: Vec<Vec<Vec<f64>>> = samples.iter().map(|s| fused.run(&s.0)).collect();
    if levels::refine(&mut fused, &traces, options.range) {
        traces = samples.iter().map(|s| fused.run(&s.0)).collect();
    }
    let quants = calibrate::tensor_quants(&fused, &traces, margins, (options.range, false));
    equalise::equalise(&mut fused, &mut traces, &quants, options);
    let quants = calibrate::tensor_quants(&fused, &traces, margins, (options.range, true));
    check_fusion(graph, &fused, &samples[0])?;
    let (mut program, clamps) = assemble(&fused, &samples, &traces, &quants, options.range)?;
    for (of, id) in graph.outputs().iter().zip(&program.outputs) {
        program.tensors[id.0].before = graph.left_out(*of);
    }
    validate(&program)?;
    let mut report = report::measure(&fused, &program, &clamps, &samples, &traces, source)?;
    if samples.len() < given {
        report.warnings.push(format!(
            "{} of the {given} calibration samples are used, evenly chosen: the values of the network over more do not fit in memory",
            samples.len()
        ));
    }
    Ok(Quantised {
        graph: program,
        clamps,
        report,
    })
}

fn check_options(options: &QuantOptions) -> Result<()> {
    if !(16..=1 << 16).contains(&options.range) || !options.range.is_multiple_of(2) {
        return Err(ModelError::InvalidOption(format!(
            "range {} must be even and in [16, 65536]",
            options.range
        )));
    }
    if !(1.0..=1024.0).contains(&options.margin) {
        return Err(ModelError::InvalidOption(format!(
            "margin {} must be in [1, 1024]",
            options.margin
        )));
    }
    Ok(())
}

/// Fusing and equalisation are exact up to rounding of f64; anything else is a defect of this crate.
fn check_fusion(graph: &FloatGraph, fused: &FusedGraph, sample: &Sample) -> Result<()> {
    let reference = graph.execute(&sample.0)?;
    let expected = graph.outputs_of(&reference);
    for (values, expected) in fused.outputs_of(&fused.run(&sample.0)).iter().zip(expected) {
        let size = expected.iter().fold(1.0f64, |m, v| m.max(v.abs()));
        let far = |(a, b): (&f64, &f64)| (a - b).abs() > 1e-6 * size || a.is_nan();
        if values.len() != expected.len() || values.iter().zip(expected).any(far) {
            return Err(ModelError::InvalidGraph(
                "the fused network does not compute the float network".into(),
            ));
        }
    }
    Ok(())
}

fn assemble(
    fused: &FusedGraph,
    samples: &[Sample],
    traces: &[Vec<Vec<f64>>],
    quants: &[TensorQuant],
    range: u32,
) -> Result<(QuantizedGraph, ClampTable)> {
    let tensor = |(t, q): (&FusedTensor, &TensorQuant)| QTensor {
        name: t.name.clone(),
        dims: t.dims,
        external_shape: match &t.external {
            Some(external) => external.shape.clone(),
            None => vec![1, t.dims.c, t.dims.h, t.dims.w],
        },
        element_order: t.external.as_ref().and_then(|e| e.order.clone()),
        quant: q.params,
        factors: t.factors.clone(),
        before: None,
    };
    let ids = |list: &[usize]| list.iter().map(|t| TensorId(*t)).collect();
    let mut graph = QuantizedGraph {
        range,
        tensors: fused.tensors.iter().zip(quants).map(tensor).collect(),
        layers: Vec::with_capacity(fused.layers.len()),
        tables: Vec::new(),
        inputs: ids(&fused.inputs),
        outputs: ids(&fused.outputs),
    };
    let mut clamps = Vec::with_capacity(fused.layers.len());
    let mut corrector = Corrector::new(fused, &graph, samples, traces);
    for fused_layer in &fused.layers {
        let output = fused_layer.output();
        clamps.push(match fused_layer {
            FusedLayer::Linear(_) => quants[output].clamp,
            _ => FloatClamp::default(),
        });
        let layer = match fused_layer {
            FusedLayer::Linear(linear) => {
                let mut layer =
                    layer::quantise_linear(linear, &graph.tensors, range, corrector.samples())?;
                corrector.linear(&graph, linear, &mut layer);
                QLayer::Linear(layer)
            }
            FusedLayer::Gather(gather) => QLayer::Gather(QGather {
                name: gather.name.clone(),
                sources: gather.sources.iter().map(|t| TensorId(*t)).collect(),
                output: TensorId(output),
                elements: gather.elements.clone(),
            }),
            FusedLayer::Function(f) => {
                let table = products::table(f, &graph.tensors, range);
                let known = graph.tables.iter().position(|t| *t == table);
                let table = known.unwrap_or_else(|| {
                    graph.tables.push(table);
                    graph.tables.len() - 1
                });
                QLayer::Function(QFunction {
                    name: f.name.clone(),
                    input: TensorId(f.input),
                    output: TensorId(output),
                    table,
                })
            }
            FusedLayer::Product(l) => QLayer::Product(products::product(l, &graph.tensors, range)),
            FusedLayer::MatMul(l) => QLayer::MatMul(products::mat_mul(l, &graph.tensors, range)),
            FusedLayer::MaxPool(pool) => {
                let layer = QMaxPool {
                    name: pool.name.clone(),
                    input: TensorId(pool.input),
                    output: TensorId(pool.output),
                    kernel: pool.window.kernel(),
                    stride: pool.window.stride(),
                    pad: pool.window.pad(),
                };
                QLayer::MaxPool(layer)
            }
        };
        if !matches!(layer, QLayer::Linear(_)) {
            validate_layer(&graph, &layer)?;
            corrector.run(&graph, &layer)?;
        }
        graph.layers.push(layer);
    }
    Ok((graph, ClampTable(clamps)))
}
