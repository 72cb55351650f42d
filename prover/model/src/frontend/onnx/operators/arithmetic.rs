//! Sums, differences, products and quotients, element by element.
//!
//! Before opset 7, the second operand alone is broadcast, only where the attribute broadcast says so, and its axes are aligned with those
//! of the first one from the attribute axis on instead of from the last axis backwards.

use super::entry::{Operator, many, one};
use crate::error::Result;
use crate::float::{Constant, FloatId, FloatOp, Function};
use crate::frontend::compose::{Arithmetic, map};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::compose::broadcast;
use crate::frontend::onnx::importer::{
    Importer, Kind,
    Operand::{self, Constant as C, Tensor as T},
};
use crate::frontend::onnx::node::refuse;
use std::sync::Arc;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::Tensor;

const BROADCAST: &str =
    "tensors and constants that broadcast to each other; before opset 7 by axis and broadcast";
const MANY: &str = "tensors and constants that broadcast to each other";
const LINEAR: &str = "a linear layer with the terms of both; a constant is folded";
const LEGACY: &[&str] = &["axis", "broadcast", "consumed_inputs"];

pub(super) const OPERATORS: &[Operator] = &[
    many("Add", BROADCAST, LINEAR, LEGACY, add),
    many(
        "Div",
        BROADCAST,
        "a product with the reciprocal; a constant is folded; whole numbers by constants only",
        LEGACY,
        div,
    ),
    many(
        "Max",
        MANY,
        "a saturation and a linear layer",
        &["consumed_inputs"],
        max,
    ),
    many(
        "Mean",
        MANY,
        "a linear layer with the terms of all; constants are folded",
        &["consumed_inputs"],
        mean,
    ),
    many(
        "Min",
        MANY,
        "a saturation and a linear layer",
        &["consumed_inputs"],
        min,
    ),
    many(
        "Mod",
        "a tensor and a constant",
        "a function of every element",
        &["fmod"],
        modulo,
    ),
    many(
        "Mul",
        BROADCAST,
        "a product; a constant is folded into the linear layer before or after it",
        LEGACY,
        mul,
    ),
    one(
        "Neg",
        "any shape",
        "nothing: it is folded into the linear layer before or after it",
        &["consumed_inputs"],
        neg,
    ),
    many(
        "Pow",
        "a constant exponent, or a constant positive base; before opset 7 by axis and broadcast",
        "a function of every element; a product for squares",
        LEGACY,
        pow,
    ),
    many("Sub", BROADCAST, LINEAR, LEGACY, sub),
    many(
        "Sum",
        MANY,
        "a linear layer with the terms of all; constants are folded",
        &["consumed_inputs"],
        sum,
    ),
];

fn add(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    of_two(importer, node, Arithmetic::Add)
}

fn sub(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    of_two(importer, node, Arithmetic::Sub)
}

fn mul(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    of_two(importer, node, Arithmetic::Mul)
}

fn of_two(importer: &mut Importer, node: &NodeProto, op: Arithmetic) -> Result<Vec<Operand>> {
    let (a, b) = operands(importer, node)?;
    Ok(vec![importer.arithmetic(node, op, a, b)?])
}

fn div(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let (a, b) = operands(importer, node)?;
    if importer.kind_of_input(node, 0) == Kind::Real {
        return Ok(vec![importer.arithmetic(node, Arithmetic::Div, a, b)?]);
    }
    // Towards 0: the part above 0 and that below it, each with a half so that no quotient lies at a whole number.
    let (a, divisor) = match (a, b) {
        (T(a), C(c)) if c.data.iter().all(|v| *v > 0.0) => (a, c),
        _ => {
            return Err(refuse(
                node,
                "a quotient of whole numbers; supported: by positive constants",
            ));
        }
    };
    let part = |importer: &mut Importer, sign: f64| {
        let part = importer.scaled(node, a, sign)?;
        let part = importer.relu(node, part)?;
        let part = importer.shifted(node, part, 0.5)?;
        let divisor = C(divisor.clone());
        let quotient = importer.arithmetic(node, Arithmetic::Div, T(part), divisor)?;
        let quotient = importer.only_tensor(node, quotient)?;
        importer.function(node, quotient, Function::Floor)
    };
    let above = part(importer, 1.0)?;
    let below = part(importer, -1.0)?;
    Ok(vec![T(importer.op(node, FloatOp::Sub, &[above, below])?)])
}

