//! Softmax and normalisations.

use super::entry::{Entry, entry};
use crate::error::Result;
use crate::frontend::compose::Operand;
use crate::frontend::tflite::step::Step;

/// Squares of vectors are taken to be at least this, as TensorFlow Lite's kernel does.
const LEAST_SQUARE: f64 = 1e-6;

pub(super) const OPERATORS: &[Entry] = &[
    entry(
        "L2_NORMALIZATION",
        "the last axis; a fused activation",
        "squares, a linear layer, a function and a product",
        unit_length,
    ),
    entry(
        "LOCAL_RESPONSE_NORMALIZATION",
        "the last axis",
        "squares, a linear layer, a function and a product",
        local_response,
    ),
    entry(
        "LOG_SOFTMAX",
        "the last axis; at the end left out with --drop-final-softmax",
        "differences from the maximum and from the logarithm of the sum of exponentials",
        |s| {
            let x = s.input(0)?;
            let axis = last(s, &x)?;
            Ok(vec![s.compose.log_softmax(&x, axis)?])
        },
    ),
    entry(
        "SOFTMAX",
        "the last axis; beta; at the end left out with --drop-final-softmax",
        "exponentials of the differences from the maximum, divided by their sum",
        |s| {
            let x = s.input(0)?;
            let axis = last(s, &x)?;
            let x = s.compose.scaled(&x, s.option_real(0)?)?;
            Ok(vec![s.compose.softmax(&x, axis)?])
        },
    ),
];

fn last(step: &Step<'_, '_>, x: &Operand) -> Result<usize> {
    step.compose.axis(-1, step.compose.shape(x).len())
}

fn unit_length(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let axis = last(step, &x)?;
    let made = step.compose.unit_length(&x, axis, LEAST_SQUARE)?;
    Ok(vec![step.activated(&made, 0)?])
}

fn local_response(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let axis = last(step, &x)?;
    let radius = step.option_length(0, 0)?;
    let parameters = [
        step.option_real(1)?,
        step.option_real(2)?,
        step.option_real(3)?,
    ];
    Ok(vec![
        step.compose.local_response(&x, axis, radius, parameters)?,
    ])
}
