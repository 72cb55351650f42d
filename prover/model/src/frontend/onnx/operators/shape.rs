//! The same elements under another shape, or in another order.

use super::entry::{Operator, Read, many};
use crate::error::Result;
use crate::float::{FloatId, FloatOp, Function};
use crate::frontend::compose::map;
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::constants;
use crate::frontend::onnx::importer::{Importer, Kind, Operand};
use crate::frontend::onnx::node::refuse;
use crate::frontend::operator::OperatorInfo;
use tract_onnx::pb::NodeProto;

pub(super) const OPERATORS: &[Operator] = &[
    Operator {
        info: OperatorInfo {
            name: "Cast",
            since: Some(1),
            only: "",
            accepts: "to float, double, float16, bfloat16, integers of at most 64 bits and bool",
            becomes: "nothing: numbers are real until the model is quantised; a function for real numbers that become whole ones",
        },
        attributes: &["round_mode", "saturate", "to"],
        read: Read::One(cast),
    },
    many(
        "CastLike",
        "as Cast",
        "as Cast",
        &["round_mode", "saturate"],
        cast_like,
    ),
    Operator {
        info: OperatorInfo {
            name: "Dropout",
            since: Some(1),
            only: "",
            accepts: "any shape; it does nothing at inference",
            becomes: "nothing: a view of the same elements",
        },
        attributes: &["consumed_inputs", "is_test", "ratio", "seed"],
        read: Read::One(dropout),
    },
    Operator {
        info: OperatorInfo {
            name: "Flatten",
            since: Some(1),
            only: "",
            accepts: "any axis",
            becomes: "nothing: a view of the same elements",
        },
        attributes: &["axis"],
        read: Read::One(flatten),
    },
    Operator {
        info: OperatorInfo {
            name: "Identity",
            since: Some(1),
            only: "",
            accepts: "any shape",
            becomes: "nothing: a view of the same elements",
        },
        attributes: &[],
        read: Read::One(identity),
    },
    Operator {
        info: OperatorInfo {
            name: "Reshape",
            since: Some(1),
            only: "",
            accepts: "a constant shape, as attribute or input; one length may be -1, and 0 copies",
            becomes: "nothing: a view of the same elements",
        },
        attributes: &["allowzero", "consumed_inputs", "shape"],
        read: Read::One(reshape),
    },
    Operator {
        info: OperatorInfo {
            name: "Squeeze",
            since: Some(1),
            only: "",
            accepts: "axes as attribute, as constant input, or all of length 1",
            becomes: "nothing: a view of the same elements",
        },
        attributes: &["axes"],
        read: Read::One(squeeze),
    },
    Operator {
        info: OperatorInfo {
            name: "Transpose",
            since: Some(1),
            only: "",
            accepts: "any permutation that the reader can follow: before dense layers, at inputs and outputs, or undone before a spatial layer",
            becomes: "nothing: a view of the same elements",
        },
        attributes: &["perm"],
        read: Read::One(transpose),
    },
    Operator {
        info: OperatorInfo {
            name: "Unsqueeze",
            since: Some(1),
            only: "",
            accepts: "axes as attribute or constant input",
            becomes: "nothing: a view of the same elements",
        },
        attributes: &["axes"],
        read: Read::One(unsqueeze),
    },
];

fn identity(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    importer.tensor(node, 0)
}

fn cast(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let to = node.find("to").map_or(0, |to| to.i);
    let name = i32::try_from(to).map_or_else(|_| to.to_string().into(), constants::type_name);
    let kind = i32::try_from(to).ok().and_then(constants::kind);
    let kind = kind.ok_or_else(|| {
        refuse(
            node,
            format!("to {name}; supported: float, double, float16, bfloat16, integers, bool"),
        )
    })?;
    cast_to(importer, node, kind)
}

fn cast_like(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let kind = importer.kind_of_input(node, 1);
    let made = match importer.given(node, 0)? {
        Operand::Tensor(_) => Operand::Tensor(cast_to(importer, node, kind)?),
        Operand::Constant(c) => Operand::Constant(map(c, |v| match kind {
            Kind::Real => v,
            Kind::Whole => v.trunc(),
            Kind::Truth => f64::from(v != 0.0),
        })),
    };
    Ok(vec![made])
}

