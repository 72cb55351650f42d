//! What is known of the values of a tensor from how it is made.

use crate::float::{Element, FloatId, FloatOp, Function, GraphBuilder};

/// Operations are followed this far.
const DEPTH: usize = 12;

/// A number that no element of a tensor is less than, if one follows from how the tensor is made.
pub(super) fn least_value(builder: &GraphBuilder, id: FloatId) -> Option<f64> {
    least(builder, id, DEPTH)
}

fn least(builder: &GraphBuilder, id: FloatId, depth: usize) -> Option<f64> {
    let made = builder.producer(id)?;
    let depth = depth.checked_sub(1)?;
    let of = |n: usize| least(builder, made.inputs[n], depth);
    let not_negative = |n: usize| of(n).filter(|v| *v >= 0.0);
    let smallest = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    match &made.op {
        FloatOp::Mul if made.inputs[0] == made.inputs[1] => Some(0.0),
        FloatOp::Mul => Some(not_negative(0)? * not_negative(1)?),
        FloatOp::Add => Some(of(0)? + of(1)?),
        FloatOp::AddConstant(c) => Some(of(0)? + smallest(&c.data)),
        FloatOp::MulConstant(c) => {
            let factor = smallest(&c.data);
            (factor >= 0.0).then_some(not_negative(0)? * factor)
        }
        FloatOp::Clamp(bounds) => of(0).map(|v| bounds.clamp(v)).or(bounds.low),
        FloatOp::Dense(dense) => {
            let all = dense.weights.iter().all(|w| *w >= 0.0) && dense.bias.is_none();
            let least = not_negative(0).filter(|_| all)?;
            let inputs = dense.weights.len() / dense.outputs;
            let sums = dense.weights.chunks_exact(inputs).map(|r| r.iter().sum());
            Some(least * smallest(&sums.collect::<Vec<f64>>()))
        }
        FloatOp::GlobalAveragePool
        | FloatOp::MaxPool(_)
        | FloatOp::Reshape(_)
        | FloatOp::Transpose(_) => of(0),
        FloatOp::AveragePool(_) => Some(of(0)?.min(0.0)),
        FloatOp::Rearrange(op) => {
            let operands = (0..made.inputs.len()).map(of).collect::<Option<Vec<_>>>()?;
            let constants = op.elements.iter().filter_map(|e| match e {
                Element::Constant(v) => Some(*v),
                Element::Of { .. } => None,
            });
            Some(constants.fold(smallest(&operands), f64::min))
        }
        FloatOp::Function(f) => match *f {
            Function::Power { exponent, least } if exponent > 0.0 => {
                let whole = exponent.floor() == exponent;
                let even = whole && exponent % 2.0 == 0.0;
                let from = if whole { not_negative(0) } else { Some(least) };
                from.map(|v| libm::pow(v, exponent)).or(even.then_some(0.0))
            }
            Function::Power { .. } => not_negative(0).map(|_| 0.0),
            Function::Abs
            | Function::Exp
            | Function::HardSigmoid { .. }
            | Function::IsZero { .. }
            | Function::Positive
            | Function::Sigmoid
            | Function::Softplus => Some(0.0),
            Function::Reciprocal { .. } => not_negative(0).map(|_| 0.0),
            _ => None,
        },
        _ => None,
    }
}
