//! Elements that a view picks from stored tensors.

use super::graph::{FusedMap, FusedTensor, FusedTerm, Line};
use super::value::{Body, Value, invert, normal};
use crate::convolution::Geometry;
use crate::dims::Dims;
use crate::window::Window;
use std::collections::BTreeMap;

/// `scale * x + shift`, where x is an element of a stored tensor; a constant is a shift alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Element {
    pub(super) source: Option<(u32, u32)>,
    pub(super) scale: f64,
    pub(super) shift: f64,
}

impl Element {
    /// An element of a stored tensor.
    pub(super) fn of(tensor: usize, index: usize, line: Line) -> Self {
        Self {
            // Tensors have at most 2^22 elements, graphs far fewer tensors.
            source: Some((tensor as u32, index as u32)),
            scale: line.scale,
            shift: line.shift,
        }
    }

    pub(super) fn constant(value: f64) -> Self {
        Self {
            source: None,
            scale: 0.0,
            shift: value,
        }
    }

    pub(super) fn tensor(&self) -> Option<usize> {
        self.source.map(|(tensor, _)| tensor as usize)
    }

    pub(super) fn line(&self) -> Line {
        Line {
            scale: self.scale,
            shift: self.shift,
        }
    }
}

/// A channel of a view, all of whose positions are those of one stored channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Plane {
    /// Tensor and channel; `None` for constants.
    pub(super) source: Option<(usize, usize)>,
    pub(super) scale: f64,
}

impl Value {
    /// The elements in the value's internal order; `None` where sums or a map wait.
    pub(super) fn elements(&self) -> Option<Vec<Element>> {
        match &self.body {
            Body::Elements(elements) => Some(elements.clone()),
            Body::Affine {
                tensor,
                pool: [1, 1],
                scale,
                shift,
            } => {
                let lines = scale.iter().zip(shift).enumerate();
                let element = |(i, (scale, shift)): (usize, (&f64, &f64))| {
                    let line = Line {
                        scale: *scale,
                        shift: *shift,
                    };
                    Element::of(*tensor, i, line)
                };
                Some(lines.map(element).collect())
            }
            Body::Affine { .. } | Body::Linear { .. } => None,
        }
    }

    /// Whether [`Self::elements`] has some.
    pub(super) fn has_elements(&self) -> bool {
        match &self.body {
            Body::Elements(_) => true,
            Body::Affine { pool, .. } => *pool == [1, 1],
            Body::Linear { .. } => false,
        }
    }

    /// A view of these elements, which stand in the order of `dims`.
    pub(super) fn view(elements: Vec<Element>, at: Option<Vec<usize>>, dims: Dims) -> Self {
        Self {
            body: Body::Elements(elements),
            dims,
            at,
            sole: false,
        }
    }

    /// A view in another internal order, which costs nothing.
    pub(super) fn laid_out(self, at: &Option<Vec<usize>>, dims: Dims) -> Self {
        let Body::Elements(elements) = &self.body else {
            return self;
        };
        if self.at == *at {
            return Self { dims, ..self };
        }
        let mut moved = elements.clone();
        for j in 0..elements.len() {
            moved[at.as_ref().map_or(j, |at| at[j])] = elements[self.index(j)];
        }
        Self::view(moved, at.clone(), dims)
    }

    /// The line of all elements, if they share one that is not constant.
    pub(super) fn line(&self) -> Option<Line> {
        let (scale, shift) = match &self.body {
            Body::Affine { scale, shift, .. } => (scale[0], shift[0]),
            Body::Elements(elements) => (elements[0].scale, elements[0].shift),
            Body::Linear { .. } => return None,
        };
        let line = Line { scale, shift };
        if !scale.is_normal() {
            return None;
        }
        let same = match &self.body {
            Body::Affine { scale, shift, .. } => {
                scale.iter().all(|v| *v == line.scale) && shift.iter().all(|v| *v == line.shift)
            }
            Body::Elements(elements) => elements
                .iter()
                .all(|e| e.source.is_some() && e.line() == line),
            Body::Linear { .. } => false,
        };
        same.then_some(line)
    }
}

