//! Parsers of other crates on bytes that nobody vouches for.

use crate::error::{ModelError, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a parser; its panic becomes an error.
pub(super) fn guarded<T>(format: &'static str, parse: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(parse)).unwrap_or_else(|_| {
        Err(ModelError::Malformed {
            format,
            detail: "the file is broken: the parser stopped on it; export the model again".into(),
        })
    })
}
