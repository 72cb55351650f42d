//! Strict hexadecimal: `0x`, lower case, exact length. One value has one spelling.

use alloy::primitives::{Address, B256, Bytes, U256, uint};
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Order of the scalar field of BN254: every instance is below it.
pub const FR_MODULUS: U256 =
    uint!(21888242871839275222246405745257275088548364400416034343698204186575808495617_U256);

/// An element of the scalar field of BN254, canonical (below [`FR_MODULUS`]), in files as 32 bytes
/// big-endian.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Fr(U256);

impl Fr {
    /// `None` when `value` is not canonical.
    pub fn new(value: U256) -> Option<Self> {
        (value < FR_MODULUS).then_some(Self(value))
    }

    /// The integer below [`FR_MODULUS`].
    pub const fn value(self) -> U256 {
        self.0
    }

    /// Big-endian bytes.
    pub fn to_bytes(self) -> B256 {
        B256::from(self.0)
    }
}

impl fmt::Debug for Fr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_bytes())
    }
}

impl fmt::Display for Fr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_bytes())
    }
}

impl Serialize for Fr {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        word::serialize(&self.to_bytes(), s)
    }
}

impl<'de> Deserialize<'de> for Fr {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let bytes = word::deserialize(d)?;
        Self::new(bytes.into()).ok_or_else(|| {
            D::Error::custom(format!(
                "{bytes} is not below the order of the scalar field"
            ))
        })
    }
}

fn decode<E: serde::de::Error>(text: &str, len: Option<usize>) -> Result<Vec<u8>, E> {
    let digits = text
        .strip_prefix("0x")
        .ok_or_else(|| E::custom("hexadecimal must begin with 0x"))?;
    if let Some(len) = len
        && digits.len() != 2 * len
    {
        return Err(E::custom(format!(
            "expected {len} bytes, got {} hex digits",
            digits.len()
        )));
    }
    if digits.len() % 2 != 0 {
        return Err(E::custom(format!(
            "odd number of hex digits: {}",
            digits.len()
        )));
    }
    let nibble = |at: usize, c: u8| match c {
        b'0'..=b'9' => Ok(c - b'0'),
        b'a'..=b'f' => Ok(c - b'a' + 10),
        _ => Err(E::custom(format!(
            "character {} is not a lower-case hex digit",
            at + 2
        ))),
    };
    digits
        .as_bytes()
        .chunks_exact(2)
        .enumerate()
        .map(|(i, pair)| match pair {
            [hi, lo] => Ok(nibble(2 * i, *hi)? << 4 | nibble(2 * i + 1, *lo)?),
            _ => Err(E::invalid_length(pair.len(), &"two digits")),
        })
        .collect()
}

fn text<'de, D: Deserializer<'de>>(d: D) -> Result<std::borrow::Cow<'de, str>, D::Error> {
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = std::borrow::Cow<'de, str>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a 0x-prefixed lower-case hexadecimal string")
        }
        fn visit_borrowed_str<E: serde::de::Error>(self, v: &'de str) -> Result<Self::Value, E> {
            Ok(v.into())
        }
        fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<Self::Value, E> {
            Ok(v.to_owned().into())
        }
        fn visit_bytes<E: serde::de::Error>(self, v: &[u8]) -> Result<Self::Value, E> {
            Err(E::invalid_type(Unexpected::Bytes(v), &self))
        }
    }
    d.deserialize_str(Visitor)
}

/// 32 bytes.
pub(super) mod word {
    use super::*;

    pub(in crate::proof_file) fn serialize<S: Serializer>(
        v: &B256,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        s.collect_str(v)
    }

    pub(in crate::proof_file) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<B256, D::Error> {
        let text = text(d)?;
        decode::<D::Error>(&text, Some(32)).map(|v| B256::from_slice(&v))
    }
}

/// 32 bytes or null. The field must be there.
pub(super) mod word_or_null {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Word(#[serde(with = "word")] B256);

    pub(in crate::proof_file) fn serialize<S: Serializer>(
        v: &Option<B256>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        v.map(Word).serialize(s)
    }

    pub(in crate::proof_file) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<B256>, D::Error> {
        Ok(Option::<Word>::deserialize(d)?.map(|w| w.0))
    }
}

/// 20 bytes; lower case, no checksum spelling.
pub(super) mod address {
    use super::*;

    pub(in crate::proof_file) fn serialize<S: Serializer>(
        v: &Address,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        s.collect_str(&format_args!("{v:#x}"))
    }

    pub(in crate::proof_file) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Address, D::Error> {
        let text = text(d)?;
        decode::<D::Error>(&text, Some(20)).map(|v| Address::from_slice(&v))
    }
}

/// Any number of bytes.
pub(super) mod bytes {
    use super::*;

    pub(in crate::proof_file) fn serialize<S: Serializer>(
        v: &Bytes,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        s.collect_str(v)
    }

    pub(in crate::proof_file) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Bytes, D::Error> {
        let text = text(d)?;
        decode::<D::Error>(&text, None).map(Bytes::from)
    }
}
