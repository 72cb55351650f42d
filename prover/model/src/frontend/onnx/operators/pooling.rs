//! Averages and maxima of windows.

use super::entry::{Operator, one};
use super::window::{Span, spans};
use crate::error::Result;
use crate::float::{Constant, Dense, Element, FloatId, FloatOp, Function, Padding, Pool};
use crate::frontend::compose::{Sources, View, ZERO, coordinates, ravel};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{Importer, Operand};
use crate::frontend::onnx::node::{refuse, size};
use tract_onnx::pb::NodeProto;

const SUMS: &str = "sums folded into the linear layer that reads them, or a linear layer";
const NORMS: &str = "powers, sums and a root";
const MAXIMA: &str = "maxima of at most four values, in stages";

pub(super) const OPERATORS: &[Operator] = &[
    one(
        "AveragePool",
        "any number of axes; padding, auto_pad, ceil_mode, count_include_pad and dilations",
        SUMS,
        &[
            "auto_pad",
            "ceil_mode",
            "count_include_pad",
            "dilations",
            "kernel_shape",
            "pads",
            "strides",
        ],
        average_pool,
    ),
    one(
        "GlobalAveragePool",
        "[batch, channels, ...]",
        "sums folded into the linear layer that reads them",
        &[],
        global_average_pool,
    ),
    one(
        "GlobalLpPool",
        "[batch, channels, ...]",
        NORMS,
        &["p"],
        global_lp_pool,
    ),
    one(
        "GlobalMaxPool",
        "[batch, channels, ...]",
        MAXIMA,
        &[],
        global_max_pool,
    ),
    one(
        "LpPool",
        "any number of axes; padding, auto_pad, ceil_mode and dilations",
        NORMS,
        &[
            "auto_pad",
            "ceil_mode",
            "dilations",
            "kernel_shape",
            "p",
            "pads",
            "strides",
        ],
        lp_pool,
    ),
    one(
        "MaxPool",
        "any number of axes; padding, auto_pad, ceil_mode and dilations; the first output",
        MAXIMA,
        &[
            "auto_pad",
            "ceil_mode",
            "dilations",
            "kernel_shape",
            "pads",
            "storage_order",
            "strides",
        ],
        max_pool,
    ),
];

/// All axes after the channels.
fn spatial(importer: &Importer, node: &NodeProto, id: FloatId) -> Result<Vec<usize>> {
    let rank = importer.builder.shape(id).len();
    if rank < 3 {
        let shape = importer.builder.shape(id);
        return Err(refuse(
            node,
            format!("input shape {shape:?}; supported: [batch, channels, ...]"),
        ));
    }
    Ok((2..rank).collect())
}

fn global_average_pool(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let axes = spatial(importer, node, input)?;
    importer.mean(node, input, &axes, true)
}

/// `|x|^p`, and p.
fn powers(importer: &mut Importer, node: &NodeProto, x: FloatId) -> Result<(FloatId, f64)> {
    let p = match node.find("p") {
        None => 2.0,
        // A number before opset 2.
        Some(p) if p.i == 0 => f64::from(p.f),
        Some(p) => p.i as f64,
    };
    if !(1.0..=64.0).contains(&p) {
        return Err(refuse(node, format!("p = {p}; supported: 1 to 64")));
    }
    if p == 2.0 {
        return Ok((importer.power(node, x, p)?, p));
    }
    let size = importer.function(node, x, Function::Abs)?;
    Ok((importer.power(node, size, p)?, p))
}

fn global_lp_pool(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let axes = spatial(importer, node, input)?;
    let (powers, p) = powers(importer, node, input)?;
    let sum = importer.sum(node, powers, &axes, 1.0, true)?;
    importer.power(node, sum, 1.0 / p)
}

fn lp_pool(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let (input, lengths, spans) = window(importer, node)?;
    let target = target(importer, node, input, &lengths, &spans)?;
    let (powers, p) = powers(importer, node, input)?;
    let taps: usize = spans.iter().map(|s| s.axis.kernel).product();
    let mean = mean(importer, node, powers, &lengths, &spans)?;
    let mean = importer.reshape(node, mean, &target)?;
    let sum = importer.scaled(node, mean, taps as f64)?;
    importer.power(node, sum, 1.0 / p)
}

fn global_max_pool(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let axes = spatial(importer, node, input)?;
    importer.maximum(node, input, &axes, true)
}

