//! Channels, rows and columns.

use serde::{Deserialize, Serialize};

/// Channels, rows and columns of a tensor; elements are stored in this order (CHW, batch dropped).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dims {
    /// Number of channels.
    pub c: usize,
    /// Height: number of image rows.
    pub h: usize,
    /// Width: number of image columns.
    pub w: usize,
}

impl Dims {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.c * self.h * self.w
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Elements of one channel.
    pub fn plane(&self) -> usize {
        self.h * self.w
    }

    /// Channel, row and column of an element.
    pub fn position(&self, element: usize) -> (usize, usize, usize) {
        (
            element / self.plane(),
            element % self.plane() / self.w,
            element % self.w,
        )
    }
}
