//! Parsers of other crates that panic on bytes that nobody vouches for.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
};

thread_local! {
    /// Whether a panic of this thread is caught.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// What a parser returns, or nothing if it panics; the panic is not reported.
pub fn caught<T>(parse: impl FnOnce() -> T) -> Option<T> {
    report_other_panics_only();
    let outside = CAUGHT.replace(true);
    let parsed = catch_unwind(AssertUnwindSafe(parse));
    CAUGHT.set(outside);
    parsed.ok()
}

/// The panic hook belongs to the whole process: it is wrapped once, so that other threads, and this one outside of [`caught`], report
/// their panics as before.
fn report_other_panics_only() {
    static WRAPPED: Once = Once::new();
    WRAPPED.call_once(|| {
        let report = take_hook();
        set_hook(Box::new(move |panic| {
            if !CAUGHT.get() {
                report(panic);
            }
        }));
    });
}
