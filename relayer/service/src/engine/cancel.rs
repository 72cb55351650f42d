//! Cancelling a job after something was signed.

use super::Engine;
use super::view::View;
use crate::error::Result;
use crate::state::IntentState;
use crate::store::Job;
use chainfer_chain::rpc::At;

impl Engine {
    /// Waits until every nonce of the job is used up for good, by the cancelling transactions or by the
    /// job's own, and then says what it came to.
    pub(super) async fn step_cancelling(&self, view: &View, job: &Job) -> Result<()> {
        // A plan that was being made when the request came is dropped too.
        self.store.cancel_job(job.key.id).await?;
        let mut newest = 0;
        for intent in self.store.intents_of(job.key.id).await? {
            if self.reopen_if_lost(view, &intent).await? {
                return Ok(());
            }
            match intent.state {
                // Without the other account's key its pending transactions can only be waited for.
                IntentState::Pending if intent.sender != self.sender() => {
                    if self.is_sending_elsewhere(intent.sender).await?
                        || self.watch_other(view, &intent).await?
                    {
                        return Ok(());
                    }
                }
                IntentState::Ready | IntentState::Pending => return Ok(()),
                _ => newest = newest.max(intent.settlement.map_or(0, |s| s.block.number)),
            }
        }
        if view.head.number < newest {
            return Ok(());
        }
        let registry = view.registry(job.key.registry);
        if registry
            .is_proven(
                job.key.model_id,
                job.key.inference_id,
                At::Block(view.head.hash),
            )
            .await?
        {
            let reason = "proven before the cancellation took effect".to_owned();
            return self.proven(view, job, Some(reason)).await;
        }
        // `Cancelled` is final, so the block that decides must be settled.
        if newest > 0 && (view.head.number + 1).saturating_sub(newest) < self.config.confirmations()
        {
            return Ok(());
        }
        let state = self.store.end_cancellation(job.key.id).await?;
        tracing::info!(job = %job.key.id, %state, "cancellation done");
        Ok(())
    }
}
