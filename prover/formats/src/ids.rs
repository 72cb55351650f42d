//! Ids and contexts, hashed exactly as the registry contract hashes them (`abi.encode` of static types: one word each).

use crate::{Scalar, digest::keccak256, hex};
use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};

/// Hashed into `DOMAIN_CONTEXT`.
pub const CONTEXT_DOMAIN: &str = "chainfer.context.v1";
/// Hashed into `DOMAIN_MODEL`.
pub const MODEL_DOMAIN: &str = "chainfer.model.v1";

/// What a proof set is bound to, besides the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Registry contract.
    #[serde(with = "hex::address")]
    pub registry: Address,
    /// Who gets the credit.
    #[serde(with = "hex::address")]
    pub requester: Address,
    /// Chosen by the requester, a `uint256`.
    #[serde(with = "hex::word")]
    pub nonce: B256,
}

fn domain(name: &str) -> B256 {
    keccak256(&[name.as_bytes()])
}

/// On-chain id of a model: `keccak256(abi.encode(DOMAIN_MODEL, manifestId, registrant))`.
pub fn model_id(manifest_id: B256, registrant: Address) -> B256 {
    keccak256(&[
        &domain(MODEL_DOMAIN).0,
        &manifest_id.0,
        &registrant.into_word().0,
    ])
}

/// `uint256(keccak256(abi.encode(DOMAIN_CONTEXT, chainId, registry, modelId, requester, nonce))) >> 8`.
pub fn context(binding: &Binding, model_id: B256) -> Scalar {
    let hash = keccak256(&[
        &domain(CONTEXT_DOMAIN).0,
        &U256::from(binding.chain_id).to_be_bytes::<32>(),
        &binding.registry.into_word().0,
        &model_id.0,
        &binding.requester.into_word().0,
        &binding.nonce.0,
    ]);
    Scalar::reduce(U256::from_be_bytes(hash.0) >> 8)
}

/// Key of an inference in the registry: `keccak256(abi.encode(modelId, root, context))`.
pub fn inference_id(model_id: B256, root: Scalar, context: Scalar) -> B256 {
    keccak256(&[&model_id.0, &root.to_word().0, &context.to_word().0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding() -> Binding {
        Binding {
            chain_id: 31337,
            registry: Address::repeat_byte(0x11),
            requester: Address::repeat_byte(0x22),
            nonce: B256::from(U256::from(7)),
        }
    }

    #[test]
    fn context_is_below_2_to_248_and_depends_on_every_part() {
        let model = B256::repeat_byte(3);
        let base = context(&binding(), model);
        assert!(base.value() < U256::from(1) << 248);
        let changed = [
            Binding {
                chain_id: 1,
                ..binding()
            },
            Binding {
                registry: Address::repeat_byte(0x12),
                ..binding()
            },
            Binding {
                requester: Address::repeat_byte(0x12),
                ..binding()
            },
            Binding {
                nonce: B256::from(U256::from(8)),
                ..binding()
            },
        ];
        for other in changed {
            assert_ne!(context(&other, model), base);
        }
        assert_ne!(context(&binding(), B256::repeat_byte(4)), base);
    }

    #[test]
    fn ids_match_values_computed_with_cast() {
        let id = model_id(B256::repeat_byte(3), Address::repeat_byte(0x44));
        assert_eq!(id.to_string(), MODEL_ID);
        let context = context(&binding(), id);
        assert_eq!(context.to_string(), CONTEXT);
        assert_eq!(
            inference_id(id, Scalar::from_u64(1), context).to_string(),
            INFERENCE_ID
        );
    }

    // cast keccak $(cast abi-encode "f(bytes32,bytes32,address)" ...), and so on.
    const MODEL_ID: &str = "0xaaa37e302d1d32b39eed9eca6af42624b9c379ec2c82323b77d3c0ca79ea8485";
    const CONTEXT: &str = "0x00ee5620277e8e743fe5d6b0d5217bdf136c6bafc407b488c171f5391ce76fd4";
    const INFERENCE_ID: &str = "0xe22f635ceb18c15dcabdb71c4c5c6214bfe4a57cb81198bb0c0a646c79d68c88";
}
