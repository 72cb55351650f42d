//! Padding and cutting.

use super::entry::{Operator, many};
use super::movement::{MOVED, lengths};
use crate::error::Result;
use crate::float::Element;
use crate::frontend::compose::{ZERO, all, finite_mask};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{Importer, Operand, axis_of};
use crate::frontend::onnx::node::{refuse, size};
use tract_onnx::pb::NodeProto;

pub(super) const OPERATORS: &[Operator] = &[
    many(
        "CenterCropPad",
        "a constant shape",
        MOVED,
        &["axes"],
        center_crop_pad,
    ),
    many(
        "Pad",
        "constant pads, negative ones too; modes constant, reflect, edge and wrap",
        MOVED,
        &["mode", "paddings", "pads", "value"],
        pad,
    ),
];

/// The middle of each axis, or zeros on both sides of it.
fn center_crop_pad(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let operand = importer.given(node, 0)?;
    let shape = importer.shape_of(&operand);
    let to = lengths(node, importer.integers(node, 1)?)?;
    let axes: Vec<i64> = match node.ints("axes") {
        Some(axes) => axes.to_vec(),
        None => (0..shape.len() as i64).collect(),
    };
    if axes.len() != to.len() {
        return Err(refuse(node, format!("lengths {to:?} of axes {axes:?}")));
    }
    let mut reads: Vec<_> = shape.iter().map(|d| all(*d)).collect();
    for (axis, to) in axes.iter().zip(to) {
        let axis = axis_of(*axis, shape.len());
        let axis = axis.ok_or_else(|| refuse(node, format!("axes {axes:?} of {shape:?}")))?;
        size(node, &[to])?;
        let (cut, pad) = (
            shape[axis].saturating_sub(to) / 2,
            to.saturating_sub(shape[axis]) / 2,
        );
        let read = |n: usize| {
            let at = (n + cut).checked_sub(pad)?;
            (at < shape[axis]).then_some(at)
        };
        reads[axis] = (0..to).map(read).collect();
    }
    Ok(vec![importer.pick(node, &operand, &reads, ZERO)?])
}

fn pad(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let operand = importer.given(node, 0)?;
    let shape = importer.shape_of(&operand);
    let rank = shape.len();
    let inputs = importer.opset >= 11;
    let pads = match (inputs, importer.opset) {
        (true, _) => importer.integers(node, 1)?,
        (false, 1) => node.ints("paddings").map(<[i64]>::to_vec),
        (false, _) => node.ints("pads").map(<[i64]>::to_vec),
    };
    let pads = pads.ok_or_else(|| refuse(node, "pads are missing"))?;
    let value = if inputs {
        let value = importer.constant(node, 2)?.map(finite_mask);
        value.and_then(|c| c.data.first().copied()).unwrap_or(0.0)
    } else {
        node.float("value", 0.0)
    };
    let named = match inputs {
        true => importer.integers(node, 3)?,
        false => None,
    };
    let named = named.unwrap_or_else(|| (0..rank as i64).collect());
    let axes: Option<Vec<usize>> = named.iter().map(|a| axis_of(*a, rank)).collect();
    let limit = |n: &i64| n.unsigned_abs() < 1 << 22;
    let axes = axes.filter(|a| pads.len() == 2 * a.len() && pads.iter().all(limit));
    let axes = axes.ok_or_else(|| {
        refuse(
            node,
            format!("pads {pads:?} of axes {named:?} for {shape:?}"),
        )
    })?;
    let mode = node.text("mode").unwrap_or_default();
    let mut around = vec![(0, 0); rank];
    for (n, axis) in axes.iter().enumerate() {
        around[*axis] = (pads[n], pads[n + axes.len()]);
    }
    let mut lengths = Vec::with_capacity(rank);
    for (length, (before, after)) in shape.iter().zip(&around) {
        let total = *length as i64 + before + after;
        lengths.push(usize::try_from(total).unwrap_or(0));
    }
    size(node, &lengths)?;
    let mut reads = Vec::with_capacity(rank);
    for (length, (before, after)) in shape.iter().zip(&around) {
        let length = *length as i64;
        let places = -before..length + after;
        let read = |at: i64| source(&mode, at, length);
        let axis: Option<Vec<Option<usize>>> = places.map(read).collect();
        reads.push(axis.ok_or_else(|| {
            refuse(
                node,
                format!("mode {mode}; supported: constant, reflect, edge, wrap"),
            )
        })?);
    }
    let fill = Element::Constant(value);
    Ok(vec![importer.pick(node, &operand, &reads, fill)?])
}

/// The coordinate that is read for one that may lie outside; nothing for an unknown mode.
fn source(mode: &str, at: i64, length: i64) -> Option<Option<usize>> {
    let inside = match mode {
        "" | "constant" => return Some(usize::try_from(at).ok().filter(|i| (*i as i64) < length)),
        "edge" => at.clamp(0, length - 1),
        "wrap" => at.rem_euclid(length),
        "reflect" if length == 1 => 0,
        "reflect" => {
            let turn = at.rem_euclid(2 * (length - 1));
            turn.min(2 * (length - 1) - turn)
        }
        _ => return None,
    };
    usize::try_from(inside).ok().map(Some)
}
