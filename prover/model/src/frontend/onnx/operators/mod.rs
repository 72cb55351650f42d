//! The table of ONNX operators: one entry each, beside the function that reads it, in files by family.

mod activation;
mod arithmetic;
mod entry;
mod folded;
mod linear;
mod pooling;
mod shape;
mod window;

use super::importer::Importer;
use super::node::refuse;
use crate::error::Result;
use crate::float::FloatId;
use crate::frontend::operator::{OperatorInfo, list};
use entry::Operator;
use tract_onnx::pb::NodeProto;

/// All operators, by family.
const FAMILIES: [&[Operator]; 6] = [
    activation::OPERATORS,
    arithmetic::OPERATORS,
    folded::OPERATORS,
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

/// The attributes of the operator of this name, if it is in the table.
pub(super) fn attributes(name: &str) -> Option<&'static [&'static str]> {
    find(name).map(|operator| operator.attributes)
}

/// The list of operators for messages.
pub(super) fn supported() -> String {
    list(onnx_operators())
}

/// Maps a node whose output is not constant.
pub(super) fn read(importer: &mut Importer<'_>, node: &NodeProto) -> Result<FloatId> {
    let Some(operator) = find(&node.op_type) else {
        // The check of the file has refused these.
        return Err(refuse(node, format!("unknown; supported: {}", supported())));
    };
    match operator.info.since {
        Some(since) if importer.opset < since => Err(refuse(
            node,
            format!(
                "its form in opset {}; supported: opset {since} and later; export the model with a newer opset",
                importer.opset
            ),
        )),
        _ => (operator.read)(importer, node),
    }
}
