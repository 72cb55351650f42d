//! The outbox: watches pending transactions, and decides which to send again, to replace, or to start.
//!
//! The outcome of a transaction is read from receipts, of every attempt with its nonce.

use super::money::{Pass, holds_job, pauses};
use super::view::View;
use super::{Engine, Scope};
use crate::error::{Error, Result};
use crate::money::Gwei;
use crate::state::{IntentState, JobState};
use crate::store::{Attempt, BlockRef, Intent, Purpose, Settlement};
use alloy::primitives::U64;
use chainfer_chain::Error as ChainError;
use chainfer_chain::abi::decode_revert;
use chainfer_chain::rpc::{At, CallRequest, Receipt};
use std::sync::PoisonError;
use std::time::Duration;
use tracing::{Instrument, Span};

/// Pending transactions that one tick looks at.
const PENDING_LIMIT: u32 = 1_000;

/// How much longer than others a job waits for which there is no money.
const SHORT_WAITS: u32 = 10;

pub(super) const ACCEPTED: &str = "accepted";
pub(super) const ALREADY_KNOWN: &str = "already known";
pub(super) const UNDERPRICED: &str = "underpriced";
pub(super) const UNKNOWN: &str = "unknown";
pub(super) const NONCE_TOO_LOW: &str = "nonce too low";

/// What the watch over one pending transaction knows of its surroundings.
#[derive(Debug, Clone, Copy)]
struct Watch {
    /// Transactions of the sender in blocks.
    mined: u64,
    /// The same with the node's pool: the first nonce that the node lacks.
    pool: u64,
    /// The nonce is to be used up by a cancelling transaction.
    cancel: bool,
}

impl Engine {
    /// Looks for the outcome of every pending transaction.
    pub(super) async fn watch_pending(&self, view: &View) -> Result<()> {
        let (chain, sender) = (self.chain_id, self.sender());
        // Read before any receipt: a nonce that is used now has its receipt when that is asked for.
        let mined = view.rpc.nonce(sender, At::Latest).await?;
        self.believe(mined).await?;
        self.note_account(mined).await?;
        // A settled nonce that is free again was lost in a reorganisation. Later nonces wait for it,
        // whatever became of its job.
        for intent in self.store.settled_from(chain, sender, mined).await? {
            self.reopen(&intent).await?;
        }
        let pending = self
            .store
            .intents_in(chain, sender, IntentState::Pending, PENDING_LIMIT)
            .await?;
        if pending.is_empty() {
            return Ok(());
        }
        let pool = view.rpc.nonce(sender, At::Pending).await?;
        let cancelling = self.store.cancelling(chain).await?;
        let mut failed = Ok(());
        for intent in &pending {
            let watch = Watch {
                mined,
                pool,
                cancel: intent.job_id.is_some_and(|job| cancelling.contains(&job)),
            };
            let watched = self.watch(view, intent, watch);
            if let Err(e) = watched.instrument(span(intent)).await {
                go_on(&mut failed, tolerate(intent, e))?;
            }
        }
        failed
    }

    /// Signs and sends what is planned in `scope`, oldest first, as far as there is room.
    pub(super) async fn start_ready(&self, view: &View, scope: Scope) -> Result<()> {
        let alone = !matches!(scope, Scope::All);
        if view.paused || view.short && alone {
            return Ok(());
        }
        let (chain, sender, limit) = (self.chain_id, self.sender(), self.config.max_in_flight);
        let out = self
            .store
            .count_intents(chain, sender, IntentState::Pending)
            .await?;
        let room = limit.saturating_sub(u32::try_from(out).unwrap_or(u32::MAX));
        let ready = match scope {
            Scope::All => {
                self.store
                    .intents_in(chain, sender, IntentState::Ready, room)
                    .await?
            }
            Scope::Job(id) => self.store.intents_of(id).await?,
            Scope::Intent(id) => vec![self.store.intent(id).await?],
        };
        let startable = |i: &Intent| i.state == IntentState::Ready && i.sender == sender;
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let (mut failed, mut pass) = (Ok(()), Pass::default());
        for intent in ready.into_iter().filter(startable).take(room) {
            match self.start(view, &intent).instrument(span(&intent)).await {
                Ok(()) => pass.start(),
                // Cheaper ones behind it may go: nobody stops the others by wanting much.
                Err(e) if pauses(&e).is_some() => {
                    go_on(&mut failed, self.hold(&intent, &e).await)?;
                    pass.refuse(e);
                }
                Err(e) if holds_job(&e) => go_on(&mut failed, self.hold(&intent, &e).await)?,
                // They need the same signer.
                Err(e @ Error::Chain(ChainError::Signer { .. } | ChainError::Wallet(_))) => {
                    return Err(e);
                }
                Err(e) => go_on(&mut failed, tolerate(&intent, e))?,
            }
        }
        self.note_money(pass, alone).await?;
        failed
    }

