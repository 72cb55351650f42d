//! The proofs of a job.
//!
//! A job's id is public as soon as its root is committed, and whoever knows it can file anything under it. So a job keeps
//! several proofs, by digest and submitter; one that the chain does not take fails alone.

use super::handle::Store;
use super::intake;
use super::sql::{Row, Sql, Value, corrupt, number, params, to_i64};
use crate::error::{Error, Result};
use crate::state::PayloadState;
use crate::submitter::Submitter;
use alloy::primitives::{B256, keccak256};

/// Proofs of one job that wait to be tried.
const PER_JOB: u64 = 8;

/// Of these, those of one submitter.
const PER_SUBMITTER: u64 = 2;

/// A proof to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPayload {
    /// Who hands it in.
    pub submitter: Submitter,
    /// The proof file, without what the chain does not see.
    pub body: Vec<u8>,
    /// Whether it succeeded in simulation a moment ago.
    pub verified: bool,
}

impl NewPayload {
    /// Tells a job's proofs apart.
    pub fn digest(&self) -> B256 {
        keccak256(&self.body)
    }
}

/// A stored proof, without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// Hash of the body.
    pub digest: B256,
    /// Who handed it in.
    pub submitter: Submitter,
    /// Current state of the proof.
    pub state: PayloadState,
    /// Why, where there is more to say.
    pub reason: Option<String>,
    /// Length of the body; 0 once that is gone.
    pub bytes: u64,
    /// When it was handed in, in Unix milliseconds.
    pub created_at: u64,
}

impl Store {
    /// The proofs of a job, oldest first.
    pub async fn payloads(&self, job: B256) -> Result<Vec<Payload>> {
        self.read(move |c| all(c, &job)).await
    }

    /// The proof of a job, as it was handed in: of several, one that waits to be tried, or else the newest.
    pub async fn payload(&self, job: B256) -> Result<Option<Vec<u8>>> {
        self.read(move |c| {
            let found = c.query(
                "SELECT body FROM payloads WHERE job_id = ?1 AND bytes > 0
                 ORDER BY CASE state WHEN 'waiting' THEN 0 ELSE 1 END, verified DESC,
                          CASE state WHEN 'waiting' THEN created_at ELSE -created_at END LIMIT 1",
                params![job.as_slice()],
            )?;
            body_of(found)
        })
        .await
    }

    /// One proof of a job, as it was handed in.
    pub async fn payload_of(&self, job: B256, digest: B256) -> Result<Option<Vec<u8>>> {
        self.read(move |c| {
            let found = c.query(
                "SELECT body FROM payloads WHERE job_id = ?1 AND digest = ?2 AND bytes > 0 LIMIT 1",
                params![job.as_slice(), digest.as_slice()],
            )?;
            body_of(found)
        })
        .await
    }

    /// Whether a job that is worked on has another proof than this one.
    pub async fn is_contested(&self, job: B256, digest: B256) -> Result<bool> {
        self.read(move |c| {
            let others = c.number(
                "SELECT count(*) AS n FROM payloads p JOIN jobs j ON j.id = p.job_id
                 WHERE p.job_id = ?1 AND p.digest <> ?2 AND p.state = 'waiting'
                   AND j.state IN ('queued', 'planned', 'submitting')",
                params![job.as_slice(), digest.as_slice()],
            )?;
            Ok(others > 0)
        })
        .await
    }

    /// Bytes of the proofs that are kept: of one submitter, or of all.
    pub async fn payload_bytes(&self, submitter: Option<&Submitter>) -> Result<u64> {
        let submitter = submitter.map(|s| s.as_str().to_owned());
        self.read(move |c| kept(c, submitter.as_deref())).await
    }
}

fn body_of(found: Vec<Row>) -> Result<Option<Vec<u8>>> {
    let first = found.into_iter().next();
    first.map(|row| row.take_bytes("body")).transpose()
}

