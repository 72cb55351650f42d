//! Jobs, their payloads and their log.

use super::handle::Store;
use super::intents;
use super::log::log_transition;
use super::rows::{self, BlockRef, Job, JobKey, NewIntent, Transition};
use super::sql::{Sql, Value, corrupt, number, params, to_i64};
use crate::error::{Error, Result};
use crate::state::JobState;
use alloy::primitives::{Address, B256, keccak256};
use std::collections::{BTreeSet, HashSet};

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// A new job.
    Created(Job),
    /// The job was there, whatever its state; nothing changed.
    Existing(Job),
    /// The job had failed and is queued again, with the proof submitted now: so a bad proof that came
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

impl Store {
    /// Stores a job and its proof, unless a job with that key exists.
    ///
    /// # Errors
    /// [`Error::QueueFull`] when `limit` unfinished jobs are stored already.
    pub async fn submit_job(&self, key: JobKey, body: Vec<u8>, limit: u64) -> Result<Submitted> {
        self.write(move |tx| {
            let digest = keccak256(&body);
            if let Some(job) = get(tx, &key.id)? {
                return resubmit(tx, job, digest, &body);
            }
            let active = tx.number(
                "SELECT count(*) AS n FROM jobs WHERE state IN ('queued', 'planned', 'submitting')",
                &[],
            )?;
            if active >= limit {
                return Err(Error::QueueFull { active, limit });
            }
            let now = tx.time()?;
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
                    now,
                ],
            )?;
            put_payload(tx, &key.id, digest, &body)?;
            log_transition(tx, Some(&key.id), None, "", JobState::Queued.as_str(), None)?;
            Ok(Submitted::Created(must_get(tx, &key.id)?))
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

    /// Queued jobs of a chain, oldest first: of one registry if given, and of one of these models if given.
    pub async fn queued_jobs(
        &self,
        chain_id: u64,
        registry: Option<Address>,
        models: Option<&BTreeSet<B256>>,
        limit: u32,
    ) -> Result<Vec<Job>> {
        let models: Option<Vec<B256>> = models.map(|m| m.iter().copied().collect());
        self.read(move |c| {
            let mut values = vec![
                Value::from(to_i64(chain_id, "chain id")?),
                Value::from(limit),
                Value::from(registry.map(|r| r.to_vec())),
            ];
            let mut named = String::new();
            for model in models.iter().flatten() {
                values.push(Value::from(model.as_slice()));
                let comma = if named.is_empty() { "" } else { ", " };
                named = format!("{named}{comma}?{}", values.len());
            }
            let of_models = match &models {
                None => String::new(),
                Some(none) if none.is_empty() => return Ok(Vec::new()),
                Some(_) => format!("AND model_id IN ({named})"),
            };
            let sql = format!(
                "SELECT * FROM jobs WHERE chain_id = ?1 AND state = 'queued'
                   AND (?3 IS NULL OR registry = ?3) {of_models}
                 ORDER BY created_at, id LIMIT ?2"
            );
            c.collect(&sql, &values, rows::job)
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

    /// The proof of a job, as submitted.
    pub async fn payload(&self, id: B256) -> Result<Option<Vec<u8>>> {
        self.read(move |c| {
            let found = c.row(
                "SELECT body FROM payloads WHERE job_id = ?1",
                params![id.as_slice()],
            )?;
            found.map(|row| row.get("body")).transpose()
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
        plan: Vec<NewIntent>,
    ) -> Result<()> {
        self.write(move |tx| {
            let job = must_get(tx, &id)?;
            if job.cancel_requested {
                let (from, to) = (job.state, JobState::Planned);
                return Err(Error::JobTransition { from, to });
            }
            tx.execute(
                "UPDATE jobs SET round = round + 1 WHERE id = ?1",
                params![id.as_slice()],
            )?;
            let round = must_get(tx, &id)?.round;
            for intent in &plan {
                intents::insert(tx, Some((&id, round)), None, chain_id, sender, intent)?;
            }
            advance(tx, &id, JobState::Queued, JobState::Planned, None, None)
        })
        .await
    }

    /// Cancels a job at once when none of its transactions is signed; otherwise notes the wish, for the
    /// engine to use up the nonces.
    pub async fn cancel_job(&self, id: B256) -> Result<Cancellation> {
        self.write(move |tx| {
            let job = get(tx, &id)?.ok_or(Error::NoSuchJob(id))?;
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
                log_transition(
                    tx,
                    Some(&id),
                    None,
                    state,
                    state,
                    Some("cancellation requested"),
                )?;
            }
            intents::abandon_ready(tx, &id, "job cancelled")?;
            if intents::any_signed(tx, &id)? {
                return Ok(Cancellation::Requested);
            }
            let (to, reason) = (JobState::Cancelled, Some("cancelled on request"));
            advance(tx, &id, job.state, to, reason, None)?;
            Ok(Cancellation::Done)
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

    /// What happened to a job and its transactions, oldest first.
    pub async fn transitions(&self, id: B256) -> Result<Vec<Transition>> {
        self.read(move |c| {
            c.collect(
                "SELECT * FROM transitions WHERE job_id = ?1 ORDER BY id",
                params![id.as_slice()],
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

fn resubmit(tx: &dyn Sql, job: Job, digest: B256, body: &[u8]) -> Result<Submitted> {
    if job.state != JobState::Failed {
        return Ok(Submitted::Existing(job));
    }
    put_payload(tx, &job.key.id, digest, body)?;
    tx.execute(
        "UPDATE jobs SET base_round = round, cancel_requested_at = NULL WHERE id = ?1",
        params![job.key.id.as_slice()],
    )?;
    let reason = Some("submitted again");
    advance(
        tx,
        &job.key.id,
        JobState::Failed,
        JobState::Queued,
        reason,
        None,
    )?;
    Ok(Submitted::Reopened(must_get(tx, &job.key.id)?))
}

fn put_payload(tx: &dyn Sql, id: &B256, digest: B256, body: &[u8]) -> Result<()> {
    tx.execute(
        "INSERT INTO payloads (job_id, digest, body) VALUES (?1, ?2, ?3)
         ON CONFLICT (job_id) DO UPDATE SET digest = ?2, body = ?3",
        params![id.as_slice(), digest.as_slice(), body],
    )?;
    Ok(())
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
