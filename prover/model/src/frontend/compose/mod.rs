//! Operators of source formats out of those of the float graph, in the axis order of the source model.
//!
//! Everything reads and gives [`Operand`]s: what is made of constants only is computed at once, as the graph would compute it.

mod arithmetic;
mod bounds;
mod interpolation;
mod logic;
mod masks;
mod normalise;
mod planes;
mod products;
mod rank;
mod recognise;
mod reductions;
mod view;

pub(super) use arithmetic::{Arithmetic, broadcast, finite_mask, map};
pub(super) use interpolation::{Coordinates, Resize};
pub(super) use logic::Comparison;
pub(super) use planes::{Convolution, Same, Window2};
pub(super) use products::by_output;
pub(super) use view::{Sources, View, ZERO, all, coordinates, count_of, ravel, unravel};

use crate::error::{ModelError, Result};
use crate::float::{
    Bounds, Constant, FloatId, FloatOp, Function, GraphBuilder, MAX_ELEMENTS, transpose_sources,
};
use bounds::least_value;

/// Arguments of roots of negative degree, logarithms and reciprocals are at least this where nothing else is known of them.
pub(super) const LEAST: f64 = 1e-9;
/// So many products are computed of constants, for one operator.
const MAX_WORK: usize = 1 << 26;

/// A tensor that an operator reads.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Tensor(FloatId),
    Constant(Constant),
}

pub(super) use Operand::{Constant as C, Tensor as T};

impl Operand {
    pub(super) fn shape(&self, builder: &GraphBuilder) -> Vec<usize> {
        match self {
            T(id) => builder.shape(*id).to_vec(),
            C(c) => c.shape.clone(),
        }
    }
}

/// The graph being made, at one operator of the source model.
#[derive(Debug)]
pub(super) struct Compose<'b> {
    pub(super) builder: &'b mut GraphBuilder,
    /// Name of the operator's node, for the graph and for messages.
    pub(super) name: String,
    /// Name of the operator in the source format.
    pub(super) operator: String,
}

/// The place that an axis is, which may be counted from the end.
pub(super) fn axis_of(axis: i64, rank: usize) -> Option<usize> {
    let rank = rank as i64;
    let axis = if axis < 0 {
        axis.checked_add(rank)?
    } else {
        axis
    };
    (0..rank).contains(&axis).then_some(axis as usize)
}

