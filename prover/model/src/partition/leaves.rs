//! Leaves in canonical order, and what each chunk reads, writes and exposes.

use crate::error::{ModelError, Result};
use crate::partitioned::{
    BoundaryVisibility, ChunkSpec, Leaf, LeafClass, PartitionedModel, Visibility,
};
use crate::quantized::{QuantizedGraph, TensorId};

/// Refuses outputs that no layer computes, inputs that no layer reads, and repeated outputs.
pub(super) fn check_ends(graph: &QuantizedGraph) -> Result<()> {
    let name = |id: &TensorId| graph.tensor(*id).name.clone();
    for id in &graph.inputs {
        if !graph.layers.iter().any(|l| l.inputs().contains(id)) {
            return Err(ModelError::Partition(format!(
                "no layer reads the model input {}; remove it from the model",
                name(id)
            )));
        }
    }
    for (n, id) in graph.outputs.iter().enumerate() {
        if !graph.layers.iter().any(|l| l.output() == *id) {
            return Err(ModelError::Partition(format!(
                "no layer computes the model output {}; remove it from the model",
                name(id)
            )));
        }
        if graph.outputs[..n].contains(id) {
            return Err(ModelError::Partition(format!(
                "the model output {} is listed twice",
                name(id)
            )));
        }
    }
    Ok(())
}

/// Builds the partitioned model from the chunks' end layers. Every tensor has one leaf, in the first class that fits;
/// an output that also crosses a cut stands among the cut tensors, with its visibility as an output.
pub(super) fn assign(
    graph: QuantizedGraph,
    ends: &[usize],
    visibility: BoundaryVisibility,
) -> Result<PartitionedModel> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let ranges: Vec<(usize, usize)> = starts.zip(ends.iter().copied()).collect();
    let chunk_of = |layer: usize| ranges.iter().position(|(_, end)| layer < *end).unwrap_or(0);
    let crosses = |layer: usize| {
        let written = graph.layers[layer].output();
        let readers = graph
            .layers
            .iter()
            .enumerate()
            .filter(|(_, l)| l.inputs().contains(&written));
        readers
            .map(|(reader, _)| chunk_of(reader))
            .any(|chunk| chunk != chunk_of(layer))
    };
    let leaf = |tensor: TensorId, class: LeafClass, visibility: Visibility| Leaf {
        tensor,
        class,
        visibility,
    };
    let mut leaves: Vec<Leaf> = graph
        .inputs
        .iter()
        .map(|id| leaf(*id, LeafClass::Input, visibility.inputs))
        .collect();
    // Layers are in order, so cut tensors come by producing chunk.
    for (index, layer) in graph.layers.iter().enumerate() {
        if crosses(index) {
            let id = layer.output();
            let is_output = graph.outputs.contains(&id);
            let seen = if is_output {
                visibility.outputs
            } else {
                Visibility::Committed
            };
            leaves.push(leaf(id, LeafClass::Cut, seen));
        }
    }
    for id in &graph.outputs {
        if !leaves.iter().any(|l| l.tensor == *id) {
            leaves.push(leaf(*id, LeafClass::Output, visibility.outputs));
        }
    }
    let position = |id: TensorId| leaves.iter().position(|l| l.tensor == id);
    let mut exposed_inputs = vec![false; leaves.len()];
    let mut chunks = Vec::with_capacity(ranges.len());
    for (first_layer, end_layer) in ranges {
        let layers = &graph.layers[first_layer..end_layer];
        let written: Vec<TensorId> = layers.iter().map(|l| l.output()).collect();
        let outside = layers
            .iter()
            .flat_map(|l| l.inputs())
            .filter(|id| !written.contains(id));
        let reads = outside
            .map(|id| {
                position(id).ok_or_else(|| {
                    ModelError::Partition(format!("tensor {} has no leaf", graph.tensor(id).name))
                })
            })
            .collect::<Result<Vec<usize>>>()
            .map(ascending)?;
        let writes = ascending(written.iter().filter_map(|id| position(*id)).collect());
        let mut exposes = Vec::new();
        for read in &reads {
            let first = leaves[*read].class == LeafClass::Input
                && !std::mem::replace(&mut exposed_inputs[*read], true);
            exposes.extend(first.then_some(*read));
        }
        let produced = graph.outputs.iter().filter(|id| written.contains(id));
        exposes.extend(produced.filter_map(|id| position(*id)));
        chunks.push(ChunkSpec {
            first_layer,
            end_layer,
            reads,
            writes,
            exposes,
        });
    }
    Ok(PartitionedModel {
        graph,
        leaves,
        chunks,
    })
}

fn ascending(mut list: Vec<usize>) -> Vec<usize> {
    list.sort_unstable();
    list.dedup();
    list
}
