//! Real numbers to the integers of a program's inputs, and the integers of its outputs back.

use super::run::Trace;
use super::strict::{Saturation, SaturationPolicy};
use crate::error::{ModelError, Result};
use crate::quantized::{QTensor, QuantizedGraph, TensorId};
use crate::signature::check_lists;

impl QuantizedGraph {
    /// Quantises inputs given in external order (one flat list per input).
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
                let outside = |e: &usize| !(0.0..=top).contains(&tensor.step(*e, values));
                if let Some(internal) = (0..values.len()).find(outside) {
                    let element = tensor.external(internal);
                    return Err(ModelError::InputValue {
                        place: "input".into(),
                        name: tensor.name.clone(),
                        element,
                        reason: format!(
                            "{} is outside of the calibrated range {} to {}",
                            values[element],
                            tensor.real(internal, 0),
                            tensor.real(internal, self.range - 1)
                        ),
                    });
                }
            }
        }
        Ok(quantise_clamped(self, inputs))
    }

    /// Input values outside of the calibrated range, which saturate: one entry for each input with such values. The lists are
    /// those that [`Self::quantise_inputs`] takes.
    pub fn saturated_inputs(&self, inputs: &[Vec<f64>]) -> Vec<Saturation> {
        let top = f64::from(self.range - 1);
        let one = |(id, values): (&TensorId, &Vec<f64>)| {
            let tensor = self.tensor(*id);
            let outside = |e: &usize| !(0.0..=top).contains(&tensor.step(*e, values));
            Saturation {
                tensor: tensor.name.clone(),
                saturated: (0..values.len()).filter(outside).count() as u64,
                values: values.len() as u64,
            }
        };
        let all = self.inputs.iter().zip(inputs).map(one);
        all.filter(|s| s.saturated > 0).collect()
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

impl QTensor {
    /// Where element `internal`, in the order of the dims, stands in external order.
    fn external(&self, internal: usize) -> usize {
        let order = self.element_order.as_ref();
        order.map_or(internal, |order| order[internal])
    }

    /// The nearest step of element `internal`, not clamped; `values` are in external order.
    pub(crate) fn step(&self, internal: usize, values: &[f64]) -> f64 {
        self.quant
            .step(values[self.external(internal)] / self.factor(internal))
    }
}

/// Puts a tensor's values in external order.
fn to_external<T: Copy + Default>(tensor: &QTensor, values: &[T]) -> Vec<T> {
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
            (0..values.len())
                .map(|e| tensor.step(e, values).clamp(0.0, top) as u32)
                .collect()
        })
        .collect()
}
