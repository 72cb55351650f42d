//! Goes through the nodes of a file in order: constants are computed, supported nodes become operations, and what cannot be read is
//! collected.

use super::constant_node::{self, tensor};
use super::constants;
use super::evaluate::Known;
use super::extent;
use super::external::Folder;
use super::forms;
use super::importer::{Importer, Operand, Value};
use super::inputs::{OpenDims, output_shape};
use super::node::{is_standard, label, malformed, refuse};
use super::scores::{self, Scores};
use super::{operators, order};
use crate::error::{ModelError, Result};
use crate::frontend::survey::{
    Blockers, LoadOptions, LoadedModel, Support, Survey, SurveyedNode, blocked,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto, ValueInfoProto};
use tract_onnx::prelude::Tensor;

/// Branches of conditions are followed this deep.
const MAX_DEPTH: usize = 8;

/// Operators whose output has the shape of their first input, so that what comes after them can be looked at.
const SAME_SHAPE: &[&str] = &[
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "BatchNormalization",
    "Cast",
    "Celu",
    "Clip",
    "Cosh",
    "Dropout",
    "Elu",
    "Erf",
    "Exp",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "LRN",
    "LayerNormalization",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "Mish",
    "Neg",
    "PRelu",
    "Reciprocal",
    "Relu",
    "Selu",
    "Sigmoid",
    "Sign",
    "Sinh",
    "Softmax",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Tanh",
    "ThresholdedRelu",
];

/// Operators whose output has the shape that those of their two inputs broadcast to.
const BROADCAST: &[&str] = &["Add", "Div", "Max", "Min", "Mul", "Pow", "Sub"];

