//! What a model's user gives: the names and shapes of its inputs, and lists of numbers that are checked against them.

use crate::error::{ModelError, Result};

/// One model input as its user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputSpec {
    /// Name from the source model.
    pub name: String,
    /// Shape, batch included.
    pub shape: Vec<usize>,
}

/// One calibration sample: one flat list per input, in the model's own element order.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample(pub Vec<Vec<f64>>);

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
