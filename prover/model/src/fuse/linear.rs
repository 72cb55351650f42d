//! Convolutions and matrix products of symbolic values.

use super::graph::{FusedMap, FusedTerm};
use super::lowering::{Lowering, internal};
use super::value::{Body, Value, dims_of_planes, normal, per_channel, rows_layout};
use crate::convolution::{Geometry, accumulate};
use crate::dims::Dims;
use crate::error::Result;
use crate::float::{Bounds, Conv, Dense, FloatNode, Padding};
use crate::window::Window;

/// A product over several rows becomes one matrix only up to this many weights.
const MAX_BLOCKS: usize = 1 << 16;

impl Lowering<'_> {
    pub(super) fn conv(&mut self, node: &FloatNode, op: &Conv) -> Result<Value> {
        if let Some(value) = self.waiting(node.inputs[0])
            && let Some(product) = self.conv_of_sum(node, op, value)
        {
            self.take(node.inputs[0])?;
            return Ok(product);
        }
        let value = self.viewable(node.inputs[0])?;
        self.conv_of(node, op, value)
    }

    /// Folds an affine value into the weights of the convolution that reads it.
    pub(super) fn conv_of(&mut self, node: &FloatNode, op: &Conv, value: Value) -> Result<Value> {
        let (shape, out) = (self.shape(node.inputs[0]), self.shape(node.output));
        let out_dims = dims_of_planes(out);
        let is_view = matches!(value.body, Body::Elements(_));
        if is_view || !value.is_planes(shape) {
            if let Some(dense) = as_dense(op, shape, out) {
                return self.dense_of(node, &dense, value);
            }
            let dims = dims_of_planes(shape);
            let name = format!("{}.input", node.name);
            let view = self.wanted(value, (&None, dims), &name)?;
            return self.conv_of_view(node, op, view, out_dims);
        }
        let value = self.with_channel_factors(node, value)?;
        conv_planes(node, op, &value, out_dims)
    }

    pub(super) fn dense(&mut self, node: &FloatNode, op: &Dense) -> Result<Value> {
        if let Some(value) = self.waiting(node.inputs[0])
            && let Some(product) = self.dense_of_sum(node, op, value)
        {
            self.take(node.inputs[0])?;
            return Ok(product);
        }
        let value = self.viewable(node.inputs[0])?;
        let inputs = op.weights.len() / op.outputs;
        match value.dims.len() / inputs {
            1 => self.dense_of(node, op, value),
            rows => self.rows_of(node, op, value, rows),
        }
    }

    /// A matrix product over several rows: a 1 x 1 convolution whose positions are the rows.
    fn rows_of(
        &mut self,
        node: &FloatNode,
        op: &Dense,
        mut value: Value,
        rows: usize,
    ) -> Result<Value> {
        let inputs = op.weights.len() / op.outputs;
        if pool_of(&value) != [1, 1] {
            let linear = self.linear_of(value, &node.name)?;
            let name = format!("{}.input", node.name);
            value = self.emit(linear, &name, Bounds::default())?;
        }
        let columns = |channels: usize| Dims {
            c: channels,
            h: rows,
            w: 1,
        };
        let wanted = rows_layout(rows, inputs);
        if value.dims == columns(inputs) && value.at == normal(wanted) {
            let conv = pointwise(op);
            let value = self.with_channel_factors(node, value)?;
            let mut product = conv_planes(node, &conv, &value, columns(op.outputs))?;
            product.at = normal(rows_layout(rows, op.outputs));
            return Ok(product);
        }
        if matches!(value.body, Body::Affine { .. })
            && let Some(product) = self.grouped_rows(node, op, &value, rows)?
        {
            return Ok(product);
        }
        let size = op.weights.len().saturating_mul(rows * rows);
        if size > MAX_BLOCKS || matches!(value.body, Body::Elements(_)) {
            let wanted = normal(rows_layout(rows, inputs));
            let name = format!("{}.input", node.name);
            let view = self.wanted(value, (&wanted, columns(inputs)), &name)?;
            let conv = pointwise(op);
            let mut product = self.conv_of_view(node, &conv, view, columns(op.outputs))?;
            product.at = normal(rows_layout(rows, op.outputs));
            return Ok(product);
        }
        // One block a row on the diagonal.
        let mut weights = vec![0.0; size];
        for (n, w) in op.weights.iter().enumerate() {
            for m in 0..rows {
                let (o, i) = (m * op.outputs + n / inputs, m * inputs + n % inputs);
                weights[o * rows * inputs + i] = *w;
            }
        }
        let blocks = Dense {
            outputs: rows * op.outputs,
            weights,
            bias: op.bias.as_ref().map(|b| b.repeat(rows)),
        };
        self.dense_of(node, &blocks, value)
    }

    pub(super) fn dense_of(
        &mut self,
        node: &FloatNode,
        op: &Dense,
        mut value: Value,
    ) -> Result<Value> {
        let (mut at, mut dims) = self.layout(node.output);
        if pool_of(&value) != [1, 1] && (dims.plane() != 1 || at.is_some()) {
            // A pooled input needs a convolution, whose output is one column of channels.
            value = self.linear_of(value, &node.name)?;
            let name = format!("{}.input", node.name);
            value = self.emit(value, &name, Bounds::default())?;
        }
        let pool = pool_of(&value);
        if pool != [1, 1] {
            at = None;
            dims = Dims {
                c: op.outputs,
                h: 1,
                w: 1,
            };
        }
        if matches!(value.body, Body::Elements(_)) {
            return self.dense_of_view(node, op, &value, (at, dims));
        }
        let Body::Affine {
            tensor,
            scale,
            shift,
            ..
        } = &value.body
        else {
            return Err(internal(&node.name));
        };
        let inputs = scale.len();
        let mut weights = vec![0.0; op.weights.len()];
        let mut bias = vec![0.0; op.outputs];
        for (n, row) in op.weights.chunks_exact(inputs).enumerate() {
            let o = at.as_ref().map_or(n, |at| at[n]);
            bias[o] = op.bias.as_ref().map_or(0.0, |b| b[n]);
            for (j, w) in row.iter().enumerate() {
                let i = value.index(j);
                weights[o * inputs + i] = w * scale[i];
                bias[o] += w * shift[i];
            }
        }
        let map = if pool == [1, 1] {
            FusedMap::Dense(weights)
        } else {
            FusedMap::Conv {
                geometry: Geometry {
                    window: Window::whole([value.dims.h, value.dims.w]).pooling(pool),
                    groups: 1,
                },
                weights,
            }
        };
        let term = FusedTerm {
            input: *tensor,
            map,
        };
        Ok(pending(node, vec![term], bias, dims, at))
    }
}