pub(super) fn all(c: &dyn Sql, job: &B256) -> Result<Vec<Payload>> {
    c.collect(
        "SELECT digest, submitter, state, reason, bytes, created_at FROM payloads WHERE job_id = ?1
         ORDER BY created_at, digest, submitter",
        params![job.as_slice()],
        |row| {
            let state: String = row.get("state")?;
            Ok(Payload {
                digest: digest_of(row)?,
                submitter: submitter_of(row)?,
                state: PayloadState::parse(&state)
                    .ok_or_else(|| corrupt(format!("payload state {state}")))?,
                reason: row.get("reason")?,
                bytes: number(row, "bytes")?,
                created_at: number(row, "created_at")?,
            })
        },
    )
}

pub(super) fn digest_of(row: &Row) -> Result<B256> {
    let digest: Vec<u8> = row.get("digest")?;
    B256::try_from(digest.as_slice()).map_err(|_| corrupt("digest is not 32 bytes"))
}

pub(super) fn submitter_of(row: &Row) -> Result<Submitter> {
    let name: String = row.get("submitter")?;
    name.parse()
        .map_err(|e: crate::submitter::BadSubmitter| corrupt(e.to_string()))
}

/// Adds a proof to a job, within the bounds of proofs of one job and of bytes.
///
/// # Errors
/// [`Error::TooManyProofs`]; [`Error::Quota`] when it does not fit beside what else must be kept.
pub(super) fn put(tx: &dyn Sql, job: &B256, new: NewPayload, room: u64) -> Result<()> {
    let digest = new.digest();
    let own = tx.number(
        "SELECT count(*) AS n FROM payloads WHERE job_id = ?1 AND digest = ?2 AND submitter = ?3
           AND state = 'waiting'",
        params![job.as_slice(), digest.as_slice(), new.submitter.as_str()],
    )?;
    if own > 0 {
        return Ok(());
    }
    make_place(tx, job, &new)?;
    make_room(tx, &new, room)?;
    intake::count(tx, &new.submitter)?;
    let NewPayload {
        submitter,
        body,
        verified,
    } = new;
    // Later than the job's others, so that their order is known.
    let last = tx.number(
        "SELECT coalesce(max(created_at), 0) AS n FROM payloads WHERE job_id = ?1",
        params![job.as_slice()],
    )?;
    let at = tx.now()?.max(last + 1);
    tx.execute(
        "INSERT INTO payloads (job_id, digest, submitter, state, verified, reason, bytes, created_at, body)
         VALUES (?1, ?2, ?3, 'waiting', ?4, NULL, ?5, ?6, ?7)
         ON CONFLICT (job_id, digest, submitter) DO UPDATE
         SET state = 'waiting', verified = ?4, reason = NULL, bytes = ?5, body = ?7",
        params![
            job.as_slice(),
            digest.as_slice(),
            submitter.as_str(),
            i64::from(verified),
            to_i64(body.len() as u64, "bytes")?,
            to_i64(at, "time")?,
            body,
        ],
    )?;
    Ok(())
}

/// Keeps to the number of proofs of one job: one that is known to succeed takes the place of one that is not.
fn make_place(tx: &dyn Sql, job: &B256, new: &NewPayload) -> Result<()> {
    let name = new.submitter.as_str();
    for (own, limit) in [(true, PER_SUBMITTER), (false, PER_JOB)] {
        let waiting = tx.number(
            "SELECT count(*) AS n FROM payloads WHERE job_id = ?1 AND state = 'waiting'
               AND (NOT ?2 OR submitter = ?3)",
            params![job.as_slice(), own, name],
        )?;
        if waiting < limit {
            continue;
        }
        let gone = if new.verified {
            tx.execute(
                "DELETE FROM payloads WHERE job_id = ?1 AND state = 'waiting' AND verified = 0
                   AND (NOT ?2 OR submitter = ?3)
                   AND digest NOT IN (SELECT payload FROM jobs WHERE id = ?1 AND payload IS NOT NULL)",
                params![job.as_slice(), own, name],
            )?
        } else {
            0
        };
        if gone == 0 {
            return Err(Error::TooManyProofs { job: *job, waiting });
        }
    }
    Ok(())
}

