//! Masks of scores: constants that are so low that their exponentials are 0.
//!
//! Exporters add them to scores before Softmax. They are taken out, since the numbers beside them would lose their digits, and the
//! exponentials are multiplied by 0 instead.

use super::importer::{Importer, Operand};
use super::view::{Sources, View, ravel, unravel};
use crate::error::Result;
use crate::float::{Constant, Element, FloatId, FloatOp};
use tract_onnx::pb::NodeProto;

/// Constants below this are masks.
const MASK: f64 = -1e4;

/// A tensor without the mask that was added to it, and what multiplies its exponentials. Elements that are masked are those of another
/// place along the axis, so that they change no maximum.
pub(super) fn without_mask(
    importer: &mut Importer,
    node: &NodeProto,
    x: FloatId,
    axis: usize,
) -> Result<(FloatId, Option<Constant>)> {
    let Some(made) = importer.builder.producer(x) else {
        return Ok((x, None));
    };
    let shape = importer.builder.shape(x).to_vec();
    let inner = made.inputs[0];
    let op = made.op.clone();
    let (unmasked, masked): (FloatId, Vec<bool>) = match op {
        FloatOp::AddConstant(c) if c.data.iter().any(|v| *v <= MASK) => {
            let values = c.broadcast(&shape);
            let rest = Constant {
                shape: c.shape.clone(),
                data: c
                    .data
                    .iter()
                    .map(|v| if *v <= MASK { 0.0 } else { *v })
                    .collect(),
            };
            let id = if rest.data.iter().all(|v| *v == 0.0) {
                inner
            } else {
                importer.op(node, FloatOp::AddConstant(rest), &[inner])?
            };
            (id, values.iter().map(|v| *v <= MASK).collect())
        }
        FloatOp::Rearrange(op) => {
            let is = |e: &Element| matches!(e, Element::Constant(v) if *v <= MASK);
            let masked: Vec<bool> = op.elements.iter().map(is).collect();
            (x, masked)
        }
        _ => return Ok((x, None)),
    };
    if !masked.contains(&true) {
        return Ok((x, None));
    }
    // An element of the same row that is not masked.
    let mut rows: Vec<Option<usize>> = vec![None; masked.len() / shape[axis]];
    let row_shape: Vec<usize> = (0..shape.len())
        .map(|a| if a == axis { 1 } else { shape[a] })
        .collect();
    let row_of = |n: usize| {
        let mut at = unravel(n, &shape);
        at[axis] = 0;
        ravel(&at, &row_shape)
    };
    for (n, is) in masked.iter().enumerate() {
        if !is {
            rows[row_of(n)].get_or_insert(n);
        }
    }
    if rows.iter().any(Option::is_none) {
        return Ok((x, None));
    }
    let mut sources = Sources::default();
    let whole = sources.view(importer, &Operand::Tensor(unmasked));
    let read = |(n, is): (usize, &bool)| {
        let other = rows[row_of(n)].filter(|_| *is);
        whole.elements[other.unwrap_or(n)]
    };
    let view = View {
        shape: shape.clone(),
        elements: masked.iter().enumerate().map(read).collect(),
    };
    let placed = importer.place(node, &sources, view)?;
    let placed = importer.only_tensor(node, placed)?;
    let data = masked
        .iter()
        .map(|is| if *is { 0.0 } else { 1.0 })
        .collect();
    Ok((placed, Some(Constant { shape, data })))
}
