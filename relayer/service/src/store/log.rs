//! The log of what changed, and why.

use super::sql::{Sql, params};
use crate::error::Result;
use alloy::primitives::B256;

/// Adds a line. The states are empty where nothing but `reason` is to be recorded.
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
    Ok(())
}
