//! The few fields of requests and replies that are used. Unknown fields are ignored, so that chains
//! with transaction types of their own work.

use super::error::RpcError;
use crate::text::brief;
use alloy::primitives::{Address, B256, Bytes, U64, U128, U256, hex};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A block header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Block {
    #[serde(deserialize_with = "u64_hex")]
    /// Height of the block.
    pub number: u64,
    /// Hash of the block.
    pub hash: B256,
    /// Base fee in wei; absent on chains before EIP-1559.
    #[serde(default, deserialize_with = "u128_hex_option")]
    pub base_fee_per_gas: Option<u128>,
    /// Gas that all transactions of a block may take together.
    #[serde(default, deserialize_with = "u64_hex_option")]
    pub gas_limit: Option<u64>,
    /// Hash of what the block accesses; absent before Amsterdam (EIP-7928).
    #[serde(default)]
    pub block_access_list_hash: Option<B256>,
}

/// Arguments of `eth_call` and `eth_estimateGas`.
#[derive(Debug, Clone, Serialize)]
pub struct CallRequest {
    /// Account that the transaction is from.
    pub from: Address,
    /// Callee; `None` creates a contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Address>,
    /// Calldata or creation code.
    pub data: Bytes,
    /// Gas limit; the node's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gas: Option<U64>,
}

impl CallRequest {
    /// A call without a gas limit.
    pub fn new(from: Address, to: Option<Address>, data: Bytes) -> Self {
        Self {
            from,
            to,
            data,
            gas: None,
        }
    }
}

/// A transaction receipt.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// Whether execution succeeded.
    #[serde(deserialize_with = "status")]
    pub status: bool,
    /// Height of the block.
    #[serde(deserialize_with = "u64_hex")]
    pub block_number: u64,
    /// Hash of the block.
    pub block_hash: B256,
    /// Gas used by this transaction.
    #[serde(deserialize_with = "u64_hex")]
    pub gas_used: u64,
    /// Wei paid per gas.
    #[serde(default, deserialize_with = "u128_hex_option")]
    pub effective_gas_price: Option<u128>,
    /// The contract that it created.
    #[serde(default)]
    pub contract_address: Option<Address>,
    /// Wei that an OP-stack or Scroll roll-up took for publishing it.
    #[serde(default, deserialize_with = "u128_hex_option")]
    pub l1_fee: Option<u128>,
}

/// An event of a contract.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Log {
    /// Signature, then the indexed arguments.
    pub topics: Vec<B256>,
    /// The other arguments.
    pub data: Bytes,
    /// Height of its block.
    #[serde(deserialize_with = "u64_hex")]
    pub block_number: u64,
}

/// Where a transaction is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Inclusion {
    #[serde(default)]
    pub(super) block_hash: Option<B256>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FeeHistory {
    #[serde(default)]
    reward: Option<Vec<Vec<U128>>>,
}

impl FeeHistory {
    /// What more than half of the blocks paid, at least. Empty blocks count, with 0: in a chain of mostly empty ones the few who
    /// pay say nothing about what is needed.
    pub(super) fn median_reward(&self) -> Option<u128> {
        let mut rewards: Vec<u128> = self
            .reward
            .iter()
            .flatten()
            .filter_map(|block| block.first())
            .map(|fee| fee.to())
            .collect();
        rewards.sort_unstable();
        rewards.get(rewards.len().checked_sub(1)? / 2).copied()
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Reply {
    #[serde(default)]
    pub(super) id: Value,
    #[serde(default)]
    pub(super) result: Value,
    #[serde(default)]
    pub(super) error: Option<ReplyError>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ReplyError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Value,
}

impl ReplyError {
    pub(super) fn into_rpc_error(self, method: &'static str) -> RpcError {
        let data = bytes_in(&self.data);
        RpcError::Response {
            method,
            code: self.code,
            message: brief(self.message),
            data,
        }
    }
}

/// Nodes put revert data in `data`, in `data.data`, or in a text (`Reverted 0x…`).
fn bytes_in(value: &Value) -> Option<Bytes> {
    match value {
        Value::String(text) => {
            let text = text.rsplit(' ').next().unwrap_or(text);
            hex::decode(text.strip_prefix("0x")?).ok().map(Bytes::from)
        }
        Value::Object(fields) => fields.get("data").and_then(bytes_in),
        _ => None,
    }
}

fn u64_hex<'de, D: serde::Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
    Ok(U64::deserialize(d)?.to())
}

fn u64_hex_option<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
    Ok(Option::<U256>::deserialize(d)?.map(|v| v.saturating_to()))
}

fn u128_hex_option<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<u128>, D::Error> {
    Ok(Option::<U128>::deserialize(d)?.map(|v| v.to()))
}

fn status<'de, D: serde::Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
    Ok(u64_hex(d)? == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn median(rewards: &[u64]) -> Option<u128> {
        let reward = rewards.iter().map(|r| vec![U128::from(*r)]).collect();
        FeeHistory {
            reward: Some(reward),
        }
        .median_reward()
    }

    #[test]
    fn median_reward_counts_empty_blocks() {
        let mut blocks = vec![0; 20];
        assert_eq!(median(&blocks), Some(0));
        blocks[19] = 499_000_000_000;
        assert_eq!(median(&blocks), Some(0), "one stranger decides nothing");
        blocks[..9].fill(499_000_000_000);
        assert_eq!(median(&blocks), Some(0), "half of the blocks do not");
        blocks[9] = 3;
        assert_eq!(median(&blocks), Some(3));
    }

    #[test]
    fn median_reward_of_nothing_is_none() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[7]), Some(7));
        assert_eq!(FeeHistory { reward: None }.median_reward(), None);
        let unpaid = FeeHistory {
            reward: Some(vec![Vec::new(); 3]),
        };
        assert_eq!(unpaid.median_reward(), None);
    }
}
