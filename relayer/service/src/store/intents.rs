//! Transaction intents.

use super::handle::Store;
use super::log::log_transition;
use super::rows::{self, BlockRef, Intent, NewIntent, Settlement};
use super::sql::{Sql, corrupt, params, to_i64};
use super::{ledger, nonces};
use crate::error::{Error, Result};
use crate::money::Gwei;
use crate::state::IntentState;
use alloy::primitives::{Address, B256};

impl Store {
    /// Stores a transaction that belongs to no job, once per `key`, and returns its row.
    pub async fn add_intent(
        &self,
        key: B256,
        chain_id: u64,
        sender: Address,
        intent: NewIntent,
    ) -> Result<Intent> {
        self.write(move |tx| {
            if let Some(found) = by_key(tx, &key)? {
                return Ok(found);
            }
            let id = insert(tx, None, Some(&key), chain_id, sender, &intent)?;
            must_get(tx, id)
        })
        .await
    }

    /// The transaction stored under `key`.
    pub async fn intent_by_key(&self, key: B256) -> Result<Option<Intent>> {
        self.read(move |c| by_key(c, &key)).await
    }

    /// Makes room for a new transaction under `key`: the old one keeps its row, without the key.
    pub async fn release_key(&self, key: B256) -> Result<()> {
        self.write(move |tx| {
            tx.execute(
                "UPDATE intents SET intent_key = NULL WHERE intent_key = ?1",
                params![key.as_slice()],
            )?;
            Ok(())
        })
        .await
    }

    /// One transaction.
    pub async fn intent(&self, id: i64) -> Result<Intent> {
        self.read(move |c| must_get(c, id)).await
    }

    /// All transactions, oldest first.
    pub async fn all_intents(&self) -> Result<Vec<Intent>> {
        self.read(|c| c.collect("SELECT * FROM intents ORDER BY id", &[], rows::intent))
            .await
    }

    /// How many transactions of a sender are in one state.
    pub async fn count_intents(
        &self,
        chain_id: u64,
        sender: Address,
        state: IntentState,
    ) -> Result<u64> {
        self.read(move |c| {
            c.number(
                "SELECT count(*) AS n FROM intents
                 WHERE chain_id = ?1 AND sender = ?2 AND state = ?3",
                params![
                    to_i64(chain_id, "chain id")?,
                    sender.as_slice(),
                    state.as_str()
                ],
            )
        })
        .await
    }

    /// Transactions of a job, of all rounds, oldest first.
    pub async fn intents_of(&self, job: B256) -> Result<Vec<Intent>> {
        self.read(move |c| {
            c.collect(
                "SELECT * FROM intents WHERE job_id = ?1 ORDER BY id",
                params![job.as_slice()],
                rows::intent,
            )
        })
        .await
    }

    /// Transactions of a job's current plan, oldest first.
    pub async fn intents_of_round(&self, job: B256, round: u32) -> Result<Vec<Intent>> {
        self.read(move |c| {
            c.collect(
                "SELECT * FROM intents WHERE job_id = ?1 AND round = ?2 ORDER BY id",
                params![job.as_slice(), round],
                rows::intent,
            )
        })
        .await
    }

    /// Transactions of a sender in one state, oldest first.
    pub async fn intents_in(
        &self,
        chain_id: u64,
        sender: Address,
        state: IntentState,
        limit: u32,
    ) -> Result<Vec<Intent>> {
        self.read(move |c| {
            c.collect(
                "SELECT * FROM intents WHERE chain_id = ?1 AND sender = ?2 AND state = ?3
                 ORDER BY nonce, id LIMIT ?4",
                params![
                    to_i64(chain_id, "chain id")?,
                    sender.as_slice(),
                    state.as_str(),
                    limit
                ],
                rows::intent,
            )
        })
        .await
    }

