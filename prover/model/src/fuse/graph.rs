//! Linear layers and maxima over the reals.

use crate::convolution::Geometry;
use crate::dims::Dims;
use crate::float::{Bounds, Function};
use crate::window::Window;

/// How the source model's user sees a model input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct External {
    pub(crate) shape: Vec<usize>,
    /// Flat external index of every internal element; `None` is the identity.
    pub(crate) order: Option<Vec<usize>>,
}

#[derive(Clone, Debug)]
pub(crate) struct FusedTensor {
    pub(crate) name: String,
    pub(crate) dims: Dims,
    /// Set for model inputs and outputs.
    pub(crate) external: Option<External>,
    /// The clamp that its producer applies.
    pub(crate) bounds: Bounds,
    /// What each channel has been divided by; `None` is 1.
    pub(crate) factors: Option<Vec<f64>>,
}

#[derive(Clone, Debug)]
pub(crate) enum FusedMap {
    Conv {
        geometry: Geometry,
        weights: Vec<f64>,
    },
    Dense(Vec<f64>),
}

#[derive(Clone, Debug)]
pub(crate) struct FusedTerm {
    pub(crate) input: usize,
    pub(crate) map: FusedMap,
}

#[derive(Clone, Debug)]
pub(crate) struct FusedLinear {
    pub(crate) name: String,
    pub(crate) output: usize,
    pub(crate) terms: Vec<FusedTerm>,
    pub(crate) bias: Vec<f64>,
}

#[derive(Clone, Debug)]
pub(crate) struct FusedMaxPool {
    pub(crate) name: String,
    pub(crate) input: usize,
    pub(crate) output: usize,
    pub(crate) window: Window,
}

/// Elements of other tensors, by their numbers among the elements of all sources.
#[derive(Clone, Debug)]
pub(crate) struct FusedGather {
    pub(crate) name: String,
    pub(crate) sources: Vec<usize>,
    pub(crate) output: usize,
    pub(crate) elements: Vec<usize>,
}

/// What an element of a tensor stands for: `scale * x + shift`, the same for all elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) scale: f64,
    pub(crate) shift: f64,
}

impl Line {
    pub(crate) const IDENTITY: Self = Self {
        scale: 1.0,
        shift: 0.0,
    };

    pub(crate) fn at(&self, x: f64) -> f64 {
        self.scale * x + self.shift
    }
}

/// One of the functions that a table holds the composition of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FunctionStep {
    Line(Line),
    Function(Function),
    Clamp(Bounds),
}

/// A function of every element: the steps one after the other.
#[derive(Clone, Debug)]
pub(crate) struct FusedFunction {
    pub(crate) name: String,
    pub(crate) input: usize,
    pub(crate) output: usize,
    pub(crate) steps: Vec<FunctionStep>,
}

impl FusedFunction {
    /// The degree d of a function with `f(a x) = a^d f(x)` for every positive a; `None` if it is no such function.
    pub(crate) fn degree(&self) -> Option<i32> {
        self.steps.iter().try_fold(1, |degree, step| match step {
            FunctionStep::Line(line) => (line.shift == 0.0).then_some(degree),
            FunctionStep::Clamp(bounds) => {
                let zero = |end: Option<f64>| end.is_none_or(|v| v == 0.0);
                (zero(bounds.low) && zero(bounds.high)).then_some(degree)
            }
            FunctionStep::Function(Function::Power { exponent, .. }) if *exponent == 2.0 => {
                Some(2 * degree)
            }
            FunctionStep::Function(Function::Abs | Function::LeakyRelu { .. }) => Some(degree),
            FunctionStep::Function(_) => None,
        })
    }

    pub(crate) fn at(&self, x: f64) -> f64 {
        self.steps.iter().fold(x, |x, step| match step {
            FunctionStep::Line(line) => line.at(x),
            FunctionStep::Function(f) => f.at(x),
            FunctionStep::Clamp(bounds) => bounds.clamp(x),
        })
    }
}