    /// Puts a job back whose transaction may not be paid for now, so that it takes no place of others. One that is sent in part waits.
    async fn hold(&self, intent: &Intent, e: &Error) -> Result<()> {
        tracing::warn!(error = %e, "transaction waits");
        let job = match intent.job_id {
            Some(id) => self.store.job(id).await?,
            None => None,
        };
        let Some(job) = job.filter(|j| j.state == JobState::Planned) else {
            // Without a plan that could be put back, it waits; or it ends, and a plan that is sent in part with it.
            return match e {
                Error::OverCap { .. } | Error::LowBalance { .. } if self.config.fail_over_cap => {
                    self.store.abandon(intent.id, e.to_string()).await
                }
                _ => Ok(()),
            };
        };
        let id = job.key.id;
        let reason = format!("waiting: {e}");
        let short = pauses(e).is_some();
        // A call does not wait for somebody to send money.
        let ends = !short || matches!(e, Error::LowBalance { .. });
        if self.config.fail_over_cap && ends {
            let to = JobState::Failed;
            return self
                .store
                .move_job(id, job.state, to, Some(reason), None)
                .await;
        }
        let wait = self.config.retry_after;
        if !short {
            return self.store.defer_job(id, reason, wait).await;
        }
        // Money that comes in ends the wait ([`Self::review_pauses`]); fees that fall are noticed at its end.
        let wait = wait.saturating_mul(SHORT_WAITS);
        self.store
            .defer_short_job(id, self.sender(), reason, wait)
            .await
    }

