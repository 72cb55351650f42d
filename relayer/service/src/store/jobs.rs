//! Jobs and their log.

use super::handle::Store;
use super::intake::{Intake, check_day, check_queue};
use super::intents;
use super::log::log_transition;
use super::payloads::{self, NewPayload, Payload, Which};
use super::rows::{self, BlockRef, Job, JobKey, NewIntent, Transition};
use super::sql::{Sql, corrupt, number, params, to_i64};
use crate::error::{Error, Result};
use crate::state::{JobState, PayloadState};
use crate::submitter::Submitter;
use alloy::primitives::{Address, B256};
use std::collections::HashSet;
use std::time::Duration;

/// Lines of a log that are shown.
const LINES_SHOWN: u32 = 400;

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// A new job.
    Created(Job),
    /// The job was there and is worked on, or done. Until it is done, another proof of it is kept and tried when the first fails.
    Existing(Job),
    /// The job had failed or was cancelled and is queued again, with the proof submitted now: so a bad proof that came
    /// first cannot lock out a good one, and submitting again is how one asks for another try.
    Reopened(Job),
}

impl Submitted {
    /// The job, in either case.
    pub fn job(&self) -> &Job {
        match self {
            Self::Created(job) | Self::Existing(job) | Self::Reopened(job) => job,
        }
    }
}

/// Result of a request to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancellation {
    /// The job is cancelled.
    Done,
    /// Transactions are signed: their nonces are used up otherwise first. If one of them is faster the
    /// proof is on chain in the end.
    Requested,
    /// The job is past that.
    TooLate(JobState),
}

/// What a plan is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedBy {
    /// Digest of the proof.
    pub digest: B256,
    /// Who is charged.
    pub payer: Submitter,
    /// What the registry's record holds: chunks proven, and one for the root.
    pub progress: u32,
}

impl Store {
    /// Stores a job and its proof, or one more proof of a job that is there.
    ///
    /// # Errors
    /// [`Error::QueueFull`], [`Error::Quota`] and [`Error::TooManyProofs`] when that would be more than `intake` allows.
    pub async fn submit_job(
        &self,
        key: JobKey,
        payload: NewPayload,
        intake: Intake,
    ) -> Result<Submitted> {
        self.write(move |tx| {
            let Some(job) = get(tx, &key.id)? else {
                check_queue(tx, intake, &payload.submitter)?;
                check_day(tx, intake, &payload.submitter)?;
                create(tx, &key)?;
                payloads::put(tx, &key.id, payload, intake.payload_bytes)?;
                return Ok(Submitted::Created(must_get(tx, &key.id)?));
            };
            match job.state {
                JobState::Mined | JobState::Confirmed | JobState::Finalized => {
                    Ok(Submitted::Existing(job))
                }
                JobState::Queued | JobState::Planned | JobState::Submitting => {
                    check_day(tx, intake, &payload.submitter)?;
                    payloads::put(tx, &key.id, payload, intake.payload_bytes)?;
                    Ok(Submitted::Existing(job))
                }
                JobState::Failed | JobState::Cancelled => {
                    check_queue(tx, intake, &payload.submitter)?;
                    check_day(tx, intake, &payload.submitter)?;
                    payloads::put(tx, &key.id, payload, intake.payload_bytes)?;
                    reopen(tx, &job)?;
                    Ok(Submitted::Reopened(must_get(tx, &key.id)?))
                }
            }
        })
        .await
    }

    /// One job.
    pub async fn job(&self, id: B256) -> Result<Option<Job>> {
        self.read(move |c| get(c, &id)).await
    }

    /// Jobs, newest first, of one state if given.
    pub async fn jobs(&self, state: Option<JobState>, limit: u32) -> Result<Vec<Job>> {
        self.read(move |c| {
            let state = state.map(JobState::as_str);
            c.collect(
                "SELECT * FROM jobs WHERE ?1 IS NULL OR state = ?1
                 ORDER BY created_at DESC, id LIMIT ?2",
                params![state, limit],
                rows::job,
            )
        })
        .await
    }

