//! Errors that name a node of the file.

use crate::error::{ModelError, Result};
use crate::float::MAX_ELEMENTS;
use crate::frontend::compose::count_of;
use tract_onnx::pb::NodeProto;

/// ONNX's own operators, under either name.
pub(super) fn is_standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

pub(super) fn malformed(detail: impl Into<String>) -> ModelError {
    ModelError::Malformed {
        format: "onnx",
        detail: detail.into(),
    }
}

/// The node's name, or that of its first output where it has none.
pub(super) fn label(node: &NodeProto) -> &str {
    match (node.name.as_str(), node.output.first()) {
        ("", Some(output)) => output,
        (name, _) => name,
    }
}

/// The number of elements of a shape, which is not too large for a tensor.
pub(super) fn size(node: &NodeProto, shape: &[usize]) -> Result<usize> {
    count_of(shape).ok_or_else(|| {
        refuse(
            node,
            format!("a tensor of shape {shape:?}; supported: 1 to {MAX_ELEMENTS} elements"),
        )
    })
}

/// A supported operator, used in a way that is not; `reason` says what is.
pub(super) fn refuse(node: &NodeProto, reason: impl Into<String>) -> ModelError {
    ModelError::UnsupportedUse {
        node: label(node).to_owned(),
        op: node.op_type.clone(),
        reason: reason.into(),
    }
}
