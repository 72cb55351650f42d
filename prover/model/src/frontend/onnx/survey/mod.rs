//! Goes through the nodes of a file in order: constants are computed, supported nodes become operations, and what cannot be read is
//! collected.

mod branch;
mod outputs;
mod stand_in;

use super::constant_node::{self, tensor};
use super::constants;
use super::evaluate::Known;
use super::extent;
use super::external::Folder;
use super::forms;
use super::importer::{Importer, Operand, Value};
use super::inputs::OpenDims;
use super::node::{is_standard, label, malformed, refuse};
use super::scores;
use super::{operators, order};
use crate::error::{ModelError, Result};
use crate::frontend::survey::{Collector, LoadOptions, Support, Survey};
use std::collections::BTreeSet;
use std::sync::Arc;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};
use tract_onnx::prelude::Tensor;

pub(super) struct Walk<'f> {
    importer: Importer,
    folder: Folder<'f>,
    collector: Collector,
    /// What nodes and outputs read.
    read: BTreeSet<String>,
    /// Whether inputs have other lengths than the file says.
    is_reshaped: bool,
}

/// Reads a file whose names were checked.
///
/// # Errors
/// What is wrong is no matter of one node.
pub(super) fn survey(
    graph: &GraphProto,
    opset: i64,
    folder: Folder<'_>,
    options: &LoadOptions,
) -> Result<Survey> {
    let mut walk = Walk {
        importer: Importer::new(opset, options.drop_final_softmax),
        folder,
        collector: Collector::default(),
        read: BTreeSet::new(),
        is_reshaped: false,
    };
    walk.constants(graph)?;
    let mut dims = OpenDims::new(&options.dims);
    for input in &graph.input {
        // An input with a constant of its name has that as its default.
        if walk.importer.value(&input.name).is_some() {
            continue;
        }
        let id = dims.shape(input).and_then(|(shape, kind)| {
            walk.importer.set_kind(&input.name, kind);
            walk.importer.builder.input(&input.name, &shape)
        });
        let value = match id {
            Ok(id) => Value::Tensor(id),
            Err(error) => {
                walk.collector.block(&input.name, "input", error);
                Value::Unknown
            }
        };
        walk.importer.define(&input.name, value)?;
    }
    walk.is_reshaped = dims.finish()?;
    walk.importer.endings = scores::endings(graph);
    walk.graph(graph, 0)?;
    walk.finish(&graph.output)
}

