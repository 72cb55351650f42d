//! Comparisons, logic and choices. Truth values are 0 and 1.

use super::arithmetic::operands;
use super::entry::{Operator, many, one};
use crate::error::Result;
use crate::float::{Constant, FloatId, FloatOp, Function};
use crate::frontend::compose::{Arithmetic, Comparison, map};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{
    Importer, Kind,
    Operand::{self, Constant as C, Tensor as T},
};
use crate::frontend::onnx::node::refuse;
use tract_onnx::pb::NodeProto;

const TWO: &str = "two operands that broadcast to each other; before opset 7 by axis and broadcast";
const COMPARED: &str = "a function of the difference";
const LEGACY: &[&str] = &["axis", "broadcast"];

pub(super) const OPERATORS: &[Operator] = &[
    many("And", TWO, "a linear layer that saturates", LEGACY, and),
    many(
        "BitShift",
        "by constants; numbers do not overflow",
        "nothing, or a function of every element",
        &["direction"],
        bit_shift,
    ),
    many("Equal", TWO, COMPARED, LEGACY, |importer, node| {
        compared(importer, node, Comparison::Equal)
    }),
    many("Greater", TWO, COMPARED, LEGACY, |importer, node| {
        compared(importer, node, Comparison::Greater)
    }),
    many("GreaterOrEqual", TWO, COMPARED, &[], |importer, node| {
        compared(importer, node, Comparison::GreaterOrEqual)
    }),
    many(
        "IsInf",
        "any shape",
        "a constant: all values are finite",
        &["detect_negative", "detect_positive"],
        never,
    ),
    many(
        "IsNaN",
        "any shape",
        "a constant: all values are numbers",
        &[],
        never,
    ),
    many("Less", TWO, COMPARED, LEGACY, |importer, node| {
        compared(importer, node, Comparison::Less)
    }),
    many("LessOrEqual", TWO, COMPARED, &[], |importer, node| {
        compared(importer, node, Comparison::LessOrEqual)
    }),
    one(
        "Not",
        "a truth value",
        "nothing: it is folded into the linear layer before or after it",
        &[],
        not,
    ),
    many("Or", TWO, "a linear layer that saturates", LEGACY, or),
    many(
        "Where",
        "operands that broadcast to each other",
        "a rearrangement for constant conditions; else a product",
        &[],
        choose,
    ),
    many("Xor", TWO, "a square", LEGACY, xor),
];

/// 1 where the operands compare so.
fn compared(importer: &mut Importer, node: &NodeProto, how: Comparison) -> Result<Vec<Operand>> {
    let (a, b) = operands(importer, node)?;
    let whole = importer.kind_of_input(node, 0) != Kind::Real;
    Ok(vec![importer.at(node).compared(how, &a, &b, whole)?])
}

/// Products with powers of two; the whole part of quotients.
fn bit_shift(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let x = importer.given(node, 0)?;
    let by = importer.required(node, 1)?;
    let left = match node.text("direction").as_deref() {
        Some("LEFT") => true,
        Some("RIGHT") => false,
        other => return Err(refuse(node, format!("direction {other:?} is unknown"))),
    };
    if !by.data.iter().all(|n| (0.0..64.0).contains(n)) {
        return Err(refuse(node, "a shift that is not from 0 to 63"));
    }
    let factor = C(map(by, |n| libm::exp2(if left { n } else { -n })));
    let moved = importer.arithmetic(node, Arithmetic::Mul, x, factor)?;
    if left {
        return Ok(vec![moved]);
    }
    let moved = importer.only_tensor(node, moved)?;
    Ok(vec![T(importer.function(node, moved, Function::Floor)?)])
}

/// False at every element: a model's numbers are finite.
fn never(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let operand = importer.given(node, 0)?;
    let shape = importer.shape_of(&operand);
    let data = vec![0.0; shape.iter().product()];
    Ok(vec![C(Constant { shape, data })])
}

fn not(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    importer.complement(node, input)
}

fn and(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let (a, b) = operands(importer, node)?;
    Ok(vec![importer.at(node).both(&a, &b)?])
}

fn or(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let (a, b) = operands(importer, node)?;
    Ok(vec![importer.at(node).either(&a, &b)?])
}

fn xor(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let (a, b) = operands(importer, node)?;
    let difference = importer.arithmetic(node, Arithmetic::Sub, a, b)?;
    let difference = importer.only_tensor(node, difference)?;
    let square = importer.op(node, FloatOp::Mul, &[difference, difference])?;
    Ok(vec![T(square)])
}

fn choose(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let condition = importer.given(node, 0)?;
    let (a, b) = (importer.given(node, 1)?, importer.given(node, 2)?);
    Ok(vec![importer.at(node).choice(&condition, &a, &b)?])
}
