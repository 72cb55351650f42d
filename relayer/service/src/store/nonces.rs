//! Nonces of an account: the free ones, and those that were used from elsewhere.

use super::handle::Store;
use super::log::log_transition;
use super::rows::{self, Intent, NewAttempt};
use super::sql::{Sql, number, params, to_i64};
use super::{intents, ledger};
use crate::error::{Error, Result};
use crate::state::IntentState;
use alloy::primitives::Address;

/// Largest number of nonces that one call records as foreign.
const FOREIGN_LIMIT: u64 = 10_000;

impl Store {
    /// The lowest nonce from `from` on that no transaction of this file has.
    pub async fn free_nonce(&self, chain_id: u64, sender: Address, from: u64) -> Result<u64> {
        self.read(move |c| free(c, chain_id, sender, from)).await
    }

    /// How many nonces from `from` on, and before `to`, no transaction of this file has.
    pub async fn unassigned(
        &self,
        chain_id: u64,
        sender: Address,
        from: u64,
        to: u64,
    ) -> Result<u64> {
        self.read(move |c| {
            let ours = c.number(
                "SELECT count(*) AS n FROM intents
                 WHERE chain_id = ?1 AND sender = ?2 AND nonce >= ?3 AND nonce < ?4",
                params![
                    to_i64(chain_id, "chain id")?,
                    sender.as_slice(),
                    to_i64(from, "nonce")?,
                    to_i64(to, "nonce")?
                ],
            )?;
            Ok(to.saturating_sub(from).saturating_sub(ours))
        })
        .await
    }

    /// How many transactions of an account the chain was last noted to have.
    pub async fn nonce_seen(&self, chain_id: u64, sender: Address) -> Result<Option<u64>> {
        self.read(move |c| {
            let known = c.row(
                "SELECT nonce_seen FROM accounts WHERE chain_id = ?1 AND sender = ?2",
                params![to_i64(chain_id, "chain id")?, sender.as_slice()],
            )?;
            known.map(|row| number(&row, "nonce_seen")).transpose()
        })
        .await
    }

    /// Gives up the signed transactions that more than `most` nonces have to be used before which no transaction of this file has,
    /// where `next` is the account's next one. Their nonces are free again, and they count as spent: somebody may include them yet.
    /// Returns them as they were.
    pub async fn strand(
        &self,
        chain_id: u64,
        sender: Address,
        next: u64,
        most: u64,
    ) -> Result<Vec<Intent>> {
        self.write(move |tx| {
            let chain = to_i64(chain_id, "chain id")?;
            let ours = tx.collect(
                "SELECT * FROM intents WHERE chain_id = ?1 AND sender = ?2 AND nonce >= ?3 ORDER BY nonce",
                params![chain, sender.as_slice(), to_i64(next, "nonce")?],
                rows::intent,
            )?;
            let mut stranded = Vec::new();
            for (before, intent) in (0_u64..).zip(ours) {
                let ahead = intent.nonce.unwrap_or(next).saturating_sub(next);
                if intent.state != IntentState::Pending || ahead.saturating_sub(before) <= most {
                    continue;
                }
                let reason = format!(
                    "given up: nonce {} is out of reach, the account's next one is {next}",
                    next.saturating_add(ahead)
                );
                intents::move_intent(tx, &intent, IntentState::Abandoned, Some(&reason))?;
                tx.execute(
                    "UPDATE intents SET nonce = NULL WHERE id = ?1",
                    params![intent.id],
                )?;
                ledger::settle(tx, intent.id, None)?;
                stranded.push(intent);
            }
            if !stranded.is_empty() {
                // What said so said more than there is.
                tx.execute(
                    "UPDATE accounts SET nonce_seen = ?3
                     WHERE chain_id = ?1 AND sender = ?2 AND nonce_seen > ?3",
                    params![chain, sender.as_slice(), to_i64(next, "nonce")?],
                )?;
            }
            Ok(stranded)
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
            let chain = to_i64(chain_id, "chain id")?;
            let known = tx.row(
                "SELECT nonce_seen FROM accounts WHERE chain_id = ?1 AND sender = ?2",
                params![chain, sender.as_slice()],
            )?;
            let seen = match known {
                Some(row) => number(&row, "nonce_seen")?,
                None => count,
            };
            tx.execute(
                "INSERT INTO accounts (chain_id, sender, nonce_seen) VALUES (?1, ?2, ?3)
                 ON CONFLICT (chain_id, sender) DO UPDATE SET nonce_seen = ?3",
                params![chain, sender.as_slice(), to_i64(count.max(seen), "nonce")?],
            )?;
            let mut foreign = Vec::new();
            for nonce in seen.max(count.saturating_sub(FOREIGN_LIMIT))..count {
                if !is_used(tx, chain_id, sender, nonce)?
                    && note_foreign(tx, chain_id, sender, nonce)?
                {
                    foreign.push(nonce);
                }
            }
            Ok(foreign)
        })
        .await
    }