/// The input, its lengths after the channels, and the window.
fn window(importer: &Importer, node: &NodeProto) -> Result<(FloatId, Vec<usize>, Vec<Span>)> {
    let input = importer.tensor(node, 0)?;
    spatial(importer, node, input)?;
    let lengths = importer.builder.shape(input)[2..].to_vec();
    let spans = spans(node, &lengths, None)?;
    let same = node
        .text("auto_pad")
        .is_some_and(|pad| pad.starts_with("SAME"));
    let skips = |(span, length): (&Span, &usize)| {
        let steps = length.div_ceil(span.axis.stride) - 1;
        steps * span.axis.stride + span.axis.extent() < *length
    };
    if same && spans.iter().zip(&lengths).any(skips) {
        return Err(refuse(
            node,
            "auto_pad for a window that is smaller than its stride, which readers differ in; export the model with pads",
        ));
    }
    Ok((input, lengths, spans))
}

/// The pool over rows and columns that a window is, if it is one.
fn plane(lengths: &[usize], spans: &[Span]) -> Option<([usize; 2], Pool)> {
    let none = Span {
        axis: crate::window::Axis::new(1, 1, 0),
        after: 0,
    };
    let (lengths, [rows, columns]) = match (lengths, spans) {
        ([w], [columns]) => ([1, *w], [none, *columns]),
        ([h, w], [rows, columns]) => ([*h, *w], [*rows, *columns]),
        _ => return None,
    };
    let fits = |s: &Span| s.axis.dilation == 1 && s.axis.pad.max(s.after) < s.axis.kernel;
    let pool = Pool {
        kernel: [rows.axis.kernel, columns.axis.kernel],
        stride: [rows.axis.stride, columns.axis.stride],
        padding: Padding {
            top: rows.axis.pad,
            left: columns.axis.pad,
            bottom: rows.after,
            right: columns.after,
        },
    };
    [rows, columns].iter().all(fits).then_some((lengths, pool))
}

/// Every channel as one of `[1, channels, rows, columns]`, pooled.
fn over_plane(
    importer: &mut Importer,
    node: &NodeProto,
    input: FloatId,
    plane: [usize; 2],
    op: FloatOp,
) -> Result<FloatId> {
    let shape = importer.builder.shape(input).to_vec();
    let channels = shape[0] * shape[1];
    let view = importer.reshape(node, input, &[1, channels, plane[0], plane[1]])?;
    importer.op(node, op, &[view])
}

/// The shape of the output.
fn target(
    importer: &Importer,
    node: &NodeProto,
    input: FloatId,
    lengths: &[usize],
    spans: &[Span],
) -> Result<Vec<usize>> {
    let mut target = importer.builder.shape(input)[..2].to_vec();
    for (span, length) in spans.iter().zip(lengths) {
        target.push(span.outputs(node, *length)?);
    }
    size(node, &target)?;
    Ok(target)
}

fn max_pool(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let (input, lengths, spans) = window(importer, node)?;
    let target = target(importer, node, input, &lengths, &spans)?;
    if let Some((plane, pool)) = plane(&lengths, &spans) {
        let pooled = over_plane(importer, node, input, plane, FloatOp::MaxPool(pool))?;
        return importer.reshape(node, pooled, &target);
    }
    let (rows, _) = windows(importer, node, input, &lengths, &spans, true)?;
    let maximum = importer.maximum(node, rows, &[1], false)?;
    importer.reshape(node, maximum, &target)
}

fn average_pool(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let (input, lengths, spans) = window(importer, node)?;
    let target = target(importer, node, input, &lengths, &spans)?;
    let pooled = mean(importer, node, input, &lengths, &spans)?;
    let pooled = importer.reshape(node, pooled, &target)?;
    let factors = factors(node, &lengths, &spans, &target[2..])?;
    if factors.iter().all(|f| *f == 1.0) {
        return Ok(pooled);
    }
    let factors = Constant {
        shape: target[2..].to_vec(),
        data: factors,
    };
    importer.op(node, FloatOp::MulConstant(factors), &[pooled])
}

/// Means of windows, in which padding counts as zeros.
fn mean(
    importer: &mut Importer,
    node: &NodeProto,
    input: FloatId,
    lengths: &[usize],
    spans: &[Span],
) -> Result<FloatId> {
    if let Some((plane, pool)) = plane(lengths, spans) {
        return over_plane(importer, node, input, plane, FloatOp::AveragePool(pool));
    }
    let (rows, taps) = windows(importer, node, input, lengths, spans, false)?;
    let mean = Dense {
        outputs: 1,
        weights: vec![1.0 / taps as f64; taps],
        bias: None,
    };
    importer.op(node, FloatOp::Dense(mean), &[rows])
}

