//! The graph being made, and what the nodes' inputs are in it.

use super::attributes::Attributes;
use super::facts::Facts;
use super::node::{label, malformed, refuse};
use crate::error::Result;
use crate::float::{Constant, FloatId, FloatOp, GraphBuilder};
use std::collections::BTreeMap;
use tract_onnx::pb::NodeProto;

/// A value that a node reads.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Tensor(FloatId),
    Constant(Constant),
}

pub(super) struct Importer<'f> {
    pub(super) builder: GraphBuilder,
    pub(super) facts: &'f Facts,
    /// Version of the operator set that the file uses.
    pub(super) opset: i64,
    /// Tensors by ONNX value name.
    pub(super) tensors: BTreeMap<String, FloatId>,
}

impl<'f> Importer<'f> {
    pub(super) fn new(facts: &'f Facts, opset: i64) -> Self {
        Self {
            builder: GraphBuilder::new(),
            facts,
            opset,
            tensors: BTreeMap::new(),
        }
    }

    /// Input `index` of a node, if it is given.
    pub(super) fn operand(&self, node: &NodeProto, index: usize) -> Result<Option<Operand>> {
        let Some(name) = node.input.get(index).filter(|n| !n.is_empty()) else {
            return Ok(None);
        };
        if let Some(id) = self.tensors.get(name) {
            return Ok(Some(Operand::Tensor(*id)));
        }
        match self.facts.constant(name) {
            Some(constant) => constant.map(|c| Some(Operand::Constant(c))),
            None => Err(malformed(format!(
                "node {}: no supported node computes its input {name}{}",
                label(node),
                self.facts.remark()
            ))),
        }
    }

    /// Input `index`, which must not be constant.
    pub(super) fn tensor(&self, node: &NodeProto, index: usize) -> Result<FloatId> {
        match self.operand(node, index)? {
            Some(Operand::Tensor(id)) => Ok(id),
            Some(Operand::Constant(_)) => Err(refuse(
                node,
                format!("input {index} is a constant; a tensor is expected"),
            )),
            None => Err(refuse(node, format!("input {index} is missing"))),
        }
    }

    /// Input `index`, which must be constant where it is given.
    pub(super) fn constant(&self, node: &NodeProto, index: usize) -> Result<Option<Constant>> {
        match self.operand(node, index)? {
            Some(Operand::Constant(c)) => Ok(Some(c)),
            Some(Operand::Tensor(_)) => Err(refuse(
                node,
                format!("input {index} is not a constant; supported: constants"),
            )),
            None => Ok(None),
        }
    }

    /// Input `index`, which must be a constant.
    pub(super) fn required(&self, node: &NodeProto, index: usize) -> Result<Constant> {
        self.constant(node, index)?
            .ok_or_else(|| refuse(node, format!("input {index} is missing")))
    }

    /// Adds the node's operation; its tensor takes the name of the node's output.
    pub(super) fn add(
        &mut self,
        node: &NodeProto,
        op: FloatOp,
        inputs: &[FloatId],
    ) -> Result<FloatId> {
        let id = self.builder.node(label(node), op, inputs)?;
        if let Some(name) = node.output.first() {
            self.builder.rename(id, name);
        }
        Ok(id)
    }

    /// Adds an operation on the node's first input.
    pub(super) fn unary(&mut self, node: &NodeProto, op: FloatOp) -> Result<FloatId> {
        let input = self.tensor(node, 0)?;
        self.add(node, op, &[input])
    }

    /// Rows and columns of a `[1, C, H, W]` tensor.
    pub(super) fn plane(&self, node: &NodeProto, id: FloatId) -> Result<[usize; 2]> {
        match *self.builder.shape(id) {
            [1, _, h, w] => Ok([h, w]),
            ref shape => Err(refuse(
                node,
                format!(
                    "input shape {shape:?}; supported: [1, channels, rows, columns] (batch 1, two dimensions)"
                ),
            )),
        }
    }

    /// Axes from the attribute or the second input, made non-negative for `rank` axes.
    pub(super) fn axes(&self, node: &NodeProto, rank: usize) -> Result<Option<Vec<usize>>> {
        let list: Option<Vec<i64>> = match node.ints("axes") {
            Some(axes) => Some(axes.to_vec()),
            None => self
                .constant(node, 1)?
                .map(|c| c.data.iter().map(|v| *v as i64).collect()),
        };
        let Some(list) = list else { return Ok(None) };
        let axis = |a: &i64| {
            let positive = if *a < 0 {
                a.saturating_add(rank as i64)
            } else {
                *a
            };
            usize::try_from(positive).ok().filter(|a| *a < rank)
        };
        list.iter()
            .map(axis)
            .collect::<Option<Vec<_>>>()
            .map(Some)
            .ok_or_else(|| refuse(node, format!("axes {list:?} for {rank} axes")))
    }
}
