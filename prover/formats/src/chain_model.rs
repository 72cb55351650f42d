//! What a registry is handed with every proof: the record of the model, its chunks, and their keys.
//!
//! A registry stores the hash of a model's record only, so whoever calls it brings the record and the part of it that the call
//! needs. The hashes are specified in docs/formats.md.

use crate::{
    digest::keccak256,
    error::{FormatError, Result},
    hex,
    limits::{MAX_CHUNKS, MAX_KEY_BYTES},
};
use alloy_primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};

/// Digests of the parts of a model's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecord {
    /// Algebraic digest of the keys, as in the manifest.
    #[serde(with = "hex::word")]
    pub key_set: B256,
    /// Digest of the chunks.
    #[serde(with = "hex::word")]
    pub chunks: B256,
    /// Digest of the inputs.
    #[serde(with = "hex::word")]
    pub inputs: B256,
    /// Digest of the outputs.
    #[serde(with = "hex::word")]
    pub outputs: B256,
    /// Digest of the lengths of the leaves.
    #[serde(with = "hex::word")]
    pub leaf_lengths: B256,
}

impl ModelRecord {
    /// What a registry stores: keccak256 over the five words.
    pub fn hash(&self) -> B256 {
        keccak256(&[
            &self.key_set.0,
            &self.chunks.0,
            &self.inputs.0,
            &self.outputs.0,
            &self.leaf_lengths.0,
        ])
    }
}

/// How one chunk is verified, and its verifying key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainChunk {
    /// Its verifier, which chunks of one constraint system share.
    #[serde(with = "hex::address")]
    pub verifier: Address,
    /// The verifier's code hash.
    #[serde(with = "hex::word")]
    pub code_hash: B256,
    /// Hash of the verifying key, see [`key_hash`].
    #[serde(with = "hex::word")]
    pub key_hash: B256,
    /// Number of public values.
    pub num_public: u32,
    /// Rows of blinders in every weight column.
    pub hiding_budget: u32,
    /// The verifying key; or the 20 bytes of the address of a contract that has it as its code.
    #[serde(with = "hex::bytes")]
    pub key: Bytes,
}

/// Bytes of an address in place of a key.
const ADDRESS_BYTES: usize = 20;

impl ChainChunk {
    /// The contract that has the key, if it is not here itself.
    pub fn key_contract(&self) -> Option<Address> {
        (self.key.len() == ADDRESS_BYTES).then(|| Address::from_slice(&self.key))
    }

    /// Its five words in the record: the ABI encoding of the registry's `ChunkSpec`.
    fn words(&self) -> [B256; 5] {
        let number = |value: u32| B256::left_padding_from(&value.to_be_bytes());
        [
            self.verifier.into_word(),
            self.code_hash,
            self.key_hash,
            number(self.num_public),
            number(self.hiding_budget),
        ]
    }
}

/// keccak256(0x00 ‖ key): the code hash of a contract whose code is STOP and the key.
pub fn key_hash(key: &[u8]) -> B256 {
    keccak256(&[&[0], key])
}

/// Creation code of a contract that has the key as its code, after a STOP.
pub fn key_creation_code(key: &[u8]) -> Bytes {
    let size = u16::try_from(key.len() + 1).unwrap_or(u16::MAX);
    let [high, low] = size.to_be_bytes();
    // PUSH2 size, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN, then the code.
    let head = [
        0x61, high, low, 0x80, 0x60, 10, 0x5f, 0x39, 0x5f, 0xf3, 0x00,
    ];
    [&head[..], key].concat().into()
}

/// Digest of a list of chunks, as in [`ModelRecord::chunks`].
pub fn chunks_digest(chunks: &[ChainChunk]) -> B256 {
    let words: Vec<B256> = chunks.iter().flat_map(ChainChunk::words).collect();
    let parts: Vec<&[u8]> = words.iter().map(|word| word.as_slice()).collect();
    keccak256(&parts)
}

/// Digest of the lengths of the leaves, as in [`ModelRecord::leaf_lengths`].
pub fn leaf_lengths_digest(lengths: &[u32]) -> B256 {
    let words: Vec<B256> = lengths
        .iter()
        .map(|length| B256::left_padding_from(&length.to_be_bytes()))
        .collect();
    let parts: Vec<&[u8]> = words.iter().map(|word| word.as_slice()).collect();
    keccak256(&parts)
}

