//! Operators of shapes and constants, which tract computes. They cannot read a value that depends on a model input.

use super::entry::Operator;
use crate::error::Result;
use crate::float::FloatId;
use crate::frontend::onnx::importer::Importer;
use crate::frontend::onnx::node::refuse;
use crate::frontend::operator::OperatorInfo;
use tract_onnx::pb::NodeProto;

pub(super) const OPERATORS: &[Operator] = &[
    folded("Cast", &["round_mode", "saturate", "to"]),
    folded("Concat", &["axis"]),
    folded(
        "Constant",
        &[
            "sparse_value",
            "value",
            "value_float",
            "value_floats",
            "value_int",
            "value_ints",
            "value_string",
            "value_strings",
        ],
    ),
    folded("Gather", &["axis"]),
    folded("Shape", &["end", "start"]),
    folded("Slice", &["axes", "ends", "starts"]),
];

const fn folded(name: &'static str, attributes: &'static [&'static str]) -> Operator {
    Operator {
        info: OperatorInfo {
            name,
            since: Some(1),
            only: "of constants",
            accepts: "shapes and constants",
            becomes: "nothing: it is computed when the model is read",
        },
        attributes,
        read: not_constant,
    }
}

/// Constants never come here.
fn not_constant(_: &mut Importer<'_>, node: &NodeProto) -> Result<FloatId> {
    Err(refuse(
        node,
        "it reads a tensor that is not constant; supported: shapes and constants",
    ))
}
