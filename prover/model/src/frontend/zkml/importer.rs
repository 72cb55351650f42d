//! The graph being made, and what the layers' operands are in it.

use super::schema::{Layer, Model, malformed, shape_of};
use crate::error::Result;
use crate::float::{Constant, GraphBuilder};
use crate::frontend::compose::{C, Compose, Operand, T};
use std::collections::BTreeMap;

/// What a tensor of the file is.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Known(Operand),
    /// What a layer computes that cannot be read, and of which nothing is known.
    Unknown,
}

/// Tensors are kept in the model's axis order: channels last.
pub(super) struct Importer {
    pub(super) builder: GraphBuilder,
    pub(super) values: BTreeMap<i64, Value>,
    /// What stands for infinity in masks.
    pub(super) least: f64,
}

impl Importer {
    pub(super) fn new(model: &Model) -> Result<Self> {
        if model.global_sf < 1 {
            return Err(malformed(format!("global_sf is {}", model.global_sf)));
        }
        let scale = model.global_sf as f64;
        let mut values = BTreeMap::new();
        for tensor in &model.tensors {
            let shape = shape_of(&tensor.shape)?;
            if shape.iter().product::<usize>() != tensor.data.len() {
                return Err(malformed(format!(
                    "tensor {}: shape {shape:?} and {} values",
                    tensor.idx,
                    tensor.data.len()
                )));
            }
            let data = tensor.data.iter().map(|v| *v as f64 / scale).collect();
            values.insert(tensor.idx, Value::Known(C(Constant { shape, data })));
        }
        Ok(Self {
            builder: GraphBuilder::with_fixed_point(scale),
            values,
            least: -f64::from(1u32 << 31),
        })
    }
}

/// A layer as its reader sees it.
pub(super) struct Step<'s> {
    pub(super) compose: Compose<'s>,
    pub(super) layer: &'s Layer,
    pub(super) inputs: Vec<Operand>,
    /// What stands for infinity in masks.
    pub(super) least: f64,
}

impl Step<'_> {
    pub(super) fn input(&self, index: usize) -> Result<Operand> {
        let input = self.inputs.get(index).cloned();
        input.ok_or_else(|| {
            malformed(format!(
                "layer {}: input {index} is missing",
                self.compose.name
            ))
        })
    }

    pub(super) fn constant(&self, index: usize) -> Result<Constant> {
        match self.input(index)? {
            C(c) => Ok(c),
            T(_) => Err(self
                .compose
                .refuse(format!("input {index} is computed; supported: a constant"))),
        }
    }

    /// The bias, if there is one.
    pub(super) fn bias(&self) -> Result<Option<Vec<f64>>> {
        match self.inputs.len() {
            0..=2 => Ok(None),
            _ => self.constant(2).map(|c| Some(c.data)),
        }
    }

    /// All parameters, as lengths.
    pub(super) fn lengths(&self) -> Result<Vec<usize>> {
        let list = self.layer.params.iter();
        let list = list.map(|p| usize::try_from(*p).ok().filter(|p| *p <= 1 << 22));
        list.collect::<Option<Vec<_>>>().ok_or_else(|| {
            malformed(format!(
                "layer {}: parameters {:?}",
                self.compose.name, self.layer.params
            ))
        })
    }

    pub(super) fn params<const N: usize>(&self) -> Result<[usize; N]> {
        let list = self.lengths()?;
        <[usize; N]>::try_from(list).map_err(|list| {
            malformed(format!(
                "layer {}: {N} parameters expected, got {list:?}",
                self.compose.name
            ))
        })
    }

    /// The shape that the file states of an output.
    pub(super) fn declared(&self, index: usize) -> Result<Vec<usize>> {
        let shape = self.layer.out_shapes.get(index);
        let shape = shape.ok_or_else(|| {
            malformed(format!(
                "layer {}: no shape of output {index}",
                self.compose.name
            ))
        })?;
        shape_of(shape)
    }

    /// The activation fused into a layer, its first parameter if it has any (TensorFlow Lite's numbers).
    pub(super) fn activated(&mut self, x: &Operand, code: Option<usize>) -> Result<Operand> {
        match code.unwrap_or(0) {
            0 => Ok(x.clone()),
            1 => self.compose.relu(x),
            3 => self.compose.clamped(x, Some(0.0), Some(6.0)),
            other => Err(malformed(format!(
                "layer {}: activation {other} is unknown",
                self.compose.name
            ))),
        }
    }
}
