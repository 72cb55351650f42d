//! The quantised graph: the integer program that the circuits prove and the reference executor runs.
//!
//! Every tensor holds values `u` in `[0, range)`; the real value is `scale * (u - zero_point)`, times the channel's factor
//! if there is one (no layer computes with it: the weights hold it).
//! Every linear layer computes, for each output element `e`,
//!
//! ```text
//! acc[e] = sum over terms ( sum W * u_in ) + element_bias[e]
//! out[e] = clamp(floor(acc[e] / range), 0, range - 1)
//! ```
//!
//! The divisor and the activation range are the same number, `range` (docs/chips/requantise.md). The element bias folds
//! the float bias, the zero points of the inputs over the taps that exist, the zero point of the output times
//! `range`, and the rounding half `range / 2`.

use crate::convolution::Geometry;
use crate::signature::InputSpec;
use crate::window::Window;
use serde::{Deserialize, Serialize};

pub use crate::dims::Dims;

/// Index of a tensor in [`QuantizedGraph::tensors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TensorId(pub usize);

/// Affine quantisation of one tensor: real = `scale * (u - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantParams {
    /// Real size of one step.
    pub scale: f64,
    /// The integer that stands for real zero, in `[0, range)`.
    pub zero_point: u32,
}

impl QuantParams {
    /// The real number that `u` stands for.
    pub fn real(&self, u: u32) -> f64 {
        self.scale * (f64::from(u) - f64::from(self.zero_point))
    }

    /// The nearest step, not clamped.
    pub fn step(&self, real: f64) -> f64 {
        libm::round(real / self.scale) + f64::from(self.zero_point)
    }
}

/// A quantised tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QTensor {
    /// Name from the source model.
    pub name: String,
    /// Layout in the circuit.
    pub dims: Dims,
    /// Shape as the source model's user sees it (batch included).
    pub external_shape: Vec<usize>,
    /// Where element `i` of the internal order stands in the flattened external order; `None` is the identity.
    /// Only model inputs and outputs may have one.
    pub element_order: Option<Vec<usize>>,
    /// What its integers stand for.
    pub quant: QuantParams,
    /// What each channel's real values are multiplied by on top, `dims.c` positive numbers; `None` is 1. Outputs
    /// have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factors: Option<Vec<f64>>,
}

impl QTensor {
    /// The factor of element `element`.
    pub fn factor(&self, element: usize) -> f64 {
        let channel = element / self.dims.plane();
        self.factors.as_ref().map_or(1.0, |f| f[channel])
    }

    /// The real number that `u` stands for as element `element`, in the order of the dims.
    pub fn real(&self, element: usize, u: u32) -> f64 {
        self.factor(element) * self.quant.real(u)
    }
}

/// A convolution, a pooling by sums, or a per-channel scaling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConvMap {
    /// Non-overlapping sum pooling `[rows, columns]` applied to the input before the kernel; `[1, 1]` is none.
    /// Rows and columns that do not fill a window are dropped.
    pub pre_pool: [usize; 2],
    /// Kernel `[rows, columns]`, over the pooled input.
    pub kernel: [usize; 2],
    /// Stride `[rows, columns]`, over the pooled input.
    pub stride: [usize; 2],
    /// Padding `[top, left]`; a tap outside of the (pooled) input contributes nothing. The bottom and right
    /// follow from the output's dims.
    pub pad: [usize; 2],
    /// Groups; input and output channels are multiples of it.
    pub groups: usize,
    /// `[out channel][in channel of the group][kernel row][kernel column]`.
    pub weights: Vec<i64>,
}

impl ConvMap {
    /// Which elements of the input its taps read.
    pub fn window(&self) -> Window {
        Window::new(self.kernel, self.stride, self.pad).pooling(self.pre_pool)
    }

    pub(crate) fn geometry(&self) -> Geometry {
        Geometry {
            window: self.window(),
            groups: self.groups,
        }
    }
}

