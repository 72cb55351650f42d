//! Convolutions of any number of axes.
//!
//! The last two axes are those of a convolution of the float graph. The others become channels: for each place of the window along
//! them, a group of channels holds what the window reads there.

use super::entry::{Operator, one};
use super::window::{Span, kernel, list, spans};
use crate::error::Result;
use crate::float::{Constant, Conv, FloatId, FloatOp, Padding};
use crate::frontend::compose::{Sources, View, ZERO, all, coordinates, ravel, unravel};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{Importer, Operand};
use crate::frontend::onnx::node::{refuse, size};
use crate::window::Axis;
use tract_onnx::pb::NodeProto;

pub(super) const OPERATORS: &[Operator] = &[
    one(
        "Conv",
        "any number of axes, constant weights, any groups, strides, dilations and padding (also auto_pad)",
        "a linear layer",
        &[
            "auto_pad",
            "dilations",
            "group",
            "kernel_shape",
            "pads",
            "strides",
        ],
        conv,
    ),
    one(
        "ConvTranspose",
        "any number of axes, constant weights, any groups, strides, dilations and padding (also auto_pad, output_padding, output_shape)",
        "a rearrangement and a linear layer",
        &[
            "auto_pad",
            "dilations",
            "group",
            "kernel_shape",
            "output_padding",
            "output_shape",
            "pads",
            "strides",
        ],
        conv_transpose,
    ),
];

/// Constant weights `[output channels][input channels of a group][kernel ...]`.
pub(super) struct Weights {
    pub(super) shape: Vec<usize>,
    pub(super) data: Vec<f64>,
    pub(super) bias: Option<Vec<f64>>,
    pub(super) groups: usize,
}

fn conv(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let weights = importer.required(node, 1)?;
    let bias = importer.constant(node, 2)?;
    convolution(importer, node, input, weights, bias.map(|c| c.data))
}

pub(super) fn convolution(
    importer: &mut Importer,
    node: &NodeProto,
    input: FloatId,
    weights: Constant,
    bias: Option<Vec<f64>>,
) -> Result<FloatId> {
    let shape = importer.builder.shape(input).to_vec();
    if shape.len() < 3 || weights.shape.len() != shape.len() {
        return Err(refuse(
            node,
            format!(
                "weights of shape {:?} for an input of {shape:?}; supported: [channels, channels of a group, kernel ...] for [batch, channels, ...]",
                weights.shape
            ),
        ));
    }
    let spans = spans(node, &shape[2..], Some(&weights.shape[2..]))?;
    let weights = Weights {
        groups: usize::try_from(node.int("group", 1)).unwrap_or(0),
        shape: weights.shape,
        data: weights.data,
        bias,
    };
    convolve(importer, node, input, &spans, weights)
}

/// The convolution of a tensor `[batch, channels, ...]`.
pub(super) fn convolve(
    importer: &mut Importer,
    node: &NodeProto,
    input: FloatId,
    spans: &[Span],
    weights: Weights,
) -> Result<FloatId> {
    let shape = importer.builder.shape(input).to_vec();
    let (groups, channels) = (weights.groups, weights.shape[0]);
    if groups == 0
        || !channels.is_multiple_of(groups)
        || weights.shape[1].checked_mul(groups) != Some(shape[1])
    {
        return Err(refuse(
            node,
            format!(
                "{groups} groups of weights of shape {:?} for {} channels",
                weights.shape, shape[1]
            ),
        ));
    }
    let weights = dilate(node, weights, spans)?;
    let mut lengths = shape[2..].to_vec();
    let mut spans: Vec<Span> = spans.to_vec();
    let mut kernel = weights.shape[2..].to_vec();
    for (span, k) in spans.iter_mut().zip(&kernel) {
        span.axis = Axis::new(*k, span.axis.stride, span.axis.pad);
    }
    // A row of one element, if there are no rows.
    if lengths.len() == 1 {
        lengths.insert(0, 1);
        kernel.insert(0, 1);
        let axis = Axis::new(1, 1, 0);
        spans.insert(0, Span { axis, after: 0 });
    }
    let outer = lengths.len() - 2;
    let mut outputs = Vec::with_capacity(lengths.len());
    for (span, length) in spans.iter().zip(&lengths) {
        outputs.push(span.outputs(node, *length)?);
    }
    let places: usize = outputs[..outer].iter().product();
    let batch = shape[0];
    let copies = batch
        .checked_mul(places)
        .ok_or_else(|| refuse(node, "too many places"))?;
    let input = if outer == 0 {
        let planes = [1, batch * shape[1], lengths[0], lengths[1]];
        importer.reshape(node, input, &planes)?
    } else {
        windows(importer, node, input, &spans, &outputs, &lengths)?
    };
    if copies > 1 {
        size(node, &[copies, weights.data.len()])?;
    }
    let [rows, columns] = [spans[outer], spans[outer + 1]];
    let op = Conv {
        channels: copies * channels,
        kernel: [kernel[outer], kernel[outer + 1]],
        stride: [rows.axis.stride, columns.axis.stride],
        padding: Padding {
            top: rows.axis.pad,
            left: columns.axis.pad,
            bottom: rows.after,
            right: columns.after,
        },
        groups: copies * groups,
        weights: weights.data.repeat(copies),
        bias: weights.bias.map(|b| b.repeat(copies)),
    };
    let output = importer.op(node, FloatOp::Conv(op), &[input])?;
    let planes = [batch, places, channels, outputs[outer], outputs[outer + 1]];
    let output = importer.reshape(node, output, &planes)?;
    let output = importer.transpose(node, output, &[0, 2, 1, 3, 4])?;
    let mut target = vec![batch, channels];
    target.extend(if shape.len() == 3 {
        &outputs[1..]
    } else {
        &outputs
    });
    importer.reshape(node, output, &target)
}

