//! Whether the service can do its work.

use super::shared::Shared;
use crate::store::unix_ms;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Longest that the node may take.
const NODE_LIMIT: Duration = Duration::from_secs(5);

/// An answer that probes get.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) ready: bool,
    pub(super) body: Value,
}

#[derive(Debug, Clone)]
struct Look {
    begun: Instant,
    answer: watch::Receiver<Option<Answer>>,
}

/// The last look. Whoever asks while it is fresh, or still goes on, gets its answer: however many ask, database and node
/// are asked once.
#[derive(Debug, Default)]
pub(super) struct Readiness(Mutex<Option<Look>>);

impl Readiness {
    pub(super) async fn answer(&self, shared: &Arc<Shared>) -> Answer {
        let mut answer = self.look(shared);
        let found = answer.wait_for(Option::is_some).await;
        let found = found.ok().and_then(|found| found.clone());
        // Whoever looked has ended without an answer.
        found.unwrap_or_else(|| answered(shared, [false; 3]))
    }

    fn look(&self, shared: &Arc<Shared>) -> watch::Receiver<Option<Answer>> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let age = shared.limits.ready_age;
        let holds = |look: &&Look| match &*look.answer.borrow() {
            Some(_) => look.begun.elapsed() < age,
            None => look.answer.has_changed().is_ok(),
        };
        if let Some(look) = last.as_ref().filter(holds) {
            return look.answer.clone();
        }
        let (tell, answer) = watch::channel(None);
        *last = Some(Look {
            begun: Instant::now(),
            answer: answer.clone(),
        });
        let shared = Arc::clone(shared);
        // Not in the request, which ends when its client goes away.
        tokio::spawn(async move { tell.send_replace(Some(look(&shared).await)) });
        answer
    }
}

async fn look(shared: &Shared) -> Answer {
    let engine = &shared.engine;
    let database = engine.store().ping().await.is_ok();
    let node = tokio::time::timeout(NODE_LIMIT, engine.rpc().chain_id()).await;
    let node = matches!(node, Ok(Ok(id)) if id == engine.chain_id());
    let idle = unix_ms().saturating_sub(shared.last_tick.load(Ordering::Relaxed));
    let ticks = u128::from(idle) <= shared.stall_after.as_millis();
    answered(shared, [database, node, ticks])
}

fn answered(shared: &Shared, [database, node, engine]: [bool; 3]) -> Answer {
    let ready = database && node && engine;
    let body = json!({
        "ready": ready,
        "database": database,
        "node": node,
        "engine": engine,
        "chain_id": shared.engine.chain_id(),
        "sender": shared.engine.sender(),
    });
    Answer { ready, body }
}
