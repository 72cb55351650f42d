//! Parts of tensors.

use super::entry::{Entry, entry};
use crate::error::Result;
use crate::frontend::compose::{Operand, Sources, View, ZERO, all, ravel, unravel};
use crate::frontend::tflite::step::Step;

const PART: &str = "a view of some elements";

pub(super) const OPERATORS: &[Entry] = &[
    entry(
        "DYNAMIC_UPDATE_SLICE",
        "constant places",
        "a rearrangement",
        update,
    ),
    entry("SLICE", "constant places and lengths", PART, slice).moving(),
    entry("SPLIT", "a constant axis", PART, split).moving(),
    entry("SPLIT_V", "a constant axis and lengths", PART, split_v).moving(),
    entry("STRIDED_SLICE", "constants; all masks", PART, strided_slice).moving(),
    entry("UNPACK", "any axis", PART, unpack).moving(),
];

fn slice(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let shape = step.compose.shape(&x);
    let (begin, lengths) = (step.lengths(1)?, step.ints(2)?);
    if begin.len() != shape.len() || lengths.len() != shape.len() {
        return Err(step.compose.refuse(format!(
            "places {begin:?}, lengths {lengths:?} of {shape:?}"
        )));
    }
    let mut axes = Vec::with_capacity(shape.len());
    for ((d, start), length) in shape.iter().zip(&begin).zip(&lengths) {
        let end = match length {
            -1 => Some(*d),
            n => usize::try_from(*n).ok().and_then(|n| start.checked_add(n)),
        };
        let end = end.filter(|end| start < end && end <= d);
        let end = end.ok_or_else(|| {
            let reason = format!("places {begin:?}, lengths {lengths:?} of {shape:?}");
            step.compose.refuse(reason)
        })?;
        axes.push((*start..end).map(Some).collect::<Vec<_>>());
    }
    Ok(vec![step.compose.pick(&x, &axes, ZERO)?])
}

/// Parts of these lengths along an axis.
fn parts(
    step: &mut Step<'_, '_>,
    x: &Operand,
    axis: usize,
    lengths: &[usize],
) -> Result<Vec<Operand>> {
    let total = lengths.iter().fold(0usize, |n, d| n.saturating_add(*d));
    let shape = step.compose.shape(x);
    if total != shape[axis] || lengths.contains(&0) {
        return Err(step
            .compose
            .refuse(format!("parts {lengths:?} of axis {axis} of {shape:?}")));
    }
    let mut start = 0;
    let mut made = Vec::with_capacity(lengths.len());
    for length in lengths {
        made.push(step.compose.part(x, axis, start..start + length)?);
        start += length;
    }
    Ok(made)
}

fn split(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(1)?;
    let shape = step.compose.shape(&x);
    let axis = step.compose.axis(step.int(0)?, shape.len())?;
    let count = step.operator.outputs.len();
    if count == 0 || !shape[axis].is_multiple_of(count) {
        return Err(step
            .compose
            .refuse(format!("{count} parts of axis {axis} of {shape:?}")));
    }
    parts(step, &x, axis, &vec![shape[axis] / count; count])
}

fn split_v(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let shape = step.compose.shape(&x);
    let axis = step.compose.axis(step.int(2)?, shape.len())?;
    let stated = step.ints(1)?;
    let known: usize = stated
        .iter()
        .filter_map(|d| usize::try_from(*d).ok())
        .fold(0, usize::saturating_add);
    let rest = shape[axis].saturating_sub(known);
    let lengths: Vec<usize> = stated
        .iter()
        .map(|d| usize::try_from(*d).unwrap_or(rest))
        .collect();
    parts(step, &x, axis, &lengths)
}

fn unpack(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let shape = step.compose.shape(&x);
    let axis = step.compose.axis(step.option_int(1, 0)?, shape.len())?;
    let made = parts(step, &x, axis, &vec![1; shape[axis]])?;
    let mut target = shape;
    target.remove(axis);
    made.iter()
        .map(|part| step.compose.reshape(part, &target))
        .collect()
}

/// Places along an axis of a slice with masks applied.
struct Strided {
    begin: i64,
    end: i64,
    stride: i64,
    /// The masks of begin and end.
    open: [bool; 2],
}

