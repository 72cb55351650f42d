//! Whether a key is handed in with every proof or kept as the code of a contract.

use super::interrupted::Interrupted;
use super::place::{credit, find, put};
use super::plan::{ChunkCode, KeyPlacement};
use super::transactions::Step;
use crate::engine::Engine;
use crate::error::Result;
use alloy::primitives::Bytes;
use chainfer_chain::Error as ChainError;
use chainfer_chain::rpc::CallRequest;
use chainfer_formats::chain_model::{key_creation_code, key_hash};
use std::time::Duration;

/// Gas of a byte of calldata that is not zero (EIP-2028); keys have few zeros.
const CALLDATA_BYTE_GAS: u64 = 16;
/// Gas of reading a contract's code that no other call of the transaction reads (EIP-2929), and of its address in calldata.
const CODE_READ_GAS: u64 = 2_600 + 20 * CALLDATA_BYTE_GAS;

/// What a call is handed for the key of a chunk: the key, or the address of a contract that has it. Deploys that contract if that is
/// the cheaper way for the inferences that are expected.
pub(super) async fn key_argument(
    engine: &Engine,
    interrupted: &Interrupted,
    chunk: &ChunkCode,
    placement: KeyPlacement,
    limit: Duration,
    steps: &mut Vec<Step>,
) -> Result<Bytes> {
    let code = key_creation_code(&chunk.key);
    let expected = Some(key_hash(&chunk.key));
    let name = &chunk.key_name;
    let placed = match find(engine, &code, expected).await? {
        // One that is there costs nothing.
        Some(found) => credit(engine, interrupted, name, &code, found, limit).await?,
        None if is_kept_in_code(engine, chunk, &code, placement).await? => {
            put(engine, name, &code, expected, limit).await?
        }
        None => return Ok(chunk.key.clone()),
    };
    steps.extend(placed.step(name));
    Ok(Bytes::copy_from_slice(placed.address.as_slice()))
}

/// Compares what the node estimates for the contract, by the rules of its chain, with what the key's bytes cost in calls.
pub(super) async fn is_kept_in_code(
    engine: &Engine,
    chunk: &ChunkCode,
    creation_code: &Bytes,
    placement: KeyPlacement,
) -> Result<bool> {
    let inferences = match placement {
        KeyPlacement::Calldata => return Ok(false),
        KeyPlacement::Code => return Ok(true),
        KeyPlacement::Cheaper { inferences } => inferences,
    };
    let request = CallRequest::new(engine.sender(), None, creation_code.clone());
    let once = engine
        .rpc()
        .estimate_gas(&request)
        .await
        .map_err(|e| ChainError::of_call(&chunk.key_name, e))?;
    Ok(once < calldata_gas(&chunk.key).saturating_mul(inferences))
}

/// Gas that a call saves if the key is in code.
fn calldata_gas(key: &[u8]) -> u64 {
    let bytes = u64::try_from(key.len()).unwrap_or(u64::MAX);
    bytes
        .saturating_mul(CALLDATA_BYTE_GAS)
        .saturating_sub(CODE_READ_GAS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_1_8_kilobytes_in_code_saves_26_000_gas_a_call() {
        assert_eq!(calldata_gas(&[7; 1_800]), 28_800 - 2_920);
        assert_eq!(calldata_gas(&[7; 20]), 0);
    }
}
