//! Front ends: model files to float graphs.
//!
//! Each format has a table with one entry per operator: its description and the function that reads it. To add
//! an operator, write that function beside its entry in `onnx/operators`, `tflite/operators` or `zkml/layers`; lists, messages and
//! `docs/operators.md` follow.

mod compose;
#[cfg(feature = "onnx")]
mod foreign;
mod guard;
#[cfg(feature = "onnx")]
mod onnx;
mod operator;
mod survey;
mod tflite;
mod zkml;

#[cfg(feature = "onnx")]
use onnx::survey_onnx;
#[cfg(feature = "onnx")]
pub use onnx::{from_onnx_bytes, onnx_operators};
pub use operator::OperatorInfo;
pub use survey::{Blockers, LoadOptions, LoadedModel, Support, Survey, SurveyedNode};
pub use tflite::{from_tflite_bytes, tflite_operators};
pub use zkml::{from_zkml_bytes, zkml_inputs, zkml_layers};

#[cfg(feature = "onnx")]
use crate::{
    error::Result,
    file::{MAX_MODEL_BYTES, extension, locate, read},
    float::FloatGraph,
};
#[cfg(feature = "onnx")]
use std::path::Path;

/// Reads a model: `.onnx`, `.tflite`, or zkml's `.msgpack`. A file of another extension is read as what its first bytes say.
///
/// # Errors
/// The file cannot be read, is in none of these formats, or has nodes that are not supported: all of them are named.
#[cfg(feature = "onnx")]
pub fn load_model(path: &Path) -> Result<FloatGraph> {
    load_model_with(path, &LoadOptions::default()).map(|model| model.graph)
}

/// As [`load_model`], with options, and with what the file has that is not part of the model.
///
/// # Errors
/// As [`load_model`]; an option does not fit the file.
#[cfg(feature = "onnx")]
pub fn load_model_with(path: &Path, options: &LoadOptions) -> Result<LoadedModel> {
    survey_model(path, options)?
        .model
        .map_err(|e| locate(e, path))
}

/// Reads a model, and says of each node whether it is supported.
///
/// # Errors
/// The file cannot be read or is broken.
#[cfg(feature = "onnx")]
pub fn survey_model(path: &Path, options: &LoadOptions) -> Result<Survey> {
    if let Some(error) = foreign::refuse_folder(path) {
        return Err(error);
    }
    let bytes = read(path, MAX_MODEL_BYTES)?;
    if let Some(error) = foreign::refuse(path, &bytes) {
        return Err(error);
    }
    let mut survey = by_format(path, &bytes, options).map_err(|e| locate(e, path))?;
    if options.drop_final_softmax
        && let Ok(LoadedModel { graph, warnings }) = &mut survey.model
        && graph
            .outputs()
            .iter()
            .all(|id| graph.left_out(*id).is_none())
    {
        warnings.push(
            "--drop-final-softmax: no output ends in Softmax, LogSoftmax or Sigmoid alone, so nothing is left out"
                .to_owned(),
        );
    }
    Ok(survey)
}

#[cfg(feature = "onnx")]
fn by_format(path: &Path, bytes: &[u8], options: &LoadOptions) -> Result<Survey> {
    let onnx = || survey_onnx(bytes, path.parent(), options);
    let tflite = || tflite::survey_tflite(bytes, options);
    let zkml = || zkml::survey_zkml(bytes, options);
    match extension(path).as_str() {
        "tflite" => tflite(),
        _ if bytes.get(4..8) == Some(b"TFL3") => tflite(),
        "onnx" => onnx(),
        "msgpack" => zkml(),
        _ if looks_like_zkml(bytes) => zkml(),
        _ => onnx(),
    }
}

/// A MessagePack map begins with a byte that no ONNX file begins with.
#[cfg(feature = "onnx")]
fn looks_like_zkml(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(0x80..=0x8f | 0xde | 0xdf))
}
