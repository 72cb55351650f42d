//! One node under tract: its value where all that it reads is constant, and its shape where shapes are known.
//!
//! Only operators with a bound ([`extent`]) are computed, and only operators of [`INFERRED`] have their shapes inferred: the rest of
//! tract sees no byte of the file. In particular BatchNormalization, whose shape inference (0.23) reads the second length of a shape of
//! one axis from beyond the shape, unchecked.

use super::extent::{self, MAX_ELEMENTS};
use super::node::{label, malformed, refuse};
use crate::error::Result;
use crate::float::Constant;
use chainfer_formats::panics::caught;
use std::sync::Arc;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{ModelProto, NodeProto};
use tract_onnx::prelude::{
    DatumType, InferenceModelExt, IntoArcTensor, IntoTValue, TVec, Tensor, TractResult,
};
use tract_onnx::tract_hir::infer::{Factoid, InferenceFact, InferenceModel, InferenceOp};
use tract_onnx::tract_hir::internal::{DimLike, InletId, OutletId};

/// All constants that are computed together have at most this many elements.
const MAX_COMPUTED: i64 = 1 << 27;

/// Operators whose shapes tract infers, to compare them and to read on after a node that is not supported.
const INFERRED: [&str; 16] = [
    "AveragePool",
    "Concat",
    "Conv",
    "Flatten",
    "Gather",
    "Gemm",
    "GlobalAveragePool",
    "MatMul",
    "MaxPool",
    "Pad",
    "ReduceMean",
    "Reshape",
    "Slice",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];

/// What is known of a value that a node reads.
#[derive(Clone, Debug)]
pub(super) enum Known {
    Shape(Vec<usize>),
    Value(Arc<Tensor>),
}

pub(super) struct Evaluator {
    framework: tract_onnx::Onnx,
    opset: i64,
    /// Elements of all that was computed so far.
    computed: i64,
}

impl std::fmt::Debug for Evaluator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Evaluator")
            .field("opset", &self.opset)
            .field("computed", &self.computed)
            .finish_non_exhaustive()
    }
}

impl Evaluator {
    pub(super) fn new(opset: i64) -> Self {
        Self {
            framework: tract_onnx::onnx(),
            opset,
            computed: 0,
        }
    }

    /// Accounts for a constant that is larger in memory than in the file.
    pub(super) fn reserve(&mut self, what: &str, elements: i64) -> Result<()> {
        self.computed = self.computed.saturating_add(elements);
        if elements > MAX_ELEMENTS || self.computed > MAX_COMPUTED {
            return Err(malformed(format!(
                "{what} has {elements} elements; supported: at most {MAX_ELEMENTS}, and {MAX_COMPUTED} in all that is computed from constants"
            )));
        }
        Ok(())
    }

    /// The values of a node's outputs (those that are named, in order). Inputs that are not given are `None`.
    pub(super) fn value(
        &mut self,
        node: &NodeProto,
        inputs: &[Option<Arc<Tensor>>],
    ) -> Result<Vec<Arc<Tensor>>> {
        let elements = extent::bound(node, inputs)?;
        self.reserve(&format!("what node {} computes", label(node)), elements)?;
        let given: Vec<Known> = inputs.iter().flatten().cloned().map(Known::Value).collect();
        let outputs = self
            .run(|ctx| {
                let op = build(ctx, node)?;
                let values = inputs.iter().flatten().cloned();
                let values: TVec<_> = values.map(IntoTValue::into_tvalue).collect();
                match op.eval_out_of_plan(values)? {
                    Some(values) => values
                        .into_iter()
                        .map(|v| plain(v.into_arc_tensor()))
                        .collect::<TractResult<Vec<_>>>(),
                    None => infer(ctx, node, &given)?
                        .iter()
                        .map(|fact| match fact.value.concretize() {
                            Some(tensor) => plain(tensor),
                            None => Err(TractError::msg("it has no value")),
                        })
                        .collect(),
                }
            })
            .ok_or_else(|| refuse(node, "the parser stopped on it; export the model again"))?
            .map_err(|e| {
                refuse(
                    node,
                    format!("it cannot be computed from constants: {e:#}; fold it when you export the model"),
                )
            })?;
        let named = node.output.iter().filter(|name| !name.is_empty()).count();
        let got: i64 = outputs.iter().map(|t| t.len() as i64).sum();
        if outputs.len() < named || got > elements {
            return Err(refuse(
                node,
                format!(
                    "{} outputs of {got} elements are computed where {named} of at most {elements} are expected",
                    outputs.len()
                ),
            ));
        }
        Ok(outputs)
    }

