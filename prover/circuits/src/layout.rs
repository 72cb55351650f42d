//! Where the tensors of a chunk stand in the value lanes.
//!
//! A tensor is a block of rows; slot `s` of the block is lane `s % lanes` of row `base + s / lanes`. A channel takes
//! `chan` slots, an image row `pitch` slots, an element `stride` slots: 1, but for the output of a max pooling, which computes
//! one maximum a row over all lanes, or where areas are stacked in [`POOL_ROWS`] rows. Image rows are ordered by their
//! residue modulo `period`, so that the rows which a strided or pooled consumer reads together are contiguous.

use crate::error::CircuitError;
use crate::windows::{ColumnMap, RowMap, Window, segments};
use chainfer_model::partitioned::{ChunkSpec, PartitionedModel};
use chainfer_model::quantized::{Dims, QLayer, TensorId, TermMap};
use std::collections::BTreeMap;

/// Rows of one maximum where areas are stacked: a comparison each, of up to four taps.
pub(crate) const POOL_ROWS: usize = 3;

/// The lanes that tensors are laid out in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lanes {
    pub(crate) count: usize,
    pub(crate) stacked: bool,
}

impl Lanes {
    fn pool_stride(self) -> usize {
        if self.stacked { POOL_ROWS } else { self.count }
    }
}

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
    /// Column maps of the consumers, one tap accumulator each.
    pub(crate) classes: Vec<ColumnMap>,
}

impl TensorLayout {
    fn new(dims: Dims, lanes: usize, stride: usize, period: usize, flat: bool) -> Self {
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
            classes: vec![],
        }
    }

    /// Circuit rows that the block takes.
    pub(crate) fn rows(&self) -> usize {
        self.dims.c * self.chan / self.lanes
    }

    /// Steps of D over one image row and over one channel.
    pub(crate) fn pitch_units(&self) -> usize {
        self.pitch / self.stride
    }

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

/// All tensors of a chunk.
#[derive(Clone, Debug)]
pub(crate) struct ChunkLayout {
    pub(crate) tensors: BTreeMap<TensorId, TensorLayout>,
    /// First row of activations.
    pub(crate) first: usize,
    /// Row after the last.
    pub(crate) end: usize,
    /// Tap accumulators needed.
    pub(crate) taps: usize,
}

/// The layers of a chunk.
pub(crate) fn layers<'a>(model: &'a PartitionedModel, chunk: &ChunkSpec) -> &'a [QLayer] {
    &model.graph.layers[chunk.first_layer..chunk.end_layer]
}

/// A window map from an input tensor to the output of a layer.
struct Consumer {
    output: TensorId,
    window: Window,
}

fn consumers(layers: &[QLayer], tensor: TensorId) -> Vec<Consumer> {
    let mut found = Vec::new();
    for layer in layers {
        match layer {
            QLayer::Linear(linear) => {
                for term in linear.terms.iter().filter(|t| t.input == tensor) {
                    if let TermMap::Conv(conv) = &term.map {
                        found.push(Consumer {
                            output: linear.output,
                            window: Window::of_conv(conv),
                        });
                    }
                }
            }
            QLayer::MaxPool(pool) if pool.input == tensor => {
                found.push(Consumer {
                    output: pool.output,
                    window: Window::of_pool(pool),
                });
            }
            QLayer::MaxPool(_) => {}
        }
    }
    found
}

fn producer_window(layers: &[QLayer], tensor: TensorId) -> Vec<(TensorId, Window)> {
    let Some(layer) = layers.iter().find(|l| l.output() == tensor) else {
        return vec![];
    };
    match layer {
        QLayer::Linear(linear) => linear
            .terms
            .iter()
            .filter_map(|t| match &t.map {
                TermMap::Conv(conv) => Some((t.input, Window::of_conv(conv))),
                TermMap::Dense { .. } => None,
            })
            .collect(),
        QLayer::MaxPool(pool) => vec![(pool.input, Window::of_pool(pool))],
    }
}

fn stride_of(layers: &[QLayer], tensor: TensorId, lanes: Lanes) -> usize {
    let pooled = layers
        .iter()
        .any(|l| matches!(l, QLayer::MaxPool(_)) && l.output() == tensor);
    if pooled { lanes.pool_stride() } else { 1 }
}

