//! Functions of one value.

use super::entry::{Operator, many, one};
use super::remedies::MICROSOFT;
use crate::error::Result;
use crate::float::{Bounds, Constant, FloatId, FloatOp, Function};
use crate::frontend::compose::Arithmetic;
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{
    Importer,
    Operand::{self, Constant as C, Tensor as T},
};
use crate::frontend::onnx::node::refuse;
use tract_onnx::pb::NodeProto;

/// What such operators become.
const TABLE: &str = "a function of every element";
const ANY: &str = "any shape";
const OLD: &[&str] = &["consumed_inputs"];

/// An operator that is a function of the float graph.
macro_rules! plain {
    ($name:literal, $attributes:expr, $function:expr) => {
        one($name, ANY, TABLE, $attributes, |importer, node| {
            let make: fn(&NodeProto) -> Function = $function;
            let f = make(node);
            check(node, &f)?;
            importer.unary(node, FloatOp::Function(f))
        })
    };
}

pub(super) const OPERATORS: &[Operator] = &[
    plain!("Abs", OLD, |_| Function::Abs),
    plain!("Acos", &[], |_| Function::Acos),
    plain!("Acosh", &[], |_| Function::Acosh),
    plain!("Asin", &[], |_| Function::Asin),
    plain!("Asinh", &[], |_| Function::Asinh),
    plain!("Atan", &[], |_| Function::Atan),
    plain!("Atanh", &[], |_| Function::Atanh),
    one(
        "BiasGelu",
        "a constant or computed bias",
        TABLE,
        &[],
        bias_gelu,
    )
    .only(MICROSOFT),
    plain!("Ceil", OLD, |_| Function::Ceil),
    plain!("Celu", &["alpha"], |n| {
        let alpha = n.float("alpha", 1.0);
        Function::Elu {
            alpha,
            gamma: alpha,
            scale: 1.0,
        }
    }),
    many(
        "Clip",
        "constant bounds",
        "the saturation of the layer before it, where possible",
        &["consumed_inputs", "max", "min"],
        clip,
    ),
    plain!("Cos", &[], |_| Function::Cos),
    plain!("Cosh", &[], |_| Function::Cosh),
    plain!("Elu", &["alpha", "consumed_inputs"], |n| Function::Elu {
        alpha: n.float("alpha", 1.0),
        gamma: 1.0,
        scale: 1.0,
    }),
    plain!("Erf", &[], |_| Function::Erf),
    plain!("Exp", OLD, |_| Function::Exp),
    one("FastGelu", "with or without a bias", TABLE, &[], fast_gelu).only(MICROSOFT),
    plain!("Floor", OLD, |_| Function::Floor),
    one(
        "Gelu",
        "approximate none and tanh",
        TABLE,
        &["approximate"],
        gelu,
    ),
    plain!("HardSigmoid", &["alpha", "beta", "consumed_inputs"], |n| {
        Function::HardSigmoid {
            alpha: n.float("alpha", f64::from(0.2f32)),
            beta: n.float("beta", 0.5),
        }
    }),
    plain!("HardSwish", &[], |_| Function::HardSwish),
    plain!("LeakyRelu", &["alpha", "consumed_inputs"], |n| {
        Function::LeakyRelu {
            slope: n.float("alpha", f64::from(0.01f32)),
        }
    }),
    one("Log", "positive numbers", TABLE, OLD, log),
    plain!("Mish", &[], |_| Function::Mish),
    one(
        "PRelu",
        "a slope that broadcasts to the tensor; before opset 7 one for each channel",
        "two saturations and a linear layer",
        OLD,
        prelu,
    ),
    plain!("QuickGelu", &["alpha"], |n| Function::Swish {
        beta: n.float("alpha", f64::from(1.702f32)),
    })
    .only(MICROSOFT),
    one("Reciprocal", "numbers away from 0", TABLE, OLD, reciprocal),
    one(
        "Relu",
        ANY,
        "the saturation of the layer before it, where possible",
        OLD,
        relu,
    ),
    plain!("Round", &[], |_| Function::Round),
    plain!("Selu", &["alpha", "consumed_inputs", "gamma"], |n| {
        Function::Elu {
            alpha: n.float("alpha", f64::from(1.673_263_2f32)),
            gamma: 1.0,
            scale: n.float("gamma", f64::from(1.050_701f32)),
        }
    }),
    plain!("Shrink", &["bias", "lambd"], |n| Function::Shrink {
        lambda: n.float("lambd", 0.5),
        bias: n.float("bias", 0.0),
    }),
    plain!("Sigmoid", OLD, |_| Function::Sigmoid),
    plain!("Sign", &[], |_| Function::Sign),
    plain!("Sin", &[], |_| Function::Sin),
    plain!("Sinh", &[], |_| Function::Sinh),
    plain!("Softplus", &[], |_| Function::Softplus),
    plain!("Softsign", &[], |_| Function::Softsign),
    one("Sqrt", "numbers that are not negative", TABLE, OLD, sqrt),
    plain!("Swish", &["alpha"], |n| Function::Swish {
        beta: n.float("alpha", 1.0),
    }),
    plain!("Tan", &[], |_| Function::Tan),
    plain!("Tanh", OLD, |_| Function::Tanh),
    plain!("ThresholdedRelu", &["alpha"], |n| {
        Function::ThresholdedRelu {
            alpha: n.float("alpha", 1.0),
        }
    }),
];