    /// Jobs of a chain in one state, oldest first.
    pub async fn jobs_in(&self, chain_id: u64, state: JobState, limit: u32) -> Result<Vec<Job>> {
        self.read(move |c| {
            c.collect(
                "SELECT * FROM jobs WHERE chain_id = ?1 AND state = ?2
                 ORDER BY created_at, id LIMIT ?3",
                params![to_i64(chain_id, "chain id")?, state.as_str(), limit],
                rows::job,
            )
        })
        .await
    }

    /// Number of jobs in each state.
    pub async fn count_jobs(&self) -> Result<Vec<(JobState, u64)>> {
        self.read(|c| {
            c.collect(
                "SELECT state, count(*) AS n FROM jobs GROUP BY state",
                &[],
                |row| {
                    let state: String = row.get("state")?;
                    let state = JobState::parse(&state)
                        .ok_or_else(|| corrupt(format!("job state {state}")))?;
                    Ok((state, number(row, "n")?))
                },
            )
        })
        .await
    }

    /// Moves a job from one state to the other.
    ///
    /// # Errors
    /// [`Error::JobTransition`] when the machine forbids it, or when the job is no longer in `from`.
    pub async fn move_job(
        &self,
        id: B256,
        from: JobState,
        to: JobState,
        reason: Option<String>,
        proven: Option<BlockRef>,
    ) -> Result<()> {
        self.write(move |tx| advance(tx, &id, from, to, reason.as_deref(), proven))
            .await
    }

    /// Stores the transactions that a queued job needs, and moves it to `Planned`.
    pub async fn plan_job(
        &self,
        id: B256,
        chain_id: u64,
        sender: Address,
        by: PlannedBy,
        plan: Vec<NewIntent>,
    ) -> Result<()> {
        self.write(move |tx| {
            let job = must_get(tx, &id)?;
            if job.cancel_requested {
                let (from, to) = (job.state, JobState::Planned);
                return Err(Error::JobTransition { from, to });
            }
            tx.execute(
                "UPDATE jobs SET round = round + 1, payload = ?2, payer = ?3, retry_at = NULL,
                        progress = CASE WHEN progress < ?4 THEN ?4 ELSE progress END
                 WHERE id = ?1",
                params![
                    id.as_slice(),
                    by.digest.as_slice(),
                    by.payer.as_str(),
                    by.progress
                ],
            )?;
            tx.execute(
                "INSERT INTO submitters (name, served_at) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET served_at = ?2",
                params![by.payer.as_str(), tx.time()?],
            )?;
            let round = must_get(tx, &id)?.round;
            for intent in &plan {
                intents::insert(tx, Some((&id, round)), None, chain_id, sender, intent)?;
            }
            advance(tx, &id, JobState::Queued, JobState::Planned, None, None)
        })
        .await
    }

    /// Puts a queued or planned job back, not to be planned for a while: others have their turn.
    pub async fn defer_job(&self, id: B256, reason: String, wait: Duration) -> Result<()> {
        self.write(move |tx| put_back(tx, &id, &reason, wait)).await
    }

    /// Puts a job back that `account` has no money for; another account may have it at once, unless that one had none either.
    pub async fn defer_short_job(
        &self,
        id: B256,
        account: Address,
        reason: String,
        wait: Duration,
    ) -> Result<()> {
        self.write(move |tx| {
            put_back(tx, &id, &reason, wait)?;
            tx.execute(
                "UPDATE jobs SET short_of = CASE WHEN short_of IS NULL OR short_of = ?2 THEN ?2 ELSE NULL END
                 WHERE id = ?1 AND state = 'queued'",
                params![id.as_slice(), account.as_slice()],
            )?;
            Ok(())
        })
        .await
    }

    /// Has queued jobs of a chain planned at once that were put back for a while.
    pub async fn recall_jobs(&self, chain_id: u64) -> Result<u64> {
        self.write(move |tx| {
            tx.execute(
                "UPDATE jobs SET retry_at = NULL
                 WHERE chain_id = ?1 AND state = 'queued' AND retry_at IS NOT NULL",
                params![to_i64(chain_id, "chain id")?],
            )
        })
        .await
    }

