//! Front ends: model files to float graphs.

#[cfg(feature = "onnx")]
mod onnx;
mod zkml;

#[cfg(feature = "onnx")]
pub use onnx::{SUPPORTED as ONNX_OPERATORS, from_onnx_bytes};
pub use zkml::{SUPPORTED as ZKML_OPERATORS, from_zkml_bytes, zkml_inputs};

use crate::error::{ModelError, Result};
#[cfg(feature = "onnx")]
use crate::{
    float::FloatGraph,
    io::{extension, locate, read},
};
use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(feature = "onnx")]
use std::path::Path;

/// Reads a model: `.onnx`, or zkml's `.msgpack`; a file of another extension is tried as both.
///
/// # Errors
/// The file cannot be read, is in neither format, or uses an operator that is not supported.
#[cfg(feature = "onnx")]
pub fn load_model(path: &Path) -> Result<FloatGraph> {
    let bytes = read(path)?;
    match extension(path).as_str() {
        "onnx" => from_onnx_bytes(&bytes),
        "msgpack" => from_zkml_bytes(&bytes),
        _ if looks_like_zkml(&bytes) => from_zkml_bytes(&bytes),
        _ => from_onnx_bytes(&bytes),
    }
    .map_err(|e| locate(e, path))
}

#[cfg(feature = "onnx")]
/// A MessagePack map begins with a byte that no ONNX file begins with.
fn looks_like_zkml(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(0x80..=0x8f | 0xde | 0xdf))
}

/// Runs code of a dependency on untrusted bytes; a panic becomes an error.
fn guarded<T>(format: &'static str, parse: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(parse)).unwrap_or_else(|_| {
        Err(ModelError::Malformed {
            format,
            detail: "the file is broken (the parser gave up on it)".into(),
        })
    })
}