/// How many taps there are for each that counts, at every place: padding counts if the node says so, what ceil_mode adds never does.
fn factors(
    node: &NodeProto,
    lengths: &[usize],
    spans: &[Span],
    places: &[usize],
) -> Result<Vec<f64>> {
    let padded = node.int("count_include_pad", 0) != 0;
    let declared = super::window::list(node, "pads", 2 * lengths.len(), 0, 0)?;
    let more = |n: usize| spans[n].after > declared[lengths.len() + n];
    if padded && node.int("ceil_mode", 0) != 0 && (0..spans.len()).any(more) {
        return Err(refuse(
            node,
            "count_include_pad where ceil_mode adds to the padding, which readers differ in; export the model with ceil_mode = 0",
        ));
    }
    let own = node.text("auto_pad").unwrap_or_default();
    let count = |n: usize, place: usize| {
        let (span, length) = (spans[n], lengths[n]);
        let after = match own.as_str() {
            "" | "NOTSET" => declared[lengths.len() + n],
            "VALID" => 0,
            _ => span.after,
        };
        let room = if padded {
            0..span.axis.pad + length + after
        } else {
            span.axis.pad..span.axis.pad + length
        };
        let taps = (0..span.axis.kernel).map(|k| place * span.axis.stride + k * span.axis.dilation);
        taps.filter(|at| room.contains(at)).count()
    };
    let factor = |at: Vec<usize>| {
        let axes = at.iter().enumerate();
        let counts = axes.map(|(n, place)| (spans[n].axis.kernel, count(n, *place)));
        counts.map(|(k, c)| k as f64 / c as f64).product::<f64>()
    };
    let factors: Vec<f64> = coordinates(places).map(factor).collect();
    if factors.iter().all(|f| f.is_finite()) {
        return Ok(factors);
    }
    Err(refuse(node, "a window that lies in the padding alone"))
}

/// What the window reads at every place of every channel: `[places, taps]`. Taps outside read 0, or for maxima what another tap reads.
fn windows(
    importer: &mut Importer,
    node: &NodeProto,
    input: FloatId,
    lengths: &[usize],
    spans: &[Span],
    inside: bool,
) -> Result<(FloatId, usize)> {
    let shape = importer.builder.shape(input).to_vec();
    let channels = shape[0] * shape[1];
    let mut places = Vec::new();
    for (span, length) in spans.iter().zip(lengths) {
        places.push(span.outputs(node, *length)?);
    }
    let kernel: Vec<usize> = spans.iter().map(|s| s.axis.kernel).collect();
    let taps = size(node, &kernel)?;
    let count = size(node, &places)?;
    size(node, &[channels, count, taps])?;
    let mut sources = Sources::default();
    let whole = sources.view(&importer.builder, &Operand::Tensor(input));
    let plane: usize = lengths.iter().product();
    let read = |place: &[usize], tap: &[usize]| {
        let at = (0..spans.len()).map(|n| spans[n].axis.input(place[n], tap[n], lengths[n]));
        let at: Option<Vec<usize>> = at.collect();
        at.map(|at| ravel(&at, lengths))
    };
    let mut reads: Vec<Option<usize>> = Vec::with_capacity(count * taps);
    for place in coordinates(&places) {
        let start = reads.len();
        reads.extend(coordinates(&kernel).map(|tap| read(&place, &tap)));
        let first = reads[start..].iter().flatten().copied().next();
        if first.is_none() && inside {
            return Err(refuse(node, "a window that lies in the padding alone"));
        }
        if inside {
            reads[start..].iter_mut().for_each(|r| *r = r.or(first));
        }
    }
    let element = |channel: usize, at: &Option<usize>| -> Element {
        at.map_or(ZERO, |at| whole.elements[channel * plane + at])
    };
    let elements = (0..channels)
        .flat_map(|channel| reads.iter().map(move |at| (channel, at)))
        .map(|(channel, at)| element(channel, at))
        .collect();
    let view = View {
        shape: vec![channels * count, taps],
        elements,
    };
    let placed = importer.place(node, &sources, view)?;
    Ok((importer.only_tensor(node, placed)?, taps))
}
