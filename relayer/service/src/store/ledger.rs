//! Spending, and its caps.

use super::handle::Store;
use super::rows::{Intent, NewAttempt};
use super::sql::{Sql, number, params, to_i64};
use crate::error::{Error, Result};
use crate::money::{Cap, Caps, Gwei};
use alloy::primitives::{Address, B256};

const HOUR_MS: u64 = 3_600_000;

/// What an account has spent, signed transactions at their dearest until they are settled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spend {
    /// Signed and not settled.
    pub open: Gwei,
    /// In the last 60 minutes, with what is open.
    pub hour: Gwei,
    /// In the last 24 hours, with what is open.
    pub day: Gwei,
    /// Ever, with what is open.
    pub total: Gwei,
}

impl Store {
    /// What an account has spent.
    pub async fn spend(&self, chain_id: u64, sender: Address) -> Result<Spend> {
        self.read(move |c| spend(c, chain_id, sender)).await
    }

    /// Whether an expense is within the limits: of a new transaction, or of another attempt for
    /// `intent`, which is paid for instead of the earlier ones.
    ///
    /// # Errors
    /// [`Error::OverCap`] when it is not.
    pub async fn check_spend(
        &self,
        chain_id: u64,
        sender: Address,
        caps: Caps,
        wanted: Gwei,
        intent: Option<i64>,
    ) -> Result<()> {
        self.read(move |c| {
            let before = intent.map_or(Ok(None), |id| reserved(c, id))?;
            let job = intent.map_or(Ok(None), |id| job_of(c, id))?;
            let account = Account { chain_id, sender };
            check(c, account, job, caps, wanted, before.unwrap_or_default())
        })
        .await
    }

    /// What the transactions of a job cost, signed ones at their dearest until they are settled.
    pub async fn spend_of_job(&self, job: B256) -> Result<Gwei> {
        self.read(move |c| of_job(c, job.as_slice())).await
    }

    /// What a submitter's jobs cost in 24 hours, from any account on a chain.
    pub async fn spend_of_submitter(&self, chain_id: u64, name: String) -> Result<Gwei> {
        self.read(move |c| {
            let since = to_i64(c.now()?.saturating_sub(24 * HOUR_MS), "time")?;
            let spent = c.number(
                "SELECT CAST(coalesce(sum(coalesce(settled, reserved)), 0) AS BIGINT) AS n FROM spend
                 WHERE chain_id = ?1 AND submitter = ?2 AND (settled IS NULL OR at > ?3)",
                params![to_i64(chain_id, "chain id")?, name, since],
            )?;
            Ok(Gwei(spent))
        })
        .await
    }
}

fn spend(c: &dyn Sql, chain_id: u64, sender: Address) -> Result<Spend> {
    let now = c.now()?;
    let since = |hours: u64| to_i64(now.saturating_sub(hours * HOUR_MS), "time");
    let chain = to_i64(chain_id, "chain id")?;
    let found = c.row(
        "SELECT CAST(coalesce(sum(reserved) FILTER (WHERE settled IS NULL), 0) AS BIGINT) AS open,
                CAST(coalesce(sum(settled) FILTER (WHERE at > ?3), 0) AS BIGINT) AS hour,
                CAST(coalesce(sum(settled) FILTER (WHERE at > ?4), 0) AS BIGINT) AS day,
                CAST(coalesce(sum(settled), 0) AS BIGINT) AS total
         FROM spend WHERE chain_id = ?1 AND sender = ?2",
        params![chain, sender.as_slice(), since(1)?, since(24)?],
    )?;
    let Some(row) = found else {
        return Ok(Spend::default());
    };
    let open = Gwei(number(&row, "open")?);
    let sum = |column: &str| Ok::<_, Error>(Gwei(number(&row, column)?).plus(open));
    Ok(Spend {
        open,
        hour: sum("hour")?,
        day: sum("day")?,
        total: sum("total")?,
    })
}

fn reserved(c: &dyn Sql, intent_id: i64) -> Result<Option<Gwei>> {
    let found = c.row(
        "SELECT reserved FROM spend WHERE intent_id = ?1",
        params![intent_id],
    )?;
    found
        .map(|row| Ok(Gwei(number(&row, "reserved")?)))
        .transpose()
}

