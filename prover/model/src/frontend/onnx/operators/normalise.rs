//! Softmax and normalisations: means, differences, powers and products.

use super::entry::{Operator, many, one};
use super::remedies::MICROSOFT;
use crate::error::Result;
use crate::float::{FloatId, FloatOp, Function};
use crate::frontend::compose::Arithmetic;
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{
    Importer,
    Operand::{self, Tensor as T},
};
use crate::frontend::onnx::node::refuse;
use tract_onnx::pb::NodeProto;

const SOFTMAX: &str =
    "any axis; before opset 13, all axes from it on; at the end left out with --drop-final-softmax";
const EXPONENTIALS: &str = "exponentials of the differences from the maximum, divided by their sum";
const NORMAL: &str = "linear layers, squares and a power of the variance";
const LAYER: &[&str] = &["axis", "epsilon", "stash_type"];

pub(super) const OPERATORS: &[Operator] = &[
    one(
        "GroupNormalization",
        "scale and bias for each group before opset 21, else for each channel",
        NORMAL,
        &["epsilon", "num_groups", "stash_type"],
        group,
    ),
    one(
        "InstanceNormalization",
        "[batch, channels, ...]",
        NORMAL,
        &["consumed_inputs", "epsilon"],
        instance,
    ),
    one(
        "LRN",
        "[batch, channels, ...]",
        "linear layers, a square and a power",
        &["alpha", "beta", "bias", "size"],
        lrn,
    ),
    many(
        "LayerNormalization",
        "the axes from axis on; all outputs",
        NORMAL,
        LAYER,
        layer,
    ),
    one(
        "LogSoftmax",
        SOFTMAX,
        "differences from the maximum and from the logarithm of the sum of exponentials",
        &["axis", "consumed_inputs"],
        log_softmax,
    ),
    one(
        "LpNormalization",
        "p = 1 and p = 2",
        "a linear layer, a function and a product",
        &["axis", "p"],
        lp,
    ),
    one(
        "MeanVarianceNormalization",
        "any axes",
        NORMAL,
        &["across_channels", "axes", "normalize_variance"],
        mean_variance,
    ),
    many(
        "RMSNormalization",
        "the axes from axis on",
        NORMAL,
        LAYER,
        rms,
    ),
    many(
        "SimplifiedLayerNormalization",
        "the axes from axis on; all outputs",
        NORMAL,
        LAYER,
        rms,
    ),
    many(
        "SkipLayerNormalization",
        "with or without a bias; all outputs",
        NORMAL,
        &["epsilon"],
        skip_layer,
    )
    .only(MICROSOFT),
    many(
        "SkipSimplifiedLayerNormalization",
        "with or without a bias; all outputs",
        NORMAL,
        &["epsilon"],
        skip_simplified,
    )
    .only(MICROSOFT),
    one(
        "Softmax",
        SOFTMAX,
        EXPONENTIALS,
        &["axis", "consumed_inputs"],
        softmax,
    ),
];

/// The view and the axis over which scores are compared: before opset 13, all axes from one on are one.
pub(super) fn rows_before_13(
    importer: &mut Importer,
    node: &NodeProto,
    input: FloatId,
) -> Result<(FloatId, usize)> {
    let shape = importer.builder.shape(input).to_vec();
    if importer.opset >= 13 {
        return Ok((input, importer.axis(node, -1, shape.len())?));
    }
    let axis = importer.axis(node, 1, shape.len())?;
    let rows = [
        shape[..axis].iter().product(),
        shape[axis..].iter().product(),
    ];
    Ok((importer.reshape(node, input, &rows)?, 1))
}

fn softmax(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let shape = importer.builder.shape(input).to_vec();
    let (view, axis) = rows_before_13(importer, node, input)?;
    let shares = importer.softmax(node, view, axis)?;
    importer.reshape(node, shares, &shape)
}

fn log_softmax(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let shape = importer.builder.shape(input).to_vec();
    let (view, axis) = rows_before_13(importer, node, input)?;
    let scores = importer.log_softmax(node, view, axis)?;
    importer.reshape(node, scores, &shape)
}

/// What a normalisation makes.
struct Normal {
    output: FloatId,
    mean: FloatId,
    /// `1 / sqrt(variance + epsilon)`
    inverse: FloatId,
}

fn epsilon(node: &NodeProto) -> Result<f64> {
    let epsilon = node.float("epsilon", f64::from(1e-5f32));
    if epsilon.is_finite() && epsilon >= 0.0 {
        return Ok(epsilon);
    }
    Err(refuse(node, format!("epsilon {epsilon}")))
}

