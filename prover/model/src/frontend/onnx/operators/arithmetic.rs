//! Sums, differences, products and quotients, element by element. Before opset 7, operands broadcast by an axis attribute
//! rather than from the last axis on.

use super::entry::Operator;
use crate::error::{ModelError, Result};
use crate::float::{Constant, FloatId, FloatOp};
use crate::frontend::onnx::importer::{
    Importer,
    Operand::{self, Constant as C, Tensor as T},
};
use crate::frontend::onnx::node::{label, refuse};
use crate::frontend::operator::OperatorInfo;
use tract_onnx::pb::NodeProto;

pub(super) const OPERATORS: &[Operator] = &[
    Operator {
        info: OperatorInfo {
            name: "Add",
            since: Some(7),
            only: "",
            accepts: "two tensors of one shape, or a tensor and a constant that broadcasts to it",
            becomes: "a linear layer with the terms of both; a constant is folded",
        },
        attributes: &["axis", "broadcast", "consumed_inputs"],
        read: add,
    },
    Operator {
        info: OperatorInfo {
            name: "Div",
            since: Some(7),
            only: "by a constant",
            accepts: "a tensor divided by a constant that broadcasts to it",
            becomes: "nothing: it is folded into the linear layer before or after it",
        },
        attributes: &["axis", "broadcast", "consumed_inputs"],
        read: div,
    },
    Operator {
        info: OperatorInfo {
            name: "Mul",
            since: Some(7),
            only: "by a constant",
            accepts: "a tensor and a constant that broadcasts to it",
            becomes: "nothing: it is folded into the linear layer before or after it",
        },
        attributes: &["axis", "broadcast", "consumed_inputs"],
        read: mul,
    },
    Operator {
        info: OperatorInfo {
            name: "Sub",
            since: Some(7),
            only: "",
            accepts: "two tensors of one shape, or a tensor and a constant that broadcasts to it, in either order",
            becomes: "a linear layer with the terms of both; a constant is folded",
        },
        attributes: &["axis", "broadcast", "consumed_inputs"],
        read: sub,
    },
];

fn add(importer: &mut Importer<'_>, node: &NodeProto) -> Result<FloatId> {
    match operands(importer, node)? {
        (T(a), T(b)) => importer.add(node, FloatOp::Add, &[a, b]),
        (T(a), C(c)) | (C(c), T(a)) => importer.add(node, FloatOp::AddConstant(c), &[a]),
        _ => Err(kinds(node)),
    }
}

fn sub(importer: &mut Importer<'_>, node: &NodeProto) -> Result<FloatId> {
    match operands(importer, node)? {
        (T(a), T(b)) => importer.add(node, FloatOp::Sub, &[a, b]),
        (T(a), C(c)) => importer.add(node, FloatOp::AddConstant(map(c, |v| -v)), &[a]),
        (C(c), T(a)) => {
            let negative = FloatOp::MulConstant(Constant::scalar(-1.0));
            let a = importer.builder.node(label(node), negative, &[a])?;
            importer.add(node, FloatOp::AddConstant(c), &[a])
        }
        _ => Err(kinds(node)),
    }
}

fn mul(importer: &mut Importer<'_>, node: &NodeProto) -> Result<FloatId> {
    match operands(importer, node)? {
        (T(a), C(c)) | (C(c), T(a)) => importer.add(node, FloatOp::MulConstant(c), &[a]),
        _ => Err(kinds(node)),
    }
}

fn div(importer: &mut Importer<'_>, node: &NodeProto) -> Result<FloatId> {
    match operands(importer, node)? {
        (T(a), C(c)) => importer.add(node, FloatOp::MulConstant(map(c, |v| 1.0 / v)), &[a]),
        _ => Err(kinds(node)),
    }
}

fn operands(importer: &Importer<'_>, node: &NodeProto) -> Result<(Operand, Operand)> {
    let missing = || refuse(node, "an operand is missing; two are expected");
    let left = importer.operand(node, 0)?.ok_or_else(missing)?;
    let right = importer.operand(node, 1)?.ok_or_else(missing)?;
    Ok((left, right))
}

fn map(constant: Constant, f: fn(f64) -> f64) -> Constant {
    Constant {
        data: constant.data.iter().map(|v| f(*v)).collect(),
        ..constant
    }
}

/// The error for tensors where a constant is needed, or the other way round.
fn kinds(node: &NodeProto) -> ModelError {
    refuse(
        node,
        "operands of these kinds; supported: sums and differences, and a tensor multiplied or divided by a constant",
    )
}
