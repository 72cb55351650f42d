//! Metrics for Prometheus.

use super::shared::Shared;
use crate::error::Result;
use crate::state::{IntentState, JobState};
use crate::store::{Cause, unix_ms};
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::fmt;

/// Media type of [`Metrics::render`]'s text.
pub(super) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Is {
    /// What is counted: a state, a window, a cause, or the place of a node in the order.
    is: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    /// One of a few: whatever else clients send is "other".
    method: &'static str,
    status: u16,
}

type Gauges = Family<Is, Gauge>;

/// Counters of this process, and gauges that are read from the database when they are asked for.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    ticks: Family<Is, Counter>,
    jobs: Gauges,
    pending: Gauge,
    foreign: Gauge,
    spend: Gauges,
    caps: Gauges,
    balance: Gauge,
    paused: Gauges,
    sending: Gauge,
    idle: Gauge,
    connections: Gauges,
    body_memory: Gauge,
    node_healthy: Gauges,
    node_head: Gauges,
    node_requests: Gauges,
    node_errors: Gauges,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("chainfer_relayer");
        macro_rules! register {
            ($name:literal, $help:literal) => {{
                let metric = Default::default();
                registry.register($name, $help, Clone::clone(&metric));
                metric
            }};
        }
        Self {
            requests: register!("requests", "HTTP requests by method and status"),
            ticks: register!("ticks", "Looks at the chain by outcome"),
            jobs: register!("jobs", "Jobs by state"),
            pending: register!("pending_transactions", "Signed and not in a settled block"),
            foreign: register!("foreign_nonces", "Nonces that were used from elsewhere"),
            spend: register!("spend_gwei", "Spent or signed, by window"),
            caps: register!("spend_cap_gwei", "Spend caps, by window"),
            balance: register!("balance_gwei", "Balance of the sending account"),
            paused: register!("paused", "1 while paused, by cause"),
            sending: register!("sending", "1 while this process holds the account's lease"),
            idle: register!("idle_milliseconds", "Since the last look that succeeded"),
            connections: register!(
                "connections",
                "Open, and since the start closed for a newer one, and not let in"
            ),
            body_memory: register!(
                "body_bytes",
                "Memory of bodies that are received or worked on"
            ),
            node_healthy: register!("node_healthy", "1 unless the node failed lately"),
            node_head: register!("node_head", "Newest block seen at the node"),
            node_requests: register!("node_requests", "Requests to the node since the start"),
            node_errors: register!("node_errors", "Of these without a usable answer"),
            registry,
        }
    }

    pub(super) fn count_request(&self, method: &'static str, status: u16) {
        self.requests
            .get_or_create(&Answered { method, status })
            .inc();
    }

    pub(super) fn count_tick(&self, ok: bool) {
        let outcome = if ok { "ok" } else { "failed" };
        self.ticks.get_or_create(&is(outcome)).inc();
    }

    /// Reads the gauges and writes everything down. `last_tick` is when a tick last succeeded, Unix milliseconds.
    pub(super) async fn render(&self, shared: &Shared, last_tick: u64) -> Result<String> {
        let engine = &shared.engine;
        let (chain, sender) = (engine.chain_id(), engine.sender());
        let store = engine.store();
        let counted = store.count_jobs().await?;
        for state in JobState::ALL {
            let found = counted.iter().find(|(s, _)| s == state);
            set(&self.jobs, state.as_str(), found.map_or(0, |(_, n)| *n));
        }
        self.pending.set(signed(
            store
                .count_intents(chain, sender, IntentState::Pending)
                .await?,
        ));
        self.foreign
            .set(signed(store.foreign_nonces(chain, sender).await?));
        let spend = store.spend(chain, sender).await?;
        let caps = engine.config().caps;
        for (window, spent, cap) in [
            ("open", spend.open, None),
            ("hour", spend.hour, caps.hour),
            ("day", spend.day, caps.day),
            ("total", spend.total, caps.total),
        ] {
            set(&self.spend, window, spent.0);
            if let Some(cap) = cap {
                set(&self.caps, window, cap.0);
            }
        }
        if let Some(balance) = engine.last_balance() {
            self.balance.set(signed(balance.0));
        }
        let pauses = engine.pauses().await?;
        for cause in Cause::ALL {
            let paused = pauses.iter().any(|p| p.cause == cause);
            set(&self.paused, cause.as_str(), u64::from(paused));
        }
        self.sending.set(i64::from(engine.is_sending()));
        let idle = unix_ms().saturating_sub(last_tick);
        self.idle.set(signed(idle));
        for (at, node) in engine.rpc().health().iter().enumerate() {
            let at = at.to_string();
            set(&self.node_healthy, &at, u64::from(node.healthy));
            set(&self.node_head, &at, node.head);
            set(&self.node_requests, &at, node.requests);
            set(&self.node_errors, &at, node.errors);
        }
        let connections = &shared.connections;
        set(&self.connections, "open", connections.open());
        set(&self.connections, "evicted", connections.evicted());
        set(&self.connections, "refused", connections.refused());
        self.body_memory.set(signed(shared.gate.body_memory()));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        Ok(text)
    }
}

fn is(text: &str) -> Is {
    Is {
        is: text.to_owned(),
    }
}

fn set(gauges: &Gauges, label: &str, value: u64) {
    gauges.get_or_create(&is(label)).set(signed(value));
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
