//! Conditions on constants, and constants that stand among the nodes.

use super::{Walk, outputs};
use crate::error::Result;
use crate::frontend::Support;
use crate::frontend::onnx::constants;
use crate::frontend::onnx::evaluate::integers;
use crate::frontend::onnx::importer::Value;
use crate::frontend::onnx::node::{label, malformed, refuse};
use std::sync::Arc;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::Tensor;

/// Branches of conditions are followed this deep.
const MAX_DEPTH: usize = 8;

impl Walk<'_> {
    /// A condition that is constant: the branch that is taken stands in its place.
    pub(super) fn branch(&mut self, node: &NodeProto, depth: usize) -> Result<Support> {
        let condition = node
            .input
            .first()
            .and_then(|name| self.importer.value(name));
        let taken = match condition {
            Some(Value::Constant(tensor)) => integers(tensor)
                .and_then(|c| <[i64; 1]>::try_from(c).ok())
                .ok_or_else(|| refuse(node, "a condition that is not one value"))?,
            Some(Value::Tensor(_)) => {
                return Err(refuse(
                    node,
                    "its condition depends on the model's input; supported: conditions on shapes and constants; export the model with one \
                     branch (tracing instead of scripting)",
                ));
            }
            _ => {
                for output in outputs(node) {
                    self.importer.define(output, Value::Unknown)?;
                }
                return Ok(Support::Unknown);
            }
        };
        let name = if taken == [0] {
            "else_branch"
        } else {
            "then_branch"
        };
        let branch = node.attribute.iter().find(|a| a.name == name);
        let branch = branch.and_then(|a| a.g.as_ref());
        let branch = branch.ok_or_else(|| refuse(node, format!("{name} is missing")))?;
        if depth >= MAX_DEPTH {
            return Err(refuse(
                node,
                format!("conditions in conditions; supported: {MAX_DEPTH} of them"),
            ));
        }
        if branch.output.len() < node.output.len() {
            return Err(refuse(node, format!("{name} has less outputs than it")));
        }
        self.constants(branch)?;
        self.graph(branch, depth + 1)?;
        for (output, inner) in node.output.iter().zip(&branch.output) {
            if output.is_empty() {
                continue;
            }
            let value = self.importer.value(&inner.name).cloned();
            let value = value.ok_or_else(|| {
                malformed(format!(
                    "output {} of {name}: no node computes it",
                    inner.name
                ))
            })?;
            self.importer.define(output, value)?;
        }
        Ok(Support::Supported)
    }

    /// The value of a Constant node.
    pub(super) fn constant_of(&mut self, node: &NodeProto) -> Result<Arc<Tensor>> {
        let name = label(node);
        let [attribute] = node.attribute.as_slice() else {
            return Err(refuse(node, "not one value; supported: one"));
        };
        let floats = |shape: &[usize], data: &[f32]| Tensor::from_shape(shape, data);
        let ints = |shape: &[usize], data: &[i64]| Tensor::from_shape(shape, data);
        let made = match attribute.name.as_str() {
            "value" => {
                let missing = || refuse(node, "value is no tensor");
                let tensor = attribute.t.as_ref().ok_or_else(missing)?;
                return constants::load(tensor, name, &self.folder);
            }
            "sparse_value" => {
                let missing = || refuse(node, "sparse_value is no tensor");
                let sparse = attribute.sparse_tensor.as_ref().ok_or_else(missing)?;
                return constants::dense(sparse, name, &mut self.importer.evaluator);
            }
            "value_float" => floats(&[], &[attribute.f]),
            "value_floats" => floats(&[attribute.floats.len()], &attribute.floats),
            "value_int" => ints(&[], &[attribute.i]),
            "value_ints" => ints(&[attribute.ints.len()], &attribute.ints),
            other => return Err(refuse(node, format!("{other}; supported: numbers"))),
        };
        made.map(Arc::new)
            .map_err(|e| malformed(format!("constant {name}: {e:#}")))
    }
}