/// How one input enters a linear layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TermMap {
    /// Convolution over the input's and output's [`Dims`].
    Conv(ConvMap),
    /// Dense map: `[out element][in element]` in the element order of both tensors.
    Dense {
        /// Weights, row-major `[out element][in element]`.
        weights: Vec<i64>,
    },
}

/// One input of a linear layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QTerm {
    /// The tensor read.
    pub input: TensorId,
    /// The linear map.
    pub map: TermMap,
}

/// A linear layer with requantisation and saturation. All terms of one layer are `Conv`, or all are `Dense`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QLinear {
    /// Name of the source node(s).
    pub name: String,
    /// The tensor written.
    pub output: TensorId,
    /// Inputs; the same tensor appears at most once.
    pub terms: Vec<QTerm>,
    /// One constant per output element; see the module's documentation for what it folds.
    pub element_bias: Vec<i64>,
}

/// Maximum over windows of at most four taps (larger windows are composed by the quantiser).
/// Input and output share their quantisation; a tap outside of the input reads 0, the least value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QMaxPool {
    /// Name of the source node.
    pub name: String,
    /// The tensor read.
    pub input: TensorId,
    /// The tensor written.
    pub output: TensorId,
    /// Window `[rows, columns]`, product at most 4.
    pub kernel: [usize; 2],
    /// Stride `[rows, columns]`.
    pub stride: [usize; 2],
    /// Padding `[top, left]`.
    pub pad: [usize; 2],
}

impl QMaxPool {
    /// Which elements of the input its taps read.
    pub fn window(&self) -> Window {
        Window::new(self.kernel, self.stride, self.pad)
    }
}

/// One step of the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QLayer {
    /// A linear map, divided and clamped.
    Linear(QLinear),
    /// Maxima of windows.
    MaxPool(QMaxPool),
}

impl QLayer {
    /// Name for reports and errors.
    pub fn name(&self) -> &str {
        match self {
            QLayer::Linear(l) => &l.name,
            QLayer::MaxPool(l) => &l.name,
        }
    }

    /// The tensor written.
    pub fn output(&self) -> TensorId {
        match self {
            QLayer::Linear(l) => l.output,
            QLayer::MaxPool(l) => l.output,
        }
    }

    /// Number of integer weights.
    pub fn weights(&self) -> usize {
        let QLayer::Linear(linear) = self else {
            return 0;
        };
        let count = |term: &QTerm| match &term.map {
            TermMap::Conv(map) => map.weights.len(),
            TermMap::Dense { weights } => weights.len(),
        };
        linear.terms.iter().map(count).sum()
    }

    /// The tensors read.
    pub fn inputs(&self) -> Vec<TensorId> {
        match self {
            QLayer::Linear(l) => l.terms.iter().map(|t| t.input).collect(),
            QLayer::MaxPool(l) => vec![l.input],
        }
    }
}

/// The integer program. Layers are in topological order; every tensor is a model input or written by one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantizedGraph {
    /// Activation range and divisor R (even, at least 16, at most 2^16).
    pub range: u32,
    /// All tensors; a [`TensorId`] is an index here.
    pub tensors: Vec<QTensor>,
    /// Layers in topological order.
    pub layers: Vec<QLayer>,
    /// Model inputs, in the order of the model's file.
    pub inputs: Vec<TensorId>,
    /// Model outputs, in the order of the model's file.
    pub outputs: Vec<TensorId>,
}

impl QuantizedGraph {
    /// The tensor with this id.
    pub fn tensor(&self, id: TensorId) -> &QTensor {
        &self.tensors[id.0]
    }

    /// Names and shapes of the inputs.
    pub fn input_specs(&self) -> Vec<InputSpec> {
        let spec = |t: &QTensor| InputSpec {
            name: t.name.clone(),
            shape: t.external_shape.clone(),
        };
        self.inputs
            .iter()
            .map(|id| spec(self.tensor(*id)))
            .collect()
    }
}
