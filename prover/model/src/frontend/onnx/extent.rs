//! How large the constants are that nodes compute from constants: they are bounded before they are computed.

use super::attributes::Attributes;
use super::evaluate::integers;
use super::node::{label, malformed, refuse};
use crate::error::Result;
use std::sync::Arc;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::Tensor;

/// No constant has more elements than this.
pub(super) const MAX_ELEMENTS: i64 = 1 << 26;
/// No constant has more axes than this.
const MAX_RANK: usize = 8;
/// No product of constant matrices takes more multiplications than this.
const MAX_PRODUCTS: i64 = 1 << 34;

/// How the size of what an operator computes follows from what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// At most the elements of all inputs together.
    Sum,
    /// Shapes broadcast to each other.
    Broadcast,
    /// One entry along an axis for each index.
    Gather,
    /// A product of matrices.
    Product,
    /// The first input is the shape.
    Filled,
    /// The first input, broadcast to the shape that is the second.
    Expand,
    /// The first input, repeated along each axis as often as the second says.
    Tile,
    /// From start to limit in steps.
    Range,
    /// A coordinate for each axis.
    Places,
}

/// Every operator that is computed from constants, with its rule. What draws random numbers, runs a loop or slides a window is not here.
const RULES: &[(&str, Rule)] = &[
    ("Abs", Rule::Sum),
    ("Add", Rule::Broadcast),
    ("And", Rule::Broadcast),
    ("ArgMax", Rule::Sum),
    ("ArgMin", Rule::Sum),
    ("Cast", Rule::Sum),
    ("Ceil", Rule::Sum),
    ("Clip", Rule::Sum),
    ("Concat", Rule::Sum),
    ("ConstantOfShape", Rule::Filled),
    ("Cos", Rule::Sum),
    ("Div", Rule::Broadcast),
    ("Dropout", Rule::Sum),
    ("Equal", Rule::Broadcast),
    ("Erf", Rule::Sum),
    ("Exp", Rule::Sum),
    ("Expand", Rule::Expand),
    ("Flatten", Rule::Sum),
    ("Floor", Rule::Sum),
    ("Gather", Rule::Gather),
    ("Gemm", Rule::Product),
    ("Greater", Rule::Broadcast),
    ("GreaterOrEqual", Rule::Broadcast),
    ("Identity", Rule::Sum),
    ("Less", Rule::Broadcast),
    ("LessOrEqual", Rule::Broadcast),
    ("Log", Rule::Sum),
    ("MatMul", Rule::Product),
    ("Max", Rule::Broadcast),
    ("Min", Rule::Broadcast),
    ("Mod", Rule::Broadcast),
    ("Mul", Rule::Broadcast),
    ("Neg", Rule::Sum),
    ("NonZero", Rule::Places),
    ("Not", Rule::Sum),
    ("Or", Rule::Broadcast),
    ("Pow", Rule::Broadcast),
    ("Range", Rule::Range),
    ("Reciprocal", Rule::Sum),
    ("ReduceMax", Rule::Sum),
    ("ReduceMean", Rule::Sum),
    ("ReduceMin", Rule::Sum),
    ("ReduceProd", Rule::Sum),
    ("ReduceSum", Rule::Sum),
    ("Relu", Rule::Sum),
    ("Reshape", Rule::Sum),
    ("Round", Rule::Sum),
    ("Shape", Rule::Places),
    ("Sigmoid", Rule::Sum),
    ("Sign", Rule::Sum),
    ("Sin", Rule::Sum),
    ("Size", Rule::Places),
    ("Slice", Rule::Sum),
    ("Split", Rule::Sum),
    ("Sqrt", Rule::Sum),
    ("Squeeze", Rule::Sum),
    ("Sub", Rule::Broadcast),
    ("Tanh", Rule::Sum),
    ("Tile", Rule::Tile),
    ("Transpose", Rule::Sum),
    ("Unsqueeze", Rule::Sum),
    ("Where", Rule::Broadcast),
    ("Xor", Rule::Broadcast),
];

fn rule(op: &str) -> Option<Rule> {
    let found = RULES.iter().find(|(name, _)| *name == op);
    found.map(|(_, rule)| *rule)
}

/// Whether an operator is computed where all that it reads is constant.
pub(super) fn is_computed(op: &str) -> bool {
    rule(op).is_some()
}

