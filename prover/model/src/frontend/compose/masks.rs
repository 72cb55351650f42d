//! Masks of scores: elements whose exponentials are 0.
//!
//! Exporters add a large negative number to them, or put one in their place. It would take the digits of the numbers beside it, so that
//! exponentials are multiplied by 0 instead.

use super::{C, Compose, Operand, Sources, T, View};
use crate::error::Result;
use crate::float::{Constant, Element, FloatOp};

/// Constants at and below this are masks.
const MASK: f64 = -1e4;

impl Compose<'_> {
    /// A tensor without the mask that was added to it or placed in it, and which elements it covers.
    pub(super) fn without_mask(&mut self, x: &Operand) -> Result<(Operand, Option<Vec<bool>>)> {
        let made = match x {
            T(id) => self.builder.producer(*id),
            C(_) => None,
        };
        let Some(made) = made else {
            return Ok((x.clone(), None));
        };
        let (inner, op) = (made.inputs[0], made.op.clone());
        let shape = self.shape(x);
        match op {
            FloatOp::AddConstant(c) if c.data.iter().any(|v| *v <= MASK) => {
                let values = c.broadcast(&shape);
                let masked = values.iter().map(|v| *v <= MASK).collect();
                let keep = |v: &f64| if *v <= MASK { 0.0 } else { *v };
                let rest = Constant {
                    shape: c.shape.clone(),
                    data: c.data.iter().map(keep).collect(),
                };
                let plain = match rest.data.iter().all(|v| *v == 0.0) {
                    true => T(inner),
                    false => self.apply(FloatOp::AddConstant(rest), &[T(inner)])?,
                };
                Ok((plain, Some(masked)))
            }
            FloatOp::Rearrange(op) => {
                let is = |e: &Element| matches!(e, Element::Constant(v) if *v <= MASK);
                let masked: Vec<bool> = op.elements.iter().map(is).collect();
                let any = masked.contains(&true);
                Ok((x.clone(), any.then_some(masked)))
            }
            _ => Ok((x.clone(), None)),
        }
    }

    /// A tensor whose masked elements are others of the same row along the last axis, so that they change no maximum, and what multiplies
    /// its exponentials. A row that is masked as a whole is refused.
    pub(super) fn masked_rows(
        &mut self,
        x: &Operand,
        masked: &[bool],
    ) -> Result<(Operand, Constant)> {
        let shape = self.shape(x);
        let length = shape.last().copied().unwrap_or(1).max(1);
        if masked.len() != shape.iter().product::<usize>() {
            return Err(self.refuse(format!("a mask of {} elements for {shape:?}", masked.len())));
        }
        let mut sources = Sources::default();
        let from = sources.view(self, x);
        let mut elements = Vec::with_capacity(masked.len());
        for (row, mask) in from.elements.chunks(length).zip(masked.chunks(length)) {
            let other = row.iter().zip(mask).find(|(_, is)| !**is);
            let other = other
                .ok_or_else(|| self.refuse("a row that is masked as a whole"))?
                .0;
            elements.extend(
                row.iter()
                    .zip(mask)
                    .map(|(e, is)| if *is { *other } else { *e }),
            );
        }
        let factors = Constant {
            shape: shape.clone(),
            data: masked.iter().map(|is| f64::from(!is)).collect(),
        };
        Ok((self.place(&sources, View { shape, elements })?, factors))
    }
}