    /// The shape of the node's first output, if tract can tell. Inputs that are not given are `None`.
    pub(super) fn shape(&self, node: &NodeProto, inputs: &[Option<Known>]) -> Option<Vec<usize>> {
        if !INFERRED.contains(&node.op_type.as_str()) {
            return None;
        }
        let mut given: Vec<Known> = inputs.iter().flatten().cloned().collect();
        // Of values alone tract would compute the output, however large it is; a shape follows from shapes and what stands beside.
        if given.iter().all(|known| matches!(known, Known::Value(_)))
            && let Some(first) = given.first_mut()
            && let Known::Value(tensor) = &*first
        {
            *first = Known::Shape(tensor.shape().to_vec());
        }
        let facts = self.run(|ctx| infer(ctx, node, &given))?.ok()?;
        let dims = facts.first()?.shape.concretize()?;
        dims.iter().map(|d| d.to_usize().ok()).collect()
    }

    /// Nothing if tract panics.
    fn run<T>(&self, call: impl FnOnce(&ParsingContext<'_>) -> T) -> Option<T> {
        let model = ModelProto::default();
        let ctx = ParsingContext {
            onnx_operator_set_version: self.opset,
            framework: &self.framework,
            model: &model,
            parent_graphs: Vec::new(),
            model_dir: None,
            template: InferenceModel::default(),
        };
        caught(|| call(&ctx))
    }
}

type TractError = tract_onnx::prelude::TractError;

fn build(ctx: &ParsingContext<'_>, node: &NodeProto) -> TractResult<Box<dyn InferenceOp>> {
    let builder = ctx.framework.op_register.0.get(&node.op_type);
    let builder = builder.ok_or_else(|| TractError::msg("the operator is unknown"))?;
    Ok(builder(ctx, node)?.0)
}

/// What tract infers of a node's outputs.
fn infer(
    ctx: &ParsingContext<'_>,
    node: &NodeProto,
    inputs: &[Known],
) -> TractResult<Vec<InferenceFact>> {
    let mut model = InferenceModel::default();
    let mut sources = Vec::new();
    for (n, input) in inputs.iter().enumerate() {
        let fact = match input {
            Known::Shape(shape) => {
                let dims: TVec<usize> = shape.iter().copied().collect();
                InferenceFact::dt_shape(DatumType::F32, dims.as_slice())
            }
            Known::Value(tensor) => Arc::clone(tensor).try_into()?,
        };
        sources.push(model.add_source(format!("input{n}"), fact)?);
    }
    let named = node.output.iter().filter(|name| !name.is_empty());
    let outputs = named.map(|_| InferenceFact::default()).collect();
    let id = model.add_node("node", build(ctx, node)?, outputs)?;
    for (n, source) in sources.into_iter().enumerate() {
        model.add_edge(source, InletId::new(id, n))?;
    }
    let outlets = model.node(id).outputs.len();
    let outlets: Vec<OutletId> = (0..outlets).map(|n| OutletId::new(id, n)).collect();
    model.select_output_outlets(&outlets)?;
    // Inference goes as far as it can.
    let _ = model.analyse(true);
    outlets
        .iter()
        .map(|outlet| model.outlet_fact(*outlet).cloned())
        .collect()
}

/// Numbers of the types that are computed with: shapes are integers, halves are floats.
fn plain(tensor: Arc<Tensor>) -> TractResult<Arc<Tensor>> {
    let to = match tensor.datum_type() {
        DatumType::TDim => DatumType::I64,
        DatumType::F16 => DatumType::F32,
        _ => return Ok(tensor),
    };
    Ok(Arc::new(Tensor::cast_to_dt(&tensor, to)?.into_owned()))
}

/// The numbers of a tensor.
pub(super) fn constant(name: &str, tensor: &Tensor) -> Result<Constant> {
    let read = || {
        let cast = Tensor::cast_to::<f64>(tensor)?;
        Ok(Constant {
            shape: cast.shape().to_vec(),
            data: cast.to_plain_array_view::<f64>()?.iter().copied().collect(),
        })
    };
    read().map_err(|e: TractError| malformed(format!("constant {name}: {e:#}")))
}

/// The integers of a tensor of lengths, axes or indices.
pub(super) fn integers(tensor: &Tensor) -> Option<Vec<i64>> {
    let cast = Tensor::cast_to::<i64>(tensor).ok()?;
    Some(
        cast.to_plain_array_view::<i64>()
            .ok()?
            .iter()
            .copied()
            .collect(),
    )
}
