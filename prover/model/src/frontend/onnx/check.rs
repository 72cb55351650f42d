//! Checks on the raw file, before any of tract's code sees it.

use super::node::{label, malformed, refuse};
use super::{operators, unique};
use crate::error::{ModelError, Result};
use std::collections::{BTreeMap, BTreeSet};
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, type_proto};

/// No constant has more elements than this.
const MAX_ELEMENTS: i64 = 1 << 26;
/// The newest operator set whose forms of the operators were looked at (ONNX 1.23).
const NEWEST_OPSET: i64 = 28;
/// Element types of constants: float, int32, int64, double, and their bytes.
const TYPES: [(i32, usize); 4] = [(1, 4), (6, 4), (7, 8), (11, 8)];
const FLOAT: i32 = 1;

/// Refuses names that stand for two things, unknown operators and attributes, and constants whose declared size is wrong or too large, fixes the batch axis to 1, and returns the operator set version.
pub(super) fn check(proto: &mut ModelProto) -> Result<i64> {
    unique::check(proto)?;
    let opset = proto
        .opset_import
        .iter()
        .find(|o| is_standard(&o.domain))
        .map_or(1, |o| o.version);
    if opset > NEWEST_OPSET {
        return Err(malformed(format!(
            "opset {opset}; supported: up to {NEWEST_OPSET}; export the model with an older opset"
        )));
    }
    let graph = proto
        .graph
        .as_mut()
        .ok_or_else(|| malformed("the file holds no graph"))?;
    for node in &graph.node {
        let standard = is_standard(&node.domain);
        let known = operators::attributes(&node.op_type).filter(|_| standard);
        let Some(attributes) = known else {
            return Err(ModelError::UnsupportedOperator {
                node: label(node).to_owned(),
                op: if standard {
                    node.op_type.clone()
                } else {
                    format!("{}.{}", node.domain, node.op_type)
                },
                supported: operators::supported(),
            });
        };
        let unknown = node
            .attribute
            .iter()
            .find(|a| !attributes.contains(&a.name.as_str()));
        if let Some(unknown) = unknown {
            return Err(refuse(
                node,
                format!(
                    "attribute {}, which the operator does not have; supported: {}",
                    unknown.name,
                    list(attributes)
                ),
            ));
        }
        check_permutation(node)?;
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
    bound_folded(graph)?;
    Ok(opset)
}

/// ONNX's own operators, under either name.
pub(super) fn is_standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

/// Refuses a transposition by what is no permutation: tract would look for its cycles for ever.
fn check_permutation(node: &NodeProto) -> Result<()> {
    let perm = node.attribute.iter().find(|a| a.name == "perm");
    let Some(perm) = perm.map(|a| a.ints.as_slice()) else {
        return Ok(());
    };
    let mut sorted = perm.to_vec();
    sorted.sort_unstable();
    if sorted.iter().copied().eq(0..perm.len() as i64) {
        return Ok(());
    }
    Err(refuse(
        node,
        format!("perm {perm:?} is not a permutation of {} axes", perm.len()),
    ))
}

fn list(names: &[&str]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// What is known of the shape of a constant that nodes compute from constants.
#[derive(Clone)]
struct Extent {
    elements: i64,
    dims: Option<Vec<i64>>,
}

impl Extent {
    fn of(dims: &[i64]) -> Self {
        Self {
            elements: dims.iter().fold(1, |n, d| n.saturating_mul(*d)),
            dims: Some(dims.to_vec()),
        }
    }

    fn unknown(elements: i64) -> Self {
        Self {
            elements,
            dims: None,
        }
    }

    /// Of an elementwise operation: dimensions are aligned from the last one, and those of length 1 are repeated.
    fn broadcast(&self, other: &Self) -> Self {
        let (Some(a), Some(b)) = (&self.dims, &other.dims) else {
            return self.times(other);
        };
        let rank = a.len().max(b.len());
        let at = |dims: &[i64], i: usize| (i + dims.len()).checked_sub(rank).map_or(1, |i| dims[i]);
        let dims: Vec<i64> = (0..rank).map(|i| at(a, i).max(at(b, i))).collect();
        Self::of(&dims)
    }

    fn times(&self, other: &Self) -> Self {
        Self::unknown(self.elements.saturating_mul(other.elements))
    }

    /// One entry along an axis.
    fn rows(&self, axis: i64) -> Self {
        let dims = self.dims.as_deref().unwrap_or_default();
        let rank = dims.len() as i64;
        let axis = if axis < 0 { axis + rank } else { axis };
        let length = usize::try_from(axis).ok().and_then(|i| dims.get(i));
        Self::unknown(self.elements / length.copied().unwrap_or(1).max(1))
    }

    /// An upper bound for a matrix product, whichever factors are transposed.
    fn product(&self, other: &Self) -> Self {
        let shortest = |e: &Self| {
            let dims = e.dims.as_deref().unwrap_or_default();
            let last = dims.len().saturating_sub(2);
            dims[last..].iter().copied().min().unwrap_or(1).max(1)
        };
        let inner = shortest(self).min(shortest(other));
        Self::unknown((self.elements / inner).saturating_mul(other.elements / inner))
    }
}

fn axis(node: &NodeProto) -> i64 {
    let named = node.attribute.iter().find(|a| a.name == "axis");
    named.map_or(0, |a| a.i)
}

/// Refuses constants that nodes blow up: they would be computed, whatever their size, before anything else is looked at.
fn bound_folded(graph: &GraphProto) -> Result<()> {
    let tensors = graph.initializer.iter();
    let mut constants: BTreeMap<&str, Extent> = tensors
        .map(|t| (t.name.as_str(), Extent::of(&t.dims)))
        .collect();
    for node in sorted(graph)? {
        let given = node.input.iter().filter(|name| !name.is_empty());
        let inputs: Option<Vec<Extent>> = given
            .map(|name| constants.get(name.as_str()).cloned())
            .collect();
        let Some(inputs) = inputs else { continue };
        let value = node.attribute.iter().find_map(|a| a.t.as_ref());
        let extent = match (node.op_type.as_str(), inputs.as_slice()) {
            ("Constant", _) => value.map_or_else(|| Extent::unknown(1), |t| Extent::of(&t.dims)),
            ("Add" | "Sub" | "Mul" | "Div", [a, b]) => a.broadcast(b),
            ("MatMul" | "Gemm", [a, b, ..]) => a.product(b),
            ("Gather", [data, indices]) => data.rows(axis(node)).times(indices),
            ("Conv" | "AveragePool" | "MaxPool", _) => {
                return Err(malformed(format!(
                    "node {} slides a window over a constant; fold it into a constant when you export the model",
                    label(node)
                )));
            }
            (_, inputs) => Extent::unknown(
                inputs
                    .iter()
                    .fold(0, |sum, extent| extent.elements.saturating_add(sum)),
            ),
        };
        if extent.elements > MAX_ELEMENTS {
            return Err(malformed(format!(
                "node {} computes a constant of {} elements from constants, at most {MAX_ELEMENTS} are supported",
                label(node),
                extent.elements
            )));
        }
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            constants.insert(output, extent.clone());
        }
    }
    Ok(())
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

/// Refuses an output whose declared shape is another than the computed one. The first axis may be the exporter's batch, and axes of length 1
/// may be left out, as writers do who take them for nothing.
pub(super) fn output_shape(output: &ValueInfoProto, computed: &[usize]) -> Result<()> {
    let Some(shape) = tensor_type(output).and_then(|t| t.shape.as_ref()) else {
        return Ok(());
    };
    let declared: Vec<Option<usize>> = shape.dim.iter().map(fixed).collect();
    let differs = |(declared, computed): (&Option<usize>, &usize)| {
        declared.is_some_and(|length| length != *computed)
    };
    let longer = |lengths: &[Option<usize>]| -> Vec<Option<usize>> {
        let lengths = lengths.iter().skip(1);
        lengths.filter(|l| **l != Some(1)).copied().collect()
    };
    let lengths: Vec<Option<usize>> = computed.iter().copied().map(Some).collect();
    if longer(&declared) == longer(&lengths) {
        return Ok(());
    }
    if declared.len() != computed.len() || declared.iter().zip(computed).skip(1).any(differs) {
        return Err(malformed(format!(
            "output {} is declared with shape {}, the network computes {computed:?}",
            output.name,
            shown(&declared)
        )));
    }
    Ok(())
}

fn shown(shape: &[Option<usize>]) -> String {
    let lengths = shape.iter();
    let lengths = lengths.map(|l| l.map_or_else(|| "?".to_owned(), |l| l.to_string()));
    format!("[{}]", lengths.collect::<Vec<_>>().join(", "))
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

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::AttributeProto;

    fn output(dims: &[i64]) -> ValueInfoProto {
        let dim = |length: &i64| Dimension {
            value: Some(dimension::Value::DimValue(*length)),
            ..Dimension::default()
        };
        let shape = tract_onnx::pb::TensorShapeProto {
            dim: dims.iter().map(dim).collect(),
        };
        let tensor = type_proto::Tensor {
            elem_type: FLOAT,
            shape: Some(shape),
        };
        ValueInfoProto {
            name: "y".to_owned(),
            r#type: Some(tract_onnx::pb::TypeProto {
                value: Some(type_proto::Value::TensorType(tensor)),
                ..Default::default()
            }),
            ..ValueInfoProto::default()
        }
    }

    #[test]
    fn output_may_be_declared_without_its_axes_of_length_1() {
        for declared in [&[1, 10][..], &[1, 10, 1, 1], &[7, 10, 1], &[1, 1, 10]] {
            assert!(output_shape(&output(declared), &[1, 10, 1, 1]).is_ok());
        }
        for declared in [&[1, 5][..], &[1, 5, 2, 1], &[10], &[1, 10, 10]] {
            let refused = output_shape(&output(declared), &[1, 10, 1, 1]).unwrap_err();
            assert!(refused.to_string().contains("declared with shape"));
        }
    }

    fn constant(name: &str, dims: &[i64]) -> TensorProto {
        TensorProto {
            name: name.to_owned(),
            dims: dims.to_vec(),
            ..TensorProto::default()
        }
    }

    fn node(op: &str, inputs: &[&str], output: &str) -> NodeProto {
        NodeProto {
            name: format!("{op} {output}"),
            op_type: op.to_owned(),
            input: inputs.iter().map(|i| (*i).to_owned()).collect(),
            output: vec![output.to_owned()],
            ..NodeProto::default()
        }
    }

    fn bound(constants: Vec<TensorProto>, nodes: Vec<NodeProto>) -> Result<()> {
        bound_folded(&GraphProto {
            initializer: constants,
            node: nodes,
            ..GraphProto::default()
        })
    }

    #[test]
    fn constants_that_nodes_blow_up_are_refused_by_node() {
        let tall = || constant("tall", &[1 << 15, 1]);
        let wide = || constant("wide", &[1, 1 << 15]);
        let indices = || constant("indices", &[1 << 15]);
        let mut gather = node("Gather", &["wide", "indices"], "y");
        gather.attribute.push(AttributeProto {
            name: "axis".to_owned(),
            ..AttributeProto::default()
        });
        let window = node("Conv", &["tall", "wide"], "y");
        for bad in [
            node("Add", &["tall", "wide"], "y"),
            node("Div", &["wide", "tall"], "y"),
            node("MatMul", &["tall", "wide"], "y"),
            gather,
            window,
        ] {
            let name = bad.name.clone();
            let refused = bound(vec![tall(), wide(), indices()], vec![bad]).unwrap_err();
            assert!(refused.to_string().contains(&name), "{refused}");
        }
        // In steps, each of which is small.
        let chain = vec![
            node("Reshape", &["tall", "indices"], "a"),
            node("Identity", &["wide"], "b"),
            node("Mul", &["a", "b"], "c"),
        ];
        assert!(bound(vec![tall(), wide(), indices()], chain).is_err());
    }

    #[test]
    fn constants_that_keep_their_size_are_taken() {
        let constants = vec![
            constant("weights", &[4096, 4096]),
            constant("bias", &[4096]),
            constant("scale", &[]),
        ];
        let nodes = vec![
            node("Transpose", &["weights"], "turned"),
            node("Mul", &["weights", "scale"], "scaled"),
            node("Add", &["scaled", "bias"], "sum"),
            node("MatMul", &["weights", "weights"], "square"),
            node("Relu", &["x"], "y"),
        ];
        let mut graph = GraphProto {
            initializer: constants,
            node: nodes,
            ..GraphProto::default()
        };
        graph.input.push(ValueInfoProto {
            name: "x".to_owned(),
            ..ValueInfoProto::default()
        });
        bound_folded(&graph).unwrap();
    }
}
