//! Linear maps and matrix products.

use super::entry::{Operator, Read, many};
use super::remedies::MICROSOFT;
use crate::error::Result;
use crate::float::{BatchNorm, Constant, Dense, FloatId, FloatOp};
use crate::frontend::compose::{Arithmetic, by_output};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{Importer, Operand, axis_of};
use crate::frontend::onnx::node::{refuse, size};
use crate::frontend::operator::OperatorInfo;
use tract_onnx::pb::NodeProto;

const LINEAR: &str = "a linear layer";
const PRODUCT: &str = "a linear layer where one factor is constant, else a matrix product";

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
        read: Read::One(batch_norm),
    },
    many(
        "CumSum",
        "a constant axis; exclusive and reverse",
        LINEAR,
        &["exclusive", "reverse"],
        cum_sum,
    ),
    many(
        "FusedMatMul",
        "as MatMul, with alpha, transA and transB",
        PRODUCT,
        &["alpha", "transA", "transB", "transBatchA", "transBatchB"],
        fused_mat_mul,
    )
    .only(MICROSOFT),
    many(
        "Gemm",
        "matrices, constant or computed; alpha, beta, transA and transB as in ONNX",
        PRODUCT,
        &["alpha", "beta", "broadcast", "transA", "transB"],
        gemm,
    ),
    many(
        "MatMul",
        "tensors and constants of any number of axes, which broadcast",
        PRODUCT,
        &[],
        mat_mul,
    ),
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

fn gemm(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let [mut a, mut b] = [importer.given(node, 0)?, importer.given(node, 1)?];
    for operand in [&a, &b] {
        let shape = importer.shape_of(operand);
        if shape.len() != 2 {
            return Err(refuse(
                node,
                format!("a matrix of shape {shape:?}; supported: two axes"),
            ));
        }
    }
    if node.int("transA", 0) != 0 {
        a = importer.flipped(node, a)?;
    }
    if node.int("transB", 0) != 0 {
        b = importer.flipped(node, b)?;
    }
    let (alpha, beta) = (node.float("alpha", 1.0), node.float("beta", 1.0));
    let bias = importer.operand(node, 2)?;
    let outputs = importer.shape_of(&b)[1];
    // One layer with its bias.
    if let (Operand::Tensor(input), Operand::Constant(matrix)) = (&a, &b) {
        let constant_bias = match &bias {
            None => Some(None),
            Some(Operand::Constant(c)) if c.fits(&[1, outputs]) => {
                let values = c.broadcast(&[1, outputs]);
                Some(Some(values.iter().map(|v| v * beta).collect()))
            }
            Some(_) => None,
        };
        if let Some(bias) = constant_bias {
            let mut weights = by_output(&matrix.data, matrix.shape[0], outputs);
            weights.iter_mut().for_each(|w| *w *= alpha);
            let op = Dense {
                outputs,
                weights,
                bias,
            };
            let id = importer.op(node, FloatOp::Dense(op), &[*input])?;
            return Ok(vec![Operand::Tensor(id)]);
        }
    }
    let number = |v: f64| Operand::Constant(Constant::scalar(v));
    let mut product = importer.matrix_product(node, a, b)?;
    if alpha != 1.0 {
        product = importer.arithmetic(node, Arithmetic::Mul, product, number(alpha))?;
    }
    if let Some(bias) = bias {
        let bias = importer.arithmetic(node, Arithmetic::Mul, bias, number(beta))?;
        let shape = importer.shape_of(&product);
        let sum = importer.arithmetic(node, Arithmetic::Add, product, bias)?;
        if importer.shape_of(&sum) != shape {
            return Err(refuse(node, "a bias that is larger than the product"));
        }
        product = sum;
    }
    Ok(vec![product])
}

fn mat_mul(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let [a, b] = [importer.given(node, 0)?, importer.given(node, 1)?];
    Ok(vec![importer.matrix_product(node, a, b)?])
}

fn fused_mat_mul(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    if node.int("transBatchA", 0) != 0 || node.int("transBatchB", 0) != 0 {
        return Err(refuse(node, "transBatchA or transBatchB; supported: 0"));
    }
    let mut factors = [importer.given(node, 0)?, importer.given(node, 1)?];
    for (factor, name) in factors.iter_mut().zip(["transA", "transB"]) {
        if node.int(name, 0) != 0 {
            if importer.shape_of(factor).len() < 2 {
                return Err(refuse(node, format!("{name} of an operand of one axis")));
            }
            *factor = importer.flipped(node, factor.clone())?;
        }
    }
    let [a, b] = factors;
    let product = importer.matrix_product(node, a, b)?;
    let alpha = Operand::Constant(Constant::scalar(node.float("alpha", 1.0)));
    Ok(vec![importer.arithmetic(
        node,
        Arithmetic::Mul,
        product,
        alpha,
    )?])
}

/// Sums of what comes before along an axis: a triangular matrix.
fn cum_sum(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let input = importer.tensor(node, 0)?;
    let shape = importer.builder.shape(input).to_vec();
    let axis = importer.integers(node, 1)?;
    let axis = axis.and_then(|a| a.first().copied());
    let axis = axis.and_then(|a| axis_of(a, shape.len()));
    let axis = axis.ok_or_else(|| refuse(node, format!("the axis, of shape {shape:?}")))?;
    let length = shape[axis];
    size(node, &[length, length])?;
    let (exclusive, reverse) = (node.int("exclusive", 0) != 0, node.int("reverse", 0) != 0);
    let weight = |n: usize| {
        let (output, input) = (n / length, n % length);
        let before = if reverse {
            output < input
        } else {
            input < output
        };
        f64::from(before || !exclusive && input == output)
    };
    let weights = (0..length * length).map(weight).collect();
    let sums = importer.along_axis(node, input, axis, length, weights)?;
    Ok(vec![Operand::Tensor(sums)])
}