    /// Whether a job of a chain was put back for a while, or a transaction of `sender` waits to be signed.
    pub async fn holds_any(&self, chain_id: u64, sender: Address) -> Result<bool> {
        self.read(move |c| {
            let held = c.number(
                "SELECT (SELECT count(*) FROM jobs WHERE chain_id = ?1 AND state = 'queued' AND retry_at IS NOT NULL
                           AND cancel_requested_at IS NULL)
                      + (SELECT count(*) FROM intents WHERE chain_id = ?1 AND sender = ?2 AND state = 'ready') AS n",
                params![to_i64(chain_id, "chain id")?, sender.as_slice()],
            )?;
            Ok(held > 0)
        })
        .await
    }

    /// Ends one proof of a queued job. The job fails when it was the last that waited; returns whether it did.
    pub async fn fail_payload(&self, id: B256, digest: B256, reason: String) -> Result<bool> {
        self.write(move |tx| {
            let (which, to) = (Which::Digest(&digest), PayloadState::Failed);
            let left = payloads::end(tx, &id, which, to, &reason)?;
            let job = must_get(tx, &id)?;
            if job.state != JobState::Queued {
                return Ok(false);
            }
            if left == 0 {
                let to = JobState::Failed;
                advance(tx, &id, job.state, to, Some(&reason), None)?;
                return Ok(true);
            }
            let note = format!("a proof failed, {left} left: {reason}");
            let state = job.state.as_str();
            log_transition(tx, Some(&id), None, state, state, Some(&note))?;
            Ok(false)
        })
        .await
    }

    /// Ends a plan all of whose transactions are settled while the inference is not proven: it is planned again, unless `limit` plans
    /// in a row were paid for and the registry's record holds no more than before. Returns whether the job failed.
    pub async fn end_round(
        &self,
        id: B256,
        paid: bool,
        progress: u32,
        limit: u32,
        reason: String,
    ) -> Result<bool> {
        self.write(move |tx| {
            let job = must_get(tx, &id)?;
            let stalls = match (progress > job.progress, paid) {
                (true, _) => 0,
                (false, true) => job.stalls.saturating_add(1),
                (false, false) => job.stalls,
            };
            tx.execute(
                "UPDATE jobs SET stalls = ?2, progress = ?3 WHERE id = ?1",
                params![id.as_slice(), stalls, progress.max(job.progress)],
            )?;
            let stalled = paid && stalls >= limit;
            let (to, reason) = if stalled {
                let plans = stalls;
                let e = Error::NoProgress { plans, reason };
                (JobState::Failed, e.to_string())
            } else {
                (JobState::Queued, reason)
            };
            advance(tx, &id, job.state, to, Some(&reason), None)?;
            Ok(stalled)
        })
        .await
    }

    /// Cancels a job at once when none of its transactions is signed; otherwise notes the wish, for the
    /// engine to use up the nonces.
    pub async fn cancel_job(&self, id: B256) -> Result<Cancellation> {
        self.write(move |tx| cancel(tx, &id)).await
    }

    /// Withdraws a submitter's proofs of a job. The job is cancelled when no other's are left.
    ///
    /// # Errors
    /// [`Error::NotSubmitted`] when there are none of this submitter's.
    pub async fn withdraw(&self, id: B256, submitter: Submitter) -> Result<Cancellation> {
        self.write(move |tx| {
            let job = get(tx, &id)?.ok_or(Error::NoSuchJob(id))?;
            let done = !matches!(
                job.state,
                JobState::Queued | JobState::Planned | JobState::Submitting
            );
            let all = payloads::all(tx, &id)?;
            let own: Vec<_> = all.iter().filter(|p| p.submitter == submitter).collect();
            if own.is_empty() {
                return Err(Error::NotSubmitted { job: id, submitter });
            }
            let waits = |p: &Payload| p.state == PayloadState::Waiting;
            if done || !all.iter().any(|p| p.submitter != submitter && waits(p)) {
                return cancel(tx, &id);
            }
            let planned = own
                .iter()
                .any(|p| waits(p) && Some(p.digest) == job.payload)
                && job.payer.as_deref() == Some(submitter.as_str());
            if planned && job.state == JobState::Submitting {
                // What is signed is sent: it may be what the others' proofs come to as well.
                return Ok(Cancellation::TooLate(job.state));
            }
            let (which, to) = (Which::Of(&submitter), PayloadState::Cancelled);
            payloads::end(tx, &id, which, to, "withdrawn")?;
            let note = format!("{submitter} withdrew its proofs");
            if planned && job.state == JobState::Planned {
                let to = JobState::Queued;
                advance(tx, &id, job.state, to, Some(&note), None)?;
            } else {
                let state = job.state.as_str();
                log_transition(tx, Some(&id), None, state, state, Some(&note))?;
            }
            Ok(Cancellation::Done)
        })
        .await
    }

    /// Ends the cancellation of a job whose nonces are used up. A proof that came in meanwhile is tried instead.
    pub async fn end_cancellation(&self, id: B256) -> Result<JobState> {
        self.write(move |tx| {
            let job = must_get(tx, &id)?;
            finish_cancellation(tx, &job)
        })
        .await
    }

    /// Jobs of a chain whose signed transactions must give way.
    pub async fn cancelling(&self, chain_id: u64) -> Result<HashSet<B256>> {
        self.read(move |c| {
            let found = c.collect(
                "SELECT * FROM jobs WHERE chain_id = ?1 AND cancel_requested_at IS NOT NULL
                   AND state IN ('queued', 'planned', 'submitting', 'cancelled')
                   AND EXISTS (SELECT 1 FROM intents WHERE job_id = jobs.id AND state = 'pending')",
                params![to_i64(chain_id, "chain id")?],
                rows::job,
            )?;
            Ok(found.into_iter().map(|job| job.key.id).collect())
        })
        .await
    }

    /// What happened to a job and its transactions, oldest first; of a log that an earlier version let grow, the newest lines.
    pub async fn transitions(&self, id: B256) -> Result<Vec<Transition>> {
        self.read(move |c| {
            c.collect(
                "SELECT * FROM (SELECT * FROM transitions WHERE job_id = ?1 ORDER BY id DESC LIMIT ?2) t ORDER BY id",
                params![id.as_slice(), LINES_SHOWN],
                |row| {
                    Ok(Transition {
                        intent_id: row.get("intent_id")?,
                        from: row.get("from_state")?,
                        to: row.get("to_state")?,
                        reason: row.get("reason")?,
                        at: number(row, "at")?,
                    })
                },
            )
        })
        .await
    }
}

