//! The engine: drives jobs from submission to finality.
//!
//! [`Engine::tick`] looks at one head block and moves every job and every transaction accordingly. All
//! of its knowledge is in the store, so that a process may stop between any two steps and another may
//! continue. It is the only code that sends.

mod account;
mod cancel;
mod config;
mod data_fee;
mod door;
mod gas_caps;
mod jobs;
mod lease;
mod look;
mod money;
mod outbox;
mod patience;
mod plan;
mod send;
mod single;
mod view;

pub use config::{EngineConfig, Quota, RegistryCode};
pub use door::read_proof;

use crate::boxed::Boxed;
use crate::error::{Error, Result};
use crate::state::JobState;
use crate::store::{Cancellation, Intake, Job, JobKey, Lease, Store, Submitted, new_holder};
use crate::submitter::Submitter;
use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::SolValue;
use chainfer_chain::fees::Oracle;
use chainfer_chain::registry::Registry;
use chainfer_chain::rpc::Rpc;
use chainfer_chain::rules::GasRules;
use chainfer_chain::wallet::Wallet;
use chainfer_formats::{ProofFile, ids};
use outbox::go_on;
use patience::Patience;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Mutex as SyncMutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use view::open_chain;

/// Jobs whose remains are dropped at a time.
const EXPIRE_LIMIT: u32 = 100;

/// The engine of one account on one chain.
#[derive(Debug)]
pub struct Engine {
    rpc: Rpc,
    store: Store,
    wallet: Wallet,
    config: EngineConfig,
    chain_id: u64,
    /// One tick at a time: signing and reserving must not interleave.
    ticking: Mutex<()>,
    /// Height of the head last worked from.
    newest_head: AtomicU64,
    /// How many times in a row an intent's nonce was used on chain without a receipt for one of our attempts.
    foreign: SyncMutex<HashMap<i64, u32>>,
    finality_checked: SyncMutex<Option<Instant>>,
    /// Transactions of the account that the chain was last seen to have.
    account_seen: SyncMutex<Option<u64>>,
    /// Name of this engine in the lease.
    holder: String,
    held: SyncMutex<Held>,
    /// Gwei; `u64::MAX` before it was read.
    balance: AtomicU64,
    oracle_seen: SyncMutex<Option<(Option<Oracle>, Instant)>>,
    /// The chain's gas rules, once they were recognised.
    rules: SyncMutex<Option<GasRules>>,
    /// When what need not be kept was last looked for.
    expired: SyncMutex<Option<Instant>>,
    /// What registries say of models, as far as it was asked for.
    models: SyncMutex<door::Models>,
    /// Proofs that are simulated before they are stored.
    trials: door::Trials,
    /// A nonce gap, and how many times in a row it was seen.
    gap_seen: SyncMutex<Option<(u64, u32)>>,
    /// When all nodes were last asked for their heads.
    heads_seen: SyncMutex<Option<Instant>>,
    /// How many times in a row the chain was said to have more of the account's transactions than can be explained.
    unexplained: AtomicU32,
}

/// The lease as this process knows it.
#[derive(Debug, Default)]
struct Held {
    lease: Option<Lease>,
    renewed: Option<Instant>,
}

/// What a tick may plan and sign. Pending transactions are watched in any case.
#[derive(Debug, Clone, Copy)]
enum Scope {
    /// Everything in the database.
    All,
    /// One job.
    Job(B256),
    /// One transaction without a job.
    Intent(i64),
}

