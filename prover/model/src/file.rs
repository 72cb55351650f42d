//! Reading files, and naming them in errors.

use crate::error::{ModelError, Result};
use std::path::Path;

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| ModelError::Read {
        path: path.to_owned(),
        source,
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
