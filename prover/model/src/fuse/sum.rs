//! Sums of two tensors: one linear layer with the terms of both.

use super::graph::{FusedMap, FusedTerm};
use super::lowering::{Lowering, internal, unsupported};
use super::value::{Body, Value, normal};
use crate::convolution::{Geometry, accumulate};
use crate::dims::Dims;
use crate::error::Result;
use crate::float::{Bounds, FloatNode};
use crate::window::Window;

/// A convolution is written out as a matrix only up to this many weights.
const MAX_MATRIX: usize = 1 << 20;

/// Tensors of at most so many elements are brought into another order by a matrix.
const SMALL: usize = 64;

/// A linear value taken apart.
struct Parts {
    nodes: Vec<String>,
    terms: Vec<FusedTerm>,
    bias: Vec<f64>,
    dims: Dims,
    at: Option<Vec<usize>>,
}

impl Parts {
    fn is_dense(&self) -> bool {
        self.terms
            .iter()
            .all(|t| matches!(t.map, FusedMap::Dense(_)))
    }

    fn is_conv(&self) -> bool {
        self.terms
            .iter()
            .all(|t| matches!(t.map, FusedMap::Conv { .. }))
    }

    /// Reorders the outputs of dense terms to stand as in `other`.
    fn align(&mut self, other: &Parts) {
        let len = self.bias.len();
        let index = |at: &Option<Vec<usize>>, j: usize| at.as_ref().map_or(j, |at| at[j]);
        // Row `i` of the result is row `from[i]` of the source.
        let mut from = vec![0; len];
        for j in 0..len {
            from[index(&other.at, j)] = index(&self.at, j);
        }
        if normal(from.clone()).is_some() {
            self.bias = from.iter().map(|i| self.bias[*i]).collect();
            for term in &mut self.terms {
                if let FusedMap::Dense(weights) = &mut term.map {
                    let row = weights.len() / len;
                    *weights = from
                        .iter()
                        .flat_map(|i| weights[i * row..][..row].to_vec())
                        .collect();
                }
            }
        }
        self.at = other.at.clone();
        self.dims = other.dims;
    }
}