/// A model's record, chunks and keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainModel {
    /// Digests of the record's parts.
    pub record: ModelRecord,
    /// The chunks, in order.
    pub chunks: Vec<ChainChunk>,
}

impl ChainModel {
    /// Checks all that can be checked without the registry: the chunks are the record's, and each key that is here has its hash.
    ///
    /// # Errors
    /// [`FormatError::Inconsistent`] names the field of the file `what`.
    pub fn check(&self, what: &'static str) -> Result<()> {
        let refuse = |field: String, expected: String, got: String| {
            Err(FormatError::inconsistent(what, field, expected, got))
        };
        if !(1..=MAX_CHUNKS).contains(&self.chunks.len()) {
            return refuse(
                "model.chunks".to_owned(),
                format!("1 to {MAX_CHUNKS} chunks"),
                self.chunks.len().to_string(),
            );
        }
        for (i, chunk) in self.chunks.iter().enumerate() {
            let field = format!("model.chunks[{i}].key");
            if chunk.key.len() > MAX_KEY_BYTES {
                let expected = format!("at most {MAX_KEY_BYTES} bytes");
                return refuse(field, expected, format!("{} bytes", chunk.key.len()));
            }
            let hash = key_hash(&chunk.key);
            if chunk.key_contract().is_none() && hash != chunk.key_hash {
                let expected = format!("a key with hash {}", chunk.key_hash);
                return refuse(field, expected, format!("one with hash {hash}"));
            }
        }
        let digest = chunks_digest(&self.chunks);
        if digest != self.record.chunks {
            return refuse(
                "model.record.chunks".to_owned(),
                format!("{digest} (from model.chunks)"),
                self.record.chunks.to_string(),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(byte: u8) -> ChainChunk {
        let key = Bytes::from(vec![byte; 400]);
        ChainChunk {
            verifier: Address::repeat_byte(byte),
            code_hash: B256::repeat_byte(byte),
            key_hash: key_hash(&key),
            num_public: 3,
            hiding_budget: 64,
            key,
        }
    }

    fn model() -> ChainModel {
        let chunks = vec![chunk(1), chunk(2)];
        ChainModel {
            record: ModelRecord {
                key_set: B256::repeat_byte(7),
                chunks: chunks_digest(&chunks),
                inputs: B256::repeat_byte(8),
                outputs: B256::repeat_byte(9),
                leaf_lengths: leaf_lengths_digest(&[20, 10]),
            },
            chunks,
        }
    }

    #[test]
    fn every_field_of_a_chunk_is_in_the_record() {
        model().check("proof").unwrap();
        type Change = fn(&mut ChainChunk);
        let changes: [(&str, Change); 6] = [
            ("model.record.chunks", |c| c.verifier = Address::ZERO),
            ("model.record.chunks", |c| c.code_hash = B256::ZERO),
            ("model.chunks[1].key", |c| c.key_hash = B256::ZERO),
            ("model.record.chunks", |c| c.num_public = 4),
            ("model.record.chunks", |c| c.hiding_budget = 0),
            ("model.chunks[1].key", |c| c.key = vec![0; 400].into()),
        ];
        for (field, change) in changes {
            let mut model = model();
            change(&mut model.chunks[1]);
            let error = model.check("proof").unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
        }
        let mut swapped = model();
        swapped.chunks.swap(0, 1);
        assert!(swapped.check("proof").is_err());
    }

    #[test]
    fn every_word_of_a_record_is_in_its_hash() {
        let good = model().record;
        let words: [fn(&mut ModelRecord) -> &mut B256; 5] = [
            |r| &mut r.key_set,
            |r| &mut r.chunks,
            |r| &mut r.inputs,
            |r| &mut r.outputs,
            |r| &mut r.leaf_lengths,
        ];
        for word in words {
            let mut other = good;
            *word(&mut other) = B256::ZERO;
            assert_ne!(other.hash(), good.hash());
        }
    }

    #[test]
    fn a_key_of_the_size_of_an_address_is_an_address() {
        let mut chunk = chunk(1);
        assert_eq!(chunk.key_contract(), None);
        chunk.key = Bytes::from(vec![5; 20]);
        assert_eq!(chunk.key_contract(), Some(Address::repeat_byte(5)));
        let mut model = model();
        model.chunks[0].key = chunk.key;
        model.check("proof").unwrap();
    }
}
