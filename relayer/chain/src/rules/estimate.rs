//! A node's estimate, with the limits of the chain's rules in place of the node's own.

use super::GasRules;
use crate::error::{Error, Result};
use crate::rpc::{Block, CallRequest, Rpc, RpcError};
use alloy::primitives::U64;

/// What `call` takes by the node's estimate.
///
/// Some nodes try no more than the cap of execution gas, although state gas may go beyond it. So where state is priced apart, a call that
/// the node finds no gas for is estimated again with the largest limit that rules and block allow.
///
/// # Errors
/// [`Error::Reverted`] with the contract's reason; [`Error::NoEstimate`] where the node has none, with what was tried.
pub async fn estimate_gas(
    rpc: &Rpc,
    head: &Block,
    rules: &GasRules,
    call: &str,
    request: &CallRequest,
) -> Result<u64> {
    let mut last = match rpc.estimate_gas(request).await {
        Err(e) if wants_gas(&e) => e,
        other => return other.map_err(|e| Error::of_call(call, e)),
    };
    let mut tried = format!("with the node's own limit: {last}");
    let most = rules.total_cap().filter(|_| rules.prices_state());
    if let Some(most) = most.map(|cap| cap.min(head.gas_limit.unwrap_or(cap))) {
        let request = CallRequest {
            gas: Some(U64::from(most)),
            ..request.clone()
        };
        last = match rpc.estimate_gas(&request).await {
            Err(e) if wants_gas(&e) => e,
            other => return other.map_err(|e| Error::of_call(call, e)),
        };
        tried = format!("{tried}; with a limit of {most}: {last}");
    }
    // Gas is not what a contract lacks that reverts with the largest limit, too.
    if !last.is_out_of_gas() {
        return Err(Error::of_call(call, last));
    }
    Err(Error::NoEstimate {
        call: call.to_owned(),
        tried,
        rules: rules.to_string(),
    })
}

/// Whether a call ended without a reason of the contract's, as one does that runs out of gas, itself or in a call of its own.
fn wants_gas(e: &RpcError) -> bool {
    let reason = e.revert_data().is_some_and(|data| !data.is_empty());
    !e.is_transient() && !reason && matches!(e, RpcError::Response { .. })
}
