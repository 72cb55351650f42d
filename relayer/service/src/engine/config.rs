//! Settings of the engine.

use crate::money::{Caps, Gwei};
use alloy::primitives::{Address, B256};
use chainfer_chain::fees::FeePolicy;
use chainfer_formats::limits::DEVELOPMENT_CHAIN_ID;
use std::collections::BTreeSet;
use std::time::Duration;

/// Code that a registry must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryCode {
    /// That of the registry which this program was built with.
    Built,
    /// Code with this hash: another version that somebody has reviewed.
    Hash(B256),
    /// Any. Whoever controls the registry has the relayer pay for whatever it likes, up to the caps.
    Any,
}

/// What one submitter may use in 24 hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    /// Proofs that are taken.
    pub proofs: Option<u64>,
    /// Cost of its jobs. The job that passes it is finished; the next one waits.
    pub spend: Option<Gwei>,
}

/// Settings of the engine.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The only registry that jobs may name; any when `None`.
    pub registry: Option<Address>,
    /// Code that the registry must have; not looked at when `None`.
    pub registry_code: Option<RegistryCode>,
    /// The only models that jobs may be for; any when `None`.
    pub models: Option<BTreeSet<B256>>,
    /// What one submitter may use.
    pub quota: Quota,
    /// Whether proofs are held against the chain before they are stored: for those that strangers hand in.
    pub check_at_door: bool,
    /// Execution gas that no transaction passes; what the chain's rules allow when `None`.
    pub gas_cap: Option<u64>,
    /// State gas that no transaction passes, where the chain prices state apart; what the rules allow when `None`.
    pub state_gas_cap: Option<u64>,
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
    /// Polls in a row that must find a nonce gap before it is filled, or other transactions of the account beyond
    /// [`Self::max_foreign`] before they are believed.
    pub gap_polls: u32,
    /// Nonces that may be filled to get to a transaction of ours, and transactions from elsewhere that one look may turn up.
    pub max_foreign: u64,
    /// Transactions that may wait for a block at one time.
    pub max_in_flight: u32,
    /// Plans in a row that may be paid for without an advance of the registry's record; then the job fails.
    pub max_stalls: u32,
    /// Wait before a job is planned again whose transactions cost more than may be spent on them.
    pub retry_after: Duration,
    /// Whether such a job fails instead, and a transaction of no job is given up.
    pub fail_over_cap: bool,
    /// How long a process that is gone keeps others with the same key and state file from sending, where they cannot tell
    /// that it is gone.
    pub lease_ttl: Duration,
    /// Unfinished jobs that are accepted.
    pub queue_limit: u64,
    /// Bytes of proofs that are kept.
    pub payload_bytes: u64,
    /// How long proofs and transactions of finished jobs are kept.
    pub keep_payloads: Duration,
    /// Wait between two looks for what need not be kept.
    pub expiry_poll: Duration,
    /// Wait between two checks of jobs that are confirmed but not finalized.
    pub finality_poll: Duration,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            registry: None,
            registry_code: None,
            models: None,
            quota: Quota::default(),
            check_at_door: false,
            gas_cap: None,
            state_gas_cap: None,
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
            max_foreign: 16,
            max_in_flight: 16,
            max_stalls: 2,
            retry_after: Duration::from_secs(60),
            fail_over_cap: false,
            lease_ttl: Duration::from_secs(15),
            queue_limit: 10_000,
            payload_bytes: 1 << 30,
            keep_payloads: Duration::from_secs(7 * 24 * 3600),
            expiry_poll: Duration::from_secs(60),
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
