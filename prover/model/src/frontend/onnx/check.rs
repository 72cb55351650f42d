//! Checks on the raw file, before any of tract's code sees it.

use super::node::{label, malformed};
use super::operators;
use crate::error::{ModelError, Result};
use std::collections::BTreeSet;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, type_proto};

/// No constant has more elements than this.
const MAX_ELEMENTS: i64 = 1 << 26;
/// Element types of constants: float, int32, int64, double, and their bytes.
const TYPES: [(i32, usize); 4] = [(1, 4), (6, 4), (7, 8), (11, 8)];
const FLOAT: i32 = 1;

/// Refuses unknown operators and constants whose declared size is wrong or too large, fixes the batch axis to 1, and returns the operator set version.
pub(super) fn check(proto: &mut ModelProto) -> Result<i64> {
    let opset = proto
        .opset_import
        .iter()
        .find(|o| o.domain.is_empty() || o.domain == "ai.onnx")
        .map_or(1, |o| o.version);
    let graph = proto
        .graph
        .as_mut()
        .ok_or_else(|| malformed("the file holds no graph"))?;
    for node in &graph.node {
        let standard = node.domain.is_empty() || node.domain == "ai.onnx";
        let known = operators::is_known(&node.op_type);
        if !(standard && known) {
            return Err(ModelError::UnsupportedOperator {
                node: label(node).to_owned(),
                op: if standard {
                    node.op_type.clone()
                } else {
                    format!("{}.{}", node.domain, node.op_type)
                },
                supported: operators::supported(),
            });
        }
        for tensor in node.attribute.iter().filter_map(|a| a.t.as_ref()) {
            check_constant(tensor, label(node))?;
        }
    }
    for tensor in &graph.initializer {
        check_constant(tensor, &tensor.name)?;
    }
    if !graph.sparse_initializer.is_empty() {
        return Err(malformed("sparse weights are not supported"));
    }
    let weights: BTreeSet<String> = graph.initializer.iter().map(|t| t.name.clone()).collect();
    for input in graph
        .input
        .iter_mut()
        .filter(|i| !weights.contains(&i.name))
    {
        fix_batch(input)?;
    }
    // Shapes written by an exporter may carry its batch size; shape inference computes them again.
    graph.value_info.clear();
    Ok(opset)
}

fn check_constant(tensor: &TensorProto, name: &str) -> Result<()> {
    if tensor.data_location == Some(1) || !tensor.external_data.is_empty() {
        return Err(malformed(format!(
            "the values of {name} are in another file; save the model as one file (onnx.save with save_as_external_data=False)"
        )));
    }
    let Some((_, width)) = TYPES.iter().find(|(t, _)| *t == tensor.data_type) else {
        return Err(malformed(format!(
            "constant {name} has element type {}; supported: float, double, int32, int64",
            tensor.data_type
        )));
    };
    let count = tensor
        .dims
        .iter()
        .try_fold(1i64, |n, d| {
            n.checked_mul(*d).filter(|n| (0..=MAX_ELEMENTS).contains(n))
        })
        .ok_or_else(|| {
            malformed(format!(
                "constant {name} has dims {:?}: a negative length, or too many elements",
                tensor.dims
            ))
        })?;
    let typed = [
        tensor.float_data.len(),
        tensor.int32_data.len(),
        tensor.int64_data.len(),
        tensor.double_data.len(),
    ];
    let got = match tensor.raw_data.len() {
        0 => typed.iter().sum(),
        bytes if bytes % width == 0 => bytes / width,
        _ => usize::MAX,
    };
    if got != count as usize {
        return Err(malformed(format!(
            "constant {name} has dims {:?} and data of another length",
            tensor.dims
        )));
    }
    Ok(())
}

/// Graph inputs that are not weights.
pub(super) fn model_inputs(graph: &GraphProto) -> impl Iterator<Item = &ValueInfoProto> {
    let weight = |name: &str| graph.initializer.iter().any(|t| t.name == name);
    graph.input.iter().filter(move |i| !weight(&i.name))
}

fn tensor_type(input: &ValueInfoProto) -> Option<&type_proto::Tensor> {
    let type_proto::Value::TensorType(tensor) = input.r#type.as_ref()?.value.as_ref()?;
    Some(tensor)
}

/// A first axis without a fixed length is the batch: it becomes 1.
fn fix_batch(input: &mut ValueInfoProto) -> Result<()> {
    let name = input.name.clone();
    let value = input.r#type.as_mut().and_then(|t| t.value.as_mut());
    let Some(type_proto::Value::TensorType(tensor)) = value else {
        return Err(malformed(format!("input {name} is not a tensor")));
    };
    if tensor.elem_type != FLOAT {
        return Err(malformed(format!(
            "input {name} has element type {}; supported: float",
            tensor.elem_type
        )));
    }
    let dims = tensor.shape.as_mut().map(|s| &mut s.dim);
    let Some(first) = dims.and_then(|d| d.first_mut()) else {
        return Err(malformed(format!(
            "input {name} has no shape; export the model with fixed shapes"
        )));
    };
    if fixed(first).is_none() {
        first.value = Some(dimension::Value::DimValue(1));
    }
    Ok(())
}

fn fixed(dimension: &Dimension) -> Option<usize> {
    match dimension.value {
        Some(dimension::Value::DimValue(n)) if n > 0 => usize::try_from(n).ok(),
        _ => None,
    }
}

/// The fixed shape of a model input.
pub(super) fn input_shape(input: &ValueInfoProto) -> Result<Vec<usize>> {
    let dims = tensor_type(input)
        .and_then(|t| t.shape.as_ref())
        .map(|s| s.dim.as_slice());
    dims.unwrap_or_default()
        .iter()
        .enumerate()
        .map(|(axis, d)| {
            fixed(d).ok_or_else(|| {
                malformed(format!(
                    "input {}: axis {axis} has no fixed length; export the model with fixed shapes",
                    input.name
                ))
            })
        })
        .collect()
}

/// The nodes in an order in which every value is made before it is read (files may have another).
pub(super) fn sorted(graph: &GraphProto) -> Result<Vec<&NodeProto>> {
    let mut known: BTreeSet<&str> = graph.input.iter().map(|i| i.name.as_str()).collect();
    known.extend(graph.initializer.iter().map(|t| t.name.as_str()));
    known.insert("");
    let mut rest: Vec<&NodeProto> = graph.node.iter().collect();
    let mut sorted = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let before = rest.len();
        rest.retain(|node| {
            let ready = node.input.iter().all(|i| known.contains(i.as_str()));
            if ready {
                known.extend(node.output.iter().map(String::as_str));
                sorted.push(*node);
            }
            !ready
        });
        if rest.len() == before {
            let names: Vec<&str> = rest.iter().map(|n| label(n)).take(3).collect();
            return Err(malformed(format!(
                "nodes {} read values that nothing computes, or form a cycle",
                names.join(", ")
            )));
        }
    }
    Ok(sorted)
}
