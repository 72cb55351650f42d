//! The errors of a generated contract.

use sha3::{Digest, Keccak256};

use crate::yul::Literal;

/// Name and type of each parameter.
pub(crate) type Parameters = &'static [(&'static str, &'static str)];

/// A Solidity error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SolidityError {
    pub(crate) name: &'static str,
    pub(crate) parameters: Parameters,
}

impl SolidityError {
    const fn new(name: &'static str, parameters: Parameters) -> Self {
        Self { name, parameters }
    }

    /// The first four bytes of the signature's hash.
    pub(crate) fn selector(&self) -> Literal {
        let types: Vec<&str> = self.parameters.iter().map(|(_, kind)| *kind).collect();
        let signature = format!("{}({})", self.name, types.join(","));
        let hash = Keccak256::digest(signature);
        Literal::selector([hash[0], hash[1], hash[2], hash[3]])
    }
}

pub(crate) const INVALID_PROOF_LENGTH: SolidityError = SolidityError::new(
    "InvalidProofLength",
    &[("expected", "uint256"), ("got", "uint256")],
);
pub(crate) const INVALID_INSTANCE_COUNT: SolidityError = SolidityError::new(
    "InvalidInstanceCount",
    &[("expected", "uint256"), ("got", "uint256")],
);
pub(crate) const NON_CANONICAL_CALLDATA: SolidityError =
    SolidityError::new("NonCanonicalCalldata", &[]);
pub(crate) const INSTANCE_OUT_OF_RANGE: SolidityError =
    SolidityError::new("InstanceOutOfRange", &[("index", "uint256")]);
pub(crate) const SCALAR_OUT_OF_RANGE: SolidityError =
    SolidityError::new("ScalarOutOfRange", &[("word", "uint256")]);
pub(crate) const INVALID_POINT: SolidityError =
    SolidityError::new("InvalidPoint", &[("word", "uint256")]);
pub(crate) const DEGENERATE_CHALLENGE: SolidityError =
    SolidityError::new("DegenerateChallenge", &[]);
pub(crate) const PRECOMPILE_FAILED: SolidityError =
    SolidityError::new("PrecompileFailed", &[("precompile", "uint256")]);
pub(crate) const PROOF_REJECTED: SolidityError = SolidityError::new("ProofRejected", &[]);
/// Of a shared verifier.
pub(crate) const INVALID_KEY_LENGTH: SolidityError = SolidityError::new(
    "InvalidKeyLength",
    &[("expected", "uint256"), ("got", "uint256")],
);
/// Of a shared verifier.
pub(crate) const INVALID_KEY: SolidityError =
    SolidityError::new("InvalidKey", &[("shape", "bytes32")]);
/// Of a contract that carries data.
pub(crate) const UNEXPECTED_MEMORY_LAYOUT: SolidityError =
    SolidityError::new("UnexpectedMemoryLayout", &[]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selector_is_the_signature_s_hash() {
        let hash =
            |signature: &str| format!("0x{}", hex::encode(&Keccak256::digest(signature)[..4]));
        for (error, signature) in [
            (DEGENERATE_CHALLENGE, "DegenerateChallenge()"),
            (INVALID_KEY, "InvalidKey(bytes32)"),
            (INVALID_KEY_LENGTH, "InvalidKeyLength(uint256,uint256)"),
            (INVALID_PROOF_LENGTH, "InvalidProofLength(uint256,uint256)"),
        ] {
            assert_eq!(error.selector().to_string(), hash(signature));
        }
    }
}