    /// Looks for a receipt of any attempt; without one, broadcasts again or replaces when it is time.
    async fn watch(&self, view: &View, intent: &Intent, watch: Watch) -> Result<()> {
        let attempts = self.store.attempts(intent.id).await?;
        // Newest first: the replacement is the most likely one, but any of them may have been mined.
        for attempt in attempts.iter().rev() {
            if let Some(receipt) = view.rpc.receipt(attempt.tx.hash).await? {
                return self.settle(view, intent, attempt, &receipt).await;
            }
        }
        let (Some(nonce), Some(last)) = (intent.nonce, attempts.last()) else {
            return Err(Error::DatabaseCorrupt {
                what: format!("transaction {} is pending without an attempt", intent.id),
            });
        };
        if watch.mined > nonce {
            return self.note_foreign(view, intent, nonce).await;
        }
        self.foreign
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&intent.id);
        if watch.cancel && last.tx.purpose == Purpose::Call {
            return self.replace(view, intent, last, Purpose::Cancel).await;
        }
        let lacks = watch.pool == nonce;
        if lacks && last.tx.purpose == Purpose::Call && self.is_needless(intent).await? {
            return self.replace(view, intent, last, Purpose::Cancel).await;
        }
        // Later nonces wait for the first one that the node lacks.
        self.push(view, intent, last, lacks).await
    }

    /// Whether the job of a signed transaction was finished or planned again while this account did not send.
    async fn is_needless(&self, intent: &Intent) -> Result<bool> {
        let Some(job) = intent.job_id else {
            return Ok(false);
        };
        let job = self.store.job(job).await?;
        Ok(job.is_some_and(|j| j.round != intent.round || j.state.is_terminal()))
    }

    /// Watches a transaction that another account signed: without its key, the stored bytes can be
    /// broadcast again but not replaced. Returns false when no node ever took it.
    pub(super) async fn watch_other(&self, view: &View, intent: &Intent) -> Result<bool> {
        let next = view.rpc.nonce(intent.sender, At::Latest).await?;
        let attempts = self.store.attempts(intent.id).await?;
        for attempt in attempts.iter().rev() {
            if let Some(receipt) = view.rpc.receipt(attempt.tx.hash).await? {
                self.settle(view, intent, attempt, &receipt).await?;
                return Ok(true);
            }
        }
        let Some(last) = attempts.iter().rev().find(|a| may_be_taken(a)) else {
            return Ok(false);
        };
        if next > last.tx.nonce {
            self.note_foreign(view, intent, last.tx.nonce).await?;
        } else if self.elapsed(last.last_sent_at) >= self.config.rebroadcast_after {
            self.broadcast(&view.rpc, last).await?;
        }
        Ok(true)
    }

    /// Broadcasts the last attempt again, or replaces it. `lost`: the node took it once and no longer has it.
    async fn push(&self, view: &View, intent: &Intent, last: &Attempt, lost: bool) -> Result<()> {
        if last.last_sent_at.is_none() {
            // Stored and never broadcast: the process stopped in between.
            return self.broadcast(&view.rpc, last).await;
        }
        let since_sent = self.elapsed(last.last_sent_at);
        let age = self.elapsed(Some(last.created_at));
        match last.last_outcome.as_deref() {
            Some(ACCEPTED | ALREADY_KNOWN) if age >= self.config.bump_after => {
                self.replace(view, intent, last, Purpose::Call).await
            }
            Some(ACCEPTED | ALREADY_KNOWN)
                if since_sent >= self.config.rebroadcast_after
                    || (lost && since_sent >= self.config.resend_after) =>
            {
                self.broadcast(&view.rpc, last).await
            }
            Some(ACCEPTED | ALREADY_KNOWN) => Ok(()),
            Some(outcome)
                if outcome.starts_with(UNDERPRICED) && since_sent >= self.config.resend_after =>
            {
                self.replace(view, intent, last, last.tx.purpose).await
            }
            _ if since_sent >= self.config.resend_after => self.broadcast(&view.rpc, last).await,
            _ => Ok(()),
        }
    }

    async fn settle(
        &self,
        view: &View,
        intent: &Intent,
        attempt: &Attempt,
        receipt: &Receipt,
    ) -> Result<()> {
        let to = match (attempt.tx.purpose, receipt.status) {
            (Purpose::Cancel, _) => IntentState::Cancelled,
            (Purpose::Call, true) => IntentState::Mined,
            (Purpose::Call, false) => IntentState::Reverted,
        };
        let reason = match to {
            IntentState::Reverted => Some(self.revert_reason(view, intent, attempt, receipt).await),
            IntentState::Cancelled => intent.reason.clone(),
            _ => None,
        };
        let settlement = Settlement {
            attempt_id: Some(attempt.id),
            block: BlockRef {
                number: receipt.block_number,
                hash: receipt.block_hash,
            },
            // A receipt cannot name more than was signed.
            gas_used: receipt.gas_used.min(attempt.tx.gas_limit),
            gas_price: receipt
                .effective_gas_price
                .map_or(0, |p| u64::try_from(p).unwrap_or(u64::MAX))
                .min(attempt.tx.max_fee),
            data_fee: self.paid_data_fee(&view.rpc, receipt, attempt).await?,
            contract: receipt.contract_address,
        };
        tracing::info!(
            kind = %intent.tx.kind, state = %to, hash = %attempt.tx.hash,
            block = receipt.block_number, gas_used = receipt.gas_used, "transaction settled"
        );
        self.store
            .settle_intent(intent.id, to, settlement, reason)
            .await
    }

    /// Why a mined transaction reverted. Receipts do not say, so it is called again on the state before
    /// its block, and where it succeeds there, on the one after.
    async fn revert_reason(
        &self,
        view: &View,
        intent: &Intent,
        attempt: &Attempt,
        receipt: &Receipt,
    ) -> String {
        let (used, limit) = (receipt.gas_used, attempt.tx.gas_limit);
        // Beyond the cap of execution there is gas for state alone, which a transaction that fails does not use.
        let rules = self.known_rules();
        let execution = rules.map_or(limit, |rules| limit.min(rules.execution_cap()));
        // A call keeps back a 64th: what used the rest ran out of gas.
        if used >= execution / 64 * 63 {
            return format!("reverted, probably out of gas: {used} of {limit} used");
        }
        let mut request = CallRequest::new(intent.sender, intent.tx.to, intent.tx.data.clone());
        request.gas = Some(U64::from(limit));
        let parent = receipt.block_number.saturating_sub(1);
        let parent = view.rpc.block(parent).await.ok().flatten();
        for block in parent
            .map(|b| b.hash)
            .into_iter()
            .chain([receipt.block_hash])
        {
            if let Err(e) = view.rpc.call(&request, At::Block(block)).await
                && let Some(data) = e.revert_data()
            {
                return format!("reverted after {used} gas: {}", decode_revert(&data));
            }
        }
        format!("reverted after {used} gas")
    }

    /// Our nonce is used and none of our hashes has a receipt. A node may be behind with receipts, so
    /// this must be seen several times in a row.
    async fn note_foreign(&self, view: &View, intent: &Intent, nonce: u64) -> Result<()> {
        let seen = {
            let mut foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
            let seen = foreign.entry(intent.id).or_insert(0);
            *seen += 1;
            *seen
        };
        if seen < self.config.foreign_polls {
            return Ok(());
        }
        for attempt in self.store.attempts(intent.id).await? {
            if view.rpc.is_in_block(attempt.tx.hash).await? {
                // It is ours after all; its receipt is late.
                return Ok(());
            }
        }
        self.foreign
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&intent.id);
        tracing::warn!(nonce, "nonce used by a transaction that is not ours");
        let settlement = Settlement {
            attempt_id: None,
            block: BlockRef {
                number: view.head.number,
                hash: view.head.hash,
            },
            gas_used: 0,
            gas_price: 0,
            data_fee: Gwei(0),
            contract: None,
        };
        let reason = Some(format!(
            "nonce {nonce} was used by a transaction that is not ours"
        ));
        self.store
            .settle_intent(intent.id, IntentState::Superseded, settlement, reason)
            .await
    }

    /// Reopens an intent whose block left the chain. Returns whether it did.
    pub(super) async fn reopen_if_lost(&self, view: &View, intent: &Intent) -> Result<bool> {
        let Some(settlement) = intent.settlement else {
            return Ok(false);
        };
        if !intent.state.is_settled() || view.is_canonical(settlement.block).await? {
            return Ok(false);
        }
        self.reopen(intent).await?;
        Ok(true)
    }

    /// Time since a stored moment; the longest duration when there is none.
    pub(super) fn elapsed(&self, at: Option<u64>) -> Duration {
        at.map_or(Duration::MAX, |at| {
            Duration::from_millis(self.store.now_ms().saturating_sub(at))
        })
    }

    async fn reopen(&self, intent: &Intent) -> Result<()> {
        let block = intent.settlement.map_or(0, |s| s.block.number);
        let reason = format!("block {block} left the chain");
        tracing::warn!(job = intent.job(), intent = intent.id, "{reason}");
        self.store.reopen_intent(intent.id, reason).await
    }
}