impl Lowering<'_> {
    pub(super) fn sum(&mut self, node: &FloatNode, sign: f64) -> Result<Value> {
        let [left, mut right] = self.aligned(node)?;
        for term in &mut right.terms {
            let (FusedMap::Conv { weights, .. } | FusedMap::Dense(weights)) = &mut term.map;
            weights.iter_mut().for_each(|w| *w *= sign);
        }
        right.bias.iter_mut().for_each(|b| *b *= sign);
        let dims = left.dims;
        let mut terms = left.terms;
        terms.extend(right.terms);
        self.unify_kinds(node, &mut terms, dims)?;
        let terms = self.merge(node, terms, dims)?;
        let mut nodes = left.nodes;
        nodes.extend(right.nodes);
        nodes.retain(|n| *n != node.name);
        nodes.push(node.name.clone());
        Ok(Value {
            body: Body::Linear {
                nodes,
                terms,
                bias: left
                    .bias
                    .iter()
                    .zip(&right.bias)
                    .map(|(a, b)| a + b)
                    .collect(),
            },
            dims,
            at: left.at,
            sole: true,
        })
    }

    /// Both operands as linear maps whose outputs stand in one order.
    fn aligned(&mut self, node: &FloatNode) -> Result<[Parts; 2]> {
        let (a, b) = (self.take(node.inputs[0])?, self.take(node.inputs[1])?);
        let is_view = |v: &Value| matches!(v.body, Body::Elements(_));
        // A view stands in whatever order the other operand has.
        let (a, b) = match (is_view(&a), is_view(&b)) {
            (true, false) => (a.laid_out(&b.at, b.dims), b),
            (false, true) => {
                let b = b.laid_out(&a.at, a.dims);
                (a, b)
            }
            (true, true) => {
                let (at, dims) = self.layout(node.output);
                (a.laid_out(&at, dims), b.laid_out(&at, dims))
            }
            (false, false) => self.one_order(node, a, b)?,
        };
        let mut left = self.branch(node, a)?;
        let mut right = self.branch(node, b)?;
        if left.at == right.at && left.dims == right.dims {
            return Ok([left, right]);
        }
        if !left.is_dense() && !right.is_dense() {
            // The smaller one is written out as a matrix, whose rows can stand in any order.
            let left_is_smaller = self.matrix_size(&left) <= self.matrix_size(&right);
            let (mut smaller, other) = if left_is_smaller {
                (left, right)
            } else {
                (right, left)
            };
            if self.write_out(&mut smaller).is_some() {
                smaller.align(&other);
            } else {
                // Too large for that: it is stored, and copied into the other's order.
                smaller = self.reordered(node, smaller, (&other.at, other.dims))?;
            }
            return Ok(if left_is_smaller {
                [smaller, other]
            } else {
                [other, smaller]
            });
        }
        if left.is_dense() {
            left.align(&right);
        } else {
            right.align(&left);
        }
        Ok([left, right])
    }

    /// Two values of which one is read as a view in the other's order, where the orders differ and the tensors are large.
    fn one_order(&mut self, node: &FloatNode, a: Value, b: Value) -> Result<(Value, Value)> {
        let same = a.at == b.at && a.dims == b.dims;
        if same || a.dims.len() <= SMALL {
            return Ok((a, b));
        }
        if b.has_elements() {
            let b = self.wanted(b, (&a.at, a.dims), &node.name)?;
            return Ok((a, b));
        }
        if a.has_elements() {
            let a = self.wanted(a, (&b.at, b.dims), &node.name)?;
            return Ok((a, b));
        }
        Ok((a, b))
    }

    fn branch(&mut self, node: &FloatNode, value: Value) -> Result<Parts> {
        let value = self.linear_of(value, &node.name)?;
        let Body::Linear { nodes, terms, bias } = value.body else {
            return Err(internal(&node.name));
        };
        Ok(Parts {
            nodes,
            terms,
            bias,
            dims: value.dims,
            at: value.at,
        })
    }

    fn reordered(
        &mut self,
        node: &FloatNode,
        parts: Parts,
        (at, dims): (&Option<Vec<usize>>, Dims),
    ) -> Result<Parts> {
        let name = format!("{}.operand", node.name);
        let linear = Value {
            body: Body::Linear {
                nodes: parts.nodes,
                terms: parts.terms,
                bias: parts.bias,
            },
            dims: parts.dims,
            at: parts.at,
            sole: true,
        };
        let stored = self.emit(linear, &name, Bounds::default())?;
        let moved = self.ordered(stored, at, dims, &format!("{name}.moved"))?;
        self.branch(node, moved)
    }

    /// How many weights the terms have as matrices.
    fn matrix_size(&self, parts: &Parts) -> usize {
        let inputs = parts.terms.iter();
        let inputs = inputs.map(|t| self.fused.tensors[t.input].dims.len());
        inputs.sum::<usize>().saturating_mul(parts.dims.len())
    }

    /// Makes all terms dense; `None` if one is too large for that.
    fn write_out(&self, parts: &mut Parts) -> Option<()> {
        for term in &mut parts.terms {
            let src = self.fused.tensors[term.input].dims;
            if let FusedMap::Conv { geometry, weights } = &term.map {
                term.map = FusedMap::Dense(matrix(geometry, weights, src, parts.dims)?);
            }
        }
        Some(())
    }

    /// All terms become convolutions if a dense output is one column of channels, else all become dense.
    fn unify_kinds(&self, node: &FloatNode, terms: &mut [FusedTerm], out: Dims) -> Result<()> {
        let probe = Parts {
            nodes: Vec::new(),
            terms: terms.to_vec(),
            bias: Vec::new(),
            dims: out,
            at: None,
        };
        if probe.is_dense() || probe.is_conv() {
            return Ok(());
        }
        for term in terms {
            let src = self.fused.tensors[term.input].dims;
            match &mut term.map {
                FusedMap::Dense(weights) if out.plane() == 1 => {
                    term.map = FusedMap::Conv {
                        geometry: whole(src),
                        weights: std::mem::take(weights),
                    };
                }
                FusedMap::Conv { geometry, weights } if out.plane() != 1 => {
                    let Some(matrix) = matrix(geometry, weights, src, out) else {
                        return Err(unsupported(
                            &node.name,
                            node.op.name(),
                            "the sum of a convolution and a dense layer of this size".into(),
                        ));
                    };
                    term.map = FusedMap::Dense(matrix);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Merges terms that read one tensor; where no common geometry exists, the second reads a copy.
    fn merge(
        &mut self,
        node: &FloatNode,
        terms: Vec<FusedTerm>,
        out: Dims,
    ) -> Result<Vec<FusedTerm>> {
        let mut merged: Vec<FusedTerm> = Vec::new();
        for mut term in terms {
            let Some(at) = merged.iter().position(|t| t.input == term.input) else {
                merged.push(term);
                continue;
            };
            let src = self.fused.tensors[term.input].dims;
            if let Some(map) = merge_maps(&merged[at].map, &term.map, src, out) {
                merged[at].map = map;
                continue;
            }
            let original = self.fused.tensors[term.input].clone();
            let copy =
                self.linear_of(Value::stored(term.input, original.dims, None), &node.name)?;
            let copy = self.emit(copy, &format!("{}.copy", original.name), original.bounds)?;
            term.input = copy.plain().ok_or_else(|| internal(&node.name))?;
            merged.push(term);
        }
        Ok(merged)
    }
}

/// The geometry of a convolution that sees everything at its one position.
fn whole(src: Dims) -> Geometry {
    Geometry {
        window: Window::whole([src.h, src.w]),
        groups: 1,
    }
}

/// The convolution as a matrix, `[out element][in element]`; `None` if that is too large.
pub(super) fn matrix(
    geometry: &Geometry,
    weights: &[f64],
    src: Dims,
    out: Dims,
) -> Option<Vec<f64>> {
    let size = src
        .len()
        .checked_mul(out.len())
        .filter(|n| *n <= MAX_MATRIX)?;
    let mut matrix = vec![0.0; size];
    let mut unit = vec![0.0; src.len()];
    for i in 0..src.len() {
        let mut column = vec![0.0; out.len()];
        unit[i] = 1.0;
        accumulate(geometry, weights, src, out, &unit, &mut column);
        unit[i] = 0.0;
        for (o, value) in column.into_iter().enumerate() {
            matrix[o * src.len() + i] = value;
        }
    }
    Some(matrix)
}

fn merge_maps(a: &FusedMap, b: &FusedMap, src: Dims, out: Dims) -> Option<FusedMap> {
    match (a, b) {
        (FusedMap::Dense(a), FusedMap::Dense(b)) => Some(FusedMap::Dense(add(a, b))),
        (
            FusedMap::Conv {
                geometry: ga,
                weights: wa,
            },
            FusedMap::Conv {
                geometry: gb,
                weights: wb,
            },
        ) => {
            let to = Geometry {
                window: ga.window.union(&gb.window)?,
                groups: if ga.groups == gb.groups { ga.groups } else { 1 },
            };
            let a = regrid(ga, wa, &to, src, out);
            let b = regrid(gb, wb, &to, src, out);
            Some(FusedMap::Conv {
                geometry: to,
                weights: add(&a, &b),
            })
        }
        _ => None,
    }
}

fn add(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(x, y)| x + y).collect()
}

/// The same convolution with a larger kernel, and without groups if `to` has none.
fn regrid(from: &Geometry, weights: &[f64], to: &Geometry, src: Dims, out: Dims) -> Vec<f64> {
    let (own_in, own_out) = (src.c / from.groups, out.c / from.groups);
    let group_in = src.c / to.groups;
    let (own, all) = (&from.window, &to.window);
    let (top, left) = (
        own.rows.first_tap_in(&all.rows),
        own.columns.first_tap_in(&all.columns),
    );
    let mut grid = vec![0.0; out.c * group_in * all.taps()];
    for o in 0..out.c {
        for i in 0..own_in {
            let channel = if from.groups == to.groups {
                i
            } else {
                o / own_out * own_in + i
            };
            let row = &weights[(o * own_in + i) * own.taps()..][..own.taps()];
            let to = &mut grid[(o * group_in + channel) * all.taps()..][..all.taps()];
            for (weight, (ky, kx)) in row.iter().zip(own.offsets()) {
                to[(ky + top) * all.columns.kernel + kx + left] = *weight;
            }
        }
    }
    grid
}
