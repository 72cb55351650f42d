//! Comparisons, logic and choices. Truth values are 0 and 1.

use super::{Arithmetic, C, Compose, Operand, Sources, T, View, map};
use crate::error::Result;
use crate::float::Function;

/// Constants beyond this are masks: added to other values, they would take their digits.
const MASK: f64 = 1e4;
/// Constants beyond this stand for infinity.
const INFINITE: f64 = 1e30;

/// How two numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::frontend) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

impl Compose<'_> {
    /// `1 - x`.
    pub(in crate::frontend) fn complement(&mut self, x: &Operand) -> Result<Operand> {
        let negative = self.scaled(x, -1.0)?;
        self.shifted(&negative, 1.0)
    }

    /// 1 where the comparison holds. Whole numbers are equal if they are less than a half apart.
    pub(in crate::frontend) fn compared(
        &mut self,
        how: Comparison,
        a: &Operand,
        b: &Operand,
        whole: bool,
    ) -> Result<Operand> {
        let (a, b) = match how {
            Comparison::Less | Comparison::GreaterOrEqual => (b, a),
            _ => (a, b),
        };
        let difference = self.arithmetic(Arithmetic::Sub, a, b)?;
        let tolerance = if whole { 0.5 } else { 0.0 };
        let is = match how {
            Comparison::Equal | Comparison::NotEqual => Function::IsZero { tolerance },
            _ => Function::Positive,
        };
        let is = self.function(&difference, is)?;
        match how {
            Comparison::LessOrEqual | Comparison::GreaterOrEqual | Comparison::NotEqual => {
                self.complement(&is)
            }
            _ => Ok(is),
        }
    }

    /// `relu(a + b - 1)` of truth values.
    pub(in crate::frontend) fn both(&mut self, a: &Operand, b: &Operand) -> Result<Operand> {
        let sum = self.arithmetic(Arithmetic::Add, a, b)?;
        let sum = self.shifted(&sum, -1.0)?;
        self.relu(&sum)
    }

    /// `min(a + b, 1)` of truth values.
    pub(in crate::frontend) fn either(&mut self, a: &Operand, b: &Operand) -> Result<Operand> {
        let sum = self.arithmetic(Arithmetic::Add, a, b)?;
        self.clamped(&sum, Some(0.0), Some(1.0))
    }

    /// The first choice where the condition is 1, else the second; all broadcast to each other.
    pub(in crate::frontend) fn choice(
        &mut self,
        condition: &Operand,
        a: &Operand,
        b: &Operand,
    ) -> Result<Operand> {
        let finite = |operand: &Operand| match operand {
            C(c) => C(map(c.clone(), |v| v.clamp(-INFINITE, INFINITE))),
            tensor => tensor.clone(),
        };
        let (a, b) = (finite(a), finite(b));
        match condition {
            C(c) => {
                let shape = self.common_shape(&a, &b)?;
                let condition = C(c.clone());
                let shape = {
                    let both = C(crate::float::Constant {
                        data: Vec::new(),
                        shape,
                    });
                    self.common_shape(&both, &condition)?
                };
                let (a, b) = (self.expanded(&a, &shape)?, self.expanded(&b, &shape)?);
                let mut sources = Sources::default();
                let (a, b) = (
                    sources.view(self.builder, &a),
                    sources.view(self.builder, &b),
                );
                let elements = a.elements.iter().zip(&b.elements).zip(c.broadcast(&shape));
                let elements = elements
                    .map(|((a, b), first)| if first != 0.0 { *a } else { *b })
                    .collect();
                self.place(&sources, View { shape, elements })
            }
            T(_) => {
                let is_mask = |operand: &Operand| match operand {
                    C(c) => c.data.iter().any(|v| v.abs() > MASK),
                    T(_) => false,
                };
                if is_mask(&a) || is_mask(&b) {
                    // c a + (1 - c) b
                    let not = self.complement(condition)?;
                    let first = self.arithmetic(Arithmetic::Mul, condition, &a)?;
                    let second = self.arithmetic(Arithmetic::Mul, &not, &b)?;
                    return self.arithmetic(Arithmetic::Add, &first, &second);
                }
                // b + c (a - b)
                let difference = self.arithmetic(Arithmetic::Sub, &a, &b)?;
                let moved = self.arithmetic(Arithmetic::Mul, condition, &difference)?;
                self.arithmetic(Arithmetic::Add, &b, &moved)
            }
        }
    }
}
