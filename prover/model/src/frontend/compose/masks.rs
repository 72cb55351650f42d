//! Masks of scores: elements whose exponentials are 0.
//!
//! Exporters add a large negative number to them, or put one in their place. It would take the digits of the numbers beside it, so that
//! exponentials are multiplied by 0 instead.

use super::{C, Compose, Operand, Sources, T, View, ravel, unravel};
use crate::error::Result;
use crate::float::{Constant, Element, FloatOp};

/// Constants at and below this are masks.
const MASK: f64 = -1e4;

/// A tensor in which elements that are masked are others of the same row, so that they change no maximum, and what multiplies its
/// exponentials.
pub(super) type Masked = (Operand, Option<Constant>);

impl Compose<'_> {
    /// A tensor without the mask that was added to it or placed in it, for exponentials along an axis. One that covers a whole row stays
    /// where it is.
    pub(super) fn without_mask(&mut self, x: &Operand, axis: usize) -> Result<Masked> {
        let made = match x {
            T(id) => self.builder.producer(*id),
            C(_) => None,
        };
        let Some(made) = made else {
            return Ok((x.clone(), None));
        };
        let (inner, op) = (made.inputs[0], made.op.clone());
        let shape = self.shape(x);
        let (plain, masked): (Operand, Vec<bool>) = match op {
            FloatOp::AddConstant(c) if c.data.iter().any(|v| *v <= MASK) => {
                let values = c.broadcast(&shape);
                let keep = |v: &f64| if *v <= MASK { 0.0 } else { *v };
                let rest = Constant {
                    shape: c.shape.clone(),
                    data: c.data.iter().map(keep).collect(),
                };
                let plain = match rest.data.iter().all(|v| *v == 0.0) {
                    true => T(inner),
                    false => self.apply(FloatOp::AddConstant(rest), &[T(inner)])?,
                };
                (plain, values.iter().map(|v| *v <= MASK).collect())
            }
            FloatOp::Rearrange(op) => {
                let is = |e: &Element| matches!(e, Element::Constant(v) if *v <= MASK);
                (x.clone(), op.elements.iter().map(is).collect())
            }
            _ => return Ok((x.clone(), None)),
        };
        if !masked.contains(&true) {
            return Ok((x.clone(), None));
        }
        let masked = self.masked_rows(&plain, &masked, axis)?;
        Ok(masked.unwrap_or_else(|| (x.clone(), None)))
    }

    /// A tensor with masked elements, for exponentials along an axis; `None` if a row is masked as a whole.
    pub(super) fn masked_rows(
        &mut self,
        x: &Operand,
        masked: &[bool],
        axis: usize,
    ) -> Result<Option<Masked>> {
        let shape = self.shape(x);
        if masked.len() != shape.iter().product::<usize>() {
            return Err(self.refuse(format!("a mask of {} elements for {shape:?}", masked.len())));
        }
        let mut row_shape = shape.clone();
        row_shape[axis] = 1;
        let row_of = |n: usize| {
            let mut at = unravel(n, &shape);
            at[axis] = 0;
            ravel(&at, &row_shape)
        };
        // An element of each row that is not masked.
        let mut others: Vec<Option<usize>> = vec![None; masked.len() / shape[axis]];
        for (n, is) in masked.iter().enumerate() {
            if !is {
                others[row_of(n)].get_or_insert(n);
            }
        }
        if others.contains(&None) {
            return Ok(None);
        }
        let mut sources = Sources::default();
        let from = sources.view(self.builder, x);
        let read = |(n, is): (usize, &bool)| {
            let other = others[row_of(n)].filter(|_| *is);
            from.elements[other.unwrap_or(n)]
        };
        let elements = masked.iter().enumerate().map(read).collect();
        let factors = Constant {
            shape: shape.clone(),
            data: masked.iter().map(|is| f64::from(!is)).collect(),
        };
        let placed = self.place(&sources, View { shape, elements })?;
        Ok(Some((placed, Some(factors))))
    }
}
