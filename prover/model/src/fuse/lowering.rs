//! What lowering has found out so far: the symbolic value of every float tensor, and the layers made.

use super::graph::{
    External, FusedGraph, FusedLayer, FusedLinear, FusedMap, FusedTensor, FusedTerm,
};
use super::value::{Body, Value, invert, normal, per_channel, rows_layout};
use crate::convolution::Geometry;
use crate::dims::Dims;
use crate::error::{ModelError, Result};
use crate::float::{Bounds, FloatGraph, FloatId, FloatOp, transpose_sources};
use crate::window::Window;

/// A dense layer is made of element-wise factors only up to this many elements.
const MAX_DIAGONAL: usize = 256;

pub(super) struct Lowering<'g> {
    pub(super) graph: &'g FloatGraph,
    pub(super) fused: FusedGraph,
    values: Vec<Option<Value>>,
    /// Readers of every float tensor; being a model output counts as one.
    uses: Vec<usize>,
    consumers: Vec<Vec<usize>>,
    /// For every stored tensor, whether its one reader is a max pooling.
    pub(super) only_maximum_reads: Vec<bool>,
}

impl<'g> Lowering<'g> {
    /// The start: only the model inputs have values.
    pub(super) fn new(graph: &'g FloatGraph) -> Self {
        let count = graph.tensors().len();
        let mut lowering = Lowering {
            graph,
            fused: FusedGraph::default(),
            values: vec![None; count],
            uses: vec![0; count],
            consumers: vec![Vec::new(); count],
            only_maximum_reads: Vec::new(),
        };
        for (index, node) in graph.nodes().iter().enumerate() {
            for input in &node.inputs {
                lowering.uses[input.0] += 1;
                lowering.consumers[input.0].push(index);
            }
        }
        for output in graph.outputs() {
            lowering.uses[output.0] += 1;
        }
        for input in graph.inputs() {
            lowering.model_input(*input);
        }
        lowering
    }
}

