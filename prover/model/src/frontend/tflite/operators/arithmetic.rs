//! Sums, products, quotients and powers.

use super::entry::{Entry, entry};
use crate::error::Result;
use crate::float::Function;
use crate::frontend::compose::{Arithmetic, C, Operand, T, map};
use crate::frontend::tflite::step::Step;

const TWO: &str = "two operands that broadcast to each other; a fused activation";
const PLAIN: &str = "two operands that broadcast to each other";
const SUMS: &str = "a linear layer with the terms of both; a constant is folded";
const PRODUCT: &str = "a product; by a constant it is folded into a linear layer";

pub(super) const OPERATORS: &[Entry] = &[
    entry("ADD", TWO, SUMS, |s| two(s, Arithmetic::Add)),
    entry(
        "ADD_N",
        "tensors of one shape, and constants",
        "a linear layer with the terms of all",
        add_n,
    ),
    entry(
        "DIV",
        TWO,
        "a product with a reciprocal; by a constant it is folded into a linear layer",
        divide,
    ),
    entry(
        "FLOOR_DIV",
        PLAIN,
        "a quotient and a function of every element",
        floor_div,
    ),
    entry(
        "FLOOR_MOD",
        PLAIN,
        "a quotient, a function of every element and a difference",
        floor_mod,
    ),
    entry("MAXIMUM", PLAIN, "a saturation and a linear layer", |s| {
        two_plain(s, Arithmetic::Max)
    }),
    entry("MINIMUM", PLAIN, "a saturation and a linear layer", |s| {
        two_plain(s, Arithmetic::Min)
    }),
    entry("MUL", TWO, PRODUCT, |s| two(s, Arithmetic::Mul)),
    entry(
        "POW",
        "a constant exponent, or a constant positive base; one number",
        "a function of every element, or a square",
        power,
    ),
    entry(
        "SQUARED_DIFFERENCE",
        PLAIN,
        "a linear layer and a square",
        squared_difference,
    ),
    entry("SUB", TWO, SUMS, |s| two(s, Arithmetic::Sub)),
];

fn two(step: &mut Step<'_, '_>, op: Arithmetic) -> Result<Vec<Operand>> {
    let (a, b) = (step.input(0)?, step.input(1)?);
    let made = step.compose.arithmetic(op, &a, &b)?;
    Ok(vec![step.activated(&made, 0)?])
}

fn two_plain(step: &mut Step<'_, '_>, op: Arithmetic) -> Result<Vec<Operand>> {
    let (a, b) = (step.input(0)?, step.input(1)?);
    Ok(vec![step.compose.arithmetic(op, &a, &b)?])
}

fn divide(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let made = two(step, Arithmetic::Div)?;
    if !step.gives_whole() {
        return Ok(made);
    }
    made.iter().map(|x| step.compose.truncated(x)).collect()
}

fn quotient(step: &mut Step<'_, '_>) -> Result<Operand> {
    let (a, b) = (step.input(0)?, step.input(1)?);
    let quotient = step.compose.arithmetic(Arithmetic::Div, &a, &b)?;
    step.compose.function(&quotient, Function::Floor)
}

fn floor_div(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    Ok(vec![quotient(step)?])
}

fn floor_mod(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let (a, b) = (step.input(0)?, step.input(1)?);
    let quotient = quotient(step)?;
    let whole = step.compose.arithmetic(Arithmetic::Mul, &quotient, &b)?;
    Ok(vec![step.compose.arithmetic(
        Arithmetic::Sub,
        &a,
        &whole,
    )?])
}

fn add_n(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let mut parts = step.all()?.into_iter();
    let mut sum = parts
        .next()
        .ok_or_else(|| step.compose.refuse("no operand"))?;
    for part in parts {
        sum = step.compose.arithmetic(Arithmetic::Add, &sum, &part)?;
    }
    Ok(vec![sum])
}

fn squared_difference(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let difference = two_plain(step, Arithmetic::Sub)?;
    difference.iter().map(|d| step.compose.square(d)).collect()
}

fn power(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let (base, exponent) = (step.input(0)?, step.input(1)?);
    let shape = step.compose.common_shape(&base, &exponent)?;
    let made = match (&base, &exponent) {
        (C(a), C(b)) => {
            let (x, y) = (a.broadcast(&shape), b.broadcast(&shape));
            let data = x.iter().zip(&y).map(|(x, y)| libm::pow(*x, *y)).collect();
            C(crate::float::Constant { shape, data })
        }
        (T(_), C(c)) => {
            let first = c.data.first().copied().unwrap_or(1.0);
            if c.data.iter().any(|v| *v != first) {
                return Err(step
                    .compose
                    .refuse("several exponents; supported: one number"));
            }
            let power = step.compose.power(&base, first)?;
            step.compose.expanded(&power, &shape)?
        }
        (C(c), T(_)) if c.data.iter().all(|v| *v > 0.0) => {
            // a ^ x = exp(x ln a)
            let logarithm = C(map(c.clone(), libm::log));
            let product = step
                .compose
                .arithmetic(Arithmetic::Mul, &exponent, &logarithm)?;
            step.compose.function(&product, Function::Exp)?
        }
        _ => {
            return Err(step.compose.refuse(
                "a computed exponent; supported: a constant exponent, or a constant positive base",
            ));
        }
    };
    Ok(vec![made])
}
