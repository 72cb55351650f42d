//! Goes through the operators of a file in order: supported ones become operations, and what cannot be read is collected.

use super::constants::Read;
use super::inputs::{OpenDims, note};
use super::malformed;
use super::operators::{self, Entry};
use super::schema::{Model, Operator, Subgraph, Tensor};
use super::scores::{Ends, ends};
use super::state::States;
use super::step::Step;
use crate::error::Result;
use crate::float::{Constant, FloatOp, GraphBuilder};
use crate::frontend::compose::{C, Compose, Operand, T};
use crate::frontend::survey::{Collector, LoadOptions, LoadedModel, Support, Survey};
use chainfer_formats::FinalFunction;
use std::collections::BTreeMap;

/// All results of a graph have at most so many elements.
const MAX_MADE: usize = 1 << 27;

/// What a tensor is.
#[derive(Clone, Debug)]
enum Value {
    Known(Operand),
    /// What an operator computes that cannot be read, and of which nothing is known.
    Unknown,
}

struct Walk<'m, 'f> {
    model: &'m Model<'f>,
    graph: &'m Subgraph<'f>,
    builder: GraphBuilder,
    values: BTreeMap<usize, Value>,
    read: Read,
    states: States,
    collector: Collector,
    warnings: Vec<String>,
    /// Whether shapes in the file are those of the model.
    fixed: bool,
    /// Elements of all results so far.
    elements: usize,
    ends: Ends,
}

/// Reads a file.
///
/// # Errors
/// What is wrong is no matter of one operator.
pub(super) fn survey(model: &Model<'_>, options: &LoadOptions) -> Result<Survey> {
    let graph = model
        .subgraphs
        .first()
        .ok_or_else(|| malformed("the file holds no graph"))?;
    let mut dims = OpenDims::new(&options.dims);
    let mut read = Read::default();
    let mut walk = Walk {
        model,
        graph,
        builder: GraphBuilder::new(),
        values: BTreeMap::new(),
        states: States::of(model, graph, &mut read)?,
        read,
        collector: Collector::default(),
        warnings: Vec::new(),
        fixed: dims.are_default(),
        elements: 0,
        ends: match options.drop_final_softmax {
            true => ends(graph),
            false => Ends::default(),
        },
    };
    walk.inputs(&mut dims)?;
    for (n, operator) in graph.operators.iter().enumerate() {
        walk.operator(n, operator)?;
    }
    walk.finish()
}

/// The tensors that a list names.
fn named(list: &[i32]) -> impl Iterator<Item = usize> {
    list.iter().filter_map(|n| usize::try_from(*n).ok())
}

