//! Places every tensor of a chunk: from the last layer to the first, because a tensor's pitch depends on what its consumers'
//! outputs need.

use super::pairs::Pairs;
use super::tensor::TensorLayout;
use super::windows::{ColumnMap, RowMap, segments};
use crate::error::CircuitError;
use chainfer_model::quantized::{QuantizedGraph, TensorId};
use chainfer_model::window::Window;
use std::collections::BTreeMap;

/// A layer, as far as the places of tensors depend on it.
#[derive(Clone, Debug)]
pub(crate) struct LayerGeometry {
    pub(crate) output: TensorId,
    /// The windows through which it reads its inputs, one per term.
    pub(crate) windows: Vec<(TensorId, Window)>,
    /// Slots that an element of its output takes.
    pub(crate) slots: usize,
    /// Whether pairs of operands follow its output.
    pub(crate) has_pairs: bool,
    /// The table that it looks its output up in.
    pub(crate) table: Option<usize>,
}

/// All tensors of a chunk.
#[derive(Clone, Debug)]
pub(crate) struct ChunkLayout {
    pub(crate) tensors: BTreeMap<TensorId, TensorLayout>,
    /// Column maps of a tensor's consumers, one beta accumulator each.
    columns: BTreeMap<TensorId, Vec<ColumnMap>>,
    /// Operands of outputs that are products.
    pairs: BTreeMap<TensorId, Pairs>,
    /// The tables of the chunk's functions, each once: table i has tag i + 1.
    pub(crate) tables: Vec<usize>,
    /// First row of activations.
    pub(crate) first: usize,
    /// Row after the last.
    pub(crate) end: usize,
}

impl ChunkLayout {
    /// Where a tensor stands that a layer reads or writes.
    pub(crate) fn tensor(&self, id: TensorId, layer: &str) -> Result<&TensorLayout, CircuitError> {
        self.tensors.get(&id).ok_or_else(|| {
            CircuitError::inconsistent(
                layer,
                format!("tensor {} is neither computed nor read by its chunk", id.0),
            )
        })
    }

    /// The beta accumulators over a tensor, by their column maps.
    pub(crate) fn columns(&self, id: TensorId) -> &[ColumnMap] {
        self.columns.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The operands of an output's elements.
    pub(crate) fn pairs(&self, output: TensorId, layer: &str) -> Result<&Pairs, CircuitError> {
        let found = self.pairs.get(&output);
        found.ok_or_else(|| CircuitError::inconsistent(layer, "its operands have no rows"))
    }

    /// The tag of a table.
    pub(crate) fn tag(&self, table: usize, layer: &str) -> Result<usize, CircuitError> {
        let position = self.tables.iter().position(|t| *t == table);
        let tag = position.map(|at| at + 1);
        tag.ok_or_else(|| CircuitError::inconsistent(layer, "its table has no tag"))
    }

    /// The most beta accumulators that any rows of the chunk need.
    pub(crate) fn taps(&self) -> usize {
        let of_tensors = self.columns.values().map(Vec::len);
        let of_pairs = self.pairs.values().map(|_| Pairs::TAPS);
        of_tensors.chain(of_pairs).max().unwrap_or(0)
    }
}

/// What the places of a chunk's tensors depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry<'a> {
    pub(crate) graph: &'a QuantizedGraph,
    /// Tensors that the chunk reads.
    pub(crate) inputs: &'a [TensorId],
    pub(crate) layers: &'a [LayerGeometry],
    pub(crate) lanes: usize,
}

/// Who writes and reads each tensor.
struct Links<'a> {
    producers: BTreeMap<TensorId, &'a LayerGeometry>,
    /// The outputs of the layers that read it, and the windows that they read it through.
    readers: BTreeMap<TensorId, Vec<(TensorId, Window)>>,
}

impl<'a> Links<'a> {
    fn new(layers: &'a [LayerGeometry]) -> Self {
        let mut links = Links {
            producers: BTreeMap::new(),
            readers: BTreeMap::new(),
        };
        for layer in layers {
            links.producers.entry(layer.output).or_insert(layer);
            for (input, window) in &layer.windows {
                let readers = links.readers.entry(*input).or_default();
                readers.push((layer.output, *window));
            }
        }
        links
    }

    fn readers(&self, tensor: TensorId) -> &[(TensorId, Window)] {
        self.readers.get(&tensor).map_or(&[], Vec::as_slice)
    }

