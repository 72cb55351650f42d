//! What a roll-up takes for publishing a transaction's bytes, beside what its gas costs.
//!
//! OP-stack chains (their specification, "L1-Cost fees" and "Operator fee") and Scroll have a contract that quotes it, and
//! state it in receipts. Roll-ups that charge for publication in gas (Arbitrum, zkSync) or in the gas price (Linea) need
//! nothing of this, and neither does Ethereum.

use crate::error::{Error, Result};
use crate::rpc::{At, CallRequest, Rpc, RpcError};
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

/// A roll-up's contract that quotes the fee for publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Oracle {
    address: Address,
    /// Some chains also take a fee for their operator.
    operator_fee: bool,
}

impl Oracle {
    /// The chain's contract, if it has one.
    pub async fn find(rpc: &Rpc) -> Result<Option<Self>> {
        for oracle in PREDEPLOYS {
            if !rpc.code(oracle.address).await?.is_empty() {
                return Ok(Some(oracle));
            }
        }
        Ok(None)
    }

    /// Address of the contract.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Wei for publishing a transaction, signature included, in the next block.
    pub async fn publication_fee(&self, rpc: &Rpc, tx: &TxEip1559) -> Result<U256> {
        let mut bytes = tx.encoded_for_signing();
        bytes.extend_from_slice(&SIGNATURE);
        let call = IGasPriceOracle::getL1FeeCall { data: bytes.into() };
        self.ask(rpc, call, At::Latest).await
    }

    /// The operator's fee for that much gas, in wei; 0 on chains that do not know it.
    pub async fn operator_fee(&self, rpc: &Rpc, gas: u64, at: At) -> Result<U256> {
        if !self.operator_fee {
            return Ok(U256::ZERO);
        }
        let call = IGasPriceOracle::getOperatorFeeCall {
            gasUsed: U256::from(gas),
        };
        match self.ask(rpc, call, at).await {
            Err(Error::Reverted { .. }) => Ok(U256::ZERO),
            // Some nodes report the revert without its data.
            Err(Error::Rpc(RpcError::Response { message, .. })) if message.contains("revert") => {
                Ok(U256::ZERO)
            }
            other => other,
        }
    }

    async fn ask<C: SolCall<Return = U256>>(&self, rpc: &Rpc, call: C, at: At) -> Result<U256> {
        let request = CallRequest::new(Address::ZERO, Some(self.address), call.abi_encode().into());
        let answer = rpc.call(&request, at).await;
        let answer = answer.map_err(|e| Error::of_call(C::SIGNATURE, e))?;
        C::abi_decode_returns_validate(&answer).map_err(|_| Error::Mismatch {
            field: "fee for data",
            expected: format!("a contract that answers {}", C::SIGNATURE),
            got: format!("another contract at {}", self.address),
        })
    }
}
