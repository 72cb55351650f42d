//! Operations on two operands that broadcast to each other.

use super::recognise::recognise;
use super::{C, Compose, Operand, T, view::ZERO, view::all};
use crate::error::Result;
use crate::float::{Bounds, Constant, FloatId, FloatOp};

/// An operation on two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::frontend) enum Arithmetic {
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
pub(in crate::frontend) fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let length = |shape: &[usize], axis: usize| {
        (axis + shape.len())
            .checked_sub(rank)
            .map_or(1, |axis| shape[axis])
    };
    (0..rank)
        .map(|axis| match (length(a, axis), length(b, axis)) {
            (a, b) if a == b || b == 1 => Some(a),
            (1, b) => Some(b),
            _ => None,
        })
        .collect()
}

/// A constant with a function of every element.
pub(in crate::frontend) fn map(constant: Constant, f: impl Fn(f64) -> f64) -> Constant {
    Constant {
        data: constant.data.iter().map(|v| f(*v)).collect(),
        ..constant
    }
}

/// What stands for infinity, as in masks.
const INFINITE: f64 = 1e30;

/// Infinities as numbers that no other value comes near to.
pub(in crate::frontend) fn finite_mask(constant: Constant) -> Constant {
    map(constant, |v| {
        if v.is_infinite() {
            INFINITE.copysign(v)
        } else {
            v
        }
    })
}

impl Compose<'_> {
    /// The shape that two operands broadcast to.
    pub(in crate::frontend) fn common_shape(&self, a: &Operand, b: &Operand) -> Result<Vec<usize>> {
        let (a, b) = (self.shape(a), self.shape(b));
        let shape = broadcast(&a, &b).ok_or_else(|| {
            self.refuse(format!(
                "operands of shapes {a:?} and {b:?}, which do not broadcast to each other"
            ))
        })?;
        self.size(&shape)?;
        Ok(shape)
    }

    /// Broadcast to a shape, as numpy does.
    pub(in crate::frontend) fn expanded(
        &mut self,
        operand: &Operand,
        shape: &[usize],
    ) -> Result<Operand> {
        let own = self.shape(operand);
        if own == shape {
            return Ok(operand.clone());
        }
        self.size(shape)?;
        if broadcast(&own, shape).as_deref() != Some(shape) {
            return Err(self.refuse(format!("shape {own:?} does not broadcast to {shape:?}")));
        }
        let mut padded = vec![1; shape.len() - own.len()];
        padded.extend(&own);
        let view = self.reshape(operand, &padded)?;
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
        self.pick(&view, &axes, ZERO)
    }

    /// An operation on two operands that broadcast to each other.
    pub(in crate::frontend) fn arithmetic(
        &mut self,
        op: Arithmetic,
        a: &Operand,
        b: &Operand,
    ) -> Result<Operand> {
        let shape = self.common_shape(a, b)?;
        match (a, b) {
            (C(a), C(b)) => {
                let (x, y) = (a.broadcast(&shape), b.broadcast(&shape));
                let data = x.iter().zip(&y).map(|(x, y)| op.of(*x, *y)).collect();
                Ok(C(Constant { shape, data }))
            }
            (T(_), C(c)) => {
                let a = self.expanded(a, &shape)?;
                self.with_constant(op, &a, c.clone())
            }
            (C(c), T(_)) => {
                // c - b = -b + c, and c / b = 1 / b * c.
                let (op, b) = match op {
                    Arithmetic::Sub => (Arithmetic::Add, self.scaled(b, -1.0)?),
                    Arithmetic::Div => (Arithmetic::Mul, self.reciprocal(b)?),
                    other => (other, b.clone()),
                };
                let b = self.expanded(&b, &shape)?;
                self.with_constant(op, &b, c.clone())
            }
            (T(_), T(other)) => {
                let divisor = match op {
                    Arithmetic::Div => self.reciprocal(b)?,
                    _ => T(*other),
                };
                let a = self.expanded(a, &shape)?;
                let b = self.expanded(&divisor, &shape)?;
                self.of_two(op, a, b)
            }
        }
    }

    /// An operation on two tensors of one shape; a divisor is given as its reciprocal.
    fn of_two(&mut self, op: Arithmetic, a: Operand, b: Operand) -> Result<Operand> {
        match op {
            Arithmetic::Add => self.apply(FloatOp::Add, &[a, b]),
            Arithmetic::Sub => self.apply(FloatOp::Sub, &[a, b]),
            Arithmetic::Mul | Arithmetic::Div => {
                let product = self.apply(FloatOp::Mul, &[a, b])?;
                self.as_function(product)
            }
            // a + relu(b - a)
            Arithmetic::Max => {
                let more = self.apply(FloatOp::Sub, &[b, a.clone()])?;
                let more = self.relu(&more)?;
                self.apply(FloatOp::Add, &[a, more])
            }
            // a - relu(a - b)
            Arithmetic::Min => {
                let less = self.apply(FloatOp::Sub, &[a.clone(), b])?;
                let less = self.relu(&less)?;
                self.apply(FloatOp::Sub, &[a, less])
            }
        }
    }

    /// The function that a product is, if it is one that exporters write out.
    fn as_function(&mut self, product: Operand) -> Result<Operand> {
        let found = match &product {
            T(id) => recognise(self.builder, *id),
            C(_) => None,
        };
        match found {
            Some((of, f)) => self.function(&T(of), f),
            None => Ok(product),
        }
    }

    /// An operation on a tensor and a constant that broadcasts to it.
    fn with_constant(&mut self, op: Arithmetic, a: &Operand, c: Constant) -> Result<Operand> {
        let first = c.data.first().copied();
        let uniform = first.filter(|first| c.data.iter().all(|v| v == first));
        let of = std::slice::from_ref(a);
        match op {
            Arithmetic::Add => self.apply(FloatOp::AddConstant(finite_mask(c)), of),
            Arithmetic::Sub => {
                let c = map(finite_mask(c), |v| -v);
                self.apply(FloatOp::AddConstant(c), of)
            }
            Arithmetic::Mul | Arithmetic::Div => {
                let c = match op {
                    Arithmetic::Div => map(c, |v| 1.0 / v),
                    _ => c,
                };
                let is_product = |id: &FloatId| {
                    let made = self.builder.producer(*id);
                    made.is_some_and(|n| n.op == FloatOp::Mul)
                };
                let of_product = matches!(a, T(id) if is_product(id));
                let product = self.apply(FloatOp::MulConstant(c), of)?;
                match of_product {
                    true => self.as_function(product),
                    false => Ok(product),
                }
            }
            Arithmetic::Max if uniform.is_some() => self.clamped(a, uniform, None),
            Arithmetic::Min if uniform.is_some() => self.clamped(a, None, uniform),
            Arithmetic::Max | Arithmetic::Min => {
                let moved = self.apply(FloatOp::AddConstant(map(c.clone(), |v| -v)), of)?;
                let bounds = match op {
                    Arithmetic::Max => Bounds::RELU,
                    _ => Bounds {
                        low: None,
                        high: Some(0.0),
                    },
                };
                let clamped = self.apply(FloatOp::Clamp(bounds), &[moved])?;
                self.apply(FloatOp::AddConstant(c), &[clamped])
            }
        }
    }
}
