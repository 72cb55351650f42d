//! Transactions that belong to no job: deployments and plain calls.

use super::patience::Patience;
use super::{Engine, Scope};
use crate::boxed::Boxed;
use crate::error::{Error, Result};
use crate::state::IntentState;
use crate::store::{Cause, Intent, NewIntent};
use alloy::primitives::B256;
use std::time::Duration;

fn ended_without_success(state: IntentState) -> bool {
    state == IntentState::Abandoned || state.is_settled() && state != IntentState::Mined
}

impl Engine {
    /// Sends a transaction that belongs to no job, once per `key` however often this is called, and
    /// waits until it is confirmed.
    ///
    /// # Errors
    /// [`Error::TransactionFailed`] when it reverted or could not be sent, [`Error::Paused`] when nothing is sent for the account;
    /// a later call tries anew. [`Error::Timeout`] when it takes longer than `limit`.
    pub async fn send_and_wait(
        &self,
        key: B256,
        what: &str,
        tx: NewIntent,
        limit: Duration,
    ) -> Result<Intent> {
        let mut patience = Patience::new(limit);
        let mut intent = self.add(key, &tx).await?;
        // An earlier call gave it up: once its nonce is used up, this one tries anew.
        let mut anew = self.given_up(&intent).await?.is_some();
        loop {
            if ended_without_success(intent.state) {
                if !anew {
                    return Err(Error::TransactionFailed {
                        what: what.to_owned(),
                        state: intent.state,
                        reason: intent.reason.unwrap_or_default(),
                    });
                }
                self.store.release_key(key).await?;
                intent = self.add(key, &tx).await?;
                anew = false;
            }
            match self.tick_transaction(intent.id).await {
                Ok(true) => return self.store.intent(intent.id).await,
                Ok(false) => {}
                Err(e) if e.is_transient() => tracing::warn!(error = %e, "will try again"),
                Err(e) => return Err(e),
            }
            intent = self.store.intent(intent.id).await?;
            if ended_without_success(intent.state) {
                continue;
            }
            if !anew && let Some(reason) = self.given_up(&intent).await? {
                return Err(Error::TransactionFailed {
                    what: what.to_owned(),
                    state: IntentState::Cancelled,
                    reason,
                });
            }
            if intent.state == IntentState::Ready
                && let Err(paused) = self.check_paused(what).await
            {
                self.store.abandon(intent.id, paused.to_string()).await?;
                return Err(paused);
            }
            self.go_on_waiting(&mut patience, what, &[intent.clone()])
                .await?;
        }
    }

    /// The transaction of a key; a new one where an earlier one did not succeed.
    async fn add(&self, key: B256, tx: &NewIntent) -> Result<Intent> {
        let (chain, sender) = (self.chain_id, self.sender());
        let intent = self
            .store
            .add_intent(key, chain, sender, tx.clone())
            .await?;
        if !ended_without_success(intent.state) {
            return Ok(intent);
        }
        self.store.release_key(key).await?;
        self.store.add_intent(key, chain, sender, tx.clone()).await
    }

    /// Ends a call that waits for something to be signed while nothing is: whoever paused it may not know of the call.
    pub(super) async fn check_paused(&self, what: &str) -> Result<()> {
        if !self.config.fail_over_cap {
            return Ok(());
        }
        let Some(pause) = self.pauses().await?.into_iter().next() else {
            return Ok(());
        };
        let remedy = match pause.cause {
            Cause::Manual => "; whoever paused it has to resume it",
            Cause::Balance | Cause::Spend => "",
        };
        Err(Error::Paused {
            what: what.to_owned(),
            account: self.sender(),
            reason: format!("{}{remedy}", pause.reason),
        })
    }

    /// One poll's wait, and a word about it from time to time.
    ///
    /// # Errors
    /// [`Error::Timeout`] when the time is over.
    pub(super) async fn go_on_waiting(
        &self,
        patience: &mut Patience,
        what: &str,
        intents: &[Intent],
    ) -> Result<()> {
        if patience.is_over() {
            let waits = self.waits_for(intents).await?;
            let waits = waits.map_or(String::new(), |waits| format!(" ({waits})"));
            return Err(Error::Timeout {
                what: format!("{what}{waits}"),
                seconds: patience.seconds(),
            });
        }
        if patience.is_time_to_say()
            && let Some(waits) = self.waits_for(intents).await?
        {
            tracing::warn!("{what} waits: {waits}");
        }
        tokio::time::sleep(self.config.poll).await;
        Ok(())
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
