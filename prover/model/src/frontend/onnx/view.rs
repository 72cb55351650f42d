//! Elements of tensors and constants in another arrangement, before they become one operation.

use super::importer::{Importer, Operand};
use super::node::refuse;
use crate::error::Result;
use crate::float::{Constant, Element, FloatId, FloatOp, MAX_ELEMENTS, Rearrange};
use tract_onnx::pb::NodeProto;

/// Elements under a shape.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) shape: Vec<usize>,
    pub(super) elements: Vec<Element>,
}

/// The tensors whose elements are arranged.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources(Vec<FloatId>);

impl Sources {
    /// All elements of an operand.
    pub(super) fn view(&mut self, importer: &Importer, operand: &Operand) -> View {
        match operand {
            Operand::Constant(c) => View {
                shape: c.shape.clone(),
                elements: c.data.iter().map(|v| Element::Constant(*v)).collect(),
            },
            Operand::Tensor(id) => {
                let place = self.0.iter().position(|known| known == id);
                let operand = place.unwrap_or_else(|| {
                    self.0.push(*id);
                    self.0.len() - 1
                }) as u32;
                let shape = importer.builder.shape(*id).to_vec();
                let len = shape.iter().product::<usize>() as u32;
                let elements = (0..len).map(|index| Element::Of { operand, index });
                View {
                    shape,
                    elements: elements.collect(),
                }
            }
        }
    }
}

impl View {
    /// The element that each coordinate of each axis reads; where one of them reads nothing, there is `fill`.
    pub(super) fn by_axis(
        &self,
        node: &NodeProto,
        axes: &[Vec<Option<usize>>],
        fill: Element,
    ) -> Result<Self> {
        let shape: Vec<usize> = axes.iter().map(Vec::len).collect();
        size(node, &shape)?;
        let mut places = vec![Some(0)];
        for (axis, length) in axes.iter().zip(&self.shape) {
            let step = |place: Option<usize>| {
                axis.iter()
                    .map(move |at| Some(place? * length + at.as_ref()?))
            };
            places = places.into_iter().flat_map(step).collect();
        }
        let element = |place: Option<usize>| place.map_or(fill, |place| self.elements[place]);
        Ok(Self {
            shape,
            elements: places.into_iter().map(element).collect(),
        })
    }

    /// The same elements under another shape of as many.
    pub(super) fn shaped(self, shape: Vec<usize>) -> Self {
        Self { shape, ..self }
    }
}

/// The number of elements of a shape, which is not too large for a tensor.
pub(super) fn size(node: &NodeProto, shape: &[usize]) -> Result<usize> {
    let count = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
    count
        .filter(|n| (1..=MAX_ELEMENTS).contains(n))
        .ok_or_else(|| {
            refuse(
                node,
                format!("a tensor of shape {shape:?}; supported: 1 to {MAX_ELEMENTS} elements"),
            )
        })
}

/// Every coordinate of an axis, as it is.
pub(super) fn all(length: usize) -> Vec<Option<usize>> {
    (0..length).map(Some).collect()
}

/// Coordinates of every element of a shape, row-major.
pub(super) fn coordinates(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    let total = shape.iter().product::<usize>();
    (0..total).map(|flat| unravel(flat, shape))
}

/// Coordinates of an element.
pub(super) fn unravel(mut flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut at = vec![0; shape.len()];
    for (axis, length) in shape.iter().enumerate().rev() {
        at[axis] = flat % length;
        flat /= length;
    }
    at
}

/// The flat index of an element.
pub(super) fn ravel(at: &[usize], shape: &[usize]) -> usize {
    at.iter().zip(shape).fold(0, |flat, (i, d)| flat * d + i)
}

impl Importer {
    /// The operation that gives a view; a constant if it reads no tensor.
    pub(super) fn place(
        &mut self,
        node: &NodeProto,
        sources: &Sources,
        mut view: View,
    ) -> Result<Operand> {
        size(node, &view.shape)?;
        let mut used: Vec<Option<u32>> = vec![None; sources.0.len()];
        let mut tensors = Vec::new();
        for element in &mut view.elements {
            if let Element::Of { operand, .. } = element {
                let source = *operand as usize;
                *operand = *used[source].get_or_insert_with(|| {
                    tensors.push(sources.0[source]);
                    tensors.len() as u32 - 1
                });
            }
        }
        if tensors.is_empty() {
            let value = |e: &Element| match e {
                Element::Constant(v) => *v,
                Element::Of { .. } => 0.0,
            };
            return Ok(Operand::Constant(Constant {
                shape: view.shape,
                data: view.elements.iter().map(value).collect(),
            }));
        }
        let in_place = |(n, e): (usize, &Element)| matches!(e, Element::Of { operand: 0, index } if *index as usize == n);
        if let [only] = tensors[..]
            && self.builder.shape(only).iter().product::<usize>() == view.elements.len()
            && view.elements.iter().enumerate().all(in_place)
        {
            return self.reshape(node, only, &view.shape).map(Operand::Tensor);
        }
        let op = FloatOp::Rearrange(Rearrange {
            operands: tensors.len(),
            shape: view.shape,
            elements: view.elements,
        });
        self.op(node, op, &tensors).map(Operand::Tensor)
    }

    /// The elements of one operand that each coordinate of each axis reads.
    pub(super) fn pick(
        &mut self,
        node: &NodeProto,
        operand: &Operand,
        axes: &[Vec<Option<usize>>],
        fill: Element,
    ) -> Result<Operand> {
        let mut sources = Sources::default();
        let view = sources.view(self, operand).by_axis(node, axes, fill)?;
        self.place(node, &sources, view)
    }

    /// Part of a tensor along an axis.
    pub(super) fn part(
        &mut self,
        node: &NodeProto,
        operand: &Operand,
        axis: usize,
        range: std::ops::Range<usize>,
    ) -> Result<Operand> {
        let shape = self.shape_of(operand);
        let mut axes: Vec<_> = shape.iter().map(|d| all(*d)).collect();
        axes[axis] = range.map(Some).collect();
        self.pick(node, operand, &axes, ZERO)
    }

    /// Tensors one after the other along an axis; their other lengths are the same.
    pub(super) fn concatenated(
        &mut self,
        node: &NodeProto,
        parts: &[Operand],
        axis: usize,
    ) -> Result<Operand> {
        let mut sources = Sources::default();
        let views: Vec<View> = parts.iter().map(|p| sources.view(self, p)).collect();
        let Some(first) = views.first() else {
            return Err(refuse(node, "it reads nothing"));
        };
        let mut shape = first.shape.clone();
        for view in &views {
            let mut same = view.shape.clone();
            if axis >= shape.len() || same.len() != shape.len() {
                return Err(refuse(node, format!("shapes {shape:?} and {same:?}")));
            }
            same[axis] = shape[axis];
            if same != shape {
                return Err(refuse(
                    node,
                    format!(
                        "shapes {shape:?} and {:?}; only the axis {axis} may differ",
                        view.shape
                    ),
                ));
            }
        }
        shape[axis] = views.iter().map(|v| v.shape[axis]).sum();
        size(node, &shape)?;
        let outer: usize = shape[..axis].iter().product();
        let mut elements = Vec::new();
        for row in 0..outer {
            for view in &views {
                let run: usize = view.shape[axis..].iter().product();
                elements.extend_from_slice(&view.elements[row * run..(row + 1) * run]);
            }
        }
        self.place(node, &sources, View { shape, elements })
    }
}

/// The constant 0.
pub(super) const ZERO: Element = Element::Constant(0.0);
