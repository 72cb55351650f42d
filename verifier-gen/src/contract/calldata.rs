//! Canonical calldata of the two entry points, in both modes.

use halo2curves::{bn256::Fr, ff::PrimeField};
use sha3::{Digest, Keccak256};

/// A function of a generated contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// `verifyProof`: true, or a revert.
    Verify,
    /// `accumulate`: the two points of the deferred pairing, or a revert.
    Accumulate,
}

impl Entry {
    /// Its name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Verify => "verifyProof",
            Self::Accumulate => "accumulate",
        }
    }

    fn selector(self, arguments: &str) -> Vec<u8> {
        Keccak256::digest(format!("{}({arguments})", self.name()))[..4].to_vec()
    }

    /// Encodes a call of an embedded verifier.
    ///
    /// `proof` is what the transcript wrote, `instances` the public inputs, column after column. The encoding is the one that
    /// the contract insists on: offsets in order, no gaps, nothing after the last word.
    pub fn encode(self, proof: &[u8], instances: &[Fr]) -> Vec<u8> {
        let mut calldata = self.selector("bytes,uint256[]");
        arguments(&mut calldata, 0x40, proof, instances);
        calldata
    }

    /// Encodes a call of a shared verifier with the address of a key contract.
    pub fn encode_shared(self, key: [u8; 20], proof: &[u8], instances: &[Fr]) -> Vec<u8> {
        let mut calldata = self.selector("address,bytes,uint256[]");
        calldata.extend([0; 12]);
        calldata.extend(key);
        arguments(&mut calldata, 0x60, proof, instances);
        calldata
    }
}

/// Encodes a call of `verifyProof(bytes,uint256[])`, see [`Entry::encode`].
pub fn encode_calldata(proof: &[u8], instances: &[Fr]) -> Vec<u8> {
    Entry::Verify.encode(proof, instances)
}

/// Encodes a call of `verifyProof(address,bytes,uint256[])`, see [`Entry::encode_shared`].
pub fn encode_shared_calldata(key: [u8; 20], proof: &[u8], instances: &[Fr]) -> Vec<u8> {
    Entry::Verify.encode_shared(key, proof, instances)
}

/// The proof and the public inputs; `head` is the length of the arguments' heads.
fn arguments(calldata: &mut Vec<u8>, head: usize, proof: &[u8], instances: &[Fr]) {
    let padded = proof.len().next_multiple_of(32);
    for value in [head, head + 32 + padded, proof.len()] {
        calldata.extend(word(value));
    }
    calldata.extend(proof);
    calldata.resize(calldata.len() + padded - proof.len(), 0);
    calldata.extend(word(instances.len()));
    for instance in instances {
        calldata.extend(instance.to_repr().iter().rev());
    }
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

    #[test]
    fn shared_call_has_the_key_in_front_and_offsets_one_word_on() {
        let calldata = Entry::Accumulate.encode_shared([9; 20], &[7; 64], &[Fr::from(5)]);
        assert_eq!(calldata.len(), 4 + 32 * (4 + 2 + 2));
        let selector = Keccak256::digest("accumulate(address,bytes,uint256[])");
        assert_eq!(calldata[..4], selector[..4]);
        assert_eq!(calldata[4..16], [0; 12]);
        assert_eq!(calldata[16..36], [9; 20]);
        assert_eq!(calldata[4 + 63], 0x60);
        assert_eq!(calldata[4 + 95], 0x80 + 64);
        assert_eq!(calldata[4 + 127], 64);
    }
}
