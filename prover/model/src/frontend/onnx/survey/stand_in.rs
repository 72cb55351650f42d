//! What stands for the outputs of a node that cannot be read, so that the nodes that read them can be looked at.

use super::Walk;
use crate::error::Result;
use crate::frontend::compose::broadcast;
use crate::frontend::onnx::evaluate::Known;
use crate::frontend::onnx::importer::Value;
use crate::frontend::onnx::node::is_standard;
use crate::frontend::onnx::operators;
use tract_onnx::pb::NodeProto;

/// Operators whose output has the shape of their first input, so that what comes after them can be looked at.
const SAME_SHAPE: &[&str] = &[
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "BatchNormalization",
    "Bernoulli",
    "Cast",
    "Celu",
    "Clip",
    "Cosh",
    "Dropout",
    "Elu",
    "Erf",
    "Exp",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "LRN",
    "LayerNormalization",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "Mish",
    "Neg",
    "PRelu",
    "Reciprocal",
    "Relu",
    "Selu",
    "Sigmoid",
    "Sign",
    "Sinh",
    "Softmax",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Tanh",
    "ThresholdedRelu",
];

/// Operators whose output has the shape that those of their two inputs broadcast to.
const BROADCAST: &[&str] = &["Add", "Div", "Max", "Min", "Mul", "Pow", "Sub"];

impl Walk<'_> {
    /// Gives the outputs of a node that cannot be read a shape where it is known, so that the nodes that read them can be looked at.
    pub(super) fn go_on_after(&mut self, node: &NodeProto) -> Result<()> {
        let shape = self.shape_of(node);
        for (n, output) in node.output.iter().enumerate() {
            if output.is_empty() || self.importer.value(output).is_some() {
                continue;
            }
            let shape = shape.as_ref().filter(|_| n == 0);
            let id = shape.and_then(|shape| self.importer.builder.input(output, shape).ok());
            let value = id.map_or(Value::Unknown, Value::Tensor);
            self.importer.define(output, value)?;
        }
        Ok(())
    }

    /// The shape of its first output, where that is known.
    fn shape_of(&self, node: &NodeProto) -> Option<Vec<usize>> {
        if !is_standard(&node.domain) {
            return None;
        }
        let known = self.importer.known(node)?;
        let shape = |n: usize| match known.get(n)?.as_ref()? {
            Known::Shape(shape) => Some(shape.clone()),
            Known::Value(tensor) => Some(tensor.shape().to_vec()),
        };
        let op = node.op_type.as_str();
        if SAME_SHAPE.contains(&op) {
            return shape(0);
        }
        if BROADCAST.contains(&op) && self.importer.opset >= 7 {
            return broadcast(&shape(0)?, &shape(1)?);
        }
        // Attributes that the check refuses may not reach tract.
        operators::check(node, self.importer.opset, false).ok()?;
        self.importer.evaluator.shape(node, &known)
    }
}
