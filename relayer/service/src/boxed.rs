//! Futures without their types.

use std::pin::Pin;

/// A future on the heap.
///
/// The code of an `async fn` is generated in every crate that polls it, with all that it awaits: here the engine and the
/// database, once more for each program and test. What a plain function returns as a `Boxed` is compiled once, in this crate.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
