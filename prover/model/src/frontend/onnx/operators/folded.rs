//! Operators of shapes and constants, which are computed when the model is read. They cannot read a value that depends on a model input.

use super::entry::Operator;
use crate::error::Result;
use crate::float::FloatId;
use crate::frontend::onnx::importer::Importer;
use crate::frontend::onnx::node::refuse;
use crate::frontend::operator::OperatorInfo;
use tract_onnx::pb::NodeProto;

/// What is said of these operators first.
pub(super) const ONLY: &str = "of constants";

const REDUCED: &[&str] = &["axes", "keepdims", "noop_with_empty_axes"];

pub(super) const OPERATORS: &[Operator] = &[
    folded("Abs", &[]),
    folded("And", &["axis", "broadcast"]),
    Operator {
        info: OperatorInfo {
            accepts: "shapes and constants; of other values, what it computes is left out",
            becomes: "nothing",
            ..folded("ArgMax", &[]).info
        },
        ..folded("ArgMax", &["axis", "keepdims", "select_last_index"])
    },
    folded("ArgMin", &["axis", "keepdims", "select_last_index"]),
    folded("Ceil", &[]),
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
    folded("ConstantOfShape", &["value"]),
    folded("Cos", &[]),
    folded("Equal", &["axis", "broadcast"]),
    folded("Erf", &[]),
    folded("Exp", &["consumed_inputs"]),
    folded("Expand", &[]),
    folded("Floor", &["consumed_inputs"]),
    folded("Gather", &["axis"]),
    folded("Greater", &["axis", "broadcast"]),
    folded("GreaterOrEqual", &[]),
    Operator {
        info: OperatorInfo {
            name: "If",
            since: Some(1),
            only: ONLY,
            accepts: "a condition on shapes and constants",
            becomes: "the branch that is taken",
        },
        attributes: &["else_branch", "then_branch"],
        read: not_constant,
    },
    folded("Less", &["axis", "broadcast"]),
    folded("LessOrEqual", &[]),
    folded("Log", &["consumed_inputs"]),
    folded("Max", &["consumed_inputs"]),
    folded("Min", &["consumed_inputs"]),
    folded("Mod", &["fmod"]),
    folded("NonZero", &[]),
    folded("Not", &[]),
    folded("Or", &["axis", "broadcast"]),
    folded("Pow", &["axis", "broadcast"]),
    folded("Range", &[]),
    folded("Reciprocal", &["consumed_inputs"]),
    folded("ReduceMin", REDUCED),
    folded("ReduceProd", REDUCED),
    folded("Round", &[]),
    folded("Shape", &["end", "start"]),
    Operator {
        info: OperatorInfo {
            accepts: "shapes and constants; at the end with --raw-scores: one list of scores, which is the output instead",
            becomes: "nothing: it is computed when the model is read, or left out",
            ..folded("Sigmoid", &[]).info
        },
        ..folded("Sigmoid", &["consumed_inputs"])
    },
    folded("Sign", &[]),
    folded("Sin", &[]),
    folded("Size", &[]),
    folded("Slice", &["axes", "ends", "starts"]),
    folded("Split", &["axis", "num_outputs", "split"]),
    folded("Sqrt", &["consumed_inputs"]),
    folded("Tanh", &["consumed_inputs"]),
    folded("Tile", &[]),
    folded("Where", &[]),
    folded("Xor", &["axis", "broadcast"]),
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
        read: not_constant,
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
