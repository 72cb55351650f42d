//! Elements by their places.

use super::entry::{Entry, entry};
use crate::error::Result;
use crate::float::{Constant, Dense, Element, FloatOp, Function};
use crate::frontend::compose::{C, Operand, Sources, T, View, ZERO, all, axis_of};
use crate::frontend::tflite::step::Step;

const PICKED: &str = "a rearrangement";
/// Computed places in tables are compared with each place of the table, up to so many comparisons.
const MAX_COMPARED: usize = 1 << 16;

pub(super) const OPERATORS: &[Entry] = &[
    entry("EMBEDDING_LOOKUP", "constant places; computed places in a constant table of which there are few", "a rearrangement; for computed places, comparisons and a linear layer", |s| {
        let (places, table) = (s.input(0)?, s.input(1)?);
        look_up(s, &table, &places)
    }),
    entry("GATHER", "constant places along any axis; computed places in a constant table of which there are few", "a rearrangement; for computed places, comparisons and a linear layer", gather).moving(),
    entry("GATHER_ND", "constant places", PICKED, gather_nd).moving(),
    entry("ONE_HOT", "constant depth and values", "comparisons", one_hot),
];

/// Places along an axis, of which negative ones are refused by the axis' length.
fn places(step: &Step<'_, '_>, list: &[i64], length: usize) -> Result<Vec<Option<usize>>> {
    let place = |n: &i64| axis_of(*n, length).map(Some);
    let places = list.iter().map(place).collect::<Option<Vec<_>>>();
    places.ok_or_else(|| {
        step.compose
            .refuse(format!("places outside of {length} elements"))
    })
}

fn gather(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let (x, indices) = (step.input(0)?, step.input(1)?);
    if step.option_int(1, 0)? != 0 {
        return Err(step.compose.refuse("batch_dims; supported: 0"));
    }
    let shape = step.compose.shape(&x);
    let axis = step.compose.axis(step.option_int(0, 0)?, shape.len())?;
    if matches!(indices, T(_)) {
        if axis != 0 {
            return Err(step
                .compose
                .refuse("computed places of another axis than the first"));
        }
        return look_up(step, &x, &indices);
    }
    let mut axes: Vec<_> = shape.iter().map(|d| all(*d)).collect();
    axes[axis] = places(step, &step.ints(1)?, shape[axis])?;
    let picked = step.compose.pick(&x, &axes, ZERO)?;
    let of = step.compose.shape(&indices);
    let target = [&shape[..axis], &of, &shape[axis + 1..]].concat();
    Ok(vec![step.compose.reshape(&picked, &target)?])
}

/// Rows of a table by their places.
fn look_up(step: &mut Step<'_, '_>, table: &Operand, indices: &Operand) -> Result<Vec<Operand>> {
    let (shape, of) = (step.compose.shape(table), step.compose.shape(indices));
    let Some((&rows, row)) = shape.split_first() else {
        return Err(step.compose.refuse("a table without axes"));
    };
    let target = [&of, row].concat();
    match (indices, table) {
        (C(indices), _) => {
            let list: Vec<i64> = indices.data.iter().map(|v| *v as i64).collect();
            let mut axes: Vec<_> = shape.iter().map(|d| all(*d)).collect();
            axes[0] = places(step, &list, rows)?;
            let picked = step.compose.pick(table, &axes, ZERO)?;
            Ok(vec![step.compose.reshape(&picked, &target)?])
        }
        (T(_), C(table)) => {
            let width: usize = row.iter().product();
            let is = compared(step, indices, rows)?;
            let weights = (0..rows * width)
                .map(|n| table.data[n % rows * width + n / rows])
                .collect();
            let dense = Dense {
                outputs: width,
                weights,
                bias: None,
            };
            let made = step.compose.apply(FloatOp::Dense(dense), &[is])?;
            Ok(vec![step.compose.reshape(&made, &target)?])
        }
        _ => Err(step.compose.refuse(
            "computed places in a computed table; supported: constant places, or a constant table",
        )),
    }
}

/// `[..., depth]`: 1 where a whole number is that of the place.
fn compared(step: &mut Step<'_, '_>, numbers: &Operand, depth: usize) -> Result<Operand> {
    let mut shape = step.compose.shape(numbers);
    let count = shape.iter().product::<usize>().saturating_mul(depth);
    if count > MAX_COMPARED {
        return Err(step.compose.refuse(format!(
            "computed places in a table of {depth} rows; supported: {MAX_COMPARED} comparisons; make what they give the model's input"
        )));
    }
    shape.push(1);
    let column = step.compose.reshape(numbers, &shape)?;
    let last = shape.len() - 1;
    shape[last] = depth;
    let wide = step.compose.expanded(&column, &shape)?;
    let numbers = Constant {
        shape: vec![depth],
        data: (0..depth).map(|n| -(n as f64)).collect(),
    };
    let difference = step.compose.apply(FloatOp::AddConstant(numbers), &[wide])?;
    step.compose
        .function(&difference, Function::IsZero { tolerance: 0.5 })
}

fn one_hot(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let depth = step.int(1)?;
    let depth = usize::try_from(depth).ok().filter(|d| *d > 0);
    let depth = depth.ok_or_else(|| step.compose.refuse("a depth that is not positive"))?;
    let value = |index: usize| Ok(step.constant(index)?.data.first().copied().unwrap_or(0.0));
    let (on, off) = (value(2)?, value(3)?);
    let rank = step.compose.shape(&x).len();
    let axis = step.compose.axis(step.option_int(0, 0)?, rank + 1)?;
    let is = compared(step, &x, depth)?;
    let scaled = step.compose.scaled(&is, on - off)?;
    let made = step.compose.shifted(&scaled, off)?;
    let mut perm: Vec<usize> = (0..rank).collect();
    perm.insert(axis, rank);
    Ok(vec![step.compose.transpose(&made, &perm)?])
}

fn gather_nd(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let shape = step.compose.shape(&x);
    let indices = step.constant(1)?;
    let list = step.lengths(1)?;
    let Some((&depth, outer)) = indices.shape.split_last() else {
        return Err(step.compose.refuse("places without axes"));
    };
    if depth > shape.len() || depth == 0 {
        return Err(step
            .compose
            .refuse(format!("places of {depth} axes in {shape:?}")));
    }
    let run: usize = shape[depth..].iter().product();
    let target = [outer, &shape[depth..]].concat();
    step.compose.size(&target)?;
    let mut sources = Sources::default();
    let from = sources.view(step.compose.builder, &x);
    let mut elements: Vec<Element> = Vec::new();
    for at in list.chunks_exact(depth) {
        if at.iter().zip(&shape).any(|(p, d)| p >= d) {
            return Err(step.compose.refuse(format!("place {at:?} of {shape:?}")));
        }
        let row = at.iter().zip(&shape).fold(0, |flat, (p, d)| flat * d + p);
        elements.extend_from_slice(&from.elements[row * run..(row + 1) * run]);
    }
    let view = View {
        shape: target,
        elements,
    };
    Ok(vec![step.compose.place(&sources, view)?])
}
