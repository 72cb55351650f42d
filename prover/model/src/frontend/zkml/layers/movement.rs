//! Elements under another shape, or in another order.

use super::{LayerType, layer};
use crate::error::Result;
use crate::frontend::compose::{Coordinates, Operand, Resize, ZERO, all};
use crate::frontend::zkml::importer::Step;

const VIEW: &str = "nothing: a view of the same elements";
const MOVED: &str = "a rearrangement";

pub(super) const LAYERS: &[LayerType] = &[
    layer("Broadcast", "to the declared output shape", MOVED, |s| {
        let x = s.input(0)?;
        let shape = s.declared(0)?;
        Ok(vec![s.compose.expanded(&x, &shape)?])
    }),
    layer(
        "Concatenation",
        "tensors and constants",
        MOVED,
        concatenation,
    ),
    layer("Noop", "one of its inputs", VIEW, |s| {
        let [index] = s.params()?;
        Ok(vec![s.input(index)?])
    }),
    layer("Pack", "tensors and constants", MOVED, pack),
    layer("Pad", "zeros", MOVED, pad),
    layer("Permute", "any permutation", VIEW, |s| {
        let x = s.input(0)?;
        let perm = s.lengths()?;
        Ok(vec![s.compose.transpose(&x, &perm)?])
    }),
    layer("Reshape", "the declared output shape", VIEW, |s| {
        let x = s.input(0)?;
        let shape = s.declared(0)?;
        Ok(vec![s.compose.reshape(&x, &shape)?])
    }),
    layer(
        "ResizeNearestNeighbor",
        "rows and columns to the declared output shape",
        MOVED,
        resize,
    ),
    layer(
        "Rotate",
        "any axes, each of which is reversed",
        MOVED,
        rotate,
    ),
    layer(
        "Slice",
        "places and lengths",
        "a view of some elements",
        slice,
    ),
    layer("Split", "equal parts", "a view of some elements", split),
    layer("Transpose", "any permutation", VIEW, |s| {
        let x = s.input(0)?;
        // The input's shape, then the permutation.
        let params = s.lengths()?;
        Ok(vec![s.compose.transpose(&x, &params[params.len() / 2..])?])
    }),
];

fn concatenation(step: &mut Step<'_>) -> Result<Vec<Operand>> {
    let axis = one(step)?;
    let parts = step.inputs.clone();
    let rank = parts.first().map_or(0, |p| step.compose.shape(p).len());
    let axis = step.compose.axis(axis, rank)?;
    Ok(vec![step.compose.concatenated(&parts, axis)?])
}

/// The one parameter, which may count from the end.
fn one(step: &Step<'_>) -> Result<i64> {
    match step.layer.params.as_slice() {
        [axis] => Ok(*axis),
        other => Err(step
            .compose
            .refuse(format!("parameters {other:?}; supported: one axis"))),
    }
}

fn pack(step: &mut Step<'_>) -> Result<Vec<Operand>> {
    let axis = one(step)?;
    let parts = step.inputs.clone();
    let rank = parts.first().map_or(0, |p| step.compose.shape(p).len());
    let axis = step.compose.axis(axis, rank + 1)?;
    let mut views = Vec::with_capacity(parts.len());
    for part in &parts {
        let mut shape = step.compose.shape(part);
        if shape.len() != rank {
            return Err(step.compose.refuse("operands of different shapes"));
        }
        shape.insert(axis, 1);
        views.push(step.compose.reshape(part, &shape)?);
    }
    Ok(vec![step.compose.concatenated(&views, axis)?])
}

fn pad(step: &mut Step<'_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let shape = step.compose.shape(&x);
    let params = step.lengths()?;
    if params.len() != 2 * shape.len() {
        return Err(step
            .compose
            .refuse(format!("paddings {params:?} for {shape:?}")));
    }
    let pairs = params.as_chunks::<2>().0;
    let wide: Vec<usize> = shape
        .iter()
        .zip(pairs)
        .map(|(d, [a, b])| d + a + b)
        .collect();
    step.compose.size(&wide)?;
    let axes: Vec<_> = shape
        .iter()
        .zip(pairs)
        .map(|(d, [before, after])| [vec![None; *before], all(*d), vec![None; *after]].concat())
        .collect();
    Ok(vec![step.compose.pick(&x, &axes, ZERO)?])
}

/// zkml reads the element at the rounded-down ratio of the lengths, whatever the parameters say.
fn resize(step: &mut Step<'_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    match step.declared(0)?.as_slice() {
        &[_, rows, columns, _] => {
            let to = [rows, columns];
            Ok(vec![step.compose.resized(
                &x,
                to,
                Resize::Nearest,
                Coordinates::Asymmetric,
            )?])
        }
        other => Err(step.compose.refuse(format!("an output of shape {other:?}"))),
    }
}

fn rotate(step: &mut Step<'_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let shape = step.compose.shape(&x);
    let reversed = step.compose.axes(&step.layer.params, shape.len())?;
    let mut axes: Vec<_> = shape.iter().map(|d| all(*d)).collect();
    for axis in reversed {
        axes[axis].reverse();
    }
    Ok(vec![step.compose.pick(&x, &axes, ZERO)?])
}

fn slice(step: &mut Step<'_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let shape = step.compose.shape(&x);
    let params = &step.layer.params;
    let bad = || {
        step.compose
            .refuse(format!("places and lengths {params:?} of {shape:?}"))
    };
    if params.len() != 2 * shape.len() {
        return Err(bad());
    }
    let (starts, lengths) = params.split_at(shape.len());
    let mut axes = Vec::with_capacity(shape.len());
    for ((d, start), length) in shape.iter().zip(starts).zip(lengths) {
        let start = usize::try_from(*start).map_err(|_| bad())?;
        let end = match length {
            -1 => Some(*d),
            n => usize::try_from(*n).ok().and_then(|n| start.checked_add(n)),
        };
        let end = end.filter(|end| start < *end && end <= d).ok_or_else(bad)?;
        axes.push((start..end).map(Some).collect::<Vec<_>>());
    }
    Ok(vec![step.compose.pick(&x, &axes, ZERO)?])
}

/// The axis and the number of parts; the first operand is the axis too.
fn split(step: &mut Step<'_>) -> Result<Vec<Operand>> {
    let [axis, count] = step.params()?;
    let x = step.input(1)?;
    let shape = step.compose.shape(&x);
    let length = shape.get(axis).copied().unwrap_or(0);
    if count == 0 || length == 0 || length % count != 0 {
        return Err(step
            .compose
            .refuse(format!("{count} parts of axis {axis} of {shape:?}")));
    }
    let part = length / count;
    (0..count)
        .map(|n| step.compose.part(&x, axis, n * part..(n + 1) * part))
        .collect()
}
