//! What is taken in: how many jobs, and from whom.

use super::sql::{Sql, params, to_i64};
use crate::error::{Error, Result};
use crate::submitter::Submitter;

const HOUR_MS: u64 = 3_600_000;

/// Hours whose submissions count against a day's: the current one, which has only begun, and 24 before it.
const HOURS: u64 = 24;

/// Limits of what is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intake {
    /// Unfinished jobs. One submitter may have three quarters of them.
    pub queue: u64,
    /// Bytes of all proofs that are kept. One submitter may have half of them.
    pub payload_bytes: u64,
    /// Proofs that one submitter may hand in in 24 hours.
    pub daily: Option<u64>,
}

impl Intake {
    /// Limits the queue only.
    pub fn of_queue(queue: u64) -> Self {
        Self {
            queue,
            payload_bytes: u64::MAX,
            daily: None,
        }
    }
}

/// Refuses a job that the queue has no room for.
pub(super) fn check_queue(tx: &dyn Sql, intake: Intake, submitter: &Submitter) -> Result<()> {
    let active = tx.number(
        "SELECT count(*) AS n FROM jobs WHERE state IN ('queued', 'planned', 'submitting')",
        &[],
    )?;
    let limit = intake.queue;
    if active >= limit {
        return Err(Error::QueueFull { active, limit });
    }
    let share = limit - limit / 4;
    if active < share {
        return Ok(());
    }
    let own = tx.number(
        "SELECT count(DISTINCT p.job_id) AS n FROM jobs j JOIN payloads p ON p.job_id = j.id
         WHERE j.state IN ('queued', 'planned', 'submitting') AND p.submitter = ?1 AND p.state = 'waiting'",
        params![submitter.as_str()],
    )?;
    if own >= share {
        return Err(Error::Quota {
            submitter: submitter.clone(),
            what: format!("{own} of its jobs are unfinished, of {share} in a queue of {limit}"),
        });
    }
    Ok(())
}

/// Refuses a proof of a submitter who has handed in enough for today.
pub(super) fn check_day(tx: &dyn Sql, intake: Intake, submitter: &Submitter) -> Result<()> {
    let Some(limit) = intake.daily else {
        return Ok(());
    };
    let since = (tx.now()? / HOUR_MS).saturating_sub(HOURS);
    let today = tx.number(
        "SELECT CAST(coalesce(sum(proofs), 0) AS BIGINT) AS n FROM submissions
         WHERE submitter = ?1 AND hour >= ?2",
        params![submitter.as_str(), to_i64(since, "time")?],
    )?;
    if today >= limit {
        return Err(Error::Quota {
            submitter: submitter.clone(),
            what: format!("{today} proofs were handed in within 24 hours, {limit} are allowed"),
        });
    }
    Ok(())
}

/// Counts a proof that was taken, however often the same one was taken before.
pub(super) fn count(tx: &dyn Sql, submitter: &Submitter) -> Result<()> {
    let hour = tx.now()? / HOUR_MS;
    tx.execute(
        "DELETE FROM submissions WHERE submitter = ?1 AND hour < ?2",
        params![
            submitter.as_str(),
            to_i64(hour.saturating_sub(HOURS), "time")?
        ],
    )?;
    tx.execute(
        "INSERT INTO submissions (submitter, hour, proofs) VALUES (?1, ?2, 1)
         ON CONFLICT (submitter, hour) DO UPDATE SET proofs = submissions.proofs + 1",
        params![submitter.as_str(), to_i64(hour, "time")?],
    )?;
    Ok(())
}
