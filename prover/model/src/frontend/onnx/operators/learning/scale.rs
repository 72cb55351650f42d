//! What stands before a model: scalers, thresholds, choices of features.

use super::floats;
use crate::error::Result;
use crate::float::{Constant, FloatId, FloatOp, Function};
use crate::frontend::compose::{ZERO, all};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::{
    Importer,
    Operand::{self, Tensor as T},
};
use crate::frontend::onnx::node::refuse;
use tract_onnx::pb::NodeProto;

pub(super) fn scaler(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let features = importer.builder.shape(input).last().copied().unwrap_or(1);
    let per_feature = |name: &str, default: f64| {
        let mut data = floats(node, name);
        if data.is_empty() {
            data.push(default);
        }
        if data.len() != 1 && data.len() != features {
            return Err(refuse(
                node,
                format!("{} of {name} for {features} features", data.len()),
            ));
        }
        Ok(Constant {
            shape: vec![data.len()],
            data,
        })
    };
    let mut offset = per_feature("offset", 0.0)?;
    let scale = per_feature("scale", 1.0)?;
    offset.data.iter_mut().for_each(|v| *v = -*v);
    let shifted = importer.op(node, FloatOp::AddConstant(offset), &[input])?;
    importer.add(node, FloatOp::MulConstant(scale), &[shifted])
}

pub(super) fn binarizer(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let threshold = node.float("threshold", 0.0);
    if !threshold.is_finite() {
        return Err(refuse(node, "a threshold that is not a finite number"));
    }
    let input = importer.tensor(node, 0)?;
    let difference = importer.shifted(node, input, -threshold)?;
    importer.function(node, difference, Function::Positive)
}

pub(super) fn imputer(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    // Not a number, which no input is.
    if node
        .find("replaced_value_float")
        .is_some_and(|a| !a.f.is_nan())
        || node.int("replaced_value_int64", 0) != 0
    {
        return Err(refuse(
            node,
            "a number that stands for missing ones; supported: NaN; replace it before the model",
        ));
    }
    importer.tensor(node, 0)
}

/// Columns of a tensor, by constant places.
pub(super) fn extract(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let shape = importer.builder.shape(input).to_vec();
    let places = importer.integers(node, 1)?.unwrap_or_default();
    let last = shape.last().copied().unwrap_or(0);
    let place = |p: &i64| usize::try_from(*p).ok().filter(|p| *p < last).map(Some);
    let columns = places.iter().map(place).collect::<Option<Vec<_>>>();
    let columns = columns.filter(|c| !c.is_empty()).ok_or_else(|| {
        refuse(
            node,
            format!("places {places:?} of {last}; supported: constant ones"),
        )
    })?;
    let mut axes: Vec<_> = shape.iter().map(|d| all(*d)).collect();
    if let Some(axis) = axes.last_mut() {
        *axis = columns;
    }
    let picked = importer.pick(node, &T(input), &axes, ZERO)?;
    importer.only_tensor(node, picked)
}

/// Features side by side.
pub(super) fn join(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    let operands = importer.all_operands(node)?;
    let declared = node.ints("inputdimensions").unwrap_or_default();
    for (operand, length) in operands.iter().zip(declared) {
        let shape = importer.shape_of(operand);
        if shape.last().map(|d| *d as i64) != Some(*length) {
            return Err(refuse(
                node,
                format!("{length} features of shape {shape:?}"),
            ));
        }
    }
    let rank = operands.first().map_or(0, |o| importer.shape_of(o).len());
    let axis = rank.saturating_sub(1);
    Ok(vec![importer.concatenated(node, &operands, axis)?])
}

/// Each row divided by its size.
pub(super) fn normalizer(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    let input = importer.tensor(node, 0)?;
    let norm = node.text("norm").unwrap_or_else(|| "MAX".to_owned());
    if norm == "L1" && importer.shares.contains(&input) {
        return Ok(input);
    }
    let shape = importer.builder.shape(input).to_vec();
    let axis = shape.len().saturating_sub(1);
    let inverse = match norm.as_str() {
        "L1" => {
            let size = importer.function(node, input, Function::Abs)?;
            let sum = importer.sum(node, size, &[axis], 1.0, true)?;
            importer.reciprocal(node, sum)?
        }
        "L2" => {
            let square = importer.op(node, FloatOp::Mul, &[input, input])?;
            let sum = importer.sum(node, square, &[axis], 1.0, true)?;
            importer.power(node, sum, -0.5)?
        }
        "MAX" => {
            let maximum = importer.maximum(node, input, &[axis], true)?;
            importer.reciprocal(node, maximum)?
        }
        other => {
            return Err(refuse(
                node,
                format!("norm {other}; supported: MAX, L1, L2"),
            ));
        }
    };
    let factor = importer.expand(node, inverse, &shape)?;
    importer.op(node, FloatOp::Mul, &[input, factor])
}
