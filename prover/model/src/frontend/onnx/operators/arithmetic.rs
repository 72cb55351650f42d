//! Sums, differences, products and quotients, element by element.
//!
//! Before opset 7, the second operand alone is broadcast, only where the attribute broadcast says so, and its axes are aligned with those
//! of the first one from the attribute axis on instead of from the last axis backwards.

use super::entry::Operator;
use crate::error::{ModelError, Result};
use crate::float::{Constant, FloatId, FloatOp};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{
    Importer,
    Operand::{self, Constant as C, Tensor as T},
};
use crate::frontend::onnx::node::{label, refuse};
use crate::frontend::operator::OperatorInfo;
use std::sync::Arc;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::Tensor;

pub(super) const OPERATORS: &[Operator] = &[
    Operator {
        info: OperatorInfo {
            name: "Add",
            since: Some(1),
            only: "",
            accepts: "two tensors of one shape, or a tensor and a constant that broadcasts to it; before opset 7 by axis and broadcast",
            becomes: "a linear layer with the terms of both; a constant is folded",
        },
        attributes: &["axis", "broadcast", "consumed_inputs"],
        read: add,
    },
    Operator {
        info: OperatorInfo {
            name: "Div",
            since: Some(1),
            only: "by a constant",
            accepts: "a tensor divided by a constant that broadcasts to it; before opset 7 by axis and broadcast",
            becomes: "nothing: it is folded into the linear layer before or after it",
        },
        attributes: &["axis", "broadcast", "consumed_inputs"],
        read: div,
    },
    Operator {
        info: OperatorInfo {
            name: "Mul",
            since: Some(1),
            only: "by a constant",
            accepts: "a tensor and a constant that broadcasts to it; before opset 7 by axis and broadcast",
            becomes: "nothing: it is folded into the linear layer before or after it",
        },
        attributes: &["axis", "broadcast", "consumed_inputs"],
        read: mul,
    },
    Operator {
        info: OperatorInfo {
            name: "Neg",
            since: Some(1),
            only: "",
            accepts: "any shape",
            becomes: "nothing: it is folded into the linear layer before or after it",
        },
        attributes: &["consumed_inputs"],
        read: neg,
    },
    Operator {
        info: OperatorInfo {
            name: "Mean",
            since: Some(1),
            only: "",
            accepts: "tensors of one shape, and constants that broadcast to it",
            becomes: "a linear layer with the terms of all; constants are folded",
        },
        attributes: &["consumed_inputs"],
        read: mean,
    },
    Operator {
        info: OperatorInfo {
            name: "Sum",
            since: Some(1),
            only: "",
            accepts: "tensors of one shape, and constants that broadcast to it",
            becomes: "a linear layer with the terms of all; constants are folded",
        },
        attributes: &["consumed_inputs"],
        read: sum,
    },
    Operator {
        info: OperatorInfo {
            name: "Sub",
            since: Some(1),
            only: "",
            accepts: "two tensors of one shape, or a tensor and a constant that broadcasts to it, in either order; before opset 7 by axis and broadcast",
            becomes: "a linear layer with the terms of both; a constant is folded",
        },
        attributes: &["axis", "broadcast", "consumed_inputs"],
        read: sub,
    },
];

fn add(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    match operands(importer, node)? {
        (T(a), T(b)) => importer.add(node, FloatOp::Add, &[a, b]),
        (T(a), C(c)) | (C(c), T(a)) => importer.add(node, FloatOp::AddConstant(c), &[a]),
        _ => Err(kinds(node)),
    }
}

