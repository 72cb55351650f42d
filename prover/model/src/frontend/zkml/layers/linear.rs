//! Products with weights, poolings and means.

use super::{LayerType, layer};
use crate::error::Result;
use crate::float::{Dense, FloatOp};
use crate::frontend::compose::{C, Convolution, Operand, Same, T, Window2};
use crate::frontend::zkml::importer::Step;
use crate::frontend::zkml::schema::malformed;

pub(super) const LAYERS: &[LayerType] = &[
    layer(
        "AveragePool2D",
        "no padding",
        "sums folded into the linear layer that reads them, or a linear layer",
        |s| {
            let x = s.input(0)?;
            let window = window(s)?;
            Ok(vec![s.compose.average_pool(&x, &window)?])
        },
    ),
    layer(
        "BatchMatMul",
        "any two operands; adj_x and adj_y",
        "a linear layer by a constant, else a matrix product",
        batch_mat_mul,
    ),
    layer(
        "Conv2D",
        "ordinary and depthwise, SAME or VALID padding; fused ReLU or ReLU6",
        "a linear layer",
        conv,
    ),
    layer(
        "FullyConnected",
        "a constant matrix of either orientation, or a computed one; fused ReLU or ReLU6",
        "a linear layer; by a computed matrix a matrix product",
        fully_connected,
    ),
    layer(
        "MaxPool2D",
        "no padding",
        "maxima of at most four values, in stages",
        |s| {
            let x = s.input(0)?;
            let window = window(s)?;
            Ok(vec![s.compose.max_pool(&x, &window)?])
        },
    ),
    layer(
        "Mean",
        "any axes",
        "sums folded into the linear layer that reads them, or a linear layer",
        mean,
    ),
];

fn window(step: &Step<'_>) -> Result<Window2> {
    let [kh, kw, sh, sw] = step.params()?;
    Ok(Window2 {
        kernel: [kh, kw],
        stride: [sh, sw],
        edges: Same::Valid,
    })
}

fn conv(step: &mut Step<'_>) -> Result<Vec<Operand>> {
    let [kind, padding, activation, sh, sw] = step.params()?;
    let x = step.input(0)?;
    let [.., channels] = step.compose.image(&x)?;
    let weights = C(step.constant(1)?);
    let [first, kh, kw, last] = step.compose.image(&weights)?;
    // Convolutions hold [out, row, column, in], depthwise ones [1, row, column, out].
    let (outputs, groups, order) = match kind {
        0 => (first, 1, [0, 3, 1, 2]),
        1 if first == 1 => (last, channels, [3, 0, 1, 2]),
        _ => return Err(step.compose.refuse(format!("convolution kind {kind}"))),
    };
    let edges = match padding {
        0 => Same::Same,
        1 => Same::Valid,
        _ => return Err(step.compose.refuse(format!("padding {padding}"))),
    };
    let C(weights) = step.compose.transpose(&weights, &order)? else {
        return Err(step.compose.refuse("computed weights"));
    };
    let conv = Convolution {
        window: Window2 {
            kernel: [kh, kw],
            stride: [sh, sw],
            edges,
        },
        dilation: [1, 1],
        groups,
        channels: outputs,
        weights: weights.data,
        bias: step.bias()?,
    };
    let made = step.compose.convolution(&x, conv)?;
    Ok(vec![step.activated(&made, Some(activation))?])
}

fn fully_connected(step: &mut Step<'_>) -> Result<Vec<Operand>> {
    let activation = step.lengths()?.first().copied();
    let (x, weights) = (step.input(0)?, step.input(1)?);
    let (shape, of) = (step.compose.shape(&x), step.compose.shape(&weights));
    let total: usize = shape.iter().product();
    let &[a, b] = of.as_slice() else {
        return Err(malformed(format!(
            "layer {}: weights of shape {of:?}",
            step.compose.name
        )));
    };
    // One row of all elements, or rows along the last axis.
    let last = shape.last().copied().unwrap_or(1);
    let found = [total, last]
        .into_iter()
        .find(|inputs| [a, b].contains(inputs));
    let inputs = found.ok_or_else(|| {
        step.compose
            .refuse(format!("weights of shape {of:?} for {shape:?}"))
    })?;
    let weights = match b == inputs {
        true => weights,
        false => step.compose.flipped(&weights)?,
    };
    let outputs = if b == inputs { a } else { b };
    let rows = step.compose.reshape(&x, &[total / inputs, inputs])?;
    let bias = step.bias()?;
    let made = match (weights, &bias) {
        (C(weights), _) => {
            let dense = Dense {
                outputs,
                weights: weights.data,
                bias,
            };
            step.compose.apply(FloatOp::Dense(dense), &[rows])?
        }
        (weights @ T(_), None) => {
            let weights = step.compose.flipped(&weights)?;
            step.compose.matrix_product(&rows, &weights)?
        }
        (T(_), Some(_)) => return Err(step.compose.refuse("a bias beside computed weights")),
    };
    let made = match step.layer.out_shapes.is_empty() {
        true => made,
        false => step.compose.reshape(&made, &step.declared(0)?)?,
    };
    Ok(vec![step.activated(&made, activation)?])
}

fn batch_mat_mul(step: &mut Step<'_>) -> Result<Vec<Operand>> {
    let flags = step.lengths()?;
    let (mut a, mut b) = (step.input(0)?, step.input(1)?);
    if flags.first() == Some(&1) {
        a = step.compose.flipped(&a)?;
    }
    if flags.get(1) == Some(&1) {
        b = step.compose.flipped(&b)?;
    }
    Ok(vec![step.compose.matrix_product(&a, &b)?])
}

fn mean(step: &mut Step<'_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let rank = step.compose.shape(&x).len();
    let axes = step.compose.axes(&step.layer.params, rank)?;
    let keep = match step.layer.out_shapes.first() {
        Some(shape) => shape.len() == rank,
        None => false,
    };
    Ok(vec![step.compose.mean(&x, &axes, keep)?])
}
