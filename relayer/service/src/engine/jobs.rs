//! The steps of a job.

use super::outbox::go_on;
use super::view::View;
use super::{Engine, RegistryCode, Scope};
use crate::error::{Error, Result};
use crate::state::{IntentState, JobState};
use crate::store::{BlockRef, Intent, Job, Next, PlannedBy, QueueFilter};
use alloy::primitives::Address;
use chainfer_chain::Error as ChainError;
use chainfer_chain::abi::{InferenceState, InferenceStatus};
use chainfer_chain::rpc::At;
use chainfer_formats::ProofFile;
use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Instant;

/// Jobs of one state that one tick looks at.
const JOBS_LIMIT: u32 = 1_000;

impl Engine {
    /// Moves the jobs in `scope` by what `view` shows. Jobs that await a block come before new ones.
    pub(super) async fn step_jobs(&self, view: &View, scope: Scope) -> Result<()> {
        match scope {
            Scope::Intent(_) => Ok(()),
            Scope::Job(id) => match self.store.job(id).await? {
                Some(job) if job.key.chain_id == self.chain_id => self.try_step(view, &job).await,
                _ => Err(Error::NoSuchJob(id)),
            },
            Scope::All => self.step_all(view).await,
        }
    }

    async fn step_all(&self, view: &View) -> Result<()> {
        let mut states = vec![
            JobState::Submitting,
            JobState::Mined,
            JobState::Planned,
            JobState::Queued,
        ];
        if self.finality_is_due() {
            states.push(JobState::Confirmed);
        }
        let mut failed = Ok(());
        for state in states {
            match state {
                JobState::Queued => go_on(&mut failed, self.step_queue(view).await)?,
                _ => {
                    for job in self.store.jobs_in(self.chain_id, state, JOBS_LIMIT).await? {
                        go_on(&mut failed, self.try_step(view, &job).await)?;
                    }
                }
            }
        }
        failed
    }

    /// Plans queued jobs that this relayer is for: others may have put more into the same database.
    async fn step_queue(&self, view: &View) -> Result<()> {
        let filter = self.queue_filter();
        let ended = self
            .store
            .queued_without_proof(self.chain_id, filter.clone(), JOBS_LIMIT)
            .await?;
        let mut failed = Ok(());
        for job in ended {
            go_on(&mut failed, self.try_step(view, &job).await)?;
        }
        if view.paused {
            return failed;
        }
        // No more plans than can be sent: a waiting plan rests on an ageing simulation.
        let limit = self.room_for_plans().await?;
        let mut tried = HashSet::new();
        for next in self.store.queued_jobs(self.chain_id, filter, limit).await? {
            // The job's next proof has its turn in the next tick.
            if tried.insert(next.job.key.id) {
                go_on(&mut failed, self.try_plan(view, &next).await)?;
            }
        }
        failed
    }

    /// The jobs that this relayer is for.
    pub(super) fn queue_filter(&self) -> QueueFilter {
        QueueFilter {
            registry: self.config.registry,
            models: self.config.models.clone(),
            account: Some(self.sender()),
            spend_daily: self.config.quota.spend,
        }
    }

    /// Plans a job by one of its proofs. A proof that the chain does not take fails alone.
    async fn try_plan(&self, view: &View, next: &Next) -> Result<()> {
        let id = next.job.key.id;
        match self.step_queued(view, next).await {
            Ok(()) => {}
            Err(e) if self.ends_job(&e) => {
                tracing::error!(job = %id, submitter = %next.submitter, error = %e, "proof failed");
                let digest = next.digest;
                self.store.fail_payload(id, digest, e.to_string()).await?;
            }
            // A relayer of another account, with the same database, was faster.
            Err(e @ Error::JobTransition { .. }) => {
                tracing::debug!(job = %id, error = %e, "moved on");
            }
            // Not this job's fault; the others need not wait for it.
            Err(e) if e.is_transient() => tracing::warn!(job = %id, error = %e, "job waits"),
            Err(e) => {
                tracing::warn!(job = %id, error = %e, "job waits");
                let wait = self.config.retry_after;
                self.store
                    .defer_job(id, format!("waiting: {e}"), wait)
                    .await?;
            }
        }
        Ok(())
    }

