//! What a roll-up takes for publishing a transaction's bytes, beside what its gas costs.
//!
//! OP-stack chains (their specification, "L1-Cost fees" and "Operator fee") and Scroll have a contract that tells it, and
//! name it in receipts. Roll-ups that charge for publication in gas (Arbitrum, zkSync) or in the gas price (Linea) need
//! nothing of this, and neither does Ethereum.

use super::Engine;
use super::registry::revert_error;
use crate::error::{Error, Result};
use crate::money::Gwei;
use crate::rpc::{At, CallRequest, Receipt, Rpc};
use alloy::consensus::{SignableTransaction, TxEip1559};
use alloy::primitives::{Address, U256, address};
use alloy::sol_types::SolCall;

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

    /// What publishing a transaction did cost.
    pub(super) async fn paid_data_fee(&self, rpc: &Rpc, receipt: &Receipt) -> Result<Gwei> {
        let published = U256::from(receipt.l1_fee.unwrap_or_default());
        let operator = match self.oracle(rpc).await? {
            Some(oracle) => {
                let at = At::Block(receipt.block_hash);
                operator_fee(rpc, oracle, receipt.gas_used, at).await?
            }
            None => U256::ZERO,
        };
        Ok(Gwei::ceil(published.saturating_add(operator)))
    }

    /// The chain's contract, looked for once.
    async fn oracle(&self, rpc: &Rpc) -> Result<Option<Oracle>> {
        let find = || async {
            for oracle in PREDEPLOYS {
                if !rpc.code(oracle.address).await?.is_empty() {
                    tracing::info!(contract = %oracle.address, "this chain takes a fee for data");
                    return Ok::<_, Error>(Some(oracle));
                }
            }
            Ok(None)
        };
        Ok(*self.data_fee_oracle.get_or_try_init(find).await?)
    }
}

/// The operator's fee, in wei. Chains that do not know it yet revert, with or without data; a node that no longer has the
/// block cannot tell, and what it was is small.
async fn operator_fee(rpc: &Rpc, oracle: Oracle, gas: u64, at: At) -> Result<U256> {
    if !oracle.operator_fee {
        return Ok(U256::ZERO);
    }
    let call = IGasPriceOracle::getOperatorFeeCall {
        gasUsed: U256::from(gas),
    };
    match ask(rpc, oracle, call, at).await {
        Err(e) if !e.is_transient() => Ok(U256::ZERO),
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
