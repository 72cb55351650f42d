//! A smallest chunk in each canonical shape: what a key of it is made from by whoever wants its constraint system alone.

use super::{Catalogue, Entry, RANGE};
use crate::error::CircuitError;
use crate::plan::{ChunkPlan, HideWeights, Objective, PlanOptions};
use chainfer_model::partitioned::{ChunkSpec, Leaf, LeafClass, PartitionedModel, Visibility};
use chainfer_model::quantized::{
    Dims, QLayer, QLinear, QTensor, QTerm, QuantParams, QuantizedGraph, TensorId, TermMap,
};

/// A dense layer of one input and one output, both public.
pub(super) fn model() -> PartitionedModel {
    let tensor = |name: &str| QTensor {
        name: name.to_owned(),
        dims: Dims { c: 1, h: 1, w: 1 },
        external_shape: vec![1, 1],
        element_order: None,
        quant: QuantParams {
            scale: 1.0,
            zero_point: 0,
        },
        factors: None,
        before: None,
    };
    let leaf = |tensor, class| Leaf {
        tensor: TensorId(tensor),
        class,
        visibility: Visibility::Public,
    };
    PartitionedModel {
        graph: QuantizedGraph {
            tables: Vec::new(),
            range: RANGE,
            tensors: vec![tensor("x"), tensor("y")],
            layers: vec![QLayer::Linear(QLinear {
                name: "dense".to_owned(),
                output: TensorId(1),
                terms: vec![QTerm {
                    input: TensorId(0),
                    map: TermMap::Dense {
                        weights: vec![RANGE.into()],
                    },
                }],
                element_bias: vec![0],
            })],
            inputs: vec![TensorId(0)],
            outputs: vec![TensorId(1)],
        },
        leaves: vec![leaf(0, LeafClass::Input), leaf(1, LeafClass::Output)],
        chunks: vec![ChunkSpec {
            first_layer: 0,
            end_layer: 1,
            reads: vec![0],
            writes: vec![1],
            exposes: vec![0, 1],
        }],
    }
}

impl Entry {
    /// A chunk in this shape, with as few rows as its table allows and two public values. The same for everybody: it has no secret.
    ///
    /// # Errors
    /// None of an entry of the catalogue.
    pub fn sample(&self) -> Result<ChunkPlan, CircuitError> {
        let catalogue = Catalogue {
            range: RANGE,
            entries: std::slice::from_ref(self),
        };
        let options = PlanOptions {
            objective: Objective::Gas,
            hide_weights: HideWeights::Rows(0),
            ..PlanOptions::default()
        };
        ChunkPlan::within(&catalogue, &model(), 0, &options)
    }
}
