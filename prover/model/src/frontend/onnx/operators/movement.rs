//! Elements of tensors and constants in another arrangement.

use super::entry::{Operator, many, one};
use crate::error::Result;
use crate::float::{Constant, Element, FloatId, FloatOp};
use crate::frontend::compose::{Sources, View, ZERO, all, coordinates, ravel};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{Importer, Operand, axis_of};
use crate::frontend::onnx::node::{refuse, size};
use tract_onnx::pb::NodeProto;

/// What such operators become.
pub(super) const MOVED: &str = "a rearrangement: elements are read where they are";

pub(super) const OPERATORS: &[Operator] = &[
    many(
        "Compress",
        "a constant condition",
        MOVED,
        &["axis"],
        compress,
    ),
    many(
        "Concat",
        "tensors and constants, any axis",
        MOVED,
        &["axis"],
        concat,
    ),
    one(
        "DepthToSpace",
        "modes DCR and CRD",
        "nothing: a view of the same elements",
        &["blocksize", "mode"],
        depth_to_space,
    ),
    many("Expand", "a constant shape", MOVED, &[], expand),
    many(
        "EyeLike",
        "two axes",
        "a constant",
        &["dtype", "k"],
        eye_like,
    ),
    many(
        "ReverseSequence",
        "constant lengths",
        MOVED,
        &["batch_axis", "time_axis"],
        reverse_sequence,
    ),
    many(
        "Slice",
        "constant starts, ends, axes and steps, negative ones too; attributes before opset 10",
        MOVED,
        &["axes", "ends", "starts"],
        slice,
    ),
    one(
        "SpaceToDepth",
        "any block size",
        "nothing: a view of the same elements",
        &["blocksize"],
        space_to_depth,
    ),
    many(
        "Split",
        "constant lengths, or equal parts",
        MOVED,
        &["axis", "num_outputs", "split"],
        split,
    ),
    many(
        "Tile",
        "constant repeats; from opset 6 on",
        MOVED,
        &[],
        tile,
    ),
    many("Trilu", "a constant diagonal", MOVED, &["upper"], trilu),
];

fn concat(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let parts = importer.all_operands(node)?;
    let rank = parts.first().map_or(0, |p| importer.shape_of(p).len());
    let axis = if importer.opset < 4 { 1 } else { 0 };
    let axis = importer.axis(node, axis, rank)?;
    Ok(vec![importer.concatenated(node, &parts, axis)?])
}

fn expand(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let operand = importer.given(node, 0)?;
    let target = lengths(node, importer.integers(node, 1)?)?;
    let own = importer.shape_of(&operand);
    let shape = crate::frontend::onnx::compose::broadcast(node, &own, &target)?;
    Ok(vec![importer.expanded(node, operand, &shape)?])
}

/// Lengths that an input gives, which are not negative.
pub(super) fn lengths(node: &NodeProto, list: Option<Vec<i64>>) -> Result<Vec<usize>> {
    let list = list.ok_or_else(|| refuse(node, "lengths are missing"))?;
    let lengths = list.iter().map(|n| usize::try_from(*n).ok());
    lengths
        .collect::<Option<_>>()
        .ok_or_else(|| refuse(node, format!("lengths {list:?}; supported: none below 0")))
}

fn tile(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    if importer.opset < 6 {
        return Err(refuse(
            node,
            "its form before opset 6; export the model with a newer opset",
        ));
    }
    let operand = importer.given(node, 0)?;
    let shape = importer.shape_of(&operand);
    let repeats = lengths(node, importer.integers(node, 1)?)?;
    if repeats.len() != shape.len() {
        return Err(refuse(node, format!("repeats {repeats:?} for {shape:?}")));
    }
    let target: Option<Vec<usize>> = shape
        .iter()
        .zip(&repeats)
        .map(|(d, n)| d.checked_mul(*n))
        .collect();
    let target = target.ok_or_else(|| refuse(node, format!("repeats {repeats:?}")))?;
    size(node, &target)?;
    let axes: Vec<_> = shape
        .iter()
        .zip(&target)
        .map(|(d, to)| (0..*to).map(|i| Some(i % d)).collect())
        .collect();
    Ok(vec![importer.pick(node, &operand, &axes, ZERO)?])
}

