//! What stands in which row: the model's inputs, its layers chunk by chunk, and its outputs; and the lines between them.

use super::lanes::{Span, lanes};
use chainfer_model::{
    partitioned::{PartitionedModel, Visibility},
    quantized::TensorId,
};
use std::collections::BTreeMap;

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// A model input.
    Input(TensorId),
    /// A layer, by its index.
    Layer(usize),
    /// A model output.
    Output(TensorId),
}

/// A tensor's way from the row that writes it to the rows that read it.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) from: usize,
    /// Rows that read it, ascending.
    pub(super) to: Vec<usize>,
    /// Visibility of its leaf; `None` if it stays inside a chunk.
    pub(super) leaf: Option<Visibility>,
    /// Lane among the lines of its side.
    pub(super) lane: usize,
}

/// All rows and lines.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    /// Rows of each chunk: `first..end`.
    pub(super) chunks: Vec<(usize, usize)>,
    /// Lines of leaves, and how many lanes they take.
    pub(super) leaves: (Vec<Line>, usize),
    /// Lines inside chunks that lead further than to the next row, and how many lanes they take.
    pub(super) inner: (Vec<Line>, usize),
    /// Rows whose layer reads the row before.
    pub(super) follows: Vec<bool>,
}

impl Rows {
    pub(super) fn of(model: &PartitionedModel) -> Self {
        let graph = &model.graph;
        let mut rows: Vec<Row> = graph.inputs.iter().copied().map(Row::Input).collect();
        let mut chunks = Vec::new();
        for chunk in &model.chunks {
            let layers = chunk.first_layer..chunk.end_layer.min(graph.layers.len());
            let first = rows.len();
            rows.extend(layers.map(Row::Layer));
            chunks.push((first, rows.len()));
        }
        rows.extend(graph.outputs.iter().copied().map(Row::Output));

        let mut from = BTreeMap::new();
        let mut to: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, row) in rows.iter().enumerate() {
            match row {
                Row::Input(id) => {
                    from.insert(id.0, at);
                }
                Row::Layer(index) => {
                    let layer = &graph.layers[*index];
                    for input in layer.inputs() {
                        let readers = to.entry(input.0).or_default();
                        // An operand may be read twice.
                        if readers.last() != Some(&at) {
                            readers.push(at);
                        }
                    }
                    from.insert(layer.output().0, at);
                }
                Row::Output(id) => to.entry(id.0).or_default().push(at),
            }
        }
        let visibility: BTreeMap<usize, Visibility> = (model.leaves.iter())
            .map(|leaf| (leaf.tensor.0, leaf.visibility))
            .collect();
        let mut follows = vec![false; rows.len()];
        let (mut leaves, mut inner) = (Vec::new(), Vec::new());
        for (tensor, mut readers) in to {
            let Some(&from) = from.get(&tensor) else {
                continue;
            };
            let leaf = visibility.get(&tensor).copied();
            if leaf.is_none() && readers.first() == Some(&(from + 1)) {
                follows[from + 1] = true;
                readers.remove(0);
            }
            let line = |to| Line {
                from,
                to,
                leaf,
                lane: 0,
            };
            match leaf {
                _ if readers.is_empty() => {}
                Some(_) => leaves.push(line(readers)),
                None => inner.push(line(readers)),
            }
        }
        Self {
            rows,
            chunks,
            leaves: on_lanes(leaves),
            inner: on_lanes(inner),
            follows,
        }
    }
}

fn on_lanes(mut lines: Vec<Line>) -> (Vec<Line>, usize) {
    let spans: Vec<Span> = (lines.iter())
        .map(|line| Span {
            from: line.from,
            to: line.to.last().copied().unwrap_or(line.from),
        })
        .collect();
    let (places, count) = lanes(&spans);
    for (line, lane) in lines.iter_mut().zip(places) {
        line.lane = lane;
    }
    (lines, count)
}
