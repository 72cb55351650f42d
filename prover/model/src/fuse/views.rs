//! Linear layers that read views: the weights go to the tensors that the elements come from.

use super::elements::{Element, planes, sources};
use super::graph::{FusedMap, FusedTerm};
use super::linear::{conv_bias, conv_planes, pending};
use super::lowering::{Lowering, internal};
use super::value::{Body, Value, normal, per_channel};
use crate::convolution::Geometry;
use crate::dims::Dims;
use crate::error::Result;
use crate::float::{Bounds, Conv, Dense, FloatNode, Padding};
use std::collections::BTreeMap;

/// Group and position of the row that begins at an element, given the row's length and the positions of a channel.
type Place = fn(usize, usize, usize) -> (usize, usize);

impl Lowering<'_> {
    /// A convolution of a view whose elements stand as channels, rows, columns: of the tensors that its channels come
    /// from, or of a copy.
    pub(super) fn conv_of_view(
        &mut self,
        node: &FloatNode,
        op: &Conv,
        view: Value,
        out: Dims,
    ) -> Result<Value> {
        if let Some(value) = self.conv_of_planes(node, op, &view, out) {
            return Ok(value);
        }
        let name = format!("{}.input", node.name);
        let (at, dims) = (view.at.clone(), view.dims);
        let value = self.ordered(view, &at, dims, &name)?;
        let value = self.with_channel_factors(node, value)?;
        conv_planes(node, op, &value, out)
    }

    fn conv_of_planes(
        &self,
        node: &FloatNode,
        op: &Conv,
        view: &Value,
        out: Dims,
    ) -> Option<Value> {
        let Body::Elements(elements) = &view.body else {
            return None;
        };
        let tensors = &self.fused.tensors;
        let planes = planes(elements, view.dims, tensors).filter(|_| op.groups == 1)?;
        let channels: usize = sources(&planes).iter().map(|t| tensors[*t].dims.c).sum();
        let taps = op.window().taps();
        // A slice of a large tensor is better copied than read with weights of 0.
        let extra = channels.saturating_sub(planes.len()) * taps * op.channels;
        if extra > elements.len().max(4096) {
            return None;
        }
        let geometry = Geometry {
            window: op.window(),
            groups: 1,
        };
        let shift: Vec<f64> = elements.iter().map(|e| e.shift).collect();
        let bias = conv_bias(op, &shift, view.dims, out);
        let term = |input: usize| {
            let own = tensors[input].dims.c;
            let mut weights = vec![0.0; op.channels * own * taps];
            for (c, plane) in planes.iter().enumerate() {
                let Some((_, channel)) = plane.source.filter(|(t, _)| *t == input) else {
                    continue;
                };
                for o in 0..op.channels {
                    let from = &op.weights[(o * planes.len() + c) * taps..][..taps];
                    let to = &mut weights[(o * own + channel) * taps..][..taps];
                    to.iter_mut()
                        .zip(from)
                        .for_each(|(t, f)| *t += f * plane.scale);
                }
            }
            FusedTerm {
                input,
                map: FusedMap::Conv { geometry, weights },
            }
        };
        let terms: Vec<FusedTerm> = sources(&planes).into_iter().map(term).collect();
        (!terms.is_empty()).then(|| pending(node, terms, bias, out, None))
    }

    /// A matrix product over all elements of a view.
    pub(super) fn dense_of_view(
        &mut self,
        node: &FloatNode,
        op: &Dense,
        value: &Value,
        (at, dims): (Option<Vec<usize>>, Dims),
    ) -> Result<Value> {
        let Body::Elements(elements) = &value.body else {
            return Err(internal(&node.name));
        };
        let inputs = elements.len();
        let mut widths: BTreeMap<usize, usize> = BTreeMap::new();
        for tensor in elements.iter().filter_map(Element::tensor) {
            widths.insert(tensor, self.fused.tensors[tensor].dims.len());
        }
        let total: usize = widths.values().sum();
        if total > 2 * inputs {
            // A slice of a large tensor is better copied than read with weights of 0.
            let name = format!("{}.input", node.name);
            let flat = Dims {
                c: inputs,
                h: 1,
                w: 1,
            };
            let copy = self.ordered(value.clone(), &None, flat, &name)?;
            return self.dense_of(node, op, copy);
        }
        let mut maps: BTreeMap<usize, Vec<f64>> = (widths.iter())
            .map(|(tensor, width)| (*tensor, vec![0.0; width * op.outputs]))
            .collect();
        let mut bias = vec![0.0; op.outputs];
        for (n, row) in op.weights.chunks_exact(inputs).enumerate() {
            let o = at.as_ref().map_or(n, |at| at[n]);
            bias[o] = op.bias.as_ref().map_or(0.0, |b| b[n]);
            for (j, w) in row.iter().enumerate() {
                let element = &elements[value.index(j)];
                bias[o] += w * element.shift;
                let Some((tensor, index)) = element.source else {
                    continue;
                };
                let tensor = tensor as usize;
                if let Some(weights) = maps.get_mut(&tensor) {
                    weights[o * widths[&tensor] + index as usize] += w * element.scale;
                }
            }
        }
        let terms = maps.into_iter().map(|(input, weights)| FusedTerm {
            input,
            map: FusedMap::Dense(weights),
        });
        Ok(pending(node, terms.collect(), bias, dims, at))
    }

    /// A product over rows where the elements of a row are channels of their own at one position, or all positions of a
    /// channel: a convolution in groups.
    pub(super) fn grouped_rows(
        &mut self,
        node: &FloatNode,
        op: &Dense,
        value: &Value,
        rows: usize,
    ) -> Result<Option<Value>> {
        let inputs = op.weights.len() / op.outputs;
        let (dims, plane) = (value.dims, value.dims.plane());
        let at = |row: usize, k: usize| value.index(row * inputs + k);
        let groups = dims.c / inputs.min(dims.c).max(1);
        let by_channels = groups * inputs == dims.c
            && (0..rows).all(|row| {
                let first = at(row, 0);
                (first / plane).is_multiple_of(inputs)
                    && (1..inputs).all(|k| at(row, k) == first + k * plane)
            });
        let by_positions = inputs == plane
            && (0..rows).all(|row| {
                let first = at(row, 0);
                first.is_multiple_of(plane) && (1..inputs).all(|k| at(row, k) == first + k)
            });
        // Rows take the place of their first element.
        let (groups, kernel, out, place): (_, _, _, Place) = if by_channels {
            let out = Dims {
                c: groups * op.outputs,
                ..dims
            };
            (groups, [1, 1], out, |first, inputs, plane| {
                (first / plane / inputs, first % plane)
            })
        } else if by_positions {
            let out = Dims {
                c: dims.c * op.outputs,
                h: 1,
                w: 1,
            };
            (dims.c, [dims.h, dims.w], out, |first, _, plane| {
                (first / plane, 0)
            })
        } else {
            return Ok(None);
        };
        let conv = Conv {
            channels: out.c,
            kernel,
            stride: [1, 1],
            padding: Padding::NONE,
            groups,
            weights: op.weights.repeat(groups),
            bias: op.bias.as_ref().map(|b| b.repeat(groups)),
        };
        let value = self.with_channel_factors(node, value.clone())?;
        let mut product = conv_planes(node, &conv, &value, out)?;
        let index = |n: usize| {
            let (row, o) = (n / op.outputs, n % op.outputs);
            let (group, position) = place(at(row, 0), inputs, plane);
            (group * op.outputs + o) * out.plane() + position
        };
        product.at = normal((0..rows * op.outputs).map(index).collect());
        Ok(Some(product))
    }

    /// An affine value with one factor for each channel: where factors vary inside of one, a product is stored first.
    pub(super) fn with_channel_factors(&mut self, node: &FloatNode, value: Value) -> Result<Value> {
        let varies = match &value.body {
            Body::Affine { scale, .. } => per_channel(scale, value.dims).is_none(),
            Body::Linear { .. } | Body::Elements(_) => true,
        };
        if !varies {
            return Ok(value);
        }
        let linear = self.linear_of(value, &node.name)?;
        self.emit(linear, &format!("{}.input", node.name), Bounds::default())
    }
}
