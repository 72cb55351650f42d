//! Identifiers that registry, prover and relayer derive alike.

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::SolValue;

/// `keccak256("chainfer.context.v1")`, the domain of contexts.
pub fn domain_context() -> B256 {
    keccak256("chainfer.context.v1")
}

/// `keccak256("chainfer.model.v1")`, the domain of model ids.
pub fn domain_model() -> B256 {
    keccak256("chainfer.model.v1")
}

/// The public field element that binds proofs to their use; below 2^248.
pub fn context(
    chain_id: u64,
    registry: Address,
    model: B256,
    requester: Address,
    nonce: U256,
) -> U256 {
    let digest = keccak256(
        (
            domain_context(),
            U256::from(chain_id),
            registry,
            model,
            requester,
            nonce,
        )
            .abi_encode(),
    );
    U256::from_be_bytes(digest.0) >> 8
}

/// On-chain id of a manifest registered by `registrant`.
pub fn model_id(manifest: B256, registrant: Address) -> B256 {
    keccak256((domain_model(), manifest, registrant).abi_encode())
}

/// On-chain id of an inference.
pub fn inference_id(model: B256, root: U256, context: U256) -> B256 {
    keccak256((model, root, context).abi_encode())
}

/// Idempotency key of a relay job: there is at most one job per key.
pub fn job_id(chain_id: u64, registry: Address, model: B256, root: U256, context: U256) -> B256 {
    keccak256((U256::from(chain_id), registry, model, root, context).abi_encode())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{address, b256};

    #[test]
    fn model_id_equals_hand_made_encoding() {
        let manifest = b256!("0x0101010101010101010101010101010101010101010101010101010101010101");
        let registrant = address!("0x00000000000000000000000000000000000000aa");
        let mut buf = Vec::new();
        buf.extend_from_slice(domain_model().as_slice());
        buf.extend_from_slice(manifest.as_slice());
        buf.extend_from_slice(&[0; 12]);
        buf.extend_from_slice(registrant.as_slice());
        assert_eq!(model_id(manifest, registrant), keccak256(buf));
    }

    #[test]
    fn context_is_below_2_pow_248_and_depends_on_every_part() {
        let a = Address::repeat_byte(1);
        let m = B256::repeat_byte(2);
        let base = context(1, a, m, a, U256::from(3));
        assert!(base < U256::from(1) << 248);
        for other in [
            context(2, a, m, a, U256::from(3)),
            context(1, Address::repeat_byte(9), m, a, U256::from(3)),
            context(1, a, B256::repeat_byte(9), a, U256::from(3)),
            context(1, a, m, Address::repeat_byte(9), U256::from(3)),
            context(1, a, m, a, U256::from(4)),
        ] {
            assert_ne!(base, other);
        }
    }
}
