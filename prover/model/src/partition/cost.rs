//! What proving a run of layers costs.

use crate::quantized::{QLayer, QuantizedGraph};
use serde::{Deserialize, Serialize};

/// Costs in units of 10 microseconds of one core, as measured on chunk circuits of 2^10 to 2^12 rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostModel {
    /// Per row of computed values: quotients, remainders and lookups.
    pub per_value: u64,
    /// Per weight, which is a fixed cell.
    pub per_weight: u64,
    /// Per 30 values of a boundary tensor: one Poseidon permutation, and unpacking them.
    pub per_hash_block: u64,
    /// Per Merkle opening, its path included.
    pub per_opening: u64,
    /// The chunk cost that [`super::ChunkCount::Auto`] stays below where it can.
    pub auto_target: u64,
}

impl Default for CostModel {
    fn default() -> Self {
        Self {
            per_value: 16,
            per_weight: 5,
            per_hash_block: 1_000,
            per_opening: 2_000,
            auto_target: 1 << 19,
        }
    }
}

/// Costs of runs of one graph's layers.
pub(super) struct Costs<'g> {
    graph: &'g QuantizedGraph,
    model: CostModel,
    /// Layer that writes each tensor; `None` for model inputs.
    producer: Vec<Option<usize>>,
    /// Last layer that reads each tensor; `usize::MAX` for outputs.
    last_read: Vec<usize>,
}

impl<'g> Costs<'g> {
    pub(super) fn new(graph: &'g QuantizedGraph, model: &CostModel) -> Self {
        let mut producer = vec![None; graph.tensors.len()];
        let mut last_read = vec![0; graph.tensors.len()];
        for (index, layer) in graph.layers.iter().enumerate() {
            producer[layer.output().0] = Some(index);
            layer.inputs().iter().for_each(|t| last_read[t.0] = index);
        }
        graph
            .outputs
            .iter()
            .for_each(|t| last_read[t.0] = usize::MAX);
        Self {
            graph,
            model: *model,
            producer,
            last_read,
        }
    }

    fn layer(&self, index: usize) -> u64 {
        let layer = &self.graph.layers[index];
        let values = self.graph.tensor(layer.output()).dims.len() as u64;
        let rows = match layer {
            // The product and its operands.
            QLayer::Product(_) => 3 * values,
            // The output, and each activation of the left operand in the check.
            QLayer::MatMul(product) => {
                let inner = product.inner as u64;
                let rows = self.graph.tensor(product.output).dims.c as u64;
                values + rows * inner
            }
            _ => values,
        };
        rows * self.model.per_value + layer.weights() as u64 * self.model.per_weight
    }

    fn opening(&self, tensor: usize) -> u64 {
        let values = self.graph.tensors[tensor].dims.len() as u64;
        values.div_ceil(30) * self.model.per_hash_block + self.model.per_opening
    }

    /// Costs of the runs `first..first + 1`, `first..first + 2`, ... up to the end.
    pub(super) fn row(&self, first: usize) -> Vec<u64> {
        let mut seen = vec![false; self.graph.tensors.len()];
        let (mut inside, mut reads, mut writes) = (0, 0, 0);
        (first..self.graph.layers.len())
            .map(|index| {
                let layer = &self.graph.layers[index];
                inside += self.layer(index);
                for t in layer.inputs() {
                    let own = self.producer[t.0].is_some_and(|p| p >= first);
                    if own && self.last_read[t.0] == index {
                        writes -= self.opening(t.0);
                    } else if !own && !std::mem::replace(&mut seen[t.0], true) {
                        reads += self.opening(t.0);
                    }
                }
                let out = layer.output().0;
                if self.last_read[out] > index {
                    writes += self.opening(out);
                }
                inside + reads + writes
            })
            .collect()
    }

    /// Cost of the run `first..end`.
    pub(super) fn between(&self, first: usize, end: usize) -> u64 {
        self.row(first).get(end - first - 1).copied().unwrap_or(0)
    }
}
