//! Jobs as JSON.

use crate::client::TxReport;
use crate::error::Result;
use crate::state::JobState;
use crate::store::{Job, Store};
use alloy::primitives::{Address, B256};
use serde::Serialize;

/// A job as the service shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobView {
    /// Job id, the idempotency key.
    pub id: B256,
    /// Where it stands.
    pub state: JobState,
    /// Why, where there is more to say.
    pub reason: Option<String>,
    /// Chain.
    pub chain_id: u64,
    /// Registry contract.
    pub registry: Address,
    /// Model in the registry.
    pub model_id: B256,
    /// Inference in the registry.
    pub inference_id: B256,
    /// Who is credited.
    pub requester: Address,
    /// Root over the boundary tensors.
    pub root: B256,
    /// Context that the proofs carry.
    pub context: B256,
    /// Block at which the registry was seen to say `Proven`.
    pub proven_block: Option<u64>,
    /// Signed transactions, in order; left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transactions: Option<Vec<TxReport>>,
    /// Gas of all of them; left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_gas: Option<u64>,
    /// What happened when; left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<Vec<TransitionView>>,
    /// Unix milliseconds.
    pub created_at: u64,
    /// Unix milliseconds.
    pub updated_at: u64,
}

/// One line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TransitionView {
    /// State before.
    pub from: String,
    /// State after.
    pub to: String,
    /// Reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Unix milliseconds.
    pub at: u64,
}

impl JobView {
    /// The job alone.
    pub fn brief(job: &Job) -> Self {
        Self {
            id: job.key.id,
            state: job.state,
            reason: job.reason.clone(),
            chain_id: job.key.chain_id,
            registry: job.key.registry,
            model_id: job.key.model_id,
            inference_id: job.key.inference_id,
            requester: job.key.requester,
            root: job.key.root.into(),
            context: job.key.context.into(),
            proven_block: job.proven.map(|b| b.number),
            transactions: None,
            total_gas: None,
            log: None,
            created_at: job.created_at,
            updated_at: job.updated_at,
        }
    }

    /// The job with its transactions and log.
    pub async fn full(store: &Store, job: &Job) -> Result<Self> {
        let (transactions, gas) = TxReport::of_job(store, job.key.id).await?;
        let log = store.transitions(job.key.id).await?;
        let log = log
            .into_iter()
            .map(|t| TransitionView {
                from: t.from,
                to: t.to,
                reason: t.reason,
                at: t.at,
            })
            .collect();
        Ok(Self {
            transactions: Some(transactions),
            total_gas: Some(gas),
            log: Some(log),
            ..Self::brief(job)
        })
    }
}
