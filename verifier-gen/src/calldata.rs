//! Canonical calldata for `verifyProof(bytes,uint256[])`.

use halo2curves::{bn256::Fr, ff::PrimeField};
use sha3::{Digest, Keccak256};

/// Encodes a call. `proof` is what the transcript wrote, `instances` the public inputs, column after column.
///
/// The encoding is the one the contract insists on: offsets in order, no gaps, nothing behind.
pub fn encode_calldata(proof: &[u8], instances: &[Fr]) -> Vec<u8> {
    let padded = proof.len().next_multiple_of(32);
    let mut calldata = Keccak256::digest("verifyProof(bytes,uint256[])")[..4].to_vec();
    for head in [0x40, 0x60 + padded, proof.len()] {
        calldata.extend(word(head));
    }
    calldata.extend(proof);
    calldata.resize(calldata.len() + padded - proof.len(), 0);
    calldata.extend(word(instances.len()));
    for instance in instances {
        calldata.extend(instance.to_repr().iter().rev());
    }
    calldata
}

fn word(value: usize) -> [u8; 32] {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&(value as u64).to_be_bytes());
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_proof_is_padded_and_offsets_count_from_the_arguments() {
        let calldata = encode_calldata(&[7; 33], &[Fr::from(5)]);
        assert_eq!(calldata.len(), 4 + 32 * (3 + 2 + 2));
        assert_eq!(calldata[4 + 31], 0x40);
        assert_eq!(calldata[4 + 63], 0x60 + 64);
        assert_eq!(calldata[4 + 95], 33);
        assert_eq!(calldata[calldata.len() - 1], 5);
        assert_eq!(calldata[calldata.len() - 33], 1);
    }
}
