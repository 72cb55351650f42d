//! Parsers of other crates on bytes that nobody vouches for.

use crate::error::{ModelError, Result};
use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
};

thread_local! {
    /// Whether a panic of this thread becomes an error.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a parser; its panic becomes an error, and is not reported beside it.
pub(super) fn guarded<T>(format: &'static str, parse: impl FnOnce() -> Result<T>) -> Result<T> {
    report_unguarded_panics_only();
    let outside = GUARDED.replace(true);
    let parsed = catch_unwind(AssertUnwindSafe(parse));
    GUARDED.set(outside);
    parsed.unwrap_or_else(|_| {
        Err(ModelError::Malformed {
            format,
            detail: "the file is broken: the parser stopped on it; export the model again".into(),
        })
    })
}

/// The panic hook belongs to the whole process: it is wrapped once, so that other threads, and this one outside of [`guarded`], report
/// their panics as before.
fn report_unguarded_panics_only() {
    static WRAPPED: Once = Once::new();
    WRAPPED.call_once(|| {
        let report = take_hook();
        set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                report(panic);
            }
        }));
    });
}
