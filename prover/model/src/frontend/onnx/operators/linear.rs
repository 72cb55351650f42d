//! Products with constant weights.

use super::entry::Operator;
use super::window::window;
use crate::error::Result;
use crate::float::{BatchNorm, Conv, Dense, FloatId, FloatOp};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{Importer, Operand};
use crate::frontend::onnx::node::refuse;
use crate::frontend::operator::OperatorInfo;
use tract_onnx::pb::NodeProto;

pub(super) const OPERATORS: &[Operator] = &[
    Operator {
        info: OperatorInfo {
            name: "BatchNormalization",
            since: Some(1),
            only: "",
            accepts: "constant statistics, one per channel; inference form",
            becomes: "nothing: it is folded into the linear layer before or after it",
        },
        attributes: &[
            "consumed_inputs",
            "epsilon",
            "is_test",
            "momentum",
            "spatial",
            "training_mode",
        ],
        read: batch_norm,
    },
    Operator {
        info: OperatorInfo {
            name: "Conv",
            since: Some(1),
            only: "",
            accepts: "two dimensions, batch 1, constant weights, any groups, strides and padding (also auto_pad); no dilation",
            becomes: "a linear layer",
        },
        attributes: &[
            "auto_pad",
            "dilations",
            "group",
            "kernel_shape",
            "pads",
            "strides",
        ],
        read: conv,
    },
    Operator {
        info: OperatorInfo {
            name: "Gemm",
            since: Some(1),
            only: "",
            accepts: "constant matrix, transA = 0; alpha, beta and transB as in ONNX",
            becomes: "a linear layer",
        },
        attributes: &["alpha", "beta", "broadcast", "transA", "transB"],
        read: gemm,
    },
    Operator {
        info: OperatorInfo {
            name: "MatMul",
            since: Some(1),
            only: "by a constant",
            accepts: "tensor times constant matrix of two axes",
            becomes: "a linear layer",
        },
        attributes: &[],
        read: mat_mul,
    },
];

fn batch_norm(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    if node.int("training_mode", 0) != 0 {
        return Err(refuse(
            node,
            "training mode; export the model for inference",
        ));
    }
    let is_test = node.find("is_test").map_or(0, |a| a.i);
    if importer.opset < 7 && is_test == 0 {
        return Err(refuse(
            node,
            "is_test = 0, which is training; export the model for inference (is_test = 1, or opset 7 and later)",
        ));
    }
    if node.int("spatial", 1) == 0 {
        return Err(refuse(
            node,
            "spatial = 0: statistics for each element; supported: one per channel",
        ));
    }
    if importer.opset < 14 && node.output.iter().skip(1).any(|name| !name.is_empty()) {
        return Err(refuse(
            node,
            "outputs of training; supported: one output; export the model for inference",
        ));
    }
    let op = BatchNorm {
        gamma: importer.required(node, 1)?.data,
        beta: importer.required(node, 2)?.data,
        mean: importer.required(node, 3)?.data,
        variance: importer.required(node, 4)?.data,
        epsilon: node.float("epsilon", f64::from(1e-5f32)),
    };
    importer.unary(node, FloatOp::BatchNorm(op))
}

fn conv(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let plane = importer.plane(node, input)?;
    let weights = importer.required(node, 1)?;
    let &[channels, _, kh, kw] = weights.shape.as_slice() else {
        return Err(refuse(
            node,
            format!(
                "weights of shape {:?}; supported: two dimensions",
                weights.shape
            ),
        ));
    };
    let window = window(node, plane, Some([kh, kw]))?;
    let groups = usize::try_from(node.int("group", 1)).unwrap_or(0);
    let op = Conv {
        channels,
        kernel: window.kernel,
        stride: window.stride,
        padding: window.padding,
        groups,
        weights: weights.data,
        bias: importer.constant(node, 2)?.map(|c| c.data),
    };
    importer.add(node, FloatOp::Conv(op), &[input])
}

fn gemm(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    if node.int("transA", 0) != 0 {
        return Err(refuse(node, "transA; supported: transA = 0"));
    }
    let matrix = importer.required(node, 1)?;
    let &[a, b] = matrix.shape.as_slice() else {
        return Err(refuse(
            node,
            format!("a matrix of shape {:?}", matrix.shape),
        ));
    };
    let alpha = node.float("alpha", 1.0);
    let (outputs, transposed) = if node.int("transB", 0) != 0 {
        (a, true)
    } else {
        (b, false)
    };
    let mut weights = rows(matrix.data, a, b, transposed);
    weights.iter_mut().for_each(|w| *w *= alpha);
    let beta = node.float("beta", 1.0);
    let bias = match importer.constant(node, 2)? {
        Some(c) if c.fits(&[1, outputs]) => Some(
            c.broadcast(&[1, outputs])
                .iter()
                .map(|v| v * beta)
                .collect(),
        ),
        Some(c) => {
            return Err(refuse(
                node,
                format!("a bias of shape {:?} for {outputs} outputs", c.shape),
            ));
        }
        None => None,
    };
    let op = Dense {
        outputs,
        weights,
        bias,
    };
    importer.unary(node, FloatOp::Dense(op))
}

fn mat_mul(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let matrix = match importer.operand(node, 1)? {
        Some(Operand::Constant(c)) => c,
        _ => {
            return Err(refuse(
                node,
                "the second operand is not a constant; supported: tensor times constant matrix",
            ));
        }
    };
    let &[inputs, outputs] = matrix.shape.as_slice() else {
        return Err(refuse(
            node,
            format!("a matrix of shape {:?}; supported: two axes", matrix.shape),
        ));
    };
    let op = Dense {
        outputs,
        weights: rows(matrix.data, inputs, outputs, false),
        bias: None,
    };
    importer.unary(node, FloatOp::Dense(op))
}

/// A matrix as `[output][input]`; `data` is `[output][input]` if `transposed`, else `[input][output]`.
fn rows(data: Vec<f64>, a: usize, b: usize, transposed: bool) -> Vec<f64> {
    if transposed {
        return data;
    }
    (0..a * b).map(|n| data[n % a * b + n / a]).collect()
}
