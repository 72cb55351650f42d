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
        arguments(&mut calldata, &[proof], instances);
        calldata
    }

    /// Encodes a call of a shared verifier with the bytes of a key.
    pub fn encode_shared(self, key: &[u8], proof: &[u8], instances: &[Fr]) -> Vec<u8> {
        let mut calldata = self.selector("bytes,bytes,uint256[]");
        arguments(&mut calldata, &[key, proof], instances);
        calldata
    }
}

/// Encodes a call of `verifyProof(bytes,uint256[])`, see [`Entry::encode`].
pub fn encode_calldata(proof: &[u8], instances: &[Fr]) -> Vec<u8> {
    Entry::Verify.encode(proof, instances)
}

/// Encodes a call of `verifyProof(bytes,bytes,uint256[])`, see [`Entry::encode_shared`].
pub fn encode_shared_calldata(key: &[u8], proof: &[u8], instances: &[Fr]) -> Vec<u8> {
    Entry::Verify.encode_shared(key, proof, instances)
}

/// Byte strings and then the public inputs: the offsets, and behind them one argument after another.
fn arguments(calldata: &mut Vec<u8>, strings: &[&[u8]], instances: &[Fr]) {
    let mut offset = 32 * (strings.len() + 1);
    for string in strings {
        calldata.extend(word(offset));
        offset += 32 + string.len().next_multiple_of(32);
    }
    calldata.extend(word(offset));
    for string in strings {
        calldata.extend(word(string.len()));
        calldata.extend(*string);
        let padding = string.len().next_multiple_of(32) - string.len();
        calldata.resize(calldata.len() + padding, 0);
    }
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
    fn shared_call_has_the_key_in_front() {
        let calldata = Entry::Accumulate.encode_shared(&[9; 40], &[7; 64], &[Fr::from(5)]);
        assert_eq!(calldata.len(), 4 + 32 * (3 + 3 + 3 + 2));
        let selector = Keccak256::digest("accumulate(bytes,bytes,uint256[])");
        assert_eq!(calldata[..4], selector[..4]);
        let arguments: Vec<&[u8]> = calldata[4..].chunks(32).collect();
        let small = |value| word(value).to_vec();
        for (at, value) in [
            (0, 0x60),
            (1, 0xc0),
            (2, 0x120),
            (3, 40),
            (6, 64),
            (9, 1),
            (10, 5),
        ] {
            assert_eq!(arguments[at], small(value), "word {at}");
        }
        assert_eq!(arguments[4], [9; 32]);
        assert_eq!(arguments[5][..8], [9; 8]);
        assert_eq!(arguments[5][8..], [0; 24]);
        assert_eq!([arguments[7], arguments[8]], [[7; 32]; 2]);
    }
}
