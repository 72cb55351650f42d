//! Samples of a tensor at places that do not depend on it: linear layers.

use super::entry::{Operator, one};
use crate::error::Result;
use crate::float::{Dense, FloatId, FloatOp};
use crate::frontend::compose::{coordinates, ravel};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{Importer, Operand::Tensor as T};
use crate::frontend::onnx::node::{refuse, size};
use crate::frontend::onnx::operators::movement::lengths;
use crate::frontend::onnx::operators::window::list;
use tract_onnx::pb::NodeProto;

pub(super) const OPERATORS: &[Operator] = &[
    one(
        "AffineGrid",
        "a constant size",
        "a linear layer; of constants nothing",
        &["align_corners"],
        affine_grid,
    ),
    one(
        "Col2Im",
        "constant shapes",
        "a linear layer",
        &["dilations", "pads", "strides"],
        columns_to_image,
    ),
    one(
        "GridSample",
        "a constant grid; modes linear and nearest, every padding",
        "a linear layer",
        &["align_corners", "mode", "padding_mode"],
        grid_sample,
    ),
];

/// A linear layer over the last axis.
fn dense(
    importer: &mut Importer,
    node: &NodeProto,
    input: FloatId,
    outputs: usize,
    weights: Vec<f64>,
) -> Result<FloatId> {
    let op = Dense {
        outputs,
        weights,
        bias: None,
    };
    importer.op(node, FloatOp::Dense(op), &[input])
}

/// `theta · (x, y, .., 1)` at every place of an image.
fn affine_grid(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let theta = importer.tensor(node, 0)?;
    let shape = importer.builder.shape(theta).to_vec();
    let image = lengths(node, importer.integers(node, 1)?)?;
    let axes = image.len().saturating_sub(2);
    if ![2, 3].contains(&axes) || shape != [image[0], axes, axes + 1] {
        return Err(refuse(
            node,
            format!("theta of shape {shape:?} for an image of shape {image:?}"),
        ));
    }
    let plane = &image[2..];
    let count = size(node, plane)?;
    let align = node.int("align_corners", 0) != 0;
    let at = |place: usize, length: usize| match (align, length) {
        (true, 1) => 0.0,
        (true, _) => 2.0 * place as f64 / (length - 1) as f64 - 1.0,
        _ => (2.0 * place as f64 + 1.0) / length as f64 - 1.0,
    };
    // x goes along the last axis.
    let row = |place: Vec<usize>| {
        let own: Vec<f64> = place.iter().zip(plane).map(|(p, d)| at(*p, *d)).collect();
        own.into_iter().rev().chain([1.0])
    };
    let weights = coordinates(plane).flat_map(row).collect();
    let grid = dense(importer, node, theta, count, weights)?;
    let grid = importer.transpose(node, grid, &[0, 2, 1])?;
    let target = [&image[..1], plane, &[axes]].concat();
    importer.reshape(node, grid, &target)
}

/// What lies outside of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outside {
    Zeros,
    Border,
    Reflection,
}

/// A coordinate that was reflected at the ends until it lies between them.
fn reflected(at: f64, low: f64, high: f64) -> f64 {
    let span = high - low;
    if span <= 0.0 {
        return low;
    }
    let turn = (at - low).rem_euclid(2.0 * span);
    low + turn.min(2.0 * span - turn)
}

/// The elements along an axis that a coordinate from -1 to 1 reads, with their weights.
fn taps(
    at: f64,
    length: usize,
    (align, nearest, outside): (bool, bool, Outside),
) -> Vec<(usize, f64)> {
    let last = (length - 1) as f64;
    let (mut place, low, high) = match align {
        true => ((at + 1.0) / 2.0 * last, 0.0, last),
        false => (((at + 1.0) * length as f64 - 1.0) / 2.0, -0.5, last + 0.5),
    };
    match outside {
        Outside::Zeros => {}
        Outside::Border => place = place.clamp(0.0, last),
        Outside::Reflection => place = reflected(place, low, high).clamp(0.0, last),
    }
    let all = if nearest {
        vec![(libm::rint(place), 1.0)]
    } else {
        let lower = place.floor();
        let part = place - lower;
        vec![(lower, 1.0 - part), (lower + 1.0, part)]
    };
    let inside = |(at, weight): (f64, f64)| {
        ((0.0..=last).contains(&at) && weight != 0.0).then_some((at as usize, weight))
    };
    all.into_iter().filter_map(inside).collect()
}