impl Walk<'_> {
    /// The constants of a graph.
    fn constants(&mut self, graph: &GraphProto) -> Result<()> {
        for tensor in &graph.initializer {
            self.importer
                .set_element_type(&tensor.name, tensor.data_type);
            let value = self.constant(tensor, &tensor.name)?;
            self.importer.define(&tensor.name, value)?;
        }
        for sparse in &graph.sparse_initializer {
            let name = sparse.values.as_ref().map_or("", |v| v.name.as_str());
            let value = constants::dense(sparse, name, &mut self.importer.evaluator)?;
            self.importer.define(name, Value::Constant(value))?;
        }
        Ok(())
    }

    /// A constant whose type is not read is in the way of the nodes that read it, and of nothing else.
    fn constant(&mut self, tensor: &TensorProto, name: &str) -> Result<Value> {
        if constants::is_readable(tensor.data_type) {
            return constants::load(tensor, name, &self.folder).map(Value::Constant);
        }
        let error = constants::load(tensor, name, &self.folder);
        if let Err(error) = error {
            self.collector.block(name, "constant", error);
        }
        Ok(Value::Unknown)
    }

    fn graph(&mut self, graph: &GraphProto, depth: usize) -> Result<()> {
        let names = graph.node.iter().flat_map(order::reads).map(str::to_owned);
        self.read.extend(names);
        self.read
            .extend(graph.output.iter().map(|o| o.name.clone()));
        let outside = |name: &str| depth > 0 && self.importer.value(name).is_some();
        for node in order::sorted(graph, outside)? {
            let support = match self.node(node, depth) {
                Ok(support) => support,
                Err(error @ ModelError::Read { .. }) => return Err(error),
                Err(error) => {
                    self.collector
                        .block(label(node), &operators::title(node), error);
                    self.go_on_after(node)?;
                    continue;
                }
            };
            let title = operators::title(node);
            self.collector.node(label(node), &title, support);
        }
        Ok(())
    }

    /// Reads a node and defines its outputs; if it cannot be read, none is defined.
    fn node(&mut self, node: &NodeProto, depth: usize) -> Result<Support> {
        if node.op_type == "If" && is_standard(&node.domain) {
            return self.branch(node, depth);
        }
        if let Some(support) = scores::ending(&mut self.importer, node)? {
            return Ok(support);
        }
        let known = self.importer.known(node);
        let values = known.as_ref().and_then(|known| constants_of(known));
        operators::check(node, self.importer.opset, values.is_some())?;
        forms::check(node, self.importer.opset)?;
        if node.op_type == "Constant" {
            let value = self.constant_of(node)?;
            let tensor = node.attribute.iter().find_map(|a| a.t.as_ref());
            if let (Some(name), Some(tensor)) = (node.output.first(), tensor) {
                self.importer.set_element_type(name, tensor.data_type);
            }
            self.define(node, vec![value])?;
            return Ok(Support::Constant);
        }
        let Some(known) = known else {
            for output in outputs(node) {
                self.importer.define(output, Value::Unknown)?;
            }
            return Ok(Support::Unknown);
        };
        if let Some(values) = values {
            let computed = if extent::is_computed(&node.op_type) {
                let aligned = operators::align(node, self.importer.opset, values)?;
                self.importer.evaluator.value(node, &aligned)?
            } else {
                constant_node::value(&self.importer, node)?
            };
            self.define(node, computed)?;
            return Ok(Support::Constant);
        }
        if let Some(value) = lengths(node, &known) {
            self.define(node, vec![value])?;
            return Ok(Support::Constant);
        }
        let before = self.importer.builder.tensors();
        let made = operators::read(&mut self.importer, node)?;
        let mut others = node.output.iter().skip(made.len());
        if let Some(other) = others.find(|name| self.read.contains(*name)) {
            return Err(refuse(
                node,
                format!(
                    "its output {other} is read; supported: its first {}",
                    made.len()
                ),
            ));
        }
        if let Some(Operand::Tensor(id)) = made.first()
            && let shape = self.importer.builder.shape(*id)
            // Of starts before the first element, tract infers more than there is.
            && node.op_type != "Slice"
            && let Some(inferred) = self.importer.evaluator.shape(node, &known)
            && inferred != shape
        {
            return Err(malformed(format!(
                "node {}: its output has shape {shape:?}, shape inference says {inferred:?}",
                label(node),
            )));
        }
        let kind = operators::kind(&self.importer, node);
        let mut made = made.into_iter();
        for output in &node.output {
            let value = match made.next() {
                Some(Operand::Tensor(id)) => {
                    if id.0 >= before && !output.is_empty() {
                        self.importer.builder.rename(id, output);
                    }
                    Value::Tensor(id)
                }
                Some(Operand::Constant(constant)) => Value::Constant(tensor(node, &constant)?),
                None => Value::Unknown,
            };
            if !output.is_empty() {
                self.importer.set_kind(output, kind);
                self.importer.define(output, value)?;
            }
        }
        Ok(Support::Supported)
    }

    fn define(&mut self, node: &NodeProto, values: Vec<Arc<Tensor>>) -> Result<()> {
        let names: Vec<&String> = outputs(node).collect();
        if values.len() < names.len() {
            return Err(refuse(node, "it computes less values than it has outputs"));
        }
        for (name, value) in names.into_iter().zip(values) {
            self.importer.define(name, Value::Constant(value))?;
        }
        Ok(())
    }
}

/// The outputs that have a name.
fn outputs(node: &NodeProto) -> impl Iterator<Item = &String> {
    node.output.iter().filter(|name| !name.is_empty())
}

/// The values of a node's inputs, if all of them are constants and there is one.
fn constants_of(known: &[Option<Known>]) -> Option<Vec<Option<Arc<Tensor>>>> {
    if known.iter().all(Option::is_none) {
        return None;
    }
    let value = |input: &Option<Known>| match input {
        None => Some(None),
        Some(Known::Value(tensor)) => Some(Some(Arc::clone(tensor))),
        Some(Known::Shape(_)) => None,
    };
    known.iter().map(value).collect()
}

/// What Shape and Size say of a tensor whose shape is known.
fn lengths(node: &NodeProto, known: &[Option<Known>]) -> Option<Arc<Tensor>> {
    use super::attributes::Attributes;
    let Some(Some(Known::Shape(shape))) = known.first() else {
        return None;
    };
    let lengths: Vec<i64> = shape.iter().map(|d| *d as i64).collect();
    match node.op_type.as_str() {
        "Size" => Some(Arc::new(Tensor::from(lengths.iter().product::<i64>()))),
        "Shape" => {
            let rank = lengths.len() as i64;
            let place = |name: &str, default: i64| {
                let at = node.int(name, default);
                let at = if at < 0 { at.saturating_add(rank) } else { at };
                usize::try_from(at.clamp(0, rank)).unwrap_or(0)
            };
            let (start, end) = (place("start", 0), place("end", rank));
            let part = lengths.get(start..end).unwrap_or_default();
            Tensor::from_shape(&[part.len()], part).ok().map(Arc::new)
        }
        _ => None,
    }
}