fn create(tx: &dyn Sql, key: &JobKey) -> Result<()> {
    tx.execute(
        "INSERT INTO jobs (id, chain_id, registry, model_id, root, context, requester, nonce,
                           inference_id, state, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)",
        params![
            key.id.as_slice(),
            to_i64(key.chain_id, "chain id")?,
            key.registry.as_slice(),
            key.model_id.as_slice(),
            B256::from(key.root).as_slice(),
            B256::from(key.context).as_slice(),
            key.requester.as_slice(),
            B256::from(key.nonce).as_slice(),
            key.inference_id.as_slice(),
            JobState::Queued.as_str(),
            tx.time()?,
        ],
    )?;
    log_transition(tx, Some(&key.id), None, "", JobState::Queued.as_str(), None)
}

fn put_back(tx: &dyn Sql, id: &B256, reason: &str, wait: Duration) -> Result<()> {
    let job = must_get(tx, id)?;
    intents::abandon_ready(tx, id, reason)?;
    if job.state == JobState::Planned {
        let to = JobState::Queued;
        advance(tx, id, job.state, to, Some(reason), None)?;
    }
    let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    let until = to_i64(tx.now()?.saturating_add(wait), "time")?;
    tx.execute(
        "UPDATE jobs SET retry_at = ?2, reason = ?3 WHERE id = ?1 AND state = 'queued'",
        params![id.as_slice(), until, reason],
    )?;
    Ok(())
}

/// Queues a job again that had ended.
fn reopen(tx: &dyn Sql, job: &Job) -> Result<()> {
    let id = &job.key.id;
    start_over(tx, id)?;
    let reason = Some("submitted again");
    advance(tx, id, job.state, JobState::Queued, reason, None)
}

