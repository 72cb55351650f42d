//! What became of a transaction, in a form to show.

use crate::error::Result;
use crate::money::Gwei;
use crate::state::IntentState;
use crate::store::{Intent, Store, TxKind};
use alloy::primitives::B256;
use serde::Serialize;

/// One of our own transactions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TxReport {
    /// Hash of the attempt that is in a block, or of the newest one.
    pub hash: Option<B256>,
    /// Kind of call.
    pub kind: TxKind,
    /// Chunks that it proves.
    pub chunks: Vec<u16>,
    /// Current state of the transaction.
    pub status: IntentState,
    /// Height of the block that includes it.
    pub block: Option<u64>,
    /// Gas that the transaction used.
    pub gas_used: Option<u64>,
    /// Price paid, in wei per gas.
    pub gas_price: Option<u64>,
    /// What a roll-up took for publishing it, beside gas.
    #[serde(rename = "data_fee_gwei", skip_serializing_if = "Option::is_none")]
    pub data_fee: Option<Gwei>,
    /// How many signed attempts there are.
    pub attempts: usize,
    /// Why, where there is more to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl TxReport {
    /// Reads what is known of an intent.
    pub async fn of(store: &Store, intent: &Intent) -> Result<Self> {
        let attempts = store.attempts(intent.id).await?;
        let mined = intent.settlement.and_then(|s| s.attempt_id);
        let shown = match mined {
            Some(id) => attempts.iter().find(|a| a.id == id),
            None => attempts.last(),
        };
        let ours = intent.settlement.filter(|s| s.attempt_id.is_some());
        Ok(Self {
            hash: shown.map(|a| a.tx.hash),
            kind: intent.tx.kind,
            chunks: intent.tx.chunks.clone(),
            status: intent.state,
            block: ours.map(|s| s.block.number),
            gas_used: ours.map(|s| s.gas_used),
            gas_price: ours.map(|s| s.gas_price),
            data_fee: ours.map(|s| s.data_fee).filter(|fee| fee.0 > 0),
            attempts: attempts.len(),
            reason: intent.reason.clone(),
        })
    }

    /// Reports of all of a job's transactions that were signed, and the gas they used.
    pub async fn of_job(store: &Store, job: B256) -> Result<(Vec<Self>, u64)> {
        let mut reports = Vec::new();
        for intent in store.intents_of(job).await? {
            if intent.nonce.is_some() {
                reports.push(Self::of(store, &intent).await?);
            }
        }
        let gas = reports.iter().filter_map(|r| r.gas_used).sum();
        Ok((reports, gas))
    }
}