fn slice(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let operand = importer.given(node, 0)?;
    let shape = importer.shape_of(&operand);
    let inputs = importer.opset >= 10;
    let list = |name: &str, index: usize| {
        if inputs {
            importer.integers(node, index)
        } else {
            Ok(node.ints(name).map(<[i64]>::to_vec))
        }
    };
    let missing = |what| refuse(node, format!("{what} are missing"));
    let starts = list("starts", 1)?.ok_or_else(|| missing("starts"))?;
    let ends = list("ends", 2)?.ok_or_else(|| missing("ends"))?;
    let named = list("axes", 3)?;
    let steps = if inputs {
        importer.integers(node, 4)?
    } else {
        None
    };
    let named = named.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), named.len(), steps.len()] != [starts.len(); 3] {
        return Err(refuse(
            node,
            format!("starts {starts:?}, ends {ends:?}, axes {named:?}, steps {steps:?}"),
        ));
    }
    let mut axes: Vec<_> = shape.iter().map(|d| all(*d)).collect();
    for (n, axis) in named.iter().enumerate() {
        let axis = axis_of(*axis, shape.len())
            .ok_or_else(|| refuse(node, format!("axes {named:?} for {shape:?}")))?;
        if steps[n] == 0 {
            return Err(refuse(node, "a step of 0"));
        }
        axes[axis] = steps_of(shape[axis] as i64, starts[n], ends[n], steps[n]);
    }
    Ok(vec![importer.pick(node, &operand, &axes, ZERO)?])
}

/// The coordinates from start to end, without that; both count from the end where they are negative, and are cut to the axis.
fn steps_of(length: i64, start: i64, end: i64, step: i64) -> Vec<Option<usize>> {
    let from_end = |n: i64| if n < 0 { n.saturating_add(length) } else { n };
    let (low, high) = if step > 0 {
        (0, length)
    } else {
        (-1, length - 1)
    };
    let mut at = from_end(start).clamp(low.max(0), high);
    let end = from_end(end).clamp(low, high);
    let mut found = Vec::new();
    while if step > 0 { at < end } else { at > end } {
        found.push(usize::try_from(at).ok());
        at = at.saturating_add(step);
    }
    found
}

fn split(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let operand = importer.given(node, 0)?;
    let shape = importer.shape_of(&operand);
    let axis = importer.axis(node, 0, shape.len())?;
    let length = shape[axis];
    let given = match node.ints("split") {
        Some(list) => Some(list.to_vec()),
        None => importer.integers(node, 1)?,
    };
    let parts = match given {
        Some(list) => lengths(node, Some(list))?,
        None => {
            let outputs = node.output.len().max(1);
            let outputs = match node.find("num_outputs") {
                Some(n) if n.i != outputs as i64 => {
                    return Err(refuse(
                        node,
                        format!("num_outputs {} for {outputs} outputs", n.i),
                    ));
                }
                Some(_) => outputs,
                None if length.is_multiple_of(outputs) => outputs,
                None => {
                    return Err(refuse(node, format!("{outputs} equal parts of {length}")));
                }
            };
            let part = length.div_ceil(outputs);
            (0..outputs)
                .map(|n| part.min(length.saturating_sub(n * part)))
                .collect()
        }
    };
    let total = parts.iter().try_fold(0usize, |n, p| n.checked_add(*p));
    if total != Some(length) || parts.len() < node.output.len() {
        return Err(refuse(
            node,
            format!("parts {parts:?} of a length of {length}"),
        ));
    }
    let mut start = 0;
    let part = |n: &usize| {
        let range = start..start + n;
        start += n;
        range
    };
    let ranges: Vec<_> = parts.iter().map(part).collect();
    let ranges = ranges.into_iter().take(node.output.len());
    ranges
        .map(|range| importer.part(node, &operand, axis, range))
        .collect()
}

fn compress(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let operand = importer.given(node, 0)?;
    let mut shape = importer.shape_of(&operand);
    let condition = importer.required(node, 1)?.data;
    let (operand, axis) = if node.find("axis").is_some() {
        (operand, importer.axis(node, 0, shape.len())?)
    } else {
        shape = vec![shape.iter().product()];
        (importer.reshaped(node, operand, &shape)?, 0)
    };
    let mut axes: Vec<_> = shape.iter().map(|d| all(*d)).collect();
    let kept = condition
        .iter()
        .zip(&axes[axis])
        .filter(|(c, _)| **c != 0.0);
    axes[axis] = kept.map(|(_, at)| *at).collect();
    Ok(vec![importer.pick(node, &operand, &axes, ZERO)?])
}

