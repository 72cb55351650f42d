//! Rearranged elements: views as long as readers can follow them, else a layer that copies them.

use super::elements::{Element, as_affine, lines, planes, selection, selection_size};
use super::graph::{FusedGather, FusedLayer, FusedLinear, FusedOperand, FusedProduct, Line};
use super::lowering::{Lowering, internal};
use super::value::{Body, Value};
use crate::dims::Dims;
use crate::error::Result;
use crate::float::{self, Bounds, FloatId, FloatNode, Rearrange};
use std::collections::BTreeMap;

impl Lowering<'_> {
    pub(super) fn rearrange(&mut self, node: &FloatNode, op: &Rearrange) -> Result<Value> {
        let mut operands = Vec::with_capacity(node.inputs.len());
        for input in &node.inputs {
            let value = self.take(*input)?;
            let value = self.view_of(value, *input)?;
            let elements = value.elements().ok_or_else(|| internal(&node.name))?;
            operands.push((value.at, elements));
        }
        let (at, dims) = self.layout(node.output);
        let element = |e: &float::Element| match *e {
            float::Element::Constant(value) => Element::constant(value),
            float::Element::Of { operand, index } => {
                let (at, elements) = &operands[operand as usize];
                let index = index as usize;
                elements[at.as_ref().map_or(index, |at| at[index])]
            }
        };
        let external: Vec<Element> = op.elements.iter().map(element).collect();
        let view = Value::view(external, None, dims).laid_out(&at, dims);
        Ok(as_affine(&view, &self.fused.tensors).unwrap_or(view))
    }

    /// A value whose elements are known: a waiting map, or sums, are stored first.
    fn view_of(&mut self, value: Value, id: FloatId) -> Result<Value> {
        if value.has_elements() {
            return Ok(value);
        }
        let name = self.graph.tensor(id).name.clone();
        let value = self.with_elements(value, &name)?;
        self.keep(id, &value);
        Ok(value)
    }

    fn with_elements(&mut self, value: Value, name: &str) -> Result<Value> {
        if value.has_elements() {
            return Ok(value);
        }
        let linear = self.linear_of(value, name)?;
        self.emit(linear, name, Bounds::default())
    }

    /// Later readers of a tensor share what was stored for the first.
    pub(super) fn keep(&mut self, id: FloatId, value: &Value) {
        if self.uses(id) > 1 {
            let mut shared = value.clone();
            shared.sole = false;
            self.share(id, shared);
        }
    }

    /// A value as a view, laid out as a reader wants it.
    pub(super) fn wanted(
        &mut self,
        value: Value,
        layout: (&Option<Vec<usize>>, Dims),
        name: &str,
    ) -> Result<Value> {
        let value = self.viewed(value, name)?;
        Ok(value.laid_out(layout.0, layout.1))
    }

    /// A value as a view in the order that it has.
    fn viewed(&mut self, value: Value, name: &str) -> Result<Value> {
        let value = self.with_elements(value, name)?;
        let elements = value.elements().ok_or_else(|| internal(name))?;
        Ok(Value::view(elements, value.at, value.dims))
    }

    /// A view as an affine value of a stored tensor; other values stay as they are.
    pub(super) fn settle(&mut self, value: Value, name: &str) -> Result<Value> {
        if !matches!(value.body, Body::Elements(_)) {
            return Ok(value);
        }
        match as_affine(&value, &self.fused.tensors) {
            Some(affine) => Ok(affine),
            None => self.gather(value, name),
        }
    }

    /// A value as an affine value whose elements stand in this order.
    pub(super) fn ordered(
        &mut self,
        value: Value,
        at: &Option<Vec<usize>>,
        dims: Dims,
        name: &str,
    ) -> Result<Value> {
        let is_affine = matches!(value.body, Body::Affine { .. });
        if is_affine && value.at == *at && value.dims == dims {
            return Ok(value);
        }
        let view = self.wanted(value, (at, dims), name)?;
        let settled = as_affine(&view, &self.fused.tensors);
        match settled.filter(|v| v.at == *at && v.dims == dims) {
            Some(affine) => Ok(affine),
            None => self.gather(view, name),
        }
    }

    /// A view as a pending linear map: one that picks channels where there are such, else of a copy.
    pub(super) fn linear_of_view(&mut self, value: Value, node: &str) -> Result<Value> {
        let Body::Elements(elements) = &value.body else {
            return Err(internal(node));
        };
        let found = planes(elements, value.dims, &self.fused.tensors)
            .filter(|p| selection_size(p, &self.fused.tensors) <= elements.len().max(4096));
        if let Some(planes) = found {
            let terms = selection(&planes, &self.fused.tensors);
            if !terms.is_empty() {
                return Ok(Value {
                    body: Body::Linear {
                        nodes: vec![node.to_owned()],
                        terms,
                        bias: elements.iter().map(|e| e.shift).collect(),
                    },
                    dims: value.dims,
                    at: value.at,
                    sole: true,
                });
            }
        }
        let settled = self.settle(value, node)?;
        self.linear_of(settled, node)
    }

    /// Copies the elements of a view into a tensor of its layout. Where one tensor's elements have different lines, the
    /// value is affine in the copy.
    fn gather(&mut self, value: Value, name: &str) -> Result<Value> {
        let Body::Elements(mut elements) = value.body else {
            return Err(internal(name));
        };
        let Some(first) = elements.iter().find_map(|e| e.source) else {
            let values = elements.iter().map(|e| e.shift).collect();
            let output = self.constants_in(values, value.dims, name);
            return Ok(Value::stored(output, value.dims, value.at));
        };
        let mut lines_after = None;
        match lines(&elements) {
            Some(lines) => {
                let lines = lines.into_iter().filter(|(_, l)| *l != Line::IDENTITY);
                for (tensor, line) in lines.collect::<Vec<_>>() {
                    let scaled = self.with_line(tensor, line, name)?;
                    for e in elements.iter_mut().filter(|e| e.tensor() == Some(tensor)) {
                        let index = e.source.map_or(0, |(_, index)| index as usize);
                        *e = Element::of(scaled, index, Line::IDENTITY);
                    }
                }
            }
            None => {
                let each = elements.iter().map(|e| (e.scale, e.shift));
                lines_after = Some(each.unzip::<f64, f64, Vec<f64>, Vec<f64>>());
                for e in &mut elements {
                    let (tensor, index) = e.source.unwrap_or(first);
                    *e = Element::of(tensor as usize, index as usize, Line::IDENTITY);
                }
            }
        }
        let output = self.copy_elements(&elements, value.dims, name)?;
        let mut stored = Value::stored(output, value.dims, value.at);
        if let (Some((scales, shifts)), Body::Affine { scale, shift, .. }) =
            (lines_after, &mut stored.body)
        {
            *scale = scales;
            *shift = shifts;
        }
        Ok(stored)
    }

    /// A copy of a tensor with a line applied.
    fn with_line(&mut self, tensor: usize, line: Line, name: &str) -> Result<usize> {
        let dims = self.fused.tensors[tensor].dims;
        let mut value = Value::stored(tensor, dims, None);
        if let Body::Affine { scale, shift, .. } = &mut value.body {
            scale.fill(line.scale);
            shift.fill(line.shift);
        }
        let linear = self.linear_of(value, name)?;
        let own = format!("{}.scaled", self.fused.tensors[tensor].name);
        let stored = self.emit(linear, &own, Bounds::default())?;
        stored.plain().ok_or_else(|| internal(name))
    }

    /// The layer that copies; constants come from a tensor of their own.
    fn copy_elements(&mut self, elements: &[Element], dims: Dims, name: &str) -> Result<usize> {
        let mut constants: Vec<f64> = Vec::new();
        let mut numbers: BTreeMap<u64, usize> = BTreeMap::new();
        let mut sources: Vec<usize> = Vec::new();
        let mut known = BTreeMap::new();
        for element in elements {
            match element.tensor() {
                Some(tensor) => {
                    known.entry(tensor).or_insert_with(|| {
                        sources.push(tensor);
                        sources.len() - 1
                    });
                }
                None => {
                    numbers.entry(element.shift.to_bits()).or_insert_with(|| {
                        constants.push(element.shift);
                        constants.len() - 1
                    });
                }
            }
        }
        // All sources share one range. That of a product is its own, and a clamp is at the end of one.
        let bounds = self.common_bounds(&sources, &constants);
        if sources.len() + usize::from(!constants.is_empty()) > 1 {
            for source in &mut sources {
                let is_clamped = self.fused.tensors[*source].bounds != bounds;
                if is_clamped || self.has_own_scale(*source) {
                    *source = self.with_line(*source, Line::IDENTITY, name)?;
                }
            }
        }
        if !constants.is_empty() {
            let dims = Dims {
                c: constants.len(),
                h: 1,
                w: 1,
            };
            let tensor = self.constants_in(constants, dims, name);
            self.fused.tensors[tensor].bounds = bounds;
            sources.push(tensor);
        }
        let mut starts = vec![0];
        for source in &sources {
            let end = starts[starts.len() - 1] + self.fused.tensors[*source].dims.len();
            starts.push(end);
        }
        let number = |element: &Element| match element.source {
            Some((tensor, index)) => starts[known[&(tensor as usize)]] + index as usize,
            None => starts[sources.len() - 1] + numbers[&element.shift.to_bits()],
        };
        let elements = elements.iter().map(number).collect();
        let output = self.new_tensor(name, dims, bounds);
        self.fused.layers.push(FusedLayer::Gather(FusedGather {
            name: name.to_owned(),
            sources,
            output,
            elements,
        }));
        Ok(output)
    }

    /// The bounds of all sources, if they have the same and the constants are within.
    fn common_bounds(&self, sources: &[usize], constants: &[f64]) -> Bounds {
        let bounds = self.fused.tensors[sources[0]].bounds;
        let same = |t: &usize| self.fused.tensors[*t].bounds == bounds;
        let inside = |v: &f64| bounds.clamp(*v) == *v;
        if sources.iter().all(same) && constants.iter().all(inside) {
            bounds
        } else {
            Bounds::default()
        }
    }

    /// Whether a tensor's scale follows from those of others: a product, or a copy of one.
    fn has_own_scale(&self, tensor: usize) -> bool {
        let producer = self.fused.layers.iter().rfind(|l| l.output() == tensor);
        match producer {
            Some(FusedLayer::Product(_) | FusedLayer::MatMul(_)) => true,
            Some(FusedLayer::MaxPool(l)) => self.has_own_scale(l.input),
            Some(FusedLayer::Gather(l)) => l.sources.iter().any(|s| self.has_own_scale(*s)),
            Some(FusedLayer::Linear(_) | FusedLayer::Function(_)) | None => false,
        }
    }

    /// A tensor of constants.
    fn constants_in(&mut self, values: Vec<f64>, dims: Dims, name: &str) -> usize {
        let name = format!("{name}.constants");
        let output = self.new_tensor(&name, dims, Bounds::default());
        self.fused.layers.push(FusedLayer::Linear(FusedLinear {
            name,
            output,
            terms: Vec::new(),
            bias: values,
        }));
        output
    }

    /// `scale * x + shift` of a stored tensor, for factors that no linear map takes.
    pub(super) fn scaled(
        &mut self,
        tensor: usize,
        (scale, shift): (Vec<f64>, Vec<f64>),
        dims: Dims,
        name: &str,
    ) -> Value {
        let factors = self.constants_in(scale, dims, name);
        let output = self.new_tensor(&format!("{name}.scaled"), dims, Bounds::default());
        let operand = |tensor| FusedOperand {
            tensor,
            elements: None,
            line: Line::IDENTITY,
        };
        self.fused.layers.push(FusedLayer::Product(FusedProduct {
            name: name.to_owned(),
            left: operand(tensor),
            right: operand(factors),
            output,
        }));
        let mut value = Value::stored(output, dims, None);
        if let Body::Affine { shift: own, .. } = &mut value.body {
            *own = shift;
        }
        value
    }
}
