//! Reading files, and naming them in errors.

use crate::error::{ModelError, Result};
use chainfer_formats::{FormatError, files};
use std::path::Path;

/// Largest size of a model file: that of any message of protobuf, which ONNX is made of.
#[cfg(feature = "onnx")]
pub(crate) const MAX_MODEL_BYTES: u64 = 1 << 31;
/// Largest size of a file with inputs or samples.
pub(crate) const MAX_INPUT_BYTES: u64 = 1 << 30;

/// Reads a file that the user named.
pub(crate) fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>> {
    files::read_named(path, max_bytes).map_err(|error| match error {
        FormatError::Io { path, source, .. } => ModelError::Read { path, source },
        other => ModelError::File(other),
    })
}

/// The extension in lower case, without its dot; empty if there is none.
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