fn of_job(c: &dyn Sql, job: &[u8]) -> Result<Gwei> {
    let spent = c.number(
        "SELECT CAST(coalesce(sum(coalesce(s.settled, s.reserved)), 0) AS BIGINT) AS n
         FROM intents i JOIN spend s ON s.intent_id = i.id WHERE i.job_id = ?1",
        params![job],
    )?;
    Ok(Gwei(spent))
}

/// The job that a transaction is for.
fn job_of(c: &dyn Sql, intent_id: i64) -> Result<Option<Vec<u8>>> {
    let found = c.row(
        "SELECT job_id FROM intents WHERE id = ?1",
        params![intent_id],
    )?;
    found.map_or(Ok(None), |row| row.get("job_id"))
}

#[derive(Clone, Copy)]
struct Account {
    chain_id: u64,
    sender: Address,
}

fn check(
    c: &dyn Sql,
    account: Account,
    job: Option<Vec<u8>>,
    caps: Caps,
    wanted: Gwei,
    before: Gwei,
) -> Result<()> {
    if caps == Caps::default() || wanted <= before {
        return Ok(());
    }
    let spent = spend(c, account.chain_id, account.sender)?;
    let of_job = match (caps.job, job) {
        (Some(_), Some(job)) => of_job(c, &job)?,
        _ => Gwei(0),
    };
    let (since, of_run) = match caps.run {
        Some(run) => (run.since, Some(run.limit)),
        None => (Gwei(0), None),
    };
    let limits = [
        (
            Cap::Run,
            of_run,
            Gwei(spent.total.0.saturating_sub(since.0)),
        ),
        (Cap::Transaction, caps.transaction, Gwei(0)),
        (Cap::Job, caps.job, of_job),
        (Cap::Total, caps.total, spent.total),
        (Cap::Day, caps.day, spent.day),
        (Cap::Hour, caps.hour, spent.hour),
    ];
    for (cap, limit, spent) in limits {
        let spent = Gwei(spent.0.saturating_sub(before.0));
        if let Some(limit) = limit
            && spent.plus(wanted) > limit
        {
            return Err(Error::OverCap {
                cap,
                limit,
                spent,
                wanted,
            });
        }
    }
    Ok(())
}

/// Counts a signed attempt, if it costs more than the earlier ones of its intent.
pub(super) fn reserve(
    tx: &dyn Sql,
    intent: &Intent,
    attempt: &NewAttempt,
    caps: Caps,
) -> Result<()> {
    let wanted = attempt.dearest();
    let before = reserved(tx, intent.id)?;
    let (chain_id, sender) = (intent.chain_id, intent.sender);
    let account = Account { chain_id, sender };
    let job = intent.job_id.map(|id| id.to_vec());
    check(tx, account, job, caps, wanted, before.unwrap_or_default())?;
    tx.execute(
        "INSERT INTO spend (intent_id, chain_id, sender, submitter, reserved, at)
         VALUES (?1, ?2, ?3, (SELECT payer FROM jobs WHERE id = ?6), ?4, ?5)
         ON CONFLICT (intent_id) DO UPDATE
         SET reserved = CASE WHEN spend.reserved < ?4 THEN ?4 ELSE spend.reserved END",
        params![
            intent.id,
            to_i64(chain_id, "chain id")?,
            sender.as_slice(),
            to_i64(wanted.0, "amount")?,
            tx.time()?,
            intent.job_id.map(|id| id.to_vec()),
        ],
    )?;
    Ok(())
}

/// Records the cost on chain. `None` when the node does not say: then the reservation counts.
pub(super) fn settle(tx: &dyn Sql, intent_id: i64, paid: Option<Gwei>) -> Result<()> {
    let paid = paid.map(|p| to_i64(p.0, "amount")).transpose()?;
    tx.execute(
        "UPDATE spend SET settled = coalesce(?2, reserved), at = ?3 WHERE intent_id = ?1",
        params![intent_id, paid, tx.time()?],
    )?;
    Ok(())
}

/// The block left the chain, and the payment with it.
pub(super) fn reopen(tx: &dyn Sql, intent_id: i64) -> Result<()> {
    tx.execute(
        "UPDATE spend SET settled = NULL, at = ?2 WHERE intent_id = ?1",
        params![intent_id, tx.time()?],
    )?;
    Ok(())
}
