//! Operators that tract must not see.
//!
//! Its shape inference of BatchNormalization (0.23) reads the second length of a shape of one axis from beyond the shape, unchecked: no
//! panic, but undefined behaviour. The output has the input's shape and type, so Identity stands in for the operator. What tract would
//! then take for a constant is refused.

use tract_onnx::pb::{ModelProto, NodeProto};

/// Whether tract does not see this node as it is.
pub(super) fn is_hidden(node: &NodeProto) -> bool {
    node.op_type == "BatchNormalization"
}

/// Puts Identity in the place of hidden nodes, and returns those with their places.
pub(super) fn hide(proto: &mut ModelProto) -> Vec<(usize, NodeProto)> {
    let nodes = proto.graph.iter_mut().flat_map(|graph| &mut graph.node);
    let hidden = nodes.enumerate().filter(|(_, node)| is_hidden(node));
    hidden
        .map(|(at, node)| {
            let identity = NodeProto {
                name: node.name.clone(),
                op_type: "Identity".to_owned(),
                input: node.input.iter().take(1).cloned().collect(),
                output: node.output.iter().take(1).cloned().collect(),
                ..NodeProto::default()
            };
            (at, std::mem::replace(node, identity))
        })
        .collect()
}

/// Undoes [`hide`].
pub(super) fn put_back(proto: &mut ModelProto, hidden: Vec<(usize, NodeProto)>) {
    for (at, node) in hidden {
        if let Some(place) = proto
            .graph
            .as_mut()
            .and_then(|graph| graph.node.get_mut(at))
        {
            *place = node;
        }
    }
}