/// A kernel with zeros between its taps.
fn dilate(node: &NodeProto, weights: Weights, spans: &[Span]) -> Result<Weights> {
    if spans.iter().all(|s| s.axis.dilation == 1) {
        return Ok(weights);
    }
    let mut shape = weights.shape[..2].to_vec();
    shape.extend(spans.iter().map(|s| s.axis.extent()));
    let count = size(node, &shape)?;
    let mut data = vec![0.0; count];
    for (at, value) in coordinates(&weights.shape).zip(&weights.data) {
        let steps = at[2..].iter().zip(spans).map(|(i, s)| i * s.axis.dilation);
        let place: Vec<usize> = at[..2].iter().copied().chain(steps).collect();
        data[ravel(&place, &shape)] = *value;
    }
    Ok(Weights {
        shape,
        data,
        ..weights
    })
}

/// What the window reads along all axes but the last two: `[1, batch · places · channels · taps, rows, columns]`.
fn windows(
    importer: &mut Importer,
    node: &NodeProto,
    input: FloatId,
    spans: &[Span],
    outputs: &[usize],
    lengths: &[usize],
) -> Result<FloatId> {
    let outer = lengths.len() - 2;
    let shape = importer.builder.shape(input).to_vec();
    let (batch, channels) = (shape[0], shape[1]);
    let (places, depths) = (&outputs[..outer], &lengths[..outer]);
    let kernel: Vec<usize> = spans[..outer].iter().map(|s| s.axis.kernel).collect();
    let taps: usize = kernel.iter().product();
    let count: usize = places.iter().product();
    let plane = lengths[outer] * lengths[outer + 1];
    let all_channels = [batch, count, channels, taps];
    let total = size(node, &[&all_channels[..], &[plane]].concat())?;
    let mut sources = Sources::default();
    let whole = sources.view(&importer.builder, &Operand::Tensor(input));
    let mut elements = Vec::with_capacity(total);
    for channel in coordinates(&all_channels) {
        let (place, tap) = (unravel(channel[1], places), unravel(channel[3], &kernel));
        let mut at = vec![channel[0], channel[2]];
        for (n, span) in spans[..outer].iter().enumerate() {
            at.extend(span.axis.input(place[n], tap[n], depths[n]));
        }
        if at.len() == outer + 2 {
            let start = ravel(&at, &shape[..outer + 2]) * plane;
            elements.extend_from_slice(&whole.elements[start..start + plane]);
        } else {
            elements.extend(std::iter::repeat_n(ZERO, plane));
        }
    }
    let view = View {
        shape: vec![
            1,
            all_channels.iter().product(),
            lengths[outer],
            lengths[outer + 1],
        ],
        elements,
    };
    let placed = importer.place(node, &sources, view)?;
    importer.only_tensor(node, placed)
}

