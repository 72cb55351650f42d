//! Byte strings as they appear in files and on chain: `0x` and lower-case hex.

use halo2curves::{bn256::Fr, ff::PrimeField};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha3::{Digest, Keccak256};
use std::{fmt, str::FromStr};

/// Why a text is not the byte string that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 0x and {expected} hex digits, got {got}")]
pub struct HexError {
    expected: usize,
    got: String,
}

fn parse<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let refuse = || HexError {
        expected: 2 * N,
        got: shorten(text),
    };
    let digits = text.strip_prefix("0x").ok_or_else(refuse)?;
    let mut bytes = [0u8; N];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| refuse())?;
    Ok(bytes)
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{:?}… ({} bytes)", &text[..end], text.len()),
        None => format!("{text:?}"),
    }
}

macro_rules! fixed_bytes {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "0x{}", hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = HexError;

            fn from_str(text: &str) -> Result<Self, HexError> {
                parse(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    };
}

fixed_bytes! {
    /// A 32-byte word: a hash, an id, or a `uint256` in big-endian order.
    Bytes32, 32
}

fixed_bytes! {
    /// An Ethereum address.
    Address, 20
}

impl Bytes32 {
    /// A field element in canonical form.
    pub fn from_fr(value: &Fr) -> Self {
        let mut bytes: [u8; 32] = value.to_repr();
        bytes.reverse();
        Self(bytes)
    }

    /// The field element, or `None` unless the word is below the modulus.
    pub fn to_fr(self) -> Option<Fr> {
        let mut bytes = self.0;
        bytes.reverse();
        Fr::from_repr(bytes).into()
    }

    /// A small number as a `uint256`.
    pub fn from_u64(value: u64) -> Self {
        let mut bytes = [0u8; 32];
        bytes[24..].copy_from_slice(&value.to_be_bytes());
        Self(bytes)
    }
}

impl Address {
    /// Left-padded to a word, as the contract ABI encodes it.
    pub fn to_word(self) -> Bytes32 {
        let mut bytes = [0u8; 32];
        bytes[12..].copy_from_slice(&self.0);
        Bytes32(bytes)
    }
}

/// Bytes of any length.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct HexBytes(pub Vec<u8>);

impl fmt::Debug for HexBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HexBytes({} bytes)", self.0.len())
    }
}

impl Serialize for HexBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("0x{}", hex::encode(&self.0)))
    }
}

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text
            .strip_prefix("0x")
            .ok_or_else(|| D::Error::custom("hex without 0x"))?;
        hex::decode(digits).map(Self).map_err(D::Error::custom)
    }
}

/// Keccak-256 of the concatenation of `parts`.
pub fn keccak256(parts: &[&[u8]]) -> Bytes32 {
    let mut hasher = Keccak256::new();
    for part in parts {
        hasher.update(part);
    }
    Bytes32(hasher.finalize().into())
}

/// An unambiguous encoding to hash: every field has a fixed size or its length in front.
#[derive(Clone, Debug, Default)]
pub(crate) struct Encoder(Vec<u8>);

impl Encoder {
    pub(crate) fn new(domain: &str) -> Self {
        let mut encoder = Self::default();
        encoder.text(domain);
        encoder
    }

    pub(crate) fn number(&mut self, value: u64) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn count(&mut self, value: usize) -> &mut Self {
        self.number(value as u64)
    }

    pub(crate) fn float(&mut self, value: f64) -> &mut Self {
        self.number(value.to_bits())
    }

    pub(crate) fn flag(&mut self, value: bool) -> &mut Self {
        self.0.push(value.into());
        self
    }

    pub(crate) fn word(&mut self, value: &Bytes32) -> &mut Self {
        self.0.extend(value.0);
        self
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.count(value.len()).0.extend(value);
        self
    }

    pub(crate) fn text(&mut self, value: &str) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    pub(crate) fn numbers(&mut self, values: &[usize]) -> &mut Self {
        self.count(values.len());
        for value in values {
            self.count(*value);
        }
        self
    }

    pub(crate) fn digest(&self) -> Bytes32 {
        keccak256(&[&self.0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes32_text_round_trips_and_odd_texts_are_refused() {
        let word = Bytes32::from_u64(0xabcd);
        assert_eq!(word.to_string().parse::<Bytes32>().unwrap(), word);
        for bad in [
            "",
            "0x",
            "abcd",
            "0x00",
            &format!("0x{}", "g".repeat(64)),
            &"é".repeat(200),
        ] {
            assert!(bad.parse::<Bytes32>().is_err());
        }
    }

    #[test]
    fn bytes32_modulus_is_not_a_field_element() {
        let modulus: Bytes32 = "0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001"
            .parse()
            .unwrap();
        assert_eq!(modulus.to_fr(), None);
        assert_eq!(Bytes32::from_u64(5).to_fr(), Some(Fr::from(5)));
        assert_eq!(Bytes32::from_fr(&Fr::from(5)), Bytes32::from_u64(5));
    }
}
