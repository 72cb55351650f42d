//! The sending account: nonces used by others, and gaps between nonces.

use super::Engine;
use super::view::View;
use crate::error::{Error, Result};
use crate::state::IntentState;
use chainfer_chain::rpc::At;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// Pending transactions that are looked at for the highest nonce.
const PENDING_LIMIT: u32 = 10_000;

impl Engine {
    /// Notes how many transactions the chain has of this account, and says so when some are not ours.
    pub(super) async fn note_account(&self, count: u64) -> Result<()> {
        let known = {
            let mut seen = self
                .account_seen
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            seen.replace(count)
        };
        if known == Some(count) {
            return Ok(());
        }
        let sender = self.sender();
        for nonce in self
            .store
            .note_account(self.chain_id, sender, count)
            .await?
        {
            tracing::warn!(%sender, nonce, "the key is used from elsewhere: this nonce is not ours");
        }
        Ok(())
    }

    /// Takes a node's count of the account's transactions in blocks for true. One that is further ahead of the last one than this state
    /// explains must be seen several times in a row: decisions that follow from it are not easily undone.
    ///
    /// # Errors
    /// [`Error::NonceUnexplained`] until then.
    pub(super) async fn believe(&self, count: u64) -> Result<()> {
        let (chain, account) = (self.chain_id, self.sender());
        let unknown = match self.store.nonce_seen(chain, account).await? {
            Some(seen) => self.store.unassigned(chain, account, seen, count).await?,
            None => 0,
        };
        if unknown <= self.config.max_foreign {
            self.unexplained.store(0, Ordering::Relaxed);
            return Ok(());
        }
        let times = self.unexplained.fetch_add(1, Ordering::Relaxed) + 1;
        if times >= self.config.gap_polls {
            return Ok(());
        }
        Err(Error::NonceUnexplained {
            account,
            counted: count,
            unknown,
        })
    }

    /// Refuses a nonce that too many transactions from elsewhere would have to be included before.
    pub(super) async fn check_reach(&self, nonce: u64) -> Result<()> {
        let (chain, account) = (self.chain_id, self.sender());
        let mined = *self
            .account_seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mined = mined.unwrap_or_default();
        let unknown = self.store.unassigned(chain, account, mined, nonce).await?;
        if unknown <= self.config.max_foreign {
            return Ok(());
        }
        Err(Error::NonceUnexplained {
            account,
            counted: nonce,
            unknown,
        })
    }

    /// Closes a gap that a foreign transaction left when it was dropped: our later nonces wait for it.
    /// A job that was ready would have taken the nonce, so nothing is sent to ourselves. A node may be
    /// behind, so the gap must be seen several times in a row.
    ///
    /// What is too far behind gaps is given up instead: no transaction of ours comes so far ahead of the chain but by a node's mistake.
    pub(super) async fn repair_gap(&self, view: &View) -> Result<()> {
        let (chain, sender) = (self.chain_id, self.sender());
        let pending = self
            .store
            .intents_in(chain, sender, IntentState::Pending, PENDING_LIMIT)
            .await?;
        let Some(highest) = pending.iter().filter_map(|i| i.nonce).max() else {
            return Ok(());
        };
        let nonce = view.rpc.nonce(sender, At::Pending).await?;
        let gap = nonce < highest && self.store.free_nonce(chain, sender, nonce).await? == nonce;
        let seen = {
            let mut seen = self.gap_seen.lock().unwrap_or_else(PoisonError::into_inner);
            *seen = match *seen {
                Some((at, times)) if gap && at == nonce => Some((at, times + 1)),
                _ => gap.then_some((nonce, 1)),
            };
            seen.map_or(0, |(_, times)| times)
        };
        if seen < self.config.gap_polls {
            return Ok(());
        }
        let stranded = self
            .store
            .strand(chain, sender, nonce, self.config.max_foreign)
            .await?;
        for intent in &stranded {
            tracing::warn!(
                job = intent.job(),
                intent = intent.id,
                nonce = intent.nonce,
                next = nonce,
                "given up: its nonce is out of reach"
            );
        }
        if !stranded.is_empty() || view.paused || view.short {
            return Ok(());
        }
        let fees = self.offer(view).await?;
        let draft = self.draft_fill(&view.rpc, nonce, fees).await?;
        match self.afford(&view.rpc, draft.dearest(), None).await {
            Ok(()) => {}
            // The gap stays until there is money, and with it whatever was signed.
            Err(Error::OverCap { .. } | Error::LowBalance { .. }) => return Ok(()),
            Err(e) => return Err(e),
        }
        let attempt = self.sign(draft).await?;
        let attempt = self
            .store
            .store_fill(chain, sender, attempt, self.guard()?)
            .await?;
        tracing::warn!(nonce, hash = %attempt.tx.hash, "filling a nonce gap");
        self.broadcast(&view.rpc, &attempt).await
    }
}
