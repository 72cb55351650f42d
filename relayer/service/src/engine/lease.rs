//! The lease that lets one process send.

use super::Engine;
use crate::error::Result;
use crate::store::Lease;
use alloy::primitives::Address;
use std::convert::Infallible;
use std::sync::PoisonError;
use std::time::Instant;

impl Engine {
    /// Whether this process is the one that sends for its account, as far as it knows.
    pub fn is_sending(&self) -> bool {
        self.lease().is_some()
    }

    pub(super) fn lease(&self) -> Option<Lease> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.lease.clone()
    }

    /// Takes or renews the lease when it is time; false while another process has it.
    pub(super) async fn hold_lease(&self) -> Result<bool> {
        let ttl = self.config.lease_ttl;
        let fresh = {
            let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.lease.is_some() && held.renewed.is_some_and(|at| at.elapsed() < ttl / 3)
        };
        if fresh {
            return Ok(true);
        }
        // Its time counts from before the request.
        let now = Instant::now();
        let (chain, sender) = (self.chain_id, self.sender());
        let holder = self.holder.clone();
        let lease = self.store.take_lease(chain, sender, holder, ttl).await?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match (&held.lease, &lease) {
            (None, Some(new)) => {
                tracing::info!(%sender, token = new.token, "sending for this account");
            }
            (Some(_), None) => tracing::warn!(%sender, "another process sends for this account"),
            _ => {}
        }
        held.renewed = Some(now);
        held.lease = lease;
        Ok(held.lease.is_some())
    }

    /// Whether some relayer sends for another account on this chain, with the same database.
    pub(super) async fn is_sending_elsewhere(&self, account: Address) -> Result<bool> {
        self.store.is_leased(self.chain_id, account).await
    }

    /// Renews the lease for as long as this is polled, beside a tick: one may take longer than the lease lasts.
    pub(super) async fn keep_lease(&self) -> Infallible {
        loop {
            tokio::time::sleep(self.config.lease_ttl / 3).await;
            match self.hold_lease().await {
                Ok(true) => {}
                // The tick finds out when it stores something.
                Ok(false) => std::future::pending().await,
                Err(e) => tracing::warn!(error = %e, "the lease is not renewed"),
            }
        }
    }

    /// Stops sending, so that another process can begin at once. Waits for a tick that runs; what is not done stays in
    /// the database.
    pub async fn close(&self) {
        let _one = self.ticking.lock().await;
        if !self.is_sending() {
            return;
        }
        self.lose_lease();
        let (chain, sender) = (self.chain_id, self.sender());
        let holder = self.holder.clone();
        if let Err(e) = self.store.give_lease_back(chain, sender, holder).await {
            tracing::warn!(error = %e, "the lease was not given back; it runs out by itself");
        }
    }

    /// Records that another process holds the lease now.
    pub(super) fn lose_lease(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.lease = None;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.is_sending() {
            let (chain, sender) = (self.chain_id, self.sender());
            self.store.give_lease_back_now(chain, sender, &self.holder);
        }
    }
}
