//! Averages and maxima of windows.

use super::entry::Operator;
use super::window::window;
use crate::error::Result;
use crate::float::{Constant, FloatId, FloatOp, Padding, Pool};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::Importer;
use crate::frontend::onnx::node::refuse;
use crate::frontend::operator::OperatorInfo;
use tract_onnx::pb::NodeProto;

pub(super) const OPERATORS: &[Operator] = &[
    Operator {
        info: OperatorInfo {
            name: "AveragePool",
            since: Some(1),
            only: "",
            accepts: "two dimensions, batch 1; padding only with count_include_pad = 1 and without ceil_mode",
            becomes: "sums folded into the linear layer that reads them, or a linear layer",
        },
        attributes: &[
            "auto_pad",
            "ceil_mode",
            "count_include_pad",
            "dilations",
            "kernel_shape",
            "pads",
            "strides",
        ],
        read: average_pool,
    },
    Operator {
        info: OperatorInfo {
            name: "GlobalAveragePool",
            since: Some(1),
            only: "",
            accepts: "[1, channels, rows, columns]",
            becomes: "sums folded into the linear layer that reads them",
        },
        attributes: &[],
        read: global_average_pool,
    },
    Operator {
        info: OperatorInfo {
            name: "GlobalMaxPool",
            since: Some(1),
            only: "",
            accepts: "[1, channels, rows, columns]",
            becomes: "maxima of at most four values, in stages",
        },
        attributes: &[],
        read: global_max_pool,
    },
    Operator {
        info: OperatorInfo {
            name: "MaxPool",
            since: Some(1),
            only: "",
            accepts: "two dimensions, batch 1; padding, auto_pad and ceil_mode; no dilation",
            becomes: "maxima of at most four values, in stages",
        },
        attributes: &[
            "auto_pad",
            "ceil_mode",
            "dilations",
            "kernel_shape",
            "pads",
            "storage_order",
            "strides",
        ],
        read: max_pool,
    },
    Operator {
        info: OperatorInfo {
            name: "ReduceMax",
            since: Some(1),
            only: "over rows and columns",
            accepts: "[1, channels, rows, columns], axes 2 and 3, with or without keepdims",
            becomes: "maxima of at most four values, in stages",
        },
        attributes: &["axes", "keepdims", "noop_with_empty_axes"],
        read: reduce_max,
    },
    Operator {
        info: OperatorInfo {
            name: "ReduceSum",
            since: Some(1),
            only: "over rows and columns",
            accepts: "[1, channels, rows, columns], axes 2 and 3, with or without keepdims",
            becomes: "sums folded into the linear layer that reads them",
        },
        attributes: &["axes", "keepdims", "noop_with_empty_axes"],
        read: reduce_sum,
    },
    Operator {
        info: OperatorInfo {
            name: "ReduceMean",
            since: Some(1),
            only: "over rows and columns",
            accepts: "[1, channels, rows, columns], axes 2 and 3, with or without keepdims",
            becomes: "sums folded into the linear layer that reads them",
        },
        attributes: &["axes", "keepdims", "noop_with_empty_axes"],
        read: reduce_mean,
    },
];

fn global_average_pool(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    importer.unary(node, FloatOp::GlobalAveragePool)
}

fn average_pool(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let (input, pool) = pool(importer, node)?;
    if pool.padding != Padding::NONE
        && (node.int("count_include_pad", 0) == 0 || node.int("ceil_mode", 0) != 0)
    {
        return Err(refuse(
            node,
            "averages that leave out the padding; supported: no padding, or count_include_pad = 1 without ceil_mode",
        ));
    }
    importer.add(node, FloatOp::AveragePool(pool), &[input])
}

fn max_pool(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let (input, pool) = pool(importer, node)?;
    importer.add(node, FloatOp::MaxPool(pool), &[input])
}

/// The tensor that is pooled, and the window.
fn pool(importer: &Importer, node: &NodeProto) -> Result<(FloatId, Pool)> {
    let input = importer.tensor(node, 0)?;
    let plane = importer.plane(node, input)?;
    Ok((input, window(node, plane, None)?))
}

fn global_max_pool(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let op = maximum_of(importer.plane(node, input)?);
    importer.add(node, op, &[input])
}

fn maximum_of(plane: [usize; 2]) -> FloatOp {
    FloatOp::MaxPool(Pool {
        kernel: plane,
        stride: plane,
        padding: Padding::NONE,
    })
}

fn reduce_mean(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    reduce(importer, node, |_| vec![FloatOp::GlobalAveragePool])
}

fn reduce_sum(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    reduce(importer, node, |[rows, columns]| {
        let count = Constant::scalar((rows * columns) as f64);
        vec![FloatOp::GlobalAveragePool, FloatOp::MulConstant(count)]
    })
}

fn reduce_max(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    reduce(importer, node, |plane| vec![maximum_of(plane)])
}

/// Rows and columns become one value, by operations that follow from how many there are.
fn reduce(
    importer: &mut Importer,
    node: &NodeProto,
    operations: fn([usize; 2]) -> Vec<FloatOp>,
) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let plane = importer.plane(node, input)?;
    let mut axes = importer.axes(node, 4)?.unwrap_or_default();
    axes.sort_unstable();
    if axes != [2, 3] {
        return Err(refuse(node, format!("axes {axes:?}; supported: [2, 3]")));
    }
    let mut pooled = input;
    for operation in operations(plane) {
        pooled = importer.add(node, operation, &[pooled])?;
    }
    if node.int("keepdims", 1) != 0 {
        return Ok(pooled);
    }
    let channels = importer.builder.shape(pooled)[1];
    importer.add(node, FloatOp::Reshape(vec![1, channels]), &[pooled])
}
