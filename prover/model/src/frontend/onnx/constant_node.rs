//! Constants that follow from constants by an operator that is read here: what it becomes is computed.

use super::importer::{Importer, Operand, Value};
use super::node::{malformed, refuse};
use super::operators;
use crate::error::Result;
use crate::float::Constant;
use std::sync::Arc;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::Tensor;

/// The values of a node's outputs, whose inputs are constants.
pub(super) fn value(importer: &Importer, node: &NodeProto) -> Result<Vec<Arc<Tensor>>> {
    let mut own = Importer::new(importer.opset, false);
    let mut values = Vec::new();
    for (n, name) in node.input.iter().enumerate() {
        if name.is_empty() || own.value(name).is_some() {
            continue;
        }
        let Some(Value::Constant(tensor)) = importer.value(name) else {
            return Err(refuse(node, format!("input {name} is no constant")));
        };
        if let Some(element_type) = importer.element_type(name) {
            own.set_element_type(name, element_type);
        }
        let constant = super::evaluate::constant(name, tensor)?;
        if n == 0 {
            let id = own.builder.input(name, &constant.shape)?;
            own.set_kind(name, importer.kind_of_input(node, 0));
            own.define(name, Value::Tensor(id))?;
            values.push(constant.data);
        } else {
            own.define(name, Value::Constant(Arc::clone(tensor)))?;
        }
    }
    let outputs = operators::read(&mut own, node)?;
    let tensors: Vec<_> = outputs
        .iter()
        .filter_map(|o| match o {
            Operand::Tensor(id) => Some(*id),
            Operand::Constant(_) => None,
        })
        .collect();
    let mut computed = Vec::new();
    if !tensors.is_empty() {
        let graph = own.builder.finish(&tensors)?;
        let trace = graph.execute(&values)?;
        let shape = |id: &crate::float::FloatId| graph.tensor(*id).shape.clone();
        computed = tensors
            .iter()
            .zip(graph.outputs_of(&trace))
            .map(|(id, data)| Constant {
                shape: shape(id),
                data: data.to_vec(),
            })
            .collect();
    }
    let mut computed = computed.into_iter();
    outputs
        .into_iter()
        .filter_map(|output| match output {
            Operand::Tensor(_) => computed.next(),
            Operand::Constant(constant) => Some(constant),
        })
        .map(|constant| tensor(node, &constant))
        .collect()
}

/// A constant as those of the file are held.
pub(super) fn tensor(node: &NodeProto, constant: &Constant) -> Result<Arc<Tensor>> {
    let data: Vec<f32> = constant.data.iter().map(|v| *v as f32).collect();
    let made = Tensor::from_shape(&constant.shape, &data);
    made.map(Arc::new)
        .map_err(|e| malformed(format!("node {}: {e:#}", super::node::label(node))))
}