    /// How many nonces of an account were used from elsewhere.
    pub async fn foreign_nonces(&self, chain_id: u64, sender: Address) -> Result<u64> {
        self.read(move |c| {
            c.number(
                "SELECT count(*) AS n FROM foreign_nonces WHERE chain_id = ?1 AND sender = ?2",
                params![to_i64(chain_id, "chain id")?, sender.as_slice()],
            )
        })
        .await
    }
}

fn free(c: &dyn Sql, chain_id: u64, sender: Address, from: u64) -> Result<u64> {
    let used = "SELECT nonce FROM intents WHERE chain_id = ?1 AND sender = ?2 AND nonce >= ?3 ORDER BY nonce";
    let taken = c.collect(
        used,
        params![
            to_i64(chain_id, "chain id")?,
            sender.as_slice(),
            to_i64(from, "nonce")?
        ],
        |row| number(row, "nonce"),
    )?;
    let run = taken.iter().zip(from..).take_while(|(used, n)| *used == n);
    Ok(from + run.count() as u64)
}

/// Whether a transaction of this database has a nonce.
fn is_used(c: &dyn Sql, chain_id: u64, sender: Address, nonce: u64) -> Result<bool> {
    let used = c.number(
        "SELECT count(*) AS n FROM intents WHERE chain_id = ?1 AND sender = ?2 AND nonce = ?3",
        params![
            to_i64(chain_id, "chain id")?,
            sender.as_slice(),
            to_i64(nonce, "nonce")?
        ],
    )?;
    Ok(used > 0)
}

/// Gives an intent its nonce.
pub(super) fn reserve(tx: &dyn Sql, intent: &Intent, attempt: &NewAttempt) -> Result<()> {
    let nonce = attempt.nonce;
    if is_used(tx, intent.chain_id, intent.sender, nonce)? {
        return Err(Error::NonceTaken { nonce });
    }
    tx.execute(
        "UPDATE intents SET nonce = ?2 WHERE id = ?1",
        params![intent.id, to_i64(nonce, "nonce")?],
    )?;
    Ok(())
}

/// Records a nonce that was used from elsewhere; false when it was recorded before.
pub(super) fn note_foreign(
    tx: &dyn Sql,
    chain_id: u64,
    sender: Address,
    nonce: u64,
) -> Result<bool> {
    let new = tx.execute(
        "INSERT INTO foreign_nonces (chain_id, sender, nonce, seen_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (chain_id, sender, nonce) DO NOTHING",
        params![
            to_i64(chain_id, "chain id")?,
            sender.as_slice(),
            to_i64(nonce, "nonce")?,
            tx.time()?
        ],
    )?;
    if new > 0 {
        let reason = format!("nonce {nonce} of {sender} was used from elsewhere");
        log_transition(tx, None, None, "", "foreign", Some(&reason))?;
    }
    Ok(new > 0)
}
