//! The placement of one tensor.
//!
//! A tensor is a block of rows; slot `s` of the block is lane `s % lanes` of row `base + s / lanes`. A channel takes
//! `chan` slots, an image row `pitch` slots, an element `stride` slots: 1, but for the output of an operator that computes one
//! element in several slots. Image rows are ordered by their residue modulo `period`, so that the rows which a strided or pooled
//! consumer reads together are contiguous.

use chainfer_model::quantized::Dims;
use std::ops::Range;

/// Placement of one tensor.
#[derive(Clone, Debug)]
pub(crate) struct TensorLayout {
    pub(crate) dims: Dims,
    pub(crate) lanes: usize,
    /// First row of the block.
    pub(crate) base: usize,
    /// Slots an element takes.
    pub(crate) stride: usize,
    /// Slots an image row takes.
    pub(crate) pitch: usize,
    /// Slots a channel takes; a multiple of the lanes.
    pub(crate) chan: usize,
    /// Rows are ordered by (row mod period, row / period).
    pub(crate) period: usize,
    /// Image row at each position.
    pub(crate) order: Vec<usize>,
    /// Position of each image row.
    pub(crate) position: Vec<usize>,
    /// Image rows may end inside a circuit row; only the end of a channel can be read.
    pub(crate) flat: bool,
}

impl TensorLayout {
    pub(crate) fn new(dims: Dims, lanes: usize, stride: usize, period: usize, flat: bool) -> Self {
        let mut order: Vec<usize> = (0..dims.h).collect();
        order.sort_by_key(|row| (row % period, row / period));
        let mut position = vec![0; dims.h];
        for (at, row) in order.iter().enumerate() {
            position[*row] = at;
        }
        let pitch = if flat {
            dims.w * stride
        } else {
            (dims.w * stride).next_multiple_of(lanes)
        };
        let chan = (dims.h * pitch).next_multiple_of(lanes);
        TensorLayout {
            dims,
            lanes,
            base: 0,
            stride,
            pitch,
            chan,
            period,
            order,
            position,
            flat,
        }
    }

    /// Circuit rows that the block takes.
    pub(crate) fn rows(&self) -> usize {
        self.dims.c * self.chan / self.lanes
    }

    /// Rows of the block.
    pub(crate) fn block(&self) -> Range<usize> {
        self.base..self.base + self.rows()
    }

    /// Whether a row of the block is the first of a channel.
    pub(crate) fn begins_channel(&self, row: usize) -> bool {
        (row - self.base).is_multiple_of(self.chan / self.lanes)
    }

    /// Steps of D over one image row.
    pub(crate) fn pitch_units(&self) -> usize {
        self.pitch / self.stride
    }

    /// Steps of D over one channel.
    pub(crate) fn chan_units(&self) -> usize {
        self.chan / self.stride
    }

    /// Slot of an element within the block.
    pub(crate) fn slot(&self, c: usize, row: usize, col: usize) -> usize {
        c * self.chan + self.position[row] * self.pitch + col * self.stride
    }

    /// Slot of an element in CHW order.
    pub(crate) fn slot_of(&self, element: usize) -> usize {
        let plane = self.dims.plane();
        let (c, rest) = (element / plane, element % plane);
        self.slot(c, rest / self.dims.w, rest % self.dims.w)
    }

    /// Row and lane of an element in CHW order.
    pub(crate) fn cell(&self, element: usize) -> (usize, usize) {
        let slot = self.slot_of(element);
        (self.base + slot / self.lanes, slot % self.lanes)
    }

    /// Circuit row at which an accumulator has taken in the image rows of a channel up to a position.
    pub(crate) fn read_row(&self, c: usize, position: usize) -> usize {
        let slots = if self.flat {
            self.chan
        } else {
            (position + 1) * self.pitch
        };
        self.base + (c * self.chan + slots) / self.lanes - 1
    }

    /// Circuit row at which D has taken in a whole channel.
    pub(crate) fn channel_end(&self, c: usize) -> usize {
        self.base + (c + 1) * self.chan / self.lanes - 1
    }

    /// Whether the accumulators restart at this position.
    pub(crate) fn restarts(&self, position: usize) -> bool {
        self.order[position] < self.period
    }
}
