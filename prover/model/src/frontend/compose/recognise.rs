//! Functions of one value that exporters write as several operators: Gelu, Swish, Mish, HardSwish.
//!
//! A product whose two factors are made of one tensor, element by element, is a function of it. It is the function whose values it has.

use crate::float::{FloatId, FloatOp, Function, GraphBuilder};
use std::collections::BTreeSet;

/// Operations that are followed, in all.
const STEPS: usize = 24;
/// Where the functions are compared.
const PLACES: [f64; 16] = [
    -7.3, -4.1, -3.2, -2.6, -1.9, -1.1, -0.6, -0.2, 0.1, 0.4, 0.9, 1.4, 2.3, 3.4, 4.7, 6.1,
];
/// Values that are as near as this are those of one function: constants are rounded to 32 bits.
const NEAR: f64 = 1e-5;

/// The tensor and the function of its elements that a product is.
pub(super) fn recognise(builder: &GraphBuilder, product: FloatId) -> Option<(FloatId, Function)> {
    let mut ancestors = BTreeSet::new();
    collect(builder, product, &mut ancestors);
    // The nearest ones first: they were made last.
    let near = ancestors.iter().rev().filter(|id| **id != product);
    near.copied().find_map(|of| {
        let value = |x: &f64| value_at(builder, product, of, *x, &mut STEPS.clone());
        value(&1.0)?;
        let values: Option<Vec<f64>> = PLACES.iter().map(value).collect();
        candidates(&values?).map(|f| (of, f))
    })
}

/// The tensors that a tensor is made of, element by element.
fn collect(builder: &GraphBuilder, id: FloatId, found: &mut BTreeSet<FloatId>) {
    if found.len() >= STEPS || !found.insert(id) {
        return;
    }
    if let Some(made) = builder.producer(id)
        && is_elementwise(&made.op)
    {
        for input in &made.inputs {
            collect(builder, *input, found);
        }
    }
}

fn is_elementwise(op: &FloatOp) -> bool {
    match op {
        FloatOp::AddConstant(c) | FloatOp::MulConstant(c) => c.data.len() == 1,
        FloatOp::Add | FloatOp::Sub | FloatOp::Mul | FloatOp::Clamp(_) | FloatOp::Function(_) => {
            true
        }
        _ => false,
    }
}

/// The value of an element of `id` where that of `of` is `x`; `None` if it depends on something else.
fn value_at(
    builder: &GraphBuilder,
    id: FloatId,
    of: FloatId,
    x: f64,
    steps: &mut usize,
) -> Option<f64> {
    if id == of {
        return Some(x);
    }
    *steps = steps.checked_sub(1)?;
    let made = builder.producer(id).filter(|n| is_elementwise(&n.op))?;
    let first = value_at(builder, made.inputs[0], of, x, steps)?;
    Some(match &made.op {
        FloatOp::AddConstant(c) => first + c.data[0],
        FloatOp::MulConstant(c) => first * c.data[0],
        FloatOp::Clamp(bounds) => bounds.clamp(first),
        FloatOp::Function(f) => f.at(first),
        op => {
            let second = value_at(builder, made.inputs[1], of, x, steps)?;
            match op {
                FloatOp::Add => first + second,
                FloatOp::Sub => first - second,
                FloatOp::Mul => first * second,
                _ => return None,
            }
        }
    })
}

/// The function that has these values at [`PLACES`].
fn candidates(values: &[f64]) -> Option<Function> {
    let is = |f: &Function| {
        let mut pairs = PLACES.iter().zip(values);
        pairs.all(|(x, v)| (f.at(*x) - v).abs() <= NEAR)
    };
    let plain = [
        Function::Gelu,
        Function::GeluTanh,
        Function::Mish,
        Function::HardSwish,
        Function::Softsign,
    ];
    if let Some(f) = plain.iter().find(|f| is(f)) {
        return Some(*f);
    }
    // x / (1 + exp(-beta x)) gives beta.
    let (x, v) = (PLACES[9], *values.get(9)?);
    let share = v / x;
    let beta = -libm::log(1.0 / share - 1.0) / x;
    // Written with few digits.
    let rounded = libm::round(beta * 1e6) / 1e6;
    [rounded, beta]
        .into_iter()
        .filter(|beta| beta.is_finite() && *beta > 0.0)
        .map(|beta| Function::Swish { beta })
        .find(is)
}