fn cast_to(importer: &mut Importer, node: &NodeProto, kind: Kind) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    match (kind, importer.kind_of_input(node, 0)) {
        (Kind::Real, _) | (Kind::Whole, Kind::Whole | Kind::Truth) | (Kind::Truth, Kind::Truth) => {
            Ok(input)
        }
        (Kind::Whole, Kind::Real) => importer.truncated(node, input),
        // Everything but 0 is true.
        (Kind::Truth, kind) => {
            let tolerance = if kind == Kind::Whole { 0.5 } else { 0.0 };
            let zero = importer.function(node, input, Function::IsZero { tolerance })?;
            let negative = importer.scaled(node, zero, -1.0)?;
            importer.shifted(node, negative, 1.0)
        }
    }
}

fn dropout(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let training = importer.constant(node, 2)?;
    let training = training.is_some_and(|c| c.data.iter().any(|v| *v != 0.0));
    if training || importer.opset < 7 && node.int("is_test", 0) == 0 {
        return Err(refuse(
            node,
            "the form for training; export the model for inference",
        ));
    }
    identity(importer, node)
}

fn flatten(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let shape = importer.builder.shape(input);
    let axis = node.int("axis", 1);
    let axis = if axis < 0 {
        axis.saturating_add(shape.len() as i64)
    } else {
        axis
    };
    let axis = usize::try_from(axis).unwrap_or(usize::MAX);
    if axis > shape.len() {
        return Err(refuse(node, format!("axis {axis} for shape {shape:?}")));
    }
    let target = vec![
        shape[..axis].iter().product(),
        shape[axis..].iter().product(),
    ];
    importer.add(node, FloatOp::Reshape(target), &[input])
}

fn squeeze(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let shape = importer.builder.shape(input);
    let axes = importer.axes(node, shape.len())?;
    let dropped = |i: usize| axes.as_ref().map_or(shape[i] == 1, |a| a.contains(&i));
    let target = (0..shape.len())
        .filter(|i| !dropped(*i))
        .map(|i| shape[i])
        .collect();
    importer.add(node, FloatOp::Reshape(target), &[input])
}

fn unsqueeze(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let shape = importer.builder.shape(input);
    let count = match node.ints("axes") {
        Some(axes) => axes.len(),
        None => importer.required(node, 1)?.data.len(),
    };
    let rank = shape.len() + count;
    let axes = importer.axes(node, rank)?.unwrap_or_default();
    let mut rest = shape.iter().copied();
    let target = (0..rank)
        .map(|i| {
            if axes.contains(&i) {
                1
            } else {
                rest.next().unwrap_or(1)
            }
        })
        .collect();
    importer.add(node, FloatOp::Reshape(target), &[input])
}

fn reshape(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let target = reshape_target(importer, node, importer.builder.shape(input))?;
    importer.add(node, FloatOp::Reshape(target), &[input])
}

fn reshape_target(importer: &Importer, node: &NodeProto, shape: &[usize]) -> Result<Vec<usize>> {
    let wanted: Vec<i64> = match node.ints("shape") {
        Some(list) => list.to_vec(),
        None => importer
            .required(node, 1)?
            .data
            .iter()
            .map(|v| *v as i64)
            .collect(),
    };
    let copies = node.int("allowzero", 0) == 0;
    let resolved: Vec<Option<usize>> = wanted
        .iter()
        .enumerate()
        .map(|(axis, d)| match d {
            0 if copies => shape.get(axis).copied(),
            d => usize::try_from(*d).ok(),
        })
        .collect();
    let known = resolved
        .iter()
        .flatten()
        .try_fold(1usize, |n, d| n.checked_mul(*d))
        .unwrap_or(0);
    let total: usize = shape.iter().product();
    let free = total.checked_div(known).unwrap_or(0);
    if resolved.iter().filter(|d| d.is_none()).count() > 1 {
        return Err(refuse(node, format!("target {wanted:?} for {shape:?}")));
    }
    Ok(resolved.into_iter().map(|d| d.unwrap_or(free)).collect())
}

fn transpose(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let rank = importer.builder.shape(input).len();
    let perm = match node.ints("perm") {
        Some(list) => list
            .iter()
            .map(|v| usize::try_from(*v).unwrap_or(usize::MAX))
            .collect(),
        None => (0..rank).rev().collect(),
    };
    importer.add(node, FloatOp::Transpose(perm), &[input])
}
