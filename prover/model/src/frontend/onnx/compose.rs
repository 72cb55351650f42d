//! Operators of ONNX out of those of the float graph: views, broadcasting, arithmetic.

use super::bounds::least_value;
use super::importer::{
    Importer,
    Operand::{self, Constant as C, Tensor as T},
};
use super::node::{label, refuse};
use super::recognise::recognise;
use super::view::{ZERO, all, size};
use crate::error::Result;
use crate::float::{Bounds, Constant, FloatId, FloatOp, Function, transpose_sources};
use tract_onnx::pb::NodeProto;

/// Arguments of roots of negative degree, logarithms and reciprocals are at least this where nothing else is known of them.
pub(super) const LEAST: f64 = 1e-9;
/// What stands for infinity, as in masks.
const INFINITE: f64 = 1e30;

/// An operation on two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Max,
    Min,
}

impl Arithmetic {
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Div => a / b,
            Self::Max => a.max(b),
            Self::Min => a.min(b),
        }
    }
}

/// The shape that two shapes broadcast to, as numpy's do.
pub(super) fn broadcast(node: &NodeProto, a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |s: &[usize], i: usize| (i + s.len()).checked_sub(rank).map_or(1, |i| s[i]);
    let lengths = (0..rank).map(|i| match (at(a, i), at(b, i)) {
        (a, b) if a == b || b == 1 => Some(a),
        (1, b) => Some(b),
        _ => None,
    });
    lengths.collect::<Option<Vec<_>>>().ok_or_else(|| {
        refuse(
            node,
            format!("operands of shapes {a:?} and {b:?}, which do not broadcast to each other"),
        )
    })
}

/// A constant with a function of every element.
pub(super) fn map(constant: Constant, f: impl Fn(f64) -> f64) -> Constant {
    Constant {
        data: constant.data.iter().map(|v| f(*v)).collect(),
        ..constant
    }
}

/// Infinities as numbers that no other value comes near to.
pub(super) fn finite_mask(constant: Constant) -> Constant {
    map(constant, |v| {
        if v.is_infinite() {
            INFINITE.copysign(v)
        } else {
            v
        }
    })
}

impl Importer {
    /// An operation within a node.
    pub(super) fn op(
        &mut self,
        node: &NodeProto,
        op: FloatOp,
        inputs: &[FloatId],
    ) -> Result<FloatId> {
        self.builder.node(label(node), op, inputs)
    }

    /// A function of every element.
    pub(super) fn function(
        &mut self,
        node: &NodeProto,
        input: FloatId,
        f: Function,
    ) -> Result<FloatId> {
        self.op(node, FloatOp::Function(f), &[input])
    }

    pub(super) fn scaled(&mut self, node: &NodeProto, input: FloatId, by: f64) -> Result<FloatId> {
        if by == 1.0 {
            return Ok(input);
        }
        self.op(node, FloatOp::MulConstant(Constant::scalar(by)), &[input])
    }

    pub(super) fn shifted(&mut self, node: &NodeProto, input: FloatId, by: f64) -> Result<FloatId> {
        if by == 0.0 {
            return Ok(input);
        }
        self.op(node, FloatOp::AddConstant(Constant::scalar(by)), &[input])
    }

    pub(super) fn relu(&mut self, node: &NodeProto, input: FloatId) -> Result<FloatId> {
        self.op(node, FloatOp::Clamp(Bounds::RELU), &[input])
    }

    /// The values between two bounds, whether 0 lies between them or not.
    pub(super) fn clamped(
        &mut self,
        node: &NodeProto,
        input: FloatId,
        low: Option<f64>,
        high: Option<f64>,
    ) -> Result<FloatId> {
        let offset = low.filter(|v| *v > 0.0).or(high.filter(|v| *v < 0.0));
        let offset = offset.unwrap_or(0.0);
        let moved = self.shifted(node, input, -offset)?;
        let bounds = Bounds {
            low: low.map(|v| v - offset),
            high: high.map(|v| v - offset),
        };
        let clamped = self.op(node, FloatOp::Clamp(bounds), &[moved])?;
        self.shifted(node, clamped, offset)
    }

    /// `1 / x`.
    pub(super) fn reciprocal(&mut self, node: &NodeProto, input: FloatId) -> Result<FloatId> {
        // Of a square root: one function.
        if let Some(made) = self.builder.producer(input)
            && let FloatOp::Function(Function::Power { exponent, .. }) = made.op
            && exponent == 0.5
        {
            let of = made.inputs[0];
            return self.power(node, of, -0.5);
        }
        let least = self.positive_least(input);
        self.function(node, input, Function::Reciprocal { least })
    }

