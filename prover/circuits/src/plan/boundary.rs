//! The boundary of a chunk must be exactly what its layers read and write: a tensor left out would be bound to nothing.

use crate::error::CircuitError;
use chainfer_model::partitioned::{LeafClass, PartitionedModel};
use chainfer_model::quantized::{QLayer, TensorId};
use std::collections::BTreeSet;

/// Checks the leaves and one chunk of a partition.
pub(crate) fn check(model: &PartitionedModel, chunk: usize) -> Result<(), CircuitError> {
    let wrong = |what: String| CircuitError::Inconsistent {
        layer: format!("chunk {chunk}"),
        what,
    };
    let graph = &model.graph;
    let spec = &model.chunks[chunk];
    let unique: BTreeSet<TensorId> = model.leaves.iter().map(|l| l.tensor).collect();
    if unique.len() != model.leaves.len() || unique.iter().any(|t| t.0 >= graph.tensors.len()) {
        return Err(wrong(
            "a leaf names no tensor, or two leaves name one".into(),
        ));
    }
    let mut at = 0;
    for other in &model.chunks {
        if other.first_layer != at || other.end_layer <= at {
            return Err(wrong("the chunks do not cover the layers in order".into()));
        }
        at = other.end_layer;
    }
    if at != graph.layers.len() {
        return Err(wrong("the chunks do not cover the layers".into()));
    }
    let own = &graph.layers[spec.first_layer..spec.end_layer];
    let written: BTreeSet<TensorId> = own.iter().map(QLayer::output).collect();
    let read: BTreeSet<TensorId> = own.iter().flat_map(QLayer::inputs).collect();
    let read_elsewhere: BTreeSet<TensorId> = (graph.layers.iter().enumerate())
        .filter(|(i, _)| !(spec.first_layer..spec.end_layer).contains(i))
        .flat_map(|(_, l)| l.inputs())
        .collect();
    let named = |leaves: &[usize], role: &str| -> Result<BTreeSet<TensorId>, CircuitError> {
        let mut tensors = BTreeSet::new();
        for leaf in leaves {
            let found = model.leaves.get(*leaf).map(|l| l.tensor);
            if !found.is_some_and(|t| tensors.insert(t)) {
                return Err(wrong(format!(
                    "leaf {leaf} is {role} twice or does not exist"
                )));
            }
        }
        Ok(tensors)
    };
    let (reads, writes) = (named(&spec.reads, "read")?, named(&spec.writes, "written")?);
    let outside: BTreeSet<TensorId> = read.difference(&written).copied().collect();
    let leaving: BTreeSet<TensorId> = (written.iter().copied())
        .filter(|t| read_elsewhere.contains(t) || graph.outputs.contains(t))
        .collect();
    if reads != outside || writes != leaving {
        return Err(wrong(
            "its leaves are not the tensors that cross its boundary".into(),
        ));
    }
    for leaf in &spec.exposes {
        let known = spec.reads.contains(leaf) || spec.writes.contains(leaf);
        if !known || named(&spec.exposes, "exposed")?.len() != spec.exposes.len() {
            return Err(wrong(format!(
                "leaf {leaf} is exposed but neither read nor written"
            )));
        }
    }
    for (i, leaf) in model.leaves.iter().enumerate() {
        let is_input = graph.inputs.contains(&leaf.tensor);
        if (leaf.class == LeafClass::Input) != is_input {
            return Err(wrong(format!("leaf {i} has the wrong class")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
