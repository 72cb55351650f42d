//! An entry of the table of operators.

use crate::error::Result;
use crate::float::FloatId;
use crate::frontend::onnx::importer::Importer;
use crate::frontend::operator::OperatorInfo;
use tract_onnx::pb::NodeProto;

/// An operator: what is said of it, and the function that reads it.
pub(super) struct Operator {
    pub(super) info: OperatorInfo,
    /// The attributes that any version of the operator has (ONNX 1.23, opset 28).
    pub(super) attributes: &'static [&'static str],
    /// Reads a node whose output is not constant, and returns the tensor of that output.
    pub(super) read: fn(&mut Importer, &NodeProto) -> Result<FloatId>,
}