fn sub(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
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

fn neg(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    importer.unary(node, FloatOp::MulConstant(Constant::scalar(-1.0)))
}

fn sum(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let total = sum_of_operands(importer, node)?;
    importer.add(node, FloatOp::MulConstant(Constant::scalar(1.0)), &[total])
}

fn mean(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let total = sum_of_operands(importer, node)?;
    let part = 1.0 / node.input.len() as f64;
    importer.add(node, FloatOp::MulConstant(Constant::scalar(part)), &[total])
}

/// The sum of all operands, of which one is a tensor.
fn sum_of_operands(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let (mut tensors, mut constants) = (Vec::new(), Vec::new());
    for index in 0..node.input.len() {
        match importer.operand(node, index)? {
            Some(T(id)) => tensors.push(id),
            Some(C(constant)) => constants.push(constant),
            None => return Err(refuse(node, format!("input {index} is missing"))),
        }
    }
    let mut tensors = tensors.into_iter();
    let mut total = tensors.next().ok_or_else(|| kinds(node))?;
    for tensor in tensors {
        total = importer
            .builder
            .node(label(node), FloatOp::Add, &[total, tensor])?;
    }
    for constant in constants {
        let add = FloatOp::AddConstant(constant);
        total = importer.builder.node(label(node), add, &[total])?;
    }
    Ok(total)
}

fn mul(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    match operands(importer, node)? {
        (T(a), C(c)) | (C(c), T(a)) => importer.add(node, FloatOp::MulConstant(c), &[a]),
        _ => Err(kinds(node)),
    }
}

fn div(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    match operands(importer, node)? {
        (T(a), C(c)) => importer.add(node, FloatOp::MulConstant(map(c, |v| 1.0 / v)), &[a]),
        _ => Err(kinds(node)),
    }
}

fn operands(importer: &Importer, node: &NodeProto) -> Result<(Operand, Operand)> {
    let missing = || refuse(node, "an operand is missing; two are expected");
    let left = importer.operand(node, 0)?.ok_or_else(missing)?;
    let mut right = importer.operand(node, 1)?.ok_or_else(missing)?;
    if importer.opset < PLAIN_BROADCAST {
        let shape = |operand: &Operand| match operand {
            T(id) => importer.builder.shape(*id).to_vec(),
            C(constant) => constant.shape.clone(),
        };
        let (first, second) = (shape(&left), shape(&right));
        let aligned = legacy_shape(node, importer.opset, &first, &second)?;
        match &mut right {
            C(constant) => constant.shape = aligned,
            T(_) if aligned == second => {}
            T(_) => {
                return Err(refuse(
                    node,
                    "a tensor that is broadcast; supported: constants",
                ));
            }
        }
    }
    Ok((left, right))
}

/// The first version of the operator set in which shapes broadcast as numpy's do.
const PLAIN_BROADCAST: i64 = 7;
/// Operators of two operands that had attributes for broadcasting.
const HAD_AXIS: &[&str] = &[
    "Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow", "Sub", "Xor",
];

/// The operands of a node that is computed, so that numpy's rules apply to them.
pub(in crate::frontend::onnx) fn align(
    node: &NodeProto,
    opset: i64,
    mut operands: Vec<Option<Arc<Tensor>>>,
) -> Result<Vec<Option<Arc<Tensor>>>> {
    if opset >= PLAIN_BROADCAST || !HAD_AXIS.contains(&node.op_type.as_str()) {
        return Ok(operands);
    }
    if let [Some(first), Some(second)] = operands.as_mut_slice() {
        let shape = legacy_shape(node, opset, first.shape(), second.shape())?;
        let mut aligned = Tensor::clone(second);
        aligned
            .set_shape(&shape)
            .map_err(|e| refuse(node, format!("{e:#}")))?;
        *second = Arc::new(aligned);
    }
    Ok(operands)
}

/// The shape under which the second operand broadcasts by numpy's rules as this version says.
fn legacy_shape(
    node: &NodeProto,
    opset: i64,
    first: &[usize],
    second: &[usize],
) -> Result<Vec<usize>> {
    if first == second {
        return Ok(second.to_vec());
    }
    let bad = |what: &str| {
        Err(refuse(
            node,
            format!(
                "operands of shapes {first:?} and {second:?} {what} in opset {opset}; export the model with opset {PLAIN_BROADCAST} or later"
            ),
        ))
    };
    if node.int("broadcast", 0) == 0 {
        return bad("without broadcast");
    }
    if second.iter().all(|d| *d == 1) {
        return Ok(Vec::new());
    }
    let last = first.len().checked_sub(second.len());
    let axis = match node.find("axis") {
        Some(axis) => usize::try_from(axis.i).ok(),
        None => last,
    };
    let (Some(axis), Some(last)) = (axis, last) else {
        return bad("do not broadcast");
    };
    let fits = |(a, b): (&usize, &usize)| a == b || *b == 1;
    if axis > last || !first[axis..].iter().zip(second).all(fits) {
        return bad(&format!("do not broadcast from axis {axis} on"));
    }
    Ok([second, &vec![1; last - axis]].concat())
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
