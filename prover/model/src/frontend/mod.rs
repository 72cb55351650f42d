//! Front ends: model files to float graphs.
//!
//! Each format has a table with one entry per operator: its description and the function that reads it. To add
//! an operator, write that function beside its entry in `onnx/operators` or `zkml/layers.rs`; lists, messages and
//! `docs/operators.md` follow.

mod guard;
#[cfg(feature = "onnx")]
mod onnx;
mod operator;
mod zkml;

#[cfg(feature = "onnx")]
pub use onnx::{from_onnx_bytes, onnx_operators};
pub use operator::OperatorInfo;
pub use zkml::{from_zkml_bytes, zkml_inputs, zkml_layers};

#[cfg(feature = "onnx")]
use crate::{
    error::Result,
    file::{MAX_MODEL_BYTES, extension, locate, read},
    float::FloatGraph,
};
#[cfg(feature = "onnx")]
use std::path::Path;

/// Reads a model: `.onnx`, or zkml's `.msgpack`. A file of another extension is read as what its first byte says.
///
/// # Errors
/// The file cannot be read, is in neither format, or uses an operator that is not supported.
#[cfg(feature = "onnx")]
pub fn load_model(path: &Path) -> Result<FloatGraph> {
    let bytes = read(path, MAX_MODEL_BYTES)?;
    match extension(path).as_str() {
        "onnx" => from_onnx_bytes(&bytes),
        "msgpack" => from_zkml_bytes(&bytes),
        _ if looks_like_zkml(&bytes) => from_zkml_bytes(&bytes),
        _ => from_onnx_bytes(&bytes),
    }
    .map_err(|e| locate(e, path))
}

/// A MessagePack map begins with a byte that no ONNX file begins with.
#[cfg(feature = "onnx")]
fn looks_like_zkml(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(0x80..=0x8f | 0xde | 0xdf))
}
