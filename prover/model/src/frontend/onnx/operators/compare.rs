//! Comparisons, logic and choices. Truth values are 0 and 1.

use super::arithmetic::operands;
use super::entry::{Operator, many, one};
use crate::error::Result;
use crate::float::{Bounds, Constant, FloatId, FloatOp, Function};
use crate::frontend::onnx::compose::{Arithmetic, broadcast, finite_mask};
use crate::frontend::onnx::importer::{
    Importer, Kind,
    Operand::{self, Constant as C, Tensor as T},
};
use crate::frontend::onnx::view::{Sources, View};
use tract_onnx::pb::NodeProto;

/// Constants beyond this are masks: added to other values, they would take their digits.
const MASK: f64 = 1e4;

const TWO: &str = "two operands that broadcast to each other; before opset 7 by axis and broadcast";
const COMPARED: &str = "a function of the difference";
const LEGACY: &[&str] = &["axis", "broadcast"];

pub(super) const OPERATORS: &[Operator] = &[
    many("And", TWO, "a linear layer that saturates", LEGACY, and),
    many("Equal", TWO, COMPARED, LEGACY, equal),
    many("Greater", TWO, COMPARED, LEGACY, greater),
    many("GreaterOrEqual", TWO, COMPARED, &[], greater_or_equal),
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
    many("Less", TWO, COMPARED, LEGACY, less),
    many("LessOrEqual", TWO, COMPARED, &[], less_or_equal),
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

/// `1` where the first operand is greater than the second, or where it is less.
fn positive(importer: &mut Importer, node: &NodeProto, exchanged: bool) -> Result<FloatId> {
    let (a, b) = operands(importer, node)?;
    let (a, b) = if exchanged { (b, a) } else { (a, b) };
    let difference = importer.arithmetic(node, Arithmetic::Sub, a, b)?;
    let difference = importer.only_tensor(node, difference)?;
    importer.function(node, difference, Function::Positive)
}

fn complement(importer: &mut Importer, node: &NodeProto, id: FloatId) -> Result<FloatId> {
    let negative = importer.scaled(node, id, -1.0)?;
    importer.shifted(node, negative, 1.0)
}

fn greater(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    Ok(vec![T(positive(importer, node, false)?)])
}

fn less(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    Ok(vec![T(positive(importer, node, true)?)])
}

fn greater_or_equal(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let less = positive(importer, node, true)?;
    Ok(vec![T(complement(importer, node, less)?)])
}

fn less_or_equal(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let greater = positive(importer, node, false)?;
    Ok(vec![T(complement(importer, node, greater)?)])
}

fn equal(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let (a, b) = operands(importer, node)?;
    let whole = importer.kind_of_input(node, 0) != Kind::Real;
    let tolerance = if whole { 0.5 } else { 0.0 };
    let difference = importer.arithmetic(node, Arithmetic::Sub, a, b)?;
    let difference = importer.only_tensor(node, difference)?;
    let is = importer.function(node, difference, Function::IsZero { tolerance })?;
    Ok(vec![T(is)])
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
    complement(importer, node, input)
}

/// `a + b`.
fn total(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let (a, b) = operands(importer, node)?;
    let sum = importer.arithmetic(node, Arithmetic::Add, a, b)?;
    importer.only_tensor(node, sum)
}

fn and(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let sum = total(importer, node)?;
    let sum = importer.shifted(node, sum, -1.0)?;
    Ok(vec![T(importer.relu(node, sum)?)])
}

fn or(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let sum = total(importer, node)?;
    let bounds = Bounds {
        low: None,
        high: Some(1.0),
    };
    Ok(vec![T(importer.op(
        node,
        FloatOp::Clamp(bounds),
        &[sum],
    )?)])
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
    let a = masked(importer.given(node, 1)?);
    let b = masked(importer.given(node, 2)?);
    let shape = broadcast(node, &importer.shape_of(&a), &importer.shape_of(&b))?;
    let shape = broadcast(node, &shape, &importer.shape_of(&condition))?;
    let chosen = match condition {
        C(condition) => {
            let a = importer.expanded(node, a, &shape)?;
            let b = importer.expanded(node, b, &shape)?;
            let mut sources = Sources::default();
            let (a, b) = (sources.view(importer, &a), sources.view(importer, &b));
            let condition = condition.broadcast(&shape);
            let pairs = a.elements.iter().zip(&b.elements).zip(&condition);
            let elements = pairs
                .map(|((a, b), c)| if *c != 0.0 { *a } else { *b })
                .collect();
            importer.place(node, &sources, View { shape, elements })?
        }
        T(condition) => computed_choice(importer, node, condition, a, b)?,
    };
    Ok(vec![chosen])
}

/// Infinities as numbers.
fn masked(operand: Operand) -> Operand {
    match operand {
        C(c) => C(finite_mask(c)),
        tensor => tensor,
    }
}

/// `b + c (a - b)`, or `c a + (1 - c) b` where one of them is a mask.
fn computed_choice(
    importer: &mut Importer,
    node: &NodeProto,
    condition: FloatId,
    a: Operand,
    b: Operand,
) -> Result<Operand> {
    let is_mask = |operand: &Operand| match operand {
        C(c) => c.data.iter().any(|v| v.abs() > MASK),
        T(_) => false,
    };
    if is_mask(&a) || is_mask(&b) {
        let not = complement(importer, node, condition)?;
        let first = importer.arithmetic(node, Arithmetic::Mul, T(condition), a)?;
        let second = importer.arithmetic(node, Arithmetic::Mul, T(not), b)?;
        return importer.arithmetic(node, Arithmetic::Add, first, second);
    }
    let difference = importer.arithmetic(node, Arithmetic::Sub, a, b.clone())?;
    let moved = importer.arithmetic(node, Arithmetic::Mul, T(condition), difference)?;
    importer.arithmetic(node, Arithmetic::Add, b, moved)
}