impl Engine {
    /// Connects the parts, and checks that node, database and configuration are for one chain.
    ///
    /// # Errors
    /// [`Error::WrongChain`] and [`Error::WrongGenesis`] when they do not.
    pub async fn open(
        rpc: Rpc,
        store: Store,
        wallet: Wallet,
        expected_chain: Option<u64>,
        config: EngineConfig,
    ) -> Result<Self> {
        let chain_id = open_chain(&rpc, &store, expected_chain).await?;
        tracing::info!(chain_id, sender = %wallet.address(), "relayer engine opened");
        Ok(Self {
            rpc,
            store,
            wallet,
            config: config.for_chain(chain_id),
            chain_id,
            ticking: Mutex::new(()),
            newest_head: AtomicU64::new(0),
            foreign: SyncMutex::default(),
            finality_checked: SyncMutex::default(),
            account_seen: SyncMutex::default(),
            gap_seen: SyncMutex::default(),
            heads_seen: SyncMutex::default(),
            unexplained: AtomicU32::new(0),
            expired: SyncMutex::default(),
            models: SyncMutex::default(),
            trials: door::Trials::default(),
            holder: new_holder(),
            held: SyncMutex::default(),
            balance: AtomicU64::new(u64::MAX),
            oracle_seen: SyncMutex::default(),
            rules: SyncMutex::default(),
        })
    }

    /// Chain of this engine.
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Sending account.
    pub fn sender(&self) -> Address {
        self.wallet.address()
    }

    /// Where jobs and transactions are stored.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The chain's nodes.
    pub fn rpc(&self) -> &Rpc {
        &self.rpc
    }

    /// The settings in force.
    pub fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// The registry at an address, read as this engine's account.
    pub fn registry(&self, address: Address) -> Registry {
        Registry::new(self.rpc.clone(), address)
    }

    /// What a proof would be stored under. Costs nothing and stores nothing.
    ///
    /// # Errors
    /// [`Error::Mismatch`] and [`Error::WrongChain`] when the proof is not for this engine.
    pub fn job_key(&self, proof: &ProofFile) -> Result<JobKey> {
        let missing = |field| Error::Mismatch {
            field,
            expected: "a proof that is bound to a registry".to_owned(),
            got: "null".to_owned(),
        };
        let binding = proof.binding.ok_or_else(|| missing("binding"))?;
        let model_id = proof.model_id.ok_or_else(|| missing("model_id"))?;
        if binding.chain_id != self.chain_id {
            return Err(Error::WrongChain {
                expected: self.chain_id,
                got: binding.chain_id,
            });
        }
        if let Some(registry) = self.config.registry
            && registry != binding.registry
        {
            return Err(Error::Mismatch {
                field: "binding.registry",
                expected: registry.to_string(),
                got: binding.registry.to_string(),
            });
        }
        if let Some(models) = &self.config.models
            && !models.contains(&model_id)
        {
            return Err(Error::ModelNotAllowed(model_id));
        }
        let (root, context): (U256, U256) = (proof.root.value(), proof.context.value());
        Ok(JobKey {
            id: job_id(self.chain_id, binding.registry, model_id, root, context),
            chain_id: self.chain_id,
            registry: binding.registry,
            model_id,
            root,
            context,
            requester: binding.requester,
            nonce: binding.nonce.into(),
            inference_id: ids::inference_id(model_id, proof.root, proof.context),
        })
    }

    /// Stores a proof as a job of `submitter`'s, or as one more proof of a job that is there. When this returns, it survives a crash.
    ///
    /// # Errors
    /// The proof is not for this engine, cannot be sent, or with [`EngineConfig::check_at_door`] is one that the registry would not
    /// take; or there is no room for it.
    pub async fn submit(&self, proof: &ProofFile, submitter: &Submitter) -> Result<Submitted> {
        let key = self.job_key(proof)?;
        let payload = self.examine(&key, proof, submitter).await?;
        self.doubt(key.id, submitter).await?;
        let intake = Intake {
            queue: self.config.queue_limit,
            payload_bytes: self.config.payload_bytes,
            daily: self.config.quota.proofs,
        };
        let submitted = self.store.submit_job(key, payload, intake).await?;
        let job = submitted.job();
        tracing::info!(job = %job.key.id, state = %job.state, %submitter, "proof submitted");
        Ok(submitted)
    }

    /// Cancels a job, whoever handed its proofs in. With signed transactions this takes the blocks that use up their nonces.
    pub async fn cancel(&self, id: B256) -> Result<Cancellation> {
        let outcome = self.store.cancel_job(id).await?;
        tracing::info!(job = %id, ?outcome, "cancellation asked for");
        Ok(outcome)
    }

