//! What a roll-up takes for publishing a transaction's bytes, beside what its gas costs.
//!
//! OP-stack chains (their specification, "L1-Cost fees" and "Operator fee") and Scroll have a contract that tells it, and
//! name it in receipts. Roll-ups that charge for publication in gas (Arbitrum, zkSync) or in the gas price (Linea) need
//! nothing of this, and neither does Ethereum.

use super::Engine;
use super::registry::revert_error;
use crate::error::{Error, Result};
use crate::money::Gwei;
use crate::rpc::{At, CallRequest, Receipt, Rpc, RpcError};
use crate::store::Attempt;
use alloy::consensus::{SignableTransaction, TxEip1559};
use alloy::primitives::{Address, U256, address};
use alloy::sol_types::SolCall;
use std::sync::PoisonError;
use std::time::Instant;

alloy::sol! {
    interface IGasPriceOracle {
        function getL1Fee(bytes data) external view returns (uint256);
        function getOperatorFee(uint256 gasUsed) external view returns (uint256);
    }
}

/// Where the contract is: no account can put code there, it is in the chain's genesis.
const PREDEPLOYS: [Oracle; 2] = [
    Oracle {
        address: address!("0x420000000000000000000000000000000000000F"),
        operator_fee: true,
    },
    Oracle {
        address: address!("0x5300000000000000000000000000000000000002"),
        operator_fee: false,
    },
];

/// A receipt that names more than so many times the most that the transaction was to cost is not believed.
const ABSURD: u64 = 10;

/// Bytes that a signature adds; OP-stack chains count 68 for it.
const SIGNATURE: [u8; 68] = [0xff; 68];

/// A chain's contract that tells what publication costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Oracle {
    address: Address,
    /// Some chains also take a fee for their operator.
    operator_fee: bool,
}

impl Engine {
    /// The most that publishing a transaction may cost when it is in a block soon.
    pub(super) async fn expected_data_fee(&self, rpc: &Rpc, tx: &TxEip1559) -> Result<Gwei> {
        let Some(oracle) = self.oracle(rpc).await? else {
            return Ok(Gwei(0));
        };
        let mut bytes = tx.encoded_for_signing();
        bytes.extend_from_slice(&SIGNATURE);
        let call = IGasPriceOracle::getL1FeeCall { data: bytes.into() };
        let published = ask(rpc, oracle, call, At::Latest).await?;
        let operator = operator_fee(rpc, oracle, tx.gas_limit, At::Latest).await?;
        let margin = U256::from(self.config.data_fee_margin_percent);
        let extra = published.saturating_mul(margin) / U256::from(100);
        let most = published.saturating_add(extra).saturating_add(operator);
        Ok(Gwei::ceil(most))
    }

    /// What publishing a transaction did cost; what was reserved for it where that cannot be learnt.
    pub(super) async fn paid_data_fee(
        &self,
        rpc: &Rpc,
        receipt: &Receipt,
        attempt: &Attempt,
    ) -> Result<Gwei> {
        let reserved = attempt.tx.data_fee;
        let oracle = self.oracle(rpc).await?;
        let published = match (receipt.l1_fee, oracle) {
            (Some(fee), _) => U256::from(fee),
            (None, _) => return Ok(reserved),
        };
        let operator = match oracle {
            Some(oracle) => {
                let at = At::Block(receipt.block_hash);
                match operator_fee(rpc, oracle, receipt.gas_used, at).await {
                    Ok(fee) => fee,
                    Err(e) if e.is_transient() => return Err(e),
                    // The node no longer has that block.
                    Err(_) => return Ok(reserved),
                }
            }
            None => U256::ZERO,
        };
        let paid = Gwei::ceil(published.saturating_add(operator));
        let most = attempt.tx.dearest().0.saturating_mul(ABSURD);
        if paid.0 > most {
            tracing::warn!(hash = %attempt.tx.hash, %paid, "the receipt's fee for data is absurd");
            return Ok(reserved);
        }
        Ok(paid)
    }

    /// The chain's contract. That there is none is asked again from time to time: it may be one node's mistake.
    async fn oracle(&self, rpc: &Rpc) -> Result<Option<Oracle>> {
        let seen = *self
            .oracle_seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match seen {
            Some((Some(oracle), _)) => return Ok(Some(oracle)),
            Some((None, at)) if at.elapsed() < self.config.oracle_poll => return Ok(None),
            _ => {}
        }
        let mut found = None;
        for oracle in PREDEPLOYS {
            if found.is_none() && !rpc.code(oracle.address).await?.is_empty() {
                tracing::info!(contract = %oracle.address, "this chain takes a fee for data");
                found = Some(oracle);
            }
        }
        let now = Some((found, Instant::now()));
        *self
            .oracle_seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = now;
        Ok(found)
    }
}

/// The operator's fee, in wei; chains that do not know it yet revert.
async fn operator_fee(rpc: &Rpc, oracle: Oracle, gas: u64, at: At) -> Result<U256> {
    if !oracle.operator_fee {
        return Ok(U256::ZERO);
    }
    let call = IGasPriceOracle::getOperatorFeeCall {
        gasUsed: U256::from(gas),
    };
    match ask(rpc, oracle, call, at).await {
        Err(Error::Reverted { .. }) => Ok(U256::ZERO),
        // Without data.
        Err(Error::Rpc(RpcError::Response { message, .. })) if message.contains("revert") => {
            Ok(U256::ZERO)
        }
        other => other,
    }
}

async fn ask<C: SolCall<Return = U256>>(
    rpc: &Rpc,
    oracle: Oracle,
    call: C,
    at: At,
) -> Result<U256> {
    let request = CallRequest::new(
        Address::ZERO,
        Some(oracle.address),
        call.abi_encode().into(),
    );
    let answer = rpc.call(&request, at).await;
    let answer = answer.map_err(|e| revert_error(C::SIGNATURE, e))?;
    C::abi_decode_returns_validate(&answer).map_err(|_| Error::Mismatch {
        field: "fee for data",
        expected: format!("a contract that answers {}", C::SIGNATURE),
        got: format!("another contract at {}", oracle.address),
    })
}
