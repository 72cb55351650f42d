//! The same elements under another shape, and what is known of shapes.

use super::entry::{Entry, entry};
use crate::error::Result;
use crate::float::Constant;
use crate::frontend::compose::{C, Operand};
use crate::frontend::tflite::step::Step;

const VIEW: &str = "nothing: a view of the same elements";
const COMPUTED: &str = "nothing: it is computed when the model is read";
/// Constants that are made have at most so many elements.
const MAX_MADE: f64 = 4_194_304.0;

pub(super) const OPERATORS: &[Entry] = &[
    entry("EXPAND_DIMS", "a constant axis", VIEW, expand_dims).moving(),
    entry("FILL", "a constant shape", COMPUTED, fill),
    entry("RANGE", "constants", COMPUTED, range),
    entry("RANK", "any shape", COMPUTED, |s| {
        let x = s.input(0)?;
        Ok(vec![whole(&[s.compose.shape(&x).len()], true)])
    }),
    entry(
        "RESHAPE",
        "a constant shape, as option or input; one length may be -1",
        VIEW,
        reshape,
    )
    .moving(),
    entry("SHAPE", "any shape", COMPUTED, |s| {
        let x = s.input(0)?;
        Ok(vec![whole(&s.compose.shape(&x), false)])
    }),
    entry("SQUEEZE", "any axes of length 1", VIEW, squeeze).moving(),
    entry("TRANSPOSE", "a constant permutation", VIEW, |s| {
        let x = s.input(0)?;
        let perm = s.lengths(1)?;
        Ok(vec![s.compose.transpose(&x, &perm)?])
    })
    .moving(),
    entry("ZEROS_LIKE", "any shape", COMPUTED, |s| {
        let x = s.input(0)?;
        let shape = s.compose.shape(&x);
        let data = vec![0.0; shape.iter().product()];
        Ok(vec![C(Constant { shape, data })])
    }),
];

/// Lengths as a constant.
fn whole(lengths: &[usize], scalar: bool) -> Operand {
    C(Constant {
        shape: if scalar {
            Vec::new()
        } else {
            vec![lengths.len()]
        },
        data: lengths.iter().map(|d| *d as f64).collect(),
    })
}

/// The shape that a RESHAPE states.
fn stated(step: &Step<'_, '_>) -> Result<Vec<i64>> {
    if step.optional(1).is_some() {
        return step.ints(1);
    }
    let most = crate::frontend::tflite::schema::MAX_RANK;
    match step.operator.options {
        Some(options) => {
            let list = options.ints(0, most, "a shape")?;
            Ok(list.into_iter().map(i64::from).collect())
        }
        None => Err(step.compose.refuse("no shape")),
    }
}

fn reshape(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let shape = step.compose.shape(&x);
    let stated = stated(step)?;
    let lengths: Vec<Option<usize>> = stated.iter().map(|d| usize::try_from(*d).ok()).collect();
    let known = lengths
        .iter()
        .flatten()
        .try_fold(1usize, |n, d| n.checked_mul(*d))
        .unwrap_or(0);
    let total: usize = shape.iter().product();
    let free = total.checked_div(known).unwrap_or(0);
    if lengths.iter().filter(|d| d.is_none()).count() > 1 {
        return Err(step
            .compose
            .refuse(format!("target {stated:?} for {shape:?}")));
    }
    let target: Vec<usize> = lengths.into_iter().map(|d| d.unwrap_or(free)).collect();
    Ok(vec![step.compose.reshape(&x, &target)?])
}

fn squeeze(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let shape = step.compose.shape(&x);
    let most = crate::frontend::tflite::schema::MAX_RANK;
    let axes = match step.operator.options {
        Some(options) => options.ints(0, most, "axes")?,
        None => Vec::new(),
    };
    let axes: Vec<i64> = axes.into_iter().map(i64::from).collect();
    let axes = step.compose.axes(&axes, shape.len())?;
    let dropped = |a: usize| match axes.is_empty() {
        true => shape[a] == 1,
        false => axes.contains(&a),
    };
    let target: Vec<usize> = (0..shape.len())
        .filter(|a| !dropped(*a))
        .map(|a| shape[a])
        .collect();
    Ok(vec![step.compose.reshape(&x, &target)?])
}

fn expand_dims(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let mut shape = step.compose.shape(&x);
    let axis = step.compose.axis(step.int(1)?, shape.len() + 1)?;
    shape.insert(axis, 1);
    Ok(vec![step.compose.reshape(&x, &shape)?])
}

fn fill(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let shape = step.lengths(0)?;
    let value = step.input(1)?;
    Ok(vec![step.compose.expanded(&value, &shape)?])
}

fn range(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let one = |index: usize| match step.constant(index)?.data.as_slice() {
        [value] if value.is_finite() => Ok(*value),
        _ => Err(step
            .compose
            .refuse(format!("input {index} is not one number"))),
    };
    let (start, limit, delta) = (one(0)?, one(1)?, one(2)?);
    let count = ((limit - start) / delta).ceil();
    if !(0.0..=MAX_MADE).contains(&count) {
        return Err(step
            .compose
            .refuse(format!("from {start} to {limit} by {delta}")));
    }
    let data: Vec<f64> = (0..count as usize)
        .map(|n| start + n as f64 * delta)
        .collect();
    Ok(vec![C(Constant {
        shape: vec![data.len()],
        data,
    })])
}
