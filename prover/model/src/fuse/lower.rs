//! The walk over the nodes, and the nodes that scale, shift, clamp or rearrange.

use super::graph::{FusedGraph, FusedLayer};
use super::lowering::Lowering;
use super::value::{Body, Value, normal, scale_rows};
use crate::error::Result;
use crate::float::{Bounds, FloatGraph, FloatNode, FloatOp, transpose_sources};

pub(super) fn lower(graph: &FloatGraph) -> Result<FusedGraph> {
    let mut lowering = Lowering::new(graph);
    for node in graph.nodes() {
        let value = lowering.node(node)?;
        lowering.put(node.output, value)?;
    }
    for output in graph.outputs() {
        lowering.model_output(*output)?;
    }
    Ok(lowering.fused)
}

impl Lowering<'_> {
    fn node(&mut self, node: &FloatNode) -> Result<Value> {
        let input = node.inputs[0];
        match &node.op {
            FloatOp::Conv(op) => self.conv(node, op),
            FloatOp::Dense(op) => self.dense(node, op),
            FloatOp::BatchNorm(op) => {
                let shape = self.shape(input);
                let plane: usize = shape[2..].iter().product();
                let len: usize = shape.iter().product();
                let channel = |e: usize| op.affine(e / plane % shape[1]);
                let (scale, shift) = (0..len).map(channel).unzip();
                self.elementwise(node, scale, shift)
            }
            FloatOp::MulConstant(c) => {
                let scale = c.broadcast(self.shape(input));
                let shift = vec![0.0; scale.len()];
                self.elementwise(node, scale, shift)
            }
            FloatOp::AddConstant(c) => {
                let shift = c.broadcast(self.shape(input));
                self.elementwise(node, vec![1.0; shift.len()], shift)
            }
            FloatOp::Add => self.sum(node, 1.0),
            FloatOp::Sub => self.sum(node, -1.0),
            FloatOp::Clamp(bounds) => self.clamp(node, *bounds),
            FloatOp::AveragePool(op) => self.average_pool(node, op),
            FloatOp::GlobalAveragePool => self.global_average_pool(node),
            FloatOp::MaxPool(op) => self.max_pool(node, op),
            FloatOp::Reshape(_) => self.take(input),
            FloatOp::Rearrange(_) | FloatOp::Function(_) | FloatOp::Mul | FloatOp::MatMul => Err(
                super::lowering::unsupported(&node.name, node.op.name(), "not lowered yet".into()),
            ),
            FloatOp::Transpose(perm) => {
                let mut value = self.take(input)?;
                let moved = transpose_sources(self.shape(input), perm);
                value.at = normal(moved.into_iter().map(|i| value.index(i)).collect());
                Ok(value)
            }
        }
    }

    /// `scale * x + shift`, both in external order.
    fn elementwise(&mut self, node: &FloatNode, scale: Vec<f64>, shift: Vec<f64>) -> Result<Value> {
        let mut value = self.take(node.inputs[0])?;
        let (factor, offset) = (value.internal(scale), value.internal(shift));
        if let Body::Linear { nodes, terms, bias } = &mut value.body {
            if scale_rows(terms, &factor, value.dims).is_some() {
                for ((b, f), o) in bias.iter_mut().zip(&factor).zip(&offset) {
                    *b = *b * f + o;
                }
                nodes.push(node.name.clone());
                return Ok(value);
            }
            let name = self.graph.tensor(node.inputs[0]).name.clone();
            value = self.emit(value, &name, Bounds::default())?;
        }
        if let Body::Affine { scale, shift, .. } = &mut value.body {
            for (e, (f, o)) in factor.iter().zip(&offset).enumerate() {
                scale[e] *= f;
                shift[e] = shift[e] * f + o;
            }
        }
        Ok(value)
    }

    fn clamp(&mut self, node: &FloatNode, bounds: Bounds) -> Result<Value> {
        let value = self.take(node.inputs[0])?;
        if let Some(tensor) = value.plain() {
            let own = self.fused.tensors[tensor].bounds;
            if own.then(&bounds) == own {
                return Ok(value);
            }
            if value.sole && self.push_clamp(tensor, &bounds) {
                return Ok(value);
            }
        }
        let linear = self.linear_of(value, &node.name)?;
        let name = self.graph.tensor(node.output).name.clone();
        self.emit(linear, &name, bounds)
    }

    /// Moves a clamp to the linear layer that makes `tensor`, through maxima (which commute with it).
    fn push_clamp(&mut self, tensor: usize, bounds: &Bounds) -> bool {
        let mut chain = vec![tensor];
        let mut at = tensor;
        loop {
            match self.fused.layers.iter().rfind(|l| l.output() == at) {
                Some(FusedLayer::Linear(_)) => break,
                Some(FusedLayer::MaxPool(p)) if self.only_maximum_reads[p.input] => {
                    at = p.input;
                    chain.push(at);
                }
                _ => return false,
            }
        }
        for t in chain {
            let slot = &mut self.fused.tensors[t].bounds;
            *slot = slot.then(bounds);
        }
        true
    }
}
