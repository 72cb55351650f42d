//! ONNX: tract parses, infers shapes and folds constants; operators are mapped from the file's own nodes, so that
//! messages name them.

mod attributes;
mod check;
mod facts;
mod operators;
mod windows;

use super::guarded;
use crate::error::{ModelError, Result};
use crate::float::{Constant, FloatGraph, FloatId, GraphBuilder};
use facts::Facts;
use std::collections::BTreeMap;
use tract_onnx::pb::{GraphProto, NodeProto};
use tract_onnx::prelude::Framework;

/// Operators that may read a tensor that is not constant.
pub const SUPPORTED: &str = "Add, AveragePool, BatchNormalization, Clip, Conv, Div (by a constant), Dropout, Flatten, Gemm, \
     GlobalAveragePool, Identity, MatMul (by a constant), MaxPool, Mul (by a constant), ReduceMean (over rows and columns), \
     Relu, Reshape, Squeeze, Sub, Transpose, Unsqueeze";

/// The float graph of an ONNX model.
///
/// # Errors
/// Not ONNX; weights outside of the file; an operator, or a use of one, that is not supported. Never panics.
pub fn from_onnx_bytes(bytes: &[u8]) -> Result<FloatGraph> {
    guarded("onnx", || parse(bytes))
}

fn malformed(detail: impl Into<String>) -> ModelError {
    ModelError::Malformed {
        format: "onnx",
        detail: detail.into(),
    }
}

fn parse(bytes: &[u8]) -> Result<FloatGraph> {
    let mut proto = tract_onnx::onnx()
        .proto_model_for_read(&mut &bytes[..])
        .map_err(|e| malformed(format!("not an ONNX file: {e:#}")))?;
    let opset = check::check(&mut proto)?;
    let facts = Facts::new(&proto)?;
    let graph = proto.graph.unwrap_or_default();
    Importer::new(&facts, opset).import(&graph)
}

/// A value that a node reads.
#[derive(Clone, Debug)]
enum Operand {
    Tensor(FloatId),
    Constant(Constant),
}

struct Importer<'f> {
    builder: GraphBuilder,
    facts: &'f Facts,
    opset: i64,
    /// Tensors by ONNX value name.
    tensors: BTreeMap<String, FloatId>,
}

impl<'f> Importer<'f> {
    fn new(facts: &'f Facts, opset: i64) -> Self {
        Self {
            builder: GraphBuilder::new(),
            facts,
            opset,
            tensors: BTreeMap::new(),
        }
    }

    fn import(mut self, graph: &GraphProto) -> Result<FloatGraph> {
        for input in check::model_inputs(graph) {
            let shape = check::input_shape(input)?;
            let id = self.builder.input(&input.name, &shape)?;
            self.tensors.insert(input.name.clone(), id);
        }
        for node in check::sorted(graph)? {
            let Some(output) = node.output.first() else {
                continue;
            };
            // What depends on no input is a constant.
            if self.facts.is_constant(output) {
                continue;
            }
            let id = self.operator(node)?;
            self.tensors.insert(output.clone(), id);
            if self.builder.shape(id) != self.facts.shape(output).unwrap_or(self.builder.shape(id))
            {
                return Err(malformed(format!(
                    "node {}: its output has shape {:?}, shape inference says {:?}",
                    label(node),
                    self.builder.shape(id),
                    self.facts.shape(output)
                )));
            }
        }
        let mut outputs = Vec::with_capacity(graph.output.len());
        for output in &graph.output {
            let id = self.tensors.get(&output.name).ok_or_else(|| {
                malformed(format!(
                    "output {} does not depend on any input",
                    output.name
                ))
            })?;
            self.builder.rename(*id, &output.name);
            outputs.push(*id);
        }
        self.builder.finish(&outputs)
    }

    /// Input `index` of a node, if it is given.
    fn operand(&self, node: &NodeProto, index: usize) -> Result<Option<Operand>> {
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
    fn tensor(&self, node: &NodeProto, index: usize) -> Result<FloatId> {
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
    fn constant(&self, node: &NodeProto, index: usize) -> Result<Option<Constant>> {
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
    fn required(&self, node: &NodeProto, index: usize) -> Result<Constant> {
        self.constant(node, index)?
            .ok_or_else(|| refuse(node, format!("input {index} is missing")))
    }
}

/// The node's name, or that of its first output.
fn label(node: &NodeProto) -> &str {
    match (node.name.as_str(), node.output.first()) {
        ("", Some(output)) => output,
        (name, _) => name,
    }
}

fn refuse(node: &NodeProto, reason: impl Into<String>) -> ModelError {
    ModelError::UnsupportedUse {
        node: label(node).to_owned(),
        op: check::static_name(&node.op_type),
        reason: reason.into(),
    }
}