impl Strided {
    fn places(&self, length: usize) -> Option<Vec<Option<usize>>> {
        let d = i64::try_from(length).ok()?;
        let from_end = |v: i64| if v < 0 { v.saturating_add(d) } else { v };
        let mut places = Vec::new();
        let up = self.stride > 0;
        let (low, high) = if up { (0, d) } else { (-1, d - 1) };
        let first = if up { 0 } else { d - 1 };
        let last = if up { d } else { -1 };
        let begin = if self.open[0] {
            first
        } else {
            from_end(self.begin).clamp(low, high)
        };
        let end = if self.open[1] {
            last
        } else {
            from_end(self.end).clamp(low, high)
        };
        let mut at = begin;
        while if up { at < end } else { at > end } {
            places.push(Some(usize::try_from(at).ok().filter(|p| *p < length)?));
            at = at.checked_add(self.stride)?;
        }
        Some(places)
    }
}

fn strided_slice(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let shape = step.compose.shape(&x);
    let (begin, mut end, strides) = (step.ints(1)?, step.ints(2)?, step.ints(3)?);
    let count = begin.len();
    let bad = |step: &Step<'_, '_>| {
        let reason = format!("begin {begin:?}, strides {strides:?} of {shape:?}");
        step.compose.refuse(reason)
    };
    if end.len() != count || strides.len() != count || strides.contains(&0) || count > 31 {
        return Err(bad(step));
    }
    let mut masks = [0; 5];
    for (n, mask) in masks.iter_mut().enumerate() {
        *mask = step.option_int(n, 0)?;
    }
    let set = |mask: usize, n: usize| masks[mask] >> n & 1 == 1;
    let (ellipsis, new, shrink) = (2, 3, 4);
    if step.flag(5)? {
        end.iter_mut()
            .zip(&begin)
            .for_each(|(e, b)| *e = e.saturating_add(*b));
    }
    let named = (0..count)
        .filter(|n| !set(ellipsis, *n) && (!set(new, *n)))
        .count();
    let mut axes = Vec::new();
    let mut target = Vec::new();
    let mut rest = shape.iter();
    for n in 0..count {
        if set(ellipsis, n) {
            for d in rest.by_ref().take(shape.len().saturating_sub(named)) {
                axes.push(all(*d));
                target.push(*d);
            }
            continue;
        }
        if set(new, n) {
            target.push(1);
            continue;
        }
        let length = *rest.next().ok_or_else(|| bad(step))?;
        if set(shrink, n) {
            let at = crate::frontend::compose::axis_of(begin[n], length);
            axes.push(vec![Some(at.ok_or_else(|| bad(step))?)]);
            continue;
        }
        let slice = Strided {
            begin: begin[n],
            end: end[n],
            stride: strides[n],
            open: [set(0, n), set(1, n)],
        };
        let places = slice.places(length).ok_or_else(|| bad(step))?;
        target.push(places.len());
        axes.push(places);
    }
    for d in rest {
        axes.push(all(*d));
        target.push(*d);
    }
    let picked = step.compose.pick(&x, &axes, ZERO)?;
    Ok(vec![step.compose.reshape(&picked, &target)?])
}

fn update(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let (x, part) = (step.input(0)?, step.input(1)?);
    let start = step.ints(2)?;
    let (shape, inner) = (step.compose.shape(&x), step.compose.shape(&part));
    if start.len() != shape.len()
        || inner.len() != shape.len()
        || inner.iter().zip(&shape).any(|(p, d)| p > d)
    {
        return Err(step
            .compose
            .refuse(format!("a part of {inner:?} at {start:?} of {shape:?}")));
    }
    let mut sources = Sources::default();
    let mut view: View = sources.view(step.compose.builder, &x);
    let new = sources.view(step.compose.builder, &part);
    for (n, element) in new.elements.iter().enumerate() {
        let mut at = unravel(n, &inner);
        for (axis, place) in at.iter_mut().enumerate() {
            // The part is moved until it is inside.
            let last = (shape[axis] - inner[axis]) as i64;
            *place += start[axis].clamp(0, last) as usize;
        }
        view.elements[ravel(&at, &shape)] = *element;
    }
    Ok(vec![step.compose.place(&sources, view)?])
}
