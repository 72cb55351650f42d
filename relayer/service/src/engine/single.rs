//! Transactions that belong to no job: deployments and plain calls.

use super::{Engine, Scope};
use crate::boxed::Boxed;
use crate::error::{Error, Result};
use crate::state::IntentState;
use crate::store::{Intent, NewIntent};
use alloy::primitives::B256;
use std::time::{Duration, Instant};

fn ended_without_success(state: IntentState) -> bool {
    state == IntentState::Abandoned || state.is_settled() && state != IntentState::Mined
}

impl Engine {
    /// Sends a transaction that belongs to no job, once per `key` however often this is called, and
    /// waits until it is confirmed.
    ///
    /// # Errors
    /// [`Error::TransactionFailed`] when it reverted or could not be sent; a later call tries anew.
    pub async fn send_and_wait(
        &self,
        key: B256,
        what: &str,
        tx: NewIntent,
        limit: Duration,
    ) -> Result<Intent> {
        let begin = Instant::now();
        let mut intent = self
            .store
            .add_intent(key, self.chain_id, self.sender(), tx.clone())
            .await?;
        if ended_without_success(intent.state) {
            self.store.release_key(key).await?;
            intent = self
                .store
                .add_intent(key, self.chain_id, self.sender(), tx)
                .await?;
        }
        loop {
            match self.tick_transaction(intent.id).await {
                Ok(true) => return self.store.intent(intent.id).await,
                Ok(false) => {}
                Err(e) if e.is_transient() => tracing::warn!(error = %e, "will try again"),
                Err(e) => return Err(e),
            }
            intent = self.store.intent(intent.id).await?;
            if ended_without_success(intent.state) {
                return Err(Error::TransactionFailed {
                    what: what.to_owned(),
                    state: intent.state,
                    reason: intent.reason.unwrap_or_default(),
                });
            }
            if begin.elapsed() > limit {
                return Err(Error::Timeout {
                    what: what.to_owned(),
                    seconds: limit.as_secs(),
                });
            }
            tokio::time::sleep(self.config.poll).await;
        }
    }

    /// One step of [`Self::send_and_wait`]; true once the transaction is mined and confirmed.
    fn tick_transaction(&self, intent: i64) -> Boxed<'_, Result<bool>> {
        Box::pin(async move {
            let _one = self.ticking.lock().await;
            let view = self.view().await?;
            if self.hold_lease().await? {
                let work = async {
                    self.watch_pending(&view).await?;
                    self.start_ready(&view, Scope::Intent(intent)).await?;
                    self.repair_gap(&view).await
                };
                self.with_lease(work).await?;
            }
            let intent = self.store.intent(intent).await?;
            if self.reopen_if_lost(&view, &intent).await? {
                return Ok(false);
            }
            Ok(intent.state == IntentState::Mined
                && intent
                    .settlement
                    .is_some_and(|s| view.depth(s.block) >= self.config.confirmations()))
        })
    }
}
