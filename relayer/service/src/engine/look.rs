//! The node and the head that a tick works from.

use super::Engine;
use super::view::{View, check_chain};
use crate::error::{Error, Result};
use chainfer_chain::rpc::{Block, Rpc};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Instant;

impl Engine {
    /// The node and the head to work from: the first node that serves the right chain, answers soon and is not behind or stuck, or
    /// else the one with the highest head, or else one that is slow or stuck.
    pub(super) async fn view(&self) -> Result<View> {
        self.look_at_all_heads();
        let mut best: Option<(Rpc, Block)> = None;
        let mut poor: Option<(Rpc, Block)> = None;
        let mut refused: Option<Error> = None;
        for rpc in self.rpc.candidates() {
            match self.head_of(&rpc).await {
                Ok(head) if rpc.is_slow() || rpc.is_stuck() => {
                    tracing::warn!(head = head.number, "the node is slow, or stands still");
                    poor.get_or_insert((rpc, head));
                }
                Ok(head) => {
                    let newest = self.newest_head.load(Ordering::Relaxed);
                    if best.as_ref().is_none_or(|(_, b)| head.number > b.number) {
                        best = Some((rpc, head));
                    }
                    if head.number.saturating_add(self.rpc.max_lag()) >= newest {
                        break;
                    }
                    tracing::warn!(head = head.number, newest, "the node is behind");
                }
                Err(e) => {
                    tracing::warn!(error = %e, "the node is of no use");
                    // Another chain is worth telling more than silence is.
                    if refused.as_ref().is_none_or(Error::is_transient) {
                        refused = Some(e);
                    }
                }
            }
        }
        let Some((rpc, head)) = best.or(poor) else {
            return Err(refused.unwrap_or_else(|| Error::Config("no node is given".to_owned())));
        };
        self.newest_head.store(head.number, Ordering::Relaxed);
        let sending = self.review_pauses(&rpc).await?;
        Ok(View::new(rpc, head, sending, self.store.now_ms()))
    }

    /// Asks every node for its head from time to time, beside other work: that the one in use stands still shows by the others.
    fn look_at_all_heads(&self) {
        let Some(every) = self.rpc.heads_every() else {
            return;
        };
        {
            let mut last = self
                .heads_seen
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if last.is_some_and(|at| at.elapsed() < every) {
                return;
            }
            *last = Some(Instant::now());
        }
        for rpc in self.rpc.candidates() {
            // An answer is noted where it comes in, and a failure too.
            tokio::spawn(async move { rpc.head().await.map(drop) });
        }
    }

    /// The head of one node, after a check that the node serves the right chain. The check is repeated after a
    /// failure, and when the chain is shorter than before: the address may lead to another node by then.
    async fn head_of(&self, rpc: &Rpc) -> Result<Block> {
        let before = rpc.last_head();
        let head = rpc.head().await?;
        if !rpc.is_verified() || head.number < before {
            let checked = check_chain(rpc, &self.store, Some(self.chain_id)).await;
            match &checked {
                Ok(_) => rpc.note_chain(true),
                Err(Error::WrongChain { .. } | Error::WrongGenesis { .. }) => rpc.note_chain(false),
                Err(_) => {}
            }
            checked?;
        }
        Ok(head)
    }
}
