//! Bytes that a contract carries.

/// A named run of bytes; the name becomes a comment in the generated source.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// Bytes that the source has in one line.
    pub(crate) line: usize,
}

impl Section {
    pub(crate) fn new(name: impl Into<String>, bytes: Vec<u8>, line: usize) -> Self {
        Self {
            name: name.into(),
            bytes,
            line,
        }
    }

    /// Coordinates of points; the source has two words in a line.
    pub(crate) fn points(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self::new(name, bytes, 64)
    }
}

/// A little-endian representation as a word.
pub(crate) fn big_endian(repr: impl AsRef<[u8]>) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes
        .iter_mut()
        .zip(repr.as_ref().iter().rev())
        .for_each(|(to, from)| *to = *from);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2curves::{
        bn256::Fr,
        ff::{Field, PrimeField},
    };

    #[test]
    fn words_are_big_endian() {
        let mut expected = [0; 32];
        expected[31] = 1;
        assert_eq!(big_endian(Fr::ONE.to_repr()), expected);
    }
}
