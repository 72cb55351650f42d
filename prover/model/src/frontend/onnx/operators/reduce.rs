//! Reductions over axes.

use super::entry::{Operator, many, one};
use crate::error::Result;
use crate::float::{Constant, FloatId, FloatOp, Function};
use crate::frontend::compose::{LEAST, ZERO, all};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{
    Importer,
    Operand::{self, Tensor as T},
};
use crate::frontend::onnx::node::refuse;
use tract_onnx::pb::NodeProto;

const AXES: &str = "any axes, as attribute or constant input";
const SUMS: &str = "a linear layer";
const MAXIMA: &str = "maxima of at most four values, in stages";
const COMPOSED: &str = "a linear layer and functions";
const ATTRIBUTES: &[&str] = &["axes", "keepdims", "noop_with_empty_axes"];

pub(super) const OPERATORS: &[Operator] = &[
    one(
        "ArgMax",
        "any axis; at the end, beside scores, it is left out",
        "comparisons with the maximum, and maxima",
        &["axis", "keepdims", "select_last_index"],
        arg_max,
    ),
    one(
        "ArgMin",
        "any axis",
        "comparisons with the minimum, and maxima",
        &["axis", "keepdims", "select_last_index"],
        arg_min,
    ),
    one(
        "Hardmax",
        "any axis; before opset 13, all axes from it on",
        "comparisons with the maximum, and maxima",
        &["axis"],
        hardmax,
    ),
    many("ReduceL1", AXES, COMPOSED, ATTRIBUTES, |importer, node| {
        reduce(importer, node, &|importer, node, x, axes, keep| {
            let x = importer.function(node, x, Function::Abs)?;
            importer.sum(node, x, axes, 1.0, keep)
        })
    }),
    many("ReduceL2", AXES, COMPOSED, ATTRIBUTES, |importer, node| {
        reduce(importer, node, &|importer, node, x, axes, keep| {
            let x = importer.op(node, FloatOp::Mul, &[x, x])?;
            let sum = importer.sum(node, x, axes, 1.0, keep)?;
            importer.power(node, sum, 0.5)
        })
    }),
    many(
        "ReduceLogSum",
        AXES,
        COMPOSED,
        ATTRIBUTES,
        |importer, node| {
            reduce(importer, node, &|importer, node, x, axes, keep| {
                let sum = importer.sum(node, x, axes, 1.0, keep)?;
                importer.log(node, sum)
            })
        },
    ),
    many(
        "ReduceLogSumExp",
        AXES,
        COMPOSED,
        ATTRIBUTES,
        |importer, node| reduce(importer, node, &log_sum_exp),
    ),
    many("ReduceMax", AXES, MAXIMA, ATTRIBUTES, |importer, node| {
        reduce(importer, node, &|importer, node, x, axes, keep| {
            importer.maximum(node, x, axes, keep)
        })
    }),
    many("ReduceMean", AXES, SUMS, ATTRIBUTES, |importer, node| {
        reduce(importer, node, &|importer, node, x, axes, keep| {
            importer.mean(node, x, axes, keep)
        })
    }),
    many("ReduceMin", AXES, MAXIMA, ATTRIBUTES, |importer, node| {
        reduce(importer, node, &|importer, node, x, axes, keep| {
            let x = importer.scaled(node, x, -1.0)?;
            let maximum = importer.maximum(node, x, axes, keep)?;
            importer.scaled(node, maximum, -1.0)
        })
    }),
    many(
        "ReduceProd",
        "any axes, of at most 64 elements",
        "products",
        ATTRIBUTES,
        |importer, node| reduce(importer, node, &product),
    ),
    many("ReduceSum", AXES, SUMS, ATTRIBUTES, |importer, node| {
        reduce(importer, node, &|importer, node, x, axes, keep| {
            importer.sum(node, x, axes, 1.0, keep)
        })
    }),
    many(
        "ReduceSumSquare",
        AXES,
        COMPOSED,
        ATTRIBUTES,
        |importer, node| {
            reduce(importer, node, &|importer, node, x, axes, keep| {
                let x = importer.op(node, FloatOp::Mul, &[x, x])?;
                importer.sum(node, x, axes, 1.0, keep)
            })
        },
    ),
];

/// A reduction of a tensor over axes, which stay with length 1 if the last argument says so.
type Reduction<'r> =
    &'r dyn Fn(&mut Importer, &NodeProto, FloatId, &[usize], bool) -> Result<FloatId>;

