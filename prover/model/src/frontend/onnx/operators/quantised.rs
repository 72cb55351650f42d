//! Models that were quantised: whole numbers stand for real ones, of which there is one for each step of a scale.
//!
//! What a quantised tensor holds is `x / scale + zero point`, between the bounds of its type, without the rounding: the values are
//! quantised here anyway, with more steps.

use super::convolution::convolution;
use super::entry::{Operator, many};
use super::remedies::MICROSOFT;
use crate::error::Result;
use crate::float::{Constant, Function};
use crate::frontend::compose::Arithmetic;
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{
    Importer,
    Operand::{self, Constant as C, Tensor as T},
    axis_of,
};
use crate::frontend::onnx::node::refuse;
use tract_onnx::pb::NodeProto;

const CLAMPED: &str = "a saturation; values are not rounded";
const CONV: &[&str] = &[
    "auto_pad",
    "dilations",
    "group",
    "kernel_shape",
    "pads",
    "strides",
];

pub(super) const OPERATORS: &[Operator] = &[
    many(
        "ConvInteger",
        "as Conv, constant zero points",
        "a linear layer",
        CONV,
        conv_integer,
    ),
    many(
        "DequantizeLinear",
        "constant scale and zero point, for all values or for each entry of an axis",
        "nothing: it is folded into the linear layer before or after it",
        &["axis", "block_size", "output_dtype"],
        dequantize,
    ),
    many(
        "DynamicQuantizeLinear",
        "any tensor",
        "nothing: the values stay as they are, with a scale of 1",
        &[],
        dynamic,
    ),
    many(
        "MatMulInteger",
        "as MatMul, constant zero points",
        "a linear layer where one factor is constant, else a matrix product",
        &[],
        mat_mul_integer,
    ),
    many(
        "QLinearAdd",
        "constant scales and zero points",
        "a linear layer",
        &[],
        qlinear_add,
    )
    .only(MICROSOFT),
    many(
        "QLinearConcat",
        "constant scales and zero points",
        "a rearrangement and a linear layer",
        &["axis"],
        qlinear_concat,
    )
    .only(MICROSOFT),
    many(
        "QLinearConv",
        "as Conv, constant scales and zero points",
        "a linear layer",
        CONV,
        qlinear_conv,
    ),
    many(
        "QLinearGlobalAveragePool",
        "constant scales and zero points; channels first",
        "a linear layer",
        &["channels_last"],
        qlinear_global_average_pool,
    )
    .only(MICROSOFT),
    many(
        "QLinearLeakyRelu",
        "constant scales and zero points",
        "a function of every element",
        &["alpha"],
        qlinear_leaky_relu,
    )
    .only(MICROSOFT),
    many(
        "QLinearMatMul",
        "as MatMul, constant scales and zero points",
        "a linear layer where one factor is constant, else a matrix product",
        &[],
        qlinear_mat_mul,
    ),
    many(
        "QLinearMul",
        "constant scales and zero points",
        "a product",
        &[],
        qlinear_mul,
    )
    .only(MICROSOFT),
    many(
        "QLinearSigmoid",
        "constant scales and zero points",
        "a function of every element",
        &[],
        qlinear_sigmoid,
    )
    .only(MICROSOFT),
    many(
        "QuantizeLinear",
        "constant scale and zero point, for all values or for each entry of an axis; to uint8 and int8",
        CLAMPED,
        &[
            "axis",
            "block_size",
            "output_dtype",
            "precision",
            "saturate",
        ],
        quantize,
    ),
];

/// A scale or zero point so that it broadcasts to the tensor: one value, or one for each entry of the axis.
fn aligned(node: &NodeProto, constant: Constant, shape: &[usize], axis: usize) -> Result<Constant> {
    if constant.data.len() == 1 {
        return Ok(Constant::scalar(constant.data[0]));
    }
    if constant.shape.len() != 1 || shape.get(axis) != Some(&constant.data.len()) {
        return Err(refuse(
            node,
            format!(
                "a scale or zero point of shape {:?} for {shape:?} and axis {axis}; supported: one value, or one for each entry of the axis",
                constant.shape
            ),
        ));
    }
    let mut target = vec![1; shape.len() - axis];
    target[0] = constant.data.len();
    Ok(Constant {
        shape: target,
        data: constant.data,
    })
}