fn trilu(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let operand = importer.given(node, 0)?;
    let shape = importer.shape_of(&operand);
    if shape.len() < 2 {
        return Err(refuse(node, format!("shape {shape:?}")));
    }
    let diagonal = importer.integers(node, 1)?;
    let diagonal = diagonal.and_then(|k| k.first().copied()).unwrap_or(0);
    let upper = node.int("upper", 1) != 0;
    let mut sources = Sources::default();
    let mut view = sources.view(&importer.builder, &operand);
    let places = coordinates(&shape);
    for (element, at) in view.elements.iter_mut().zip(places) {
        let distance = at[shape.len() - 1] as i64 - at[shape.len() - 2] as i64;
        let kept = if upper {
            distance >= diagonal
        } else {
            distance <= diagonal
        };
        if !kept {
            *element = ZERO;
        }
    }
    Ok(vec![importer.place(node, &sources, view)?])
}

fn eye_like(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let operand = importer.given(node, 0)?;
    let shape = importer.shape_of(&operand);
    if shape.len() != 2 {
        return Err(refuse(
            node,
            format!("shape {shape:?}; supported: two axes"),
        ));
    }
    let k = node.int("k", 0);
    let is = |at: Vec<usize>| at[1] as i64 == (at[0] as i64).saturating_add(k);
    let data = coordinates(&shape).map(|at| f64::from(is(at))).collect();
    Ok(vec![Operand::Constant(Constant { shape, data })])
}

fn reverse_sequence(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let operand = importer.given(node, 0)?;
    let shape = importer.shape_of(&operand);
    let [batch, time] = match [node.int("batch_axis", 1), node.int("time_axis", 0)] {
        [0, 1] => [0, 1],
        [1, 0] => [1, 0],
        other => return Err(refuse(node, format!("batch_axis and time_axis {other:?}"))),
    };
    let lengths = lengths(node, importer.integers(node, 1)?)?;
    let fits = |n: &usize| (1..=shape[time]).contains(n);
    if shape.len() < 2 || lengths.len() != shape[batch] || !lengths.iter().all(fits) {
        return Err(refuse(node, format!("lengths {lengths:?} for {shape:?}")));
    }
    let mut sources = Sources::default();
    let whole = sources.view(&importer.builder, &operand);
    let elements = coordinates(&shape).map(|mut at| {
        let length = lengths[at[batch]];
        if at[time] < length {
            at[time] = length - 1 - at[time];
        }
        whole.elements[ravel(&at, &shape)]
    });
    let elements: Vec<Element> = elements.collect();
    let view = View { shape, elements };
    Ok(vec![importer.place(node, &sources, view)?])
}

/// Batch, channels, rows, columns and the size of blocks.
fn blocks(importer: &Importer, node: &NodeProto) -> Result<(FloatId, [usize; 4], usize)> {
    let input = importer.tensor(node, 0)?;
    let size = usize::try_from(node.int("blocksize", 0)).ok();
    let size = size.filter(|b| (1..=1 << 11).contains(b));
    match (importer.builder.shape(input), size) {
        (&[n, c, h, w], Some(size)) => Ok((input, [n, c, h, w], size)),
        (shape, _) => Err(refuse(
            node,
            format!("shape {shape:?} or blocksize; supported: [batch, channels, rows, columns]"),
        )),
    }
}

fn depth_to_space(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let (input, [n, c, h, w], b) = blocks(importer, node)?;
    if !c.is_multiple_of(b * b) {
        return Err(refuse(
            node,
            format!("{c} channels in blocks of {b} by {b}"),
        ));
    }
    let depth = c / (b * b);
    let (split, perm) = match node.text("mode").as_deref() {
        None | Some("DCR") => ([n, b, b, depth, h, w], [0, 3, 4, 1, 5, 2]),
        Some("CRD") => ([n, depth, b, b, h, w], [0, 1, 4, 2, 5, 3]),
        Some(other) => return Err(refuse(node, format!("mode {other} is unknown"))),
    };
    moved(
        importer,
        node,
        input,
        &split,
        &perm,
        &[n, depth, h * b, w * b],
    )
}

fn space_to_depth(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let (input, [n, c, h, w], b) = blocks(importer, node)?;
    if !h.is_multiple_of(b) || !w.is_multiple_of(b) {
        return Err(refuse(
            node,
            format!("{h} rows and {w} columns in blocks of {b}"),
        ));
    }
    let split = [n, c, h / b, b, w / b, b];
    let target = [n, c * b * b, h / b, w / b];
    moved(importer, node, input, &split, &[0, 3, 5, 1, 2, 4], &target)
}

/// Axes split, permuted and joined.
fn moved(
    importer: &mut Importer,
    node: &NodeProto,
    input: FloatId,
    split: &[usize],
    perm: &[usize],
    target: &[usize],
) -> Result<FloatId> {
    let parts = importer.reshape(node, input, split)?;
    let moved = importer.transpose(node, parts, perm)?;
    importer.op(node, FloatOp::Reshape(target.to_vec()), &[moved])
}
