//! Sums, products, functions of every element and Softmax.

use super::{LayerType, layer};
use crate::error::Result;
use crate::float::{Constant, Function};
use crate::frontend::compose::{Arithmetic, C, Operand};
use crate::frontend::zkml::importer::Step;

const TWO: &str = "two operands that broadcast to each other";
const SUMS: &str = "a linear layer with the terms of both; a constant is folded";
const TABLE: &str = "a function of every element";

pub(super) const LAYERS: &[LayerType] = &[
    layer(
        "Add",
        "two operands that broadcast to each other; fused ReLU or ReLU6",
        SUMS,
        |s| {
            let sum = two(s, Arithmetic::Add)?;
            let activation = s.lengths()?.first().copied();
            Ok(vec![s.activated(&sum, activation)?])
        },
    ),
    layer("Logistic", "any shape", TABLE, |s| {
        function(s, Function::Sigmoid)
    }),
    layer(
        "MaskNegInf",
        "a mask that broadcasts to the tensor",
        "nothing before Softmax, else a rearrangement",
        mask,
    ),
    layer(
        "Mul",
        TWO,
        "a product; by a constant it is folded into a linear layer",
        |s| Ok(vec![two(s, Arithmetic::Mul)?]),
    ),
    layer(
        "Pow",
        "one exponent",
        "products, or a function of every element",
        pow,
    ),
    layer("Rsqrt", "positive numbers", TABLE, |s| power(s, -0.5)),
    layer(
        "Softmax",
        "the last axis, with or without a mask",
        "exponentials of the differences from the maximum, divided by their sum",
        softmax,
    ),
    layer("Sqrt", "numbers that are not negative", TABLE, |s| {
        power(s, 0.5)
    }),
    layer("Square", "any shape", "a product", |s| power(s, 2.0)),
    layer(
        "SquaredDifference",
        TWO,
        "a linear layer and a square",
        |s| {
            let difference = two(s, Arithmetic::Sub)?;
            Ok(vec![s.compose.square(&difference)?])
        },
    ),
    layer("Sub", TWO, SUMS, |s| Ok(vec![two(s, Arithmetic::Sub)?])),
    layer("Tanh", "any shape", TABLE, |s| function(s, Function::Tanh)),
];

fn two(step: &mut Step<'_>, op: Arithmetic) -> Result<Operand> {
    let (a, b) = (step.input(0)?, step.input(1)?);
    step.compose.arithmetic(op, &a, &b)
}

fn function(step: &mut Step<'_>, f: Function) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    Ok(vec![step.compose.function(&x, f)?])
}

fn power(step: &mut Step<'_>, exponent: f64) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    Ok(vec![step.compose.power(&x, exponent)?])
}

fn pow(step: &mut Step<'_>) -> Result<Vec<Operand>> {
    match step.layer.params.as_slice() {
        [exponent] => power(step, *exponent as f64),
        other => Err(step
            .compose
            .refuse(format!("exponents {other:?}; supported: one"))),
    }
}

/// The mask among the parameters: its number of axes, its shape, and a number that is not 0 for each element that is covered.
fn stated(step: &Step<'_>, shape: &[usize]) -> Result<Option<Vec<bool>>> {
    let params = step.lengths()?;
    let Some((rank, rest)) = params.split_first() else {
        return Ok(None);
    };
    let bad = || {
        step.compose
            .refuse(format!("a mask that does not fit {shape:?}"))
    };
    let (own, data) = rest.split_at_checked(*rank).ok_or_else(bad)?;
    let count = own.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
    let mask = Constant {
        shape: own.to_vec(),
        data: data.iter().map(|v| *v as f64).collect(),
    };
    if count != Some(data.len()) || !mask.fits(shape) || data.is_empty() {
        return Err(bad());
    }
    Ok(Some(
        mask.broadcast(shape).iter().map(|v| *v != 0.0).collect(),
    ))
}

fn mask(step: &mut Step<'_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let shape = step.compose.shape(&x);
    let Some(mask) = stated(step, &shape)? else {
        return Ok(vec![x]);
    };
    let condition = C(Constant {
        shape,
        data: mask.iter().map(|is| f64::from(*is)).collect(),
    });
    let least = C(Constant::scalar(step.least));
    Ok(vec![step.compose.choice(&condition, &least, &x)?])
}

fn softmax(step: &mut Step<'_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let shape = step.compose.shape(&x);
    let axis = step.compose.axis(-1, shape.len())?;
    Ok(vec![match stated(step, &shape)? {
        Some(mask) => step.compose.masked_softmax(&x, axis, &mask)?,
        None => step.compose.softmax(&x, axis)?,
    }])
}
