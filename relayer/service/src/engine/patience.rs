//! What a call that waits waits for: it says so from time to time, and its error says so in the end.

use super::Engine;
use crate::error::Result;
use crate::state::IntentState;
use crate::store::{Intent, Purpose};
use chainfer_chain::rpc::At;
use std::time::{Duration, Instant};

/// Time between two messages of one wait.
const SAY_EVERY: Duration = Duration::from_secs(15);

/// The time that a call may take.
#[derive(Debug)]
pub(super) struct Patience {
    begin: Instant,
    limit: Duration,
    said: Instant,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        let begin = Instant::now();
        Self {
            begin,
            limit,
            said: begin,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.begin.elapsed() > self.limit
    }

    pub(super) fn seconds(&self) -> u64 {
        self.limit.as_secs()
    }

    /// Whether it is time for a message; then the next one is due later.
    pub(super) fn is_time_to_say(&mut self) -> bool {
        let due = self.said.elapsed() >= SAY_EVERY;
        if due {
            self.said = Instant::now();
        }
        due
    }
}

impl Engine {
    /// What the first of these transactions that is not settled waits for, in words, or how deep the last one has to be; nothing where
    /// there are none.
    pub(super) async fn waits_for(&self, intents: &[Intent]) -> Result<Option<String>> {
        let head = match self.rpc.head().await {
            Ok(head) => format!("the node's newest block is {}", head.number),
            Err(e) => format!("the node does not answer: {e}"),
        };
        let open = |i: &&Intent| matches!(i.state, IntentState::Ready | IntentState::Pending);
        let Some(intent) = intents.iter().find(open) else {
            let block = intents.iter().filter_map(|i| i.settlement).next_back();
            return Ok(block.map(|paid| {
                let (block, depth) = (paid.block.number, self.config.confirmations());
                format!("in block {block}, which counts once {depth} blocks are there from it on; {head}")
            }));
        };
        let kind = intent.tx.kind;
        let attempts = self.store.attempts(intent.id).await?;
        let Some(last) = attempts.last() else {
            let reason = intent.reason.as_deref().unwrap_or("not signed yet");
            return Ok(Some(format!("{kind}: {reason}; {head}")));
        };
        let seconds = self.elapsed(Some(last.created_at)).as_secs();
        let said = last.last_outcome.as_deref().unwrap_or("nothing yet");
        let mined = self.rpc.nonce(self.sender(), At::Latest).await;
        let before = mined.map_or(0, |mined| last.tx.nonce.saturating_sub(mined));
        let behind = match before {
            0 => String::new(),
            n => format!(", behind {n} other transactions of the account"),
        };
        Ok(Some(format!(
            "{kind}: transaction {} with nonce {}, signed {seconds} s ago, is in no block{behind}; the node said of it: {said}; {head}",
            last.tx.hash, last.tx.nonce
        )))
    }

    /// Why a transaction is given up that is signed and not settled: the node will never take it, so that its nonce is used up instead.
    pub(super) async fn given_up(&self, intent: &Intent) -> Result<Option<String>> {
        if intent.state != IntentState::Pending {
            return Ok(None);
        }
        let attempts = self.store.attempts(intent.id).await?;
        let cancelled = attempts
            .last()
            .is_some_and(|last| last.tx.purpose == Purpose::Cancel && last.last_sent_at.is_some());
        Ok(cancelled.then(|| intent.reason.clone().unwrap_or_default()))
    }
}
