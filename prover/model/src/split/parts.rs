//! The parts of one tensor.

use crate::quantized::TensorId;
use std::ops::Range;

/// Some channels of a tensor.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) tensor: TensorId,
    pub(super) channels: Range<usize>,
}

/// The parts of a tensor, in the order of its channels.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts(Vec<Part>);

impl Parts {
    pub(super) fn new(parts: Vec<Part>) -> Self {
        Self(parts)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Part> {
        self.0.iter()
    }

    pub(super) fn ranges(&self) -> Vec<Range<usize>> {
        self.0.iter().map(|p| p.channels.clone()).collect()
    }

    pub(super) fn tensors(&self) -> Vec<TensorId> {
        self.0.iter().map(|p| p.tensor).collect()
    }

    /// The part with a channel.
    pub(super) fn with(&self, channel: usize) -> &Part {
        let at = self.0.partition_point(|p| p.channels.end <= channel);
        &self.0[at.min(self.0.len() - 1)]
    }

    /// The tensor that is exactly these channels, if there is one.
    pub(super) fn exactly(&self, channels: &Range<usize>) -> Option<TensorId> {
        let found = self.0.iter().find(|p| p.channels == *channels);
        found.map(|p| p.tensor)
    }
}
