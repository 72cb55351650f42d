//! State that request handlers and the engine's loop share.

use super::connections::Connections;
use super::gate::Gate;
use super::limits::Limits;
use super::metrics::Metrics;
use super::ready::Readiness;
use crate::engine::Engine;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// What request handlers and the engine's loop share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) engine: Engine,
    pub(super) limits: Limits,
    pub(super) gate: Gate,
    pub(super) connections: Arc<Connections>,
    pub(super) readiness: Readiness,
    pub(super) stall_after: Duration,
    /// Unix milliseconds of the last tick that succeeded.
    pub(super) last_tick: AtomicU64,
    /// Why the last tick failed, if it did.
    pub(super) last_error: Mutex<Option<String>>,
    pub(super) metrics: Metrics,
    /// A proof came in: tick now.
    pub(super) wake: Notify,
}
