//! Comparisons, logic and choices. Truth values are 0 and 1.

use super::entry::{Entry, entry};
use crate::error::Result;
use crate::frontend::compose::{Comparison, Operand};
use crate::frontend::tflite::step::Step;

const TWO: &str = "two operands that broadcast to each other";
const COMPARED: &str = "a function of the difference";
const LOGIC: &str = "a linear layer that saturates";

pub(super) const OPERATORS: &[Entry] = &[
    entry("EQUAL", TWO, COMPARED, |s| compared(s, Comparison::Equal)),
    entry("GREATER", TWO, COMPARED, |s| {
        compared(s, Comparison::Greater)
    }),
    entry("GREATER_EQUAL", TWO, COMPARED, |s| {
        compared(s, Comparison::GreaterOrEqual)
    }),
    entry("LESS", TWO, COMPARED, |s| compared(s, Comparison::Less)),
    entry("LESS_EQUAL", TWO, COMPARED, |s| {
        compared(s, Comparison::LessOrEqual)
    }),
    entry("LOGICAL_AND", TWO, LOGIC, |s| {
        let (a, b) = (s.input(0)?, s.input(1)?);
        Ok(vec![s.compose.both(&a, &b)?])
    }),
    entry(
        "LOGICAL_NOT",
        "truth values",
        "nothing: it is folded into the linear layer before or after it",
        |s| {
            let a = s.input(0)?;
            Ok(vec![s.compose.complement(&a)?])
        },
    ),
    entry("LOGICAL_OR", TWO, LOGIC, |s| {
        let (a, b) = (s.input(0)?, s.input(1)?);
        Ok(vec![s.compose.either(&a, &b)?])
    }),
    entry("NOT_EQUAL", TWO, COMPARED, |s| {
        compared(s, Comparison::NotEqual)
    }),
    entry(
        "SELECT",
        "choices of one shape; a condition of that shape, or one for each place of the first axis",
        CHOICE,
        select,
    ),
    entry(
        "SELECT_V2",
        "operands that broadcast to each other",
        CHOICE,
        choose,
    ),
];

const CHOICE: &str = "a rearrangement for constant conditions; else a product";

fn compared(step: &mut Step<'_, '_>, how: Comparison) -> Result<Vec<Operand>> {
    let (a, b) = (step.input(0)?, step.input(1)?);
    let whole = step.is_whole(0) && step.is_whole(1);
    Ok(vec![step.compose.compared(how, &a, &b, whole)?])
}

fn choose(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let (condition, a, b) = (step.input(0)?, step.input(1)?, step.input(2)?);
    Ok(vec![step.compose.choice(&condition, &a, &b)?])
}

fn select(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let (mut condition, a, b) = (step.input(0)?, step.input(1)?, step.input(2)?);
    let (shape, rank) = (step.compose.shape(&condition), step.compose.shape(&a).len());
    if shape.len() == 1 && rank > 1 {
        let mut rows = vec![1; rank];
        rows[0] = shape[0];
        condition = step.compose.reshape(&condition, &rows)?;
    }
    Ok(vec![step.compose.choice(&condition, &a, &b)?])
}
