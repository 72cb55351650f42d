//! The table of zkml's layer types: one entry each, beside the function that reads it. Parameters are positional; see
//! `schema` for the file.

use super::importer::{
    Importer,
    Operand::{self, Constant as C, Tensor as T},
    TO_PLANES,
};
use super::schema::{Layer, malformed, shape_of};
use crate::error::{ModelError, Result};
use crate::float::{Conv, Dense, FloatId, FloatOp, Padding, Pool, transpose_sources};
use crate::frontend::operator::{OperatorInfo, list};
use crate::window::Window;

/// One layer type.
struct LayerType {
    info: OperatorInfo,
    /// Reads a layer and returns the tensor of its output.
    read: fn(&mut Importer, &Layer) -> Result<FloatId>,
}

const LAYERS: &[LayerType] = &[
    LayerType {
        info: OperatorInfo {
            name: "Add",
            since: None,
            only: "",
            accepts: "two tensors of one shape, or a tensor and a constant that broadcasts to it; fused ReLU or ReLU6",
            becomes: "a linear layer with the terms of both; a constant is folded",
        },
        read: add,
    },
    LayerType {
        info: OperatorInfo {
            name: "AveragePool2D",
            since: None,
            only: "",
            accepts: "batch 1, no padding",
            becomes: "sums folded into the linear layer that reads them, or a linear layer",
        },
        read: average_pool,
    },
    LayerType {
        info: OperatorInfo {
            name: "Conv2D",
            since: None,
            only: "",
            accepts: "ordinary and depthwise, SAME or VALID padding; fused ReLU or ReLU6",
            becomes: "a linear layer",
        },
        read: conv,
    },
    LayerType {
        info: OperatorInfo {
            name: "FullyConnected",
            since: None,
            only: "",
            accepts: "constant matrix of either orientation; fused ReLU or ReLU6",
            becomes: "a linear layer",
        },
        read: fully_connected,
    },
    LayerType {
        info: OperatorInfo {
            name: "MaxPool2D",
            since: None,
            only: "",
            accepts: "batch 1, no padding",
            becomes: "maxima of at most four values, in stages",
        },
        read: max_pool,
    },
    LayerType {
        info: OperatorInfo {
            name: "Mean",
            since: None,
            only: "over rows and columns",
            accepts: "four axes, batch 1",
            becomes: "sums folded into the linear layer that reads them",
        },
        read: mean,
    },
    LayerType {
        info: OperatorInfo {
            name: "Mul",
            since: None,
            only: "by a constant",
            accepts: "a tensor and a constant that broadcasts to it",
            becomes: "nothing: it is folded into the linear layer before or after it",
        },
        read: mul,
    },
    LayerType {
        info: OperatorInfo {
            name: "Noop",
            since: None,
            only: "",
            accepts: "one of its inputs",
            becomes: "nothing: a view of the same elements",
        },
        read: noop,
    },
    LayerType {
        info: OperatorInfo {
            name: "Reshape",
            since: None,
            only: "",
            accepts: "the declared output shape",
            becomes: "nothing: a view of the same elements",
        },
        read: reshape,
    },
    LayerType {
        info: OperatorInfo {
            name: "Sub",
            since: None,
            only: "",
            accepts: "two tensors of one shape, or a tensor less a constant that broadcasts to it",
            becomes: "a linear layer with the terms of both; a constant is folded",
        },
        read: sub,
    },
    LayerType {
        info: OperatorInfo {
            name: "Transpose",
            since: None,
            only: "",
            accepts: "any permutation that the reader can follow, as for ONNX",
            becomes: "nothing: a view of the same elements",
        },
        read: transpose,
    },
];

/// The layer types that this front end reads, by name.
pub fn zkml_layers() -> impl Iterator<Item = OperatorInfo> {
    LAYERS.iter().map(|layer| layer.info)
}