/// Forgets that a job was cancelled. Of plans that were paid for and came to nothing, one fewer is allowed from now on.
fn start_over(tx: &dyn Sql, id: &B256) -> Result<()> {
    tx.execute(
        "UPDATE jobs SET cancel_requested_at = NULL, retry_at = NULL, expired_at = NULL,
                stalls = CASE WHEN stalls > 1 THEN 1 ELSE stalls END
         WHERE id = ?1",
        params![id.as_slice()],
    )?;
    Ok(())
}

fn cancel(tx: &dyn Sql, id: &B256) -> Result<Cancellation> {
    let job = get(tx, id)?.ok_or(Error::NoSuchJob(*id))?;
    match job.state {
        JobState::Cancelled => return Ok(Cancellation::Done),
        JobState::Queued | JobState::Planned | JobState::Submitting => {}
        state => return Ok(Cancellation::TooLate(state)),
    }
    if !job.cancel_requested {
        tx.execute(
            "UPDATE jobs SET cancel_requested_at = ?2, updated_at = ?2 WHERE id = ?1",
            params![id.as_slice(), tx.time()?],
        )?;
        let state = job.state.as_str();
        let reason = Some("cancellation requested");
        log_transition(tx, Some(id), None, state, state, reason)?;
        let to = PayloadState::Cancelled;
        payloads::end(tx, id, Which::All, to, "the job was cancelled")?;
    }
    intents::abandon_ready(tx, id, "job cancelled")?;
    if intents::any_signed(tx, id)? {
        return Ok(Cancellation::Requested);
    }
    finish_cancellation(tx, &job)?;
    Ok(Cancellation::Done)
}

fn finish_cancellation(tx: &dyn Sql, job: &Job) -> Result<JobState> {
    let id = &job.key.id;
    if payloads::waiting(tx, id)? == 0 {
        let (to, reason) = (JobState::Cancelled, Some("cancelled on request"));
        advance(tx, id, job.state, to, reason, None)?;
        return Ok(to);
    }
    let (to, reason) = (JobState::Queued, "a proof came in after the cancellation");
    if job.state != to {
        advance(tx, id, job.state, to, Some(reason), None)?;
    }
    start_over(tx, id)?;
    Ok(to)
}

/// Moves a job inside a transaction; the only place that writes `jobs.state` after creation.
pub(super) fn advance(
    tx: &dyn Sql,
    id: &B256,
    from: JobState,
    to: JobState,
    reason: Option<&str>,
    proven: Option<BlockRef>,
) -> Result<()> {
    let found = must_get(tx, id)?.state;
    if found != from || !from.may_become(to) {
        return Err(Error::JobTransition { from: found, to });
    }
    if to == JobState::Queued {
        // What is planned again must not be signed as well.
        intents::abandon_ready(tx, id, "planned again")?;
    }
    if to == JobState::Failed {
        payloads::end(
            tx,
            id,
            Which::All,
            PayloadState::Failed,
            reason.unwrap_or_default(),
        )?;
    }
    let number = proven.map(|b| to_i64(b.number, "block")).transpose()?;
    // Leaving `Mined` and `Confirmed` backwards forgets the block.
    let keep = matches!(to, JobState::Confirmed | JobState::Finalized);
    tx.execute(
        "UPDATE jobs SET state = ?2, reason = ?3, updated_at = ?4,
                proven_number = CASE WHEN ?7 THEN proven_number ELSE ?5 END,
                proven_hash = CASE WHEN ?7 THEN proven_hash ELSE ?6 END
         WHERE id = ?1",
        params![
            id.as_slice(),
            to.as_str(),
            reason,
            tx.time()?,
            number,
            proven.map(|b| b.hash.to_vec()),
            keep,
        ],
    )?;
    log_transition(tx, Some(id), None, from.as_str(), to.as_str(), reason)
}

pub(super) fn get(c: &dyn Sql, id: &B256) -> Result<Option<Job>> {
    let mut found = c.collect(
        "SELECT * FROM jobs WHERE id = ?1",
        params![id.as_slice()],
        rows::job,
    )?;
    Ok(found.pop())
}

fn must_get(c: &dyn Sql, id: &B256) -> Result<Job> {
    get(c, id)?.ok_or(Error::NoSuchJob(*id))
}
