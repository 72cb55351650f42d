//! Signed attempts of transaction intents.

use super::intents::{move_intent, must_get};
use super::jobs::{advance, collect, get as get_job};
use super::rows::{self, Attempt, NewAttempt};
use super::{Guard, Store, leases, ledger, nonces, now_ms};
use crate::error::{Error, Result};
use crate::state::{IntentState, JobState};
use rusqlite::{Transaction, params};

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
            nonces::reserve(tx, intent_id, &attempt)?;
            ledger::reserve(tx, intent_id, &attempt, &guard)?;
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
            ledger::reserve(tx, intent_id, &attempt, &guard)?;
            let seq: u32 = tx.query_row(
                "SELECT coalesce(max(seq), -1) + 1 FROM attempts WHERE intent_id = ?1",
                [intent_id],
                |row| row.get(0),
            )?;
            insert_attempt(tx, intent_id, seq, &attempt)
        })
        .await
    }

    /// All attempts of an intent, oldest first.
    pub async fn attempts(&self, intent_id: i64) -> Result<Vec<Attempt>> {
        self.read(move |c| {
            collect(
                c,
                "SELECT * FROM attempts WHERE intent_id = ?1 ORDER BY seq",
                [intent_id],
                rows::attempt,
            )
        })
        .await
    }

    /// Notes a broadcast and what the node said.
    pub async fn note_send(&self, attempt_id: i64, outcome: String) -> Result<()> {
        self.write(move |tx| {
            tx.execute(
                "UPDATE attempts SET sends = sends + 1, last_sent_at = ?2, last_outcome = ?3
                 WHERE id = ?1",
                params![attempt_id, rows::to_i64(now_ms(), "time")?, outcome],
            )?;
            Ok(())
        })
        .await
    }
}

pub(super) fn insert_attempt(
    tx: &Transaction<'_>,
    intent_id: i64,
    seq: u32,
    attempt: &NewAttempt,
) -> Result<Attempt> {
    tx.execute(
        "INSERT INTO attempts (intent_id, seq, purpose, nonce, raw, tx_hash, max_fee, priority_fee,
                               gas_limit, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            intent_id,
            seq,
            attempt.purpose.as_str(),
            rows::to_i64(attempt.nonce, "nonce")?,
            attempt.raw.as_ref(),
            attempt.hash.as_slice(),
            rows::to_i64(attempt.max_fee, "fee")?,
            rows::to_i64(attempt.priority_fee, "fee")?,
            rows::to_i64(attempt.gas_limit, "gas limit")?,
            rows::to_i64(now_ms(), "time")?,
        ],
    )?;
    let id = tx.last_insert_rowid();
    let mut found = collect(
        tx,
        "SELECT * FROM attempts WHERE id = ?1",
        [id],
        rows::attempt,
    )?;
    found
        .pop()
        .ok_or_else(|| rows::corrupt("an attempt vanished"))
}