/// Maps a layer.
pub(super) fn read(importer: &mut Importer, layer: &Layer) -> Result<FloatId> {
    match LAYERS.iter().find(|l| l.info.name == layer.layer_type) {
        Some(known) => (known.read)(importer, layer),
        None => Err(ModelError::UnsupportedOperator {
            node: importer.current.clone(),
            op: layer.layer_type.clone(),
            remedy: String::new(),
            supported: list(zkml_layers()),
        }),
    }
}

fn conv(importer: &mut Importer, layer: &Layer) -> Result<FloatId> {
    let [kind, padding, activation, sh, sw] = importer.params(layer)?;
    let input = importer.tensor(layer, 0)?;
    let [c, h, w] = importer.planes(input)?;
    let weights = importer.constant(layer, 1)?;
    let &[first, kh, kw, last] = weights.shape.as_slice() else {
        return Err(malformed(format!(
            "layer {}: weights of shape {:?}",
            importer.current, weights.shape
        )));
    };
    // Convolutions hold [out, row, column, in], depthwise ones [1, row, column, out].
    let (channels, groups, order) = match kind {
        0 => (first, 1, TO_PLANES),
        1 if first == 1 => (last, c, [3, 0, 1, 2]),
        _ => {
            return Err(malformed(format!(
                "layer {}: convolution kind {kind}",
                importer.current
            )));
        }
    };
    let stride = [sh, sw];
    let padding = match padding {
        0 if sh > 0 && sw > 0 => Window::new([kh, kw], stride, [0, 0]).same_padding([h, w], true),
        1 => Padding::NONE,
        _ => {
            return Err(malformed(format!(
                "layer {}: padding {padding}, stride {stride:?}",
                importer.current
            )));
        }
    };
    let sources = transpose_sources(&weights.shape, &order);
    let op = Conv {
        channels,
        kernel: [kh, kw],
        stride,
        padding,
        groups,
        weights: sources.into_iter().map(|i| weights.data[i]).collect(),
        bias: importer.bias(layer)?,
    };
    let id = importer.node(FloatOp::Conv(op), &[input])?;
    importer.activate(id, activation)
}

fn fully_connected(importer: &mut Importer, layer: &Layer) -> Result<FloatId> {
    let activation = match layer.params.first() {
        Some(code) => usize::try_from(*code).unwrap_or(usize::MAX),
        None => 0,
    };
    let input = importer.tensor(layer, 0)?;
    let input = importer.channels_last(&importer.current.clone(), input)?;
    let inputs: usize = importer.builder.shape(input).iter().product();
    let weights = importer.constant(layer, 1)?.clone();
    let (outputs, data) = match weights.shape.as_slice() {
        &[n, k] if k == inputs => (n, weights.data),
        &[k, n] if k == inputs => {
            let sources = transpose_sources(&[k, n], &[1, 0]);
            (n, sources.into_iter().map(|i| weights.data[i]).collect())
        }
        other => {
            return Err(malformed(format!(
                "layer {}: weights {other:?} for {inputs} inputs",
                importer.current
            )));
        }
    };
    let bias = importer.bias(layer)?;
    let name = format!("{}.flat", importer.current);
    let flat = importer
        .builder
        .node(&name, FloatOp::Reshape(vec![1, inputs]), &[input])?;
    let op = Dense {
        outputs,
        weights: data,
        bias,
    };
    let id = importer.node(FloatOp::Dense(op), &[flat])?;
    importer.activate(id, activation)
}

fn average_pool(importer: &mut Importer, layer: &Layer) -> Result<FloatId> {
    let (input, pool) = pool(importer, layer)?;
    importer.node(FloatOp::AveragePool(pool), &[input])
}

fn max_pool(importer: &mut Importer, layer: &Layer) -> Result<FloatId> {
    let (input, pool) = pool(importer, layer)?;
    importer.node(FloatOp::MaxPool(pool), &[input])
}

/// The tensor that is pooled, and the window.
fn pool(importer: &Importer, layer: &Layer) -> Result<(FloatId, Pool)> {
    let [kh, kw, sh, sw] = importer.params(layer)?;
    let input = importer.tensor(layer, 0)?;
    importer.planes(input)?;
    let pool = Pool {
        kernel: [kh, kw],
        stride: [sh, sw],
        padding: Padding::NONE,
    };
    Ok((input, pool))
}

