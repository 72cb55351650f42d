//! Boundary tensors: those that cross the edge of a chunk.

use serde::{Deserialize, Serialize};

/// Whether a boundary tensor's values are public or only its leaf is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// The packed values are instances; the leaf's salt is 0.
    Public,
    /// The leaf is the instance (model inputs and outputs), or nothing is (cut tensors).
    Committed,
}

/// Which kind of boundary tensor a leaf commits to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeafClass {
    /// A model input.
    Input,
    /// A tensor that one chunk writes and a later one reads. It may be a model output as well.
    Cut,
    /// A model output that no other chunk reads.
    Output,
}
