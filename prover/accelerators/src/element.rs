//! Field elements and points as words in memory that a library reads and writes.

use halo2curves::bn256::{Fq, Fr, G1Affine};
use halo2curves::ff::PrimeField;
use halo2curves::serde::SerdeObject;

/// Four words, least significant first.
pub(crate) type Words = [u64; 4];

fn words(bytes: &[u8; 32]) -> Words {
    let (words, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|i| u64::from_le_bytes(words[i]))
}

fn bytes(words: &Words) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
    bytes
}

/// The Montgomery form.
pub(crate) fn montgomery<F: SerdeObject>(element: &F) -> Words {
    let mut bytes = [0; 32];
    // Writes 32 bytes, for which there is room.
    let written = element.write_raw(&mut bytes.as_mut_slice());
    debug_assert!(written.is_ok(), "an element has 32 bytes");
    words(&bytes)
}

/// From Montgomery form, if it is reduced.
pub(crate) fn from_montgomery<F: SerdeObject>(words: &Words) -> Option<F> {
    F::from_raw_bytes(&bytes(words))
}

/// The number itself.
pub(crate) fn canonical(element: &Fr) -> Words {
    words(&element.to_repr())
}

/// From the number itself, if it is reduced.
pub(crate) fn from_canonical(words: &Words) -> Option<Fq> {
    Fq::from_repr(bytes(words)).into()
}

/// Both coordinates in Montgomery form, (0, 0) at infinity.
pub(crate) fn point_words(point: &G1Affine) -> [Words; 2] {
    [montgomery(&point.x), montgomery(&point.y)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2curves::ff::Field;

    #[test]
    fn words_of_an_element_are_its_montgomery_form_and_its_number() {
        for element in [Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(1 << 40)] {
            assert_eq!(from_montgomery(&montgomery(&element)), Some(element));
            let raised = element * Fr::from(2).pow_vartime([256]);
            assert_eq!(montgomery(&element), canonical(&raised));
        }
        assert_eq!(canonical(&Fr::from(7)), [7, 0, 0, 0]);
        assert_eq!(from_canonical(&[7, 0, 0, 0]), Some(Fq::from(7)));
    }

    #[test]
    fn words_beyond_the_modulus_are_no_element() {
        assert_eq!(from_montgomery::<Fr>(&[u64::MAX; 4]), None);
        assert_eq!(from_canonical(&[u64::MAX; 4]), None);
    }
}
