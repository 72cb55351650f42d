//! One operator as its reader sees it.

use super::schema::{Operator, Subgraph, Tensor, Type};
use crate::error::Result;
use crate::float::{Constant, Function};
use crate::frontend::compose::{C, Compose, Operand, T};

/// An operator, its operands and its options.
pub(super) struct Step<'s, 'f> {
    pub(super) compose: Compose<'s>,
    pub(super) graph: &'s Subgraph<'f>,
    pub(super) operator: &'s Operator<'f>,
    /// `None` where an operand is left out.
    pub(super) inputs: Vec<Option<Operand>>,
}

/// The operand of an operator that is a list of whole numbers is at most this long.
const WHOLE: f64 = 9e15;

impl Step<'_, '_> {
    /// An operand that may be left out.
    pub(super) fn optional(&self, index: usize) -> Option<Operand> {
        self.inputs.get(index).cloned().flatten()
    }

    pub(super) fn input(&self, index: usize) -> Result<Operand> {
        self.optional(index)
            .ok_or_else(|| self.compose.refuse(format!("input {index} is missing")))
    }

    /// All operands.
    pub(super) fn all(&self) -> Result<Vec<Operand>> {
        (0..self.inputs.len()).map(|n| self.input(n)).collect()
    }

    pub(super) fn constant(&self, index: usize) -> Result<Constant> {
        match self.input(index)? {
            C(constant) => Ok(constant),
            T(_) => Err(self.compose.refuse(format!(
                "input {index} ({}) is computed; supported: a constant",
                self.name_of(index)
            ))),
        }
    }

    /// A constant that may be left out.
    pub(super) fn optional_constant(&self, index: usize) -> Result<Option<Constant>> {
        match self.optional(index) {
            Some(_) => self.constant(index).map(Some),
            None => Ok(None),
        }
    }

    fn name_of(&self, index: usize) -> &str {
        self.tensor_of(index).map_or("", |t| t.name.as_str())
    }

    /// The whole numbers of a constant.
    pub(super) fn ints(&self, index: usize) -> Result<Vec<i64>> {
        let constant = self.constant(index)?;
        let whole = |v: &f64| (*v == v.floor() && v.abs() < WHOLE).then_some(*v as i64);
        let list = constant.data.iter().map(whole);
        list.collect::<Option<Vec<_>>>()
            .ok_or_else(|| self.compose.refuse(format!("input {index} is not whole")))
    }

    /// The lengths that a constant states.
    pub(super) fn lengths(&self, index: usize) -> Result<Vec<usize>> {
        let list = self.ints(index)?;
        let lengths = list.iter().map(|d| usize::try_from(*d).ok());
        lengths
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| self.compose.refuse(format!("lengths {list:?}")))
    }

    /// The single whole number of a constant.
    pub(super) fn int(&self, index: usize) -> Result<i64> {
        match self.ints(index)?.as_slice() {
            [value] => Ok(*value),
            other => Err(self
                .compose
                .refuse(format!("input {index} is {other:?}; supported: one number"))),
        }
    }

    /// What the file says of an operand.
    pub(super) fn tensor_of(&self, index: usize) -> Option<&Tensor<'_>> {
        let id = usize::try_from(*self.operator.inputs.get(index)?).ok()?;
        self.graph.tensors.get(id)
    }

    /// What the file says of a result.
    pub(super) fn output_of(&self, index: usize) -> Option<&Tensor<'_>> {
        let id = usize::try_from(*self.operator.outputs.get(index)?).ok()?;
        self.graph.tensors.get(id)
    }

    /// Whether an operand has whole numbers or truth values.
    pub(super) fn is_whole(&self, index: usize) -> bool {
        self.tensor_of(index)
            .is_some_and(|t| is_whole(t.kind) && t.quantisation.is_none())
    }

    /// Whether the results are whole numbers.
    pub(super) fn gives_whole(&self) -> bool {
        self.output_of(0)
            .is_some_and(|t| is_whole(t.kind) && t.quantisation.is_none())
    }

    pub(super) fn option_u8(&self, field: usize, default: u8) -> Result<u8> {
        self.operator
            .options
            .map_or(Ok(default), |o| o.u8(field, default))
    }

    pub(super) fn flag(&self, field: usize) -> Result<bool> {
        Ok(self.option_u8(field, 0)? != 0)
    }

    pub(super) fn option_int(&self, field: usize, default: i32) -> Result<i64> {
        let value = self
            .operator
            .options
            .map_or(Ok(default), |o| o.i32(field, default))?;
        Ok(i64::from(value))
    }

    /// A length among the options.
    pub(super) fn option_length(&self, field: usize, default: i32) -> Result<usize> {
        let value = self.option_int(field, default)?;
        usize::try_from(value).map_err(|_| self.compose.refuse(format!("an option of {value}")))
    }

    pub(super) fn option_real(&self, field: usize) -> Result<f64> {
        let value = self.operator.options.map_or(Ok(0.0), |o| o.f32(field))?;
        if value.is_finite() {
            return Ok(value);
        }
        Err(self.compose.refuse("an option that is not a finite number"))
    }

    /// The activation that the option at `field` names, after an operation.
    pub(super) fn activated(&mut self, x: &Operand, field: usize) -> Result<Operand> {
        let code = self.option_u8(field, 0)?;
        self.activation(x, code)
    }

    /// An activation by its number.
    pub(super) fn activation(&mut self, x: &Operand, code: u8) -> Result<Operand> {
        match code {
            0 => Ok(x.clone()),
            1 => self.compose.relu(x),
            2 => self.compose.clamped(x, Some(-1.0), Some(1.0)),
            3 => self.compose.clamped(x, Some(0.0), Some(6.0)),
            4 => self.compose.function(x, Function::Tanh),
            5 => Err(self.compose.refuse(
                "the activation SIGN_BIT; supported: none, RELU, RELU_N1_TO_1, RELU6, TANH",
            )),
            other => Err(self
                .compose
                .refuse(format!("activation {other} is unknown"))),
        }
    }
}

fn is_whole(kind: Type) -> bool {
    !kind.is_real()
}