    /// One step of a job; an error that is about the job ends it, any other leaves it as it is.
    async fn try_step(&self, view: &View, job: &Job) -> Result<()> {
        let id = job.key.id;
        match self.step_job(view, job).await {
            Ok(()) => {}
            Err(e) if self.ends_job(&e) && job.state.may_become(JobState::Failed) => {
                tracing::error!(job = %id, error = %e, "job failed");
                let (to, reason) = (JobState::Failed, Some(e.to_string()));
                self.store.move_job(id, job.state, to, reason, None).await?;
            }
            // A relayer of another account, with the same database, was faster.
            Err(e @ Error::JobTransition { .. }) => {
                tracing::debug!(job = %id, error = %e, "moved on")
            }
            // Not this job's fault; the others need not wait for it.
            Err(e) => tracing::warn!(job = %id, error = %e, "job waits"),
        }
        Ok(())
    }

    /// Whether an error is about the job itself, so that waiting does not help. Of a registry whose code is known, no code and answers
    /// that make no sense are about the node.
    fn ends_job(&self, e: &Error) -> bool {
        match e {
            Error::ChunkTooLarge { .. }
            | Error::Format(_)
            | Error::Mismatch { .. }
            | Error::Chain(ChainError::Reverted { .. }) => true,
            Error::Chain(ChainError::NoCode { .. } | ChainError::Mismatch { .. }) => {
                matches!(self.config.registry_code, None | Some(RegistryCode::Any))
            }
            _ => false,
        }
    }