impl Lowering<'_> {
    pub(super) fn shape(&self, id: FloatId) -> &[usize] {
        &self.graph.tensor(id).shape
    }

    pub(super) fn new_tensor(&mut self, name: &str, dims: Dims, bounds: Bounds) -> usize {
        self.fused.tensors.push(FusedTensor {
            name: name.to_owned(),
            dims,
            external: None,
            bounds,
            factors: None,
        });
        self.only_maximum_reads.push(false);
        self.fused.tensors.len() - 1
    }

    fn model_input(&mut self, id: FloatId) {
        let (at, dims) = self.layout(id);
        let name = self.graph.tensor(id).name.clone();
        let tensor = self.new_tensor(&name, dims, Bounds::default());
        self.fused.inputs.push(tensor);
        self.fused.tensors[tensor].external = Some(External {
            shape: self.shape(id).to_vec(),
            order: at.as_deref().map(invert),
        });
        let mut value = Value::stored(tensor, dims, at);
        value.sole = self.uses[id.0] == 1;
        self.values[id.0] = Some(value);
    }

    pub(super) fn model_output(&mut self, id: FloatId) -> Result<()> {
        let name = self.graph.tensor(id).name.clone();
        let mut value = self.stored(id, &name)?;
        let taken = |t: usize, fused: &FusedGraph| fused.tensors[t].external.is_some();
        let mut tensor = value.plain().ok_or_else(|| internal(&name))?;
        if taken(tensor, &self.fused) {
            // One tensor has one external view: another output, or a model input, gets a copy.
            let bounds = self.fused.tensors[tensor].bounds;
            value = self.linear_of(value, &name)?;
            value = self.emit(value, &name, bounds)?;
            tensor = value.plain().ok_or_else(|| internal(&name))?;
        }
        let external = External {
            shape: self.shape(id).to_vec(),
            order: value.at.as_deref().map(invert),
        };
        let slot = &mut self.fused.tensors[tensor];
        slot.external = Some(external);
        slot.name = name;
        self.fused.outputs.push(tensor);
        Ok(())
    }

    /// The layout that the readers of `id` want: that of the first spatial operator down the graph, or its own.
    /// Returns the internal index of every external element, and the dims.
    pub(super) fn layout(&self, id: FloatId) -> (Option<Vec<usize>>, Dims) {
        let mut seen = vec![false; self.uses.len()];
        // Tensors to look at, with the element of `id` that each of their elements is.
        let mut stack: Vec<(FloatId, Option<Vec<usize>>)> = vec![(id, None)];
        while let Some((tensor, source)) = stack.pop() {
            if std::mem::replace(&mut seen[tensor.0], true) {
                continue;
            }
            for index in self.consumers[tensor.0].iter().rev() {
                let node = &self.graph.nodes()[*index];
                match &node.op {
                    FloatOp::Conv(_)
                    | FloatOp::AveragePool(_)
                    | FloatOp::MaxPool(_)
                    | FloatOp::GlobalAveragePool => {
                        if let [1, c, h, w] = *self.shape(tensor) {
                            let at = source.as_deref().map(invert).and_then(normal);
                            return (at, Dims { c, h, w });
                        }
                    }
                    FloatOp::Dense(dense) => {
                        let inputs = dense.weights.len() / dense.outputs;
                        let rows = self.graph.tensor(tensor).len() / inputs;
                        if rows > 1 {
                            let own = rows_layout(rows, inputs);
                            let at = match source.as_deref().map(invert) {
                                Some(at) => at.into_iter().map(|j| own[j]).collect(),
                                None => own,
                            };
                            let dims = Dims {
                                c: inputs,
                                h: rows,
                                w: 1,
                            };
                            return (normal(at), dims);
                        }
                    }
                    FloatOp::Transpose(perm) => {
                        let moved = transpose_sources(self.shape(tensor), perm);
                        let composed = match &source {
                            Some(source) => moved.iter().map(|i| source[*i]).collect(),
                            None => moved,
                        };
                        stack.push((node.output, Some(composed)));
                    }
                    FloatOp::Rearrange(_) | FloatOp::MatMul => {}
                    _ => stack.push((node.output, source.clone())),
                }
            }
        }
        let dims = match *self.shape(id) {
            [1, c, h, w] => Dims { c, h, w },
            _ => Dims {
                c: self.graph.tensor(id).len(),
                h: 1,
                w: 1,
            },
        };
        (None, dims)
    }

    /// The value of a float tensor, for one of its readers.
    pub(super) fn take(&mut self, id: FloatId) -> Result<Value> {
        let value = if self.uses[id.0] == 1 {
            self.values[id.0].take()
        } else {
            self.values[id.0].clone()
        };
        value.ok_or_else(|| internal(&self.graph.tensor(id).name))
    }

    pub(super) fn put(&mut self, id: FloatId, mut value: Value) -> Result<()> {
        if self.uses[id.0] > 1 {
            if matches!(value.body, Body::Linear { .. }) {
                let name = self.graph.tensor(id).name.clone();
                value = self.emit(value, &name, Bounds::default())?;
            }
            value.sole = false;
        }
        self.values[id.0] = Some(value);
        Ok(())
    }

    /// An affine value or a view: a pending linear map is stored first.
    pub(super) fn viewable(&mut self, id: FloatId) -> Result<Value> {
        let value = self.take(id)?;
        if !matches!(value.body, Body::Linear { .. }) {
            return Ok(value);
        }
        let name = self.graph.tensor(id).name.clone();
        self.emit(value, &name, Bounds::default())
    }

    /// A value that is not stored yet and has one reader.
    pub(super) fn waiting(&self, id: FloatId) -> Option<&Value> {
        let value = self.values[id.0].as_ref()?;
        matches!(value.body, Body::Linear { .. }).then_some(value)
    }

    /// How many nodes read a tensor; being a model output counts as one.
    pub(super) fn uses(&self, id: FloatId) -> usize {
        self.uses[id.0]
    }

    /// Sets what later readers of a tensor take.
    pub(super) fn share(&mut self, id: FloatId, value: Value) {
        self.values[id.0] = Some(value);
    }

    /// A plain stored tensor; other readers share it.
    pub(super) fn stored(&mut self, id: FloatId, node: &str) -> Result<Value> {
        let value = self.take(id)?;
        if value.plain().is_some() {
            return Ok(value);
        }
        let name = self.graph.tensor(id).name.clone();
        let mut value = self.settle(value, &name)?;
        if value.plain().is_none() {
            let linear = self.linear_of(value, node)?;
            value = self.emit(linear, &name, Bounds::default())?;
        }
        if self.uses[id.0] > 1 {
            value.sole = false;
            self.values[id.0] = Some(value.clone());
        }
        Ok(value)
    }

    /// The value as a pending linear map.
    pub(super) fn linear_of(&mut self, value: Value, node: &str) -> Result<Value> {
        let (tensor, pool, scale, shift) = match value.body {
            Body::Affine {
                tensor,
                pool,
                scale,
                shift,
            } => (tensor, pool, scale, shift),
            Body::Elements(_) => return self.linear_of_view(value, node),
            Body::Linear { .. } => return Ok(value),
        };
        let map = if let Some(weights) = per_channel(&scale, value.dims) {
            FusedMap::Conv {
                geometry: Geometry {
                    window: Window::POINT.pooling(pool),
                    groups: value.dims.c,
                },
                weights,
            }
        } else if pool == [1, 1] && scale.len() <= MAX_DIAGONAL {
            let n = scale.len();
            let mut weights = vec![0.0; n * n];
            for (i, factor) in scale.iter().enumerate() {
                weights[i * n + i] = *factor;
            }
            FusedMap::Dense(weights)
        } else {
            let mut tensor = tensor;
            if pool != [1, 1] {
                let mut sums = Value::stored(tensor, value.dims, value.at.clone());
                if let Body::Affine { pool: of_sums, .. } = &mut sums.body {
                    *of_sums = pool;
                }
                let linear = self.linear_of(sums, node)?;
                let stored = self.emit(linear, &format!("{node}.sums"), Bounds::default())?;
                tensor = stored.plain().ok_or_else(|| internal(node))?;
            }
            let mut scaled = self.scaled(tensor, (scale, shift), value.dims, node);
            scaled.at = value.at;
            return self.linear_of(scaled, node);
        };
        Ok(Value {
            body: Body::Linear {
                nodes: vec![node.to_owned()],
                terms: vec![FusedTerm { input: tensor, map }],
                bias: shift,
            },
            dims: value.dims,
            at: value.at,
            sole: true,
        })
    }

    /// Stores a linear map.
    pub(super) fn emit(&mut self, value: Value, name: &str, bounds: Bounds) -> Result<Value> {
        let Body::Linear { nodes, terms, bias } = value.body else {
            return Err(internal(name));
        };
        let output = self.new_tensor(name, value.dims, bounds);
        self.fused.layers.push(FusedLayer::Linear(FusedLinear {
            name: nodes.join("+"),
            output,
            terms,
            bias,
        }));
        Ok(Value::stored(output, value.dims, value.at))
    }
}

pub(super) fn unsupported(node: &str, op: &'static str, reason: String) -> ModelError {
    ModelError::UnsupportedUse {
        node: node.to_owned(),
        op: op.to_owned(),
        reason,
    }
}

pub(super) fn internal(name: &str) -> ModelError {
    ModelError::InvalidGraph(format!("tensor {name} has no value where one is read"))
}
