//! What one look sees: a node of the right chain, and its head.

use super::Engine;
use crate::error::{Error, Result};
use crate::store::{BlockRef, Store};
use alloy::primitives::{Address, B256};
use chainfer_chain::registry::Registry;
use chainfer_chain::rpc::{Block, Rpc};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use tokio::sync::Mutex;

/// What one tick sees of the chain; reads of one decision agree because they share it.
pub(super) struct View {
    /// Stays with one node.
    pub(super) rpc: Rpc,
    pub(super) head: Block,
    /// Nothing new may be sent.
    pub(super) paused: bool,
    /// When the look began, Unix milliseconds.
    pub(super) began: u64,
    hashes: Mutex<HashMap<u64, Option<B256>>>,
    finalized: Mutex<Option<Option<u64>>>,
}

impl View {
    /// The registry at an address, as this node knows it.
    pub(super) fn registry(&self, address: Address) -> Registry {
        Registry::new(self.rpc.clone(), address)
    }

    /// Whether a block is on the canonical chain as this node sees it. A node that is behind the
    /// block cannot tell, and nothing is undone on its word.
    pub(super) async fn is_canonical(&self, block: BlockRef) -> Result<bool> {
        if block.number > self.head.number {
            return Ok(true);
        }
        let mut hashes = self.hashes.lock().await;
        let hash = match hashes.get(&block.number) {
            Some(hash) => *hash,
            None => {
                let hash = self.rpc.block(block.number).await?.map(|b| b.hash);
                hashes.insert(block.number, hash);
                hash
            }
        };
        Ok(hash == Some(block.hash))
    }

    /// Height of the newest finalized block, read once.
    pub(super) async fn finalized(&self) -> Result<Option<u64>> {
        let mut known = self.finalized.lock().await;
        if let Some(number) = *known {
            return Ok(number);
        }
        let number = self.rpc.finalized().await?.map(|b| b.number);
        *known = Some(number);
        Ok(number)
    }

    /// Number of blocks from `block` to the head, both included.
    pub(super) fn depth(&self, block: BlockRef) -> u64 {
        (self.head.number + 1).saturating_sub(block.number)
    }
}

impl Engine {
    /// The node and the head to work from: the first node in order that is of the right chain and not
    /// behind, or else the one that is furthest.
    pub(super) async fn view(&self) -> Result<View> {
        let mut best: Option<(Rpc, Block)> = None;
        let mut refused: Option<Error> = None;
        for rpc in self.rpc.candidates() {
            match self.head_of(&rpc).await {
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
        let Some((rpc, head)) = best else {
            return Err(refused.unwrap_or_else(|| Error::Config("no node is given".to_owned())));
        };
        self.newest_head.store(head.number, Ordering::Relaxed);
        let hashes = Mutex::new(HashMap::from([(head.number, Some(head.hash))]));
        let paused = self.review_pauses(&rpc).await?;
        Ok(View {
            rpc,
            head,
            paused,
            began: self.store.now_ms(),
            hashes,
            finalized: Mutex::default(),
        })
    }

    /// The head of one node, once that node is known to be of the right chain. After a failure, and when
    /// the chain is shorter than it was, the address may lead to another node, or the node to another chain.
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

/// Checks every node that answers: at the start a node of another chain is a mistake to be told.
pub(super) async fn open_chain(rpc: &Rpc, store: &Store, expected: Option<u64>) -> Result<u64> {
    let mut expected = expected;
    let mut silent = None;
    let mut found = None;
    for node in rpc.candidates() {
        match check_chain(&node, store, expected).await {
            Ok(chain_id) => {
                node.note_chain(true);
                expected = Some(chain_id);
                found = Some(chain_id);
            }
            Err(e) if e.is_transient() => {
                tracing::warn!(error = %e, "a node does not answer");
                silent = Some(e);
            }
            Err(e) => return Err(e),
        }
    }
    match (found, silent) {
        (Some(chain_id), _) => Ok(chain_id),
        (None, Some(e)) => Err(e),
        (None, None) => Err(Error::Config("no node is given".to_owned())),
    }
}

/// Chain id of the node, once node and database are known to mean the same chain by it.
async fn check_chain(rpc: &Rpc, store: &Store, expected: Option<u64>) -> Result<u64> {
    let chain_id = rpc.chain_id().await?;
    if let Some(expected) = expected
        && expected != chain_id
    {
        return Err(Error::WrongChain {
            expected,
            got: chain_id,
        });
    }
    let genesis = rpc.block(0).await?.map_or(B256::ZERO, |b| b.hash);
    store.bind_chain(chain_id, genesis).await?;
    Ok(chain_id)
}