    async fn room_for_plans(&self) -> Result<u32> {
        let (chain, sender, limit) = (self.chain_id, self.sender(), self.config.max_in_flight);
        let mut taken = 0;
        for state in [IntentState::Ready, IntentState::Pending] {
            taken += self.store.count_intents(chain, sender, state).await?;
        }
        Ok(limit.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX)))
    }

    fn finality_is_due(&self) -> bool {
        let mut checked = self
            .finality_checked
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let due = checked.is_none_or(|at| at.elapsed() >= self.config.finality_poll);
        if due {
            *checked = Some(Instant::now());
        }
        due
    }

    async fn step_job(&self, view: &View, job: &Job) -> Result<()> {
        match job.state {
            JobState::Queued | JobState::Planned | JobState::Submitting if job.cancel_requested => {
                self.step_cancelling(view, job).await
            }
            JobState::Queued => self.step_left(view, job).await,
            JobState::Submitting => self.step_submitting(view, job).await,
            JobState::Mined => self.step_mined(view, job).await,
            JobState::Confirmed => self.step_confirmed(view, job).await,
            JobState::Planned => self.step_planned(view, job).await,
            JobState::Finalized | JobState::Failed | JobState::Cancelled => Ok(()),
        }
    }

    /// A queued job that is stepped by its id, or has no proof left.
    async fn step_left(&self, view: &View, job: &Job) -> Result<()> {
        match self.store.next_proof(job.key.id).await? {
            Some(_) if view.paused || view.short => Ok(()),
            Some(next) => self.try_plan(view, &next).await,
            None => {
                let (to, reason) = (JobState::Failed, Some("no proof of it is left".to_owned()));
                let id = job.key.id;
                self.store.move_job(id, job.state, to, reason, None).await
            }
        }
    }

    /// Reads what the chain has, and plans the rest.
    async fn step_queued(&self, view: &View, next: &Next) -> Result<()> {
        let job = &next.job;
        let registry = view.registry(job.key.registry);
        let inference = registry
            .state(
                job.key.model_id,
                job.key.inference_id,
                At::Block(view.head.hash),
            )
            .await?;
        if inference.status() == Some(InferenceStatus::Proven) {
            let reason = "the registry has it already".to_owned();
            return self.proven(view, job, Some(reason)).await;
        }
        let proof = self.proof(next).await?;
        let plan = self.plan(view, &job.key, &proof, &inference).await?;
        tracing::info!(job = %job.key.id, submitter = %next.submitter, transactions = plan.len(), "job planned");
        let by = PlannedBy {
            digest: next.digest,
            payer: next.submitter.clone(),
            progress: progress(&inference),
        };
        self.store
            .plan_job(job.key.id, self.chain_id, self.sender(), by, plan)
            .await
    }

    /// The outbox moves planned jobs on, but only those that this account planned. While the account may not send, others
    /// may have them.
    async fn step_planned(&self, view: &View, job: &Job) -> Result<()> {
        let intents = self.store.intents_of_round(job.key.id, job.round).await?;
        if let Some(other) = intents.iter().find(|i| i.sender != self.sender()) {
            if self.is_sending_elsewhere(other.sender).await? {
                return Ok(());
            }
            let reason = "planned for another account".to_owned();
            return self.requeue(job, reason).await;
        }
        if self.config.registry.is_some_and(|r| r != job.key.registry) {
            let reason = "this relayer is for another registry".to_owned();
            return self.requeue(job, reason).await;
        }
        if view.paused {
            return self.requeue(job, "the account is paused".to_owned()).await;
        }
        // Simulated again just before signing, a transaction may have turned out not to succeed any more.
        if intents.iter().all(|i| i.state == IntentState::Abandoned) {
            let reason = intents.iter().find_map(|i| i.reason.clone());
            return self.requeue(job, reason.unwrap_or_default()).await;
        }
        Ok(())
    }

    /// Waits until every transaction of the plan is settled, then asks the registry.
    async fn step_submitting(&self, view: &View, job: &Job) -> Result<()> {
        let intents = self.store.intents_of_round(job.key.id, job.round).await?;
        let mut newest = 0;
        let mut of_other = Vec::new();
        for intent in &intents {
            if self.reopen_if_lost(view, intent).await? {
                return Ok(());
            }
            match intent.state {
                IntentState::Ready | IntentState::Pending if intent.sender != self.sender() => {
                    of_other.push(intent);
                }
                IntentState::Ready | IntentState::Pending => return Ok(()),
                _ => newest = newest.max(intent.settlement.map_or(0, |s| s.block.number)),
            }
        }
        if let Some(first) = of_other.first() {
            let account = first.sender;
            return self
                .step_of_other_account(view, job, account, &of_other)
                .await;
        }
        if view.head.number < newest {
            // Receipts came from a node that is ahead of this view.
            return Ok(());
        }
        let registry = view.registry(job.key.registry);
        let inference = registry
            .state(
                job.key.model_id,
                job.key.inference_id,
                At::Block(view.head.hash),
            )
            .await?;
        if inference.status() == Some(InferenceStatus::Proven) {
            return self.proven(view, job, None).await;
        }
        let paid = intents
            .iter()
            .any(|i| i.settlement.is_some_and(|s| s.attempt_id.is_some()));
        let reason = intents
            .iter()
            .filter(|i| i.state != IntentState::Mined)
            .find_map(|i| {
                i.reason
                    .clone()
                    .map(|r| format!("{} transaction: {r}", i.tx.kind))
            })
            .unwrap_or_else(|| "transactions are mined, but chunks are missing".to_owned());
        let (now, limit) = (progress(&inference), self.config.max_stalls);
        let failed = self
            .store
            .end_round(job.key.id, paid, now, limit, reason.clone())
            .await?;
        tracing::warn!(job = %job.key.id, failed, reason, "plan ended without a proven inference");
        Ok(())
    }

    /// Transactions that another account of the same database planned or signed. While a relayer sends for
    /// that account they are its business; afterwards what a node may have taken is waited for, and if there is
    /// nothing of that kind the job is planned again for this account.
    async fn step_of_other_account(
        &self,
        view: &View,
        job: &Job,
        account: Address,
        open: &[&Intent],
    ) -> Result<()> {
        if self.is_sending_elsewhere(account).await? {
            return Ok(());
        }
        let mut waits = false;
        for intent in open {
            waits |= intent.state == IntentState::Pending && self.watch_other(view, intent).await?;
        }
        if waits {
            return Ok(());
        }
        let reason = format!("account {account} never sent its transaction");
        self.requeue(job, reason).await
    }

    async fn requeue(&self, job: &Job, reason: String) -> Result<()> {
        tracing::warn!(job = %job.key.id, reason, "planning again");
        let to = JobState::Queued;
        self.store
            .move_job(job.key.id, job.state, to, Some(reason), None)
            .await
    }

    /// Counts confirmations of the block at which the registry said `Proven`: while that block is
    /// canonical, so is every block before it with the transactions.
    async fn step_mined(&self, view: &View, job: &Job) -> Result<()> {
        let Some(block) = self.standing(view, job).await? else {
            return self.undo(view, job).await;
        };
        if view.depth(block) < self.config.confirmations() {
            return Ok(());
        }
        if view.head.number > block.number && self.is_unproven(view, job, block).await? {
            return self.disbelieve(job).await;
        }
        tracing::info!(job = %job.key.id, block = block.number, "job confirmed");
        let reason = job.reason.clone();
        self.store
            .move_job(job.key.id, job.state, JobState::Confirmed, reason, None)
            .await
    }

    /// Watches until the block is finalized.
    async fn step_confirmed(&self, view: &View, job: &Job) -> Result<()> {
        let Some(block) = self.standing(view, job).await? else {
            return self.undo(view, job).await;
        };
        let finalized = view.finalized().await?;
        if finalized.is_some_and(|number| number >= block.number) {
            if self.is_unproven(view, job, block).await? {
                return self.disbelieve(job).await;
            }
            let reason = job.reason.clone();
            self.store
                .move_job(job.key.id, job.state, JobState::Finalized, reason, None)
                .await?;
        }
        Ok(())
    }

    /// The block at which the job was proven, while it and the job's transactions are on the chain.
    async fn standing(&self, view: &View, job: &Job) -> Result<Option<BlockRef>> {
        let Some(block) = job.proven else {
            return Ok(None);
        };
        let intents = self.store.intents_of_round(job.key.id, job.round).await?;
        let open = intents.iter().any(|i| i.state == IntentState::Pending);
        let stands = !open && view.is_canonical(block).await?;
        Ok(stands.then_some(block))
    }

    /// Whether the registry does not have what it was said to have at a block: what said so was one answer of one node. A node that is
    /// behind that block cannot tell.
    pub(super) async fn is_unproven(
        &self,
        view: &View,
        job: &Job,
        block: BlockRef,
    ) -> Result<bool> {
        if view.head.number < block.number {
            return Ok(false);
        }
        let registry = view.registry(job.key.registry);
        let at = At::Block(view.head.hash);
        Ok(!registry
            .is_proven(job.key.model_id, job.key.inference_id, at)
            .await?)
    }

    pub(super) async fn disbelieve(&self, job: &Job) -> Result<()> {
        let reason = "the registry does not have it, although a node said so before".to_owned();
        self.requeue(job, reason).await
    }

    /// The block is gone. Transactions that went with it are broadcast again as they are; without
    /// any, the chain is read afresh.
    async fn undo(&self, view: &View, job: &Job) -> Result<()> {
        let mut open = false;
        for intent in self.store.intents_of_round(job.key.id, job.round).await? {
            open |=
                intent.state == IntentState::Pending || self.reopen_if_lost(view, &intent).await?;
        }
        let to = if open {
            JobState::Submitting
        } else {
            JobState::Queued
        };
        let reason = "reorganised: the block that proved it left the chain".to_owned();
        tracing::warn!(job = %job.key.id, state = %to, "{reason}");
        self.store
            .move_job(job.key.id, job.state, to, Some(reason), None)
            .await
    }

    pub(super) async fn proven(
        &self,
        view: &View,
        job: &Job,
        reason: Option<String>,
    ) -> Result<()> {
        let block = BlockRef {
            number: view.head.number,
            hash: view.head.hash,
        };
        tracing::info!(job = %job.key.id, block = block.number, "inference proven on chain");
        let id = job.key.id;
        self.store
            .move_job(id, job.state, JobState::Mined, reason, Some(block))
            .await?;
        // One confirmation is the block itself: no need to wait for another tick.
        match self.store.job(id).await? {
            Some(job) => self.step_mined(view, &job).await,
            None => Ok(()),
        }
    }

    async fn proof(&self, next: &Next) -> Result<ProofFile> {
        let id = next.job.key.id;
        let body = self.store.payload_of(id, next.digest).await?;
        let body = body.ok_or_else(|| Error::DatabaseCorrupt {
            what: format!("job {id} has no proof"),
        })?;
        Ok(ProofFile::parse(&body)?)
    }
}

/// How far the registry's record of an inference is: chunks proven, and one for the root.
fn progress(inference: &InferenceState) -> u32 {
    let chunks = inference.provenChunks.count_ones();
    let committed = inference.status() != Some(InferenceStatus::None);
    u32::try_from(chunks).unwrap_or(u32::MAX) + u32::from(committed)
}
