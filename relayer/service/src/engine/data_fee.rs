//! What a roll-up takes for publishing a transaction's bytes: reserved before it is signed, settled from its receipt.

use super::Engine;
use crate::error::Result;
use crate::money::Gwei;
use crate::store::Attempt;
use alloy::consensus::TxEip1559;
use alloy::primitives::U256;
use chainfer_chain::Error as ChainError;
use chainfer_chain::fees::Oracle;
use chainfer_chain::rpc::{At, Receipt, Rpc};
use std::sync::PoisonError;
use std::time::Instant;

/// A receipt that names more than this many times the transaction's largest possible cost is ignored.
const ABSURD: u64 = 10;

impl Engine {
    /// The most that publishing a transaction may cost if it is included soon.
    pub(super) async fn expected_data_fee(&self, rpc: &Rpc, tx: &TxEip1559) -> Result<Gwei> {
        let Some(oracle) = self.oracle(rpc).await? else {
            return Ok(Gwei(0));
        };
        let quoted = async {
            let published = oracle.publication_fee(rpc, tx).await?;
            let operator = oracle.operator_fee(rpc, tx.gas_limit, At::Latest).await?;
            Ok::<_, ChainError>((published, operator))
        };
        let (published, operator) = match quoted.await {
            Ok(quoted) => quoted,
            Err(e) => {
                if !e.is_transient() {
                    // One node's mistake said that the contract is there.
                    *self
                        .oracle_seen
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner) = None;
                }
                return Err(e.into());
            }
        };
        let margin = U256::from(self.config.data_fee_margin_percent);
        let extra = published.saturating_mul(margin) / U256::from(100);
        let most = published.saturating_add(extra).saturating_add(operator);
        Ok(Gwei::ceil(most))
    }

    /// What publishing a transaction cost; the amount reserved for it where the receipt does not say.
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
                match oracle.operator_fee(rpc, receipt.gas_used, at).await {
                    Ok(fee) => fee,
                    Err(e) if e.is_transient() => return Err(e.into()),
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

    /// The chain's contract. Its absence is checked again from time to time: it may be one node's mistake.
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
        let found = Oracle::find(rpc).await?;
        if let Some(oracle) = found {
            tracing::info!(contract = %oracle.address(), "this chain takes a fee for data");
        }
        let now = Some((found, Instant::now()));
        *self
            .oracle_seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = now;
        Ok(found)
    }
}
