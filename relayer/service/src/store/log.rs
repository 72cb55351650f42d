//! The log of what changed, and why.

use super::sql::{Sql, params, to_i64};
use crate::error::Result;
use alloy::primitives::B256;

/// Lines that are kept of one job; whoever hands a job in and withdraws it again writes some each time.
const LINES: u64 = 200;

/// Of these, the oldest ones: how it began.
const FIRST_LINES: u32 = 20;

/// Adds a line. Of a job with many, lines between its first and its newest ones are dropped. The states are empty where nothing but `reason` is to be recorded.
pub(super) fn log_transition(
    tx: &dyn Sql,
    job: Option<&B256>,
    intent: Option<i64>,
    from: &str,
    to: &str,
    reason: Option<&str>,
) -> Result<()> {
    tx.execute(
        "INSERT INTO transitions (job_id, intent_id, from_state, to_state, reason, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            job.map(|j| j.to_vec()),
            intent,
            from,
            to,
            reason,
            tx.time()?
        ],
    )?;
    job.map_or(Ok(()), |job| shorten(tx, job))
}

fn shorten(tx: &dyn Sql, job: &B256) -> Result<()> {
    let lines = tx.number(
        "SELECT count(*) AS n FROM transitions WHERE job_id = ?1",
        params![job.as_slice()],
    )?;
    if lines <= LINES {
        return Ok(());
    }
    tx.execute(
        "DELETE FROM transitions WHERE id IN
           (SELECT id FROM transitions WHERE job_id = ?1 ORDER BY id LIMIT ?2 OFFSET ?3)",
        params![job.as_slice(), to_i64(lines - LINES, "lines")?, FIRST_LINES],
    )?;
    Ok(())
}
