//! zkml's `.msgpack` models: NHWC, fixed point at one scale factor, activations fused into layers.

mod importer;
mod layers;
mod schema;

pub use layers::zkml_layers;
pub use schema::zkml_inputs;

use super::guard::guarded;
use super::survey::{Collector, Survey, blocked};
use crate::error::Result;
use crate::float::FloatGraph;
use importer::{Importer, Operand};
use schema::{Model, malformed, shape_of};

/// The float graph of a zkml model.
///
/// # Errors
/// The bytes are not a zkml model, or it has a layer, or a use of one, that is not supported. Never panics.
pub fn from_zkml_bytes(bytes: &[u8]) -> Result<FloatGraph> {
    guarded("zkml msgpack", || import(&Model::parse(bytes)?))
}

fn import(model: &Model) -> Result<FloatGraph> {
    let mut importer = Importer::new(model)?;
    for idx in &model.inp_idxes {
        let shape = model.input_shape(*idx)?;
        let name = format!("input_{idx}");
        let id = importer.builder.input(&name, &shape)?;
        let id = importer.channels_first(&name, id)?;
        importer.operands.insert(*idx, Operand::Tensor(id));
    }
    for (position, layer) in model.layers.iter().enumerate() {
        importer.current = format!("{}_{position}", layer.layer_type);
        let id = layers::read(&mut importer, layer)?;
        let &[output] = layer.out_idxes.as_slice() else {
            return Err(malformed(format!(
                "layer {}: one output expected",
                importer.current
            )));
        };
        let own = importer.model_shape(id);
        if let Some(declared) = layer.out_shapes.first()
            && shape_of(declared)? != own
        {
            return Err(malformed(format!(
                "layer {}: output shape {declared:?} is declared, {own:?} is computed",
                importer.current
            )));
        }
        importer.operands.insert(output, Operand::Tensor(id));
    }
    let mut outputs = Vec::with_capacity(model.out_idxes.len());
    for idx in &model.out_idxes {
        let Some(Operand::Tensor(id)) = importer.operands.get(idx) else {
            return Err(malformed(format!("no layer computes output {idx}")));
        };
        let id = importer.channels_last(&format!("output_{idx}"), *id)?;
        importer.builder.rename(id, &format!("output_{idx}"));
        outputs.push(id);
    }
    importer.builder.finish(&outputs)
}

/// A zkml model, layer by layer.
pub(super) fn survey_zkml(bytes: &[u8]) -> Result<Survey> {
    let mut collector = Collector::default();
    match from_zkml_bytes(bytes) {
        Ok(graph) => collector.finish(String::new(), || Ok(graph.into())),
        Err(error) => match blocked(&error) {
            Some(node) => {
                collector.block(&node.name, &node.operator, error);
                collector.finish(String::new(), || unreachable!())
            }
            None => Err(error),
        },
    }
}
