//! What an interrupted call left behind.

use super::report::TxReport;
use super::transactions::{key, send};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::state::IntentState;
use crate::store::TxKind;
use alloy::primitives::{Address, Bytes};
use std::collections::HashSet;
use std::time::Duration;

/// The account's transactions that were signed, and had no outcome, when a call began. They reach the chain at any time, and belong to the call that
/// goes on with them, also where it finds done what they do.
#[derive(Debug)]
pub(super) struct Interrupted(HashSet<i64>);

impl Interrupted {
    /// Those of the engine's state.
    pub(super) async fn of(engine: &Engine) -> Result<Self> {
        let (chain, sender) = (engine.chain_id(), engine.sender());
        let pending = engine
            .store()
            .intents_in(chain, sender, IntentState::Pending, u32::MAX)
            .await?;
        Ok(Self(pending.iter().map(|intent| intent.id).collect()))
    }

    /// Awaits the call if it is one of them. What did not succeed is none: somebody else did the same before.
    pub(super) async fn finish(
        &self,
        engine: &Engine,
        what: &str,
        to: Address,
        data: &Bytes,
        limit: Duration,
    ) -> Result<Option<TxReport>> {
        let known = engine
            .store()
            .intent_by_key(key(engine, what, Some(to), data))
            .await?;
        if !known.is_some_and(|intent| self.0.contains(&intent.id)) {
            return Ok(None);
        }
        let sent = send(engine, what, TxKind::Deploy, Some(to), data.clone(), limit);
        match sent.await {
            Ok((report, _)) => Ok(Some(report)),
            Err(Error::TransactionFailed { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