impl<'f> Walk<'_, 'f> {
    fn inputs(&mut self, dims: &mut OpenDims<'_>) -> Result<()> {
        for id in named(&self.graph.inputs) {
            let tensor = &self.graph.tensors[id];
            let shape = dims.shape(tensor);
            let made = shape.and_then(|shape| self.builder.input(&tensor.name, &shape));
            let value = match made {
                Ok(id) => Value::Known(T(id)),
                Err(error) => {
                    self.collector.block(&tensor.name, "input", error);
                    Value::Unknown
                }
            };
            self.warnings.extend(note("input", tensor));
            self.define(id, value)?;
        }
        dims.finish()
    }

    fn define(&mut self, id: usize, value: Value) -> Result<()> {
        if self.values.insert(id, value).is_none() {
            return Ok(());
        }
        let name = &self.graph.tensors[id].name;
        Err(malformed(format!("tensor {name} is computed twice")))
    }

    /// What a tensor is: computed, or a constant of the file.
    fn value(&mut self, id: usize) -> Result<Value> {
        if let Some(value) = self.values.get(&id) {
            return Ok(value.clone());
        }
        let tensor = &self.graph.tensors[id];
        let constant = match self.read.constant(self.model, tensor)? {
            Some(constant) => constant,
            None if tensor.is_variable => {
                self.warnings.push(format!(
                    "{} is a state that begins with zeros at every inference",
                    tensor.name
                ));
                let len = tensor
                    .shape
                    .iter()
                    .try_fold(1usize, |n, d| n.checked_mul(*d));
                let len = len.filter(|n| *n <= crate::float::MAX_ELEMENTS);
                let len =
                    len.ok_or_else(|| malformed(format!("tensor {} is too large", tensor.name)))?;
                Constant {
                    shape: tensor.shape.clone(),
                    data: vec![0.0; len],
                }
            }
            None => {
                return Err(malformed(format!(
                    "tensor {}: nothing computes it",
                    tensor.name
                )));
            }
        };
        let value = Value::Known(C(constant));
        self.values.insert(id, value.clone());
        Ok(value)
    }

    fn operator(&mut self, n: usize, operator: &Operator<'f>) -> Result<()> {
        let name = named(&operator.outputs).next();
        let name = name.map_or_else(
            || format!("{}_{n}", operator.title),
            |id| self.graph.tensors[id].name.clone(),
        );
        let read = self.results(n, operator, &name);
        match read {
            Ok(support) => self.collector.node(&name, &operator.title, support),
            Err(error) => {
                self.collector.block(&name, &operator.title, error);
                self.stand_in(operator)?;
            }
        }
        Ok(())
    }

    /// Reads an operator and defines what it computes; on an error nothing is defined.
    fn results(&mut self, n: usize, operator: &Operator<'f>, name: &str) -> Result<Support> {
        if let Some(support) = self.state(operator)? {
            return Ok(support);
        }
        let entry = operators::find(&operator.title);
        let entry = entry.ok_or_else(|| operators::unsupported(name, &operator.title))?;
        let mut inputs = Vec::with_capacity(operator.inputs.len());
        for id in &operator.inputs {
            let Ok(id) = usize::try_from(*id) else {
                inputs.push(None);
                continue;
            };
            match self.value(id)? {
                Value::Known(operand) => inputs.push(Some(operand)),
                Value::Unknown => {
                    self.stand_in(operator)?;
                    return Ok(Support::Unknown);
                }
            }
        }
        let is_left_out = self.ends.dropped.contains(&n);
        let mut step = Step {
            compose: Compose {
                builder: &mut self.builder,
                name: name.to_owned(),
                operator: operator.title.clone(),
            },
            graph: self.graph,
            operator,
            inputs,
        };
        let mut results = match is_left_out {
            true => vec![step.input(0)?],
            false => operators::read(entry, &mut step)?,
        };
        let outputs: Vec<usize> = named(&operator.outputs).collect();
        if results.len() < outputs.len() {
            return Err(step.compose.refuse(format!(
                "{} results are stated, {} are computed",
                outputs.len(),
                results.len()
            )));
        }
        let is_constant = results.iter().all(|r| matches!(r, C(_)));
        for (result, id) in results.iter_mut().zip(&outputs) {
            let tensor = &self.graph.tensors[*id];
            let shape = step.compose.shape(result);
            self.elements += shape.iter().product::<usize>();
            if self.elements > MAX_MADE {
                return Err(malformed(format!("more than {MAX_MADE} elements in all")));
            }
            if self.fixed && differs(tensor, &shape) {
                return Err(malformed(format!(
                    "its result {} is declared with shape {:?}, the operator computes {shape:?}",
                    tensor.name, tensor.shape
                )));
            }
            if !self.ends.passed.contains(&n) {
                *result = representable(&mut step, entry, tensor, result)?;
            }
        }
        for (result, id) in results.into_iter().zip(outputs) {
            self.define(id, Value::Known(result))?;
        }
        Ok(match (is_left_out, is_constant) {
            (true, _) => Support::Dropped,
            (_, true) => Support::Constant,
            _ => Support::Supported,
        })
    }

    /// Reads an operator of variables.
    fn state(&mut self, operator: &Operator<'f>) -> Result<Option<Support>> {
        let assigned = match (operator.title.as_str(), operator.inputs.get(1)) {
            ("ASSIGN_VARIABLE", Some(id)) => {
                let id = usize::try_from(*id).map_err(|_| malformed("nothing is assigned"))?;
                match self.value(id)? {
                    Value::Known(operand) => Some(operand),
                    Value::Unknown => None,
                }
            }
            _ => None,
        };
        let made = self
            .states
            .step(&mut self.builder, self.graph, operator, || Ok(assigned))?;
        let Some(results) = made else {
            return Ok(None);
        };
        for (result, id) in results.into_iter().zip(named(&operator.outputs)) {
            self.define(id, Value::Known(result))?;
        }
        Ok(Some(Support::Supported))
    }

    /// What stands for the results of an operator that is not read, so that those after it can be looked at.
    fn stand_in(&mut self, operator: &Operator<'f>) -> Result<()> {
        for id in named(&operator.outputs) {
            if self.values.contains_key(&id) {
                continue;
            }
            let tensor = &self.graph.tensors[id];
            let made = match tensor.kind.is_real() || !tensor.quantisation.is_none() {
                true => self.builder.input(&tensor.name, &tensor.shape).ok(),
                // Whole numbers are shapes and places more often than values.
                false => None,
            };
            let value = made.map_or(Value::Unknown, |id| Value::Known(T(id)));
            self.define(id, value)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Survey> {
        let mut outputs = Vec::new();
        for id in named(&self.graph.outputs) {
            let tensor = &self.graph.tensors[id];
            let before = left_out(&self.ends, id);
            let name = match before {
                Some(_) => format!("{}_scores", tensor.name),
                None => tensor.name.clone(),
            };
            if let Some(function) = before {
                self.warnings.push(format!(
                    "output {}: the scores before its {function} are the output {name} instead (--drop-final-softmax)",
                    tensor.name
                ));
            }
            self.warnings.extend(note("output", tensor));
            let value = match self.value(id) {
                Ok(value) => value,
                Err(error) => {
                    self.collector.block(&tensor.name, "output", error);
                    continue;
                }
            };
            if let Value::Known(operand) = value {
                outputs.push((name, operand, before));
            }
        }
        let (states, notes) = self.states.finish();
        outputs.extend(
            states
                .into_iter()
                .map(|(name, operand)| (name, operand, None)),
        );
        self.warnings.extend(notes);
        let (mut builder, warnings) = (self.builder, self.warnings);
        self.collector.finish(operators::supported(), move || {
            let mut ids = Vec::with_capacity(outputs.len());
            for (name, operand, before) in outputs {
                let T(mut id) = operand else {
                    return Err(malformed(format!(
                        "output {name} does not depend on any input"
                    )));
                };
                // An input, or what is another output too, has a name already.
                if builder.producer(id).is_none() || ids.contains(&id) {
                    let shape = builder.shape(id).to_vec();
                    id = builder.node(&name, FloatOp::Reshape(shape), &[id])?;
                }
                builder.rename(id, &name);
                if let Some(function) = before {
                    builder.leave_out(id, function);
                }
                ids.push(id);
            }
            Ok(LoadedModel {
                graph: builder.finish(&ids)?,
                warnings,
            })
        })
    }
}

/// What is left out behind an output.
fn left_out(ends: &Ends, id: usize) -> Option<FinalFunction> {
    let id = i32::try_from(id).ok()?;
    ends.outputs.get(&id).copied()
}

/// Whether a shape that the file states is another than the computed one. Files without a rank state none.
fn differs(tensor: &Tensor<'_>, shape: &[usize]) -> bool {
    if tensor.shape.is_empty() && !shape.is_empty() {
        return false;
    }
    let lengths = tensor.shape.iter().zip(shape).enumerate();
    let other = |(axis, (a, b)): (usize, (&usize, &usize))| a != b && !tensor.open.contains(&axis);
    tensor.shape.len() != shape.len() || lengths.into_iter().any(other)
}

/// What is computed, within the numbers that its type can represent.
fn representable(
    step: &mut Step<'_, '_>,
    entry: &Entry,
    tensor: &Tensor<'_>,
    result: &Operand,
) -> Result<Operand> {
    let quantisation = &tensor.quantisation;
    let (Some([least, greatest]), [scale]) = (tensor.kind.range(), quantisation.scales.as_slice())
    else {
        return Ok(result.clone());
    };
    let inputs = (0..step.inputs.len()).filter_map(|n| step.tensor_of(n));
    let mut inputs = inputs.filter(|t| t.kind.range().is_some() && !t.quantisation.is_none());
    let same = |t: &Tensor<'_>| {
        t.kind == tensor.kind
            && t.quantisation.scales == quantisation.scales
            && t.quantisation.zero_points == quantisation.zero_points
    };
    if matches!(result, C(_)) || entry.moves && inputs.all(same) {
        return Ok(result.clone());
    }
    let zero = quantisation.zero_point(0);
    let (low, high) = (scale * (least - zero), scale * (greatest - zero));
    if !(low.is_finite() && high.is_finite() && low < high) {
        return Err(step
            .compose
            .refuse(format!("a result of scale {scale} and zero point {zero}")));
    }
    step.compose.clamped(result, Some(low), Some(high))
}