/// Keeps to the bytes: what nobody waits for makes room, oldest first. One submitter may have half of them.
fn make_room(tx: &dyn Sql, new: &NewPayload, room: u64) -> Result<()> {
    let name = new.submitter.as_str();
    let wanted = new.body.len() as u64;
    for (of, limit) in [(Some(name), room / 2), (None, room)] {
        let mut kept_now = kept(tx, of)?;
        while kept_now.saturating_add(wanted) > limit {
            if drop_oldest(tx, of)? == 0 {
                let whose = if of.is_some() { "its" } else { "all" };
                return Err(Error::Quota {
                    submitter: new.submitter.clone(),
                    what: format!(
                        "{whose} proofs that are not done yet take {kept_now} of {limit} bytes, and this one {wanted}"
                    ),
                });
            }
            kept_now = kept(tx, of)?;
        }
    }
    Ok(())
}

pub(super) fn kept(c: &dyn Sql, submitter: Option<&str>) -> Result<u64> {
    c.number(
        "SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) AS n FROM payloads
         WHERE bytes > 0 AND (?1 IS NULL OR submitter = ?1)",
        params![submitter],
    )
}

/// Drops the body that has been of no use for longest; the number of bodies dropped.
fn drop_oldest(tx: &dyn Sql, submitter: Option<&str>) -> Result<u64> {
    let oldest = tx.row(
        "SELECT p.job_id, p.digest, p.submitter FROM payloads p JOIN jobs j ON j.id = p.job_id
         WHERE p.bytes > 0 AND (?1 IS NULL OR p.submitter = ?1)
           AND (p.state <> 'waiting' OR j.state IN ('finalized', 'failed', 'cancelled'))
         ORDER BY p.created_at LIMIT 1",
        params![submitter],
    )?;
    let Some(row) = oldest else {
        return Ok(0);
    };
    let key: [Value; 3] = [
        Value::from(row.get::<Vec<u8>>("job_id")?),
        Value::from(row.get::<Vec<u8>>("digest")?),
        Value::from(row.get::<String>("submitter")?),
    ];
    tx.execute(
        "UPDATE payloads SET body = NULL, bytes = 0 WHERE job_id = ?1 AND digest = ?2 AND submitter = ?3",
        &key,
    )
}

/// Ends proofs of a job that wait: all, those of one digest, or those of one submitter. Returns how many are left.
pub(super) fn end(
    tx: &dyn Sql,
    job: &B256,
    which: Which<'_>,
    to: PayloadState,
    reason: &str,
) -> Result<u64> {
    let (digest, submitter) = match which {
        Which::All => (None, None),
        Which::Digest(digest) => (Some(digest.to_vec()), None),
        Which::Of(submitter) => (None, Some(submitter.as_str())),
    };
    tx.execute(
        "UPDATE payloads SET state = ?2, reason = ?3
         WHERE job_id = ?1 AND state = 'waiting'
           AND (?4 IS NULL OR digest = ?4) AND (?5 IS NULL OR submitter = ?5)",
        params![job.as_slice(), to.as_str(), reason, digest, submitter],
    )?;
    waiting(tx, job)
}

/// How many proofs of a job wait to be tried.
pub(super) fn waiting(c: &dyn Sql, job: &B256) -> Result<u64> {
    c.number(
        "SELECT count(*) AS n FROM payloads WHERE job_id = ?1 AND state = 'waiting'",
        params![job.as_slice()],
    )
}

/// Which proofs of a job.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which<'a> {
    All,
    Digest(&'a B256),
    Of(&'a Submitter),
}