    /// Settled transactions of a sender with this nonce or a later one, oldest first.
    pub async fn settled_from(
        &self,
        chain_id: u64,
        sender: Address,
        nonce: u64,
    ) -> Result<Vec<Intent>> {
        self.read(move |c| {
            c.collect(
                "SELECT * FROM intents WHERE chain_id = ?1 AND sender = ?2 AND nonce >= ?3
                   AND state IN ('mined', 'reverted', 'superseded', 'cancelled')
                 ORDER BY nonce",
                params![
                    to_i64(chain_id, "chain id")?,
                    sender.as_slice(),
                    to_i64(nonce, "nonce")?
                ],
                rows::intent,
            )
        })
        .await
    }

    /// Records why a pending intent waits.
    pub async fn note_reason(&self, intent_id: i64, reason: Option<String>) -> Result<()> {
        self.write(move |tx| {
            tx.execute(
                "UPDATE intents SET reason = ?2 WHERE id = ?1",
                params![intent_id, reason],
            )?;
            Ok(())
        })
        .await
    }

    /// Records the block that settled an intent.
    pub async fn settle_intent(
        &self,
        intent_id: i64,
        to: IntentState,
        settlement: Settlement,
        reason: Option<String>,
    ) -> Result<()> {
        self.write(move |tx| {
            let intent = must_get(tx, intent_id)?;
            move_intent(tx, &intent, to, reason.as_deref())?;
            if let (IntentState::Superseded, Some(nonce)) = (to, intent.nonce) {
                nonces::note_foreign(tx, intent.chain_id, intent.sender, nonce)?;
            }
            let paid = match settlement {
                // That another transaction used the nonce is one node's word. What was signed may yet be published, so it stays counted.
                Settlement {
                    attempt_id: None, ..
                } => None,
                Settlement { gas_price: 0, .. } => None,
                paid => Some(Gwei::of_gas(paid.gas_used, paid.gas_price).plus(paid.data_fee)),
            };
            ledger::settle(tx, intent_id, paid)?;
            let BlockRef { number, hash } = settlement.block;
            let number = to_i64(number, "block")?;
            tx.execute(
                "UPDATE intents SET attempt_id = ?2, block_number = ?3, block_hash = ?4,
                        gas_used = ?5, gas_price = ?6, contract_address = ?7, data_fee = ?8
                 WHERE id = ?1",
                params![
                    intent_id,
                    settlement.attempt_id,
                    number,
                    hash.as_slice(),
                    to_i64(settlement.gas_used, "gas")?,
                    to_i64(settlement.gas_price, "gas price")?,
                    settlement.contract.map(|c| c.to_vec()),
                    to_i64(settlement.data_fee.0, "fee")?,
                ],
            )?;
            tx.execute(
                "UPDATE attempts SET seen_block = ?2, seen_block_hash = ?3
                 WHERE id = ?1 AND seen_block IS NULL",
                params![settlement.attempt_id, number, hash.as_slice()],
            )?;
            Ok(())
        })
        .await
    }

    /// Gives up a transaction that has no nonce.
    pub async fn abandon(&self, intent_id: i64, reason: String) -> Result<()> {
        self.write(move |tx| {
            let intent = must_get(tx, intent_id)?;
            move_intent(tx, &intent, IntentState::Abandoned, Some(&reason))
        })
        .await
    }

    /// A reorganisation took the block away: the intent is pending again, with all its attempts.
    pub async fn reopen_intent(&self, intent_id: i64, reason: String) -> Result<()> {
        self.write(move |tx| {
            let intent = must_get(tx, intent_id)?;
            move_intent(tx, &intent, IntentState::Pending, Some(&reason))?;
            ledger::reopen(tx, intent_id)?;
            tx.execute(
                "UPDATE intents SET attempt_id = NULL, block_number = NULL, block_hash = NULL,
                        gas_used = NULL, gas_price = NULL, contract_address = NULL, data_fee = NULL
                 WHERE id = ?1",
                params![intent_id],
            )?;
            Ok(())
        })
        .await
    }
}

