//! Averages (folded into the layer that reads them) and maxima (staged into windows of at most four taps).

use super::graph::{FusedLayer, FusedMaxPool};
use super::lowering::{Lowering, internal};
use super::value::{Body, Value, dims_of_planes, per_channel};
use crate::convolution::{pool_sums, pooled_dims};
use crate::dims::Dims;
use crate::error::Result;
use crate::float::{Bounds, Conv, FloatNode, Padding, Pool};
use crate::window::{Axis, Window};

/// Taps that one maximum may have.
const MAX_TAPS: usize = 4;

impl Lowering<'_> {
    pub(super) fn global_average_pool(&mut self, node: &FloatNode) -> Result<Value> {
        let shape = self.shape(node.inputs[0]);
        let window = [shape[2], shape[3]];
        let pool = Pool {
            kernel: window,
            stride: window,
            padding: Padding::NONE,
        };
        self.average_pool(node, &pool)
    }

    pub(super) fn average_pool(&mut self, node: &FloatNode, op: &Pool) -> Result<Value> {
        let value = self.viewable(node.inputs[0])?;
        let mut value = self.in_planes(node, value)?;
        if let Body::Affine { scale, .. } = &value.body
            && per_channel(scale, value.dims).is_none()
        {
            let linear = self.linear_of(value, &node.name)?;
            let name = format!("{}.input", node.name);
            value = self.emit(linear, &name, Bounds::default())?;
        }
        let out = self.shape(node.output);
        let target = [out[2], out[3]];
        let dims = pooled_dims(value.dims, op.kernel);
        // Windows that tile the input, or the one window there is.
        let tiles = |axis: usize, pooled: usize| {
            pooled == target[axis] && (op.kernel[axis] == op.stride[axis] || target[axis] == 1)
        };
        if op.padding != Padding::NONE || !tiles(0, dims.h) || !tiles(1, dims.w) {
            let conv = average_as_conv(op, value.dims.c);
            return self.conv_of(node, &conv, value);
        }
        let Body::Affine {
            tensor,
            pool,
            scale,
            shift,
        } = value.body
        else {
            return Err(internal(&node.name));
        };
        let area = op.window().taps() as f64;
        let factors = per_channel(&scale, value.dims).unwrap_or_default();
        Ok(Value {
            body: Body::Affine {
                tensor,
                pool: [pool[0] * op.kernel[0], pool[1] * op.kernel[1]],
                scale: factors
                    .iter()
                    .flat_map(|f| vec![f / area; dims.plane()])
                    .collect(),
                shift: pool_sums(&shift, value.dims, op.kernel)
                    .into_iter()
                    .map(|sum| sum / area)
                    .collect(),
            },
            dims,
            at: None,
            sole: value.sole,
        })
    }

    /// An affine value whose elements stand as the node's input has them: channels, rows, columns.
    pub(super) fn in_planes(&mut self, node: &FloatNode, value: Value) -> Result<Value> {
        let dims = dims_of_planes(self.shape(node.inputs[0]));
        let name = format!("{}.input", node.name);
        self.ordered(value, &None, dims, &name)
    }

    pub(super) fn max_pool(&mut self, node: &FloatNode, op: &Pool) -> Result<Value> {
        let value = self.stored(node.inputs[0], &node.name)?;
        let value = self.in_planes(node, value)?;
        let mut input = value.plain().ok_or_else(|| internal(&node.name))?;
        let bounds = self.fused.tensors[input].bounds;
        let shape = self.shape(node.output);
        let out = [shape[2], shape[3]];
        let stages = stages(&op.window(), [value.dims.h, value.dims.w], out);
        let name = self.graph.tensor(node.output).name.clone();
        let mut sole = value.sole;
        let mut dims = value.dims;
        for (n, stage) in stages.iter().enumerate() {
            let last = n + 1 == stages.len();
            let suffix = if last { String::new() } else { format!(".{n}") };
            dims = Dims {
                c: dims.c,
                h: stage.out[0],
                w: stage.out[1],
            };
            let output = self.new_tensor(&format!("{name}{suffix}"), dims, bounds);
            self.only_maximum_reads[input] = sole;
            self.fused.layers.push(FusedLayer::MaxPool(FusedMaxPool {
                name: format!("{}{suffix}", node.name),
                input,
                output,
                window: stage.window,
            }));
            input = output;
            sole = true;
        }
        Ok(Value::stored(input, dims, None))
    }
}

/// An average over windows that overlap or leave the input.
fn average_as_conv(op: &Pool, channels: usize) -> Conv {
    let taps = op.window().taps();
    Conv {
        channels,
        kernel: op.kernel,
        stride: op.stride,
        padding: op.padding,
        groups: channels,
        weights: vec![1.0 / taps as f64; channels * taps],
        bias: None,
    }
}

/// One of the maxima that together make a larger one, and its output's `[rows, columns]`.
#[derive(Debug, PartialEq, Eq)]
struct Stage {
    window: Window,
    out: [usize; 2],
}

/// The windows, and output lengths, of the stages along one axis. Padding goes to the early stages: a tap that lies
/// outside of a stage's input lies outside of the first input with all of its window.
fn axis_stages(axis: &Axis, len: usize, out: usize) -> Vec<(Axis, usize)> {
    let (mut rest, mut pad, mut len) = (axis.kernel, axis.pad, len);
    let mut stages = Vec::new();
    while rest > MAX_TAPS {
        let own = pad.min(MAX_TAPS - 1);
        len += own;
        stages.push((Axis::new(MAX_TAPS, 1, own), len));
        pad -= own;
        rest -= MAX_TAPS - 1;
    }
    stages.push((Axis::new(rest, axis.stride, pad), out));
    stages
}

/// Windows of at most [`MAX_TAPS`] taps whose maxima, one after the other, are the maxima of `window`: the columns first,
/// then the rows. Maxima are not dilated.
fn stages(window: &Window, len: [usize; 2], out: [usize; 2]) -> Vec<Stage> {
    if window.taps() <= MAX_TAPS {
        return vec![Stage {
            window: *window,
            out,
        }];
    }
    let (rows, columns) = (Window::POINT.rows, Window::POINT.columns);
    let across = axis_stages(&window.columns, len[1], out[1])
        .into_iter()
        .map(|(columns, o)| Stage {
            window: Window { rows, columns },
            out: [len[0], o],
        });
    let down = axis_stages(&window.rows, len[0], out[0])
        .into_iter()
        .map(|(rows, o)| Stage {
            window: Window { rows, columns },
            out: [o, out[1]],
        });
    across
        .chain(down)
        .filter(|s| s.window.kernel() != [1, 1] || s.window.stride() != [1, 1])
        .collect()
}