pub(super) struct Walk<'f> {
    importer: Importer,
    folder: Folder<'f>,
    nodes: Vec<SurveyedNode>,
    /// The first error of a node, which is the whole message where it is the only one.
    first: Option<ModelError>,
    /// What nodes and outputs read.
    read: BTreeSet<String>,
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
        importer: Importer::new(opset, options.raw_scores),
        folder,
        nodes: Vec::new(),
        first: None,
        read: BTreeSet::new(),
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
                walk.block(&input.name, "input", error);
                Value::Unknown
            }
        };
        walk.importer.define(&input.name, value)?;
    }
    dims.finish()?;
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
            self.block(name, "constant", error);
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
                    self.block(label(node), &operators::title(node), error);
                    self.go_on_after(node)?;
                    continue;
                }
            };
            self.nodes.push(SurveyedNode {
                name: label(node).to_owned(),
                operator: operators::title(node),
                support,
            });
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

    /// A condition that is constant: the branch that is taken stands in its place.
    fn branch(&mut self, node: &NodeProto, depth: usize) -> Result<Support> {
        let condition = node
            .input
            .first()
            .and_then(|name| self.importer.value(name));
        let taken = match condition {
            Some(Value::Constant(tensor)) => super::evaluate::integers(tensor)
                .and_then(|c| <[i64; 1]>::try_from(c).ok())
                .ok_or_else(|| refuse(node, "a condition that is not one value"))?,
            Some(Value::Tensor(_)) => {
                return Err(refuse(
                    node,
                    "its condition depends on the model's input; supported: conditions on shapes and constants; export the model with one \
                     branch (tracing instead of scripting)",
                ));
            }
            _ => {
                for output in outputs(node) {
                    self.importer.define(output, Value::Unknown)?;
                }
                return Ok(Support::Unknown);
            }
        };
        let name = if taken == [0] {
            "else_branch"
        } else {
            "then_branch"
        };
        let branch = node.attribute.iter().find(|a| a.name == name);
        let branch = branch.and_then(|a| a.g.as_ref());
        let branch = branch.ok_or_else(|| refuse(node, format!("{name} is missing")))?;
        if depth >= MAX_DEPTH {
            return Err(refuse(
                node,
                format!("conditions in conditions; supported: {MAX_DEPTH} of them"),
            ));
        }
        if branch.output.len() < node.output.len() {
            return Err(refuse(node, format!("{name} has less outputs than it")));
        }
        self.constants(branch)?;
        self.graph(branch, depth + 1)?;
        for (output, inner) in node.output.iter().zip(&branch.output) {
            if output.is_empty() {
                continue;
            }
            let value = self.importer.value(&inner.name).cloned();
            let value = value.ok_or_else(|| {
                malformed(format!(
                    "output {} of {name}: no node computes it",
                    inner.name
                ))
            })?;
            self.importer.define(output, value)?;
        }
        Ok(Support::Supported)
    }

    /// The value of a Constant node.
    fn constant_of(&mut self, node: &NodeProto) -> Result<Arc<Tensor>> {
        let name = label(node);
        let [attribute] = node.attribute.as_slice() else {
            return Err(refuse(node, "not one value; supported: one"));
        };
        let floats = |shape: &[usize], data: &[f32]| Tensor::from_shape(shape, data);
        let ints = |shape: &[usize], data: &[i64]| Tensor::from_shape(shape, data);
        let made = match attribute.name.as_str() {
            "value" => {
                let missing = || refuse(node, "value is no tensor");
                let tensor = attribute.t.as_ref().ok_or_else(missing)?;
                return constants::load(tensor, name, &self.folder);
            }
            "sparse_value" => {
                let missing = || refuse(node, "sparse_value is no tensor");
                let sparse = attribute.sparse_tensor.as_ref().ok_or_else(missing)?;
                return constants::dense(sparse, name, &mut self.importer.evaluator);
            }
            "value_float" => floats(&[], &[attribute.f]),
            "value_floats" => floats(&[attribute.floats.len()], &attribute.floats),
            "value_int" => ints(&[], &[attribute.i]),
            "value_ints" => ints(&[attribute.ints.len()], &attribute.ints),
            other => return Err(refuse(node, format!("{other}; supported: numbers"))),
        };
        made.map(Arc::new)
            .map_err(|e| malformed(format!("constant {name}: {e:#}")))
    }

    fn block(&mut self, name: &str, operator: &str, error: ModelError) {
        let unsupported = |error: &ModelError| {
            let text = match error {
                ModelError::Malformed { detail, .. } => detail.clone(),
                other => other.to_string(),
            };
            let (reason, remedy) = text.split_once("; ").unwrap_or((&text, ""));
            Support::Unsupported {
                reason: reason.to_owned(),
                remedy: remedy.to_owned(),
            }
        };
        let support = blocked(&error).map_or_else(|| unsupported(&error), |node| node.support);
        self.nodes.push(SurveyedNode {
            name: name.to_owned(),
            operator: operator.to_owned(),
            support,
        });
        self.first.get_or_insert(error);
    }

    /// Gives the outputs of a node that cannot be read a shape where it is known, so that the nodes that read them can be looked at.
    fn go_on_after(&mut self, node: &NodeProto) -> Result<()> {
        let shape = self.shape_of(node);
        for (n, output) in node.output.iter().enumerate() {
            if output.is_empty() || self.importer.value(output).is_some() {
                continue;
            }
            let shape = shape.as_ref().filter(|_| n == 0);
            let id = shape.and_then(|shape| self.importer.builder.input(output, shape).ok());
            let value = id.map_or(Value::Unknown, Value::Tensor);
            self.importer.define(output, value)?;
        }
        Ok(())
    }

    fn shape_of(&self, node: &NodeProto) -> Option<Vec<usize>> {
        if !is_standard(&node.domain) {
            return None;
        }
        let known = self.importer.known(node)?;
        let shape = |n: usize| match known.get(n)?.as_ref()? {
            Known::Shape(shape) => Some(shape.clone()),
            Known::Value(tensor) => Some(tensor.shape().to_vec()),
        };
        let op = node.op_type.as_str();
        if SAME_SHAPE.contains(&op) {
            return shape(0);
        }
        if BROADCAST.contains(&op) && self.importer.opset >= 7 {
            let (a, b) = (shape(0)?, shape(1)?);
            let rank = a.len().max(b.len());
            let at = |s: &[usize], i: usize| (i + s.len()).checked_sub(rank).map_or(1, |i| s[i]);
            return (0..rank)
                .map(|i| match (at(&a, i), at(&b, i)) {
                    (a, b) if a == b || b == 1 => Some(a),
                    (1, b) => Some(b),
                    _ => None,
                })
                .collect();
        }
        // Attributes that the check refuses may not reach tract.
        operators::check(node, self.importer.opset, false).ok()?;
        self.importer.evaluator.shape(node, &known)
    }

    /// The model, if nothing is in its way.
    fn finish(mut self, declared: &[ValueInfoProto]) -> Result<Survey> {
        let mut ids = Vec::with_capacity(declared.len());
        let mut warnings = Vec::new();
        for output in declared {
            let name = &output.name;
            let value = self.importer.value(name);
            let value =
                value.ok_or_else(|| malformed(format!("output {name}: no node computes it")))?;
            match *value {
                Value::Tensor(id) => {
                    if self.importer.unrounded.contains(&id) {
                        warnings.push(format!(
                            "output {name} is quantised in the file: it is given without rounding"
                        ));
                    }
                    ids.push((id, Some(output), name.clone()));
                }
                Value::Scores(Scores {
                    of,
                    complement: false,
                }) if ids.iter().all(|(id, ..)| *id != of) => {
                    ids.push((of, None, format!("{name}_scores")));
                    warnings.push(format!(
                        "output {name}: the scores before its probabilities are the output {name}_scores instead (--raw-scores)"
                    ));
                }
                Value::Scores(_) => warnings.push(format!(
                    "output {name} is left out: it follows from the scores of another output"
                )),
                Value::Dropped(what) => warnings.push(format!(
                    "output {name} is left out: {what}, which is not proved; it follows from the scores"
                )),
                Value::Constant(_) => {
                    return Err(malformed(format!(
                        "output {name} does not depend on any input"
                    )));
                }
                Value::Unknown => {}
            }
        }
        if ids.is_empty() && self.first.is_none() {
            return Err(malformed(format!(
                "no output remains that can be proved: {}; make the scores an output when you export the model",
                warnings.join("; ")
            )));
        }
        let blocked = self
            .nodes
            .iter()
            .filter(|n| matches!(n.support, Support::Unsupported { .. }));
        let blocked: Vec<SurveyedNode> = blocked.cloned().collect();
        let model = match (self.first, blocked.len()) {
            (None, _) => {
                for (id, output, name) in &ids {
                    if let Some(output) = output {
                        output_shape(output, self.importer.builder.shape(*id))?;
                    }
                    self.importer.builder.rename(*id, name);
                }
                let ids: Vec<_> = ids.into_iter().map(|(id, ..)| id).collect();
                Ok(LoadedModel {
                    graph: self.importer.builder.finish(&ids)?,
                    warnings,
                })
            }
            (Some(only), 1) => Err(only),
            (Some(_), _) => Err(ModelError::Blocked(Blockers {
                nodes: blocked,
                supported: operators::supported(),
            })),
        };
        Ok(Survey {
            nodes: self.nodes,
            model,
        })
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
