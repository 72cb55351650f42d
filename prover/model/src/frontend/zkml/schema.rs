//! The files' schema.

use crate::error::{ModelError, Result};
use serde::Deserialize;

pub(super) fn malformed(detail: impl Into<String>) -> ModelError {
    ModelError::Malformed {
        format: "zkml msgpack",
        detail: detail.into(),
    }
}

/// A model file.
#[derive(Debug, Deserialize)]
pub(super) struct Model {
    pub(super) global_sf: i64,
    pub(super) inp_idxes: Vec<i64>,
    pub(super) out_idxes: Vec<i64>,
    pub(super) tensors: Vec<Tensor>,
    pub(super) layers: Vec<Layer>,
}

/// A constant, or one input of an input file.
#[derive(Debug, Deserialize)]
pub(super) struct Tensor {
    pub(super) idx: i64,
    pub(super) shape: Vec<i64>,
    pub(super) data: Vec<i64>,
}

/// One layer as the file has it: parameters are integers, tensors are named by index.
#[derive(Debug, Deserialize)]
pub(super) struct Layer {
    pub(super) layer_type: String,
    pub(super) params: Vec<i64>,
    pub(super) inp_idxes: Vec<i64>,
    pub(super) inp_shapes: Vec<Vec<i64>>,
    pub(super) out_idxes: Vec<i64>,
    pub(super) out_shapes: Vec<Vec<i64>>,
}

impl Model {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        rmp_serde::from_slice(bytes).map_err(|e| malformed(e.to_string()))
    }

    /// The shape of a model input: its first reader declares it.
    pub(super) fn input_shape(&self, idx: i64) -> Result<Vec<usize>> {
        self.layers
            .iter()
            .find_map(|l| {
                let at = l.inp_idxes.iter().position(|i| *i == idx)?;
                l.inp_shapes.get(at)
            })
            .ok_or_else(|| malformed(format!("no layer reads input {idx}")))
            .and_then(|s| shape_of(s))
    }
}

/// A shape of positive lengths.
pub(super) fn shape_of(shape: &[i64]) -> Result<Vec<usize>> {
    let lengths: Option<Vec<usize>> = shape
        .iter()
        .map(|d| {
            usize::try_from(*d)
                .ok()
                .filter(|d| (1..=1 << 26).contains(d))
        })
        .collect();
    let fits = |s: &Vec<usize>| {
        s.iter()
            .try_fold(1usize, |n, d| n.checked_mul(*d))
            .is_some_and(|n| n <= 1 << 26)
    };
    lengths
        .filter(fits)
        .ok_or_else(|| malformed(format!("shape {shape:?} is empty or too large")))
}

/// The inputs of an input file, in its order, as real numbers: the file holds fixed point at `scale_factor`, which
/// it does not state (the model file does).
///
/// # Errors
/// The bytes are not a zkml input.
pub fn zkml_inputs(bytes: &[u8], scale_factor: f64) -> Result<Vec<Vec<f64>>> {
    let tensors: Vec<Tensor> =
        rmp_serde::from_slice(bytes).map_err(|e| malformed(format!("not an input file: {e}")))?;
    tensors
        .into_iter()
        .map(|t| {
            let count: usize = shape_of(&t.shape)?.iter().product();
            if count != t.data.len() {
                return Err(malformed(format!(
                    "input {}: shape {:?} needs {count} values, got {}",
                    t.idx,
                    t.shape,
                    t.data.len()
                )));
            }
            Ok(t.data
                .into_iter()
                .map(|v| v as f64 / scale_factor)
                .collect())
        })
        .collect()
}
