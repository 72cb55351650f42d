//! What follows from leaves, reads, writes and exposes.

use super::LeafEntry;

/// Where a leaf stands among the public values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The chunk that exposes it.
    pub chunk: usize,
    /// First word among that chunk's public values.
    pub offset: usize,
}

/// Where `leaf` stands, if a chunk exposes it. `exposes` are the lists of all chunks, in order.
pub fn place<'a>(
    exposes: impl IntoIterator<Item = &'a [usize]>,
    leaves: &[LeafEntry],
    leaf: usize,
) -> Option<Placement> {
    let (chunk, list) = exposes
        .into_iter()
        .enumerate()
        .find(|(_, list)| list.contains(&leaf))?;
    let before = list.iter().take_while(|other| **other != leaf);
    Some(Placement {
        chunk,
        offset: words(before, leaves),
    })
}

/// Public values behind a list of leaves.
pub(super) fn words<'a>(
    exposed: impl IntoIterator<Item = &'a usize>,
    leaves: &[LeafEntry],
) -> usize {
    exposed
        .into_iter()
        .filter_map(|leaf| leaves.get(*leaf))
        .map(LeafEntry::words)
        .sum()
}