fn grid_sample(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let shape = importer.builder.shape(input).to_vec();
    let grid = importer.required(node, 1)?;
    let axes = shape.len().saturating_sub(2);
    let fits = grid.shape.len() == axes + 2
        && grid.shape.first() == shape.first()
        && grid.shape.last() == Some(&axes);
    if axes == 0 || !fits {
        return Err(refuse(
            node,
            format!("a grid of shape {:?} for {shape:?}", grid.shape),
        ));
    }
    let nearest = match node.text("mode").as_deref() {
        None | Some("" | "linear" | "bilinear") => false,
        Some("nearest") => true,
        Some(other) => {
            return Err(refuse(
                node,
                format!("mode {other}; supported: linear and nearest"),
            ));
        }
    };
    let outside = match node.text("padding_mode").as_deref() {
        None | Some("" | "zeros") => Outside::Zeros,
        Some("border") => Outside::Border,
        Some("reflection") => Outside::Reflection,
        Some(other) => return Err(refuse(node, format!("padding_mode {other} is unknown"))),
    };
    if !grid.data.iter().all(|v| v.is_finite()) {
        return Err(refuse(node, "a grid that is not of finite numbers"));
    }
    let how = (node.int("align_corners", 0) != 0, nearest, outside);
    let (plane, places) = (&shape[2..], &grid.shape[1..=axes]);
    let (from, to) = (size(node, plane)?, size(node, places)?);
    size(node, &[from, to])?;
    let mut images = Vec::new();
    let channels = shape[1];
    for (image, own) in grid.data.chunks_exact(to * axes).enumerate() {
        let mut weights = vec![0.0; to * from];
        for (row, at) in weights.chunks_exact_mut(from).zip(own.chunks_exact(axes)) {
            let mut read = vec![(0, 1.0)];
            // x goes along the last axis.
            for (length, at) in plane.iter().zip(at.iter().rev()) {
                let taps = taps(*at, *length, how);
                read = read
                    .into_iter()
                    .flat_map(|(place, weight)| {
                        taps.iter()
                            .map(move |(tap, own)| (place * length + tap, weight * own))
                    })
                    .collect();
            }
            for (place, weight) in read {
                row[place] += weight;
            }
        }
        let part = importer.part(node, &T(input), 0, image..image + 1)?;
        let part = importer.only_tensor(node, part)?;
        let part = importer.reshape(node, part, &[channels, from])?;
        let sampled = dense(importer, node, part, to, weights)?;
        let target = [&[1, channels], places].concat();
        images.push(T(importer.reshape(node, sampled, &target)?));
    }
    let all = importer.concatenated(node, &images, 0)?;
    importer.only_tensor(node, all)
}

/// Blocks laid over an image, where they add up.
fn columns_to_image(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let shape = importer.builder.shape(input).to_vec();
    let image = lengths(node, importer.integers(node, 1)?)?;
    let block = lengths(node, importer.integers(node, 2)?)?;
    let axes = image.len();
    let taps = size(node, &block)?;
    let &[batch, rows, count] = shape.as_slice() else {
        return Err(refuse(
            node,
            format!("input shape {shape:?}; supported: [batch, channels and taps, blocks]"),
        ));
    };
    let strides = list(node, "strides", axes, 1, 1)?;
    let dilations = list(node, "dilations", axes, 1, 1)?;
    let pads = list(node, "pads", 2 * axes, 0, 0)?;
    let room = |n: usize| {
        let extent = dilations[n] * block[n].saturating_sub(1) + 1;
        (image[n] + pads[n] + pads[axes + n]).checked_sub(extent)
    };
    let blocks: Option<Vec<usize>> = (0..axes.min(block.len()))
        .map(|n| Some(room(n)? / strides[n] + 1))
        .collect();
    let blocks = blocks.filter(|b| {
        b.len() == block.len() && b.len() == axes && b.iter().product::<usize>() == count
    });
    let blocks = blocks.filter(|_| rows.is_multiple_of(taps));
    let blocks = blocks.ok_or_else(|| {
        refuse(
            node,
            format!("{count} blocks of shape {block:?} of an image of shape {image:?}"),
        )
    })?;
    let pixels = size(node, &image)?;
    size(node, &[pixels, taps, count])?;
    let mut weights = vec![0.0; pixels * taps * count];
    for (t, tap) in coordinates(&block).enumerate() {
        for (b, at) in coordinates(&blocks).enumerate() {
            let place = |n: usize| {
                let place = at[n] * strides[n] + tap[n] * dilations[n];
                place.checked_sub(pads[n]).filter(|p| *p < image[n])
            };
            if let Some(place) = (0..axes).map(place).collect::<Option<Vec<_>>>() {
                let pixel = ravel(&place, &image);
                weights[(pixel * taps + t) * count + b] = 1.0;
            }
        }
    }
    let channels = rows / taps;
    let view = importer.reshape(node, input, &[batch * channels, taps * count])?;
    let made = dense(importer, node, view, pixels, weights)?;
    let target = [&[batch, channels], image.as_slice()].concat();
    importer.reshape(node, made, &target)
}
