//! Variables: what a model keeps from one inference to the next becomes further inputs and outputs.

use super::constants::Read;
use super::malformed;
use super::schema::{Model, Operator, Subgraph, Tensor};
use crate::error::Result;
use crate::float::{Constant, GraphBuilder};
use crate::frontend::compose::{C, Operand, T};
use crate::frontend::operator::OperatorInfo;
use std::collections::{BTreeMap, BTreeSet};

const fn info(name: &'static str, accepts: &'static str, becomes: &'static str) -> OperatorInfo {
    OperatorInfo {
        name,
        since: None,
        only: "",
        accepts,
        becomes,
    }
}

/// The operators of variables.
pub(super) const OPERATORS: &[OperatorInfo] = &[
    info(
        "ASSIGN_VARIABLE",
        "any value",
        "an output of the state after the inference",
    ),
    info(
        "CALL_ONCE",
        "the assignment of constants to variables",
        "nothing: the report names the state to begin with",
    ),
    info(
        "READ_VARIABLE",
        "any variable",
        "an input of the state before the inference; a constant, if nothing is assigned",
    ),
    info("VAR_HANDLE", "any variable", "nothing"),
];

/// The variables of a file.
#[derive(Debug, Default)]
pub(super) struct States {
    /// Names of variables, by the tensors that are their handles.
    handles: BTreeMap<usize, String>,
    /// What initialisation assigns.
    initial: BTreeMap<String, Constant>,
    /// The variables that the model assigns.
    assigned: BTreeSet<String>,
    /// Their values so far.
    values: BTreeMap<String, Operand>,
    inputs: Vec<String>,
}

/// The tensor that a list of operands names.
fn at(list: &[i32], index: usize) -> Result<usize> {
    let id = list.get(index).and_then(|n| usize::try_from(*n).ok());
    id.ok_or_else(|| malformed("an operator of variables whose operand is missing"))
}

/// The name of a variable.
fn name_of(operator: &Operator<'_>) -> Result<String> {
    let options = operator.options.as_ref();
    let text = |index| {
        options.map_or(Ok(String::new()), |o| {
            o.text(index, "the name of a variable")
        })
    };
    let (container, name) = (text(0)?, text(1)?);
    Ok(match (container.as_str(), name.as_str()) {
        (_, "") => format!("state_{}", at(&operator.outputs, 0)?),
        ("", _) => name,
        _ => format!("{container}/{name}"),
    })
}

impl States {
    /// The variables of the graph and what the graphs for initialisation assign to them.
    pub(super) fn of(model: &Model<'_>, graph: &Subgraph<'_>, read: &mut Read) -> Result<Self> {
        let mut states = Self::default();
        let mut initialised = BTreeSet::new();
        for operator in &graph.operators {
            match operator.title.as_str() {
                "VAR_HANDLE" => {
                    let tensor = at(&operator.outputs, 0)?;
                    states.handles.insert(tensor, name_of(operator)?);
                }
                "ASSIGN_VARIABLE" => {
                    let handle = at(&operator.inputs, 0)?;
                    if let Some(name) = states.handles.get(&handle) {
                        states.assigned.insert(name.clone());
                    }
                }
                "CALL_ONCE" => {
                    let index = operator.options.map_or(Ok(0), |o| o.i32(0, 0))?;
                    let index = usize::try_from(index).unwrap_or(usize::MAX);
                    let Some(graph) = model.subgraphs.get(index) else {
                        return Err(malformed(format!("CALL_ONCE of graph {index}")));
                    };
                    if initialised.insert(index) {
                        states.initialise(model, graph, read)?;
                    }
                }
                _ => {}
            }
        }
        Ok(states)
    }

    fn initialise(
        &mut self,
        model: &Model<'_>,
        graph: &Subgraph<'_>,
        read: &mut Read,
    ) -> Result<()> {
        let mut handles = BTreeMap::new();
        for operator in &graph.operators {
            match operator.title.as_str() {
                "VAR_HANDLE" => {
                    handles.insert(at(&operator.outputs, 0)?, name_of(operator)?);
                }
                "ASSIGN_VARIABLE" => {
                    let name = handles.get(&at(&operator.inputs, 0)?);
                    let tensor = graph.tensors.get(at(&operator.inputs, 1)?);
                    if let (Some(name), Some(tensor)) = (name, tensor)
                        && let Some(value) = read.constant(model, tensor)?
                    {
                        self.initial.insert(name.clone(), value);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads an operator of variables, and gives what it computes; `None` for other operators.
    pub(super) fn step(
        &mut self,
        builder: &mut GraphBuilder,
        graph: &Subgraph<'_>,
        operator: &Operator<'_>,
        value: impl FnOnce() -> Result<Option<Operand>>,
    ) -> Result<Option<Vec<Operand>>> {
        match operator.title.as_str() {
            "VAR_HANDLE" | "CALL_ONCE" => Ok(Some(Vec::new())),
            "READ_VARIABLE" => {
                let name = self.handle(operator)?;
                let tensor = graph.tensors.get(at(&operator.outputs, 0)?);
                let tensor = tensor.ok_or_else(|| malformed("READ_VARIABLE without a result"))?;
                self.value(builder, name, tensor).map(|v| Some(vec![v]))
            }
            "ASSIGN_VARIABLE" => {
                let name = self.handle(operator)?;
                if let Some(value) = value()? {
                    self.values.insert(name, value);
                }
                Ok(Some(Vec::new()))
            }
            _ => Ok(None),
        }
    }

    fn handle(&self, operator: &Operator<'_>) -> Result<String> {
        let handle = at(&operator.inputs, 0)?;
        let name = self.handles.get(&handle).cloned();
        name.ok_or_else(|| malformed(format!("{}: its operand is no variable", operator.title)))
    }

    fn value(
        &mut self,
        builder: &mut GraphBuilder,
        name: String,
        tensor: &Tensor<'_>,
    ) -> Result<Operand> {
        if let Some(value) = self.values.get(&name) {
            return Ok(value.clone());
        }
        let value = match self.initial.get(&name) {
            Some(constant) if !self.assigned.contains(&name) => C(constant.clone()),
            _ => {
                self.inputs.push(name.clone());
                T(builder.input(&name, &tensor.shape)?)
            }
        };
        self.values.insert(name, value.clone());
        Ok(value)
    }

    /// The states after the inference, and what a user has to know of them.
    pub(super) fn finish(self) -> (Vec<(String, Operand)>, Vec<String>) {
        let mut notes = Vec::new();
        for name in &self.inputs {
            let start = match self.initial.get(name) {
                Some(c) if c.data.iter().all(|v| *v == 0.0) => "zeros at first",
                Some(_) => "at first what the file's initialisation assigns",
                None => "zeros at first, unless the model says otherwise",
            };
            notes.push(format!(
                "input {name} is a variable of the model: give its value before the inference ({start}); output {name}_next is its value after it"
            ));
        }
        let assigned = self.assigned;
        let values = self.values.into_iter();
        let values = values.filter(|(name, _)| assigned.contains(name));
        (
            values
                .map(|(name, v)| (format!("{name}_next"), v))
                .collect(),
            notes,
        )
    }
}