/// Every operator that is computed.
#[cfg(test)]
pub(super) fn computed() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|(name, _)| *name)
}

/// An upper bound of the number of elements that a node computes from constants.
///
/// # Errors
/// The node cannot be computed, or what it computes would be too large.
pub(super) fn bound(node: &NodeProto, inputs: &[Option<Arc<Tensor>>]) -> Result<i64> {
    let rule = rule(&node.op_type).ok_or_else(|| {
        refuse(
            node,
            "it reads constants only; fold it into a constant when you export the model",
        )
    })?;
    let given: Vec<&Tensor> = inputs.iter().flatten().map(AsRef::as_ref).collect();
    if given.iter().any(|t| t.rank() > MAX_RANK) {
        return Err(refuse(
            node,
            format!("a constant of more than {MAX_RANK} axes"),
        ));
    }
    let Some(first) = given.first() else {
        return Err(refuse(node, "it reads nothing"));
    };
    let total = given
        .iter()
        .fold(1, |sum: i64, t| sum.saturating_add(len(t)));
    let elements = match rule {
        Rule::Sum => total,
        Rule::Broadcast => product(&broadcast(&given)),
        Rule::Gather => {
            let indices = given.get(1).map_or(1, |t| len(t));
            rows(first, node.int("axis", 0)).saturating_mul(indices)
        }
        Rule::Product => matrices(node, &given)?,
        Rule::Filled => product(&list(node, first)?),
        Rule::Expand => {
            let target = list(node, second(node, &given)?)?;
            let shape: Vec<i64> = first.shape().iter().map(|d| *d as i64).collect();
            let rank = shape.len().max(target.len());
            let lengths = (0..rank).map(|i| at(&shape, i, rank).max(at(&target, i, rank)));
            product(&lengths.collect::<Vec<_>>())
        }
        Rule::Tile => {
            let repeats = list(node, second(node, &given)?)?;
            len(first).saturating_mul(product(&repeats))
        }
        Rule::Range => {
            let number = |t: &&Tensor| Tensor::cast_to_scalar::<f64>(t).unwrap_or(f64::NAN);
            let numbers: Vec<f64> = given.iter().map(number).collect();
            let steps = match numbers.as_slice() {
                [start, limit, step] => ((limit - start) / step).ceil().max(0.0),
                _ => f64::NAN,
            };
            if !steps.is_finite() {
                return Err(refuse(node, "start, limit and step give no finite range"));
            }
            steps as i64
        }
        Rule::Places => (first.rank().max(1) as i64)
            .saturating_mul(len(first))
            .max(MAX_RANK as i64),
    };
    if elements > MAX_ELEMENTS {
        return Err(malformed(format!(
            "node {} computes a constant of {elements} elements from constants, at most {MAX_ELEMENTS} are supported",
            label(node)
        )));
    }
    Ok(elements)
}

fn len(tensor: &Tensor) -> i64 {
    i64::try_from(tensor.len()).unwrap_or(i64::MAX)
}

fn product(lengths: &[i64]) -> i64 {
    lengths.iter().fold(1, |n: i64, d| n.saturating_mul(*d))
}

/// Entry `i` of a shape that is aligned with one of `rank` axes, from the last one on.
fn at(shape: &[i64], i: usize, rank: usize) -> i64 {
    (i + shape.len()).checked_sub(rank).map_or(1, |i| shape[i])
}

fn broadcast(inputs: &[&Tensor]) -> Vec<i64> {
    let shapes = inputs
        .iter()
        .map(|t| t.shape().iter().map(|d| *d as i64).collect());
    let shapes: Vec<Vec<i64>> = shapes.collect();
    let rank = shapes.iter().map(Vec::len).max().unwrap_or(0);
    let longest = |i| shapes.iter().map(|s| at(s, i, rank)).max().unwrap_or(1);
    (0..rank).map(longest).collect()
}

/// One entry along an axis.
fn rows(data: &Tensor, axis: i64) -> i64 {
    let rank = data.rank() as i64;
    let axis = if axis < 0 {
        axis.saturating_add(rank)
    } else {
        axis
    };
    let length = usize::try_from(axis).ok().and_then(|i| data.shape().get(i));
    len(data) / length.map_or(1, |l| *l as i64).max(1)
}

