//! Spending, and its caps.

use super::handle::Store;
use super::rows::{Intent, NewAttempt};
use super::sql::{Sql, number, params, to_i64};
use crate::error::{Error, Result};
use crate::money::{Cap, Caps, Gwei};
use alloy::primitives::Address;

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
            check(
                c,
                chain_id,
                sender,
                caps,
                wanted,
                before.unwrap_or_default(),
            )
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

fn check(
    c: &dyn Sql,
    chain_id: u64,
    sender: Address,
    caps: Caps,
    wanted: Gwei,
    before: Gwei,
) -> Result<()> {
    if caps == Caps::default() || wanted <= before {
        return Ok(());
    }
    let spent = spend(c, chain_id, sender)?;
    let limits = [
        (Cap::Transaction, caps.transaction, Gwei(0)),
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
    check(
        tx,
        chain_id,
        sender,
        caps,
        wanted,
        before.unwrap_or_default(),
    )?;
    tx.execute(
        "INSERT INTO spend (intent_id, chain_id, sender, reserved, at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (intent_id) DO UPDATE
         SET reserved = CASE WHEN spend.reserved < ?4 THEN ?4 ELSE spend.reserved END",
        params![
            intent.id,
            to_i64(chain_id, "chain id")?,
            sender.as_slice(),
            to_i64(wanted.0, "amount")?,
            tx.time()?,
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
