//! ONNX: tract parses the file and computes constants, a node at a time; operators are mapped from the file's own nodes, so that
//! messages name them.

mod attributes;
mod compose;
mod constant_node;
mod constants;
mod evaluate;
mod extent;
mod external;
mod forms;
mod importer;
mod inputs;
mod node;
mod operators;
mod order;
mod scores;
mod survey;
#[cfg(test)]
mod tests;
mod unique;

pub use operators::onnx_operators;

use super::guard::guarded;
use super::survey::{LoadOptions, Survey};
use crate::error::Result;
use crate::float::FloatGraph;
use external::Folder;
use node::{is_standard, malformed};
use std::path::Path;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::Framework;

/// The newest operator set whose forms of the operators were looked at (ONNX 1.23).
const NEWEST_OPSET: i64 = 28;

/// The float graph of an ONNX model that is one file.
///
/// # Errors
/// Not ONNX; weights outside of the file; operators, or uses of them, that are not supported. Never panics.
pub fn from_onnx_bytes(bytes: &[u8]) -> Result<FloatGraph> {
    let survey = survey_onnx(bytes, None, &LoadOptions::default())?;
    survey.model.map(|model| model.graph)
}

/// An ONNX model, node by node. `folder` is that of the file: weights may lie in files below it.
///
/// # Errors
/// Not ONNX, or broken. Never panics.
pub(super) fn survey_onnx(
    bytes: &[u8],
    folder: Option<&Path>,
    options: &LoadOptions,
) -> Result<Survey> {
    guarded("onnx", || {
        let proto = tract_onnx::onnx()
            .proto_model_for_read(&mut &bytes[..])
            .map_err(|e| malformed(format!("not an ONNX file: {e:#}")))?;
        let folder = folder.map_or_else(Folder::none, Folder::of);
        survey_proto(&proto, folder, options)
    })
}

fn survey_proto(proto: &ModelProto, folder: Folder<'_>, options: &LoadOptions) -> Result<Survey> {
    unique::check(proto)?;
    let opset = proto
        .opset_import
        .iter()
        .find(|o| is_standard(&o.domain))
        .map_or(1, |o| o.version);
    if opset > NEWEST_OPSET {
        return Err(malformed(format!(
            "opset {opset}; supported: up to {NEWEST_OPSET}; export the model with an older opset"
        )));
    }
    let graph = proto.graph.as_ref();
    let graph = graph.ok_or_else(|| malformed("the file holds no graph"))?;
    survey::survey(graph, opset, folder, options)
}