pub(super) fn insert(
    tx: &dyn Sql,
    job: Option<(&B256, u32)>,
    key: Option<&B256>,
    chain_id: u64,
    sender: Address,
    intent: &NewIntent,
) -> Result<i64> {
    let chunks =
        serde_json::to_string(&intent.chunks).map_err(|e| corrupt(format!("chunks: {e}")))?;
    let id = tx.insert(
        "INSERT INTO intents (job_id, round, intent_key, kind, chain_id, sender, to_address, data,
                              chunks, gas_limit, state, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12)
         RETURNING id",
        params![
            job.map(|(id, _)| id.to_vec()),
            job.map_or(0, |(_, round)| round),
            key.map(|k| k.to_vec()),
            intent.kind.as_str(),
            to_i64(chain_id, "chain id")?,
            sender.as_slice(),
            intent.to.map(|a| a.to_vec()),
            intent.data.as_ref(),
            chunks,
            to_i64(intent.gas_limit, "gas limit")?,
            IntentState::Ready.as_str(),
            tx.time()?,
        ],
    )?;
    log_transition(
        tx,
        job.map(|(id, _)| id),
        Some(id),
        "",
        IntentState::Ready.as_str(),
        None,
    )?;
    Ok(id)
}

/// Moves an intent; the only place that writes `intents.state` after creation.
pub(super) fn move_intent(
    tx: &dyn Sql,
    intent: &Intent,
    to: IntentState,
    reason: Option<&str>,
) -> Result<()> {
    if !intent.state.may_become(to) {
        return Err(Error::IntentTransition {
            from: intent.state,
            to,
        });
    }
    tx.execute(
        "UPDATE intents SET state = ?2, reason = ?3, updated_at = ?4 WHERE id = ?1",
        params![intent.id, to.as_str(), reason, tx.time()?],
    )?;
    if to == IntentState::Abandoned {
        // It is not signed any more: what it would have sent is of no use, and may be large.
        let none: &[u8] = &[];
        tx.execute(
            "UPDATE intents SET data = ?2 WHERE id = ?1",
            params![intent.id, none],
        )?;
    }
    let (from, to) = (intent.state.as_str(), to.as_str());
    log_transition(
        tx,
        intent.job_id.as_ref(),
        Some(intent.id),
        from,
        to,
        reason,
    )
}

/// Gives up the transactions of a job that have no nonce.
pub(super) fn abandon_ready(tx: &dyn Sql, job: &B256, reason: &str) -> Result<()> {
    let ready = tx.collect(
        "SELECT * FROM intents WHERE job_id = ?1 AND state = 'ready'",
        params![job.as_slice()],
        rows::intent,
    )?;
    ready
        .iter()
        .try_for_each(|i| move_intent(tx, i, IntentState::Abandoned, Some(reason)))
}

/// Whether any transaction of a job was ever signed: then only the chain knows what became of the job.
pub(super) fn any_signed(c: &dyn Sql, job: &B256) -> Result<bool> {
    let signed = c.number(
        "SELECT count(*) AS n FROM intents i WHERE job_id = ?1 AND
           (nonce IS NOT NULL OR EXISTS (SELECT 1 FROM attempts a WHERE a.intent_id = i.id))",
        params![job.as_slice()],
    )?;
    Ok(signed > 0)
}

fn by_key(c: &dyn Sql, key: &B256) -> Result<Option<Intent>> {
    let found = c.row(
        "SELECT * FROM intents WHERE intent_key = ?1",
        params![key.as_slice()],
    )?;
    found.as_ref().map(rows::intent).transpose()
}

pub(super) fn must_get(c: &dyn Sql, id: i64) -> Result<Intent> {
    let mut found = c.collect(
        "SELECT * FROM intents WHERE id = ?1",
        params![id],
        rows::intent,
    )?;
    found
        .pop()
        .ok_or_else(|| corrupt(format!("no transaction {id}")))
}
