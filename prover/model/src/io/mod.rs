//! Inputs and outputs: files to real numbers, real numbers to quantised values and back.

mod json;
mod npy;

pub use json::{calibration_from_json, inputs_from_json};
pub use npy::{inputs_from_npy, inputs_from_npz};

use crate::error::{ModelError, Result};
use crate::executor::Trace;
use crate::frontend::zkml_inputs;
use crate::quantise::{Sample, SaturationPolicy};
use crate::quantized::{QTensor, QuantParams, QuantizedGraph};
use std::path::Path;

/// One model input as its user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputSpec {
    /// Name from the source model.
    pub name: String,
    /// Shape, batch included.
    pub shape: Vec<usize>,
}

impl QuantParams {
    /// The real number that `u` stands for.
    pub fn real(&self, u: u32) -> f64 {
        self.scale * (f64::from(u) - f64::from(self.zero_point))
    }

    /// The nearest step, not clamped.
    pub fn step(&self, real: f64) -> f64 {
        libm::round(real / self.scale) + f64::from(self.zero_point)
    }
}

impl QuantizedGraph {
    /// Names and shapes of the inputs.
    pub fn input_specs(&self) -> Vec<InputSpec> {
        let spec = |t: &QTensor| InputSpec {
            name: t.name.clone(),
            shape: t.external_shape.clone(),
        };
        self.inputs
            .iter()
            .map(|id| spec(self.tensor(*id)))
            .collect()
    }

    /// Quantises inputs given in external order (one flat list an input).
    ///
    /// # Errors
    /// Wrong number or length; a value that is not finite; under [`SaturationPolicy::Refuse`], one outside of the range.
    pub fn quantise_inputs(
        &self,
        inputs: &[Vec<f64>],
        policy: SaturationPolicy,
    ) -> Result<Vec<Vec<u32>>> {
        let specs = self.input_specs();
        check_lists("input", &specs, inputs)?;
        if policy == SaturationPolicy::Refuse {
            for (id, values) in self.inputs.iter().zip(inputs) {
                let tensor = self.tensor(*id);
                let top = f64::from(self.range - 1);
                let outside = |v: &f64| !(0.0..=top).contains(&tensor.quant.step(*v));
                if let Some(element) = values.iter().position(outside) {
                    return Err(ModelError::InputValue {
                        place: "input".into(),
                        name: tensor.name.clone(),
                        element,
                        reason: format!(
                            "{} is outside of the calibrated range {} to {}",
                            values[element],
                            tensor.quant.real(0),
                            tensor.quant.real(self.range - 1)
                        ),
                    });
                }
            }
        }
        Ok(quantise_clamped(self, inputs))
    }

    /// The outputs of a trace as integers, in external order.
    pub fn raw_outputs(&self, trace: &Trace) -> Vec<Vec<u32>> {
        self.outputs
            .iter()
            .map(|id| to_external(self.tensor(*id), &trace.tensors[id.0]))
            .collect()
    }

    /// The outputs of a trace as real numbers, in external order.
    pub fn real_outputs(&self, trace: &Trace) -> Vec<Vec<f64>> {
        self.outputs
            .iter()
            .zip(self.raw_outputs(trace))
            .map(|(id, raw)| {
                let quant = self.tensor(*id).quant;
                raw.into_iter().map(|u| quant.real(u)).collect()
            })
            .collect()
    }
}

/// Puts a tensor's values in external order.
pub fn to_external<T: Copy + Default>(tensor: &QTensor, values: &[T]) -> Vec<T> {
    let Some(order) = &tensor.element_order else {
        return values.to_vec();
    };
    let mut external = vec![T::default(); values.len()];
    for (value, i) in values.iter().zip(order) {
        external[*i] = *value;
    }
    external
}

/// Quantises checked inputs, clamping to the range.
pub(crate) fn quantise_clamped(graph: &QuantizedGraph, inputs: &[Vec<f64>]) -> Vec<Vec<u32>> {
    let top = f64::from(graph.range - 1);
    graph
        .inputs
        .iter()
        .zip(inputs)
        .map(|(id, values)| {
            let tensor = graph.tensor(*id);
            let quantise = |v: f64| tensor.quant.step(v).clamp(0.0, top) as u32;
            match &tensor.element_order {
                Some(order) => order.iter().map(|i| quantise(values[*i])).collect(),
                None => values.iter().map(|v| quantise(*v)).collect(),
            }
        })
        .collect()
}

