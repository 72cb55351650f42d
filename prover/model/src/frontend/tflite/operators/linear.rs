//! Products with weights.

use super::entry::{Entry, entry};
use crate::error::Result;
use crate::float::{Dense, FloatOp};
use crate::frontend::compose::{Arithmetic, C, Convolution, Operand, Same, T, Window2};
use crate::frontend::tflite::step::Step;

const LAYER: &str = "a linear layer";

pub(super) const OPERATORS: &[Entry] = &[
    entry(
        "BATCH_MATMUL",
        "any two operands; adj_x and adj_y",
        "a linear layer by a constant, else a matrix product",
        batch_matmul,
    ),
    entry(
        "CONV_2D",
        "constant weights; groups, strides and dilations; a fused activation",
        LAYER,
        conv,
    ),
    entry(
        "DEPTHWISE_CONV_2D",
        "constant weights; multiplier, strides and dilations; a fused activation",
        LAYER,
        depthwise,
    ),
    entry(
        "FULLY_CONNECTED",
        "keep_num_dims; weights in the default order; a fused activation",
        "a linear layer; by computed weights a matrix product",
        fully_connected,
    ),
    entry(
        "TRANSPOSE_CONV",
        "constant weights and shape; a fused activation",
        "a linear layer with the outputs of one stride as channels",
        transpose_conv,
    ),
];

/// SAME or VALID.
pub(super) fn edges(step: &Step<'_, '_>, field: usize) -> Result<Same> {
    match step.option_u8(field, 0)? {
        0 => Ok(Same::Same),
        1 => Ok(Same::Valid),
        other => Err(step.compose.refuse(format!("padding {other} is unknown"))),
    }
}

/// Weights as `[out][in][row][column]`, and their lengths.
fn kernels(step: &mut Step<'_, '_>, perm: [usize; 4]) -> Result<([usize; 4], Vec<f64>)> {
    let weights = C(step.constant(1)?);
    if step.compose.shape(&weights).len() != 4 {
        return Err(step.compose.refuse("weights that do not have four axes"));
    }
    match step.compose.transpose(&weights, &perm)? {
        C(c) => Ok((step.compose.image(&C(c.clone()))?, c.data)),
        T(_) => Err(step.compose.refuse("computed weights")),
    }
}

fn conv(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let [.., channels] = step.compose.image(&x)?;
    let ([outputs, inputs, kh, kw], weights) = kernels(step, [0, 3, 1, 2])?;
    if inputs == 0 || channels % inputs != 0 {
        return Err(step
            .compose
            .refuse(format!("weights for {inputs} of {channels} channels")));
    }
    let conv = Convolution {
        window: Window2 {
            kernel: [kh, kw],
            stride: [step.option_length(2, 0)?, step.option_length(1, 0)?],
            edges: edges(step, 0)?,
        },
        dilation: [step.option_length(5, 1)?, step.option_length(4, 1)?],
        groups: channels / inputs,
        channels: outputs,
        weights,
        bias: bias(step, 2, outputs)?,
    };
    let made = step.compose.convolution(&x, conv)?;
    Ok(vec![step.activated(&made, 3)?])
}

fn depthwise(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let [.., channels] = step.compose.image(&x)?;
    let ([outputs, one, kh, kw], weights) = kernels(step, [3, 0, 1, 2])?;
    if one != 1 || channels == 0 || outputs % channels != 0 {
        return Err(step.compose.refuse(format!(
            "weights of {one} x {outputs} for {channels} channels; supported: 1, and a multiple of the channels"
        )));
    }
    let conv = Convolution {
        window: Window2 {
            kernel: [kh, kw],
            stride: [step.option_length(2, 0)?, step.option_length(1, 0)?],
            edges: edges(step, 0)?,
        },
        dilation: [step.option_length(6, 1)?, step.option_length(5, 1)?],
        groups: channels,
        channels: outputs,
        weights,
        bias: bias(step, 2, outputs)?,
    };
    let made = step.compose.convolution(&x, conv)?;
    Ok(vec![step.activated(&made, 4)?])
}

