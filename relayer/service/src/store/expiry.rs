//! What is kept of finished jobs, and for how long.

use super::handle::Store;
use super::sql::{Sql, params, to_i64};
use crate::error::Result;
use std::time::Duration;

/// What was signed for a job that is not finalized is kept this long in any case: the chain may lose the block that settled it.
const REORGANISED_MS: u64 = 24 * 3_600_000;

impl Store {
    /// Drops what is not needed of up to `limit` jobs that have been finished for longer than `keep`: proofs and the bytes of
    /// transactions. Of failed and cancelled jobs for which nothing was ever signed, nothing stays. Returns how many jobs it was.
    pub async fn expire(&self, keep: Duration, limit: u32) -> Result<u64> {
        self.write(move |tx| {
            let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
            let before = |ms: u64| to_i64(tx.now()?.saturating_sub(ms), "time");
            let old = tx.collect(
                "SELECT id, state, EXISTS (SELECT 1 FROM intents WHERE job_id = jobs.id AND nonce IS NOT NULL) AS signed
                 FROM jobs WHERE expired_at IS NULL AND updated_at < ?1
                   AND (state = 'finalized' OR state IN ('failed', 'cancelled') AND (updated_at < ?3
                        OR NOT EXISTS (SELECT 1 FROM intents WHERE job_id = jobs.id AND nonce IS NOT NULL)))
                 ORDER BY updated_at LIMIT ?2",
                params![before(keep)?, limit, before(keep.max(REORGANISED_MS))?],
                |row| {
                    let ended: String = row.get("state")?;
                    let signed: i64 = row.get("signed")?;
                    Ok((
                        row.get::<Vec<u8>>("id")?,
                        ended != "finalized" && signed == 0,
                    ))
                },
            )?;
            let count = old.len() as u64;
            for (id, whole) in old {
                if whole {
                    forget(tx, &id)?;
                } else {
                    lighten(tx, &id)?;
                }
            }
            Ok(count)
        })
        .await
    }
}

/// Deletes a job that cost nothing.
fn forget(tx: &dyn Sql, job: &[u8]) -> Result<()> {
    for sql in [
        "DELETE FROM payloads WHERE job_id = ?1",
        "DELETE FROM transitions WHERE job_id = ?1",
        "DELETE FROM intents WHERE job_id = ?1",
        "DELETE FROM jobs WHERE id = ?1",
    ] {
        tx.execute(sql, params![job])?;
    }
    Ok(())
}

/// Keeps a job's record: its key, state, log, and the hashes and costs of its transactions.
fn lighten(tx: &dyn Sql, job: &[u8]) -> Result<()> {
    let none: &[u8] = &[];
    tx.execute(
        "UPDATE payloads SET body = NULL, bytes = 0 WHERE job_id = ?1",
        params![job],
    )?;
    tx.execute(
        "UPDATE attempts SET raw = ?2 WHERE intent_id IN (SELECT id FROM intents WHERE job_id = ?1 AND state <> 'pending')",
        params![job, none],
    )?;
    tx.execute(
        "UPDATE intents SET data = ?2 WHERE job_id = ?1 AND state <> 'pending'",
        params![job, none],
    )?;
    tx.execute(
        "UPDATE jobs SET expired_at = ?2 WHERE id = ?1",
        params![job, tx.time()?],
    )?;
    Ok(())
}
