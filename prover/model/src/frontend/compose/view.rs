//! Elements of tensors and constants in another arrangement, before they become one operation.

use super::{C, Compose, Operand, T};
use crate::error::Result;
use crate::float::{Constant, Element, FloatId, FloatOp, GraphBuilder, MAX_ELEMENTS, Rearrange};
use std::ops::Range;

/// The constant 0.
pub(in crate::frontend) const ZERO: Element = Element::Constant(0.0);

/// Elements under a shape.
#[derive(Clone, Debug)]
pub(in crate::frontend) struct View {
    pub(in crate::frontend) shape: Vec<usize>,
    pub(in crate::frontend) elements: Vec<Element>,
}

/// The tensors whose elements are arranged.
#[derive(Clone, Debug, Default)]
pub(in crate::frontend) struct Sources(Vec<FloatId>);

impl Sources {
    /// All elements of an operand.
    pub(in crate::frontend) fn view(&mut self, builder: &GraphBuilder, operand: &Operand) -> View {
        let shape = operand.shape(builder);
        let elements = match operand {
            C(c) => c.data.iter().map(|v| Element::Constant(*v)).collect(),
            T(id) => {
                let known = self.0.iter().position(|other| other == id);
                let operand = known.unwrap_or_else(|| {
                    self.0.push(*id);
                    self.0.len() - 1
                }) as u32;
                let count = shape.iter().product::<usize>() as u32;
                (0..count)
                    .map(|index| Element::Of { operand, index })
                    .collect()
            }
        };
        View { shape, elements }
    }
}

impl View {
    /// The element that each coordinate of each axis reads; `fill` where one of them reads nothing.
    pub(in crate::frontend) fn by_axis(&self, axes: &[Vec<Option<usize>>], fill: Element) -> Self {
        let mut places = vec![Some(0)];
        for (axis, length) in axes.iter().zip(&self.shape) {
            let step = |place: Option<usize>| {
                axis.iter()
                    .map(move |at| Some(place? * length + at.as_ref()?))
            };
            places = places.into_iter().flat_map(step).collect();
        }
        let element = |place: Option<usize>| place.map_or(fill, |p| self.elements[p]);
        Self {
            shape: axes.iter().map(Vec::len).collect(),
            elements: places.into_iter().map(element).collect(),
        }
    }

    /// The same elements under another shape of as many.
    pub(in crate::frontend) fn shaped(self, shape: Vec<usize>) -> Self {
        Self { shape, ..self }
    }
}

/// The number of elements of a shape, if it is not too large for a tensor.
pub(in crate::frontend) fn count_of(shape: &[usize]) -> Option<usize> {
    let count = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
    count.filter(|n| (1..=MAX_ELEMENTS).contains(n))
}

/// Every coordinate of an axis, as it is.
pub(in crate::frontend) fn all(length: usize) -> Vec<Option<usize>> {
    (0..length).map(Some).collect()
}

/// Coordinates of every element of a shape, row-major.
pub(in crate::frontend) fn coordinates(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    let total = shape.iter().product::<usize>();
    (0..total).map(|flat| unravel(flat, shape))
}

/// Coordinates of an element.
pub(in crate::frontend) fn unravel(mut flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut at = vec![0; shape.len()];
    for (axis, length) in shape.iter().enumerate().rev() {
        at[axis] = flat % length;
        flat /= length;
    }
    at
}

/// The flat index of an element.
pub(in crate::frontend) fn ravel(at: &[usize], shape: &[usize]) -> usize {
    at.iter().zip(shape).fold(0, |flat, (i, d)| flat * d + i)
}

impl Compose<'_> {
    /// The operation that gives a view; a constant if it reads no tensor.
    pub(in crate::frontend) fn place(
        &mut self,
        sources: &Sources,
        mut view: View,
    ) -> Result<Operand> {
        self.size(&view.shape)?;
        let mut numbers: Vec<Option<u32>> = vec![None; sources.0.len()];
        let mut operands = Vec::new();
        for element in &mut view.elements {
            if let Element::Of { operand, .. } = element {
                let source = *operand as usize;
                *operand = *numbers[source].get_or_insert_with(|| {
                    operands.push(T(sources.0[source]));
                    operands.len() as u32 - 1
                });
            }
        }
        if operands.is_empty() {
            let value = |e: &Element| match e {
                Element::Constant(v) => *v,
                Element::Of { .. } => 0.0,
            };
            return Ok(C(Constant {
                shape: view.shape,
                data: view.elements.iter().map(value).collect(),
            }));
        }
        let stays = |(n, e): (usize, &Element)| matches!(e, Element::Of { operand: 0, index } if *index as usize == n);
        if let [only] = operands.as_slice() {
            let count: usize = self.shape(only).iter().product();
            if count == view.elements.len() && view.elements.iter().enumerate().all(stays) {
                return self.reshape(only, &view.shape);
            }
        }
        let op = Rearrange {
            operands: operands.len(),
            shape: view.shape,
            elements: view.elements,
        };
        self.apply(FloatOp::Rearrange(op), &operands)
    }

    /// The elements of one operand that each coordinate of each axis reads; `fill` where one of them reads nothing.
    pub(in crate::frontend) fn pick(
        &mut self,
        operand: &Operand,
        axes: &[Vec<Option<usize>>],
        fill: Element,
    ) -> Result<Operand> {
        let shape: Vec<usize> = axes.iter().map(Vec::len).collect();
        self.size(&shape)?;
        let mut sources = Sources::default();
        let view = sources.view(self.builder, operand).by_axis(axes, fill);
        self.place(&sources, view)
    }

    /// Part of an operand along an axis.
    pub(in crate::frontend) fn part(
        &mut self,
        operand: &Operand,
        axis: usize,
        range: Range<usize>,
    ) -> Result<Operand> {
        let shape = self.shape(operand);
        if range.end > shape[axis] {
            return Err(self.refuse(format!("elements {range:?} of axis {axis} of {shape:?}")));
        }
        let mut axes: Vec<_> = shape.iter().map(|d| all(*d)).collect();
        axes[axis] = range.map(Some).collect();
        self.pick(operand, &axes, ZERO)
    }

    /// Operands one after the other along an axis; their other lengths are the same.
    pub(in crate::frontend) fn concatenated(
        &mut self,
        parts: &[Operand],
        axis: usize,
    ) -> Result<Operand> {
        let mut sources = Sources::default();
        let views: Vec<View> = parts
            .iter()
            .map(|p| sources.view(self.builder, p))
            .collect();
        let first = views.first().map(|v| v.shape.clone());
        let mut shape = first.ok_or_else(|| self.refuse("it reads nothing"))?;
        for view in &views {
            let mut same = view.shape.clone();
            let differs = same.len() != shape.len() || axis >= shape.len() || {
                same[axis] = shape[axis];
                same != shape
            };
            if differs {
                return Err(self.refuse(format!(
                    "parts of shapes {shape:?} and {:?}; only the axis {axis} may differ",
                    view.shape
                )));
            }
        }
        let lengths = views.iter().map(|v| v.shape[axis]);
        shape[axis] = lengths.fold(0, usize::saturating_add);
        self.size(&shape)?;
        let mut elements = Vec::new();
        for row in 0..shape[..axis].iter().product() {
            for view in &views {
                let run: usize = view.shape[axis..].iter().product();
                elements.extend_from_slice(&view.elements[row * run..(row + 1) * run]);
            }
        }
        self.place(&sources, View { shape, elements })
    }
}