    /// `x ^ exponent`, of non-negative numbers unless the exponent is a whole number.
    pub(super) fn power(
        &mut self,
        node: &NodeProto,
        input: FloatId,
        exponent: f64,
    ) -> Result<FloatId> {
        let whole = exponent == exponent.floor();
        if exponent == 1.0 {
            return Ok(input);
        }
        if exponent == 2.0 {
            return self.op(node, FloatOp::Mul, &[input, input]);
        }
        if exponent == -1.0 {
            return self.reciprocal(node, input);
        }
        let bound = least_value(&self.builder, input);
        if whole && exponent < 0.0 && bound.is_none_or(|v| v <= 0.0) {
            let power = self.power(node, input, -exponent)?;
            return self.reciprocal(node, power);
        }
        let least = if exponent < 0.0 {
            self.positive_least(input)
        } else {
            bound.unwrap_or(0.0).max(0.0)
        };
        self.function(node, input, Function::Power { exponent, least })
    }

    /// A positive number that the elements of a tensor are not less than, as far as that is known.
    fn positive_least(&self, input: FloatId) -> f64 {
        let known = least_value(&self.builder, input).filter(|v| *v > 0.0);
        known.unwrap_or(LEAST)
    }

    /// `ln(x)`.
    pub(super) fn log(&mut self, node: &NodeProto, input: FloatId) -> Result<FloatId> {
        let least = self.positive_least(input);
        self.function(node, input, Function::Log { least })
    }

    pub(super) fn shape_of(&self, operand: &Operand) -> Vec<usize> {
        match operand {
            T(id) => self.builder.shape(*id).to_vec(),
            C(c) => c.shape.clone(),
        }
    }

    pub(super) fn reshape(
        &mut self,
        node: &NodeProto,
        input: FloatId,
        shape: &[usize],
    ) -> Result<FloatId> {
        if self.builder.shape(input) == shape {
            return Ok(input);
        }
        self.op(node, FloatOp::Reshape(shape.to_vec()), &[input])
    }

    pub(super) fn transpose(
        &mut self,
        node: &NodeProto,
        input: FloatId,
        perm: &[usize],
    ) -> Result<FloatId> {
        if perm.iter().copied().eq(0..self.builder.shape(input).len()) {
            return Ok(input);
        }
        self.op(node, FloatOp::Transpose(perm.to_vec()), &[input])
    }

    pub(super) fn reshaped(
        &mut self,
        node: &NodeProto,
        operand: Operand,
        shape: &[usize],
    ) -> Result<Operand> {
        match operand {
            T(id) => self.reshape(node, id, shape).map(T),
            C(c) if shape.iter().product::<usize>() == c.data.len() => Ok(C(Constant {
                shape: shape.to_vec(),
                data: c.data,
            })),
            C(c) => Err(refuse(node, format!("a constant of shape {:?}", c.shape))),
        }
    }

    /// Axes permuted; `perm` is a permutation of them.
    pub(super) fn transposed(
        &mut self,
        node: &NodeProto,
        operand: Operand,
        perm: &[usize],
    ) -> Result<Operand> {
        match operand {
            T(id) => self.transpose(node, id, perm).map(T),
            C(c) => {
                let sources = transpose_sources(&c.shape, perm);
                Ok(C(Constant {
                    shape: perm.iter().map(|p| c.shape[*p]).collect(),
                    data: sources.into_iter().map(|i| c.data[i]).collect(),
                }))
            }
        }
    }

    /// Broadcast to a shape, as numpy does.
    pub(super) fn expanded(
        &mut self,
        node: &NodeProto,
        operand: Operand,
        shape: &[usize],
    ) -> Result<Operand> {
        let own = self.shape_of(&operand);
        if own == shape {
            return Ok(operand);
        }
        size(node, shape)?;
        if broadcast(node, &own, shape)? != shape {
            return Err(refuse(node, format!("shape {own:?} for {shape:?}")));
        }
        let mut padded = vec![1; shape.len() - own.len()];
        padded.extend(&own);
        let view = self.reshaped(node, operand, &padded)?;
        let axes: Vec<_> = padded
            .iter()
            .zip(shape)
            .map(|(own, to)| {
                if own == to {
                    all(*to)
                } else {
                    vec![Some(0); *to]
                }
            })
            .collect();
        self.pick(node, &view, &axes, ZERO)
    }

    /// Broadcast to a shape; a tensor.
    pub(super) fn expand(
        &mut self,
        node: &NodeProto,
        id: FloatId,
        shape: &[usize],
    ) -> Result<FloatId> {
        match self.expanded(node, T(id), shape)? {
            T(id) => Ok(id),
            C(_) => Err(refuse(node, "no tensor")),
        }
    }

