//! One function a layer family. Parameters are positional; see `schema` for the file.

use super::schema::{Layer, shape_of};
use super::{Importer, Operand, SUPPORTED, TO_PLANES, malformed};
use crate::error::{ModelError, Result};
use crate::float::{
    Bounds, Constant, Conv, Dense, FloatId, FloatOp, Padding, Pool, transpose_sources,
};
use crate::window::Window;

impl Importer {
    pub(super) fn layer(&mut self, layer: &Layer) -> Result<FloatId> {
        match layer.layer_type.as_str() {
            "Conv2D" => self.conv(layer),
            "FullyConnected" => self.fully_connected(layer),
            "AveragePool2D" | "MaxPool2D" => self.pool(layer),
            "Mean" => self.mean(layer),
            "Add" | "Sub" | "Mul" => self.arithmetic(layer),
            "Reshape" => {
                let to = layer
                    .out_shapes
                    .first()
                    .ok_or_else(|| malformed("Reshape without an output shape"))?;
                let to = shape_of(to)?;
                self.rearrange(layer, FloatOp::Reshape(to))
            }
            "Transpose" => {
                // Input shape, then permutation.
                let perm: Option<Vec<usize>> = layer.params[layer.params.len() / 2..]
                    .iter()
                    .map(|p| usize::try_from(*p).ok())
                    .collect();
                let perm = perm.ok_or_else(|| self.refuse("Transpose", "a negative axis"))?;
                self.rearrange(layer, FloatOp::Transpose(perm))
            }
            "Noop" => {
                let [index] = self.params(layer)?;
                self.tensor(layer, index)
            }
            other => Err(ModelError::UnsupportedOperator {
                node: self.current.clone(),
                op: other.to_owned(),
                supported: SUPPORTED.to_owned(),
            }),
        }
    }

    fn params<const N: usize>(&self, layer: &Layer) -> Result<[usize; N]> {
        let list: Option<Vec<usize>> = layer
            .params
            .iter()
            .map(|p| usize::try_from(*p).ok().filter(|p| *p <= 1 << 16))
            .collect();
        list.and_then(|l| <[usize; N]>::try_from(l).ok())
            .ok_or_else(|| {
                malformed(format!(
                    "layer {}: {N} parameters expected, got {:?}",
                    self.current, layer.params
                ))
            })
    }

    fn node(&mut self, op: FloatOp, inputs: &[FloatId]) -> Result<FloatId> {
        let name = self.current.clone();
        self.builder.node(&name, op, inputs)
    }

    /// The activation fused into a layer (tflite's codes).
    fn activate(&mut self, id: FloatId, code: usize) -> Result<FloatId> {
        let bounds = match code {
            0 => return Ok(id),
            1 => Bounds::RELU,
            3 => Bounds::RELU6,
            other => {
                return Err(malformed(format!(
                    "layer {}: activation {other} is unknown",
                    self.current
                )));
            }
        };
        let name = format!("{}.act", self.current);
        self.builder.node(&name, FloatOp::Clamp(bounds), &[id])
    }

    fn planes(&self, id: FloatId) -> Result<[usize; 3]> {
        match *self.builder.shape(id) {
            [1, c, h, w] => Ok([c, h, w]),
            ref shape => Err(malformed(format!(
                "layer {}: its input has shape {shape:?}; four axes and batch 1 expected",
                self.current
            ))),
        }
    }

    fn conv(&mut self, layer: &Layer) -> Result<FloatId> {
        let [kind, padding, activation, sh, sw] = self.params(layer)?;
        let input = self.tensor(layer, 0)?;
        let [c, h, w] = self.planes(input)?;
        let weights = self.constant(layer, 1)?;
        let &[first, kh, kw, last] = weights.shape.as_slice() else {
            return Err(malformed(format!(
                "layer {}: weights of shape {:?}",
                self.current, weights.shape
            )));
        };
        // Convolutions hold [out, row, column, in], depthwise ones [1, row, column, out].
        let (channels, groups, order) = match kind {
            0 => (first, 1, TO_PLANES),
            1 if first == 1 => (last, c, [3, 0, 1, 2]),
            _ => {
                return Err(malformed(format!(
                    "layer {}: convolution kind {kind}",
                    self.current
                )));
            }
        };
        let stride = [sh, sw];
        let padding = match padding {
            0 if sh > 0 && sw > 0 => {
                Window::new([kh, kw], stride, [0, 0]).same_padding([h, w], true)
            }
            1 => Padding::NONE,
            _ => {
                return Err(malformed(format!(
                    "layer {}: padding {padding}, stride {stride:?}",
                    self.current
                )));
            }
        };
        let sources = transpose_sources(&weights.shape, &order);
        let op = Conv {
            channels,
            kernel: [kh, kw],
            stride,
            padding,
            groups,
            weights: sources.into_iter().map(|i| weights.data[i]).collect(),
            bias: self.bias(layer)?,
        };
        let id = self.node(FloatOp::Conv(op), &[input])?;
        self.activate(id, activation)
    }

    fn bias(&self, layer: &Layer) -> Result<Option<Vec<f64>>> {
        match layer.inp_idxes.len() {
            0..=2 => Ok(None),
            _ => self.constant(layer, 2).map(|c| Some(c.data.clone())),
        }
    }

