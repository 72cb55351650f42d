//! Signed attempts of transaction intents.

use super::handle::Store;
use super::intents::{insert, move_intent, must_get};
use super::jobs::{advance, get as get_job};
use super::leases::{self, Lease};
use super::rows::{self, Attempt, Intent, NewAttempt, NewIntent, TxKind};
use super::sql::{Sql, corrupt, params, to_i64};
use super::{ledger, nonces};
use crate::error::{Error, Result};
use crate::money::Caps;
use crate::state::{IntentState, JobState};
use alloy::primitives::{Address, Bytes};

/// What must hold when a signed transaction is stored; checked in the same database transaction.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// Limits of what may be spent.
    pub caps: Caps,
    /// The lease that it was signed under; `None` where the store is not shared.
    pub lease: Option<Lease>,
}

impl Store {
    /// Reserves the nonce of the first attempt and stores the signed bytes, in one transaction: there
    /// is never a reserved nonce without the bytes that use it. A planned job becomes `Submitting`.
    ///
    /// # Errors
    /// [`Error::NonceTaken`] when another intent has the nonce, [`Error::OverCap`] when it costs more than
    /// may be spent.
    pub async fn store_first_attempt(
        &self,
        intent_id: i64,
        attempt: NewAttempt,
        guard: Guard,
    ) -> Result<Attempt> {
        self.write(move |tx| {
            let intent = must_get(tx, intent_id)?;
            leases::check(tx, intent.chain_id, intent.sender, guard.lease.as_ref())?;
            check_wanted(tx, &intent)?;
            nonces::reserve(tx, &intent, &attempt)?;
            ledger::reserve(tx, &intent, &attempt, guard.caps)?;
            let stored = insert_attempt(tx, intent_id, 0, &attempt)?;
            move_intent(tx, &intent, IntentState::Pending, None)?;
            if let Some(job) = intent.job_id
                && get_job(tx, &job)?.is_some_and(|j| j.state == JobState::Planned)
            {
                advance(
                    tx,
                    &job,
                    JobState::Planned,
                    JobState::Submitting,
                    None,
                    None,
                )?;
            }
            Ok(stored)
        })
        .await
    }

    /// Stores a further attempt of a pending intent, at the same nonce.
    ///
    /// # Errors
    /// [`Error::OverCap`] when it costs more than the earlier ones, and more than may be spent.
    pub async fn store_attempt(
        &self,
        intent_id: i64,
        attempt: NewAttempt,
        guard: Guard,
    ) -> Result<Attempt> {
        self.write(move |tx| {
            let intent = must_get(tx, intent_id)?;
            if intent.state != IntentState::Pending || intent.nonce != Some(attempt.nonce) {
                return Err(Error::IntentTransition {
                    from: intent.state,
                    to: IntentState::Pending,
                });
            }
            leases::check(tx, intent.chain_id, intent.sender, guard.lease.as_ref())?;
            ledger::reserve(tx, &intent, &attempt, guard.caps)?;
            let seq = tx.number(
                "SELECT coalesce(max(seq), -1) + 1 AS n FROM attempts WHERE intent_id = ?1",
                params![intent_id],
            )?;
            insert_attempt(tx, intent_id, seq, &attempt)
        })
        .await
    }

    /// Stores a transfer of nothing to the sender that uses up `nonce`, signed, in one transaction.
    ///
    /// # Errors
    /// [`Error::NonceTaken`] when a transaction of this file has the nonce.
    pub async fn store_fill(
        &self,
        chain_id: u64,
        sender: Address,
        attempt: NewAttempt,
        guard: Guard,
    ) -> Result<Attempt> {
        self.write(move |tx| {
            leases::check(tx, chain_id, sender, guard.lease.as_ref())?;
            let fill = NewIntent {
                kind: TxKind::Fill,
                to: Some(sender),
                data: Bytes::new(),
                chunks: Vec::new(),
                gas_limit: attempt.gas_limit,
            };
            let id = insert(tx, None, None, chain_id, sender, &fill)?;
            let intent = must_get(tx, id)?;
            nonces::reserve(tx, &intent, &attempt)?;
            ledger::reserve(tx, &intent, &attempt, guard.caps)?;
            let stored = insert_attempt(tx, id, 0, &attempt)?;
            let reason = Some("closes a gap before later nonces");
            move_intent(tx, &must_get(tx, id)?, IntentState::Pending, reason)?;
            Ok(stored)
        })
        .await
    }

    /// All attempts of an intent, oldest first.
    pub async fn attempts(&self, intent_id: i64) -> Result<Vec<Attempt>> {
        self.read(move |c| {
            c.collect(
                "SELECT * FROM attempts WHERE intent_id = ?1 ORDER BY seq",
                params![intent_id],
                rows::attempt,
            )
        })
        .await
    }

    /// Records a broadcast and the node's answer; `taken` stays set once a node took the transaction.
    pub async fn note_send(&self, attempt_id: i64, outcome: String, taken: bool) -> Result<()> {
        self.write(move |tx| {
            tx.execute(
                "UPDATE attempts SET sends = sends + 1, last_sent_at = ?2, last_outcome = ?3,
                        taken = CASE WHEN ?4 THEN 1 ELSE taken END
                 WHERE id = ?1",
                params![attempt_id, tx.time()?, outcome, taken],
            )?;
            Ok(())
        })
        .await
    }
}

/// Refuses a transaction of a job that was planned again, or is done.
fn check_wanted(tx: &dyn Sql, intent: &Intent) -> Result<()> {
    let Some(id) = intent.job_id else {
        return Ok(());
    };
    let job = get_job(tx, &id)?.ok_or(Error::NoSuchJob(id))?;
    let open = matches!(job.state, JobState::Planned | JobState::Submitting);
    if open && job.round == intent.round {
        return Ok(());
    }
    Err(Error::IntentTransition {
        from: intent.state,
        to: IntentState::Pending,
    })
}

pub(super) fn insert_attempt(
    tx: &dyn Sql,
    intent_id: i64,
    seq: u64,
    attempt: &NewAttempt,
) -> Result<Attempt> {
    let id = tx.insert(
        "INSERT INTO attempts (intent_id, seq, purpose, nonce, raw, tx_hash, max_fee, priority_fee,
                               gas_limit, data_fee, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) RETURNING id",
        params![
            intent_id,
            to_i64(seq, "attempt")?,
            attempt.purpose.as_str(),
            to_i64(attempt.nonce, "nonce")?,
            attempt.raw.as_ref(),
            attempt.hash.as_slice(),
            to_i64(attempt.max_fee, "fee")?,
            to_i64(attempt.priority_fee, "fee")?,
            to_i64(attempt.gas_limit, "gas limit")?,
            to_i64(attempt.data_fee.0, "fee")?,
            tx.time()?,
        ],
    )?;
    let mut found = tx.collect(
        "SELECT * FROM attempts WHERE id = ?1",
        params![id],
        rows::attempt,
    )?;
    found.pop().ok_or_else(|| corrupt("an attempt vanished"))
}
