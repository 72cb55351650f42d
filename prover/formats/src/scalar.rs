//! Elements of the scalar field of BN254, as they appear in files and as instances of a proof.

use crate::hex;
use alloy_primitives::{B256, U256, uint};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;

/// With which the error of a word that is not below the modulus begins. No other error does: serde's own begin otherwise, whatever they
/// quote, and no type here takes its errors from a file.
pub(crate) const NOT_CANONICAL: &str = "it is not below the modulus of the scalar field";

/// A canonical element of the scalar field of BN254: an integer below [`Scalar::MODULUS`], in files 32 bytes big-endian.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Scalar(U256);

impl Scalar {
    /// Order of the scalar field.
    pub const MODULUS: U256 =
        uint!(21888242871839275222246405745257275088548364400416034343698204186575808495617_U256);

    /// The element 0.
    pub const ZERO: Self = Self(U256::ZERO);

    /// `None` unless `value` is below the modulus.
    pub fn new(value: U256) -> Option<Self> {
        (value < Self::MODULUS).then_some(Self(value))
    }

    /// `None` unless the word, big-endian, is below the modulus.
    pub fn from_word(word: B256) -> Option<Self> {
        Self::new(word.into())
    }

    /// A small number.
    pub fn from_u64(value: u64) -> Self {
        Self(U256::from(value))
    }

    /// The residue of any integer. It is the integer itself where that is below the modulus.
    pub fn reduce(value: U256) -> Self {
        Self(value.reduce_mod(Self::MODULUS))
    }

    /// The integer below the modulus.
    pub const fn value(self) -> U256 {
        self.0
    }

    /// Big-endian bytes.
    pub fn to_word(self) -> B256 {
        B256::from(self.0)
    }
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_word())
    }
}

impl From<Scalar> for B256 {
    fn from(scalar: Scalar) -> Self {
        scalar.to_word()
    }
}

impl From<Scalar> for U256 {
    fn from(scalar: Scalar) -> Self {
        scalar.0
    }
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        hex::word::serialize(&self.to_word(), serializer)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_word(hex::word::deserialize(deserializer)?)
            .ok_or_else(|| D::Error::custom(NOT_CANONICAL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modulus_and_above_are_refused() {
        let below = Scalar::MODULUS - U256::from(1);
        assert_eq!(Scalar::new(below).unwrap().value(), below);
        for value in [Scalar::MODULUS, U256::MAX] {
            assert_eq!(Scalar::new(value), None);
            let text = format!("\"{}\"", B256::from(value));
            assert!(serde_json::from_str::<Scalar>(&text).is_err());
        }
    }

    #[test]
    fn scalar_is_written_as_32_bytes_big_endian() {
        let text = serde_json::to_string(&Scalar::from_u64(0xabcd)).unwrap();
        assert_eq!(text, format!("\"0x{}abcd\"", "0".repeat(60)));
        assert_eq!(
            serde_json::from_str::<Scalar>(&text).unwrap(),
            Scalar::from_u64(0xabcd)
        );
    }
}
