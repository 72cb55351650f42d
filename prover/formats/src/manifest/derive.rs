//! What follows from leaves, reads, writes and outputs.

use super::{ChunkEntry, LeafEntry, Manifest, TensorSpec};
use crate::boundary::LeafClass;

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

/// Which chunks write and read one leaf, ascending.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    pub(super) writers: Vec<usize>,
    pub(super) readers: Vec<usize>,
}

/// The flow of every leaf. Positions beyond the leaves are left out.
pub(super) fn flows(chunks: &[ChunkEntry], leaves: usize) -> Vec<Flow> {
    let mut flows = vec![Flow::default(); leaves];
    for (index, chunk) in chunks.iter().enumerate() {
        for leaf in &chunk.reads {
            if let Some(flow) = flows.get_mut(*leaf) {
                flow.readers.push(index);
            }
        }
        for leaf in &chunk.writes {
            if let Some(flow) = flows.get_mut(*leaf) {
                flow.writers.push(index);
            }
        }
    }
    flows
}

/// The leaves behind a chunk's public values: model inputs that it is the first to read, ascending, then model outputs that
/// it writes, in the model's order.
pub(super) fn exposes(manifest: &Manifest, chunk: usize, flows: &[Flow]) -> Vec<usize> {
    let first_reader = |leaf: usize| flows.get(leaf).and_then(|f| f.readers.first().copied());
    let writer = |leaf: usize| flows.get(leaf).and_then(|f| f.writers.first().copied());
    let inputs = manifest
        .leaves
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.class == LeafClass::Input)
        .map(|(leaf, _)| leaf)
        .filter(|leaf| first_reader(*leaf) == Some(chunk));
    let outputs = manifest.outputs.iter().map(|spec: &TensorSpec| spec.leaf);
    inputs
        .chain(outputs.filter(|leaf| writer(*leaf) == Some(chunk)))
        .collect()
}
