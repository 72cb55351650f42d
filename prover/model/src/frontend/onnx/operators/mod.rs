//! The table of ONNX operators: one entry each, beside the function that reads it, in files by family.

mod arithmetic;
mod attention;
mod cells;
mod compare;
mod convolution;
mod einsum;
mod entry;
mod folded;
mod functions;
mod gather;
mod grid;
mod interpolation;
mod learning;
mod linear;
mod movement;
mod normalise;
mod pad;
mod pooling;
mod quantised;
mod recurrent;
mod reduce;
mod remedies;
mod resize;
mod rotary;
mod scatter;
mod shape;
mod top;
mod window;

pub(super) use arithmetic::align;
pub(super) use learning::{is_classifier, scores};

use super::attributes::Attributes;
use super::constants;
use super::importer::{Importer, Kind, Operand};
use super::node::{is_standard, label, refuse};
use crate::error::{ModelError, Result};
use crate::frontend::operator::{OperatorInfo, list};
use entry::{Operator, Read};
use remedies::MICROSOFT;
use tract_onnx::pb::{AttributeProto, NodeProto};

/// All operators, by family.
const FAMILIES: [&[Operator]; 23] = [
    arithmetic::OPERATORS,
    attention::OPERATORS,
    compare::OPERATORS,
    convolution::OPERATORS,
    einsum::OPERATORS,
    folded::OPERATORS,
    functions::OPERATORS,
    gather::OPERATORS,
    grid::OPERATORS,
    learning::OPERATORS,
    linear::OPERATORS,
    movement::OPERATORS,
    normalise::OPERATORS,
    pad::OPERATORS,
    pooling::OPERATORS,
    quantised::OPERATORS,
    recurrent::OPERATORS,
    reduce::OPERATORS,
    resize::OPERATORS,
    rotary::OPERATORS,
    scatter::OPERATORS,
    shape::OPERATORS,
    top::OPERATORS,
];

/// The operators that this front end reads, by name.
pub fn onnx_operators() -> impl Iterator<Item = OperatorInfo> {
    let mut infos: Vec<OperatorInfo> = FAMILIES.iter().copied().flatten().map(|o| o.info).collect();
    infos.sort_unstable_by_key(|info| info.name);
    infos.into_iter()
}

/// Operators of ONNX Runtime that are those of ONNX under another domain.
fn is_alias(node: &NodeProto) -> bool {
    let alike = ["DequantizeLinear", "Gelu", "QuantizeLinear"];
    node.domain == MICROSOFT && alike.contains(&node.op_type.as_str())
}

/// The operator of this name.
fn find(name: &str) -> Option<&'static Operator> {
    FAMILIES
        .iter()
        .copied()
        .flatten()
        .find(|o| o.info.name == name)
}

/// The list of operators for messages.
pub(super) fn supported() -> String {
    let read = onnx_operators().filter(|o| o.only != folded::ONLY);
    format!("{}, and others of constants", list(read))
}

/// The operator with its domain, where that is not ONNX's own.
pub(super) fn title(node: &NodeProto) -> String {
    if is_standard(&node.domain) {
        node.op_type.clone()
    } else {
        format!("{}.{}", node.domain, node.op_type)
    }
}

fn of(node: &NodeProto) -> Option<&'static Operator> {
    find(&node.op_type).filter(|operator| match operator.info.only {
        learning::DOMAIN => node.domain == learning::DOMAIN,
        MICROSOFT => node.domain == MICROSOFT,
        _ => is_standard(&node.domain) || is_alias(node),
    })
}

/// The error for an operator that is not supported.
pub(super) fn unsupported(node: &NodeProto, remedy: &str) -> ModelError {
    ModelError::UnsupportedOperator {
        node: label(node).to_owned(),
        op: title(node),
        remedy: remedy.to_owned(),
        supported: supported(),
    }
}

/// Refuses operators and attributes that are not known, and attributes that no code may see. `of_constants` says that the node reads
/// constants only.
pub(super) fn check(node: &NodeProto, opset: i64, of_constants: bool) -> Result<()> {
    let Some(operator) = of(node) else {
        return Err(unsupported(node, remedies::of(node)));
    };
    let known = |a: &&AttributeProto| operator.attributes.contains(&a.name.as_str());
    if let Some(unknown) = node.attribute.iter().find(|a| !known(a)) {
        let all = operator.attributes;
        return Err(refuse(
            node,
            format!(
                "attribute {}, which the operator does not have; supported: {}",
                unknown.name,
                if all.is_empty() {
                    "none".to_owned()
                } else {
                    all.join(", ")
                }
            ),
        ));
    }
    check_permutation(node)?;
    for tensor in node.attribute.iter().filter_map(|a| a.t.as_ref()) {
        constants::check(tensor, label(node))?;
    }
    match operator.info.since {
        Some(since) if opset < since && !of_constants => Err(refuse(
            node,
            format!(
                "its form in opset {opset}; supported: opset {since} and later; export the model with a newer opset",
            ),
        )),
        _ => Ok(()),
    }
}

/// Refuses a transposition by what is no permutation: tract would look for its cycles for ever.
fn check_permutation(node: &NodeProto) -> Result<()> {
    let Some(perm) = node.ints("perm") else {
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

/// Maps a node whose output is not constant, and that [`check`] accepts: what its first outputs are.
pub(super) fn read(importer: &mut Importer, node: &NodeProto) -> Result<Vec<Operand>> {
    match of(node).map(|operator| operator.read) {
        Some(Read::One(read)) => Ok(vec![Operand::Tensor(read(importer, node)?)]),
        Some(Read::Many(read)) => read(importer, node),
        None => Err(refuse(node, format!("unknown; supported: {}", supported()))),
    }
}

/// What the elements of a node's output can be.
pub(super) fn kind(importer: &Importer, node: &NodeProto) -> Kind {
    match node.op_type.as_str() {
        "And" | "Equal" | "Greater" | "GreaterOrEqual" | "IsInf" | "IsNaN" | "Less"
        | "LessOrEqual" | "Not" | "Or" | "Xor" => Kind::Truth,
        "ArgMax" | "ArgMin" => Kind::Whole,
        "Cast" => i32::try_from(node.int("to", 0))
            .ok()
            .and_then(constants::kind)
            .unwrap_or_default(),
        "CastLike" | "Where" => importer.kind_of_input(node, 1),
        "ConvInteger" | "MatMulInteger" | "QuantizeLinear" => Kind::Whole,
        "DequantizeLinear" => Kind::Real,
        "OneHot" => importer.kind_of_input(node, 2),
        _ => importer.kind_of_input(node, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::onnx::extent;

    #[test]
    fn operators_of_constants_are_those_that_are_computed() {
        // Their values are not computed from other values, or by the reader itself.
        let own = ["Constant", "If"];
        for operator in folded::OPERATORS {
            let name = operator.info.name;
            assert!(own.contains(&name) || extent::is_computed(name), "{name}");
        }
        for name in extent::computed() {
            assert!(find(name).is_some(), "{name}");
        }
    }
}