/// The view as an affine value of the one tensor that it rearranges, if each of its elements is there once.
pub(super) fn as_affine(value: &Value, tensors: &[FusedTensor]) -> Option<Value> {
    let Body::Elements(elements) = &value.body else {
        return None;
    };
    let (tensor, _) = elements[0].source?;
    let dims = tensors[tensor as usize].dims;
    if dims.len() != elements.len() {
        return None;
    }
    // Where the element of the tensor stands in the view.
    let mut place = vec![usize::MAX; elements.len()];
    for (i, element) in elements.iter().enumerate() {
        let (of, index) = element.source?;
        let slot = place.get_mut(index as usize)?;
        if of != tensor || *slot != usize::MAX {
            return None;
        }
        *slot = i;
    }
    let of = |part: fn(&Element) -> f64| place.iter().map(|i| part(&elements[*i])).collect();
    let inverse = invert(&place);
    let at = (0..elements.len())
        .map(|j| inverse[value.index(j)])
        .collect();
    Some(Value {
        body: Body::Affine {
            tensor: tensor as usize,
            pool: [1, 1],
            scale: of(|e| e.scale),
            shift: of(|e| e.shift),
        },
        dims,
        at: normal(at),
        sole: false,
    })
}

/// The channels of a view, if each is a stored one.
pub(super) fn planes(
    elements: &[Element],
    dims: Dims,
    tensors: &[FusedTensor],
) -> Option<Vec<Plane>> {
    let plane = |elements: &[Element]| {
        let first = elements[0];
        let Some((tensor, index)) = first.source else {
            let constant = elements.iter().all(|e| e.source.is_none());
            return constant.then_some(Plane {
                source: None,
                scale: 0.0,
            });
        };
        let own = tensors[tensor as usize].dims;
        let channel = index as usize / own.plane();
        let fits =
            (own.h, own.w) == (dims.h, dims.w) && (index as usize).is_multiple_of(own.plane());
        let follows = |(p, e): (usize, &Element)| {
            e.source == Some((tensor, index + p as u32)) && e.scale == first.scale
        };
        (fits && elements.iter().enumerate().all(follows)).then_some(Plane {
            source: Some((tensor as usize, channel)),
            scale: first.scale,
        })
    };
    elements.chunks_exact(dims.plane()).map(plane).collect()
}

/// The tensors that the planes come from, in order of their first use.
pub(super) fn sources(planes: &[Plane]) -> Vec<usize> {
    let mut found = Vec::new();
    for (tensor, _) in planes.iter().filter_map(|p| p.source) {
        if !found.contains(&tensor) {
            found.push(tensor);
        }
    }
    found
}

/// One term a source, that picks the planes: a convolution of single elements.
pub(super) fn selection(planes: &[Plane], tensors: &[FusedTensor]) -> Vec<FusedTerm> {
    let out = planes.len();
    let term = |input: usize| {
        let channels = tensors[input].dims.c;
        let each = out / channels;
        let of = |c: usize| planes[c].source.filter(|(t, _)| *t == input);
        // Every channel for a run of outputs, in order: groups.
        let runs = each > 0
            && out.is_multiple_of(channels)
            && (0..out).all(|c| of(c).is_none_or(|(_, from)| from == c / each));
        let weights = if runs {
            (0..out)
                .map(|c| of(c).map_or(0.0, |_| planes[c].scale))
                .collect()
        } else {
            let mut weights = vec![0.0; out * channels];
            for (c, plane) in planes.iter().enumerate() {
                if let Some((_, from)) = of(c) {
                    weights[c * channels + from] = plane.scale;
                }
            }
            weights
        };
        FusedTerm {
            input,
            map: FusedMap::Conv {
                geometry: Geometry {
                    window: Window::POINT,
                    groups: if runs { channels } else { 1 },
                },
                weights,
            },
        }
    };
    sources(planes).into_iter().map(term).collect()
}