/// `(x - mean) / sqrt(variance + epsilon)` over axes; `x / sqrt(mean of squares + epsilon)` if not centred.
fn normal(
    importer: &mut Importer,
    node: &NodeProto,
    x: FloatId,
    axes: &[usize],
    epsilon: f64,
    centred: bool,
) -> Result<Normal> {
    let shape = importer.builder.shape(x).to_vec();
    let mean = importer.mean(node, x, axes, true)?;
    let x = if centred {
        let mean = importer.expand(node, mean, &shape)?;
        importer.op(node, FloatOp::Sub, &[x, mean])?
    } else {
        x
    };
    let square = importer.op(node, FloatOp::Mul, &[x, x])?;
    let variance = importer.mean(node, square, axes, true)?;
    let variance = importer.shifted(node, variance, epsilon)?;
    let inverse = importer.power(node, variance, -0.5)?;
    let factor = importer.expand(node, inverse, &shape)?;
    Ok(Normal {
        output: importer.op(node, FloatOp::Mul, &[x, factor])?,
        mean,
        inverse,
    })
}

/// A tensor times a scale plus a bias, where they are given.
fn affine(
    importer: &mut Importer,
    node: &NodeProto,
    x: FloatId,
    scale: Option<Operand>,
    bias: Option<Operand>,
) -> Result<FloatId> {
    let shape = importer.builder.shape(x).to_vec();
    let mut x = T(x);
    for (op, operand) in [(Arithmetic::Mul, scale), (Arithmetic::Add, bias)] {
        if let Some(operand) = operand {
            x = importer.arithmetic(node, op, x, operand)?;
        }
    }
    if importer.shape_of(&x) != shape {
        return Err(refuse(
            node,
            "a scale or bias of more elements than the input",
        ));
    }
    importer.only_tensor(node, x)
}

/// The axes from the attribute on.
fn from_axis(importer: &Importer, node: &NodeProto, id: FloatId) -> Result<Vec<usize>> {
    let rank = importer.builder.shape(id).len();
    Ok((importer.axis(node, -1, rank)?..rank).collect())
}

fn layer(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let input = importer.tensor(node, 0)?;
    let axes = from_axis(importer, node, input)?;
    let made = normal(importer, node, input, &axes, epsilon(node)?, true)?;
    let (scale, bias) = (importer.operand(node, 1)?, importer.operand(node, 2)?);
    let output = affine(importer, node, made.output, scale, bias)?;
    Ok(vec![T(output), T(made.mean), T(made.inverse)])
}

fn rms(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let input = importer.tensor(node, 0)?;
    let axes = from_axis(importer, node, input)?;
    let made = normal(importer, node, input, &axes, epsilon(node)?, false)?;
    let scale = importer.operand(node, 1)?;
    let output = affine(importer, node, made.output, scale, None)?;
    Ok(vec![T(output), T(made.inverse)])
}

fn skip_layer(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    skip(importer, node, true)
}

fn skip_simplified(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    skip(importer, node, false)
}

/// The sum of two tensors and a bias, normalised over the last axis.
fn skip(importer: &mut Importer, node: &NodeProto, centred: bool) -> Result<Vec<Operand>> {
    let (input, other) = (importer.given(node, 0)?, importer.given(node, 1)?);
    let mut sum = importer.arithmetic(node, Arithmetic::Add, input, other)?;
    if let Some(bias) = importer.operand(node, if centred { 4 } else { 3 })? {
        sum = importer.arithmetic(node, Arithmetic::Add, sum, bias)?;
    }
    let sum = importer.only_tensor(node, sum)?;
    let last = importer.builder.shape(sum).len().saturating_sub(1);
    let epsilon = node.float("epsilon", f64::from(1e-12f32));
    let made = normal(importer, node, sum, &[last], epsilon.max(0.0), centred)?;
    let scale = importer.operand(node, 2)?;
    let bias = match centred {
        true => importer.operand(node, 3)?,
        false => None,
    };
    let output = affine(importer, node, made.output, scale, bias)?;
    Ok(vec![T(output), T(made.mean), T(made.inverse), T(sum)])
}

/// A value for each channel, so that it broadcasts to `[batch, channels, ...]`.
fn per_channel(
    importer: &mut Importer,
    node: &NodeProto,
    index: usize,
    shape: &[usize],
) -> Result<Operand> {
    let operand = importer.given(node, index)?;
    let mut target = vec![1; shape.len() - 1];
    target[0] = shape[1];
    if importer.shape_of(&operand) != [shape[1]] {
        return Err(refuse(
            node,
            format!("input {index} for {} channels", shape[1]),
        ));
    }
    importer.reshaped(node, operand, &target)
}