fn mean(importer: &mut Importer, layer: &Layer) -> Result<FloatId> {
    let mut axes = layer.params.clone();
    axes.sort_unstable();
    let input = importer.tensor(layer, 0)?;
    importer.planes(input)?;
    if axes != [1, 2] {
        return Err(importer.refuse("Mean", format!("axes {axes:?}; supported: [1, 2]")));
    }
    let pooled = importer.node(FloatOp::GlobalAveragePool, &[input])?;
    let channels = importer.builder.shape(pooled)[1];
    match layer.out_shapes.first().map(Vec::len) {
        Some(4) => Ok(pooled),
        _ => {
            let name = format!("{}.flat", importer.current);
            importer
                .builder
                .node(&name, FloatOp::Reshape(vec![1, channels]), &[pooled])
        }
    }
}

fn add(importer: &mut Importer, layer: &Layer) -> Result<FloatId> {
    let sum = match operands(importer, layer)? {
        (T(a), T(b)) => importer.node(FloatOp::Add, &[a, b])?,
        (T(a), C(c)) | (C(c), T(a)) => {
            let c = importer.aligned(a, c);
            importer.node(FloatOp::AddConstant(c), &[a])?
        }
        _ => return Err(kinds(importer, layer)),
    };
    let activation = match layer.params.first() {
        Some(code) => usize::try_from(*code).unwrap_or(usize::MAX),
        None => 0,
    };
    importer.activate(sum, activation)
}

fn sub(importer: &mut Importer, layer: &Layer) -> Result<FloatId> {
    match operands(importer, layer)? {
        (T(a), T(b)) => importer.node(FloatOp::Sub, &[a, b]),
        (T(a), C(c)) => {
            let mut c = importer.aligned(a, c);
            c.data.iter_mut().for_each(|v| *v = -*v);
            importer.node(FloatOp::AddConstant(c), &[a])
        }
        _ => Err(kinds(importer, layer)),
    }
}

fn mul(importer: &mut Importer, layer: &Layer) -> Result<FloatId> {
    match operands(importer, layer)? {
        (T(a), C(c)) | (C(c), T(a)) => {
            let c = importer.aligned(a, c);
            importer.node(FloatOp::MulConstant(c), &[a])
        }
        _ => Err(kinds(importer, layer)),
    }
}

fn operands(importer: &Importer, layer: &Layer) -> Result<(Operand, Operand)> {
    Ok((
        importer.operand(layer, 0)?.clone(),
        importer.operand(layer, 1)?.clone(),
    ))
}

/// The error for tensors where a constant is needed, or the other way round.
fn kinds(importer: &Importer, layer: &Layer) -> ModelError {
    importer.refuse(
        &layer.layer_type,
        "operands of these kinds; supported: two tensors for Add and Sub, a constant for Mul",
    )
}

fn reshape(importer: &mut Importer, layer: &Layer) -> Result<FloatId> {
    let to = layer
        .out_shapes
        .first()
        .ok_or_else(|| malformed("Reshape without an output shape"))?;
    let to = shape_of(to)?;
    importer.rearrange(layer, FloatOp::Reshape(to))
}

/// Parameters: the input's shape, then the permutation.
fn transpose(importer: &mut Importer, layer: &Layer) -> Result<FloatId> {
    let perm: Option<Vec<usize>> = layer.params[layer.params.len() / 2..]
        .iter()
        .map(|p| usize::try_from(*p).ok())
        .collect();
    let perm = perm.ok_or_else(|| importer.refuse("Transpose", "a negative axis"))?;
    importer.rearrange(layer, FloatOp::Transpose(perm))
}

fn noop(importer: &mut Importer, layer: &Layer) -> Result<FloatId> {
    let [index] = importer.params(layer)?;
    importer.tensor(layer, index)
}
