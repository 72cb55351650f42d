//! Resizing: nearest elements, or constant matrices along each axis.

use super::entry::{Operator, many};
use super::interpolation::{Axis, Coordinates, Kernel};
use crate::error::Result;
use crate::float::Element;
use crate::frontend::compose::all;
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{Importer, Operand, axis_of};
use crate::frontend::onnx::node::{refuse, size};
use tract_onnx::pb::NodeProto;

pub(super) const OPERATORS: &[Operator] = &[
    many(
        "Resize",
        "constant scales or sizes; modes nearest, linear and cubic, all coordinate modes, antialias; any axes",
        "a rearrangement (nearest), or a linear layer for each axis",
        &[
            "antialias",
            "axes",
            "coordinate_transformation_mode",
            "cubic_coeff_a",
            "exclude_outside",
            "extrapolation_value",
            "keep_aspect_ratio_policy",
            "mode",
            "nearest_mode",
        ],
        resize,
    ),
    many(
        "Upsample",
        "constant scales; modes nearest and linear",
        "a rearrangement (nearest), or a linear layer for each axis",
        &["height_scale", "mode", "scales", "width_scale"],
        upsample,
    ),
];

fn upsample(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let operand = importer.given(node, 0)?;
    let shape = importer.shape_of(&operand);
    let scales: Vec<f64> = match importer.opset {
        ..7 => {
            let mut scales = vec![1.0; shape.len().saturating_sub(2)];
            scales.push(node.float("height_scale", 1.0));
            scales.push(node.float("width_scale", 1.0));
            scales
        }
        7..9 => {
            let list = node.find("scales").map(|a| a.floats.as_slice());
            list.unwrap_or_default()
                .iter()
                .map(|v| f64::from(*v))
                .collect()
        }
        _ => importer.required(node, 1)?.data,
    };
    if scales.len() != shape.len() {
        return Err(refuse(node, format!("scales {scales:?} for {shape:?}")));
    }
    let kernel = match node.text("mode").as_deref() {
        None | Some("nearest") => None,
        Some("linear" | "bilinear") => Some(Kernel::Linear),
        Some(other) => return Err(refuse(node, format!("mode {other} is unknown"))),
    };
    let mut axes = Vec::with_capacity(shape.len());
    for (length, scale) in shape.iter().zip(&scales) {
        axes.push(Axis::scaled(
            node,
            *length,
            *scale,
            Coordinates::Asymmetric,
        )?);
    }
    let nearest: fn(f64) -> f64 = f64::floor;
    Ok(vec![resized(
        importer, node, operand, &axes, kernel, nearest,
    )?])
}

fn resize(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let operand = importer.given(node, 0)?;
    let shape = importer.shape_of(&operand);
    let old = importer.opset < 11;
    let mode = node.text("coordinate_transformation_mode");
    let mode = match (&mode, old) {
        (_, true) => "asymmetric",
        (None, _) => "half_pixel",
        (Some(mode), _) => mode,
    };
    let scales = importer.constant(node, if old { 1 } else { 2 })?;
    let scales = scales.map(|c| c.data).filter(|s| !s.is_empty());
    let sizes = if old {
        None
    } else {
        importer.integers(node, 3)?
    };
    let sizes = sizes.filter(|s| !s.is_empty());
    let named = match node.ints("axes") {
        Some(list) => list.to_vec(),
        None => (0..shape.len() as i64).collect(),
    };
    let places: Option<Vec<usize>> = named.iter().map(|a| axis_of(*a, shape.len())).collect();
    let places = places.ok_or_else(|| refuse(node, format!("axes {named:?} of {shape:?}")))?;
    let roi = match mode {
        "tf_crop_and_resize" => importer.required(node, 1)?.data,
        _ => Vec::new(),
    };
    let given = scales
        .as_ref()
        .map(Vec::len)
        .or(sizes.as_ref().map(Vec::len));
    if given != Some(places.len()) || mode == "tf_crop_and_resize" && roi.len() != 2 * places.len()
    {
        return Err(refuse(
            node,
            format!("scales {scales:?}, sizes {sizes:?} for axes {named:?} of {shape:?}"),
        ));
    }
    let lengths: Vec<usize> = places.iter().map(|a| shape[*a]).collect();
    let mut axes: Vec<Axis> = shape.iter().map(|d| Axis::same(*d)).collect();
    let made = match (scales, sizes) {
        (Some(scales), None) => (0..places.len())
            .map(|n| {
                Axis::scaled(
                    node,
                    lengths[n],
                    scales[n],
                    coordinates(node, mode, &roi, n)?,
                )
            })
            .collect::<Result<Vec<_>>>()?,
        (None, Some(sizes)) => {
            of_sizes(node, &lengths, &sizes, |n| coordinates(node, mode, &roi, n))?
        }
        _ => return Err(refuse(node, "scales and sizes; supported: one of them")),
    };
    for (place, axis) in places.iter().zip(made) {
        axes[*place] = axis;
    }
    let kernel = match node.text("mode").as_deref() {
        None | Some("nearest") => None,
        Some("linear" | "bilinear") => Some(Kernel::Linear),
        Some("cubic") => Some(Kernel::Cubic {
            a: node.float("cubic_coeff_a", -0.75),
        }),
        Some(other) => return Err(refuse(node, format!("mode {other} is unknown"))),
    };
    let nearest = nearest(node, old, &axes)?;
    Ok(vec![resized(
        importer, node, operand, &axes, kernel, nearest,
    )?])
}

