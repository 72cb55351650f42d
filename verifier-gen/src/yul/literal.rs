//! Numbers, with the radix and the width in which they are written.

use std::fmt::{self, Display, Formatter};

use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};

/// A number of at most 256 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Literal {
    Decimal(u64),
    Hex {
        /// Big-endian.
        value: [u8; 32],
        /// Digits at least; zeros fill up in front.
        digits: usize,
    },
}

impl Literal {
    pub(crate) fn decimal(value: u64) -> Self {
        Self::Decimal(value)
    }

    /// Hexadecimal without leading zeros.
    pub(crate) const fn hex(value: usize) -> Self {
        Self::padded(value, 1)
    }

    /// Two digits at least: distances of a few words.
    pub(crate) fn offset(value: usize) -> Self {
        Self::padded(value, 2)
    }

    /// Four digits at least: a place in memory or calldata.
    pub(crate) fn address(value: usize) -> Self {
        Self::padded(value, 4)
    }

    /// Eight digits: the first four bytes of a signature's hash.
    pub(crate) fn selector(bytes: [u8; 4]) -> Self {
        let mut value = [0; 32];
        value[28..].copy_from_slice(&bytes);
        Self::Hex { value, digits: 8 }
    }

    /// All 64 digits.
    pub(crate) fn word(value: [u8; 32]) -> Self {
        Self::Hex { value, digits: 64 }
    }

    /// A field element as a whole word.
    pub(crate) fn field_word(value: &Fr) -> Self {
        Self::word(big_endian(value))
    }

    /// A field element as short as it can be: zero in decimal, any other in hexadecimal without leading zeros.
    pub(crate) fn field(value: &Fr) -> Self {
        if *value == Fr::ZERO {
            return Self::Decimal(0);
        }
        Self::Hex {
            value: big_endian(value),
            digits: 1,
        }
    }

    /// Addresses of 16 bits in one word, the first one lowest. There are at most 16.
    pub(crate) fn addresses(addresses: &[usize]) -> Self {
        let mut value = [0; 32];
        for (address, bytes) in addresses.iter().zip(value.rchunks_exact_mut(2)) {
            bytes.copy_from_slice(&(*address as u16).to_be_bytes());
        }
        Self::Hex {
            value,
            digits: 4 * addresses.len(),
        }
    }

    const fn padded(number: usize, digits: usize) -> Self {
        let bytes = (number as u64).to_be_bytes();
        let mut value = [0; 32];
        let mut i = 0;
        while i < bytes.len() {
            value[24 + i] = bytes[i];
            i += 1;
        }
        Self::Hex { value, digits }
    }
}

fn big_endian(value: &Fr) -> [u8; 32] {
    let mut bytes = value.to_repr();
    bytes.reverse();
    bytes
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decimal(value) => write!(f, "{value}"),
            Self::Hex { value, digits } => {
                let all = hex::encode(value);
                let short = all.trim_start_matches('0');
                write!(f, "0x{short:0>digits$}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_its_radix_and_width() {
        let mut tail = [0; 32];
        tail[31] = 0xab;
        for (literal, text) in [
            (Literal::decimal(0), "0"),
            (Literal::decimal(20_000), "20000"),
            (Literal::hex(0), "0x0"),
            (Literal::hex(0x1e), "0x1e"),
            (Literal::offset(5), "0x05"),
            (Literal::offset(0x100), "0x100"),
            (Literal::address(0xa0), "0x00a0"),
            (Literal::address(0x1_2345), "0x12345"),
            (Literal::selector([0, 1, 0xfe, 2]), "0x0001fe02"),
            (Literal::field(&Fr::ZERO), "0"),
            (Literal::field(&Fr::from(0xabc)), "0xabc"),
            (Literal::addresses(&[0x00a0]), "0x00a0"),
            (Literal::addresses(&[1, 0x2000]), "0x20000001"),
        ] {
            assert_eq!(literal.to_string(), text);
        }
        let padded = format!("0x{}ab", "0".repeat(62));
        assert_eq!(Literal::word(tail).to_string(), padded);
        assert_eq!(Literal::field_word(&Fr::from(0xab)).to_string(), padded);
    }

    #[test]
    fn sixteen_addresses_fill_a_word() {
        let addresses: Vec<usize> = (1..=16).collect();
        let digits: String = addresses
            .iter()
            .rev()
            .map(|at| format!("{at:04x}"))
            .collect();
        assert_eq!(
            Literal::addresses(&addresses).to_string(),
            format!("0x{digits}")
        );
    }
}
