//! State that request handlers and the engine's loop share.

use super::metrics::Metrics;
use crate::engine::Engine;
use chainfer_chain::wallet::Secret;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::sync::Notify;

/// What request handlers and the engine's loop share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) engine: Engine,
    pub(super) token: Option<Secret>,
    pub(super) stall_after: Duration,
    /// Unix milliseconds of the last tick that succeeded.
    pub(super) last_tick: AtomicU64,
    /// Why the last tick failed, if it did.
    pub(super) last_error: Mutex<Option<String>>,
    pub(super) metrics: Metrics,
    /// A proof came in: tick now.
    pub(super) wake: Notify,
}