/// Whether a node has taken an attempt, or may have.
fn may_be_taken(attempt: &Attempt) -> bool {
    let last = attempt.last_outcome.as_deref();
    attempt.taken || last.is_some_and(|said| said.starts_with(UNKNOWN) || said == NONCE_TOO_LOW)
}

/// A node that does not answer ends the tick; trouble with one transaction does not stop the others.
fn tolerate(intent: &Intent, e: Error) -> Result<()> {
    if matches!(
        e,
        Error::Chain(ChainError::Rpc(_)) | Error::Database(_) | Error::LeaseLost { .. }
    ) {
        return Err(e);
    }
    tracing::warn!(job = intent.job(), intent = intent.id, error = %e, "transaction waits");
    Ok(())
}

/// Keeps the first error of the database and goes on: what cannot be written of one job is no reason for the others to wait. Any
/// other error is passed on.
pub(super) fn go_on(failed: &mut Result<()>, result: Result<()>) -> Result<()> {
    match result {
        Err(Error::Database(e)) if e.is_of_one_write() => {
            tracing::error!(error = %e, "the state could not be written");
            if failed.is_ok() {
                *failed = Err(e.into());
            }
            Ok(())
        }
        other => other,
    }
}

/// What is logged about a transaction carries its job.
fn span(intent: &Intent) -> Span {
    tracing::info_span!("transaction", job = intent.job(), intent = intent.id)
}
