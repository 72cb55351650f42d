//! Parsers of other crates on bytes that nobody vouches for.

use crate::error::{ModelError, Result};
use chainfer_formats::panics::caught;

/// Runs a parser; its panic becomes an error, and is not reported beside it.
pub(super) fn guarded<T>(format: &'static str, parse: impl FnOnce() -> Result<T>) -> Result<T> {
    caught(parse).unwrap_or_else(|| {
        Err(ModelError::Malformed {
            format,
            detail: "the file is broken: the parser stopped on it; export the model again".into(),
        })
    })
}
