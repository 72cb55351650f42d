//! The state of an import, and how nodes read their operands.

use super::attributes::Attributes;
use super::evaluate::{self, Evaluator, Known};
use super::node::{label, malformed, refuse};
use super::scores::Scores;
use crate::error::Result;
use crate::float::{Constant, FloatId, FloatOp, GraphBuilder};
use std::collections::BTreeMap;
use std::sync::Arc;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::Tensor;

/// What a name of the file stands for.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A tensor of the float graph.
    Tensor(FloatId),
    /// A constant.
    Constant(Arc<Tensor>),
    /// Probabilities, which stand for the scores that they are made of.
    Scores(Scores),
    /// What is not proved, and is left out: a label, in words.
    Dropped(&'static str),
    /// What a node computes that cannot be read.
    Unknown,
}

/// A value that a node reads.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Tensor(FloatId),
    Constant(Constant),
}

pub(super) struct Importer {
    pub(super) builder: GraphBuilder,
    pub(super) evaluator: Evaluator,
    /// Version of the operator set that the file uses.
    pub(super) opset: i64,
    /// Whether scores are the output instead of the probabilities that are made of them.
    pub(super) raw_scores: bool,
    /// By ONNX value name.
    values: BTreeMap<String, Value>,
}

impl Importer {
    pub(super) fn new(opset: i64, raw_scores: bool) -> Self {
        Self {
            builder: GraphBuilder::new(),
            evaluator: Evaluator::new(opset),
            opset,
            raw_scores,
            values: BTreeMap::new(),
        }
    }

    /// What a name stands for, if anything yet.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Says what a name stands for.
    pub(super) fn define(&mut self, name: &str, value: Value) -> Result<()> {
        match self.values.insert(name.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(malformed(format!("value {name} is defined twice"))),
        }
    }

    /// The node's inputs, where given; `None` if one of them is not known.
    pub(super) fn known(&self, node: &NodeProto) -> Option<Vec<Option<Known>>> {
        let known = |name: &String| {
            if name.is_empty() {
                return Some(None);
            }
            match self.values.get(name)? {
                Value::Tensor(id) => Some(Some(Known::Shape(self.builder.shape(*id).to_vec()))),
                Value::Constant(tensor) => Some(Some(Known::Value(Arc::clone(tensor)))),
                Value::Scores(_) | Value::Dropped(_) | Value::Unknown => None,
            }
        };
        node.input.iter().map(known).collect()
    }

    /// Input `index` of a node, if it is given.
    pub(super) fn operand(&self, node: &NodeProto, index: usize) -> Result<Option<Operand>> {
        let Some(name) = node.input.get(index).filter(|n| !n.is_empty()) else {
            return Ok(None);
        };
        match self.values.get(name) {
            Some(Value::Tensor(id)) => Ok(Some(Operand::Tensor(*id))),
            Some(Value::Constant(tensor)) => {
                evaluate::constant(name, tensor).map(|c| Some(Operand::Constant(c)))
            }
            Some(Value::Scores(_) | Value::Dropped(_) | Value::Unknown) | None => {
                Err(malformed(format!(
                    "node {}: no supported node computes its input {name}",
                    label(node)
                )))
            }
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
