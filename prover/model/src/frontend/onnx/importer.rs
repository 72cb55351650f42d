//! The state of an import, and how nodes read their operands.

use super::attributes::Attributes;
use super::evaluate::{self, Evaluator, Known};
use super::node::{label, malformed, refuse};
use super::scores::Scores;
use crate::error::Result;
use crate::float::{Constant, FloatId, FloatOp, GraphBuilder};
use crate::frontend::compose::Compose;
pub(super) use crate::frontend::compose::Operand;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, Tensor};

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

/// What the elements of a tensor can be: types other than those of real numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any number.
    #[default]
    Real,
    /// Whole numbers.
    Whole,
    /// 0 and 1.
    Truth,
}

pub(super) struct Importer {
    pub(super) builder: GraphBuilder,
    pub(super) evaluator: Evaluator,
    /// Version of the operator set that the file uses.
    pub(super) opset: i64,
    /// Whether scores are the output instead of the probabilities that are made of them.
    pub(super) drop_final_softmax: bool,
    /// By ONNX value name.
    values: BTreeMap<String, Value>,
    /// Names of tensors of other kinds than real numbers.
    kinds: BTreeMap<String, Kind>,
    /// Element types of constants, by name and ONNX's number.
    types: BTreeMap<String, i32>,
    /// Quantised tensors, which are not rounded.
    pub(super) unrounded: BTreeSet<FloatId>,
    /// Shares, which are at least 0 and whose sum is 1.
    pub(super) shares: BTreeSet<FloatId>,
    /// Names of probabilities and places at the end of a classifier.
    pub(super) endings: BTreeSet<String>,
}

impl Importer {
    pub(super) fn new(opset: i64, drop_final_softmax: bool) -> Self {
        Self {
            builder: GraphBuilder::new(),
            evaluator: Evaluator::new(opset),
            opset,
            drop_final_softmax,
            values: BTreeMap::new(),
            kinds: BTreeMap::new(),
            types: BTreeMap::new(),
            unrounded: BTreeSet::new(),
            shares: BTreeSet::new(),
            endings: BTreeSet::new(),
        }
    }

    /// The graph being made, at a node.
    pub(super) fn at(&mut self, node: &NodeProto) -> Compose<'_> {
        Compose {
            builder: &mut self.builder,
            name: label(node).to_owned(),
            operator: node.op_type.clone(),
        }
    }

    /// The element type of a constant that the file holds.
    pub(super) fn element_type(&self, name: &str) -> Option<i32> {
        self.types.get(name).copied()
    }

    pub(super) fn set_element_type(&mut self, name: &str, element_type: i32) {
        self.types.insert(name.to_owned(), element_type);
    }

    /// Says what the elements of a tensor can be.
    pub(super) fn set_kind(&mut self, name: &str, kind: Kind) {
        if kind != Kind::Real {
            self.kinds.insert(name.to_owned(), kind);
        }
    }

    /// What the elements of input `index` of a node can be.
    pub(super) fn kind_of_input(&self, node: &NodeProto, index: usize) -> Kind {
        let Some(name) = node.input.get(index) else {
            return Kind::Real;
        };
        match self.values.get(name) {
            Some(Value::Tensor(_)) => self.kinds.get(name).copied().unwrap_or_default(),
            Some(Value::Constant(tensor)) => match tensor.datum_type() {
                DatumType::Bool => Kind::Truth,
                kind if kind.is_integer() => Kind::Whole,
                _ => Kind::Real,
            },
            _ => Kind::Real,
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

    /// Input `index`, which must be given.
    pub(super) fn given(&self, node: &NodeProto, index: usize) -> Result<Operand> {
        self.operand(node, index)?
            .ok_or_else(|| refuse(node, format!("input {index} is missing")))
    }

    /// Input `index`, which must be constant whole numbers where it is given.
    pub(super) fn integers(&self, node: &NodeProto, index: usize) -> Result<Option<Vec<i64>>> {
        let constant = self.constant(node, index)?;
        Ok(constant.map(|c| c.data.iter().map(|v| *v as i64).collect()))
    }

    /// All inputs, which must be given.
    pub(super) fn all_operands(&self, node: &NodeProto) -> Result<Vec<Operand>> {
        (0..node.input.len()).map(|n| self.given(node, n)).collect()
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

    /// Axes from the attribute or the second input, made non-negative for `rank` axes.
    pub(super) fn axes(&self, node: &NodeProto, rank: usize) -> Result<Option<Vec<usize>>> {
        let list: Option<Vec<i64>> = match node.ints("axes") {
            Some(axes) => Some(axes.to_vec()),
            None => self
                .constant(node, 1)?
                .map(|c| c.data.iter().map(|v| *v as i64).collect()),
        };
        let Some(list) = list else { return Ok(None) };
        list.iter()
            .map(|axis| axis_of(*axis, rank))
            .collect::<Option<Vec<_>>>()
            .map(Some)
            .ok_or_else(|| refuse(node, format!("axes {list:?} for {rank} axes")))
    }

    /// The axis that an attribute names, of `rank` axes.
    pub(super) fn axis(&self, node: &NodeProto, default: i64, rank: usize) -> Result<usize> {
        let axis = node.int("axis", default);
        axis_of(axis, rank).ok_or_else(|| refuse(node, format!("axis {axis} of {rank}")))
    }
}

/// A non-negative axis below `rank`; negative ones count from the end.
pub(super) fn axis_of(axis: i64, rank: usize) -> Option<usize> {
    let positive = if axis < 0 {
        axis.saturating_add(rank as i64)
    } else {
        axis
    };
    usize::try_from(positive).ok().filter(|a| *a < rank)
}
