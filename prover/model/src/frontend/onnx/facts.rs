//! What tract knows of every value: its shape, and its elements where it is constant.

use super::node::malformed;
use crate::error::Result;
use crate::float::Constant;
use std::collections::BTreeMap;
use std::sync::Arc;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{DatumType, InferenceModelExt, Tensor};
use tract_onnx::tract_hir::infer::Factoid;
use tract_onnx::tract_hir::internal::DimLike;

pub(super) struct Facts {
    constants: BTreeMap<String, Arc<Tensor>>,
    shapes: BTreeMap<String, Vec<usize>>,
    /// Why shape inference stopped, if it did.
    remark: Option<String>,
}

impl Facts {
    pub(super) fn new(proto: &ModelProto) -> Result<Self> {
        let framework = tract_onnx::onnx()
            .with_ignore_output_shapes(true)
            .with_ignore_output_types(true);
        let mut parsed = framework
            .parse(proto, None)
            .map_err(|e| malformed(format!("{e:#}")))?;
        // Inference goes as far as it can; what is missing is reported where it is needed.
        let remark = parsed.model.analyse(true).err().map(|e| format!("{e:#}"));
        let mut facts = Self {
            constants: BTreeMap::new(),
            shapes: BTreeMap::new(),
            remark,
        };
        for (name, outlet) in &parsed.outlets_by_name {
            let Ok(fact) = parsed.model.outlet_fact(*outlet) else {
                continue;
            };
            if let Some(tensor) = fact.value.concretize() {
                facts.constants.insert(name.clone(), tensor);
            }
            let dims = fact.shape.concretize();
            let shape = dims.and_then(|d| d.iter().map(|d| d.to_usize().ok()).collect());
            if let Some(shape) = shape {
                facts.shapes.insert(name.clone(), shape);
            }
        }
        Ok(facts)
    }

    /// The constant of this name, or why it cannot be read.
    pub(super) fn constant(&self, name: &str) -> Option<Result<Constant>> {
        let tensor = self.constants.get(name)?;
        let read = || {
            let cast = match tensor.datum_type() {
                DatumType::TDim => Tensor::cast_to::<i64>(tensor)?
                    .into_owned()
                    .cast_to::<f64>()?
                    .into_owned(),
                _ => Tensor::cast_to::<f64>(tensor)?.into_owned(),
            };
            Ok(Constant {
                shape: cast.shape().to_vec(),
                data: cast.to_plain_array_view::<f64>()?.iter().copied().collect(),
            })
        };
        Some(read().map_err(|e: tract_onnx::prelude::TractError| {
            malformed(format!("constant {name}: {e:#}"))
        }))
    }

    pub(super) fn is_constant(&self, name: &str) -> bool {
        self.constants.contains_key(name)
    }

    pub(super) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.shapes.get(name).map(Vec::as_slice)
    }

    pub(super) fn remark(&self) -> String {
        self.remark
            .as_ref()
            .map(|r| format!(" (shape inference: {r})"))
            .unwrap_or_default()
    }
}
