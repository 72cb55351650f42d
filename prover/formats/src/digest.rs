//! Keccak-256, and an unambiguous encoding to hash.

use alloy_primitives::B256;

pub use alloy_primitives::Keccak256;

/// Keccak-256 of the concatenation of `parts`.
pub fn keccak256(parts: &[&[u8]]) -> B256 {
    let mut hasher = Keccak256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// Collects fields to hash; every field has a fixed size or its length in front.
#[derive(Clone, Debug, Default)]
pub struct Encoder(Vec<u8>);

impl Encoder {
    /// Starts with the name of what is hashed, so that digests of two kinds of things never collide.
    pub fn new(domain: &str) -> Self {
        let mut encoder = Self::default();
        encoder.text(domain);
        encoder
    }

    /// 8 bytes, big-endian.
    pub fn number(&mut self, value: u64) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    /// A size or a position, as [`Self::number`].
    pub fn count(&mut self, value: usize) -> &mut Self {
        self.number(value as u64)
    }

    /// The bits of a float, as [`Self::number`].
    pub fn float(&mut self, value: f64) -> &mut Self {
        self.number(value.to_bits())
    }

    /// One byte.
    pub fn flag(&mut self, value: bool) -> &mut Self {
        self.0.push(value.into());
        self
    }

    /// 32 bytes.
    pub fn word(&mut self, value: &B256) -> &mut Self {
        self.0.extend(value.0);
        self
    }

    /// Length, then bytes.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.count(value.len()).0.extend(value);
        self
    }

    /// Length, then UTF-8.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    /// Length, then each number.
    pub fn numbers(&mut self, values: &[usize]) -> &mut Self {
        self.count(values.len());
        for value in values {
            self.count(*value);
        }
        self
    }

    /// Keccak-256 of all fields.
    pub fn digest(&self) -> B256 {
        keccak256(&[&self.0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoder_keeps_neighbouring_fields_apart() {
        let digest = |a: &str, b: &str| Encoder::new("test").text(a).text(b).digest();
        assert_ne!(digest("ab", "c"), digest("a", "bc"));
        let lists = |a: &[usize], b: &[usize]| Encoder::new("test").numbers(a).numbers(b).digest();
        assert_ne!(lists(&[1], &[]), lists(&[], &[1]));
    }

    #[test]
    fn keccak256_of_nothing_is_the_known_constant() {
        assert_eq!(keccak256(&[]), alloy_primitives::KECCAK256_EMPTY);
        assert_eq!(keccak256(&[b"a", b"bc"]), keccak256(&[b"abc"]));
    }
}
