//! Refusal mode: saturation is an error where the float function has no bound.

use super::run::{Trace, run};
use crate::error::{ModelError, Result};
use crate::quantized::QuantizedGraph;
use serde::{Deserialize, Serialize};

/// What happens to a value that leaves its tensor's range where the float function has no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SaturationPolicy {
    /// It saturates, as the circuit does.
    #[default]
    Saturate,
    /// The inference is refused before any proving.
    Refuse,
}

/// Which ends of a layer's range are bounds of the float function itself (ReLU: the low end; ReLU6: the low end, and
/// the high end if the range reaches 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloatClamp {
    /// Clamping at 0 is what the float function does.
    pub low: bool,
    /// Clamping at `range - 1` is what the float function does.
    pub high: bool,
}

impl FloatClamp {
    /// Values that saturate where the float function does not, of one layer's accumulators.
    pub(crate) fn lost(&self, range: u32, accumulators: &[i64]) -> u64 {
        let range = i64::from(range);
        let values = accumulators.iter().map(|a| a.div_euclid(range));
        let lost = values.filter(|v| (*v < 0 && !self.low) || (*v >= range && !self.high));
        lost.count() as u64
    }
}

/// Values of one tensor that saturated where the float function does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saturation {
    /// Name of the tensor.
    pub tensor: String,
    /// Values that saturated.
    pub saturated: u64,
    /// Number of values.
    pub values: u64,
}

/// The [`FloatClamp`] of every layer of the graph, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClampTable(pub Vec<FloatClamp>);

/// Runs the program like [`super::execute`], and refuses any saturation that the float function does not have.
///
/// # Errors
/// As [`super::execute`]; [`ModelError::Saturated`] names the first layer and element.
pub fn execute_strict(
    graph: &QuantizedGraph,
    clamps: &ClampTable,
    inputs: &[Vec<u32>],
) -> Result<Trace> {
    check_clamps(graph, clamps)?;
    let range = i64::from(graph.range);
    run(graph, inputs, |index, acc| {
        let clamp = clamps.0[index];
        let refused = |value: i64| (value < 0 && !clamp.low) || (value >= range && !clamp.high);
        match acc.iter().position(|a| refused(a.div_euclid(range))) {
            None => Ok(()),
            Some(element) => Err(ModelError::Saturated {
                layer: graph.layers[index].name().to_owned(),
                element,
                value: acc[element].div_euclid(range),
                range: graph.range,
            }),
        }
    })
}

/// Runs the program like [`super::execute`], and counts what saturates where the float function does not: one entry for each
/// tensor with such values, in the order of the layers.
///
/// # Errors
/// As [`super::execute`].
pub fn execute_counting(
    graph: &QuantizedGraph,
    clamps: &ClampTable,
    inputs: &[Vec<u32>],
) -> Result<(Trace, Vec<Saturation>)> {
    check_clamps(graph, clamps)?;
    let mut found = Vec::new();
    let trace = run(graph, inputs, |index, acc| {
        let saturated = clamps.0[index].lost(graph.range, acc);
        if saturated > 0 {
            found.push(Saturation {
                tensor: graph.tensor(graph.layers[index].output()).name.clone(),
                saturated,
                values: acc.len() as u64,
            });
        }
        Ok(())
    })?;
    Ok((trace, found))
}

fn check_clamps(graph: &QuantizedGraph, clamps: &ClampTable) -> Result<()> {
    if clamps.0.len() != graph.layers.len() {
        return Err(ModelError::InvalidGraph(format!(
            "{} clamp entries for {} layers",
            clamps.0.len(),
            graph.layers.len()
        )));
    }
    Ok(())
}
