//! Why an account sends nothing new.

use super::handle::Store;
use super::log::log_transition;
use super::sql::{corrupt, number, params, to_i64};
use crate::error::Result;
use crate::money::Gwei;
use alloy::primitives::Address;

/// Who paused an account, and so who lifts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// A person, who also lifts it.
    Manual,
    /// The balance is too low; lifted when it is filled up.
    Balance,
    /// A spend cap is reached; lifted when its window has moved on, or the cap was raised.
    Spend,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 3] = [Self::Manual, Self::Balance, Self::Spend];

    /// Name in the database and in the HTTP interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Balance => "balance",
            Self::Spend => "spend",
        }
    }
}

/// A pause in force.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Pause {
    /// What paused the account.
    pub cause: Cause,
    /// Explanation, in words.
    pub reason: String,
    /// What the transaction costs that could not be paid for.
    #[serde(rename = "wanted_gwei")]
    pub wanted: Gwei,
    /// Since when, in Unix milliseconds.
    pub since: u64,
}

impl Store {
    /// The pauses in force.
    pub async fn pauses(&self, chain_id: u64, sender: Address) -> Result<Vec<Pause>> {
        self.read(move |c| {
            c.collect(
                "SELECT * FROM pauses WHERE chain_id = ?1 AND sender = ?2 ORDER BY cause",
                params![to_i64(chain_id, "chain id")?, sender.as_slice()],
                |row| {
                    let cause: String = row.get("cause")?;
                    Ok(Pause {
                        cause: Cause::ALL
                            .into_iter()
                            .find(|c| c.as_str() == cause)
                            .ok_or_else(|| corrupt(format!("pause {cause}")))?,
                        reason: row.get("reason")?,
                        wanted: Gwei(number(row, "wanted")?),
                        since: number(row, "since")?,
                    })
                },
            )
        })
        .await
    }

    /// Pauses an account; false when it was paused for this cause already.
    pub async fn pause(
        &self,
        chain_id: u64,
        sender: Address,
        cause: Cause,
        reason: String,
        wanted: Gwei,
    ) -> Result<bool> {
        self.write(move |tx| {
            let new = tx.execute(
                "INSERT INTO pauses (chain_id, sender, cause, reason, wanted, since)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (chain_id, sender, cause) DO NOTHING",
                params![
                    to_i64(chain_id, "chain id")?,
                    sender.as_slice(),
                    cause.as_str(),
                    reason.as_str(),
                    to_i64(wanted.0, "amount")?,
                    tx.time()?,
                ],
            )?;
            if new > 0 {
                let reason = format!("{}: {reason}", cause.as_str());
                log_transition(tx, None, None, "running", "paused", Some(&reason))?;
            }
            Ok(new > 0)
        })
        .await
    }

    /// Lifts a pause; false when there was none.
    pub async fn resume(&self, chain_id: u64, sender: Address, cause: Cause) -> Result<bool> {
        self.write(move |tx| {
            let gone = tx.execute(
                "DELETE FROM pauses WHERE chain_id = ?1 AND sender = ?2 AND cause = ?3",
                params![
                    to_i64(chain_id, "chain id")?,
                    sender.as_slice(),
                    cause.as_str()
                ],
            )?;
            if gone > 0 {
                log_transition(tx, None, None, "paused", "running", Some(cause.as_str()))?;
            }
            Ok(gone > 0)
        })
        .await
    }
}
