//! Parts put together, repeated, padded and reversed.

use super::entry::{Entry, entry};
use crate::error::Result;
use crate::float::Element;
use crate::frontend::compose::{Operand, ZERO, all};
use crate::frontend::tflite::step::Step;

const MOVED: &str = "a rearrangement";

pub(super) const OPERATORS: &[Entry] = &[
    entry("BROADCAST_TO", "a constant shape", MOVED, |s| {
        let x = s.input(0)?;
        let shape = s.lengths(1)?;
        Ok(vec![s.compose.expanded(&x, &shape)?])
    })
    .moving(),
    entry(
        "CONCATENATION",
        "tensors and constants; a fused activation",
        MOVED,
        concatenation,
    )
    .moving(),
    entry(
        "MIRROR_PAD",
        "constant lengths; REFLECT and SYMMETRIC",
        MOVED,
        mirror_pad,
    )
    .moving(),
    entry("PACK", "tensors and constants", MOVED, pack).moving(),
    entry("PAD", "constant lengths", MOVED, |s| pad(s, 0.0)).moving(),
    entry("PADV2", "constant lengths and value", MOVED, |s| {
        let value = s.constant(2)?;
        let value = value.data.first().copied().unwrap_or(0.0);
        pad(s, value)
    }),
    entry("REVERSE_V2", "constant axes", MOVED, reverse).moving(),
    entry("TILE", "constant multiples", MOVED, tile).moving(),
];

fn concatenation(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let parts = step.all()?;
    let rank = parts.first().map_or(0, |p| step.compose.shape(p).len());
    let axis = step.compose.axis(step.option_int(0, 0)?, rank)?;
    let made = step.compose.concatenated(&parts, axis)?;
    Ok(vec![step.activated(&made, 1)?])
}

fn pack(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let parts = step.all()?;
    let rank = parts.first().map_or(0, |p| step.compose.shape(p).len());
    let axis = step.compose.axis(step.option_int(1, 0)?, rank + 1)?;
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

/// The lengths before and after each axis.
pub(super) fn paddings(step: &Step<'_, '_>, rank: usize) -> Result<Vec<[usize; 2]>> {
    let list = step.lengths(1)?;
    let pairs: Vec<[usize; 2]> = list.as_chunks::<2>().0.to_vec();
    let fine = pairs.iter().flatten().all(|n| *n <= 1 << 22);
    if list.len() != 2 * rank || !fine {
        return Err(step
            .compose
            .refuse(format!("lengths {list:?} for {rank} axes")));
    }
    Ok(pairs)
}

fn pad(step: &mut Step<'_, '_>, value: f64) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let shape = step.compose.shape(&x);
    let pairs = paddings(step, shape.len())?;
    let lengths: Vec<usize> = shape
        .iter()
        .zip(&pairs)
        .map(|(d, [a, b])| d + a + b)
        .collect();
    step.compose.size(&lengths)?;
    let axes: Vec<_> = shape
        .iter()
        .zip(&pairs)
        .map(|(d, [before, after])| [vec![None; *before], all(*d), vec![None; *after]].concat())
        .collect();
    Ok(vec![step.compose.pick(
        &x,
        &axes,
        Element::Constant(value),
    )?])
}

fn mirror_pad(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let shape = step.compose.shape(&x);
    let pairs = paddings(step, shape.len())?;
    // The outermost elements are repeated, or not.
    let skip = match step.option_u8(0, 0)? {
        0 => 1,
        1 => 0,
        other => return Err(step.compose.refuse(format!("mode {other} is unknown"))),
    };
    let mut axes = Vec::with_capacity(shape.len());
    for (d, [before, after]) in shape.iter().zip(&pairs) {
        if *before.max(after) + skip > *d {
            return Err(step
                .compose
                .refuse(format!("{before} and {after} elements beside {d}")));
        }
        let left = (0..*before).rev().map(|n| Some(n + skip));
        let right = (0..*after).map(|n| Some(d - 1 - skip - n));
        axes.push(
            left.chain((0..*d).map(Some))
                .chain(right)
                .collect::<Vec<_>>(),
        );
    }
    Ok(vec![step.compose.pick(&x, &axes, ZERO)?])
}

fn reverse(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let shape = step.compose.shape(&x);
    let reversed = step.compose.axes(&step.ints(1)?, shape.len())?;
    let mut axes: Vec<_> = shape.iter().map(|d| all(*d)).collect();
    for axis in reversed {
        axes[axis].reverse();
    }
    Ok(vec![step.compose.pick(&x, &axes, ZERO)?])
}

fn tile(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let shape = step.compose.shape(&x);
    let multiples = step.lengths(1)?;
    let fits = multiples.len() == shape.len();
    let lengths = shape
        .iter()
        .zip(&multiples)
        .map(|(d, n)| d.saturating_mul(*n));
    let lengths: Vec<usize> = lengths.collect();
    if !fits {
        return Err(step
            .compose
            .refuse(format!("multiples {multiples:?} for {shape:?}")));
    }
    step.compose.size(&lengths)?;
    let axes: Vec<_> = shape
        .iter()
        .zip(&multiples)
        .map(|(d, n)| all(*d).repeat(*n))
        .collect();
    Ok(vec![step.compose.pick(&x, &axes, ZERO)?])
}