/// How a coordinate becomes a whole number.
fn nearest(node: &NodeProto, old: bool, axes: &[Axis]) -> Result<fn(f64) -> f64> {
    if old {
        if axes.iter().any(Axis::reads_between) {
            return Err(refuse(
                node,
                "nearest elements of a smaller output in opset 10, which readers differ in; export the model with opset 11 or later",
            ));
        }
        return Ok(f64::floor);
    }
    Ok(match node.text("nearest_mode").as_deref() {
        None | Some("" | "round_prefer_floor") => |x| (x - 0.5).ceil(),
        Some("round_prefer_ceil") => |x| (x + 0.5).floor(),
        Some("floor") => f64::floor,
        Some("ceil") => f64::ceil,
        Some(other) => return Err(refuse(node, format!("nearest_mode {other} is unknown"))),
    })
}

/// The mode by its name; `roi` holds all starts, then all ends.
fn coordinates(node: &NodeProto, mode: &str, roi: &[f64], n: usize) -> Result<Coordinates> {
    Ok(match mode {
        "half_pixel" => Coordinates::HalfPixel,
        "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
        "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
        "tf_half_pixel_for_nn" => Coordinates::HalfPixelForNearest,
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        "tf_crop_and_resize" => Coordinates::Crop {
            start: roi[n],
            end: roi[n + roi.len() / 2],
        },
        other => {
            return Err(refuse(
                node,
                format!("coordinate_transformation_mode {other} is unknown"),
            ));
        }
    })
}

/// Axes of given lengths, which keep their ratio if the node says so.
fn of_sizes(
    node: &NodeProto,
    lengths: &[usize],
    sizes: &[i64],
    coordinates: impl Fn(usize) -> Result<Coordinates>,
) -> Result<Vec<Axis>> {
    let ratios = || {
        sizes
            .iter()
            .zip(lengths)
            .map(|(s, d)| *s as f64 / *d as f64)
    };
    let policy = node.text("keep_aspect_ratio_policy").unwrap_or_default();
    let common = match policy.as_str() {
        "" | "stretch" => None,
        "not_larger" => Some(ratios().fold(f64::INFINITY, f64::min)),
        "not_smaller" => Some(ratios().fold(0.0, f64::max)),
        other => {
            return Err(refuse(
                node,
                format!("keep_aspect_ratio_policy {other} is unknown"),
            ));
        }
    };
    let axis = |n: usize| {
        let output = match common {
            Some(scale) => (scale * lengths[n] as f64 + 0.5).floor(),
            None => sizes[n] as f64,
        };
        let scale = common.unwrap_or(sizes[n] as f64 / lengths[n] as f64);
        Axis::sized(node, lengths[n], output, scale, coordinates(n)?)
    };
    (0..lengths.len()).map(axis).collect()
}

fn resized(
    importer: &mut Importer,
    node: &NodeProto,
    operand: Operand,
    axes: &[Axis],
    kernel: Option<Kernel>,
    nearest: fn(f64) -> f64,
) -> Result<Operand> {
    if axes.iter().all(|a| a.input == a.output) && axes.iter().any(Axis::moves) {
        return Err(refuse(
            node,
            "scales that change no length, which readers differ in; leave it out when you export the model",
        ));
    }
    let outputs: Vec<usize> = axes.iter().map(|a| a.output).collect();
    size(node, &outputs)?;
    let outside = node.float("extrapolation_value", 0.0);
    let Some(kernel) = kernel else {
        let reads: Vec<_> = axes.iter().map(|a| a.nearest(nearest)).collect();
        return importer.pick(node, &operand, &reads, Element::Constant(outside));
    };
    let mut id = importer.only_tensor(node, operand)?;
    let (exclude, antialias) = (
        node.int("exclude_outside", 0) != 0,
        node.int("antialias", 0) != 0,
    );
    for (n, axis) in axes.iter().enumerate() {
        if axis.is_same() {
            continue;
        }
        if outside != 0.0 && axis.leaves_input() {
            return Err(refuse(
                node,
                "an extrapolation_value beside interpolation; supported: 0",
            ));
        }
        size(node, &[axis.output, axis.input])?;
        let weights = axis.matrix(node, kernel, exclude, antialias)?;
        id = importer.along_axis(node, id, n, axis.output, weights)?;
    }
    let reads: Vec<_> = outputs.iter().map(|d| all(*d)).collect();
    importer.pick(node, &Operand::Tensor(id), &reads, Element::Constant(0.0))
}
