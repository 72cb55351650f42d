//! Recurrent layers, unrolled step by step. Their states begin as the file says: with zeros, or as constants.

use super::entry::{Entry, entry};
use crate::error::Result;
use crate::float::{Dense, FloatOp, Function};
use crate::frontend::compose::{Arithmetic, C, Operand};
use crate::frontend::tflite::step::Step;

const UNROLLED: &str = "linear layers, functions and products for each step";

pub(super) const OPERATORS: &[Entry] = &[
    entry(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        "constant weights; peepholes, projection, coupled gates and clipping; no layer normalisation",
        UNROLLED,
        lstm,
    ),
    entry(
        "UNIDIRECTIONAL_SEQUENCE_RNN",
        "constant weights; any fused activation",
        UNROLLED,
        rnn,
    ),
];

/// The product with a constant matrix `[outputs][inputs]` along the last axis; input `weights`, and the bias of input `bias`.
fn dense(
    step: &mut Step<'_, '_>,
    x: &Operand,
    weights: usize,
    bias: Option<usize>,
) -> Result<Operand> {
    let matrix = step.constant(weights)?;
    let shape = step.compose.shape(x);
    let &[outputs, inputs] = matrix.shape.as_slice() else {
        return Err(step
            .compose
            .refuse(format!("weights of shape {:?}", matrix.shape)));
    };
    if shape.last() != Some(&inputs) {
        return Err(step
            .compose
            .refuse(format!("weights of shape {:?} for {shape:?}", matrix.shape)));
    }
    let bias = match bias {
        Some(index) => step.optional_constant(index)?.map(|c| c.data),
        None => None,
    };
    let op = Dense {
        outputs,
        weights: matrix.data,
        bias,
    };
    step.compose
        .apply(FloatOp::Dense(op), std::slice::from_ref(x))
}

/// A term that is 0 is left out.
fn plus(step: &mut Step<'_, '_>, a: Operand, b: Option<Operand>) -> Result<Operand> {
    match b {
        Some(b) => step.compose.arithmetic(Arithmetic::Add, &a, &b),
        None => Ok(a),
    }
}

fn times(step: &mut Step<'_, '_>, a: &Operand, b: &Operand) -> Result<Option<Operand>> {
    if is_zero(a) || is_zero(b) {
        return Ok(None);
    }
    step.compose.arithmetic(Arithmetic::Mul, a, b).map(Some)
}

fn is_zero(x: &Operand) -> bool {
    matches!(x, C(c) if c.data.iter().all(|v| *v == 0.0))
}

/// Time as an axis of a tensor of three, and its length.
fn time(step: &Step<'_, '_>, x: &Operand, time_major: bool) -> Result<(usize, usize)> {
    let shape = step.compose.shape(x);
    match (shape.len(), time_major) {
        (3, true) => Ok((0, shape[0])),
        (3, false) => Ok((1, shape[1])),
        _ => Err(step.compose.refuse(format!(
            "an input of shape {shape:?}; supported: three axes"
        ))),
    }
}

/// What a tensor has at one time.
fn at(step: &mut Step<'_, '_>, x: &Operand, axis: usize, time: usize) -> Result<Operand> {
    let part = step.compose.part(x, axis, time..time + 1)?;
    let mut shape = step.compose.shape(&part);
    shape.remove(axis);
    step.compose.reshape(&part, &shape)
}

/// Outputs of all times as one tensor.
fn stacked(step: &mut Step<'_, '_>, outputs: &[Operand], axis: usize) -> Result<Operand> {
    let mut views = Vec::with_capacity(outputs.len());
    for output in outputs {
        let mut shape = step.compose.shape(output);
        shape.insert(axis, 1);
        views.push(step.compose.reshape(output, &shape)?);
    }
    step.compose.concatenated(&views, axis)
}

fn rnn(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let activation = step.option_u8(1, 0)?;
    let (axis, steps) = time(step, &x, step.flag(0)?)?;
    let given = dense(step, &x, 1, Some(3))?;
    let mut state = step.input(4)?;
    let mut outputs = Vec::with_capacity(steps);
    for t in 0..steps {
        let own = at(step, &given, axis, t)?;
        let before = match is_zero(&state) {
            true => None,
            false => Some(dense(step, &state, 2, None)?),
        };
        let sum = plus(step, own, before)?;
        state = step.activation(&sum, activation)?;
        outputs.push(state.clone());
    }
    Ok(vec![stacked(step, &outputs, axis)?])
}

