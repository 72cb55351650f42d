//! Hashes of whole files, by which ceremonies publish them.

use super::error::ImportError;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    io::{self, Read, Seek, SeekFrom},
    str::FromStr,
};

const BLAKE2B_DIGITS: usize = 128;
const SHA256_DIGITS: usize = 64;

/// Hashes of a file, in lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileHashes {
    /// BLAKE2b with 64 bytes, as `b2sum` prints it.
    pub blake2b: String,
    /// SHA-256.
    pub sha256: String,
}

impl FileHashes {
    pub(super) fn of<R: Read + Seek>(file: &mut R) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let mut blake2b = blake2b_simd::State::new();
        let mut sha256 = Sha256::new();
        let mut buffer = vec![0u8; 1 << 20];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            blake2b.update(&buffer[..read]);
            sha256.update(&buffer[..read]);
        }
        Ok(Self {
            blake2b: hex::encode(blake2b.finalize().as_bytes()),
            sha256: hex::encode(sha256.finalize()),
        })
    }
}

/// A hash that a file must have: BLAKE2b (128 hex digits) or SHA-256 (64).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedHash(String);

impl FromStr for ExpectedHash {
    type Err = String;

    /// Takes either case, a `0x` in front, and white space between the digits, as ceremonies print them.
    fn from_str(text: &str) -> Result<Self, String> {
        let text: String = text.split_whitespace().collect();
        let digits = text
            .strip_prefix("0x")
            .unwrap_or(&text)
            .to_ascii_lowercase();
        let known = [BLAKE2B_DIGITS, SHA256_DIGITS].contains(&digits.len());
        if known && digits.bytes().all(|c| c.is_ascii_hexdigit()) {
            Ok(Self(digits))
        } else {
            Err(format!(
                "expected {BLAKE2B_DIGITS} hex digits of BLAKE2b or {SHA256_DIGITS} of SHA-256, got {} characters",
                digits.len()
            ))
        }
    }
}

impl ExpectedHash {
    pub(super) fn compare(&self, hashes: &FileHashes) -> Result<(), ImportError> {
        let (algorithm, got) = if self.0.len() == BLAKE2B_DIGITS {
            ("BLAKE2b", &hashes.blake2b)
        } else {
            ("SHA-256", &hashes.sha256)
        };
        if *got == self.0 {
            return Ok(());
        }
        Err(ImportError::Hash {
            algorithm,
            expected: self.0.clone(),
            got: got.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn hashes_of_abc_are_published_ones_and_a_wrong_one_is_named() {
        let hashes = FileHashes::of(&mut Cursor::new(b"abc")).unwrap();
        assert!(
            hashes
                .sha256
                .starts_with("ba7816bf8f01cfea414140de5dae2223")
        );
        assert!(
            hashes
                .blake2b
                .starts_with("ba80a53f981c4d0d6a2797b69f12f6e9")
        );
        for good in [&hashes.sha256, &hashes.blake2b] {
            let spaced = format!("0x{} {}", &good[..8].to_uppercase(), &good[8..]);
            let expected: ExpectedHash = spaced.parse().unwrap();
            expected.compare(&hashes).unwrap();
        }
        let other: ExpectedHash = "0".repeat(64).parse().unwrap();
        assert!(matches!(
            other.compare(&hashes),
            Err(ImportError::Hash {
                algorithm: "SHA-256",
                ..
            })
        ));
        assert!("abc".parse::<ExpectedHash>().is_err());
        assert!("g".repeat(64).parse::<ExpectedHash>().is_err());
    }
}
