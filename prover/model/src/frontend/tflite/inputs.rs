//! Inputs of the model: element types, and dimensions that the file leaves open.

use super::malformed;
use super::schema::{Tensor, Type};
use crate::error::Result;
use std::collections::{BTreeMap, BTreeSet};

/// The lengths that the user gives, and the names of the open dimensions that the file has.
#[derive(Debug)]
pub(super) struct OpenDims<'o> {
    given: &'o BTreeMap<String, usize>,
    met: BTreeSet<String>,
}

impl<'o> OpenDims<'o> {
    pub(super) fn new(given: &'o BTreeMap<String, usize>) -> Self {
        Self {
            given,
            met: BTreeSet::new(),
        }
    }

    /// Whether shapes in the file are those of the model.
    pub(super) fn are_default(&self) -> bool {
        self.given.is_empty()
    }

    /// The shape of a model input. A first axis that is open is the batch: it is 1 unless it is given.
    pub(super) fn shape(&mut self, input: &Tensor<'_>) -> Result<Vec<usize>> {
        let name = &input.name;
        if input.kind.width().is_none() {
            return Err(malformed(format!(
                "input {name} has element type {}; supported: numbers of 8 to 64 bits; compute what follows from it before the model",
                input.kind.name()
            )));
        }
        let mut shape = input.shape.clone();
        let mut missing = Vec::new();
        for axis in &input.open {
            let symbol = format!("{name}.{axis}");
            match self.given.get(&symbol) {
                Some(length) => shape[*axis] = *length,
                None if *axis == 0 => shape[0] = 1,
                None => missing.push(format!("--dim {symbol}=N")),
            }
            self.met.insert(symbol);
        }
        if missing.is_empty() {
            return Ok(shape);
        }
        Err(malformed(format!(
            "input {name} has lengths that are not fixed; give them with {}, or convert the model with fixed shapes",
            missing.join(" ")
        )))
    }

    /// Refuses lengths of dimensions that no input has.
    pub(super) fn finish(&self) -> Result<()> {
        let Some(unknown) = self.given.keys().find(|name| !self.met.contains(*name)) else {
            return Ok(());
        };
        let known: Vec<&str> = self.met.iter().map(String::as_str).collect();
        let known = match known.is_empty() {
            true => "none".to_owned(),
            false => known.join(", "),
        };
        Err(malformed(format!(
            "--dim {unknown}: no input has an open dimension of this name; there are: {known}"
        )))
    }
}

/// What a user has to know of an input or an output of whole numbers.
pub(super) fn note(role: &str, tensor: &Tensor<'_>) -> Option<String> {
    if tensor.kind.is_real() {
        return None;
    }
    let (name, kind) = (&tensor.name, tensor.kind.name());
    let quantisation = &tensor.quantisation;
    Some(match (quantisation.scales.as_slice(), tensor.kind) {
        ([scale], _) => format!(
            "{role} {name} is of type {kind} in the file: it has real values here, {scale} times the difference of the number and {}",
            quantisation.zero_point(0)
        ),
        (_, Type::Bool) => format!("{role} {name} is a truth value in the file: it is 0 or 1 here"),
        _ => format!(
            "{role} {name} is of type {kind} in the file: it has the same numbers here, as real ones"
        ),
    })
}