/// Checks number, length and finiteness of flat lists against the model's inputs; `place` begins the message.
///
/// # Errors
/// [`ModelError::InputCount`], [`ModelError::InputLength`] or [`ModelError::InputValue`].
pub fn check_lists(place: &str, specs: &[InputSpec], lists: &[Vec<f64>]) -> Result<()> {
    if lists.len() != specs.len() {
        return Err(ModelError::InputCount {
            expected: specs.len(),
            got: lists.len(),
            names: specs
                .iter()
                .map(|s| format!("{} {:?}", s.name, s.shape))
                .collect::<Vec<_>>()
                .join(", "),
        });
    }
    for (spec, values) in specs.iter().zip(lists) {
        let expected: usize = spec.shape.iter().product();
        if values.len() != expected {
            return Err(ModelError::InputLength {
                place: place.to_owned(),
                name: spec.name.clone(),
                shape: spec.shape.clone(),
                expected,
                got: values.len(),
            });
        }
        if let Some(element) = values.iter().position(|v| !v.is_finite()) {
            return Err(ModelError::InputValue {
                place: place.to_owned(),
                name: spec.name.clone(),
                element,
                reason: "not a finite number".into(),
            });
        }
    }
    Ok(())
}

/// Scale factor of zkml input files where the model does not say (that of zkml's own examples).
pub const ZKML_SCALE_FACTOR: f64 = 512.0;

/// Reads an input file (`.json`, `.npy`, `.npz`, zkml `.msgpack`) as one flat list an input, in external order.
/// `fixed_point` is [`crate::float::FloatGraph::fixed_point`]; [`ZKML_SCALE_FACTOR`] stands in for `None`.
///
/// # Errors
/// The file cannot be read, is not of its format, or does not fit the inputs.
pub fn load_inputs(
    path: &Path,
    specs: &[InputSpec],
    fixed_point: Option<f64>,
) -> Result<Vec<Vec<f64>>> {
    let bytes = read(path)?;
    let lists = match extension(path).as_str() {
        "json" => inputs_from_json(&bytes),
        "npy" => inputs_from_npy(&bytes),
        "npz" => {
            let names: Vec<&str> = specs.iter().map(|s| s.name.as_str()).collect();
            inputs_from_npz(&bytes, &names)
        }
        "msgpack" => zkml_inputs(&bytes, fixed_point.unwrap_or(ZKML_SCALE_FACTOR)),
        other => {
            return Err(ModelError::Malformed {
                format: "input",
                detail: format!(
                    "{}: unknown extension {other:?}; supported: .json, .npy, .npz, .msgpack",
                    path.display()
                ),
            });
        }
    }
    .map_err(|e| locate(e, path))?;
    check_lists(&path.display().to_string(), specs, &lists)?;
    Ok(lists)
}

/// Reads calibration samples: JSON with one or several samples, or any single-input file.
///
/// # Errors
/// As [`load_inputs`].
pub fn load_calibration(
    path: &Path,
    specs: &[InputSpec],
    fixed_point: Option<f64>,
) -> Result<Vec<Sample>> {
    if extension(path) != "json" {
        return Ok(vec![Sample(load_inputs(path, specs, fixed_point)?)]);
    }
    let samples = calibration_from_json(&read(path)?).map_err(|e| locate(e, path))?;
    for (n, sample) in samples.iter().enumerate() {
        check_lists(&format!("{}, sample {n}", path.display()), specs, &sample.0)?;
    }
    Ok(samples)
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| ModelError::Read {
        path: path.to_owned(),
        source,
    })
}

pub(crate) fn extension(path: &Path) -> String {
    path.extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default()
}

/// Names the file in a format error.
pub(crate) fn locate(error: ModelError, path: &Path) -> ModelError {
    match error {
        ModelError::Malformed { format, detail } => ModelError::Malformed {
            format,
            detail: format!("{}: {detail}", path.display()),
        },
        other => other,
    }
}
