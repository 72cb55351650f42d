//! zkml's `.msgpack` models: NHWC, fixed point at one scale factor, activations fused into layers.

mod layers;
mod schema;

pub use schema::zkml_inputs;

use super::guarded;
use crate::error::{ModelError, Result};
use crate::float::{Constant, FloatGraph, FloatId, FloatOp, GraphBuilder};
use schema::{Layer, Model, shape_of};
use std::collections::BTreeMap;

/// Layer types of this front end.
pub const SUPPORTED: &str = "Add, AveragePool2D, Conv2D, FullyConnected, MaxPool2D, Mean (over rows and columns), Mul (by a constant), \
     Noop, Reshape, Sub, Transpose";

/// Rows and columns move behind the channels.
const TO_PLANES: [usize; 4] = [0, 3, 1, 2];
const FROM_PLANES: [usize; 4] = [0, 2, 3, 1];

/// The float graph of a zkml model.
///
/// # Errors
/// Not such a file, or a layer, or a use of one, that is not supported. Never panics.
pub fn from_zkml_bytes(bytes: &[u8]) -> Result<FloatGraph> {
    guarded("zkml msgpack", || {
        let model = Model::parse(bytes)?;
        Importer::new(&model)?.import(&model)
    })
}

fn malformed(detail: impl Into<String>) -> ModelError {
    ModelError::Malformed {
        format: "zkml msgpack",
        detail: detail.into(),
    }
}

/// A tensor that a layer reads.
#[derive(Clone, Debug)]
enum Operand {
    Tensor(FloatId),
    Constant(Constant),
}

/// Tensors with four axes are kept as channels, rows, columns; every other one as the model has it.
struct Importer {
    builder: GraphBuilder,
    operands: BTreeMap<i64, Operand>,
    /// Type of the layer at hand and its position, for messages.
    current: String,
}

impl Importer {
    fn new(model: &Model) -> Result<Self> {
        if model.global_sf < 1 {
            return Err(malformed(format!("global_sf is {}", model.global_sf)));
        }
        let mut operands = BTreeMap::new();
        for tensor in &model.tensors {
            let shape = shape_of(&tensor.shape)?;
            if shape.iter().product::<usize>() != tensor.data.len() {
                return Err(malformed(format!(
                    "tensor {}: shape {shape:?} and {} values",
                    tensor.idx,
                    tensor.data.len()
                )));
            }
            let data = tensor
                .data
                .iter()
                .map(|v| *v as f64 / model.global_sf as f64)
                .collect();
            operands.insert(tensor.idx, Operand::Constant(Constant { shape, data }));
        }
        Ok(Self {
            builder: GraphBuilder::with_fixed_point(model.global_sf as f64),
            operands,
            current: String::new(),
        })
    }

    fn import(mut self, model: &Model) -> Result<FloatGraph> {
        for idx in &model.inp_idxes {
            let shape = model.input_shape(*idx)?;
            let name = format!("input_{idx}");
            let id = self.builder.input(&name, &shape)?;
            let id = self.channels_first(&name, id)?;
            self.operands.insert(*idx, Operand::Tensor(id));
        }
        for (position, layer) in model.layers.iter().enumerate() {
            self.current = format!("{}_{position}", layer.layer_type);
            let id = self.layer(layer)?;
            let &[output] = layer.out_idxes.as_slice() else {
                return Err(malformed(format!(
                    "layer {}: one output expected",
                    self.current
                )));
            };
            let own = self.model_shape(id);
            if let Some(declared) = layer.out_shapes.first()
                && shape_of(declared)? != own
            {
                return Err(malformed(format!(
                    "layer {}: output shape {declared:?} is declared, {own:?} is computed",
                    self.current
                )));
            }
            self.operands.insert(output, Operand::Tensor(id));
        }
        let mut outputs = Vec::with_capacity(model.out_idxes.len());
        for idx in &model.out_idxes {
            let Some(Operand::Tensor(id)) = self.operands.get(idx) else {
                return Err(malformed(format!("no layer computes output {idx}")));
            };
            let id = self.channels_last(&format!("output_{idx}"), *id)?;
            self.builder.rename(id, &format!("output_{idx}"));
            outputs.push(id);
        }
        self.builder.finish(&outputs)
    }

    fn channels_first(&mut self, name: &str, id: FloatId) -> Result<FloatId> {
        match self.builder.shape(id).len() {
            4 => self.builder.node(
                &format!("{name}.nchw"),
                FloatOp::Transpose(TO_PLANES.to_vec()),
                &[id],
            ),
            _ => Ok(id),
        }
    }

    fn channels_last(&mut self, name: &str, id: FloatId) -> Result<FloatId> {
        match self.builder.shape(id).len() {
            4 => self.builder.node(
                &format!("{name}.nhwc"),
                FloatOp::Transpose(FROM_PLANES.to_vec()),
                &[id],
            ),
            _ => Ok(id),
        }
    }

    /// A tensor's shape as the model has it.
    fn model_shape(&self, id: FloatId) -> Vec<usize> {
        match *self.builder.shape(id) {
            [n, c, h, w] => vec![n, h, w, c],
            ref other => other.to_vec(),
        }
    }

    fn refuse(&self, op: &'static str, reason: impl Into<String>) -> ModelError {
        ModelError::UnsupportedUse {
            node: self.current.clone(),
            op,
            reason: reason.into(),
        }
    }

    fn operand(&self, layer: &Layer, index: usize) -> Result<&Operand> {
        let idx = layer.inp_idxes.get(index).ok_or_else(|| {
            malformed(format!("layer {}: input {index} is missing", self.current))
        })?;
        self.operands.get(idx).ok_or_else(|| {
            malformed(format!(
                "layer {}: nothing computes its input {idx}",
                self.current
            ))
        })
    }

    fn tensor(&self, layer: &Layer, index: usize) -> Result<FloatId> {
        match self.operand(layer, index)? {
            Operand::Tensor(id) => Ok(*id),
            Operand::Constant(_) => Err(malformed(format!(
                "layer {}: input {index} is a constant",
                self.current
            ))),
        }
    }

    fn constant(&self, layer: &Layer, index: usize) -> Result<&Constant> {
        match self.operand(layer, index)? {
            Operand::Constant(c) => Ok(c),
            Operand::Tensor(_) => Err(malformed(format!(
                "layer {}: input {index} is not a constant",
                self.current
            ))),
        }
    }
}