/// Zeros between the elements and around them, then the convolution with the kernel turned round.
fn conv_transpose(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let shape = importer.builder.shape(input).to_vec();
    let weights = importer.required(node, 1)?;
    let groups = usize::try_from(node.int("group", 1)).unwrap_or(0);
    if shape.len() < 3
        || weights.shape.len() != shape.len()
        || groups == 0
        || weights.shape[0] != shape[1]
        || !shape[1].is_multiple_of(groups)
    {
        return Err(refuse(
            node,
            format!(
                "{groups} groups, weights of shape {:?} for an input of {shape:?}",
                weights.shape
            ),
        ));
    }
    let kernel = kernel(node, shape.len() - 2, Some(&weights.shape[2..]))?;
    let reads = spread(node, &shape[2..], &kernel)?;
    let axes: Vec<_> = shape[..2].iter().map(|d| all(*d)).chain(reads).collect();
    let wide = importer.pick(node, &Operand::Tensor(input), &axes, ZERO)?;
    let wide = importer.only_tensor(node, wide)?;
    let dilations = list(node, "dilations", kernel.len(), 1, 1)?;
    let spans: Vec<Span> = kernel
        .iter()
        .zip(dilations)
        .map(|(k, dilation)| Span {
            axis: Axis {
                dilation,
                ..Axis::new(*k, 1, 0)
            },
            after: 0,
        })
        .collect();
    // [input channels, channels of a group, kernel] as [channels, input channels of a group, kernel backwards].
    let (inputs, own) = (shape[1] / groups, weights.shape[1]);
    let turned = [&[groups * own, inputs], &kernel[..]].concat();
    size(node, &turned)?;
    let data = coordinates(&turned).map(|at| {
        let group = at[0] / own;
        let taps = at[2..].iter().zip(&kernel).map(|(i, k)| k - 1 - i);
        let place: Vec<usize> = [group * inputs + at[1], at[0] % own]
            .into_iter()
            .chain(taps)
            .collect();
        weights.data[ravel(&place, &weights.shape)]
    });
    let weights = Weights {
        data: data.collect(),
        shape: turned,
        bias: importer.constant(node, 2)?.map(|c| c.data),
        groups,
    };
    convolve(importer, node, wide, &spans, weights)
}

/// The element that each place of the spread input reads, along each axis.
fn spread(
    node: &NodeProto,
    lengths: &[usize],
    kernel: &[usize],
) -> Result<Vec<Vec<Option<usize>>>> {
    let count = lengths.len();
    let strides = list(node, "strides", count, 1, 1)?;
    let dilations = list(node, "dilations", count, 1, 1)?;
    let extra = list(node, "output_padding", count, 0, 0)?;
    let pads = list(node, "pads", 2 * count, 0, 0)?;
    let declared = match node.ints("output_shape").filter(|l| !l.is_empty()) {
        Some(_) => Some(list(node, "output_shape", count, 0, 1)?),
        None => None,
    };
    let auto = node.text("auto_pad").unwrap_or_default();
    let mut axes = Vec::with_capacity(count);
    for n in 0..count {
        let stride = strides[n] as i64;
        let extent = ((kernel[n] - 1) * dilations[n] + 1) as i64;
        let length = lengths[n] as i64;
        let full = stride * (length - 1) + extent + extra[n] as i64;
        let wanted = match (&declared, auto.as_str()) {
            (Some(shape), _) => Some(shape[n] as i64),
            (None, "SAME_UPPER" | "SAME_LOWER") => Some(length * stride),
            (None, "" | "NOTSET" | "VALID") => None,
            (None, other) => return Err(refuse(node, format!("auto_pad {other} is unknown"))),
        };
        let (before, output) = match wanted {
            Some(wanted) => {
                let total = (full - wanted).max(0);
                let half = total / 2;
                let upper = auto == "SAME_UPPER";
                (if upper { half } else { total - half }, wanted)
            }
            None if auto == "VALID" => (0, full),
            None => {
                let (before, after) = (pads[n] as i64, pads[count + n] as i64);
                (before, full - before - after)
            }
        };
        if output < 1 || output + extent > 1 << 22 {
            return Err(refuse(
                node,
                format!("an output of length {output} by a kernel of {extent}"),
            ));
        }
        let first = before - (extent - 1);
        let read = |place: i64| {
            let at = place + first;
            let source = usize::try_from(at.div_euclid(stride)).ok();
            source.filter(|i| at.rem_euclid(stride) == 0 && *i < lengths[n])
        };
        axes.push((0..output + extent - 1).map(read).collect());
    }
    Ok(axes)
}