/// A product over the channels of every position.
fn pointwise(op: &Dense) -> Conv {
    Conv {
        channels: op.outputs,
        kernel: [1, 1],
        stride: [1, 1],
        padding: Padding::NONE,
        groups: 1,
        weights: op.weights.clone(),
        bias: op.bias.clone(),
    }
}

/// The bias of every output element, and what a shift of the inputs adds to it: it reaches an output through the taps that exist.
pub(super) fn conv_bias(op: &Conv, shift: &[f64], src: Dims, out: Dims) -> Vec<f64> {
    let geometry = Geometry {
        window: op.window(),
        groups: op.groups,
    };
    let mut bias = match &op.bias {
        Some(bias) => bias.iter().flat_map(|b| vec![*b; out.plane()]).collect(),
        None => vec![0.0; out.len()],
    };
    if shift.iter().any(|v| *v != 0.0) {
        accumulate(&geometry, &op.weights, src, out, shift, &mut bias);
    }
    bias
}

/// The weights of a convolution whose input channels are multiplied by factors first.
pub(super) fn scaled_weights(op: &Conv, factors: &[f64], out: Dims) -> Vec<f64> {
    let taps = op.window().taps();
    let (from, to) = (factors.len() / op.groups, out.c / op.groups);
    let scaled = op.weights.iter().enumerate().map(|(n, w)| {
        let (o, i) = (n / taps / from, n / taps % from);
        w * factors[o / to * from + i]
    });
    scaled.collect()
}

/// A convolution of a value whose elements stand as channels, rows, columns, with one factor per channel.
pub(super) fn conv_planes(node: &FloatNode, op: &Conv, value: &Value, out: Dims) -> Result<Value> {
    let Body::Affine {
        tensor,
        pool,
        scale,
        shift,
    } = &value.body
    else {
        return Err(internal(&node.name));
    };
    let factors = per_channel(scale, value.dims).ok_or_else(|| internal(&node.name))?;
    let mut geometry = Geometry {
        window: op.window(),
        groups: op.groups,
    };
    let bias = conv_bias(op, shift, value.dims, out);
    let weights = scaled_weights(op, &factors, out);
    geometry.window = geometry.window.pooling(*pool);
    let map = FusedMap::Conv { geometry, weights };
    let term = FusedTerm {
        input: *tensor,
        map,
    };
    Ok(pending(node, vec![term], bias, out, None))
}

fn pool_of(value: &Value) -> [usize; 2] {
    match value.body {
        Body::Affine { pool, .. } => pool,
        Body::Linear { .. } | Body::Elements(_) => [1, 1],
    }
}

pub(super) fn pending(
    node: &FloatNode,
    terms: Vec<FusedTerm>,
    bias: Vec<f64>,
    dims: Dims,
    at: Option<Vec<usize>>,
) -> Value {
    Value {
        body: Body::Linear {
            nodes: vec![node.name.clone()],
            terms,
            bias,
        },
        dims,
        at,
        sole: true,
    }
}

/// A convolution that sees its whole input at its one position, as a matrix over that input.
fn as_dense(op: &Conv, shape: &[usize], out: &[usize]) -> Option<Dense> {
    let one_position = out[2] == 1 && out[3] == 1;
    let whole = op.groups == 1 && op.kernel == [shape[2], shape[3]] && op.padding == Padding::NONE;
    (one_position && whole).then(|| Dense {
        outputs: op.channels,
        weights: op.weights.clone(),
        bias: op.bias.clone(),
    })
}
