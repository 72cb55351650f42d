//! The table of ONNX operators: one entry each, beside the function that reads it, in files by family.

mod activation;
mod arithmetic;
mod entry;
mod folded;
mod learning;
mod linear;
mod pooling;
mod remedies;
mod shape;
mod window;

pub(super) use arithmetic::align;
pub(super) use remedies::SCORES;

use super::attributes::Attributes;
use super::constants;
use super::importer::Importer;
use super::node::{is_standard, label, refuse};
use crate::error::{ModelError, Result};
use crate::float::FloatId;
use crate::frontend::operator::{OperatorInfo, list};
use entry::Operator;
use tract_onnx::pb::{AttributeProto, NodeProto};

/// All operators, by family.
const FAMILIES: [&[Operator]; 7] = [
    activation::OPERATORS,
    arithmetic::OPERATORS,
    folded::OPERATORS,
    learning::OPERATORS,
    linear::OPERATORS,
    pooling::OPERATORS,
    shape::OPERATORS,
];

/// The operators that this front end reads, by name.
pub fn onnx_operators() -> impl Iterator<Item = OperatorInfo> {
    let mut infos: Vec<OperatorInfo> = FAMILIES.iter().copied().flatten().map(|o| o.info).collect();
    infos.sort_unstable_by_key(|info| info.name);
    infos.into_iter()
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
    find(&node.op_type).filter(|operator| {
        if operator.info.only == learning::DOMAIN {
            node.domain == learning::DOMAIN
        } else {
            is_standard(&node.domain)
        }
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

/// Maps a node whose output is not constant, and that [`check`] accepts.
pub(super) fn read(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    match of(node) {
        Some(operator) => (operator.read)(importer, node),
        None => Err(refuse(node, format!("unknown; supported: {}", supported()))),
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
