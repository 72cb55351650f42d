//! Clamps.

use super::entry::Operator;
use crate::error::Result;
use crate::float::{Bounds, FloatId, FloatOp};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::Importer;
use crate::frontend::onnx::node::refuse;
use crate::frontend::operator::OperatorInfo;
use tract_onnx::pb::NodeProto;

/// Bounds past this stand for none.
const UNBOUNDED: f64 = 1e30;

pub(super) const OPERATORS: &[Operator] = &[
    Operator {
        info: OperatorInfo {
            name: "Clip",
            since: Some(1),
            only: "",
            accepts: "constant bounds that enclose 0",
            becomes: "the saturation of the layer before it, where possible",
        },
        attributes: &["consumed_inputs", "max", "min"],
        read: clip,
    },
    ending("LogSoftmax"),
    Operator {
        info: OperatorInfo {
            name: "Relu",
            since: Some(1),
            only: "",
            accepts: "any shape",
            becomes: "the saturation of the layer before it, where possible",
        },
        attributes: &["consumed_inputs"],
        read: relu,
    },
    ending("Softmax"),
];

const fn ending(name: &'static str) -> Operator {
    Operator {
        info: OperatorInfo {
            name,
            since: Some(1),
            only: "at the end",
            accepts: "with --raw-scores: one list of scores, which is the output instead",
            becomes: "nothing: it is left out",
        },
        attributes: &["axis", "consumed_inputs"],
        read: not_scores,
    }
}

/// What depends on the model's input never comes here.
fn not_scores(_: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    Err(refuse(
        node,
        "a constant; fold it when you export the model",
    ))
}

fn clip(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let (low, high) = if importer.opset < 11 {
        (node.float("min", -UNBOUNDED), node.float("max", UNBOUNDED))
    } else {
        let bound = |index: usize, default: f64| {
            let constant = importer.constant(node, index)?;
            Ok(constant
                .and_then(|c| c.data.first().copied())
                .unwrap_or(default))
        };
        (bound(1, -UNBOUNDED)?, bound(2, UNBOUNDED)?)
    };
    if low.is_nan() || high.is_nan() {
        return Err(refuse(node, "a bound that is not a number"));
    }
    let bounds = Bounds {
        low: (low > -UNBOUNDED).then_some(low),
        high: (high < UNBOUNDED).then_some(high),
    };
    importer.unary(node, FloatOp::Clamp(bounds))
}

fn relu(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    importer.unary(node, FloatOp::Clamp(Bounds::RELU))
}