/// One number for each output, if there is a bias.
fn bias(step: &Step<'_, '_>, index: usize, outputs: usize) -> Result<Option<Vec<f64>>> {
    let bias = step.optional_constant(index)?;
    match bias {
        Some(c) if c.data.len() != outputs => Err(step.compose.refuse(format!(
            "a bias of {} values for {outputs} outputs",
            c.data.len()
        ))),
        bias => Ok(bias.map(|c| c.data)),
    }
}

fn transpose_conv(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(2)?;
    let to = step.lengths(0)?;
    let [n, .., channels] = step.compose.image(&x)?;
    let ([outputs, inputs, kh, kw], weights) = kernels(step, [0, 3, 1, 2])?;
    let &[batch, rows, columns, last] = to.as_slice() else {
        return Err(step.compose.refuse(format!("an output shape of {to:?}")));
    };
    let stride = [step.option_length(2, 0)?, step.option_length(1, 0)?];
    if batch != n
        || last != outputs
        || inputs != channels
        || stride.contains(&0)
        || rows * columns == 0
    {
        return Err(step.compose.refuse(format!(
            "an output of shape {to:?}, stride {stride:?}, from {channels} channels with weights for {inputs}"
        )));
    }
    let conv = Convolution {
        window: Window2 {
            kernel: [kh, kw],
            stride,
            edges: edges(step, 0)?,
        },
        dilation: [1, 1],
        groups: 1,
        channels: outputs,
        weights,
        bias: bias(step, 3, outputs)?,
    };
    let made = step
        .compose
        .transposed_convolution(&x, &conv, [rows, columns])?;
    Ok(vec![step.activated(&made, 3)?])
}

fn fully_connected(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    if step.option_u8(1, 0)? != 0 {
        return Err(step.compose.refuse(
            "weights in the order SHUFFLED4x16INT8; supported: the default order; convert the model again",
        ));
    }
    let (x, weights) = (step.input(0)?, step.input(1)?);
    let (shape, of) = (step.compose.shape(&x), step.compose.shape(&weights));
    let &[outputs, inputs] = of.as_slice() else {
        return Err(step
            .compose
            .refuse(format!("weights of shape {of:?}; supported: two axes")));
    };
    let total: usize = shape.iter().product();
    if inputs == 0 || !total.is_multiple_of(inputs) {
        return Err(step
            .compose
            .refuse(format!("weights of shape {of:?} for {shape:?}")));
    }
    let keep = step.flag(2)? && shape.last() == Some(&inputs);
    let mut target = match keep {
        true => shape[..shape.len() - 1].to_vec(),
        false => vec![total / inputs],
    };
    let rows = [target.as_slice(), &[inputs]].concat();
    let x = step.compose.reshape(&x, &rows)?;
    target.push(outputs);
    let made = match weights {
        C(weights) => {
            let computed = matches!(step.optional(2), Some(T(_)));
            let dense = Dense {
                outputs,
                weights: weights.data,
                bias: match computed {
                    true => None,
                    false => bias(step, 2, outputs)?,
                },
            };
            let made = step.compose.apply(FloatOp::Dense(dense), &[x])?;
            match computed {
                true => with_bias(step, made)?,
                false => made,
            }
        }
        T(_) => {
            let x = step.compose.reshape(&x, &[total / inputs, inputs])?;
            let weights = step.compose.flipped(&weights)?;
            let made = step.compose.matrix_product(&x, &weights)?;
            let made = step.compose.reshape(&made, &target)?;
            with_bias(step, made)?
        }
    };
    Ok(vec![step.activated(&made, 0)?])
}

/// With the bias added, if there is one.
fn with_bias(step: &mut Step<'_, '_>, made: Operand) -> Result<Operand> {
    match step.optional(2) {
        Some(bias) => step.compose.arithmetic(Arithmetic::Add, &made, &bias),
        None => Ok(made),
    }
}

fn batch_matmul(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let (mut a, mut b) = (step.input(0)?, step.input(1)?);
    if step.flag(0)? {
        a = step.compose.flipped(&a)?;
    }
    if step.flag(1)? {
        b = step.compose.flipped(&b)?;
    }
    Ok(vec![step.compose.matrix_product(&a, &b)?])
}
