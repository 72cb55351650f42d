//! Quantised values in field elements: 15 values of 16 bits each, little end first, `sum u_j * 2^(16 j)`.

use crate::{Scalar, boundary::Visibility};
use alloy_primitives::U256;

/// Values that one field element packs.
pub const VALUES_PER_ELEMENT: usize = 15;
/// Bits of one packed value.
pub const VALUE_BITS: u32 = 16;

/// Elements that `len` values pack into.
pub const fn packed_len(len: usize) -> usize {
    len.div_ceil(VALUES_PER_ELEMENT)
}

/// Public values that a model input or output of `len` values takes: its packed values, or its leaf.
pub const fn public_words(visibility: Visibility, len: usize) -> usize {
    match visibility {
        Visibility::Public => packed_len(len),
        Visibility::Committed => 1,
    }
}

/// Packs values below 2^16.
pub fn pack(values: &[u16]) -> Vec<Scalar> {
    let pack_one = |chunk: &[u16]| {
        let sum = chunk.iter().rev().fold(U256::ZERO, |sum, value| {
            sum << VALUE_BITS as usize | U256::from(*value)
        });
        // 15 values have 240 bits, and the modulus has 254.
        Scalar::reduce(sum)
    };
    values.chunks(VALUES_PER_ELEMENT).map(pack_one).collect()
}

/// Unpacks `length` values below `range`; `None` unless the elements are exactly the packing of such values.
pub fn unpack(elements: &[Scalar], length: usize, range: u32) -> Option<Vec<u32>> {
    if elements.len() != packed_len(length) {
        return None;
    }
    let mut values = Vec::with_capacity(elements.len() * VALUES_PER_ELEMENT);
    for element in elements {
        let bytes = element.to_word();
        let (head, slots) = bytes.split_at(32 - 2 * VALUES_PER_ELEMENT);
        if head.iter().any(|byte| *byte != 0) {
            return None;
        }
        let slots = slots.as_chunks::<2>().0;
        values.extend(
            slots
                .iter()
                .rev()
                .map(|b| u32::from(u16::from_be_bytes(*b))),
        );
    }
    let padding = values.split_off(length.min(values.len()));
    let fits = values.iter().all(|value| *value < range) && padding.iter().all(|value| *value == 0);
    fits.then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pack_sixteen_values_spill_into_a_second_element() {
        let values: Vec<u16> = (1..=16).collect();
        let packed = pack(&values);
        assert_eq!(packed.len(), 2);
        assert_eq!(packed[1], Scalar::from_u64(16));
        let word = packed[0].to_word();
        assert_eq!(word[28..], [0, 2, 0, 1]);
        assert_eq!(word[..4], [0, 0, 0, 15]);
    }

    #[test]
    fn unpack_refuses_what_pack_never_makes() {
        let packed = pack(&[1, 2, 3]);
        assert_eq!(unpack(&packed, 3, 4), Some(vec![1, 2, 3]));
        assert_eq!(unpack(&packed, 3, 3), None, "a value at the range");
        assert_eq!(unpack(&packed, 2, 4), None, "a value in the padding");
        assert_eq!(unpack(&packed, 16, 4), None, "too few elements");
        assert_eq!(unpack(&[packed[0]; 2], 3, 4), None, "too many elements");
        let high = Scalar::new(U256::from(1) << 240).unwrap();
        assert_eq!(unpack(&[high], 3, 4), None, "bits above the values");
        assert_eq!(unpack(&[], 0, 4), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn packed_values_unpack(values in prop::collection::vec(any::<u16>(), 0..64)) {
            let packed = pack(&values);
            prop_assert_eq!(packed.len(), packed_len(values.len()));
            let expected: Vec<u32> = values.iter().map(|v| u32::from(*v)).collect();
            prop_assert_eq!(unpack(&packed, values.len(), 1 << 16), Some(expected));
        }
    }
}
