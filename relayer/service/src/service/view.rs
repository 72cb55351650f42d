//! Jobs as JSON.

use super::shared::Shared;
use crate::client::TxReport;
use crate::error::Result;
use crate::money::Gwei;
use crate::state::{IntentState, JobState, PayloadState};
use crate::store::{Job, Pause, Store};
use alloy::primitives::{Address, B256};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::PoisonError;

/// A job as the service shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobView {
    /// Job id, the idempotency key.
    pub id: B256,
    /// Current state of the job.
    pub state: JobState,
    /// Why, where there is more to say.
    pub reason: Option<String>,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Address of the registry contract.
    pub registry: Address,
    /// Id of the model in the registry.
    pub model_id: B256,
    /// Id of the inference in the registry.
    pub inference_id: B256,
    /// Account that the inference is credited to.
    pub requester: Address,
    /// Root over the boundary tensors.
    pub root: B256,
    /// Context that the proofs carry.
    pub context: B256,
    /// Block at which the registry was seen to say `Proven`.
    pub proven_block: Option<u64>,
    /// A person asked for it to be cancelled.
    pub cancel_requested: bool,
    /// The proofs that were handed in, oldest first; left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proofs: Option<Vec<PayloadView>>,
    /// Signed transactions, in order; left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transactions: Option<Vec<TxReport>>,
    /// Gas of all of them; left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_gas: Option<u64>,
    /// What happened when; left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<Vec<TransitionView>>,
    /// When it was stored, in Unix milliseconds.
    pub created_at: u64,
    /// When it last changed, in Unix milliseconds.
    pub updated_at: u64,
}

/// A job of others', as the service shows it to a submitter that has no proof in it: what the chain shows anyway, in a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct OthersJobView {
    id: B256,
    state: JobState,
}

impl OthersJobView {
    pub(super) fn of(job: &Job) -> Self {
        Self {
            id: job.key.id,
            state: job.state,
        }
    }
}

/// A proof of a job. Who handed it in is not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PayloadView {
    /// Hash of what is stored of it.
    pub digest: B256,
    /// Current state of the proof.
    pub state: PayloadState,
    /// Why, where there is more to say.
    pub reason: Option<String>,
    /// Bytes that are kept of it.
    pub bytes: u64,
    /// When it was handed in, in Unix milliseconds.
    pub created_at: u64,
}

/// One line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TransitionView {
    /// State before the change.
    pub from: String,
    /// State after the change.
    pub to: String,
    /// Explanation, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When, in Unix milliseconds.
    pub at: u64,
}

impl JobView {
    /// The job without its transactions and log.
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
            cancel_requested: job.cancel_requested,
            proofs: None,
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
        let proofs = store.payloads(job.key.id).await?;
        let proofs = proofs.into_iter().map(|p| PayloadView {
            digest: p.digest,
            state: p.state,
            reason: p.reason,
            bytes: p.bytes,
            created_at: p.created_at,
        });
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
            proofs: Some(proofs.collect()),
            transactions: Some(transactions),
            total_gas: Some(gas),
            log: Some(log),
            ..Self::brief(job)
        })
    }
}

/// The relayer as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusView {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Sending account.
    pub sender: Address,
    /// Whether this process is the one that sends for its account.
    pub sending: bool,
    /// Jobs by state.
    pub jobs: BTreeMap<&'static str, u64>,
    /// Signed transactions that are not settled.
    pub pending: u64,
    /// Nonces that were used from elsewhere.
    pub foreign_nonces: u64,
    /// Balance as last read.
    pub balance_gwei: Option<Gwei>,
    /// What was spent or signed.
    pub spend_gwei: SpendView,
    /// Caps on spending.
    pub caps_gwei: CapsView,
    /// Why nothing new is sent; empty while it is.
    pub pauses: Vec<Pause>,
    /// The nodes in order.
    pub nodes: Vec<NodeView>,
    /// Why the last look at the chain failed.
    pub last_error: Option<String>,
}

/// What was spent, signed transactions at their dearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SpendView {
    /// Signed and not settled.
    pub open: Gwei,
    /// In 60 minutes.
    pub hour: Gwei,
    /// In 24 hours.
    pub day: Gwei,
    /// Since the state was created.
    pub total: Gwei,
}

/// Caps in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CapsView {
    /// Of one transaction.
    pub transaction: Option<Gwei>,
    /// Of all transactions of a job.
    pub job: Option<Gwei>,
    /// Of 60 minutes.
    pub hour: Option<Gwei>,
    /// Of 24 hours.
    pub day: Option<Gwei>,
    /// Of all time.
    pub total: Option<Gwei>,
}

/// How a node is doing. Its address may carry a credential, and is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NodeView {
    /// Whether it has not failed recently.
    pub healthy: bool,
    /// Newest block seen there.
    pub head: u64,
    /// Requests since the start.
    pub requests: u64,
    /// Of these without a usable answer.
    pub errors: u64,
}

impl StatusView {
    pub(super) async fn of(shared: &Shared) -> Result<Self> {
        let engine = &shared.engine;
        let (chain_id, sender) = (engine.chain_id(), engine.sender());
        let store = engine.store();
        let jobs = store.count_jobs().await?;
        let (spend, caps) = (store.spend(chain_id, sender).await?, engine.config().caps);
        let nodes = engine.rpc().health().into_iter().map(|node| NodeView {
            healthy: node.healthy,
            head: node.head,
            requests: node.requests,
            errors: node.errors,
        });
        let last_error = shared
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Ok(Self {
            chain_id,
            sender,
            sending: engine.is_sending(),
            jobs: jobs.into_iter().map(|(s, n)| (s.as_str(), n)).collect(),
            pending: store
                .count_intents(chain_id, sender, IntentState::Pending)
                .await?,
            foreign_nonces: store.foreign_nonces(chain_id, sender).await?,
            balance_gwei: engine.last_balance(),
            spend_gwei: SpendView {
                open: spend.open,
                hour: spend.hour,
                day: spend.day,
                total: spend.total,
            },
            caps_gwei: CapsView {
                transaction: caps.transaction,
                job: caps.job,
                hour: caps.hour,
                day: caps.day,
                total: caps.total,
            },
            pauses: engine.pauses().await?,
            nodes: nodes.collect(),
            last_error,
        })
    }
}