/// Elements of a tensor, as an operand sees them.
#[derive(Clone, Debug)]
pub(crate) struct FusedOperand {
    pub(crate) tensor: usize,
    /// The tensor's element at each place; `None` if it is the tensor as it stands.
    pub(crate) elements: Option<Vec<usize>>,
    pub(crate) line: Line,
}

impl FusedOperand {
    pub(crate) fn at(&self, tensors: &[Vec<f64>], place: usize) -> f64 {
        let element = self.elements.as_ref().map_or(place, |e| e[place]);
        self.line.at(tensors[self.tensor][element])
    }
}

/// Products of elements.
#[derive(Clone, Debug)]
pub(crate) struct FusedProduct {
    pub(crate) name: String,
    pub(crate) left: FusedOperand,
    pub(crate) right: FusedOperand,
    pub(crate) output: usize,
}

/// Matrix products: the left operand is `[matrix][i][k]`, the right tensor's channels are `(matrix, k)`, the output's
/// `(matrix, i)`; the positions of both are j.
#[derive(Clone, Debug)]
pub(crate) struct FusedMatMul {
    pub(crate) name: String,
    pub(crate) left: FusedOperand,
    pub(crate) right: FusedOperand,
    pub(crate) output: usize,
    pub(crate) matrices: usize,
    pub(crate) inner: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum FusedLayer {
    Linear(FusedLinear),
    MaxPool(FusedMaxPool),
    Gather(FusedGather),
    Function(FusedFunction),
    Product(FusedProduct),
    MatMul(FusedMatMul),
}

impl FusedLayer {
    pub(crate) fn output(&self) -> usize {
        match self {
            FusedLayer::Linear(l) => l.output,
            FusedLayer::MaxPool(l) => l.output,
            FusedLayer::Gather(l) => l.output,
            FusedLayer::Function(l) => l.output,
            FusedLayer::Product(l) => l.output,
            FusedLayer::MatMul(l) => l.output,
        }
    }

    pub(crate) fn name_mut(&mut self) -> &mut String {
        match self {
            FusedLayer::Linear(l) => &mut l.name,
            FusedLayer::MaxPool(l) => &mut l.name,
            FusedLayer::Gather(l) => &mut l.name,
            FusedLayer::Function(l) => &mut l.name,
            FusedLayer::Product(l) => &mut l.name,
            FusedLayer::MatMul(l) => &mut l.name,
        }
    }

    /// All tensors that it names.
    pub(crate) fn tensors_mut(&mut self) -> Vec<&mut usize> {
        match self {
            FusedLayer::Linear(l) => {
                let terms = l.terms.iter_mut().map(|t| &mut t.input);
                terms.chain([&mut l.output]).collect()
            }
            FusedLayer::MaxPool(l) => vec![&mut l.input, &mut l.output],
            FusedLayer::Gather(l) => l.sources.iter_mut().chain([&mut l.output]).collect(),
            FusedLayer::Function(l) => vec![&mut l.input, &mut l.output],
            FusedLayer::Product(l) => {
                vec![&mut l.left.tensor, &mut l.right.tensor, &mut l.output]
            }
            FusedLayer::MatMul(l) => {
                vec![&mut l.left.tensor, &mut l.right.tensor, &mut l.output]
            }
        }
    }

    /// The tensors read.
    pub(crate) fn inputs(&self) -> Vec<usize> {
        match self {
            FusedLayer::Linear(l) => l.terms.iter().map(|t| t.input).collect(),
            FusedLayer::MaxPool(l) => vec![l.input],
            FusedLayer::Gather(l) => l.sources.clone(),
            FusedLayer::Function(l) => vec![l.input],
            FusedLayer::Product(l) => vec![l.left.tensor, l.right.tensor],
            FusedLayer::MatMul(l) => vec![l.left.tensor, l.right.tensor],
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct FusedGraph {
    pub(crate) tensors: Vec<FusedTensor>,
    pub(crate) layers: Vec<FusedLayer>,
    pub(crate) inputs: Vec<usize>,
    pub(crate) outputs: Vec<usize>,
}
