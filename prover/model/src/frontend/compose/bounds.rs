//! What is known of the values of a tensor from how it is made.

use crate::float::{Element, FloatId, FloatOp, Function, GraphBuilder};

/// Operations are followed this far.
const DEPTH: usize = 12;

/// A number that no element of a tensor is less than, if one follows from how the tensor is made.
pub(super) fn least_value(builder: &GraphBuilder, id: FloatId) -> Option<f64> {
    least(builder, id, DEPTH)
}

fn least(builder: &GraphBuilder, id: FloatId, depth: usize) -> Option<f64> {
    let depth = depth.checked_sub(1)?;
    let made = builder.producer(id)?;
    let input = |n: usize| least(builder, made.inputs[n], depth);
    let from_zero = |n: usize| input(n).filter(|v| *v >= 0.0);
    let minimum = |values: &[f64]| values.iter().copied().reduce(f64::min);
    match &made.op {
        FloatOp::Mul if made.inputs[0] == made.inputs[1] => Some(0.0),
        FloatOp::Mul => Some(from_zero(0)? * from_zero(1)?),
        FloatOp::Add => Some(input(0)? + input(1)?),
        FloatOp::AddConstant(c) => Some(input(0)? + minimum(&c.data)?),
        FloatOp::MulConstant(c) => {
            let factor = minimum(&c.data).filter(|f| *f >= 0.0)?;
            Some(from_zero(0)? * factor)
        }
        FloatOp::Clamp(bounds) => input(0).map(|v| bounds.clamp(v)).or(bounds.low),
        // Sums of non-negative numbers with non-negative weights.
        FloatOp::Dense(dense)
            if dense.bias.is_none() && dense.weights.iter().all(|w| *w >= 0.0) =>
        {
            let inputs = dense.weights.len() / dense.outputs;
            let sums = dense
                .weights
                .chunks_exact(inputs)
                .map(|row| row.iter().sum());
            Some(from_zero(0)? * minimum(&sums.collect::<Vec<f64>>())?)
        }
        FloatOp::MaxPool(_)
        | FloatOp::GlobalAveragePool
        | FloatOp::Reshape(_)
        | FloatOp::Transpose(_) => input(0),
        FloatOp::AveragePool(_) => input(0).map(|v| v.min(0.0)),
        FloatOp::Rearrange(op) => {
            let mut bound: Option<f64> = None;
            for n in 0..made.inputs.len() {
                let own = input(n)?;
                bound = Some(bound.map_or(own, |b| b.min(own)));
            }
            let constants = op.elements.iter().filter_map(|e| match e {
                Element::Constant(v) => Some(*v),
                Element::Of { .. } => None,
            });
            Some(constants.fold(bound?, f64::min))
        }
        FloatOp::Function(
            Function::Abs
            | Function::Exp
            | Function::HardSigmoid { .. }
            | Function::IsZero { .. }
            | Function::Positive
            | Function::Sigmoid
            | Function::Softplus,
        ) => Some(0.0),
        FloatOp::Function(Function::Power { exponent, least }) => {
            let whole = *exponent >= 1.0 && exponent.floor() == *exponent;
            match whole {
                false if *exponent > 0.0 => Some(libm::pow(*least, *exponent)),
                false => Some(0.0),
                true => from_zero(0)
                    .map(|v| libm::pow(v, *exponent))
                    .or((*exponent % 2.0 == 0.0).then_some(0.0)),
            }
        }
        FloatOp::Function(Function::Reciprocal { .. }) => from_zero(0).map(|_| 0.0),
        _ => None,
    }
}
