//! What has to be inverted: one inversion serves all denominators.

use super::graph::{Graph, Input, NodeId};

/// Values to invert, each known by its position.
#[derive(Debug, Default)]
pub(crate) struct Denominators {
    nodes: Vec<NodeId>,
}

impl Denominators {
    pub(crate) fn push(&mut self, node: NodeId) -> usize {
        match self.nodes.iter().position(|known| *known == node) {
            Some(position) => position,
            None => {
                self.nodes.push(node);
                self.nodes.len() - 1
            }
        }
    }

    pub(crate) fn product(&self, graph: &mut Graph) -> NodeId {
        graph.product(self.nodes.iter().copied())
    }

    /// The inverse of one: the product's inverse times all the others.
    pub(crate) fn inverse(&self, graph: &mut Graph, position: usize) -> NodeId {
        let inverse = graph.input(Input::Inverse);
        let before = graph.product(self.nodes[..position].iter().copied());
        let behind = self.nodes[position + 1..]
            .iter()
            .rev()
            .fold(inverse, |product, node| graph.mul(product, *node));
        graph.mul(before, behind)
    }
}