    fn producer(&self, tensor: TensorId) -> Option<&'a LayerGeometry> {
        self.producers.get(&tensor).copied()
    }

    fn stride(&self, tensor: TensorId) -> usize {
        self.producer(tensor).map_or(1, |layer| layer.slots)
    }
}

impl Geometry<'_> {
    /// Lays out every tensor from row `first` on.
    pub(crate) fn lay_out(&self, first: usize) -> Result<ChunkLayout, CircuitError> {
        let outputs = self.layers.iter().map(|layer| layer.output);
        let links = Links::new(self.layers);
        let order: Vec<TensorId> = self.inputs.iter().copied().chain(outputs).collect();
        let mut layout = ChunkLayout {
            tensors: BTreeMap::new(),
            columns: BTreeMap::new(),
            pairs: BTreeMap::new(),
            tables: self.tables(),
            first,
            end: first,
        };
        for &tensor in order.iter().rev() {
            let (placed, columns) = self.lay_out_tensor(tensor, &links, &layout.tensors)?;
            layout.tensors.insert(tensor, placed);
            layout.columns.insert(tensor, columns);
        }
        for tensor in order {
            if let Some(t) = layout.tensors.get_mut(&tensor) {
                t.base = layout.end;
                layout.end += t.rows();
                if links.producer(tensor).is_some_and(|layer| layer.has_pairs) {
                    let pairs = Pairs::new(layout.end, t);
                    layout.end = pairs.end();
                    layout.pairs.insert(tensor, pairs);
                }
            }
        }
        Ok(layout)
    }

    /// The tables of all functions, in the order of their first use.
    fn tables(&self) -> Vec<usize> {
        let mut tables = Vec::new();
        for table in self.layers.iter().filter_map(|layer| layer.table) {
            if !tables.contains(&table) {
                tables.push(table);
            }
        }
        tables
    }

    fn lay_out_tensor(
        &self,
        tensor: TensorId,
        links: &Links<'_>,
        done: &BTreeMap<TensorId, TensorLayout>,
    ) -> Result<(TensorLayout, Vec<ColumnMap>), CircuitError> {
        let info = self.graph.tensor(tensor);
        let lanes = self.lanes;
        let stride = links.stride(tensor);
        let mut readers = Vec::new();
        for &(output, window) in links.readers(tensor) {
            let output = done.get(&output).ok_or_else(|| {
                CircuitError::inconsistent(&info.name, "read before it is written")
            })?;
            readers.push((window, output));
        }
        let whole = |(window, output): &(Window, &TensorLayout)| {
            window.rows.is_identity() && output.dims.h == info.dims.h && output.period == 1
        };
        let flat = readers.iter().all(whole);
        let mut candidates = vec![1];
        for (window, output) in &readers {
            for period in [window.rows.step(), window.rows.step() * output.period] {
                if period <= info.dims.h && !candidates.contains(&period) {
                    candidates.push(period);
                }
            }
        }
        let cost = |period: &usize| -> usize {
            let trial = TensorLayout::new(info.dims, lanes, stride, *period, false);
            let mut terms = 0;
            for (window, output) in &readers {
                for ky in 0..window.rows.kernel {
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
        let mut layout = TensorLayout::new(info.dims, lanes, stride, period, flat);

        // Wide enough for the extra steps between the image rows of every consumer's output.
        for (window, output) in &readers {
            for kx in 0..window.columns.kernel {
                let needed = ColumnMap::pitch_needed(window, &layout, output, kx);
                if needed > layout.pitch {
                    let aligned =
                        needed.next_multiple_of(if flat { stride } else { lanes.max(stride) });
                    layout.pitch = aligned.next_multiple_of(stride);
                }
            }
        }
        // A tail that makes room for the first output column where the input is padded on the left.
        let mut tail = 0;
        let windows = links.producer(tensor).map_or(&[][..], |l| &l.windows);
        for (input, window) in windows {
            let width = self.graph.tensor(*input).dims.w;
            let input_stride = links.stride(*input);
            for kx in 0..window.columns.kernel {
                tail = tail.max(ColumnMap::tail_needed(
                    window,
                    width,
                    input_stride,
                    &layout,
                    kx,
                ));
            }
        }
        layout.chan = (layout.dims.h * layout.pitch + tail * stride).next_multiple_of(lanes);
        let mut columns: Vec<ColumnMap> = Vec::new();
        for (window, output) in &readers {
            for kx in 0..window.columns.kernel {
                if let Some(map) = ColumnMap::new(window, &layout, output, kx)
                    && !columns.iter().any(|c| c.same_flags(&map))
                {
                    columns.push(map);
                }
            }
        }
        Ok((layout, columns))
    }
}
