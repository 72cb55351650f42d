//! What one tick sees of the chain: one node and its head.

use super::money::Sending;
use crate::error::{Error, Result};
use crate::store::{BlockRef, Store};
use alloy::primitives::{Address, B256};
use chainfer_chain::registry::Registry;
use chainfer_chain::rpc::{Block, Rpc};
use std::collections::HashMap;
use tokio::sync::Mutex;

/// What one tick sees of the chain; reads of one decision agree because they share it.
pub(super) struct View {
    /// Stays with one node.
    pub(super) rpc: Rpc,
    pub(super) head: Block,
    /// Whether nothing new may be sent.
    pub(super) paused: bool,
    /// Whether there was no money for something.
    pub(super) short: bool,
    /// When the tick began, Unix milliseconds.
    pub(super) began: u64,
    hashes: Mutex<HashMap<u64, Option<B256>>>,
    finalized: Mutex<Option<Option<u64>>>,
}

impl View {
    /// What `rpc` shows at `head`.
    pub(super) fn new(rpc: Rpc, head: Block, sending: Sending, began: u64) -> Self {
        Self {
            rpc,
            head,
            paused: sending == Sending::Paused,
            short: sending == Sending::Short,
            began,
            hashes: Mutex::new(HashMap::from([(head.number, Some(head.hash))])),
            finalized: Mutex::default(),
        }
    }

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

/// Checks every node that answers. A node of another chain is a configuration error, and is reported at the start.
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

/// Chain id of the node, after a check that the database was made for the same chain.
pub(super) async fn check_chain(rpc: &Rpc, store: &Store, expected: Option<u64>) -> Result<u64> {
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