/// `(x - zero point) * scale`.
fn real(
    importer: &mut Importer,
    node: &NodeProto,
    x: Operand,
    scale: Option<Constant>,
    zero: Option<Constant>,
    axis: usize,
) -> Result<Operand> {
    let shape = importer.shape_of(&x);
    let mut x = x;
    if let Some(zero) = zero {
        let zero = C(aligned(node, zero, &shape, axis)?);
        x = importer.arithmetic(node, Arithmetic::Sub, x, zero)?;
    }
    if let Some(scale) = scale {
        let scale = C(aligned(node, scale, &shape, axis)?);
        x = importer.arithmetic(node, Arithmetic::Mul, x, scale)?;
    }
    Ok(x)
}

/// Input `index` with the scale and the zero point that follow it.
fn real_input(
    importer: &mut Importer,
    node: &NodeProto,
    index: usize,
    axis: usize,
) -> Result<Operand> {
    let x = importer.given(node, index)?;
    let scale = importer.required(node, index + 1)?;
    let zero = importer.constant(node, index + 2)?;
    real(importer, node, x, Some(scale), zero, axis)
}

/// The bounds of the type that quantised values have.
fn bounds(importer: &Importer, node: &NodeProto, zero: usize) -> Result<(f64, f64)> {
    let declared = node.int("output_dtype", 0);
    let declared = i32::try_from(declared).unwrap_or(-1);
    let name = node.input.get(zero).filter(|n| !n.is_empty());
    let own = name.and_then(|n| importer.element_type(n));
    match (own, declared) {
        (Some(3), 0 | 3) | (None, 3) => Ok((-128.0, 127.0)),
        (Some(2), 0 | 2) | (None, 2) => Ok((0.0, 255.0)),
        (None, 0) if name.is_none() => Ok((0.0, 255.0)),
        _ => Err(refuse(
            node,
            "quantised values of another type, or a zero point that is computed; supported: uint8 and int8",
        )),
    }
}

/// `x / scale + zero point`, with the scale and the zero point at these inputs.
fn quantised(
    importer: &mut Importer,
    node: &NodeProto,
    x: Operand,
    scale: usize,
    axis: usize,
) -> Result<Operand> {
    let shape = importer.shape_of(&x);
    let (low, high) = bounds(importer, node, scale + 1)?;
    let factor = C(aligned(
        node,
        importer.required(node, scale)?,
        &shape,
        axis,
    )?);
    let mut x = importer.arithmetic(node, Arithmetic::Div, x, factor)?;
    if let Some(zero) = importer.constant(node, scale + 1)? {
        let zero = C(aligned(node, zero, &shape, axis)?);
        x = importer.arithmetic(node, Arithmetic::Add, x, zero)?;
    }
    let id = importer.only_tensor(node, x)?;
    let id = importer.clamped(node, id, Some(low), Some(high))?;
    importer.unrounded.insert(id);
    Ok(T(id))
}

/// The axis that scales of a node belong to.
fn scale_axis(importer: &Importer, node: &NodeProto) -> Result<usize> {
    if node.int("block_size", 0) != 0 {
        return Err(refuse(node, "block_size; supported: scales for an axis"));
    }
    let operand = importer.given(node, 0)?;
    let rank = importer.shape_of(&operand).len();
    let axis = node.int("axis", 1);
    // One scale belongs to no axis.
    Ok(axis_of(axis, rank).unwrap_or(rank))
}

fn quantize(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let axis = scale_axis(importer, node)?;
    let x = importer.given(node, 0)?;
    Ok(vec![quantised(importer, node, x, 1, axis)?])
}

fn dequantize(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let axis = scale_axis(importer, node)?;
    Ok(vec![real_input(importer, node, 0, axis)?])
}

fn dynamic(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let x = importer.given(node, 0)?;
    let number = |v: f64| C(Constant::scalar(v));
    Ok(vec![x, number(1.0), number(0.0)])
}

fn constant_of(node: &NodeProto, operand: Operand) -> Result<Constant> {
    match operand {
        C(c) => Ok(c),
        T(_) => Err(refuse(
            node,
            "weights that are not constant; supported: constants",
        )),
    }
}

fn conv_integer(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let x = importer.given(node, 0)?;
    let zero = importer.constant(node, 2)?;
    let x = real(importer, node, x, None, zero, 1)?;
    let weights = C(importer.required(node, 1)?);
    let zero = importer.constant(node, 3)?;
    let weights = real(importer, node, weights, None, zero, 0)?;
    let weights = constant_of(node, weights)?;
    let x = importer.only_tensor(node, x)?;
    Ok(vec![T(convolution(importer, node, x, weights, None)?)])
}