    /// Withdraws what `submitter` handed in for a job; the job is cancelled when nobody else's proof is left.
    ///
    /// # Errors
    /// [`Error::NotSubmitted`] when none of the job's proofs are this submitter's.
    pub async fn withdraw(&self, id: B256, submitter: &Submitter) -> Result<Cancellation> {
        let outcome = self.store.withdraw(id, submitter.clone()).await?;
        tracing::info!(job = %id, %submitter, ?outcome, "withdrawal asked for");
        Ok(outcome)
    }

    /// Looks at the chain once and takes every step that follows.
    pub async fn tick(&self) -> Result<()> {
        self.tick_in(Scope::All).await
    }

    fn tick_in(&self, scope: Scope) -> Boxed<'_, Result<()>> {
        Box::pin(async move {
            let _one = self.ticking.lock().await;
            if !self.hold_lease().await? {
                // The process that has it works on the same database.
                return Ok(());
            }
            let result = self.with_lease(self.tick_once(scope)).await;
            if matches!(result, Err(Error::LeaseLost { .. })) {
                self.lose_lease();
            }
            result
        })
    }

    /// Does `work` and renews the lease beside it.
    async fn with_lease<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            done = work => done,
            never = self.keep_lease() => match never {},
        }
    }

    async fn tick_once(&self, scope: Scope) -> Result<()> {
        let view = self.view().await?;
        self.watch_pending(&view).await?;
        // What cannot be written of one job is tried again with the next tick, and does not end this one.
        let mut failed = Ok(());
        go_on(&mut failed, self.step_jobs(&view, scope).await)?;
        go_on(&mut failed, self.start_ready(&view, scope).await)?;
        go_on(&mut failed, self.repair_gap(&view).await)?;
        go_on(&mut failed, self.expire().await)?;
        failed
    }

    /// Drops what need not be kept any longer, a little at a time.
    async fn expire(&self) -> Result<()> {
        let due = {
            let mut last = self.expired.lock().unwrap_or_else(PoisonError::into_inner);
            let due = last.is_none_or(|at| at.elapsed() >= self.config.expiry_poll);
            if due {
                *last = Some(Instant::now());
            }
            due
        };
        if due {
            let keep = self.config.keep_payloads;
            let jobs = self.store.expire(keep, EXPIRE_LIMIT).await?;
            if jobs > 0 {
                tracing::info!(jobs, "proofs and transactions of finished jobs dropped");
            }
        }
        Ok(())
    }

    /// Works on one job until it is confirmed. Other jobs in the database are left alone, but
    /// transactions that this account has out already are watched, because their nonces come first.
    ///
    /// # Errors
    /// [`Error::JobEnded`] when it fails, [`Error::Timeout`] when it takes longer than `limit` and [`Error::Paused`] when a call that
    /// does not wait for money finds that nothing is sent; the job stays stored then.
    pub async fn run_job(&self, id: B256, limit: Duration) -> Result<Job> {
        let mut patience = Patience::new(limit);
        loop {
            match self.tick_in(Scope::Job(id)).await {
                Err(e) if e.is_transient() => tracing::warn!(error = %e, "will try again"),
                other => other?,
            }
            let job = self.store.job(id).await?.ok_or(Error::NoSuchJob(id))?;
            match job.state {
                JobState::Confirmed | JobState::Finalized => return Ok(job),
                JobState::Failed | JobState::Cancelled => {
                    return Err(Error::JobEnded {
                        job: id,
                        state: job.state,
                        reason: job.reason.unwrap_or_default(),
                    });
                }
                _ => {}
            }
            let what = format!("job {id} (now {})", job.state);
            if matches!(job.state, JobState::Queued | JobState::Planned) {
                self.check_paused(&what).await?;
            }
            let intents = self.store.intents_of(id).await?;
            self.go_on_waiting(&mut patience, &what, &intents).await?;
        }
    }
}

/// Idempotency key of a relay job: there is at most one job per key.
fn job_id(chain_id: u64, registry: Address, model: B256, root: U256, context: U256) -> B256 {
    keccak256((U256::from(chain_id), registry, model, root, context).abi_encode())
}
