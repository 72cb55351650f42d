//! Operators of shapes and constants, which are computed when the model is read. They cannot read a value that depends on a model input.

use super::entry::{Operator, Read};
use crate::error::Result;
use crate::float::FloatId;
use crate::frontend::onnx::importer::Importer;
use crate::frontend::onnx::node::refuse;
use crate::frontend::operator::OperatorInfo;
use tract_onnx::pb::NodeProto;

/// What is said of these operators first.
pub(super) const ONLY: &str = "of constants";

pub(super) const OPERATORS: &[Operator] = &[
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
    folded("ConstantOfShape", &["value"]),
    Operator {
        info: OperatorInfo {
            name: "If",
            since: Some(1),
            only: ONLY,
            accepts: "a condition on shapes and constants",
            becomes: "the branch that is taken",
        },
        attributes: &["else_branch", "then_branch"],
        read: Read::One(not_constant),
    },
    folded("NonZero", &[]),
    folded("Range", &[]),
    folded("Shape", &["end", "start"]),
    folded("Size", &[]),
];

const fn folded(name: &'static str, attributes: &'static [&'static str]) -> Operator {
    Operator {
        info: OperatorInfo {
            name,
            since: Some(1),
            only: ONLY,
            accepts: "shapes and constants",
            becomes: "nothing: it is computed when the model is read",
        },
        attributes,
        read: Read::One(not_constant),
    }
}

/// Constants never come here.
fn not_constant(_: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let remedy = super::remedies::of(node);
    let remedy = if remedy.is_empty() {
        String::new()
    } else {
        format!("; {remedy}")
    };
    Err(refuse(
        node,
        format!(
            "it reads values that depend on the model's input; supported: shapes and constants{remedy}"
        ),
    ))
}