fn qlinear_conv(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let x = real_input(importer, node, 0, 1)?;
    let x = importer.only_tensor(node, x)?;
    let weights = real_input(importer, node, 3, 0)?;
    let weights = constant_of(node, weights)?;
    let bias = match importer.constant(node, 8)? {
        None => None,
        Some(bias) => {
            let scale = importer.required(node, 1)?;
            let own = importer.required(node, 4)?;
            let scale = importer.arithmetic(node, Arithmetic::Mul, C(scale), C(own))?;
            let bias = importer.arithmetic(node, Arithmetic::Mul, C(bias), scale)?;
            Some(constant_of(node, bias)?.data)
        }
    };
    let y = convolution(importer, node, x, weights, bias)?;
    Ok(vec![quantised(importer, node, T(y), 6, 1)?])
}

/// The axis of scales of a factor: rows of the first, columns of the second.
fn factor_axis(importer: &Importer, node: &NodeProto, index: usize) -> Result<usize> {
    let operand = importer.given(node, index)?;
    let rank = importer.shape_of(&operand).len();
    Ok(rank.saturating_sub(if index == 0 { 2 } else { 1 }))
}

fn mat_mul_integer(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let mut factors = Vec::new();
    for (index, zero) in [(0, 2), (1, 3)] {
        let x = importer.given(node, index)?;
        let axis = factor_axis(importer, node, index)?;
        let zero = importer.constant(node, zero)?;
        factors.push(real(importer, node, x, None, zero, axis)?);
    }
    let (Some(b), Some(a)) = (factors.pop(), factors.pop()) else {
        return Err(refuse(node, "a factor is missing"));
    };
    Ok(vec![importer.matrix_product(node, a, b)?])
}

fn qlinear_mat_mul(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let axis = factor_axis(importer, node, 0)?;
    let a = real_input(importer, node, 0, axis)?;
    let axis = factor_axis(importer, node, 3)?;
    let b = real_input(importer, node, 3, axis)?;
    let product = importer.matrix_product(node, a, b)?;
    let last = importer.shape_of(&product).len().saturating_sub(2);
    Ok(vec![quantised(importer, node, product, 6, last)?])
}

fn qlinear_add(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    qlinear(importer, node, Arithmetic::Add)
}

fn qlinear_mul(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    qlinear(importer, node, Arithmetic::Mul)
}

fn qlinear_sigmoid(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    qlinear_function(importer, node, Function::Sigmoid)
}

fn qlinear_leaky_relu(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let slope = node.float("alpha", f64::from(0.01f32));
    if !slope.is_finite() {
        return Err(refuse(node, "alpha is not a finite number"));
    }
    qlinear_function(importer, node, Function::LeakyRelu { slope })
}

fn qlinear_function(
    importer: &mut Importer,
    node: &NodeProto,
    f: Function,
) -> Result<Vec<Operand>> {
    let x = real_input(importer, node, 0, 0)?;
    let y = importer.at(node).function(&x, f)?;
    Ok(vec![quantised(importer, node, y, 3, 0)?])
}

fn qlinear_global_average_pool(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    if node.int("channels_last", 0) != 0 {
        return Err(refuse(node, "channels_last; supported: channels first"));
    }
    let x = real_input(importer, node, 0, 0)?;
    let axes: Vec<usize> = (2..importer.shape_of(&x).len()).collect();
    let y = importer.at(node).mean(&x, &axes, true)?;
    Ok(vec![quantised(importer, node, y, 3, 0)?])
}

/// Scale and zero point of the output, then a tensor, its scale and its zero point, and so on.
fn qlinear_concat(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let count = node.input.len().saturating_sub(2);
    if count == 0 || !count.is_multiple_of(3) {
        return Err(refuse(node, format!("{} inputs", node.input.len())));
    }
    let mut parts = Vec::with_capacity(count / 3);
    for n in 0..count / 3 {
        parts.push(real_input(importer, node, 2 + 3 * n, 0)?);
    }
    let rank = importer.shape_of(&parts[0]).len();
    let axis = importer.axis(node, 0, rank)?;
    let y = importer.concatenated(node, &parts, axis)?;
    Ok(vec![quantised(importer, node, y, 0, 0)?])
}

fn qlinear(importer: &mut Importer, node: &NodeProto, op: Arithmetic) -> Result<Vec<Operand>> {
    let a = real_input(importer, node, 0, 0)?;
    let b = real_input(importer, node, 3, 0)?;
    let y = importer.arithmetic(node, op, a, b)?;
    Ok(vec![quantised(importer, node, y, 6, 0)?])
}
