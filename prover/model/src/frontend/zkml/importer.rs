//! The graph being made, and what the layers' operands are in it.

use super::schema::{Layer, Model, malformed, shape_of};
use crate::error::{ModelError, Result};
use crate::float::{Bounds, Constant, FloatId, FloatOp, GraphBuilder, transpose_sources};
use std::collections::BTreeMap;

/// Rows and columns move behind the channels.
pub(super) const TO_PLANES: [usize; 4] = [0, 3, 1, 2];
const FROM_PLANES: [usize; 4] = [0, 2, 3, 1];

/// A tensor that a layer reads.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Tensor(FloatId),
    Constant(Constant),
}

/// Tensors with four axes are kept as channels, rows, columns; every other one as the model has it.
pub(super) struct Importer {
    pub(super) builder: GraphBuilder,
    pub(super) operands: BTreeMap<i64, Operand>,
    /// Type of the layer at hand and its position, for messages.
    pub(super) current: String,
}

impl Importer {
    pub(super) fn new(model: &Model) -> Result<Self> {
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

    pub(super) fn channels_first(&mut self, name: &str, id: FloatId) -> Result<FloatId> {
        match self.builder.shape(id).len() {
            4 => self.builder.node(
                &format!("{name}.nchw"),
                FloatOp::Transpose(TO_PLANES.to_vec()),
                &[id],
            ),
            _ => Ok(id),
        }
    }

    pub(super) fn channels_last(&mut self, name: &str, id: FloatId) -> Result<FloatId> {
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
    pub(super) fn model_shape(&self, id: FloatId) -> Vec<usize> {
        match *self.builder.shape(id) {
            [n, c, h, w] => vec![n, h, w, c],
            ref other => other.to_vec(),
        }
    }

    pub(super) fn refuse(&self, op: &str, reason: impl Into<String>) -> ModelError {
        ModelError::UnsupportedUse {
            node: self.current.clone(),
            op: op.to_owned(),
            reason: reason.into(),
        }
    }

    pub(super) fn operand(&self, layer: &Layer, index: usize) -> Result<&Operand> {
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

    pub(super) fn tensor(&self, layer: &Layer, index: usize) -> Result<FloatId> {
        match self.operand(layer, index)? {
            Operand::Tensor(id) => Ok(*id),
            Operand::Constant(_) => Err(malformed(format!(
                "layer {}: input {index} is a constant",
                self.current
            ))),
        }
    }

    pub(super) fn constant(&self, layer: &Layer, index: usize) -> Result<&Constant> {
        match self.operand(layer, index)? {
            Operand::Constant(c) => Ok(c),
            Operand::Tensor(_) => Err(malformed(format!(
                "layer {}: input {index} is not a constant",
                self.current
            ))),
        }
    }

    pub(super) fn params<const N: usize>(&self, layer: &Layer) -> Result<[usize; N]> {
        let list: Option<Vec<usize>> = layer
            .params
            .iter()
            .map(|p| usize::try_from(*p).ok().filter(|p| *p <= 1 << 16))
            .collect();
        list.and_then(|l| <[usize; N]>::try_from(l).ok())
            .ok_or_else(|| {
                malformed(format!(
                    "layer {}: {N} parameters expected, got {:?}",
                    self.current, layer.params
                ))
            })
    }

    pub(super) fn node(&mut self, op: FloatOp, inputs: &[FloatId]) -> Result<FloatId> {
        let name = self.current.clone();
        self.builder.node(&name, op, inputs)
    }

    /// The activation fused into a layer (tflite's codes).
    pub(super) fn activate(&mut self, id: FloatId, code: usize) -> Result<FloatId> {
        let bounds = match code {
            0 => return Ok(id),
            1 => Bounds::RELU,
            3 => Bounds::RELU6,
            other => {
                return Err(malformed(format!(
                    "layer {}: activation {other} is unknown",
                    self.current
                )));
            }
        };
        let name = format!("{}.act", self.current);
        self.builder.node(&name, FloatOp::Clamp(bounds), &[id])
    }

    pub(super) fn planes(&self, id: FloatId) -> Result<[usize; 3]> {
        match *self.builder.shape(id) {
            [1, c, h, w] => Ok([c, h, w]),
            ref shape => Err(malformed(format!(
                "layer {}: its input has shape {shape:?}; four axes and batch 1 expected",
                self.current
            ))),
        }
    }

    pub(super) fn bias(&self, layer: &Layer) -> Result<Option<Vec<f64>>> {
        match layer.inp_idxes.len() {
            0..=2 => Ok(None),
            _ => self.constant(layer, 2).map(|c| Some(c.data.clone())),
        }
    }

    /// A constant that broadcasts in the model's axis order, for a tensor kept as channels, rows, columns.
    pub(super) fn aligned(&self, tensor: FloatId, constant: Constant) -> Constant {
        if self.builder.shape(tensor).len() != 4 || constant.shape.len() > 4 {
            return constant;
        }
        let mut shape = vec![1; 4 - constant.shape.len()];
        shape.extend(&constant.shape);
        let sources = transpose_sources(&shape, &TO_PLANES);
        Constant {
            data: sources.into_iter().map(|i| constant.data[i]).collect(),
            shape: TO_PLANES.iter().map(|p| shape[*p]).collect(),
        }
    }

    /// An operation on the elements in the model's own order.
    pub(super) fn rearrange(&mut self, layer: &Layer, op: FloatOp) -> Result<FloatId> {
        let input = self.tensor(layer, 0)?;
        let name = self.current.clone();
        let input = self.channels_last(&name, input)?;
        let id = self.node(op, &[input])?;
        self.channels_first(&name, id)
    }
}