fn channels(importer: &Importer, node: &NodeProto) -> Result<(FloatId, Vec<usize>)> {
    let input = importer.tensor(node, 0)?;
    let shape = importer.builder.shape(input).to_vec();
    if shape.len() < 2 {
        return Err(refuse(
            node,
            format!("input shape {shape:?}; supported: [batch, channels, ...]"),
        ));
    }
    Ok((input, shape))
}

fn instance(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let (input, shape) = channels(importer, node)?;
    let axes: Vec<usize> = (2..shape.len()).collect();
    let made = normal(importer, node, input, &axes, epsilon(node)?, true)?;
    let scale = per_channel(importer, node, 1, &shape)?;
    let bias = per_channel(importer, node, 2, &shape)?;
    affine(importer, node, made.output, Some(scale), Some(bias))
}

fn group(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let (input, shape) = channels(importer, node)?;
    let groups = usize::try_from(node.int("num_groups", 0)).unwrap_or(0);
    if groups == 0 || !shape[1].is_multiple_of(groups) {
        return Err(refuse(
            node,
            format!("{groups} groups of {} channels", shape[1]),
        ));
    }
    let rest = shape[1..].iter().product::<usize>() / groups;
    let view = importer.reshape(node, input, &[shape[0], groups, rest])?;
    let made = normal(importer, node, view, &[2], epsilon(node)?, true)?;
    if importer.opset < 21 {
        let wide = [shape[0], groups, rest];
        let scale = per_channel(importer, node, 1, &wide)?;
        let bias = per_channel(importer, node, 2, &wide)?;
        let output = affine(importer, node, made.output, Some(scale), Some(bias))?;
        return importer.reshape(node, output, &shape);
    }
    let output = importer.reshape(node, made.output, &shape)?;
    let scale = per_channel(importer, node, 1, &shape)?;
    let bias = per_channel(importer, node, 2, &shape)?;
    affine(importer, node, output, Some(scale), Some(bias))
}

fn mean_variance(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let rank = importer.builder.shape(input).len();
    if importer.opset < 9 {
        return Err(refuse(
            node,
            "its form before opset 9; export the model with a newer opset",
        ));
    }
    let axes = match importer.axes(node, rank)? {
        Some(axes) => axes,
        None if rank == 4 => vec![0, 2, 3],
        None => return Err(refuse(node, "axes are missing")),
    };
    // The deviation and 1e-9 divide: that is as good as its square in the variance.
    Ok(normal(importer, node, input, &axes, 1e-18, true)?.output)
}

fn lp(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let shape = importer.builder.shape(input).to_vec();
    let axis = importer.axis(node, -1, shape.len())?;
    let size = match node.int("p", 2) {
        1 => {
            let size = importer.function(node, input, Function::Abs)?;
            let sum = importer.sum(node, size, &[axis], 1.0, true)?;
            importer.reciprocal(node, sum)?
        }
        2 => {
            let square = importer.op(node, FloatOp::Mul, &[input, input])?;
            let sum = importer.sum(node, square, &[axis], 1.0, true)?;
            importer.power(node, sum, -0.5)?
        }
        other => return Err(refuse(node, format!("p = {other}; supported: 1 and 2"))),
    };
    let factor = importer.expand(node, size, &shape)?;
    importer.op(node, FloatOp::Mul, &[input, factor])
}

/// `x / (bias + alpha / size * sum of squares over neighbouring channels) ^ beta`.
fn lrn(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let (input, shape) = channels(importer, node)?;
    let size = node.int("size", 0);
    let size = usize::try_from(size)
        .ok()
        .filter(|s| (1..=1 << 16).contains(s));
    let size = size.ok_or_else(|| refuse(node, "size is missing, or not positive"))?;
    let (alpha, beta) = (
        node.float("alpha", f64::from(1e-4f32)),
        node.float("beta", 0.75),
    );
    let bias = node.float("bias", 1.0);
    if !(bias > 0.0
        && alpha >= 0.0
        && beta > 0.0
        && [bias, alpha, beta].iter().all(|v| v.is_finite()))
    {
        return Err(refuse(node, "bias, alpha or beta that is not positive"));
    }
    let channels = shape[1];
    let (before, after) = ((size - 1) / 2, size / 2);
    let weight = |n: usize| {
        let (output, input) = (n / channels, n % channels);
        let near = input + before >= output && input <= output + after;
        if near { alpha / size as f64 } else { 0.0 }
    };
    crate::frontend::onnx::node::size(node, &[channels, channels])?;
    let weights = (0..channels * channels).map(weight).collect();
    let square = importer.op(node, FloatOp::Mul, &[input, input])?;
    let sum = importer.along_axis(node, square, 1, channels, weights)?;
    let sum = importer.shifted(node, sum, bias)?;
    let factor = importer.power(node, sum, -beta)?;
    importer.op(node, FloatOp::Mul, &[input, factor])
}
