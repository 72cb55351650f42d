//! Functions of one value, and changes of the element type.

use super::entry::{Entry, entry};
use crate::error::Result;
use crate::float::Function;
use crate::frontend::compose::Operand;
use crate::frontend::tflite::schema::Type;
use crate::frontend::tflite::step::Step;

const ANY: &str = "any shape";
const TABLE: &str = "a function of every element";
const SATURATION: &str = "the saturation of the layer before it, where possible";
const NOTHING: &str = "nothing: numbers are real until the model is quantised";

/// An operator that is a function of the float graph.
macro_rules! plain {
    ($name:literal, $function:expr) => {
        entry($name, ANY, TABLE, |s| {
            let x = s.input(0)?;
            Ok(vec![s.compose.function(&x, $function)?])
        })
    };
}

/// An operator that saturates.
macro_rules! saturation {
    ($name:literal, $code:literal) => {
        entry($name, ANY, SATURATION, |s| {
            let x = s.input(0)?;
            Ok(vec![s.activation(&x, $code)?])
        })
    };
}

pub(super) const OPERATORS: &[Entry] = &[
    plain!("ABS", Function::Abs),
    entry(
        "CAST",
        "between any of the element types that are read",
        "nothing; from real to whole numbers, functions of every element",
        cast,
    ),
    plain!("CEIL", Function::Ceil),
    plain!("COS", Function::Cos),
    entry(
        "DENSIFY",
        "a sparse constant",
        "nothing: it is computed when the model is read",
        same,
    )
    .moving(),
    entry("DEQUANTIZE", "any type", NOTHING, same).moving(),
    plain!(
        "ELU",
        Function::Elu {
            alpha: 1.0,
            gamma: 1.0,
            scale: 1.0
        }
    ),
    plain!("EXP", Function::Exp),
    entry("FAKE_QUANT", "any bounds", SATURATION, fake_quant),
    plain!("FLOOR", Function::Floor),
    entry("GELU", "exact or approximate", TABLE, gelu),
    plain!("HARD_SWISH", Function::HardSwish),
    entry("LEAKY_RELU", "any slope", TABLE, leaky_relu),
    entry("LOG", "positive numbers", TABLE, |s| {
        let x = s.input(0)?;
        Ok(vec![s.compose.log(&x)?])
    }),
    entry(
        "LOGISTIC",
        "any shape; at the end left out with --drop-final-softmax",
        TABLE,
        |s| {
            let x = s.input(0)?;
            Ok(vec![s.compose.function(&x, Function::Sigmoid)?])
        },
    ),
    entry(
        "NEG",
        ANY,
        "nothing: it is folded into the linear layer before or after it",
        |s| {
            let x = s.input(0)?;
            Ok(vec![s.compose.scaled(&x, -1.0)?])
        },
    ),
    entry(
        "PRELU",
        "a slope that broadcasts to the tensor",
        "two saturations and a linear layer",
        |s| {
            let (x, slope) = (s.input(0)?, s.input(1)?);
            Ok(vec![s.compose.with_slope(&x, &slope)?])
        },
    ),
    entry(
        "QUANTIZE",
        "to int8, uint8 or int16",
        "a clamp to what the type can represent",
        same,
    ),
    saturation!("RELU", 1),
    saturation!("RELU6", 3),
    entry("RELU_0_TO_1", ANY, SATURATION, |s| {
        let x = s.input(0)?;
        Ok(vec![s.compose.clamped(&x, Some(0.0), Some(1.0))?])
    }),
    saturation!("RELU_N1_TO_1", 2),
    plain!("ROUND", Function::Round),
    entry("RSQRT", "positive numbers", TABLE, |s| {
        let x = s.input(0)?;
        Ok(vec![s.compose.power(&x, -0.5)?])
    }),
    plain!("SIGN", Function::Sign),
    plain!("SIN", Function::Sin),
    entry("SQRT", "numbers that are not negative", TABLE, |s| {
        let x = s.input(0)?;
        Ok(vec![s.compose.power(&x, 0.5)?])
    }),
    entry("SQUARE", ANY, "a product", |s| {
        let x = s.input(0)?;
        Ok(vec![s.compose.square(&x)?])
    }),
    plain!("TANH", Function::Tanh),
];

fn same(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    Ok(vec![step.input(0)?])
}

fn cast(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let from = step.tensor_of(0).map(|t| t.kind);
    let to = step.output_of(0).map(|t| t.kind);
    let (Some(from), Some(to)) = (from, to) else {
        return Err(step.compose.refuse("an operand is missing"));
    };
    Ok(vec![match (from, to) {
        (_, Type::Other(_) | Type::Resource) => {
            return Err(step.compose.refuse(format!("to {}", to.name())));
        }
        (Type::Bool, _) => x,
        // 1 where it is not 0
        (_, Type::Bool) => {
            let zero = step
                .compose
                .function(&x, Function::IsZero { tolerance: 0.0 })?;
            step.compose.complement(&zero)?
        }
        (from, to) if from.is_real() && !to.is_real() => step.compose.truncated(&x)?,
        _ => x,
    }])
}

fn fake_quant(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let (low, high) = (step.option_real(0)?, step.option_real(1)?);
    let x = step.input(0)?;
    if low >= high {
        return Err(step.compose.refuse(format!("bounds {low} to {high}")));
    }
    Ok(vec![step.compose.clamped(&x, Some(low), Some(high))?])
}

fn gelu(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let f = if step.flag(0)? {
        Function::GeluTanh
    } else {
        Function::Gelu
    };
    Ok(vec![step.compose.function(&x, f)?])
}

fn leaky_relu(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let slope = step.option_real(0)?;
    let slope = Operand::Constant(crate::float::Constant::scalar(slope));
    Ok(vec![step.compose.with_slope(&x, &slope)?])
}
