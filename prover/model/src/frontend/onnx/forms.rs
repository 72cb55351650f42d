//! What changed between versions of ONNX's operator set: attributes that became inputs or went away. A form of another version than the
//! file's is refused, since one reader would take it and another would not look at it.

use super::node::refuse;
use crate::error::Result;
use tract_onnx::pb::NodeProto;

/// Operator, attribute, and the first version that does not have it.
const GONE: &[(&str, &str, i64)] = &[
    ("Add", "axis", 7),
    ("Add", "broadcast", 7),
    ("And", "axis", 7),
    ("And", "broadcast", 7),
    ("BatchNormalization", "is_test", 7),
    ("BatchNormalization", "spatial", 9),
    ("Clip", "max", 11),
    ("Clip", "min", 11),
    ("Div", "axis", 7),
    ("Div", "broadcast", 7),
    ("Dropout", "is_test", 7),
    ("Dropout", "ratio", 12),
    ("Equal", "axis", 7),
    ("Equal", "broadcast", 7),
    ("Gemm", "broadcast", 7),
    ("Greater", "axis", 7),
    ("Greater", "broadcast", 7),
    ("Less", "axis", 7),
    ("Less", "broadcast", 7),
    ("Mul", "axis", 7),
    ("Mul", "broadcast", 7),
    ("Or", "axis", 7),
    ("Or", "broadcast", 7),
    ("Pad", "paddings", 2),
    ("Pad", "pads", 11),
    ("Pad", "value", 11),
    ("Pow", "axis", 7),
    ("Pow", "broadcast", 7),
    ("ReduceL1", "axes", 18),
    ("ReduceL2", "axes", 18),
    ("ReduceLogSum", "axes", 18),
    ("ReduceLogSumExp", "axes", 18),
    ("ReduceMax", "axes", 18),
    ("ReduceMean", "axes", 18),
    ("ReduceMin", "axes", 18),
    ("ReduceProd", "axes", 18),
    ("ReduceSum", "axes", 13),
    ("ReduceSumSquare", "axes", 18),
    ("Reshape", "shape", 5),
    ("Slice", "axes", 10),
    ("Slice", "ends", 10),
    ("Slice", "starts", 10),
    ("Split", "split", 13),
    ("Squeeze", "axes", 13),
    ("Sub", "axis", 7),
    ("Sub", "broadcast", 7),
    ("Unsqueeze", "axes", 13),
    ("Upsample", "height_scale", 7),
    ("Upsample", "scales", 9),
    ("Upsample", "width_scale", 7),
    ("Xor", "axis", 7),
    ("Xor", "broadcast", 7),
];

/// Operator, number of inputs, and the first version that has more.
const INPUTS: &[(&str, usize, i64)] = &[
    ("Clip", 1, 11),
    ("Dropout", 1, 12),
    ("Pad", 1, 11),
    ("Pad", 3, 18),
    ("ReduceL1", 1, 18),
    ("ReduceL2", 1, 18),
    ("ReduceLogSum", 1, 18),
    ("ReduceLogSumExp", 1, 18),
    ("ReduceMax", 1, 18),
    ("ReduceMean", 1, 18),
    ("ReduceMin", 1, 18),
    ("ReduceProd", 1, 18),
    ("ReduceSum", 1, 13),
    ("ReduceSumSquare", 1, 18),
    ("Reshape", 1, 5),
    ("Resize", 2, 11),
    ("Slice", 1, 10),
    ("Split", 1, 13),
    ("Squeeze", 1, 13),
    ("Unsqueeze", 1, 13),
    ("Upsample", 1, 9),
];

/// Refuses attributes and inputs that the operator does not have in this version.
pub(super) fn check(node: &NodeProto, opset: i64) -> Result<()> {
    let op = node.op_type.as_str();
    for (_, name, gone) in GONE.iter().filter(|(of, _, _)| *of == op) {
        if opset >= *gone && node.attribute.iter().any(|a| a.name == *name) {
            return Err(refuse(
                node,
                format!(
                    "attribute {name}, which opset {opset} does not have; supported: before opset {gone}; export the model again"
                ),
            ));
        }
    }
    for (_, count, more) in INPUTS.iter().filter(|(of, _, _)| *of == op) {
        if opset < *more && node.input.iter().skip(*count).any(|i| !i.is_empty()) {
            return Err(refuse(
                node,
                format!(
                    "{} inputs in opset {opset}; supported: {count}, and more from opset {more} on; export the model again",
                    node.input.len()
                ),
            ));
        }
    }
    Ok(())
}