/// Input, forget, cell and output gates: their places among the operands.
struct Gate {
    weights: usize,
    recurrent: usize,
    bias: usize,
    peephole: Option<usize>,
}

const fn gate(n: usize, peephole: Option<usize>) -> Gate {
    Gate {
        weights: 1 + n,
        recurrent: 5 + n,
        bias: 12 + n,
        peephole,
    }
}

const INPUT: Gate = gate(0, Some(9));
const FORGET: Gate = gate(1, Some(10));
const CELL: Gate = gate(2, None);
const OUTPUT: Gate = gate(3, Some(11));

/// What a gate is before its function, given what the inputs give it.
fn gated(
    step: &mut Step<'_, '_>,
    gate: &Gate,
    own: Operand,
    hidden: &Operand,
    cell: &Operand,
) -> Result<Operand> {
    let before = match is_zero(hidden) {
        true => None,
        false => Some(dense(step, hidden, gate.recurrent, None)?),
    };
    let mut sum = plus(step, own, before)?;
    if let Some(weights) = gate.peephole.and_then(|p| step.optional(p)) {
        let seen = times(step, &weights, cell)?;
        sum = plus(step, sum, seen)?;
    }
    Ok(sum)
}

fn clipped(step: &mut Step<'_, '_>, x: Operand, by: f64) -> Result<Operand> {
    if by > 0.0 {
        step.compose.clamped(&x, Some(-by), Some(by))
    } else {
        Ok(x)
    }
}

fn lstm(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    if (20..24).any(|n| step.optional(n).is_some()) {
        return Err(step
            .compose
            .refuse("layer normalisation; supported: without"));
    }
    let x = step.input(0)?;
    let activation = step.option_u8(0, 0)?;
    let (cell_clip, projection_clip) = (step.option_real(1)?, step.option_real(2)?);
    let (axis, steps) = time(step, &x, step.flag(3)?)?;
    let is_coupled = step.optional(INPUT.weights).is_none();
    // What the inputs give, for all times at once.
    let mut given = Vec::with_capacity(4);
    for gate in [&INPUT, &FORGET, &CELL, &OUTPUT] {
        given.push(match gate.weights == INPUT.weights && is_coupled {
            true => None,
            false => Some(dense(step, &x, gate.weights, Some(gate.bias))?),
        });
    }
    let (mut hidden, mut cell) = (step.input(18)?, step.input(19)?);
    let mut outputs = Vec::with_capacity(steps);
    for t in 0..steps {
        let mut own = Vec::with_capacity(4);
        for given in &given {
            own.push(match given {
                Some(given) => Some(at(step, given, axis, t)?),
                None => None,
            });
        }
        let mut own = own.into_iter();
        let mut next = |step: &mut Step<'_, '_>, gate: &Gate, cell: &Operand| {
            let own = own.next().flatten();
            own.map(|own| gated(step, gate, own, &hidden, cell))
                .transpose()
        };
        let input = next(step, &INPUT, &cell)?;
        let forget = next(step, &FORGET, &cell)?;
        let new = next(step, &CELL, &cell)?;
        let missing = || step.compose.refuse("weights of a gate are missing");
        let (forget, new) = (forget.ok_or_else(missing)?, new.ok_or_else(missing)?);
        let forget = step.compose.function(&forget, Function::Sigmoid)?;
        let input = match input {
            Some(input) => step.compose.function(&input, Function::Sigmoid)?,
            None => step.compose.complement(&forget)?,
        };
        let new = step.activation(&new, activation)?;
        let kept = times(step, &forget, &cell)?;
        let added = step.compose.arithmetic(Arithmetic::Mul, &input, &new)?;
        cell = plus(step, added, kept)?;
        cell = clipped(step, cell, cell_clip)?;
        let output = next(step, &OUTPUT, &cell)?;
        let output = output.ok_or_else(|| step.compose.refuse("weights of a gate are missing"))?;
        let output = step.compose.function(&output, Function::Sigmoid)?;
        let shown = step.activation(&cell, activation)?;
        let mut made = step.compose.arithmetic(Arithmetic::Mul, &output, &shown)?;
        if step.optional(16).is_some() {
            made = dense(step, &made, 16, Some(17))?;
            made = clipped(step, made, projection_clip)?;
        }
        hidden = made;
        outputs.push(hidden.clone());
    }
    Ok(vec![stacked(step, &outputs, axis)?])
}
