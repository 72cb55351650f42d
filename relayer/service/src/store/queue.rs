//! Which job is next: submitters take turns.

use super::handle::Store;
use super::payloads::{digest_of, submitter_of};
use super::rows::{self, Job};
use super::sql::{Row, Sql, Value, params, to_i64};
use crate::error::Result;
use crate::money::Gwei;
use crate::submitter::Submitter;
use alloy::primitives::{Address, B256};
use std::collections::BTreeSet;

/// What a relayer is for.
#[derive(Debug, Clone, Default)]
pub struct QueueFilter {
    /// The only registry; any when `None`.
    pub registry: Option<Address>,
    /// The only models; any when `None`.
    pub models: Option<BTreeSet<B256>>,
    /// The account that is to send: a job that was put back because another one had no money is not.
    pub account: Option<Address>,
    /// Jobs of a submitter who has spent this much in 24 hours wait.
    pub spend_daily: Option<Gwei>,
}

/// A queued job, and the proof of it to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// The job.
    pub job: Job,
    /// Digest of the proof.
    pub digest: B256,
    /// Who handed it in, and is charged for it.
    pub submitter: Submitter,
}

impl Store {
    /// Queued jobs of a chain with a proof to try. Each submitter's first comes before any submitter's second, where those that are
    /// being sent count as well; among equals, first comes whoever was not served for longest. Of one
    /// job's proofs that are equal in this, one that succeeded in simulation comes first, then the oldest. A job with several proofs can
    /// come several times.
    pub async fn queued_jobs(
        &self,
        chain_id: u64,
        filter: QueueFilter,
        limit: u32,
    ) -> Result<Vec<Next>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        self.read(move |c| {
            let mut values = vec![
                Value::from(to_i64(chain_id, "chain id")?),
                Value::from(limit),
                Value::from(c.time()?),
            ];
            let mut allowed = named(&mut values, &filter);
            let mut due = "j.retry_at IS NULL OR j.retry_at <= ?3".to_owned();
            if let Some(account) = filter.account {
                values.push(Value::from(account.as_slice()));
                due = format!("{due} OR j.short_of <> ?{}", values.len());
            }
            if let Some(limit) = filter.spend_daily {
                let spent = over(c, chain_id, limit)?;
                let names = spent.iter().map(|name| Value::from(name.as_str()));
                if let Some(list) = list(&mut values, names) {
                    allowed = format!("{allowed} AND p.submitter NOT IN ({list})");
                }
            }
            let sql = format!(
                "SELECT j.*, q.digest, q.submitter
                 FROM (SELECT p.job_id, p.digest, p.submitter, p.verified, p.created_at,
                              row_number() OVER (PARTITION BY p.submitter
                                                 ORDER BY j.created_at, p.job_id, p.verified DESC, p.created_at) AS turn
                       FROM jobs j JOIN payloads p ON p.job_id = j.id
                       WHERE j.chain_id = ?1 AND j.state = 'queued' AND j.cancel_requested_at IS NULL
                         AND p.state = 'waiting' AND p.bytes > 0
                         AND ({due}) {allowed}) q
                 JOIN jobs j ON j.id = q.job_id
                 LEFT JOIN (SELECT payer, count(*) AS busy FROM jobs
                            WHERE state IN ('planned', 'submitting') GROUP BY payer) b ON b.payer = q.submitter
                 LEFT JOIN submitters s ON s.name = q.submitter
                 ORDER BY q.turn + coalesce(b.busy, 0), coalesce(s.served_at, 0), j.created_at, j.id,
                          q.verified DESC, q.created_at, q.digest
                 LIMIT ?2"
            );
            c.collect(&sql, &values, next)
        })
        .await
    }

    /// A job with the proof of it to try next.
    pub async fn next_proof(&self, job: B256) -> Result<Option<Next>> {
        self.read(move |c| {
            let mut found = c.collect(
                "SELECT j.*, p.digest, p.submitter FROM jobs j JOIN payloads p ON p.job_id = j.id
                 WHERE j.id = ?1 AND p.state = 'waiting' AND p.bytes > 0
                 ORDER BY p.verified DESC, p.created_at LIMIT 1",
                params![job.as_slice()],
                next,
            )?;
            Ok(found.pop())
        })
        .await
    }

    /// Queued jobs of a chain that are not to be planned: a person wants them cancelled, or no proof of theirs is left.
    pub async fn queued_without_proof(
        &self,
        chain_id: u64,
        filter: QueueFilter,
        limit: u32,
    ) -> Result<Vec<Job>> {
        self.read(move |c| {
            let mut values = vec![
                Value::from(to_i64(chain_id, "chain id")?),
                Value::from(limit),
            ];
            let allowed = named(&mut values, &filter);
            let sql = format!(
                "SELECT j.* FROM jobs j WHERE j.chain_id = ?1 AND j.state = 'queued' {allowed}
                   AND (j.cancel_requested_at IS NOT NULL
                        OR NOT EXISTS (SELECT 1 FROM payloads p WHERE p.job_id = j.id
                                         AND p.state = 'waiting' AND p.bytes > 0))
                 ORDER BY j.created_at, j.id LIMIT ?2"
            );
            c.collect(&sql, &values, rows::job)
        })
        .await
    }
}

fn next(row: &Row) -> Result<Next> {
    Ok(Next {
        job: rows::job(row)?,
        digest: digest_of(row)?,
        submitter: submitter_of(row)?,
    })
}

/// The conditions of a filter on `j`, the jobs.
fn named(values: &mut Vec<Value>, filter: &QueueFilter) -> String {
    let mut allowed = String::new();
    if let Some(registry) = filter.registry {
        values.push(Value::from(registry.as_slice()));
        allowed = format!("AND j.registry = ?{}", values.len());
    }
    if let Some(models) = &filter.models {
        let models = models.iter().map(|model| Value::from(model.as_slice()));
        // An empty list is none of them.
        let list = list(values, models).unwrap_or_else(|| "NULL".to_owned());
        allowed = format!("{allowed} AND j.model_id IN ({list})");
    }
    allowed
}

/// A list of parameters; `None` when there are none.
fn list(values: &mut Vec<Value>, new: impl Iterator<Item = Value>) -> Option<String> {
    let places: Vec<String> = new
        .map(|value| {
            values.push(value);
            format!("?{}", values.len())
        })
        .collect();
    (!places.is_empty()).then(|| places.join(", "))
}

/// Submitters who have spent that much in 24 hours.
fn over(c: &dyn Sql, chain_id: u64, limit: Gwei) -> Result<Vec<String>> {
    let since = c.now()?.saturating_sub(24 * 3_600_000);
    c.collect(
        "SELECT submitter FROM spend
         WHERE chain_id = ?1 AND submitter IS NOT NULL AND (settled IS NULL OR at > ?2)
         GROUP BY submitter HAVING sum(coalesce(settled, reserved)) >= ?3 LIMIT 1000",
        params![
            to_i64(chain_id, "chain id")?,
            to_i64(since, "time")?,
            to_i64(limit.0, "amount")?
        ],
        |row| row.get("submitter"),
    )
}
