//! The calls, and which node each of them goes to.

use super::config::RpcConfig;
use super::error::{ErrorClass, RpcError, SendOutcome};
use super::nodes::{NodeHealth, Nodes};
use super::types::{Block, CallRequest, FeeHistory, Inclusion, Log, Receipt};
use alloy::primitives::{Address, B256, Bytes, U64, U128, U256, hex};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Which state a read refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The newest block that the node has.
    Latest,
    /// The newest block and the node's pool.
    Pending,
    /// The state after one particular block: reads that belong together all name the same.
    Block(B256),
}

impl At {
    fn param(self) -> Value {
        match self {
            Self::Latest => json!("latest"),
            Self::Pending => json!("pending"),
            Self::Block(hash) => json!({ "blockHash": hash }),
        }
    }
}

/// One or several nodes of one chain. Cheap to clone.
///
/// Requests go to the first node in the order given that has not failed lately; a node that fails is
/// left alone for a while. [`Rpc::candidates`] gives handles that stay with one node, so that the reads of
/// one decision do not mix what two nodes think.
#[derive(Clone)]
pub struct Rpc {
    nodes: Arc<Nodes>,
    pin: Option<usize>,
}

impl fmt::Debug for Rpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rpc")
            .field("config", &self.nodes.config)
            .field("pin", &self.pin)
            .finish_non_exhaustive()
    }
}

impl Rpc {
    /// A client; connects on first use.
    pub fn new(config: RpcConfig) -> Result<Self, RpcError> {
        let nodes = Arc::new(Nodes::new(config)?);
        Ok(Self { nodes, pin: None })
    }

    /// A handle for each node, in the order in which to try them.
    pub fn candidates(&self) -> Vec<Self> {
        let order = self.pin.map_or_else(|| self.nodes.order(), |at| vec![at]);
        let pinned = |at| Self {
            nodes: Arc::clone(&self.nodes),
            pin: Some(at),
        };
        order.into_iter().map(pinned).collect()
    }

    /// Health of the nodes, in the order given.
    pub fn health(&self) -> Vec<NodeHealth> {
        self.nodes.health()
    }

    /// Blocks that a node may be behind before another is preferred.
    pub fn max_lag(&self) -> u64 {
        self.nodes.config.max_lag
    }

    /// Whether the pinned node's last answer came late, and there is another.
    pub fn is_slow(&self) -> bool {
        self.pin.is_some_and(|at| self.nodes.is_slow(at))
    }

    /// Whether the pinned node's head stands still while another's moves on.
    pub fn is_stuck(&self) -> bool {
        self.pin.is_some_and(|at| self.nodes.is_stuck(at))
    }

    /// How often all nodes are to be asked for their heads; never where there is only one.
    pub fn heads_every(&self) -> Option<Duration> {
        (self.nodes.count() > 1).then_some(self.nodes.config.stuck / 2)
    }

    /// Whether the pinned node has been checked to serve the right chain since it last failed.
    pub fn is_verified(&self) -> bool {
        self.pin.is_some_and(|at| self.nodes.is_verified(at))
    }

    /// Records whether the pinned node serves the right chain. One that does not is avoided for a while.
    pub fn note_chain(&self, right: bool) {
        if let Some(at) = self.pin {
            self.nodes.note_chain(at, right);
        }
    }

    /// The highest block seen so far at the pinned node.
    pub fn last_head(&self) -> u64 {
        self.pin.map_or(0, |at| self.nodes.last_head(at))
    }

    /// One read: repeated while the failure is transient, at the next node when there is one.
    async fn read<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, RpcError> {
        let order = self.pin.map_or_else(|| self.nodes.order(), |at| vec![at]);
        let mut wait = self.nodes.config.backoff;
        let last = match self.pin {
            // Another node is a better remedy than patience with this one.
            Some(_) if self.nodes.count() > 1 => 1,
            // At the least every node is asked once.
            _ => (self.nodes.config.retries as usize).max(order.len().saturating_sub(1)),
        };
        let mut round = 0;
        loop {
            let at = order.get(round % order.len()).copied().unwrap_or_default();
            let e = match self.nodes.ask(at, method, &params).await {
                Ok(value) => return Ok(value),
                Err(e) => e,
            };
            let class = e.class();
            let other = order.len() > 1;
            let hopeless = class == ErrorClass::Answer || (class == ErrorClass::Node && !other);
            if hopeless || round >= last {
                return Err(e);
            }
            tracing::debug!(method, node = at, error = %e, "repeating a read");
            // The next node is not overloaded because this one is; a second round waits.
            if (round + 1) % order.len() == 0 {
                tokio::time::sleep(e.retry_after().unwrap_or(wait)).await;
                wait *= 2;
            }
            round += 1;
        }
    }

    /// `eth_chainId`.
    pub async fn chain_id(&self) -> Result<u64, RpcError> {
        Ok(self.read::<U64>("eth_chainId", json!([])).await?.to())
    }

    /// The block with that number, if the node has it.
    pub async fn block(&self, number: u64) -> Result<Option<Block>, RpcError> {
        self.read("eth_getBlockByNumber", json!([U64::from(number), false]))
            .await
    }

    /// The newest block of the node.
    pub async fn head(&self) -> Result<Block, RpcError> {
        let method = "eth_getBlockByNumber";
        let head = self
            .read::<Option<Block>>(method, json!(["latest", false]))
            .await?
            .ok_or(RpcError::BadReply {
                method,
                reason: "no latest block".to_owned(),
            })?;
        plausible(method, head.number)?;
        if let Some(at) = self.pin {
            self.nodes.note_head(at, head.number);
        }
        Ok(head)
    }

