//! What may be spent: limits, balance, pauses.

use super::Engine;
use crate::error::{Error, Result};
use crate::money::{Cap, Gwei};
use crate::store::{Cause, Guard, Pause};
use chainfer_chain::rpc::Rpc;
use std::sync::atomic::Ordering;

impl Engine {
    /// Stops sending anything new until [`Self::resume`]. Pending transactions are still followed.
    pub async fn pause(&self, reason: String) -> Result<bool> {
        self.pause_for(Cause::Manual, reason, Gwei(0)).await
    }

    /// Lifts a manual pause. Automatic ones are lifted by the engine when their cause is gone.
    pub async fn resume(&self) -> Result<bool> {
        self.resume_from(Cause::Manual).await
    }

    /// The pauses in force.
    pub async fn pauses(&self) -> Result<Vec<Pause>> {
        self.store.pauses(self.chain_id, self.sender()).await
    }

    /// The conditions that a signed transaction must meet when it is stored.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] without a lease: then nothing may be stored at all.
    pub(super) fn guard(&self) -> Result<Guard> {
        let account = self.sender();
        let lease = self.lease().ok_or(Error::LeaseLost { account })?;
        Ok(Guard {
            caps: self.config.caps,
            lease: Some(lease),
        })
    }

    /// Lifts automatic pauses whose cause is gone; true when any pause is left.
    pub(super) async fn review_pauses(&self, rpc: &Rpc) -> Result<bool> {
        let mut paused = false;
        for pause in self.pauses().await? {
            let gone = match pause.cause {
                Cause::Manual => {
                    paused = true;
                    continue;
                }
                Cause::Balance => self.check_balance(rpc, pause.wanted).await,
                Cause::Spend => self.check_caps(pause.wanted, None).await,
            };
            match gone {
                Ok(()) => {
                    self.resume_from(pause.cause).await?;
                }
                Err(e) if pauses(&e).is_some() => paused = true,
                // Alone over the cap of one transaction: no reason for the others to wait.
                Err(Error::OverCap { .. }) => {
                    self.resume_from(pause.cause).await?;
                }
                Err(e) => return Err(e),
            }
        }
        Ok(paused)
    }

    /// Refuses a new transaction that cannot be paid for, before it is signed; what no other transaction
    /// could pay either pauses the account.
    pub(super) async fn afford(&self, rpc: &Rpc, wanted: Gwei, intent: Option<i64>) -> Result<()> {
        let refused = match self.check_caps(wanted, intent).await {
            Ok(()) => self.check_balance(rpc, wanted).await,
            refused => refused,
        };
        if let Err(e) = &refused
            && let Some(cause) = pauses(e)
        {
            self.pause_for(cause, e.to_string(), wanted).await?;
        }
        refused
    }

    /// Whether an expense is within the caps; for another attempt of `intent`, or a new transaction.
    pub(super) async fn check_caps(&self, wanted: Gwei, intent: Option<i64>) -> Result<()> {
        let (chain, sender, caps) = (self.chain_id, self.sender(), self.config.caps);
        self.store
            .check_spend(chain, sender, caps, wanted, intent)
            .await
    }

    /// Whether the account can pay, after everything that it has signed.
    async fn check_balance(&self, rpc: &Rpc, wanted: Gwei) -> Result<()> {
        let balance = self.read_balance(rpc).await?;
        let open = self.store.spend(self.chain_id, self.sender()).await?.open;
        let needed = wanted.plus(open).plus(self.config.min_balance);
        if balance < needed {
            return Err(Error::LowBalance {
                account: self.sender(),
                balance,
                needed,
            });
        }
        Ok(())
    }

    /// Reads the balance, and keeps it for [`Self::last_balance`].
    async fn read_balance(&self, rpc: &Rpc) -> Result<Gwei> {
        let balance = Gwei::floor(rpc.balance(self.sender()).await?);
        self.balance.store(balance.0, Ordering::Relaxed);
        Ok(balance)
    }

    /// The balance as last read; `None` before.
    pub fn last_balance(&self) -> Option<Gwei> {
        let gwei = self.balance.load(Ordering::Relaxed);
        (gwei != u64::MAX).then_some(Gwei(gwei))
    }

    async fn pause_for(&self, cause: Cause, reason: String, wanted: Gwei) -> Result<bool> {
        let (chain, sender) = (self.chain_id, self.sender());
        let log = reason.clone();
        let new = self
            .store
            .pause(chain, sender, cause, reason, wanted)
            .await?;
        if new {
            tracing::warn!(%sender, cause = cause.as_str(), reason = log, "paused");
        }
        Ok(new)
    }

    async fn resume_from(&self, cause: Cause) -> Result<bool> {
        let (chain, sender) = (self.chain_id, self.sender());
        let lifted = self.store.resume(chain, sender, cause).await?;
        if lifted {
            tracing::info!(%sender, cause = cause.as_str(), "pause lifted");
        }
        Ok(lifted)
    }
}

/// Whether it is this job alone that may not be paid for now.
pub(super) fn holds_job(e: &Error) -> bool {
    matches!(
        e,
        Error::OverCap {
            cap: Cap::Transaction | Cap::Job,
            ..
        } | Error::Quota { .. }
    )
}

/// The pause that a refusal calls for; none where a cheaper transaction may still go.
pub(super) fn pauses(e: &Error) -> Option<Cause> {
    match e {
        Error::OverCap {
            cap: Cap::Transaction | Cap::Job,
            ..
        } => None,
        Error::OverCap { .. } => Some(Cause::Spend),
        Error::LowBalance { .. } => Some(Cause::Balance),
        _ => None,
    }
}
