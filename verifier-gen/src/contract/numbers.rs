//! The numbers in a shared verifier's key: k, of the 2^k rows, then the number of public inputs of each instance column.
//!
//! Eight of them share a word, 32 bits each, the first one lowest; a word's last number reaches to the word's top, so that no bit of
//! the key is without a meaning.

use super::layout::Layout;
use crate::{
    protocol::Protocol,
    yul::{Expression, Literal, add, and, calldataload, shr},
};

const PER_WORD: usize = 8;
const BITS: usize = 32;

/// Largest k that the scalar field has a root of unity for.
pub(crate) const MAX_K: u32 = 28;

/// Bytes that the numbers take in a key.
pub(crate) fn len(protocol: &Protocol) -> usize {
    32 * (1 + protocol.num_instances.len()).div_ceil(PER_WORD)
}

/// The numbers as a key has them.
pub(crate) fn encode(protocol: &Protocol) -> Vec<u8> {
    let counts = protocol.num_instances.iter().map(|count| *count as u32);
    let numbers: Vec<u32> = std::iter::once(protocol.k).chain(counts).collect();
    let mut bytes = Vec::new();
    for numbers in numbers.chunks(PER_WORD) {
        let start = bytes.len();
        bytes.resize(start + 4 * (PER_WORD - numbers.len()), 0);
        bytes.extend(numbers.iter().rev().flat_map(|number| number.to_be_bytes()));
    }
    bytes
}

/// Reads k.
pub(crate) fn k(protocol: &Protocol, layout: &Layout) -> Expression {
    read(protocol, layout, 0)
}

/// Reads the number of public inputs of a column.
pub(crate) fn instances(protocol: &Protocol, layout: &Layout, column: usize) -> Expression {
    read(protocol, layout, 1 + column)
}

/// Reads the number of public inputs of the first columns together.
pub(crate) fn total_instances(protocol: &Protocol, layout: &Layout, columns: usize) -> Expression {
    (0..columns)
        .map(|column| instances(protocol, layout, column))
        .reduce(add)
        .unwrap_or_else(|| Literal::decimal(0).into())
}

/// A condition that holds if a number is too large to be added up without wrapping around: one that has a word of its own. Others
/// have 224 bits at most, and k has a bound of its own.
pub(crate) fn oversized(protocol: &Protocol, layout: &Layout) -> Option<Expression> {
    let columns = protocol.num_instances.len();
    let alone = columns > 0 && columns.is_multiple_of(PER_WORD);
    alone.then(|| {
        shr(
            Literal::decimal(BITS as u64),
            read(protocol, layout, columns),
        )
    })
}

fn read(protocol: &Protocol, layout: &Layout, index: usize) -> Expression {
    let count = 1 + protocol.num_instances.len();
    let word = calldataload(Literal::address(
        layout.key_numbers() + index / PER_WORD * 32,
    ));
    let position = index % PER_WORD;
    let shifted = match position {
        0 => word,
        _ => shr(Literal::decimal((BITS * position) as u64), word),
    };
    if index + 1 == count || position + 1 == PER_WORD {
        shifted
    } else {
        and(shifted, Literal::hex(0xffff_ffff))
    }
}
