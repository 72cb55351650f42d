//! ONNX: tract parses, infers shapes and folds constants; operators are mapped from the file's own nodes, so that
//! messages name them.

mod attributes;
mod check;
mod facts;
mod hide;
mod importer;
mod node;
mod operators;
mod unique;

pub use operators::onnx_operators;

use super::guard::guarded;
use crate::error::Result;
use crate::float::FloatGraph;
use facts::Facts;
use importer::Importer;
use node::{label, malformed, refuse};
use tract_onnx::pb::GraphProto;
use tract_onnx::prelude::Framework;

/// The float graph of an ONNX model.
///
/// # Errors
/// Not ONNX; weights outside of the file; an operator, or a use of one, that is not supported. Never panics.
pub fn from_onnx_bytes(bytes: &[u8]) -> Result<FloatGraph> {
    guarded("onnx", || {
        let mut proto = tract_onnx::onnx()
            .proto_model_for_read(&mut &bytes[..])
            .map_err(|e| malformed(format!("not an ONNX file: {e:#}")))?;
        let opset = check::check(&mut proto)?;
        let hidden = hide::hide(&mut proto);
        let facts = Facts::new(&proto)?;
        hide::put_back(&mut proto, hidden);
        import(
            Importer::new(&facts, opset),
            &proto.graph.unwrap_or_default(),
        )
    })
}

fn import(mut importer: Importer<'_>, graph: &GraphProto) -> Result<FloatGraph> {
    for input in check::model_inputs(graph) {
        let shape = check::input_shape(input)?;
        let id = importer.builder.input(&input.name, &shape)?;
        importer.tensors.insert(input.name.clone(), id);
    }
    for node in check::sorted(graph)? {
        let Some(output) = node.output.first() else {
            continue;
        };
        // What depends on no input is a constant.
        if importer.facts.is_constant(output) {
            if hide::is_hidden(node) {
                return Err(refuse(
                    node,
                    "a constant; fold it when you export the model",
                ));
            }
            continue;
        }
        let id = operators::read(&mut importer, node)?;
        importer.tensors.insert(output.clone(), id);
        if importer.builder.shape(id)
            != importer
                .facts
                .shape(output)
                .unwrap_or(importer.builder.shape(id))
        {
            return Err(malformed(format!(
                "node {}: its output has shape {:?}, shape inference says {:?}",
                label(node),
                importer.builder.shape(id),
                importer.facts.shape(output)
            )));
        }
    }
    let mut outputs = Vec::with_capacity(graph.output.len());
    for output in &graph.output {
        let id = importer.tensors.get(&output.name).ok_or_else(|| {
            malformed(format!(
                "output {} does not depend on any input",
                output.name
            ))
        })?;
        check::output_shape(output, importer.builder.shape(*id))?;
        importer.builder.rename(*id, &output.name);
        outputs.push(*id);
    }
    importer.builder.finish(&outputs)
}
