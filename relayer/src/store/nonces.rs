//! Nonces of an account: which are free, and which somebody else used.

use super::attempts::insert_attempt;
use super::intents::{insert, move_intent, must_get};
use super::rows::{self, Attempt, NewAttempt, NewIntent, TxKind};
use super::{Guard, Store, leases, ledger, log_transition, now_ms};
use crate::error::{Error, Result};
use crate::state::IntentState;
use alloy::primitives::{Address, Bytes};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

/// Nonces that one look records as foreign at most; an account that sent more beforehand is none of ours.
const FOREIGN_LIMIT: u64 = 10_000;

impl Store {
    /// The lowest nonce from `from` on that no transaction of this file has.
    pub async fn free_nonce(&self, chain_id: u64, sender: Address, from: u64) -> Result<u64> {
        self.read(move |c| free(c, chain_id, sender, from)).await
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
            if free(tx, chain_id, sender, attempt.nonce)? != attempt.nonce {
                return Err(Error::NonceTaken {
                    nonce: attempt.nonce,
                });
            }
            let fill = NewIntent {
                kind: TxKind::Fill,
                to: Some(sender),
                data: Bytes::new(),
                chunks: Vec::new(),
                gas_limit: attempt.gas_limit,
            };
            let id = insert(tx, None, None, chain_id, sender, &fill)?;
            reserve(tx, id, &attempt)?;
            ledger::reserve(tx, id, &attempt, &guard)?;
            let stored = insert_attempt(tx, id, 0, &attempt)?;
            let reason = Some("closes a gap before later nonces");
            move_intent(tx, &must_get(tx, id)?, IntentState::Pending, reason)?;
            Ok(stored)
        })
        .await
    }

    /// Notes how many transactions of an account the chain has, and returns those nonces among the
    /// new ones that are not of this file. The first look takes what it finds for given.
    pub async fn note_account(
        &self,
        chain_id: u64,
        sender: Address,
        count: u64,
    ) -> Result<Vec<u64>> {
        self.write(move |tx| {
            let chain = rows::to_i64(chain_id, "chain id")?;
            let seen: Option<i64> = tx
                .query_row(
                    "SELECT nonce_seen FROM accounts WHERE chain_id = ?1 AND sender = ?2",
                    params![chain, sender.as_slice()],
                    |r| r.get(0),
                )
                .optional()?;
            let seen = seen.map_or(count, |n| u64::try_from(n).unwrap_or(0));
            tx.execute(
                "INSERT INTO accounts (chain_id, sender, nonce_seen) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET nonce_seen = max(nonce_seen, ?3)",
                params![chain, sender.as_slice(), rows::to_i64(count, "nonce")?],
            )?;
            let mut foreign = Vec::new();
            for nonce in seen.max(count.saturating_sub(FOREIGN_LIMIT))..count {
                if free(tx, chain_id, sender, nonce)? == nonce
                    && note_foreign(tx, chain_id, sender, nonce)?
                {
                    foreign.push(nonce);
                }
            }
            Ok(foreign)
        })
        .await
    }

    /// How many nonces of an account somebody else used.
    pub async fn foreign_nonces(&self, chain_id: u64, sender: Address) -> Result<u64> {
        self.read(move |c| {
            let n: i64 = c.query_row(
                "SELECT count(*) FROM foreign_nonces WHERE chain_id = ?1 AND sender = ?2",
                params![rows::to_i64(chain_id, "chain id")?, sender.as_slice()],
                |r| r.get(0),
            )?;
            Ok(u64::try_from(n).unwrap_or(0))
        })
        .await
    }
}

fn free(c: &Connection, chain_id: u64, sender: Address, from: u64) -> Result<u64> {
    let mut statement = c.prepare_cached(
        "SELECT nonce FROM intents WHERE chain_id = ?1 AND sender = ?2 AND nonce >= ?3 ORDER BY nonce",
    )?;
    let mut rows = statement.query(params![
        rows::to_i64(chain_id, "chain id")?,
        sender.as_slice(),
        rows::to_i64(from, "nonce")?
    ])?;
    let mut free = from;
    while let Some(row) = rows.next()? {
        if rows::number(row, "nonce")? != free {
            break;
        }
        free += 1;
    }
    Ok(free)
}

/// Gives an intent its nonce.
pub(super) fn reserve(tx: &Transaction<'_>, intent_id: i64, attempt: &NewAttempt) -> Result<()> {
    let given = tx.execute(
        "UPDATE OR IGNORE intents SET nonce = ?2 WHERE id = ?1",
        params![intent_id, rows::to_i64(attempt.nonce, "nonce")?],
    )?;
    match given {
        0 => Err(Error::NonceTaken {
            nonce: attempt.nonce,
        }),
        _ => Ok(()),
    }
}

/// Records a nonce that somebody else used; false when it was recorded before.
pub(super) fn note_foreign(
    tx: &Transaction<'_>,
    chain_id: u64,
    sender: Address,
    nonce: u64,
) -> Result<bool> {
    let new = tx.execute(
        "INSERT OR IGNORE INTO foreign_nonces (chain_id, sender, nonce, seen_at) VALUES (?1, ?2, ?3, ?4)",
        params![
            rows::to_i64(chain_id, "chain id")?,
            sender.as_slice(),
            rows::to_i64(nonce, "nonce")?,
            rows::to_i64(now_ms(), "time")?
        ],
    )?;
    if new > 0 {
        let reason = format!("nonce {nonce} of {sender} was used from elsewhere");
        log_transition(tx, None, None, "", "foreign", Some(&reason))?;
    }
    Ok(new > 0)
}