    /// The newest finalized block; `None` on a chain without finality.
    pub async fn finalized(&self) -> Result<Option<Block>, RpcError> {
        match self
            .read("eth_getBlockByNumber", json!(["finalized", false]))
            .await
        {
            Err(RpcError::Response { .. }) => Ok(None),
            other => other,
        }
    }

    /// `eth_call`.
    pub async fn call(&self, request: &CallRequest, at: At) -> Result<Bytes, RpcError> {
        self.read("eth_call", json!([request, at.param()])).await
    }

    /// `eth_estimateGas`.
    pub async fn estimate_gas(&self, request: &CallRequest) -> Result<u64, RpcError> {
        let method = "eth_estimateGas";
        let gas = self.read::<U64>(method, json!([request, "latest"]));
        plausible(method, gas.await?.to())
    }

    /// Number of transactions that `address` has sent.
    pub async fn nonce(&self, address: Address, at: At) -> Result<u64, RpcError> {
        let method = "eth_getTransactionCount";
        let count: u64 = self
            .read::<U64>(method, json!([address, at.param()]))
            .await?
            .to();
        plausible(method, count)
    }

    /// Balance in wei.
    pub async fn balance(&self, address: Address) -> Result<U256, RpcError> {
        self.read("eth_getBalance", json!([address, "latest"]))
            .await
    }

    /// Code at an address; empty where there is none.
    pub async fn code(&self, address: Address) -> Result<Bytes, RpcError> {
        self.read("eth_getCode", json!([address, "latest"])).await
    }

    /// Priority fee that more than half of the last 20 blocks took, in wei: of each block that at its 20th percentile by gas, of
    /// an empty block 0. `None` where the node cannot tell.
    pub async fn usual_priority_fee(&self) -> Result<Option<u128>, RpcError> {
        let history = self.read::<FeeHistory>("eth_feeHistory", json!(["0x14", "latest", [20.0]]));
        Ok(known(history.await)?.and_then(|history| history.median_reward()))
    }

    /// Priority fee that the node suggests, in wei; `None` where it suggests none.
    pub async fn suggested_priority_fee(&self) -> Result<Option<u128>, RpcError> {
        let suggested = self.read::<U128>("eth_maxPriorityFeePerGas", json!([]));
        Ok(known(suggested.await)?.map(|fee| fee.to()))
    }

    /// The node's configuration of its forks (`eth_config`, EIP-7910); `None` where it does not know the method.
    pub async fn config(&self) -> Result<Option<Value>, RpcError> {
        known(self.read("eth_config", json!([])).await)
    }

    /// The receipt of a transaction in a block.
    pub async fn receipt(&self, hash: B256) -> Result<Option<Receipt>, RpcError> {
        self.read("eth_getTransactionReceipt", json!([hash])).await
    }

    /// Whether the node has a transaction in a block, whatever it says about receipts.
    pub async fn is_in_block(&self, hash: B256) -> Result<bool, RpcError> {
        let found: Option<Inclusion> = self.read("eth_getTransactionByHash", json!([hash])).await?;
        Ok(found.is_some_and(|tx| tx.block_hash.is_some()))
    }

    /// The logs of a contract with these topics, from a block to the newest one. Providers limit the blocks that they search.
    pub async fn logs(
        &self,
        address: Address,
        topics: &[B256],
        from_block: u64,
    ) -> Result<Vec<Log>, RpcError> {
        let filter = json!({
            "address": address,
            "topics": topics,
            "fromBlock": U64::from(from_block),
            "toBlock": "latest",
        });
        self.read("eth_getLogs", json!([filter])).await
    }

    /// Broadcasts a signed transaction, once. The answer is a hint at best: whether the transaction
    /// is known is decided by looking for its receipt.
    pub async fn send_raw(&self, raw: &[u8]) -> SendOutcome {
        let params = json!([hex::encode_prefixed(raw)]);
        let at = self.pin.or_else(|| self.nodes.order().first().copied());
        let method = "eth_sendRawTransaction";
        match self
            .nodes
            .ask::<B256>(at.unwrap_or_default(), method, &params)
            .await
        {
            Ok(_) => SendOutcome::Accepted,
            Err(e) => SendOutcome::classify(&e),
        }
    }
}

/// A count of blocks, gas or transactions, which no chain brings beyond 48 bits.
fn plausible(method: &'static str, count: u64) -> Result<u64, RpcError> {
    if count >> 48 == 0 {
        return Ok(count);
    }
    Err(RpcError::BadReply {
        method,
        reason: format!("{count} is no number of a chain"),
    })
}

/// Nothing where the node does not know the method.
fn known<T>(reply: Result<T, RpcError>) -> Result<Option<T>, RpcError> {
    match reply {
        Ok(value) => Ok(Some(value)),
        Err(RpcError::Response { .. } | RpcError::BadReply { .. }) => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_bad_scheme_is_refused() {
        assert!(matches!(
            Rpc::new(RpcConfig::new("ftp://x")),
            Err(RpcError::Config { .. })
        ));
        assert!(matches!(
            Rpc::new(RpcConfig::new("nonsense")),
            Err(RpcError::Config { .. })
        ));
    }
}
