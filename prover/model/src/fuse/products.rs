//! Functions of one value, products of elements, and matrix products of activations.

use super::elements::Element;
use super::graph::{
    FunctionStep, FusedFunction, FusedLayer, FusedMatMul, FusedOperand, FusedProduct, FusedTensor,
    Line,
};
use super::lowering::{Lowering, internal};
use super::value::{Body, Value, normal};
use crate::dims::Dims;
use crate::error::Result;
use crate::float::{Bounds, FloatId, FloatNode, Function};

impl Lowering<'_> {
    pub(super) fn function(&mut self, node: &FloatNode, function: Function) -> Result<Value> {
        let input = node.inputs[0];
        let name = self.graph.tensor(input).name.clone();
        let mut value = self.take(input)?;
        if let Body::Elements(elements) = &value.body
            && value
                .line()
                .is_none_or(|_| repeats(elements, &self.fused.tensors))
        {
            let view = value;
            value = self.settle(view, &name)?;
            self.keep(input, &value);
        }
        if let Body::Elements(elements) = &value.body
            && let (Some(line), Some(tensor)) = (value.line(), one_tensor(elements))
        {
            // The function of the tensor, seen through the same view.
            let dims = self.fused.tensors[tensor].dims;
            let of = self.push_function(node, function, (tensor, dims), line);
            let moved = elements.iter().map(|e| {
                let index = e.source.map_or(0, |(_, index)| index as usize);
                Element::of(of, index, Line::IDENTITY)
            });
            return Ok(Value::view(moved.collect(), value.at.clone(), value.dims));
        }
        let value = self.with_one_line(value, input)?;
        let (Some(line), Body::Affine { tensor, .. }) = (value.line(), &value.body) else {
            return Err(internal(&node.name));
        };
        let tensor = *tensor;
        let steps = [FunctionStep::Line(line), FunctionStep::Function(function)];
        if value.sole && self.compose(node, tensor, &steps) {
            return Ok(Value::stored(tensor, value.dims, value.at));
        }
        let output = self.push_function(node, function, (tensor, value.dims), line);
        Ok(Value::stored(output, value.dims, value.at))
    }

    /// Puts further steps into the function that makes a tensor which nobody else reads.
    pub(super) fn compose(
        &mut self,
        node: &FloatNode,
        tensor: usize,
        steps: &[FunctionStep],
    ) -> bool {
        let name = self.graph.tensor(node.output).name.clone();
        if self.fused.tensors[tensor].external.is_some() {
            return false;
        }
        let producer = self.fused.layers.iter_mut().rfind(|l| l.output() == tensor);
        let Some(FusedLayer::Function(f)) = producer else {
            return false;
        };
        f.steps.extend(steps);
        f.name = format!("{}+{}", f.name, node.name);
        self.fused.tensors[tensor].name = name;
        true
    }

    fn push_function(
        &mut self,
        node: &FloatNode,
        function: Function,
        (input, dims): (usize, Dims),
        line: Line,
    ) -> usize {
        let name = self.graph.tensor(node.output).name.clone();
        let output = self.new_tensor(&name, dims, Bounds::default());
        self.fused.layers.push(FusedLayer::Function(FusedFunction {
            name: node.name.clone(),
            input,
            output,
            steps: vec![FunctionStep::Line(line), FunctionStep::Function(function)],
        }));
        output
    }

    /// An affine value, or a view of one tensor, all of whose elements share their line; other values are stored first.
    fn with_one_line(&mut self, value: Value, id: FloatId) -> Result<Value> {
        let name = self.graph.tensor(id).name.clone();
        let pooled = matches!(&value.body, Body::Affine { pool, .. } if *pool != [1, 1]);
        if value.line().is_some() && !pooled {
            match &value.body {
                Body::Elements(elements) if one_tensor(elements).is_none() => {}
                _ => return Ok(value),
            }
        }
        let settled = self.settle(value, &name)?;
        let pooled = matches!(&settled.body, Body::Affine { pool, .. } if *pool != [1, 1]);
        if settled.line().is_some() && !pooled {
            self.keep(id, &settled);
            return Ok(settled);
        }
        let linear = self.linear_of(settled, &name)?;
        let stored = self.emit(linear, &name, Bounds::default())?;
        self.keep(id, &stored);
        Ok(stored)
    }

    /// A value that is multiplied by another. What a line adds must be of the size of the tensor's values, which only those of
    /// functions are known to be: else the line is applied first.
    fn factor(&mut self, id: FloatId) -> Result<Value> {
        let value = self.take(id)?;
        let value = self.with_one_line(value, id)?;
        let tensor = match &value.body {
            Body::Affine { tensor, .. } => Some(*tensor),
            Body::Elements(elements) => one_tensor(elements),
            Body::Linear { .. } => None,
        };
        let of_function = |l: &FusedLayer| match l {
            FusedLayer::Function(f) => Some(f.output) == tensor,
            _ => false,
        };
        let shifts = value.line().is_some_and(|line| line.shift != 0.0);
        if !shifts || self.fused.layers.iter().any(of_function) {
            return Ok(value);
        }
        let name = self.graph.tensor(id).name.clone();
        let linear = self.linear_of(value, &name)?;
        let stored = self.emit(linear, &name, Bounds::default())?;
        self.keep(id, &stored);
        Ok(stored)
    }

    pub(super) fn product(&mut self, node: &FloatNode) -> Result<Value> {
        let [left, right] = [node.inputs[0], node.inputs[1]];
        if left == right {
            let square = Function::Power {
                exponent: 2.0,
                least: 0.0,
            };
            // One of its two readings.
            self.take(left)?;
            return self.function(node, square);
        }
        let a = self.factor(left)?;
        let b = self.factor(right)?;
        // The output stands as an operand that is a tensor of its own does.
        let own = |v: &Value| matches!(v.body, Body::Affine { .. });
        let (at, dims) = match (own(&a), own(&b)) {
            (true, _) => (a.at.clone(), a.dims),
            (false, true) => (b.at.clone(), b.dims),
            (false, false) => self.layout(node.output),
        };
        let left = self.operand(a, (&at, dims), &node.name)?;
        let right = self.operand(b, (&at, dims), &node.name)?;
        let name = self.graph.tensor(node.output).name.clone();
        let output = self.new_tensor(&name, dims, Bounds::default());
        self.fused.layers.push(FusedLayer::Product(FusedProduct {
            name: node.name.clone(),
            left,
            right,
            output,
        }));
        Ok(Value::stored(output, dims, at))
    }

    /// A value with one line as an operand whose places stand in this order.
    fn operand(
        &mut self,
        value: Value,
        layout: (&Option<Vec<usize>>, Dims),
        name: &str,
    ) -> Result<FusedOperand> {
        let view = self.wanted(value, layout, name)?;
        self.operand_of(&view, name)
    }

    fn operand_of(&self, view: &Value, name: &str) -> Result<FusedOperand> {
        let (Body::Elements(elements), Some(line)) = (&view.body, view.line()) else {
            return Err(internal(name));
        };
        let tensor = one_tensor(elements).ok_or_else(|| internal(name))?;
        let index = |e: &Element| e.source.map_or(0, |(_, index)| index as usize);
        let places: Vec<usize> = elements.iter().map(index).collect();
        let whole = places.len() == self.fused.tensors[tensor].dims.len();
        Ok(FusedOperand {
            tensor,
            elements: if whole { normal(places) } else { Some(places) },
            line,
        })
    }

    pub(super) fn mat_mul(&mut self, node: &FloatNode) -> Result<Value> {
        let [left, right] = [node.inputs[0], node.inputs[1]];
        let out = self.shape(node.output).to_vec();
        let (rows, columns) = (out[out.len() - 2], out[out.len() - 1]);
        let shape = self.shape(left);
        let inner = shape[shape.len() - 1];
        let matrices = out[..out.len() - 2].iter().product();
        let size = [matrices, rows, inner, columns];
        let a = self.factor(left)?;
        let b = self.factor(right)?;
        // Either the right operand has its columns at the positions of its channels, or, in the transposed product, the
        // left operand its rows.
        let transposed = transpose([matrices, rows, inner]);
        let straight = self.stands_as(&b, &None, [matrices * inner, columns]);
        let turned = self.stands_as(&a, &Some(transposed.clone()), [matrices * inner, rows]);
        let turn = turned || (!straight && rows * inner < inner * columns);
        let name = self.graph.tensor(node.output).name.clone();
        if turn {
            let wanted = normal(transposed);
            let a = self.in_channels(a, &wanted, [matrices * inner, rows], &node.name)?;
            let b_at = normal(transpose([matrices, inner, columns]));
            let flat = flat(matrices * inner * columns);
            let b = self.operand(b, (&b_at, flat), &node.name)?;
            let size = [matrices, columns, inner, rows];
            let at = normal(transpose([matrices, rows, columns]));
            return self.push_mat_mul(node, &name, (b, a), size, at);
        }
        let flat = flat(matrices * rows * inner);
        let a = self.operand(a, (&None, flat), &node.name)?;
        let b = self.in_channels(b, &None, [matrices * inner, columns], &node.name)?;
        self.push_mat_mul(node, &name, (a, b), size, None)
    }

    fn push_mat_mul(
        &mut self,
        node: &FloatNode,
        name: &str,
        (left, right): (FusedOperand, FusedOperand),
        [matrices, rows, inner, _]: [usize; 4],
        at: Option<Vec<usize>>,
    ) -> Result<Value> {
        let dims = Dims {
            c: matrices * rows,
            ..self.fused.tensors[right.tensor].dims
        };
        let output = self.new_tensor(name, dims, Bounds::default());
        self.fused.layers.push(FusedLayer::MatMul(FusedMatMul {
            name: node.name.clone(),
            left,
            right,
            output,
            matrices,
            inner,
        }));
        Ok(Value::stored(output, dims, at))
    }

    /// Whether a value is a stored tensor of so many channels and positions, in this order.
    fn stands_as(
        &self,
        value: &Value,
        at: &Option<Vec<usize>>,
        [channels, positions]: [usize; 2],
    ) -> bool {
        let at = at.clone().and_then(normal);
        matches!(value.body, Body::Affine { .. })
            && value.at == at
            && value.dims.c == channels
            && value.dims.plane() == positions
    }

    /// A value as the operand whose channels and positions are these.
    fn in_channels(
        &mut self,
        value: Value,
        at: &Option<Vec<usize>>,
        size: [usize; 2],
        name: &str,
    ) -> Result<FusedOperand> {
        let value = if self.stands_as(&value, at, size) {
            value
        } else {
            let dims = Dims {
                c: size[0],
                h: size[1],
                w: 1,
            };
            self.ordered(value, at, dims, name)?
        };
        let view = Value::view(
            value.elements().ok_or_else(|| internal(name))?,
            None,
            value.dims,
        );
        self.operand_of(&view, name)
    }
}

/// Whether a view takes less than half of its tensors, or some elements more than once: its copy is smaller.
fn repeats(elements: &[Element], tensors: &[FusedTensor]) -> bool {
    match one_tensor(elements) {
        Some(tensor) => 2 * elements.len() < tensors[tensor].dims.len(),
        None => true,
    }
}

/// The one tensor that all elements come from.
fn one_tensor(elements: &[Element]) -> Option<usize> {
    let tensor = elements[0].tensor()?;
    let same = elements.iter().all(|e| e.tensor() == Some(tensor));
    same.then_some(tensor)
}

/// Internal index of every element of `[m][a][b]` where the order is `[m][b][a]`.
fn transpose([matrices, a, b]: [usize; 3]) -> Vec<usize> {
    (0..matrices * a * b)
        .map(|n| {
            let (m, rest) = (n / (a * b), n % (a * b));
            (m * b + rest % b) * a + rest / b
        })
        .collect()
}

fn flat(len: usize) -> Dims {
    Dims { c: len, h: 1, w: 1 }
}
