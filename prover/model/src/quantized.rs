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
use chainfer_formats::FinalFunction;
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
    /// For an output: the function at the end of the source model that was left out of the program. A bundle has it in its manifest, not
    /// with the program.
    #[serde(skip)]
    pub before: Option<FinalFunction>,
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

/// A linear layer with requantisation and saturation. All terms of one layer are `Conv`, or all are `Dense`; a layer without
/// terms writes constants.
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

/// Elements of other tensors in another arrangement. All tensors share their quantisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QGather {
    /// Name of the source node.
    pub name: String,
    /// The tensors read, each once.
    pub sources: Vec<TensorId>,
    /// The tensor written.
    pub output: TensorId,
    /// For every element of the output, an index into the sources' elements, one source after the other.
    pub elements: Vec<usize>,
}

/// A function of every element: `out[e] = tables[table][in[e]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QFunction {
    /// Name of the source node.
    pub name: String,
    /// The tensor read.
    pub input: TensorId,
    /// The tensor written, of the same dims.
    pub output: TensorId,
    /// Index in [`QuantizedGraph::tables`].
    pub table: usize,
}

/// Elements of a tensor, as an operand sees them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operand {
    /// The tensor read.
    pub tensor: TensorId,
    /// The tensor's element at each place of the operand; `None` if it is the tensor as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elements: Option<Vec<usize>>,
}

impl Operand {
    /// The tensor's element at a place of the operand.
    pub fn element(&self, place: usize) -> usize {
        self.elements.as_ref().map_or(place, |e| e[place])
    }
}

/// Products of elements: `acc[e] = w0 a[e] b[e] + w1 a[e] + w2 b[e] + element_bias[e]`, divided and clamped as a
/// [`QLinear`]'s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QProduct {
    /// Name of the source node.
    pub name: String,
    /// Operand a, as long as the output.
    pub left: Operand,
    /// Operand b, as long as the output.
    pub right: Operand,
    /// The tensor written.
    pub output: TensorId,
    /// `[w0, w1, w2]`.
    pub weights: [i64; 3],
    /// One constant per output element; it folds what a [`QLinear`]'s does.
    pub element_bias: Vec<i64>,
}

/// Matrix products of activations: with the output's channels numbered `(m, i)`, the right tensor's `(m, k)`, and the positions of
/// both `j`,
///
/// ```text
/// acc[m, i, j] = sum over k ( w0 a[m, i, k] b[m, k, j] + w1 a[m, i, k] + w2 b[m, k, j] ) + element_bias[m, i, j]
/// ```
///
/// divided and clamped as a [`QLinear`]'s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QMatMul {
    /// Name of the source node.
    pub name: String,
    /// Operand a, `[matrix][i][k]`.
    pub left: Operand,
    /// Operand b: its dims are `matrices * inner` channels of as many rows and columns as the output has.
    pub right: TensorId,
    /// The tensor written: `matrices * rows` channels.
    pub output: TensorId,
    /// Number of products.
    pub matrices: usize,
    /// Length of k.
    pub inner: usize,
    /// `[w0, w1, w2]`.
    pub weights: [i64; 3],
    /// One constant per output element; it folds what a [`QLinear`]'s does.
    pub element_bias: Vec<i64>,
}

/// One step of the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QLayer {
    /// A linear map, divided and clamped.
    Linear(QLinear),
    /// Maxima of windows.
    MaxPool(QMaxPool),
    /// Elements rearranged.
    Gather(QGather),
    /// A function of every element.
    Function(QFunction),
    /// Products of elements.
    Product(QProduct),
    /// Matrix products of activations.
    MatMul(QMatMul),
}

impl QLayer {
    /// Name for reports and errors.
    pub fn name(&self) -> &str {
        match self {
            QLayer::Linear(l) => &l.name,
            QLayer::MaxPool(l) => &l.name,
            QLayer::Gather(l) => &l.name,
            QLayer::Function(l) => &l.name,
            QLayer::Product(l) => &l.name,
            QLayer::MatMul(l) => &l.name,
        }
    }

    /// The tensor written.
    pub fn output(&self) -> TensorId {
        match self {
            QLayer::Linear(l) => l.output,
            QLayer::MaxPool(l) => l.output,
            QLayer::Gather(l) => l.output,
            QLayer::Function(l) => l.output,
            QLayer::Product(l) => l.output,
            QLayer::MatMul(l) => l.output,
        }
    }

    /// Number of integer weights.
    pub fn weights(&self) -> usize {
        let linear = match self {
            QLayer::Linear(linear) => linear,
            QLayer::Product(_) | QLayer::MatMul(_) => return 3,
            QLayer::MaxPool(_) | QLayer::Gather(_) | QLayer::Function(_) => return 0,
        };
        let count = |term: &QTerm| match &term.map {
            TermMap::Conv(map) => map.weights.len(),
            TermMap::Dense { weights } => weights.len(),
        };
        linear.terms.iter().map(count).sum()
    }

    /// The constant of every output element, if the layer has accumulators.
    pub fn element_bias(&self) -> Option<&[i64]> {
        match self {
            QLayer::Linear(l) => Some(&l.element_bias),
            QLayer::Product(l) => Some(&l.element_bias),
            QLayer::MatMul(l) => Some(&l.element_bias),
            QLayer::MaxPool(_) | QLayer::Gather(_) | QLayer::Function(_) => None,
        }
    }

    /// Name of its kind for reports.
    pub fn kind(&self) -> &'static str {
        match self {
            QLayer::Linear(_) => "linear",
            QLayer::MaxPool(_) => "maxpool",
            QLayer::Gather(_) => "gather",
            QLayer::Function(_) => "function",
            QLayer::Product(_) => "product",
            QLayer::MatMul(_) => "matmul",
        }
    }

    /// The tensors read, each once.
    pub fn inputs(&self) -> Vec<TensorId> {
        let pair = |a: TensorId, b: TensorId| if a == b { vec![a] } else { vec![a, b] };
        match self {
            QLayer::Linear(l) => l.terms.iter().map(|t| t.input).collect(),
            QLayer::MaxPool(l) => vec![l.input],
            QLayer::Gather(l) => l.sources.clone(),
            QLayer::Function(l) => vec![l.input],
            QLayer::Product(l) => pair(l.left.tensor, l.right.tensor),
            QLayer::MatMul(l) => pair(l.left.tensor, l.right),
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
    /// Tables of functions: the output for every input in `[0, range)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Vec<u32>>,
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