fn reduce(
    importer: &mut Importer,
    node: &NodeProto,
    reduction: Reduction<'_>,
) -> Result<Vec<Operand>> {
    let input = importer.tensor(node, 0)?;
    let rank = importer.builder.shape(input).len();
    let axes = importer.axes(node, rank)?.unwrap_or_default();
    let mut axes = match (axes.is_empty(), node.int("noop_with_empty_axes", 0)) {
        (false, _) => axes,
        (true, 0) => (0..rank).collect(),
        (true, _) => Vec::new(),
    };
    axes.sort_unstable();
    if axes.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(refuse(node, format!("axes {axes:?}, one of them twice")));
    }
    let keep = node.int("keepdims", 1) != 0;
    Ok(vec![T(reduction(importer, node, input, &axes, keep)?)])
}

/// `m + ln(sum(exp(x - m)))` with the maximum `m`: the sum is at least 1.
fn log_sum_exp(
    importer: &mut Importer,
    node: &NodeProto,
    x: FloatId,
    axes: &[usize],
    keep: bool,
) -> Result<FloatId> {
    let shape = importer.builder.shape(x).to_vec();
    let maximum = importer.maximum(node, x, axes, true)?;
    let wide = importer.expand(node, maximum, &shape)?;
    let rest = importer.op(node, FloatOp::Sub, &[x, wide])?;
    let powers = importer.function(node, rest, Function::Exp)?;
    let sum = importer.sum(node, powers, axes, 1.0, true)?;
    let least = 1.0 - LEAST;
    let logarithm = importer.function(node, sum, Function::Log { least })?;
    let total = importer.op(node, FloatOp::Add, &[maximum, logarithm])?;
    // The axes have length 1 by now.
    importer.sum(node, total, axes, 1.0, keep)
}

fn product(
    importer: &mut Importer,
    node: &NodeProto,
    x: FloatId,
    axes: &[usize],
    keep: bool,
) -> Result<FloatId> {
    let count = importer.count(x, axes);
    if count > 64 {
        return Err(refuse(
            node,
            format!("a product of {count} elements; supported: 64"),
        ));
    }
    let mut product = T(x);
    for axis in axes {
        let length = importer.shape_of(&product)[*axis];
        let mut parts = (0..length).map(|n| (n, n + 1));
        parts.next();
        let mut total = importer.part(node, &product, *axis, 0..1)?;
        for (start, end) in parts {
            let part = importer.part(node, &product, *axis, start..end)?;
            let (T(a), T(b)) = (total, part) else {
                return Err(refuse(node, "a constant"));
            };
            total = T(importer.op(node, FloatOp::Mul, &[a, b])?);
        }
        product = total;
    }
    let product = importer.only_tensor(node, product)?;
    importer.sum(node, product, axes, 1.0, keep)
}

fn arg_max(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    arg(importer, node, input)
}

fn arg_min(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let input = importer.scaled(node, input, -1.0)?;
    arg(importer, node, input)
}

fn arg(importer: &mut Importer, node: &NodeProto, input: FloatId) -> Result<FloatId> {
    let rank = importer.builder.shape(input).len();
    let axis = importer.axis(node, 0, rank)?;
    let last = node.int("select_last_index", 0) != 0;
    let place = importer.place_of_maximum(node, input, axis, last)?;
    if node.int("keepdims", 1) != 0 {
        return Ok(place);
    }
    importer.sum(node, place, &[axis], 1.0, false)
}

fn hardmax(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let shape = importer.builder.shape(input).to_vec();
    let (view, axis) = super::normalise::rows_before_13(importer, node, input)?;
    let place = importer.place_of_maximum(node, view, axis, false)?;
    let wide = importer.builder.shape(view).to_vec();
    let length = wide[axis];
    let axes: Vec<_> = wide
        .iter()
        .enumerate()
        .map(|(a, d)| {
            if a == axis {
                vec![Some(0); length]
            } else {
                all(*d)
            }
        })
        .collect();
    let places = importer.pick(node, &T(place), &axes, ZERO)?;
    let places = importer.only_tensor(node, places)?;
    let mut numbers = vec![1; wide.len() - axis];
    numbers[0] = length;
    let numbers = Constant {
        shape: numbers,
        data: (0..length).map(|i| -(i as f64)).collect(),
    };
    let difference = importer.op(node, FloatOp::AddConstant(numbers), &[places])?;
    let is = importer.function(node, difference, Function::IsZero { tolerance: 0.5 })?;
    importer.reshape(node, is, &shape)
}