fn modulo(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let (a, b) = operands(importer, node)?;
    let (T(a), C(c)) = (a, b) else {
        return Err(refuse(node, "supported: a tensor modulo a constant"));
    };
    if c.data.iter().any(|v| *v <= 0.0) {
        return Err(refuse(
            node,
            "a divisor that is not positive; supported: positive",
        ));
    }
    let shape = broadcast(node, importer.builder.shape(a), &c.shape)?;
    let a = importer.expand(node, a, &shape)?;
    let whole = importer.kind_of_input(node, 0) != Kind::Real;
    // A half keeps quotients of whole numbers away from whole numbers.
    let moved = if whole {
        importer.shifted(node, a, 0.5)?
    } else {
        a
    };
    let divisor = C(c.clone());
    let quotient = importer.arithmetic(node, Arithmetic::Div, T(moved), divisor)?;
    let quotient = importer.only_tensor(node, quotient)?;
    let towards_zero = node.int("fmod", 0) != 0;
    if towards_zero && whole {
        return Err(refuse(
            node,
            "fmod = 1 of whole numbers; supported: fmod = 0",
        ));
    }
    let quotient = if towards_zero {
        importer.truncated(node, quotient)?
    } else {
        importer.function(node, quotient, Function::Floor)?
    };
    let multiple = importer.op(node, FloatOp::MulConstant(c), &[quotient])?;
    Ok(vec![T(importer.op(node, FloatOp::Sub, &[a, multiple])?)])
}

fn pow(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    match operands(importer, node)? {
        (T(base), C(exponent)) => {
            let shape = broadcast(node, importer.builder.shape(base), &exponent.shape)?;
            let base = importer.expand(node, base, &shape)?;
            let first = exponent.data.first().copied().unwrap_or(1.0);
            if exponent.data.iter().any(|v| *v != first) {
                return Err(refuse(
                    node,
                    "exponents that differ; supported: one exponent",
                ));
            }
            if first == 0.0 {
                let data = vec![1.0; shape.iter().product()];
                return Ok(vec![C(Constant { shape, data })]);
            }
            Ok(vec![T(importer.power(node, base, first)?)])
        }
        // base ^ x = exp(x ln base)
        (C(base), T(exponent)) if base.data.iter().all(|v| *v > 0.0) => {
            let shape = broadcast(node, importer.builder.shape(exponent), &base.shape)?;
            let exponent = importer.expand(node, exponent, &shape)?;
            let logarithm = FloatOp::MulConstant(map(base, libm::log));
            let scaled = importer.op(node, logarithm, &[exponent])?;
            Ok(vec![T(importer.function(node, scaled, Function::Exp)?)])
        }
        _ => Err(refuse(
            node,
            "an exponent that depends on the input; supported: constant exponents, or a constant positive base",
        )),
    }
}

fn neg(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    importer.unary(node, FloatOp::MulConstant(Constant::scalar(-1.0)))
}

fn max(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    Ok(vec![folded(importer, node, Arithmetic::Max)?])
}

fn min(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    Ok(vec![folded(importer, node, Arithmetic::Min)?])
}

fn sum(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    Ok(vec![folded(importer, node, Arithmetic::Add)?])
}

fn mean(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let total = folded(importer, node, Arithmetic::Add)?;
    let part = C(Constant::scalar(1.0 / node.input.len() as f64));
    Ok(vec![importer.arithmetic(
        node,
        Arithmetic::Mul,
        total,
        part,
    )?])
}

/// All operands, tensors first, under one operation.
fn folded(importer: &mut Importer, node: &NodeProto, op: Arithmetic) -> Result<Operand> {
    let mut operands = importer.all_operands(node)?;
    operands.sort_by_key(|o| matches!(o, C(_)));
    let mut operands = operands.into_iter();
    let first = operands.next();
    let mut total = first.ok_or_else(|| refuse(node, "it reads nothing"))?;
    for operand in operands {
        total = importer.arithmetic(node, op, total, operand)?;
    }
    Ok(total)
}

pub(super) fn operands(importer: &mut Importer, node: &NodeProto) -> Result<(Operand, Operand)> {
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
            T(id) => *id = importer.reshape(node, *id, &aligned)?,
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
