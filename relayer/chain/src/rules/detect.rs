//! How a chain's gas rules are recognised.
//!
//! Amsterdam adds a field to the block header (EIP-7928), which nodes cannot leave out. Osaka adds none: the node's configuration names its
//! precompiles (EIP-7910), and an instruction that Osaka brought either runs or does not (EIP-7939). The price of a byte of state is
//! measured, because EIP-8037 may change.

use super::gas::{CODE_BYTE, GasRules, STATE_BYTE};
use crate::rpc::{At, Block, CallRequest, Rpc, RpcError};
use alloy::primitives::{Address, Bytes};
use serde_json::Value;

/// Returns how many leading zeros 1 has: `CLZ` (EIP-7939), which is no instruction before Osaka.
const COUNT_ZEROS: [u8; 9] = [0x60, 1, 0x1e, 0x5f, 0x52, 0x60, 32, 0x5f, 0xf3];

/// Bytes of code by which two creations differ whose price is compared.
const MEASURED_BYTES: u16 = 4_096;

/// A measured price that is this close to the constant, in percent, is the constant: nodes may estimate a little too much.
const TOLERANCE: u64 = 5;

impl GasRules {
    /// The rules of the block that comes after `head`.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn detect(rpc: &Rpc, head: &Block) -> Result<Self, RpcError> {
        if head.block_access_list_hash.is_some() {
            let header = "the header's blockAccessListHash (EIP-7928)";
            return Ok(match state_byte(rpc).await? {
                Some(measured) => Self::amsterdam(header, agreed(measured)),
                None => Self::amsterdam(header, STATE_BYTE),
            });
        }
        // Some nodes answer a method that they do not know in ways of their own.
        if let Ok(Some(config)) = rpc.config().await
            && names_p256(&config)
        {
            return Ok(Self::osaka(
                "the precompile P256VERIFY in eth_config (EIP-7910)",
            ));
        }
        if counts_zeros(rpc).await? {
            return Ok(Self::osaka("the instruction CLZ (EIP-7939)"));
        }
        Ok(Self::unknown(
            "no blockAccessListHash in the block's header, no P256VERIFY in eth_config, no instruction CLZ",
        ))
    }
}

/// Whether the current fork's precompiles include P256VERIFY. Nodes list them by address or by name.
fn names_p256(config: &Value) -> bool {
    let precompiles = config.pointer("/current/precompiles");
    precompiles.and_then(Value::as_object).is_some_and(|map| {
        map.iter()
            .any(|(key, value)| key == "P256VERIFY" || value == "P256VERIFY")
    })
}

async fn counts_zeros(rpc: &Rpc) -> Result<bool, RpcError> {
    let request = CallRequest::new(Address::ZERO, None, Bytes::from_static(&COUNT_ZEROS));
    match rpc.call(&request, At::Latest).await {
        Ok(answer) => Ok(answer.last() == Some(&255)),
        Err(e) if e.is_transient() => Err(e),
        Err(_) => Ok(false),
    }
}

/// Gas of a byte of code, as the node estimates it; none where it gives no estimates that make sense.
async fn state_byte(rpc: &Rpc) -> Result<Option<u64>, RpcError> {
    let mut estimates = [0; 2];
    for (estimate, bytes) in estimates.iter_mut().zip([1, 1 + MEASURED_BYTES]) {
        let [high, low] = bytes.to_be_bytes();
        // Returns so many zeros as code.
        let code = vec![0x61, high, low, 0x5f, 0xf3];
        let request = CallRequest::new(Address::ZERO, None, code.into());
        *estimate = match rpc.estimate_gas(&request).await {
            Ok(gas) => gas,
            Err(e) if e.is_transient() => return Err(e),
            Err(_) => return Ok(None),
        };
    }
    let [small, large] = estimates;
    let price = large.saturating_sub(small) / u64::from(MEASURED_BYTES);
    Ok((price >= CODE_BYTE).then_some(price))
}

/// The constant, or what was measured where that is something else.
fn agreed(measured: u64) -> u64 {
    if measured.abs_diff(STATE_BYTE) * 100 <= STATE_BYTE * TOLERANCE {
        return STATE_BYTE;
    }
    tracing::warn!(
        measured,
        expected = STATE_BYTE,
        "this chain prices a byte of state otherwise than this program knows"
    );
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn measured_price_counts_where_it_is_another() {
        for (measured, agreed_on) in [
            (1_530, 1_530),
            (1_553, 1_530),
            (1_174, 1_174),
            (3_000, 3_000),
        ] {
            assert_eq!(agreed(measured), agreed_on);
        }
    }

    #[test]
    fn precompile_is_found_by_name_and_by_address() {
        let address = "0x0000000000000000000000000000000000000100";
        for precompiles in [
            json!({"P256VERIFY": address}),
            json!({address: "P256VERIFY"}),
        ] {
            assert!(names_p256(
                &json!({"current": {"precompiles": precompiles}})
            ));
            // Not yet.
            let next =
                json!({"current": {"precompiles": {}}, "next": {"precompiles": precompiles}});
            assert!(!names_p256(&next));
        }
        for nonsense in [json!(null), json!([]), json!({"current": 7})] {
            assert!(!names_p256(&nonsense));
        }
    }
}