    /// An operation on two operands that broadcast to each other.
    pub(super) fn arithmetic(
        &mut self,
        node: &NodeProto,
        op: Arithmetic,
        a: Operand,
        b: Operand,
    ) -> Result<Operand> {
        let shape = broadcast(node, &self.shape_of(&a), &self.shape_of(&b))?;
        size(node, &shape)?;
        match (a, b) {
            (C(a), C(b)) => {
                let (x, y) = (a.broadcast(&shape), b.broadcast(&shape));
                let data = x.iter().zip(&y).map(|(x, y)| op.of(*x, *y)).collect();
                Ok(C(Constant { shape, data }))
            }
            (T(a), C(c)) => {
                let a = self.expand(node, a, &shape)?;
                self.with_constant(node, op, a, c).map(T)
            }
            (C(c), T(b)) => {
                let b = match op {
                    Arithmetic::Sub => self.scaled(node, b, -1.0)?,
                    Arithmetic::Div => self.reciprocal(node, b)?,
                    _ => b,
                };
                let op = match op {
                    Arithmetic::Sub => Arithmetic::Add,
                    Arithmetic::Div => Arithmetic::Mul,
                    other => other,
                };
                let b = self.expand(node, b, &shape)?;
                self.with_constant(node, op, b, c).map(T)
            }
            (T(a), T(b)) => {
                let b = match op {
                    Arithmetic::Div => self.reciprocal(node, b)?,
                    _ => b,
                };
                let a = self.expand(node, a, &shape)?;
                let b = self.expand(node, b, &shape)?;
                self.of_two(node, op, a, b).map(T)
            }
        }
    }

    /// An operation on two tensors of one shape; a divisor is given as its reciprocal.
    fn of_two(
        &mut self,
        node: &NodeProto,
        op: Arithmetic,
        a: FloatId,
        b: FloatId,
    ) -> Result<FloatId> {
        match op {
            Arithmetic::Add => self.op(node, FloatOp::Add, &[a, b]),
            Arithmetic::Sub => self.op(node, FloatOp::Sub, &[a, b]),
            Arithmetic::Mul | Arithmetic::Div => {
                let product = self.op(node, FloatOp::Mul, &[a, b])?;
                match recognise(&self.builder, product) {
                    Some((of, f)) => self.function(node, of, f),
                    None => Ok(product),
                }
            }
            // a + relu(b - a)
            Arithmetic::Max => {
                let more = self.op(node, FloatOp::Sub, &[b, a])?;
                let more = self.relu(node, more)?;
                self.op(node, FloatOp::Add, &[a, more])
            }
            // a - relu(a - b)
            Arithmetic::Min => {
                let less = self.op(node, FloatOp::Sub, &[a, b])?;
                let less = self.relu(node, less)?;
                self.op(node, FloatOp::Sub, &[a, less])
            }
        }
    }

    /// An operation on a tensor and a constant that broadcasts to it.
    fn with_constant(
        &mut self,
        node: &NodeProto,
        op: Arithmetic,
        a: FloatId,
        c: Constant,
    ) -> Result<FloatId> {
        let uniform = c.data.first().copied();
        let uniform = uniform.filter(|first| c.data.iter().all(|v| v == first));
        match op {
            Arithmetic::Add => self.op(node, FloatOp::AddConstant(finite_mask(c)), &[a]),
            Arithmetic::Sub => {
                let c = map(finite_mask(c), |v| -v);
                self.op(node, FloatOp::AddConstant(c), &[a])
            }
            Arithmetic::Mul | Arithmetic::Div => {
                let c = if op == Arithmetic::Div {
                    map(c, |v| 1.0 / v)
                } else {
                    c
                };
                let of_product = self
                    .builder
                    .producer(a)
                    .is_some_and(|n| n.op == FloatOp::Mul);
                let product = self.op(node, FloatOp::MulConstant(c), &[a])?;
                match recognise(&self.builder, product).filter(|_| of_product) {
                    Some((of, f)) => self.function(node, of, f),
                    None => Ok(product),
                }
            }
            Arithmetic::Max if uniform.is_some() => self.clamped(node, a, uniform, None),
            Arithmetic::Min if uniform.is_some() => self.clamped(node, a, None, uniform),
            Arithmetic::Max | Arithmetic::Min => {
                let less = map(c.clone(), |v| -v);
                let moved = self.op(node, FloatOp::AddConstant(less), &[a])?;
                let (low, high) = match op {
                    Arithmetic::Max => (Some(0.0), None),
                    _ => (None, Some(0.0)),
                };
                let clamped = self.op(node, FloatOp::Clamp(Bounds { low, high }), &[moved])?;
                self.op(node, FloatOp::AddConstant(c), &[clamped])
            }
        }
    }

    /// The largest whole number towards 0, of a tensor that may have others.
    pub(super) fn truncated(&mut self, node: &NodeProto, input: FloatId) -> Result<FloatId> {
        if let Some(made) = self.builder.producer(input)
            && let FloatOp::Function(
                Function::Floor | Function::Ceil | Function::Round | Function::Sign,
            ) = made.op
        {
            return Ok(input);
        }
        let above = self.relu(node, input)?;
        let above = self.function(node, above, Function::Floor)?;
        if least_value(&self.builder, input).is_some_and(|v| v >= 0.0) {
            return Ok(above);
        }
        let below = self.scaled(node, input, -1.0)?;
        let below = self.relu(node, below)?;
        let below = self.function(node, below, Function::Floor)?;
        self.op(node, FloatOp::Sub, &[above, below])
    }
}
