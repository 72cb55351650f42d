//! Strict hexadecimal: `0x`, lower case, exact length. One value has one spelling.
//!
//! The modules are for `#[serde(with = "…")]`. No error quotes the text.

use alloy_primitives::{Address, B256, Bytes};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, Unexpected},
};
use std::{borrow::Cow, fmt};

/// Why a text is not the byte string asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HexError {
    /// No `0x` in front.
    #[error("hexadecimal must begin with 0x")]
    Prefix,
    /// Another number of bytes.
    #[error("expected {expected} bytes, got {digits} hex digits")]
    Length {
        /// Bytes asked for.
        expected: usize,
        /// Characters behind `0x`.
        digits: usize,
    },
    /// Half a byte is missing.
    #[error("odd number of hex digits: {digits}")]
    Odd {
        /// Characters behind `0x`.
        digits: usize,
    },
    /// Something else than `0` to `9` and `a` to `f`.
    #[error("character {at} is not a lower-case hex digit")]
    Digit {
        /// Position in bytes, `0x` included.
        at: usize,
    },
}

fn decode(text: &str, len: Option<usize>) -> Result<Vec<u8>, HexError> {
    let digits = text.strip_prefix("0x").ok_or(HexError::Prefix)?.as_bytes();
    if let Some(expected) = len
        && digits.len() != 2 * expected
    {
        return Err(HexError::Length {
            expected,
            digits: digits.len(),
        });
    }
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(HexError::Odd {
            digits: digits.len(),
        });
    }
    let nibble = |at: usize, c: u8| match c {
        b'0'..=b'9' => Ok(c - b'0'),
        b'a'..=b'f' => Ok(c - b'a' + 10),
        _ => Err(HexError::Digit { at: at + 2 }),
    };
    pairs
        .iter()
        .enumerate()
        .map(|(i, [high, low])| Ok(nibble(2 * i, *high)? << 4 | nibble(2 * i + 1, *low)?))
        .collect()
}

/// Parses 32 bytes.
///
/// # Errors
/// See [`HexError`].
pub fn parse_word(text: &str) -> Result<B256, HexError> {
    decode(text, Some(32)).map(|bytes| B256::from_slice(&bytes))
}

/// Parses 32 bytes that a person typed: either case will do.
///
/// # Errors
/// Says how it should look, and does not quote it.
pub fn parse_word_any_case(text: &str) -> Result<B256, TypedWordError> {
    parse_word(&text.to_ascii_lowercase()).map_err(|_| TypedWordError)
}

/// A text that a person typed is no word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 0x and 64 hex digits")]
pub struct TypedWordError;

/// Parses an address; lower case, no checksum spelling.
///
/// # Errors
/// See [`HexError`].
pub fn parse_address(text: &str) -> Result<Address, HexError> {
    decode(text, Some(20)).map(|bytes| Address::from_slice(&bytes))
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = Cow<'de, str>;

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
    deserializer.deserialize_str(Visitor)
}

/// 32 bytes.
pub mod word {
    use super::*;

    /// Writes 32 bytes.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(value: &B256, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    /// Reads 32 bytes.
    ///
    /// # Errors
    /// Another form than the strict one.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<B256, D::Error> {
        parse_word(&text(deserializer)?).map_err(D::Error::custom)
    }
}

/// 32 bytes or null. Without `#[serde(default)]` the field must be there.
pub mod optional_word {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Word(#[serde(with = "word")] B256);

    /// Writes 32 bytes or null.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(
        value: &Option<B256>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.map(Word).serialize(serializer)
    }

    /// Reads 32 bytes or null.
    ///
    /// # Errors
    /// Another form than the strict one.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<B256>, D::Error> {
        Ok(Option::<Word>::deserialize(deserializer)?.map(|word| word.0))
    }
}

/// An address in lower case, without checksum spelling.
pub mod address {
    use super::*;

    /// Writes an address.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(value: &Address, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{value:#x}"))
    }

    /// Reads an address.
    ///
    /// # Errors
    /// Another form than the strict one.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
        parse_address(&text(deserializer)?).map_err(D::Error::custom)
    }
}

/// Any number of bytes.
pub mod bytes {
    use super::*;

    /// Writes bytes.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(value: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    /// Reads bytes.
    ///
    /// # Errors
    /// Another form than the strict one.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        decode(&text(deserializer)?, None)
            .map(Bytes::from)
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn word_of_another_spelling_is_refused() {
        let good = format!("0x{}", "ab".repeat(32));
        assert_eq!(parse_word(&good).unwrap(), B256::repeat_byte(0xab));
        let cases = [
            (good.to_uppercase(), HexError::Prefix),
            (good[2..].to_owned(), HexError::Prefix),
            (good.replace('b', "B"), HexError::Digit { at: 3 }),
            (
                good[..64].to_owned(),
                HexError::Length {
                    expected: 32,
                    digits: 62,
                },
            ),
            (
                format!("{good}00"),
                HexError::Length {
                    expected: 32,
                    digits: 66,
                },
            ),
            (format!("0x{}", "é".repeat(32)), HexError::Digit { at: 2 }),
            (String::new(), HexError::Prefix),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_word(&text), Err(expected), "{text}");
        }
    }

    #[test]
    fn address_with_checksum_spelling_is_refused() {
        let address = Address::repeat_byte(0xab);
        assert_eq!(parse_address(&format!("{address:#x}")), Ok(address));
        assert!(parse_address(&address.to_checksum(None)).is_err());
    }

    #[test]
    fn odd_number_of_digits_is_refused() {
        assert_eq!(decode("0xabc", None), Err(HexError::Odd { digits: 3 }));
        assert_eq!(decode("0x", None), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn written_word_reads_back(bytes: [u8; 32]) {
            let word = B256::from(bytes);
            prop_assert_eq!(parse_word(&word.to_string()), Ok(word));
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC{0,80}") {
            let _ = (parse_word(&text), parse_address(&text), decode(&text, None));
        }
    }
}
