//! The order in which the nodes of a graph are computed.

use super::node::{label, malformed};
use crate::error::Result;
use std::collections::BTreeSet;
use tract_onnx::pb::{GraphProto, NodeProto};

/// The nodes in an order in which every value is made before it is read (files may have another). `outside` are values that the
/// graph may read without defining them.
pub(super) fn sorted(
    graph: &GraphProto,
    outside: impl Fn(&str) -> bool,
) -> Result<Vec<&NodeProto>> {
    let mut known: BTreeSet<&str> = graph.input.iter().map(|i| i.name.as_str()).collect();
    known.extend(graph.initializer.iter().map(|t| t.name.as_str()));
    known.extend(sparse_names(graph));
    known.insert("");
    let mut rest: Vec<(&NodeProto, Vec<&str>)> = graph.node.iter().map(|n| (n, reads(n))).collect();
    let mut sorted = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let before = rest.len();
        rest.retain(|(node, reads)| {
            let ready = reads.iter().all(|i| known.contains(i) || outside(i));
            if ready {
                known.extend(node.output.iter().map(String::as_str));
                sorted.push(*node);
            }
            !ready
        });
        if rest.len() == before {
            let names: Vec<&str> = rest.iter().map(|(n, _)| label(n)).take(3).collect();
            return Err(malformed(format!(
                "nodes {} read values that nothing computes, or form a cycle",
                names.join(", ")
            )));
        }
    }
    Ok(sorted)
}

/// The names of sparse constants.
pub(super) fn sparse_names(graph: &GraphProto) -> impl Iterator<Item = &str> {
    let values = graph.sparse_initializer.iter();
    values.filter_map(|s| Some(s.values.as_ref()?.name.as_str()))
}

/// What a node reads, with what its branches read of the graph around them.
pub(super) fn reads(node: &NodeProto) -> Vec<&str> {
    let mut names: Vec<&str> = node.input.iter().map(String::as_str).collect();
    for branch in node.attribute.iter().filter_map(|a| a.g.as_ref()) {
        let mut own: BTreeSet<&str> = branch.input.iter().map(|i| i.name.as_str()).collect();
        own.extend(branch.initializer.iter().map(|t| t.name.as_str()));
        own.extend(sparse_names(branch));
        own.extend(
            branch
                .node
                .iter()
                .flat_map(|n| n.output.iter().map(String::as_str)),
        );
        own.insert("");
        let inside = branch.node.iter().flat_map(reads);
        let results = branch.output.iter().map(|o| o.name.as_str());
        names.extend(inside.chain(results).filter(|name| !own.contains(name)));
    }
    names
}
