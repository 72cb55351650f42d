//! Ids and contexts, hashed exactly as the registry contract hashes them (`abi.encode` of static types: one word each).

use crate::{
    bytes::{Address, Bytes32, keccak256},
    error::VerifyError,
};
use halo2curves::bn256::Fr;
use serde::{Deserialize, Serialize};

/// Hashed into `DOMAIN_CONTEXT`.
pub const CONTEXT_DOMAIN: &str = "chainfer.context.v1";
/// Hashed into `DOMAIN_MODEL`.
pub const MODEL_DOMAIN: &str = "chainfer.model.v1";

/// What a proof set is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Registry contract.
    pub registry: Address,
    /// Who gets the credit.
    pub requester: Address,
    /// Chosen by the requester, a `uint256`.
    pub nonce: Bytes32,
}

fn domain(name: &str) -> Bytes32 {
    keccak256(&[name.as_bytes()])
}

/// On-chain id of a model: `keccak256(abi.encode(DOMAIN_MODEL, manifestId, registrant))`.
pub fn model_id(manifest_id: Bytes32, registrant: Address) -> Bytes32 {
    keccak256(&[
        &domain(MODEL_DOMAIN).0,
        &manifest_id.0,
        &registrant.to_word().0,
    ])
}

/// `uint256(keccak256(abi.encode(DOMAIN_CONTEXT, chainId, registry, modelId, requester, nonce))) >> 8`.
pub fn context(binding: &Binding, model_id: Bytes32) -> Bytes32 {
    let hash = keccak256(&[
        &domain(CONTEXT_DOMAIN).0,
        &Bytes32::from_u64(binding.chain_id).0,
        &binding.registry.to_word().0,
        &model_id.0,
        &binding.requester.to_word().0,
        &binding.nonce.0,
    ]);
    let mut shifted = [0u8; 32];
    shifted[1..].copy_from_slice(&hash.0[..31]);
    Bytes32(shifted)
}

/// Key of an inference in the registry: `keccak256(abi.encode(modelId, root, context))`.
pub fn inference_id(model_id: Bytes32, root: Bytes32, context: Bytes32) -> Bytes32 {
    keccak256(&[&model_id.0, &root.0, &context.0])
}

/// Where the context of an inference comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextSource {
    /// Hashed from a binding, as the registry does.
    Binding {
        /// The binding.
        binding: Binding,
        /// On-chain id of the model.
        model_id: Bytes32,
    },
    /// Given; the proof carries no binding and no registry of ours accepts it, unless the value is one of its contexts.
    Explicit(Bytes32),
}

impl ContextSource {
    /// The context as a word.
    pub fn word(&self) -> Bytes32 {
        match self {
            Self::Binding { binding, model_id } => context(binding, *model_id),
            Self::Explicit(word) => *word,
        }
    }

    /// The context as an instance.
    ///
    /// # Errors
    /// [`VerifyError::NotCanonical`] if an explicit context is not below the modulus.
    pub fn field_element(&self) -> Result<Fr, VerifyError> {
        self.word()
            .to_fr()
            .ok_or_else(|| VerifyError::NotCanonical {
                what: "the context".to_owned(),
            })
    }

    /// The binding, if there is one.
    pub fn binding(&self) -> Option<Binding> {
        match self {
            Self::Binding { binding, .. } => Some(*binding),
            Self::Explicit(_) => None,
        }
    }

    /// The model id, if it is known.
    pub fn model_id(&self) -> Option<Bytes32> {
        match self {
            Self::Binding { model_id, .. } => Some(*model_id),
            Self::Explicit(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding() -> Binding {
        Binding {
            chain_id: 31337,
            registry: Address([0x11; 20]),
            requester: Address([0x22; 20]),
            nonce: Bytes32::from_u64(7),
        }
    }

    #[test]
    fn context_is_below_2_to_248_and_depends_on_every_part() {
        let base = context(&binding(), Bytes32([3; 32]));
        assert_eq!(base.0[0], 0);
        assert!(base.to_fr().is_some());
        let changed = [
            context(
                &Binding {
                    chain_id: 1,
                    ..binding()
                },
                Bytes32([3; 32]),
            ),
            context(
                &Binding {
                    registry: Address([0x12; 20]),
                    ..binding()
                },
                Bytes32([3; 32]),
            ),
            context(
                &Binding {
                    requester: Address([0x12; 20]),
                    ..binding()
                },
                Bytes32([3; 32]),
            ),
            context(
                &Binding {
                    nonce: Bytes32::from_u64(8),
                    ..binding()
                },
                Bytes32([3; 32]),
            ),
            context(&binding(), Bytes32([4; 32])),
        ];
        for other in changed {
            assert_ne!(other, base);
        }
    }

    #[test]
    fn ids_match_values_computed_with_cast() {
        let id = model_id(Bytes32([3; 32]), Address([0x44; 20]));
        assert_eq!(id.to_string(), MODEL_ID);
        let context = context(&binding(), id);
        assert_eq!(context.to_string(), CONTEXT);
        assert_eq!(
            inference_id(id, Bytes32::from_u64(1), context).to_string(),
            INFERENCE_ID
        );
    }

    // cast keccak $(cast abi-encode "f(bytes32,bytes32,address)" ...), and so on.
    const MODEL_ID: &str = "0xaaa37e302d1d32b39eed9eca6af42624b9c379ec2c82323b77d3c0ca79ea8485";
    const CONTEXT: &str = "0x00ee5620277e8e743fe5d6b0d5217bdf136c6bafc407b488c171f5391ce76fd4";
    const INFERENCE_ID: &str = "0xe22f635ceb18c15dcabdb71c4c5c6214bfe4a57cb81198bb0c0a646c79d68c88";

    #[test]
    fn explicit_context_at_the_modulus_is_refused() {
        let modulus = "0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";
        let source = ContextSource::Explicit(modulus.parse().unwrap());
        assert!(matches!(
            source.field_element(),
            Err(VerifyError::NotCanonical { .. })
        ));
    }
}