impl Compose<'_> {
    /// The error for a use of the operator that is not supported.
    pub(super) fn refuse(&self, reason: impl Into<String>) -> ModelError {
        ModelError::UnsupportedUse {
            node: self.name.clone(),
            op: self.operator.clone(),
            reason: reason.into(),
        }
    }

    pub(super) fn shape(&self, operand: &Operand) -> Vec<usize> {
        operand.shape(self.builder)
    }

    /// The number of elements of a shape, which is not too large for a tensor.
    pub(super) fn size(&self, shape: &[usize]) -> Result<usize> {
        count_of(shape).ok_or_else(|| {
            self.refuse(format!(
                "a tensor of shape {shape:?}; supported: 1 to {MAX_ELEMENTS} elements"
            ))
        })
    }

    /// The place that an axis is, which may be counted from the end.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize> {
        axis_of(axis, rank).ok_or_else(|| self.refuse(format!("axis {axis} of {rank} axes")))
    }

    /// Several axes, in order and once each.
    pub(super) fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>> {
        let places = axes.iter().map(|a| self.axis(*a, rank));
        let mut places = places.collect::<Result<Vec<_>>>()?;
        places.sort_unstable();
        places.dedup();
        Ok(places)
    }

    /// An operation; of constants it is computed.
    pub(super) fn apply(&mut self, op: FloatOp, operands: &[Operand]) -> Result<Operand> {
        let tensor = |operand: &Operand| match operand {
            T(id) => Some(*id),
            C(_) => None,
        };
        let constant = |operand: &Operand| match operand {
            C(c) => Some(c.clone()),
            T(_) => None,
        };
        if let Some(ids) = operands.iter().map(tensor).collect::<Option<Vec<_>>>() {
            return self.builder.node(&self.name, op, &ids).map(T);
        }
        match operands.iter().map(constant).collect::<Option<Vec<_>>>() {
            Some(constants) => self.compute(op, &constants),
            None => Err(self.refuse("a constant beside a tensor, of this operator")),
        }
    }

    /// What an operation gives of constants.
    fn compute(&self, op: FloatOp, operands: &[Constant]) -> Result<Operand> {
        let work = match &op {
            FloatOp::Conv(conv) => conv.weights.len(),
            FloatOp::Dense(dense) => dense.outputs,
            FloatOp::MatMul => operands[0].shape.last().copied().unwrap_or(1),
            _ => 1,
        };
        let elements = operands.iter().map(|c| c.data.len()).max().unwrap_or(0);
        if work.saturating_mul(elements) > MAX_WORK {
            return Err(
                self.refuse("a product of large constants; fold it when you export the model")
            );
        }
        let mut scratch = GraphBuilder::new();
        let mut ids = Vec::with_capacity(operands.len());
        for operand in operands {
            ids.push(scratch.input(&self.name, &operand.shape)?);
        }
        let output = scratch.node(&self.name, op, &ids)?;
        let graph = scratch.finish(&[output])?;
        let inputs: Vec<Vec<f64>> = operands.iter().map(|c| c.data.clone()).collect();
        let mut trace = graph.execute(&inputs)?;
        Ok(C(Constant {
            shape: graph.tensor(output).shape.clone(),
            data: std::mem::take(&mut trace.tensors[output.0]),
        }))
    }

    /// A function of every element.
    pub(super) fn function(&mut self, input: &Operand, f: Function) -> Result<Operand> {
        self.apply(FloatOp::Function(f), std::slice::from_ref(input))
    }

    pub(super) fn scaled(&mut self, input: &Operand, by: f64) -> Result<Operand> {
        if by == 1.0 {
            return Ok(input.clone());
        }
        let op = FloatOp::MulConstant(Constant::scalar(by));
        self.apply(op, std::slice::from_ref(input))
    }

    pub(super) fn shifted(&mut self, input: &Operand, by: f64) -> Result<Operand> {
        if by == 0.0 {
            return Ok(input.clone());
        }
        let op = FloatOp::AddConstant(Constant::scalar(by));
        self.apply(op, std::slice::from_ref(input))
    }

    pub(super) fn relu(&mut self, input: &Operand) -> Result<Operand> {
        self.apply(FloatOp::Clamp(Bounds::RELU), std::slice::from_ref(input))
    }

    pub(super) fn square(&mut self, input: &Operand) -> Result<Operand> {
        self.apply(FloatOp::Mul, &[input.clone(), input.clone()])
    }

    /// The values between two bounds, whether 0 lies between them or not.
    pub(super) fn clamped(
        &mut self,
        input: &Operand,
        low: Option<f64>,
        high: Option<f64>,
    ) -> Result<Operand> {
        let offset = low.filter(|v| *v > 0.0).or(high.filter(|v| *v < 0.0));
        let offset = offset.unwrap_or(0.0);
        let moved = self.shifted(input, -offset)?;
        let bounds = Bounds {
            low: low.map(|v| v - offset),
            high: high.map(|v| v - offset),
        };
        let clamped = self.apply(FloatOp::Clamp(bounds), &[moved])?;
        self.shifted(&clamped, offset)
    }

    /// A positive number that the elements are not less than, as far as that is known.
    fn positive_least(&self, input: &Operand) -> f64 {
        let known = match input {
            T(id) => least_value(self.builder, *id),
            C(c) => c.data.iter().copied().reduce(f64::min),
        };
        known.filter(|v| *v > 0.0).unwrap_or(LEAST)
    }

    /// `1 / x`.
    pub(super) fn reciprocal(&mut self, input: &Operand) -> Result<Operand> {
        if let T(id) = input
            && let Some(made) = self.builder.producer(*id)
            && let FloatOp::Function(Function::Power { exponent, .. }) = made.op
            && exponent == 0.5
        {
            // Of a square root: one function.
            let of = T(made.inputs[0]);
            return self.power(&of, -0.5);
        }
        let least = self.positive_least(input);
        self.function(input, Function::Reciprocal { least })
    }

    /// `x ^ exponent`, of non-negative numbers unless the exponent is a whole number.
    pub(super) fn power(&mut self, input: &Operand, exponent: f64) -> Result<Operand> {
        if !exponent.is_finite() {
            return Err(self.refuse(format!("exponent {exponent}")));
        }
        if exponent == 1.0 {
            return Ok(input.clone());
        }
        if exponent == 2.0 {
            return self.square(input);
        }
        if exponent == -1.0 {
            return self.reciprocal(input);
        }
        let bound = match input {
            T(id) => least_value(self.builder, *id),
            C(c) => c.data.iter().copied().reduce(f64::min),
        };
        if exponent == exponent.floor() && exponent < 0.0 && bound.is_none_or(|v| v <= 0.0) {
            let power = self.power(input, -exponent)?;
            return self.reciprocal(&power);
        }
        let least = if exponent < 0.0 {
            self.positive_least(input)
        } else {
            bound.unwrap_or(0.0).max(0.0)
        };
        self.function(input, Function::Power { exponent, least })
    }

    /// `ln(x)`.
    pub(super) fn log(&mut self, input: &Operand) -> Result<Operand> {
        let least = self.positive_least(input);
        self.function(input, Function::Log { least })
    }

    /// The largest whole number towards 0, of a tensor that may have others.
    pub(super) fn truncated(&mut self, x: &Operand) -> Result<Operand> {
        let made = match x {
            T(id) => self.builder.producer(*id),
            C(_) => None,
        };
        let whole = |f: &Function| {
            matches!(
                f,
                Function::Floor | Function::Ceil | Function::Round | Function::Sign
            )
        };
        if made.is_some_and(|n| matches!(&n.op, FloatOp::Function(f) if whole(f))) {
            return Ok(x.clone());
        }
        let above = self.relu(x)?;
        let above = self.function(&above, Function::Floor)?;
        if matches!(x, T(id) if least_value(self.builder, *id).is_some_and(|v| v >= 0.0)) {
            return Ok(above);
        }
        let below = self.scaled(x, -1.0)?;
        let below = self.relu(&below)?;
        let below = self.function(&below, Function::Floor)?;
        self.apply(FloatOp::Sub, &[above, below])
    }

    /// The same elements under another shape.
    pub(super) fn reshape(&mut self, input: &Operand, shape: &[usize]) -> Result<Operand> {
        match input {
            T(id) if self.builder.shape(*id) == shape => Ok(T(*id)),
            T(_) => self.apply(
                FloatOp::Reshape(shape.to_vec()),
                std::slice::from_ref(input),
            ),
            C(c) if shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d))
                == Some(c.data.len()) =>
            {
                Ok(C(Constant {
                    shape: shape.to_vec(),
                    data: c.data.clone(),
                }))
            }
            C(c) => Err(self.refuse(format!("a constant of shape {:?} as {shape:?}", c.shape))),
        }
    }

    /// Axes permuted: output axis `i` is input axis `perm[i]`.
    pub(super) fn transpose(&mut self, input: &Operand, perm: &[usize]) -> Result<Operand> {
        let shape = self.shape(input);
        let mut sorted = perm.to_vec();
        sorted.sort_unstable();
        if sorted.iter().copied().ne(0..shape.len()) {
            return Err(self.refuse(format!("axes {perm:?} for shape {shape:?}")));
        }
        if perm.iter().copied().eq(0..shape.len()) {
            return Ok(input.clone());
        }
        match input {
            T(_) => self.apply(
                FloatOp::Transpose(perm.to_vec()),
                std::slice::from_ref(input),
            ),
            C(c) => {
                let sources = transpose_sources(&c.shape, perm);
                Ok(C(Constant {
                    shape: perm.iter().map(|p| c.shape[*p]).collect(),
                    data: sources.into_iter().map(|i| c.data[i]).collect(),
                }))
            }
        }
    }
}