    fn fully_connected(&mut self, layer: &Layer) -> Result<FloatId> {
        let activation = match layer.params.first() {
            Some(code) => usize::try_from(*code).unwrap_or(usize::MAX),
            None => 0,
        };
        let input = self.tensor(layer, 0)?;
        let input = self.channels_last(&self.current.clone(), input)?;
        let inputs: usize = self.builder.shape(input).iter().product();
        let weights = self.constant(layer, 1)?.clone();
        let (outputs, data) = match weights.shape.as_slice() {
            &[n, k] if k == inputs => (n, weights.data),
            &[k, n] if k == inputs => {
                let sources = transpose_sources(&[k, n], &[1, 0]);
                (n, sources.into_iter().map(|i| weights.data[i]).collect())
            }
            other => {
                return Err(malformed(format!(
                    "layer {}: weights {other:?} for {inputs} inputs",
                    self.current
                )));
            }
        };
        let bias = self.bias(layer)?;
        let name = format!("{}.flat", self.current);
        let flat = self
            .builder
            .node(&name, FloatOp::Reshape(vec![1, inputs]), &[input])?;
        let op = Dense {
            outputs,
            weights: data,
            bias,
        };
        let id = self.node(FloatOp::Dense(op), &[flat])?;
        self.activate(id, activation)
    }

    fn pool(&mut self, layer: &Layer) -> Result<FloatId> {
        let [kh, kw, sh, sw] = self.params(layer)?;
        let input = self.tensor(layer, 0)?;
        self.planes(input)?;
        let pool = Pool {
            kernel: [kh, kw],
            stride: [sh, sw],
            padding: Padding::NONE,
        };
        let op = match layer.layer_type.as_str() {
            "MaxPool2D" => FloatOp::MaxPool(pool),
            _ => FloatOp::AveragePool(pool),
        };
        self.node(op, &[input])
    }

    fn mean(&mut self, layer: &Layer) -> Result<FloatId> {
        let mut axes = layer.params.clone();
        axes.sort_unstable();
        let input = self.tensor(layer, 0)?;
        self.planes(input)?;
        if axes != [1, 2] {
            return Err(self.refuse("Mean", format!("axes {axes:?}; supported: [1, 2]")));
        }
        let pooled = self.node(FloatOp::GlobalAveragePool, &[input])?;
        let channels = self.builder.shape(pooled)[1];
        match layer.out_shapes.first().map(Vec::len) {
            Some(4) => Ok(pooled),
            _ => {
                let name = format!("{}.flat", self.current);
                self.builder
                    .node(&name, FloatOp::Reshape(vec![1, channels]), &[pooled])
            }
        }
    }

    fn arithmetic(&mut self, layer: &Layer) -> Result<FloatId> {
        let left = self.operand(layer, 0)?.clone();
        let right = self.operand(layer, 1)?.clone();
        let id = match (layer.layer_type.as_str(), left, right) {
            ("Add", Operand::Tensor(a), Operand::Tensor(b)) => self.node(FloatOp::Add, &[a, b])?,
            ("Sub", Operand::Tensor(a), Operand::Tensor(b)) => self.node(FloatOp::Sub, &[a, b])?,
            ("Add", Operand::Tensor(a), Operand::Constant(c)) | ("Add", Operand::Constant(c), Operand::Tensor(a)) => {
                let c = self.aligned(a, c);
                self.node(FloatOp::AddConstant(c), &[a])?
            }
            ("Sub", Operand::Tensor(a), Operand::Constant(c)) => {
                let mut c = self.aligned(a, c);
                c.data.iter_mut().for_each(|v| *v = -*v);
                self.node(FloatOp::AddConstant(c), &[a])?
            }
            ("Mul", Operand::Tensor(a), Operand::Constant(c)) | ("Mul", Operand::Constant(c), Operand::Tensor(a)) => {
                let c = self.aligned(a, c);
                self.node(FloatOp::MulConstant(c), &[a])?
            }
            _ => return Err(self.refuse("arithmetic", "operands of these kinds; supported: two tensors for Add and Sub, a constant for Mul")),
        };
        let activation = match (layer.layer_type.as_str(), layer.params.first()) {
            ("Add", Some(code)) => usize::try_from(*code).unwrap_or(usize::MAX),
            _ => 0,
        };
        self.activate(id, activation)
    }

    /// A constant that broadcasts in the model's axis order, for a tensor kept as channels, rows, columns.
    fn aligned(&self, tensor: FloatId, constant: Constant) -> Constant {
        if self.builder.shape(tensor).len() != 4 || constant.shape.len() > 4 {
            return constant;
        }
        let mut shape = vec![1; 4 - constant.shape.len()];
        shape.extend(&constant.shape);
        let sources = transpose_sources(&shape, &TO_PLANES);
        Constant {
            data: sources.into_iter().map(|i| constant.data[i]).collect(),
            shape: TO_PLANES.iter().map(|p| shape[*p]).collect(),
        }
    }

    /// An operation on the elements in the model's own order.
    fn rearrange(&mut self, layer: &Layer, op: FloatOp) -> Result<FloatId> {
        let input = self.tensor(layer, 0)?;
        let name = self.current.clone();
        let input = self.channels_last(&name, input)?;
        let id = self.node(op, &[input])?;
        self.channels_first(&name, id)
    }
}
