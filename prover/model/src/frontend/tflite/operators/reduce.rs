//! Reductions over axes.

use super::entry::{Entry, entry};
use crate::error::Result;
use crate::float::{Dense, FloatOp};
use crate::frontend::compose::Operand;
use crate::frontend::tflite::step::Step;

const AXES: &str = "constant axes; keep_dims";
const SUMS: &str = "a linear layer";
const MAXIMA: &str = "maxima of at most four values, in stages";
const PLACE: &str = "comparisons with the maximum, and maxima";

pub(super) const OPERATORS: &[Entry] = &[
    entry("ARG_MAX", "a constant axis", PLACE, |s| arg(s, 1.0)),
    entry("ARG_MIN", "a constant axis", PLACE, |s| arg(s, -1.0)),
    entry(
        "CUMSUM",
        "a constant axis; exclusive and reverse",
        SUMS,
        cumsum,
    ),
    entry(
        "MEAN",
        AXES,
        "sums folded into the linear layer that reads them, or a linear layer",
        |s| {
            let (x, axes, keep) = operands(s)?;
            Ok(vec![s.compose.mean(&x, &axes, keep)?])
        },
    ),
    entry("REDUCE_ALL", AXES, MAXIMA, minimum),
    entry("REDUCE_ANY", AXES, MAXIMA, maximum),
    entry("REDUCE_MAX", AXES, MAXIMA, maximum).moving(),
    entry("REDUCE_MIN", AXES, MAXIMA, minimum).moving(),
    entry(
        "REDUCE_PROD",
        "constant axes; at most 64 elements of them",
        "products in stages",
        |s| {
            let (x, axes, keep) = operands(s)?;
            let count = s.compose.count(&x, &axes);
            if count > 64 {
                return Err(s
                    .compose
                    .refuse(format!("a product of {count} elements; supported: 64")));
            }
            Ok(vec![s.compose.product(&x, &axes, keep)?])
        },
    ),
    entry("SUM", AXES, SUMS, |s| {
        let (x, axes, keep) = operands(s)?;
        Ok(vec![s.compose.sum(&x, &axes, 1.0, keep)?])
    }),
    entry(
        "TOPK_V2",
        "a constant number of the last axis, which has at most 128 elements; values and places",
        "comparisons of all pairs, and a matrix product",
        top,
    ),
];

/// The tensor, the axes, and whether they stay with length 1.
fn operands(step: &Step<'_, '_>) -> Result<(Operand, Vec<usize>, bool)> {
    let x = step.input(0)?;
    let rank = step.compose.shape(&x).len();
    let axes = step.compose.axes(&step.ints(1)?, rank)?;
    Ok((x, axes, step.flag(0)?))
}

fn maximum(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let (x, axes, keep) = operands(step)?;
    Ok(vec![step.compose.maximum(&x, &axes, keep)?])
}

fn minimum(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let (x, axes, keep) = operands(step)?;
    Ok(vec![step.compose.minimum(&x, &axes, keep)?])
}

fn arg(step: &mut Step<'_, '_>, sign: f64) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let axis = step
        .compose
        .axis(step.int(1)?, step.compose.shape(&x).len())?;
    let x = step.compose.scaled(&x, sign)?;
    let place = step.compose.place_of_maximum(&x, axis, false)?;
    Ok(vec![step.compose.sum(&place, &[axis], 1.0, false)?])
}

fn top(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let axis = step.compose.axis(-1, step.compose.shape(&x).len())?;
    let count = usize::try_from(step.int(1)?).unwrap_or(0);
    Ok(step.compose.greatest(&x, axis, count)?.to_vec())
}

fn cumsum(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let shape = step.compose.shape(&x);
    let axis = step.compose.axis(step.int(1)?, shape.len())?;
    let (exclusive, reverse) = (step.flag(0)?, step.flag(1)?);
    let length = shape[axis];
    step.compose.size(&[length, length])?;
    let weight = |n: usize| {
        let (to, from) = (n / length, n % length);
        let before = if reverse { from > to } else { from < to };
        f64::from(before || !exclusive && from == to)
    };
    let weights: Vec<f64> = (0..length * length).map(weight).collect();
    if shape.len() == 1 {
        let dense = Dense {
            outputs: length,
            weights,
            bias: None,
        };
        return Ok(vec![step.compose.apply(FloatOp::Dense(dense), &[x])?]);
    }
    Ok(vec![step.compose.along_axis(&x, axis, length, weights)?])
}
