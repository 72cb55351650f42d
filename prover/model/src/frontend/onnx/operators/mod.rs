//! One function an operator family.

use super::attributes::Attributes;
use super::windows::window;
use super::{Importer, Operand, label, refuse};
use crate::error::Result;
use crate::float::{BatchNorm, Bounds, Constant, Conv, Dense, FloatId, FloatOp, Padding};
use tract_onnx::pb::NodeProto;

/// Bounds past this stand for none.
const UNBOUNDED: f64 = 1e30;

impl Importer<'_> {
    /// Maps one node whose output is not constant.
    pub(super) fn operator(&mut self, node: &NodeProto) -> Result<FloatId> {
        match node.op_type.as_str() {
            "Conv" => self.conv(node),
            "Gemm" => self.gemm(node),
            "MatMul" => self.mat_mul(node),
            "BatchNormalization" => self.batch_norm(node),
            "Add" | "Sub" | "Mul" | "Div" => self.arithmetic(node),
            "Relu" => self.unary(node, FloatOp::Clamp(Bounds::RELU)),
            "Clip" => self.clip(node),
            "AveragePool" | "MaxPool" => self.pool(node),
            "GlobalAveragePool" => self.unary(node, FloatOp::GlobalAveragePool),
            "ReduceMean" => self.reduce_mean(node),
            "Identity" | "Dropout" => self.tensor(node, 0),
            "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => self.reshape(node),
            "Transpose" => self.transpose(node),
            _ => Err(refuse(
                node,
                "it reads a tensor that is not constant; supported: shapes and constants",
            )),
        }
    }

    fn add(&mut self, node: &NodeProto, op: FloatOp, inputs: &[FloatId]) -> Result<FloatId> {
        let id = self.builder.node(label(node), op, inputs)?;
        if let Some(name) = node.output.first() {
            self.builder.rename(id, name);
        }
        Ok(id)
    }

    fn unary(&mut self, node: &NodeProto, op: FloatOp) -> Result<FloatId> {
        let input = self.tensor(node, 0)?;
        self.add(node, op, &[input])
    }

    /// Rows and columns of a `[1, C, H, W]` tensor.
    fn plane(&self, node: &NodeProto, id: FloatId) -> Result<[usize; 2]> {
        match *self.builder.shape(id) {
            [1, _, h, w] => Ok([h, w]),
            ref shape => Err(refuse(
                node,
                format!(
                    "input shape {shape:?}; supported: [1, channels, rows, columns] (batch 1, two dimensions)"
                ),
            )),
        }
    }

    fn conv(&mut self, node: &NodeProto) -> Result<FloatId> {
        let input = self.tensor(node, 0)?;
        let plane = self.plane(node, input)?;
        let weights = self.required(node, 1)?;
        let &[channels, _, kh, kw] = weights.shape.as_slice() else {
            return Err(refuse(
                node,
                format!(
                    "weights of shape {:?}; supported: two dimensions",
                    weights.shape
                ),
            ));
        };
        let window = window(node, plane, Some([kh, kw]))?;
        let groups = usize::try_from(node.int("group", 1)).unwrap_or(0);
        let op = Conv {
            channels,
            kernel: window.kernel,
            stride: window.stride,
            padding: window.padding,
            groups,
            weights: weights.data,
            bias: self.constant(node, 2)?.map(|c| c.data),
        };
        self.add(node, FloatOp::Conv(op), &[input])
    }

    fn gemm(&mut self, node: &NodeProto) -> Result<FloatId> {
        if node.int("transA", 0) != 0 {
            return Err(refuse(node, "transA; supported: transA = 0"));
        }
        let matrix = self.required(node, 1)?;
        let &[a, b] = matrix.shape.as_slice() else {
            return Err(refuse(
                node,
                format!("a matrix of shape {:?}", matrix.shape),
            ));
        };
        let alpha = node.float("alpha", 1.0);
        let (outputs, transposed) = if node.int("transB", 0) != 0 {
            (a, true)
        } else {
            (b, false)
        };
        let mut weights = rows(matrix.data, a, b, transposed);
        weights.iter_mut().for_each(|w| *w *= alpha);
        let beta = node.float("beta", 1.0);
        let bias = match self.constant(node, 2)? {
            Some(c) if c.fits(&[1, outputs]) => Some(
                c.broadcast(&[1, outputs])
                    .iter()
                    .map(|v| v * beta)
                    .collect(),
            ),
            Some(c) => {
                return Err(refuse(
                    node,
                    format!("a bias of shape {:?} for {outputs} outputs", c.shape),
                ));
            }
            None => None,
        };
        let op = Dense {
            outputs,
            weights,
            bias,
        };
        self.unary(node, FloatOp::Dense(op))
    }

    fn mat_mul(&mut self, node: &NodeProto) -> Result<FloatId> {
        let matrix = match self.operand(node, 1)? {
            Some(Operand::Constant(c)) => c,
            _ => {
                return Err(refuse(
                    node,
                    "the second operand is not a constant; supported: tensor times constant matrix",
                ));
            }
        };
        let &[inputs, outputs] = matrix.shape.as_slice() else {
            return Err(refuse(
                node,
                format!("a matrix of shape {:?}; supported: two axes", matrix.shape),
            ));
        };
        let op = Dense {
            outputs,
            weights: rows(matrix.data, inputs, outputs, false),
            bias: None,
        };
        self.unary(node, FloatOp::Dense(op))
    }

    fn batch_norm(&mut self, node: &NodeProto) -> Result<FloatId> {
        if node.int("training_mode", 0) != 0 {
            return Err(refuse(
                node,
                "training mode; export the model for inference",
            ));
        }
        let op = BatchNorm {
            gamma: self.required(node, 1)?.data,
            beta: self.required(node, 2)?.data,
            mean: self.required(node, 3)?.data,
            variance: self.required(node, 4)?.data,
            epsilon: node.float("epsilon", f64::from(1e-5f32)),
        };
        self.unary(node, FloatOp::BatchNorm(op))
    }

    fn arithmetic(&mut self, node: &NodeProto) -> Result<FloatId> {
        use Operand::{Constant as C, Tensor as T};
        let missing = || refuse(node, "an operand is missing");
        let left = self.operand(node, 0)?.ok_or_else(missing)?;
        let right = self.operand(node, 1)?.ok_or_else(missing)?;
        let map = |c: Constant, f: fn(f64) -> f64| Constant {
            data: c.data.iter().map(|v| f(*v)).collect(),
            ..c
        };
        match (node.op_type.as_str(), left, right) {
            ("Add", T(a), T(b)) => self.add(node, FloatOp::Add, &[a, b]),
            ("Sub", T(a), T(b)) => self.add(node, FloatOp::Sub, &[a, b]),
            ("Add", T(a), C(c)) | ("Add", C(c), T(a)) => {
                self.add(node, FloatOp::AddConstant(c), &[a])
            }
            ("Sub", T(a), C(c)) => self.add(node, FloatOp::AddConstant(map(c, |v| -v)), &[a]),
            ("Sub", C(c), T(a)) => {
                let negative = FloatOp::MulConstant(Constant::scalar(-1.0));
                let a = self.builder.node(label(node), negative, &[a])?;
                self.add(node, FloatOp::AddConstant(c), &[a])
            }
            ("Mul", T(a), C(c)) | ("Mul", C(c), T(a)) => {
                self.add(node, FloatOp::MulConstant(c), &[a])
            }
            ("Div", T(a), C(c)) => self.add(node, FloatOp::MulConstant(map(c, |v| 1.0 / v)), &[a]),
            _ => Err(refuse(
                node,
                "operands of these kinds; supported: sums and differences, and a tensor multiplied or divided by a constant",
            )),
        }
    }

    fn clip(&mut self, node: &NodeProto) -> Result<FloatId> {
        let (low, high) = if self.opset < 11 {
            (node.float("min", -UNBOUNDED), node.float("max", UNBOUNDED))
        } else {
            let bound = |index: usize, default: f64| {
                let constant = self.constant(node, index)?;
                Ok(constant
                    .and_then(|c| c.data.first().copied())
                    .unwrap_or(default))
            };
            (bound(1, -UNBOUNDED)?, bound(2, UNBOUNDED)?)
        };
        let bounds = Bounds {
            low: (low > -UNBOUNDED).then_some(low),
            high: (high < UNBOUNDED).then_some(high),
        };
        self.unary(node, FloatOp::Clamp(bounds))
    }

    fn pool(&mut self, node: &NodeProto) -> Result<FloatId> {
        let input = self.tensor(node, 0)?;
        let plane = self.plane(node, input)?;
        let pool = window(node, plane, None)?;
        if node.op_type == "MaxPool" {
            return self.add(node, FloatOp::MaxPool(pool), &[input]);
        }
        if pool.padding != Padding::NONE
            && (node.int("count_include_pad", 0) == 0 || node.int("ceil_mode", 0) != 0)
        {
            return Err(refuse(
                node,
                "averages that leave out the padding; supported: no padding, or count_include_pad = 1 without ceil_mode",
            ));
        }
        self.add(node, FloatOp::AveragePool(pool), &[input])
    }

    fn reduce_mean(&mut self, node: &NodeProto) -> Result<FloatId> {
        let input = self.tensor(node, 0)?;
        self.plane(node, input)?;
        let mut axes = self.axes(node, 4)?.unwrap_or_default();
        axes.sort_unstable();
        if axes != [2, 3] {
            return Err(refuse(node, format!("axes {axes:?}; supported: [2, 3]")));
        }
        let pooled = self.add(node, FloatOp::GlobalAveragePool, &[input])?;
        if node.int("keepdims", 1) != 0 {
            return Ok(pooled);
        }
        let channels = self.builder.shape(pooled)[1];
        self.add(node, FloatOp::Reshape(vec![1, channels]), &[pooled])
    }

    /// Axes from the attribute or the second input, made non-negative for `rank` axes.
    fn axes(&self, node: &NodeProto, rank: usize) -> Result<Option<Vec<usize>>> {
        let list: Option<Vec<i64>> = match node.ints("axes") {
            Some(axes) => Some(axes.to_vec()),
            None => self
                .constant(node, 1)?
                .map(|c| c.data.iter().map(|v| *v as i64).collect()),
        };
        let Some(list) = list else { return Ok(None) };
        let axis = |a: &i64| {
            let positive = if *a < 0 {
                a.saturating_add(rank as i64)
            } else {
                *a
            };
            usize::try_from(positive).ok().filter(|a| *a < rank)
        };
        list.iter()
            .map(axis)
            .collect::<Option<Vec<_>>>()
            .map(Some)
            .ok_or_else(|| refuse(node, format!("axes {list:?} for {rank} axes")))
    }

    fn reshape(&mut self, node: &NodeProto) -> Result<FloatId> {
        let input = self.tensor(node, 0)?;
        let shape = self.builder.shape(input).to_vec();
        let target = match node.op_type.as_str() {
            "Flatten" => {
                let axis = node.int("axis", 1);
                let axis = if axis < 0 {
                    axis.saturating_add(shape.len() as i64)
                } else {
                    axis
                };
                let axis = usize::try_from(axis).unwrap_or(usize::MAX);
                if axis > shape.len() {
                    return Err(refuse(node, format!("axis {axis} for shape {shape:?}")));
                }
                vec![
                    shape[..axis].iter().product(),
                    shape[axis..].iter().product(),
                ]
            }
            "Squeeze" => {
                let axes = self.axes(node, shape.len())?;
                let dropped = |i: usize| axes.as_ref().map_or(shape[i] == 1, |a| a.contains(&i));
                (0..shape.len())
                    .filter(|i| !dropped(*i))
                    .map(|i| shape[i])
                    .collect()
            }
            "Unsqueeze" => {
                let count = match node.ints("axes") {
                    Some(axes) => axes.len(),
                    None => self.required(node, 1)?.data.len(),
                };
                let rank = shape.len() + count;
                let axes = self.axes(node, rank)?.unwrap_or_default();
                let mut rest = shape.iter().copied();
                (0..rank)
                    .map(|i| {
                        if axes.contains(&i) {
                            1
                        } else {
                            rest.next().unwrap_or(1)
                        }
                    })
                    .collect()
            }
            _ => self.reshape_target(node, &shape)?,
        };
        self.add(node, FloatOp::Reshape(target), &[input])
    }

    fn reshape_target(&self, node: &NodeProto, shape: &[usize]) -> Result<Vec<usize>> {
        let wanted: Vec<i64> = match node.ints("shape") {
            Some(list) => list.to_vec(),
            None => self
                .required(node, 1)?
                .data
                .iter()
                .map(|v| *v as i64)
                .collect(),
        };
        let copies = node.int("allowzero", 0) == 0;
        let resolved: Vec<Option<usize>> = wanted
            .iter()
            .enumerate()
            .map(|(axis, d)| match d {
                0 if copies => shape.get(axis).copied(),
                d => usize::try_from(*d).ok(),
            })
            .collect();
        let known = resolved
            .iter()
            .flatten()
            .try_fold(1usize, |n, d| n.checked_mul(*d))
            .unwrap_or(0);
        let total: usize = shape.iter().product();
        let free = total.checked_div(known).unwrap_or(0);
        if resolved.iter().filter(|d| d.is_none()).count() > 1 {
            return Err(refuse(node, format!("target {wanted:?} for {shape:?}")));
        }
        Ok(resolved.into_iter().map(|d| d.unwrap_or(free)).collect())
    }

    fn transpose(&mut self, node: &NodeProto) -> Result<FloatId> {
        let input = self.tensor(node, 0)?;
        let rank = self.builder.shape(input).len();
        let perm = match node.ints("perm") {
            Some(list) => list
                .iter()
                .map(|v| usize::try_from(*v).unwrap_or(usize::MAX))
                .collect(),
            None => (0..rank).rev().collect(),
        };
        self.add(node, FloatOp::Transpose(perm), &[input])
    }
}

/// A matrix as `[output][input]`; `data` is `[output][input]` if `transposed`, else `[input][output]`.
fn rows(data: Vec<f64>, a: usize, b: usize, transposed: bool) -> Vec<f64> {
    if transposed {
        return data;
    }
    (0..a * b).map(|n| data[n % a * b + n / a]).collect()
}
