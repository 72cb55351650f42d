//! TensorFlow Lite's `.tflite` files: channels last, activations fused into operators, real numbers or quantised ones.
//!
//! Quantised tensors become real: constants by their scales, and every value that is computed is clamped to what its scale and zero point
//! can represent. The rounding between is left out, since the model is quantised anew.

mod constants;
mod flat;
mod inputs;
mod names;
mod operators;
mod schema;
mod scores;
mod state;
mod step;
mod survey;

pub use operators::tflite_operators;

use super::guard::guarded;
use super::survey::{LoadOptions, Survey};
use crate::error::{ModelError, Result};
use crate::float::FloatGraph;
use schema::Model;

fn malformed(detail: impl Into<String>) -> ModelError {
    ModelError::Malformed {
        format: "tflite",
        detail: detail.into(),
    }
}

/// The float graph of a TensorFlow Lite model.
///
/// # Errors
/// The bytes are no such model, or it has operators, or uses of them, that are not supported. Never panics.
pub fn from_tflite_bytes(bytes: &[u8]) -> Result<FloatGraph> {
    let survey = survey_tflite(bytes, &LoadOptions::default())?;
    survey.model.map(|model| model.graph)
}

/// A TensorFlow Lite model, operator by operator.
///
/// # Errors
/// The bytes are no such model, or broken. Never panics.
pub(super) fn survey_tflite(bytes: &[u8], options: &LoadOptions) -> Result<Survey> {
    guarded("tflite", || survey::survey(&Model::parse(bytes)?, options))
}