/// Lays out every tensor of a chunk from row `first` on. Goes from the last layer to the first: a tensor's pitch depends
/// on what its consumers' outputs need.
pub(crate) fn lay_out(
    model: &PartitionedModel,
    chunk: &ChunkSpec,
    lanes: Lanes,
    first: usize,
) -> Result<ChunkLayout, CircuitError> {
    let layers = layers(model, chunk);
    let mut order: Vec<TensorId> = chunk
        .reads
        .iter()
        .map(|leaf| model.leaves[*leaf].tensor)
        .collect();
    order.extend(layers.iter().map(QLayer::output));
    let mut tensors: BTreeMap<TensorId, TensorLayout> = BTreeMap::new();
    for &tensor in order.iter().rev() {
        let placed = lay_out_tensor(model, layers, tensor, lanes, &tensors)?;
        tensors.insert(tensor, placed);
    }
    let (mut end, mut taps) = (first, 0);
    for tensor in order {
        if let Some(t) = tensors.get_mut(&tensor) {
            t.base = end;
            end += t.rows();
            taps = taps.max(t.classes.len());
        }
    }
    Ok(ChunkLayout {
        tensors,
        first,
        end,
        taps,
    })
}

fn lay_out_tensor(
    model: &PartitionedModel,
    layers: &[QLayer],
    tensor: TensorId,
    lanes: Lanes,
    done: &BTreeMap<TensorId, TensorLayout>,
) -> Result<TensorLayout, CircuitError> {
    let info = model.graph.tensor(tensor);
    let inconsistent = |what: &str| CircuitError::Inconsistent {
        layer: info.name.clone(),
        what: what.into(),
    };
    let stride = stride_of(layers, tensor, lanes);
    let mut readers = Vec::new();
    for consumer in consumers(layers, tensor) {
        let output = done
            .get(&consumer.output)
            .ok_or_else(|| inconsistent("read before it is written"))?;
        readers.push((consumer.window, output));
    }
    let whole = |(window, output): &(Window, &TensorLayout)| {
        window.rows_are_identity() && output.dims.h == info.dims.h && output.period == 1
    };
    let flat = readers.iter().all(whole);
    let mut candidates = vec![1];
    for (window, output) in &readers {
        for period in [window.row_step(), window.row_step() * output.period] {
            if period <= info.dims.h && !candidates.contains(&period) {
                candidates.push(period);
            }
        }
    }
    let cost = |period: &usize| -> usize {
        let trial = TensorLayout::new(info.dims, lanes.count, stride, *period, false);
        let mut terms = 0;
        for (window, output) in &readers {
            for ky in 0..window.kernel[0] {
                let runs = segments(&trial, output, &RowMap::new(window, info.dims.h, ky));
                terms += runs
                    .iter()
                    .map(|run| if run.restarts { 1 } else { 2 })
                    .sum::<usize>();
            }
        }
        terms
    };
    let period = if flat {
        1
    } else {
        candidates
            .iter()
            .copied()
            .min_by_key(|p| (cost(p), *p))
            .unwrap_or(1)
    };
    let mut layout = TensorLayout::new(info.dims, lanes.count, stride, period, flat);

    // Wide enough for the extra steps between the image rows of every consumer's output.
    for (window, output) in &readers {
        for kx in 0..window.kernel[1] {
            let needed = ColumnMap::pitch_needed(window, &layout, output, kx);
            if needed > layout.pitch {
                let aligned = needed.next_multiple_of(if flat {
                    stride
                } else {
                    lanes.count.max(stride)
                });
                layout.pitch = aligned.next_multiple_of(stride);
            }
        }
    }
    // A tail that makes room for the first output column where the input is padded on the left.
    let mut tail = 0;
    for (input, window) in producer_window(layers, tensor) {
        let width = model.graph.tensor(input).dims.w;
        let input_stride = stride_of(layers, input, lanes);
        for kx in 0..window.kernel[1] {
            tail = tail.max(ColumnMap::tail_needed(
                &window,
                width,
                input_stride,
                &layout,
                kx,
            ));
        }
    }
    layout.chan = (layout.dims.h * layout.pitch + tail * stride).next_multiple_of(lanes.count);
    for (window, output) in &readers {
        for kx in 0..window.kernel[1] {
            if let Some(map) = ColumnMap::new(window, &layout, output, kx)
                && !layout.classes.iter().any(|c| c.same_flags(&map))
            {
                layout.classes.push(map);
            }
        }
    }
    Ok(layout)
}
