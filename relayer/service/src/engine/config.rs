//! Settings of the engine.

use super::gas_caps::TRANSACTION_GAS_CAP;
use crate::money::{Caps, Gwei};
use alloy::primitives::{Address, B256};
use chainfer_chain::fees::FeePolicy;
use chainfer_formats::limits::DEVELOPMENT_CHAIN_ID;
use std::collections::BTreeSet;
use std::time::Duration;

/// Settings of the engine.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The only registry that jobs may name; any when `None`.
    pub registry: Option<Address>,
    /// The only models that jobs may be for; any when `None`.
    pub models: Option<BTreeSet<B256>>,
    /// Gas limit that no transaction passes.
    pub gas_cap: u64,
    /// Added to every gas estimate, in percent.
    pub gas_margin_percent: u64,
    /// Added on top: the last of several transactions also marks the inference as proven, which no
    /// estimate made beforehand sees.
    pub gas_slack: u64,
    /// Size that no transaction passes; nodes refuse more than 128 KiB.
    pub max_tx_bytes: usize,
    /// Limits of what is offered per gas.
    pub fees: FeePolicy,
    /// Limits of what may be spent.
    pub caps: Caps,
    /// Balance that no new transaction may use.
    pub min_balance: Gwei,
    /// Added to what a roll-up asks for publishing a transaction, in percent: its price follows another chain's and can
    /// rise until the transaction is in a block.
    pub data_fee_margin_percent: u64,
    /// How long to wait before asking again whether the chain has a contract that quotes the fee.
    pub oracle_poll: Duration,
    /// Blocks on top of and including the one that settles a job; by chain when `None`.
    pub confirmations: Option<u64>,
    /// Wait between two ticks.
    pub poll: Duration,
    /// Wait before an attempt that the node has is replaced with higher fees.
    pub bump_after: Duration,
    /// Wait before an attempt that the node has is broadcast again.
    pub rebroadcast_after: Duration,
    /// Wait before an attempt that the node may not have is broadcast again.
    pub resend_after: Duration,
    /// Polls in a row that must find our nonce used and no receipt of ours before the transaction is
    /// taken for superseded.
    pub foreign_polls: u32,
    /// Polls in a row that must find a nonce gap before it is filled.
    pub gap_polls: u32,
    /// Transactions that may wait for a block at one time.
    pub max_in_flight: u32,
    /// Reverted transactions after which a job fails.
    pub max_reverts: usize,
    /// How long a process that is gone keeps others with the same key and state file from sending, where they cannot tell
    /// that it is gone.
    pub lease_ttl: Duration,
    /// Unfinished jobs that are accepted.
    pub queue_limit: u64,
    /// Wait between two checks of jobs that are confirmed but not finalized.
    pub finality_poll: Duration,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            registry: None,
            models: None,
            gas_cap: TRANSACTION_GAS_CAP,
            gas_margin_percent: 15,
            gas_slack: 100_000,
            max_tx_bytes: 120 * 1024,
            fees: FeePolicy::default(),
            caps: Caps::default(),
            min_balance: Gwei(0),
            data_fee_margin_percent: 50,
            oracle_poll: Duration::from_secs(60),
            confirmations: None,
            poll: Duration::from_secs(1),
            bump_after: Duration::from_secs(45),
            rebroadcast_after: Duration::from_secs(20),
            resend_after: Duration::from_secs(3),
            foreign_polls: 3,
            gap_polls: 3,
            max_in_flight: 16,
            max_reverts: 3,
            lease_ttl: Duration::from_secs(15),
            queue_limit: 10_000,
            finality_poll: Duration::from_secs(12),
        }
    }
}

impl EngineConfig {
    /// Fills in what depends on the chain: a development chain makes a block only when asked, so one
    /// confirmation must do there.
    pub(super) fn for_chain(mut self, chain_id: u64) -> Self {
        let default = if chain_id == DEVELOPMENT_CHAIN_ID {
            1
        } else {
            3
        };
        self.confirmations = Some(self.confirmations.unwrap_or(default).max(1));
        self
    }

    pub(super) fn confirmations(&self) -> u64 {
        self.confirmations.unwrap_or(1)
    }
}
