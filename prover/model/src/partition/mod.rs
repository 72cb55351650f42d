//! Cuts a quantised graph into chunks of balanced cost.

mod choose;
mod cost;
mod leaves;

pub use crate::partitioned::BoundaryVisibility;
pub use choose::{CutAim, RunCost, RunTable};
pub use cost::CostModel;

use crate::error::{ModelError, Result};
use crate::partitioned::PartitionedModel;
use crate::quantized::QuantizedGraph;
use chainfer_formats::limits::MAX_CHUNKS;
use cost::Costs;

/// Most layers of a program: what partitioning takes grows with their square.
const MAX_LAYERS: usize = 1 << 13;

/// How many chunks to cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkCount {
    /// Exactly this many, from 1 to the number of layers.
    Exactly(usize),
    /// The fewest whose largest cost is within [`CostModel::auto_target`], as far as that goes.
    Auto,
}

/// Cuts the layer list into contiguous runs whose largest cost is least (and, among those, whose sum is least).
///
/// # Errors
/// More chunks than layers, or none; an input that no layer reads; an output that no layer computes.
pub fn partition(
    graph: QuantizedGraph,
    chunks: ChunkCount,
    visibility: BoundaryVisibility,
    costs: &CostModel,
) -> Result<PartitionedModel> {
    let layers = graph.layers.len();
    let most = most_chunks(&graph, chunks)?;
    leaves::check_ends(&graph)?;
    let rows = match chunks {
        ChunkCount::Exactly(n) => n,
        ChunkCount::Auto => most,
    };
    let plan = Plan::new(&Costs::new(&graph, costs), layers, rows);
    let count = match chunks {
        ChunkCount::Exactly(n) => n,
        ChunkCount::Auto => plan.fewest(costs.auto_target),
    };
    leaves::assign(graph, &plan.cuts(count), visibility)
}

/// Cuts the layer list behind given layers: `ends` are the ends of the chunks, ascending, the last one the number of layers.
///
/// # Errors
/// As [`partition`]; ends that are no cut of the layers.
pub fn partition_at(
    graph: QuantizedGraph,
    ends: &[usize],
    visibility: BoundaryVisibility,
) -> Result<PartitionedModel> {
    most_chunks(&graph, ChunkCount::Exactly(ends.len()))?;
    if !is_cut(ends, graph.layers.len()) {
        return Err(ModelError::Partition(format!(
            "chunks that end behind the layers {ends:?} are no cut of {} layers",
            graph.layers.len()
        )));
    }
    leaves::check_ends(&graph)?;
    leaves::assign(graph, ends, visibility)
}

/// Whether chunks that end behind these layers are a cut of so many layers.
pub fn is_cut(ends: &[usize], layers: usize) -> bool {
    let ascending = ends.windows(2).all(|pair| pair[0] < pair[1]);
    ascending && ends.first() != Some(&0) && ends.last() == Some(&layers)
}

/// The most chunks that a program can be cut into.
///
/// # Errors
/// It has no layers or too many, or cannot be cut into as many chunks as are asked for.
pub fn most_chunks(graph: &QuantizedGraph, chunks: ChunkCount) -> Result<usize> {
    let layers = graph.layers.len();
    if layers == 0 {
        return Err(ModelError::Partition(
            "the model has no layer to prove".into(),
        ));
    }
    if layers > MAX_LAYERS {
        return Err(ModelError::Partition(format!(
            "the model has {layers} fused layers, at most {MAX_LAYERS} are supported"
        )));
    }
    let most = layers.min(MAX_CHUNKS);
    if let ChunkCount::Exactly(n) = chunks
        && !(1..=most).contains(&n)
    {
        return Err(ModelError::Partition(format!(
            "{n} chunks were asked for; the model has {layers} fused layers, so 1 to {most} are possible"
        )));
    }
    Ok(most)
}

/// The cost of each chunk of a partitioned model, in the units of `costs`.
pub fn chunk_costs(model: &PartitionedModel, costs: &CostModel) -> Vec<u64> {
    let table = Costs::new(&model.graph, costs);
    model
        .chunks
        .iter()
        .map(|c| table.between(c.first_layer, c.end_layer))
        .collect()
}

/// Dynamic programme over `(number of chunks, end layer)`.
struct Plan {
    /// `best[n - 1][end]`: `(largest, sum, first layer of the last chunk)` of `n` chunks over layers `0..end`.
    best: Vec<Vec<Option<(u64, u64, usize)>>>,
}

impl Plan {
    fn new(costs: &Costs<'_>, layers: usize, most: usize) -> Self {
        let rows: Vec<Vec<u64>> = (0..layers).map(|first| costs.row(first)).collect();
        let cost = |first: usize, end: usize| rows[first][end - first - 1];
        let mut best: Vec<Vec<Option<(u64, u64, usize)>>> = Vec::with_capacity(most);
        for n in 0..most {
            let mut row = vec![None; layers + 1];
            for (end, slot) in row.iter_mut().enumerate().skip(n + 1) {
                *slot = match best.last() {
                    None => Some((cost(0, end), cost(0, end), 0)),
                    Some(previous) => (n..end)
                        .filter_map(|first| {
                            let (largest, sum, _) = previous[first]?;
                            let own = cost(first, end);
                            Some((largest.max(own), sum + own, first))
                        })
                        .min(),
                };
            }
            best.push(row);
        }
        Self { best }
    }

    /// The fewest chunks within `target`, else as many as make the largest cost least.
    fn fewest(&self, target: u64) -> usize {
        let largest = |row: &Vec<Option<(u64, u64, usize)>>| {
            row.last().copied().flatten().map_or(u64::MAX, |b| b.0)
        };
        let within = self.best.iter().position(|row| largest(row) <= target);
        let least = || {
            (0..self.best.len())
                .min_by_key(|n| largest(&self.best[*n]))
                .unwrap_or(0)
        };
        within.unwrap_or_else(least) + 1
    }

    /// End layers of the chunks, ascending.
    fn cuts(&self, chunks: usize) -> Vec<usize> {
        let mut end = self.best.first().map_or(0, |row| row.len() - 1);
        let mut ends = Vec::with_capacity(chunks);
        for row in self.best[..chunks].iter().rev() {
            ends.push(end);
            end = row[end].map_or(0, |b| b.2);
        }
        ends.reverse();
        ends
    }
}