/// Refuses parameters that are no numbers, or with which the function is none.
fn check(node: &NodeProto, f: &Function) -> Result<()> {
    let fine = match *f {
        Function::Elu {
            alpha,
            gamma,
            scale,
        } => [alpha, scale, 1.0 / gamma].iter().all(|v| v.is_finite()),
        Function::HardSigmoid { alpha, beta } => alpha.is_finite() && beta.is_finite(),
        Function::LeakyRelu { slope } => slope.is_finite(),
        Function::Shrink { lambda, bias } => lambda.is_finite() && bias.is_finite(),
        Function::Swish { beta } => beta.is_finite(),
        Function::ThresholdedRelu { alpha } => alpha.is_finite(),
        _ => true,
    };
    if fine {
        return Ok(());
    }
    Err(refuse(node, "a parameter that is not a finite number"))
}

fn relu(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    importer.unary(node, FloatOp::Clamp(Bounds::RELU))
}

fn log(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    importer.log(node, input)
}

fn sqrt(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    importer.power(node, input, 0.5)
}

fn reciprocal(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    importer.reciprocal(node, input)
}

fn gelu(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let f = match node.text("approximate").as_deref() {
        None | Some("" | "none") => Function::Gelu,
        Some("tanh") => Function::GeluTanh,
        Some(other) => return Err(refuse(node, format!("approximate {other} is unknown"))),
    };
    importer.unary(node, FloatOp::Function(f))
}

/// A function of the first input, to which a second one is added if there is one.
fn after_bias(importer: &mut Importer, node: &NodeProto, f: Function) -> Result<FloatId> {
    let mut input = importer.given(node, 0)?;
    if let Some(bias) = importer.operand(node, 1)? {
        input = importer.arithmetic(node, Arithmetic::Add, input, bias)?;
    }
    let input = importer.only_tensor(node, input)?;
    importer.function(node, input, f)
}

fn bias_gelu(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    after_bias(importer, node, Function::Gelu)
}

fn fast_gelu(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    after_bias(importer, node, Function::GeluTanh)
}

/// Bounds past this stand for none.
const UNBOUNDED: f64 = 1e30;

fn clip(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let (low, high) = if importer.opset < 11 {
        (node.float("min", -UNBOUNDED), node.float("max", UNBOUNDED))
    } else {
        let bound = |index: usize, default: f64| {
            let constant = importer.constant(node, index)?;
            Ok(constant
                .and_then(|c| c.data.first().copied())
                .unwrap_or(default))
        };
        (bound(1, -UNBOUNDED)?, bound(2, UNBOUNDED)?)
    };
    if low.is_nan() || high.is_nan() {
        return Err(refuse(node, "a bound that is not a number"));
    }
    let input = importer.tensor(node, 0)?;
    if low >= high {
        // The upper bound is applied last.
        let shape = importer.builder.shape(input).to_vec();
        let data = vec![high; shape.iter().product()];
        return Ok(vec![C(Constant { shape, data })]);
    }
    let low = (low > -UNBOUNDED).then_some(low);
    let high = (high < UNBOUNDED).then_some(high);
    Ok(vec![T(importer.clamped(node, input, low, high)?)])
}

/// `x + (1 - slope) * relu(-x)`.
fn prelu(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let shape = importer.builder.shape(input).to_vec();
    let mut slope = importer.given(node, 1)?;
    if importer.opset < 7
        && let C(c) = &mut slope
        && c.data.len() > 1
    {
        // One for each channel.
        let after = shape.len().saturating_sub(2);
        c.shape = [vec![c.data.len()], vec![1; after]].concat();
    }
    let activated = importer.at(node).with_slope(&T(input), &slope)?;
    importer.only_tensor(node, activated)
}