/// An upper bound for a matrix product, whichever factors are transposed.
fn matrices(node: &NodeProto, factors: &[&Tensor]) -> Result<i64> {
    let (a, b) = (factors[0], second(node, factors)?);
    let shortest = |t: &Tensor| {
        let last = t.rank().saturating_sub(2);
        t.shape()[last..].iter().copied().min().unwrap_or(1).max(1) as i64
    };
    let inner = shortest(a).min(shortest(b));
    let elements = (len(a) / inner).saturating_mul(len(b) / inner);
    if elements.saturating_mul(inner) > MAX_PRODUCTS {
        return Err(malformed(format!(
            "node {} multiplies constants of shapes {:?} and {:?}; fold it into a constant when you export the model",
            label(node),
            a.shape(),
            b.shape()
        )));
    }
    Ok(elements.saturating_add(1))
}

fn second<'t>(node: &NodeProto, inputs: &[&'t Tensor]) -> Result<&'t Tensor> {
    let second = inputs.get(1).copied();
    second.ok_or_else(|| refuse(node, "input 1 is missing"))
}

/// Lengths that a constant holds.
fn list(node: &NodeProto, tensor: &Tensor) -> Result<Vec<i64>> {
    integers(tensor)
        .filter(|list| list.len() <= MAX_RANK && list.iter().all(|n| *n >= 0))
        .ok_or_else(|| {
            refuse(
                node,
                format!("lengths that are negative, or more than {MAX_RANK} of them"),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::AttributeProto;

    fn zeros(shape: &[usize]) -> Option<Arc<Tensor>> {
        Some(Arc::new(Tensor::zero::<f32>(shape).unwrap()))
    }

    fn lengths(values: &[i64]) -> Option<Arc<Tensor>> {
        Some(Arc::new(
            Tensor::from_shape(&[values.len()], values).unwrap(),
        ))
    }

    fn node(op: &str) -> NodeProto {
        NodeProto {
            name: format!("the {op}"),
            op_type: op.to_owned(),
            output: vec!["y".to_owned()],
            ..NodeProto::default()
        }
    }

    #[test]
    fn constants_that_nodes_blow_up_are_refused_by_node() {
        let (tall, wide) = (zeros(&[1 << 15, 1]), zeros(&[1, 1 << 15]));
        let indices = zeros(&[1 << 15]);
        let mut gather = node("Gather");
        gather.attribute.push(AttributeProto {
            name: "axis".to_owned(),
            ..AttributeProto::default()
        });
        let numbers = |v: f32| Some(Arc::new(Tensor::from(v)));
        for (bad, inputs) in [
            (node("Add"), vec![tall.clone(), wide.clone()]),
            (
                node("Where"),
                vec![wide.clone(), tall.clone(), wide.clone()],
            ),
            (node("MatMul"), vec![tall.clone(), wide.clone()]),
            (gather, vec![wide.clone(), indices]),
            (node("ConstantOfShape"), vec![lengths(&[1 << 20, 1 << 20])]),
            (node("ConstantOfShape"), vec![lengths(&[-1, -1])]),
            (node("Expand"), vec![tall.clone(), lengths(&[1, 1 << 40])]),
            (node("Tile"), vec![tall.clone(), lengths(&[1 << 40, 1])]),
            (
                node("Range"),
                vec![numbers(0.0), numbers(1e9), numbers(1e-3)],
            ),
            (
                node("Range"),
                vec![numbers(0.0), numbers(1.0), numbers(0.0)],
            ),
            (node("Conv"), vec![tall, wide]),
        ] {
            let name = bad.name.clone();
            let refused = bound(&bad, &inputs).unwrap_err();
            assert!(refused.to_string().contains(&name), "{refused}");
        }
    }

    #[test]
    fn constants_that_keep_their_size_are_taken() {
        let weights = zeros(&[1024, 1024]);
        for (op, inputs) in [
            ("Transpose", vec![weights.clone()]),
            ("Mul", vec![weights.clone(), zeros(&[])]),
            ("Add", vec![weights.clone(), zeros(&[1024])]),
            ("MatMul", vec![weights.clone(), weights]),
            ("Expand", vec![zeros(&[1]), lengths(&[3, 4])]),
        ] {
            bound(&node(op), &inputs).unwrap();
        }
    }
}