/// How many weights [`selection`] takes.
pub(super) fn selection_size(planes: &[Plane], tensors: &[FusedTensor]) -> usize {
    let sizes = sources(planes).into_iter().map(|t| tensors[t].dims.c);
    sizes.fold(0usize, |sum, c| {
        sum.saturating_add(c.saturating_mul(planes.len()))
    })
}

/// Whether all elements that come from one tensor share their line: the lines by tensor.
pub(super) fn lines(elements: &[Element]) -> Option<BTreeMap<usize, Line>> {
    let mut lines = BTreeMap::new();
    for element in elements {
        let Some(tensor) = element.tensor() else {
            continue;
        };
        if *lines.entry(tensor).or_insert(element.line()) != element.line() {
            return None;
        }
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::float::Bounds;

    fn tensor(c: usize, h: usize, w: usize) -> FusedTensor {
        FusedTensor {
            name: String::new(),
            dims: Dims { c, h, w },
            external: None,
            bounds: Bounds::default(),
            factors: None,
        }
    }

    fn of(tensor: usize, index: usize) -> Element {
        Element::of(tensor, index, Line::IDENTITY)
    }

    #[test]
    fn as_affine_inverts_a_permutation_and_refuses_the_rest() {
        let tensors = [tensor(3, 1, 1)];
        let dims = Dims { c: 3, h: 1, w: 1 };
        let view = Value::view(vec![of(0, 2), of(0, 0), of(0, 1)], None, dims);
        let affine = as_affine(&view, &tensors).unwrap();
        assert_eq!(affine.at, Some(vec![2, 0, 1]));
        for elements in [
            vec![of(0, 0), of(0, 0), of(0, 1)],
            vec![of(0, 0), of(0, 1), Element::constant(1.0)],
            vec![of(0, 0), of(0, 1)],
        ] {
            let dims = Dims {
                c: elements.len(),
                ..dims
            };
            assert!(as_affine(&Value::view(elements, None, dims), &tensors).is_none());
        }
    }

    #[test]
    fn planes_are_whole_channels_in_order() {
        let tensors = [tensor(2, 1, 2), tensor(1, 1, 2)];
        let dims = Dims { c: 3, h: 1, w: 2 };
        let concat: Vec<Element> = [(1, 0), (1, 1), (0, 2), (0, 3), (0, 0), (0, 1)]
            .map(|(t, i)| of(t, i))
            .into();
        let found = planes(&concat, dims, &tensors).unwrap();
        let from: Vec<_> = found.iter().map(|p| p.source).collect();
        assert_eq!(from, [Some((1, 0)), Some((0, 1)), Some((0, 0))]);
        assert_eq!(sources(&found), [1, 0]);
        let mut shifted = concat;
        shifted.swap(0, 1);
        assert_eq!(planes(&shifted, dims, &tensors), None);
    }

    #[test]
    fn selection_of_runs_has_groups() {
        let tensors = [tensor(2, 1, 1)];
        let plane = |channel, scale| Plane {
            source: Some((0, channel)),
            scale,
        };
        let terms = selection(
            &[plane(0, 1.0), plane(0, 2.0), plane(1, 3.0), plane(1, 4.0)],
            &tensors,
        );
        let FusedMap::Conv { geometry, weights } = &terms[0].map else {
            panic!()
        };
        assert_eq!(
            (geometry.groups, &weights[..]),
            (2, &[1.0, 2.0, 3.0, 4.0][..])
        );
        let terms = selection(&[plane(1, 1.0), plane(0, 2.0)], &tensors);
        let FusedMap::Conv { geometry, weights } = &terms[0].map else {
            panic!()
        };
        assert_eq!(
            (geometry.groups, &weights[..]),
            (1, &[0.0, 1.0, 2.0, 0.0][..])
        );
    }
}
