//! What may be spent: limits, balance, pauses.

use super::Engine;
use crate::error::{Error, Result};
use crate::money::{Cap, Gwei, RunCap};
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

    /// Limits what is spent from now on, with what is signed and open already.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn limit_run(&mut self, limit: Gwei) -> Result<()> {
        let spend = self.store.spend(self.chain_id, self.sender()).await?;
        let since = Gwei(spend.total.0.saturating_sub(spend.open.0));
        self.config.caps.run = Some(RunCap { since, limit });
        Ok(())
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

    /// Lifts automatic pauses whose cause is gone: it can be paid for now, or nobody wants it any more.
    pub(super) async fn review_pauses(&self, rpc: &Rpc) -> Result<Sending> {
        let mut sending = Sending::Free;
        for pause in self.pauses().await? {
            if pause.cause == Cause::Manual {
                sending = Sending::Paused;
                continue;
            }
            let waited_for = self.store.holds_any(self.chain_id, self.sender()).await?;
            let gone = match pause.cause {
                _ if !waited_for => Ok(()),
                Cause::Manual => continue,
                Cause::Balance => self.check_balance(rpc, pause.wanted).await,
                Cause::Spend => self.check_caps(pause.wanted, None).await,
            };
            match gone {
                // Alone over the cap of one transaction: no reason for the others to wait.
                Ok(())
                | Err(Error::OverCap {
                    cap: Cap::Transaction | Cap::Job | Cap::Run,
                    ..
                }) => {
                    self.resume_from(pause.cause).await?;
                    // What was put back for want of money need not wait for its time.
                    self.store.recall_jobs(self.chain_id).await?;
                }
                Err(e) if pauses(&e).is_some() => sending = sending.max(Sending::Short),
                Err(e) => return Err(e),
            }
        }
        Ok(sending)
    }

    /// Refuses a new transaction that cannot be paid for, before it is signed.
    pub(super) async fn afford(&self, rpc: &Rpc, wanted: Gwei, intent: Option<i64>) -> Result<()> {
        match self.check_caps(wanted, intent).await {
            Ok(()) => self.check_balance(rpc, wanted).await,
            refused => refused,
        }
    }

    /// What follows from a pass over everything that could be sent: a pause when nothing else waits than what could not be paid
    /// for, no pause any more when something was paid for.
    pub(super) async fn note_money(&self, pass: Pass, alone: bool) -> Result<()> {
        let Some((wanted, e)) = pass.cheapest_refused else {
            if pass.started {
                for pause in self.pauses().await? {
                    if pause.cause != Cause::Manual {
                        self.resume_from(pause.cause).await?;
                    }
                }
            }
            return Ok(());
        };
        let Some(cause) = pauses(&e) else {
            return Ok(());
        };
        if !alone {
            let filter = self.queue_filter();
            let others = self.store.queued_jobs(self.chain_id, filter, 1).await?;
            if !others.is_empty() {
                return Ok(());
            }
        }
        self.pause_for(cause, e.to_string(), wanted).await?;
        Ok(())
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
                wanted,
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

/// What may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sending {
    /// Whatever waits, as far as the caps allow.
    Free,
    /// What costs less than what was refused.
    Short,
    /// Nothing new.
    Paused,
}

/// What came of a pass over the transactions that wait to be signed.
#[derive(Debug, Default)]
pub(super) struct Pass {
    started: bool,
    cheapest_refused: Option<(Gwei, Error)>,
}

impl Pass {
    pub(super) fn start(&mut self) {
        self.started = true;
    }

    /// Notes a transaction that there is no money for.
    pub(super) fn refuse(&mut self, e: Error) {
        let wanted = match &e {
            Error::OverCap { wanted, .. } | Error::LowBalance { wanted, .. } => *wanted,
            _ => return,
        };
        if self
            .cheapest_refused
            .as_ref()
            .is_none_or(|(least, _)| wanted < *least)
        {
            self.cheapest_refused = Some((wanted, e));
        }
    }
}

/// Whether it is this job alone that may not be paid for now.
pub(super) fn holds_job(e: &Error) -> bool {
    matches!(
        e,
        Error::OverCap {
            cap: Cap::Transaction | Cap::Job | Cap::Run,
            ..
        } | Error::Quota { .. }
    )
}

/// The pause that a refusal calls for if nothing cheaper waits; none where it is about one transaction or job.
pub(super) fn pauses(e: &Error) -> Option<Cause> {
    match e {
        Error::OverCap {
            cap: Cap::Transaction | Cap::Job | Cap::Run,
            ..
        } => None,
        Error::OverCap { .. } => Some(Cause::Spend),
        Error::LowBalance { .. } => Some(Cause::Balance),
        _ => None,
    }
}
