//! One direction of a recurrent network, step by step.

use crate::error::Result;
use crate::float::{Constant, Dense, FloatOp, Function};
use crate::frontend::compose::Arithmetic;
use crate::frontend::onnx::importer::{
    Importer,
    Operand::{self, Constant as C, Tensor as T},
};
use tract_onnx::pb::NodeProto;

/// What a step computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// Gates input, output, forget, cell.
    Lstm,
    /// Gates update, reset, hidden.
    Gru {
        /// The reset gate multiplies what the recurrent weights give, not what they read.
        linear_before_reset: bool,
    },
    Rnn,
}

impl Cell {
    pub(super) fn gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru { .. } => 3,
            Self::Rnn => 1,
        }
    }

    /// Tensors that a step hands to the next.
    pub(super) fn states(self) -> usize {
        if self == Self::Lstm { 2 } else { 1 }
    }

    /// The functions of a direction.
    pub(super) fn activations(self) -> &'static [&'static str] {
        match self {
            Self::Lstm => &["Sigmoid", "Tanh", "Tanh"],
            Self::Gru { .. } => &["Sigmoid", "Tanh"],
            Self::Rnn => &["Tanh"],
        }
    }
}

/// A function of a gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Activation {
    Relu,
    Of(Function),
}

impl Activation {
    /// By name, whatever its case, with default parameters.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(Self::Of(match name.to_lowercase().as_str() {
            "relu" => return Some(Self::Relu),
            "elu" => Function::Elu {
                alpha: 1.0,
                gamma: 1.0,
                scale: 1.0,
            },
            "hardsigmoid" => Function::HardSigmoid {
                alpha: f64::from(0.2f32),
                beta: 0.5,
            },
            "leakyrelu" => Function::LeakyRelu {
                slope: f64::from(0.01f32),
            },
            "sigmoid" => Function::Sigmoid,
            "softplus" => Function::Softplus,
            "softsign" => Function::Softsign,
            "tanh" => Function::Tanh,
            "thresholdedrelu" => Function::ThresholdedRelu { alpha: 1.0 },
            _ => return None,
        }))
    }

    pub(super) fn has_parameters(self) -> bool {
        matches!(
            self,
            Self::Of(
                Function::Elu { .. }
                    | Function::HardSigmoid { .. }
                    | Function::LeakyRelu { .. }
                    | Function::ThresholdedRelu { .. }
            )
        )
    }

    fn of(self, importer: &mut Importer, node: &NodeProto, x: Operand) -> Result<Operand> {
        match (x, self) {
            (T(id), Self::Relu) => importer.relu(node, id).map(T),
            (T(id), Self::Of(f)) => importer.function(node, id, f).map(T),
            (C(c), Self::Relu) => Ok(C(crate::frontend::compose::map(c, |v| v.max(0.0)))),
            (C(c), Self::Of(f)) => Ok(C(crate::frontend::compose::map(c, |v| f.at(v)))),
        }
    }
}

/// One direction: its weights by gate.
pub(super) struct Gates {
    pub(super) cell: Cell,
    pub(super) hidden: usize,
    /// `[hidden][inputs]`
    pub(super) weights: Vec<Vec<f64>>,
    /// `[hidden][hidden]`
    pub(super) recurrent: Vec<Vec<f64>>,
    /// Those of the weights, then those of the recurrent weights.
    pub(super) bias: Option<Vec<Vec<f64>>>,
    /// Of the gates input, output, forget.
    pub(super) peepholes: Option<Vec<Vec<f64>>>,
    pub(super) functions: Vec<Activation>,
}

impl Gates {
    /// The output of each step, in this order, and the states after the last.
    pub(super) fn unroll(
        &self,
        importer: &mut Importer,
        node: &NodeProto,
        input: &Operand,
        order: &[usize],
        mut states: Vec<Operand>,
    ) -> Result<(Vec<Operand>, Vec<Operand>)> {
        // What the inputs give, for all steps at once.
        let mut given = Vec::with_capacity(self.weights.len());
        for gate in 0..self.weights.len() {
            given.push(self.linear(
                importer,
                node,
                &self.weights[gate],
                self.constant(gate),
                input,
            )?);
        }
        let mut outputs = Vec::with_capacity(order.len());
        for step in order {
            let mut own = Vec::with_capacity(given.len());
            for gate in &given {
                let part = importer.part(node, gate, 0, *step..*step + 1)?;
                let shape = importer.shape_of(&part);
                own.push(importer.reshaped(node, part, &shape[1..])?);
            }
            states = match self.cell {
                Cell::Lstm => self.lstm(importer, node, own, &states)?,
                Cell::Gru {
                    linear_before_reset,
                } => self.gru(importer, node, own, &states[0], linear_before_reset)?,
                Cell::Rnn => {
                    let sum = self.with_state(importer, node, 0, own[0].clone(), &states[0])?;
                    vec![self.functions[0].of(importer, node, sum)?]
                }
            };
            outputs.push(states[0].clone());
        }
        Ok((outputs, states))
    }

    /// What is added to what the inputs give to a gate.
    fn constant(&self, gate: usize) -> Option<Vec<f64>> {
        let bias = self.bias.as_ref()?;
        let gates = self.weights.len();
        let apart = matches!(
            self.cell,
            Cell::Gru {
                linear_before_reset: true
            }
        ) && gate == 2;
        let recurrent = &bias[gates + gate];
        let both = bias[gate].iter().zip(recurrent);
        Some(both.map(|(w, r)| if apart { *w } else { w + r }).collect())
    }

    /// A product with weights `[hidden][..]` over the last axis.
    fn linear(
        &self,
        importer: &mut Importer,
        node: &NodeProto,
        weights: &[f64],
        bias: Option<Vec<f64>>,
        input: &Operand,
    ) -> Result<Operand> {
        let outputs = self.hidden;
        match input {
            T(id) => {
                let dense = Dense {
                    outputs,
                    weights: weights.to_vec(),
                    bias,
                };
                importer.op(node, FloatOp::Dense(dense), &[*id]).map(T)
            }
            C(c) => {
                let inputs = weights.len() / outputs;
                let mut shape = c.shape.clone();
                shape.pop();
                shape.push(outputs);
                let row = |x: &[f64]| -> Vec<f64> {
                    let rows = weights.chunks_exact(inputs).enumerate();
                    rows.map(|(o, w)| {
                        let bias = bias.as_ref().map_or(0.0, |b| b[o]);
                        bias + w.iter().zip(x).map(|(w, v)| w * v).sum::<f64>()
                    })
                    .collect()
                };
                let data = c.data.chunks_exact(inputs).flat_map(row).collect();
                Ok(C(Constant { shape, data }))
            }
        }
    }

    /// A gate's sum with what its recurrent weights make of a state.
    fn with_state(
        &self,
        importer: &mut Importer,
        node: &NodeProto,
        gate: usize,
        sum: Operand,
        state: &Operand,
    ) -> Result<Operand> {
        if is_zero(state) {
            return Ok(sum);
        }
        let product = self.linear(importer, node, &self.recurrent[gate], None, state)?;
        importer.arithmetic(node, Arithmetic::Add, sum, product)
    }

    /// A gate's sum with a state times its peephole.
    fn peep(
        &self,
        importer: &mut Importer,
        node: &NodeProto,
        number: usize,
        sum: Operand,
        state: &Operand,
    ) -> Result<Operand> {
        let Some(peepholes) = self.peepholes.as_ref().filter(|_| !is_zero(state)) else {
            return Ok(sum);
        };
        let factor = C(Constant {
            shape: vec![self.hidden],
            data: peepholes[number].clone(),
        });
        let seen = importer.arithmetic(node, Arithmetic::Mul, state.clone(), factor)?;
        importer.arithmetic(node, Arithmetic::Add, sum, seen)
    }

    fn lstm(
        &self,
        importer: &mut Importer,
        node: &NodeProto,
        own: Vec<Operand>,
        states: &[Operand],
    ) -> Result<Vec<Operand>> {
        let (hidden, before) = (&states[0], &states[1]);
        let mut sums = Vec::with_capacity(4);
        for (gate, sum) in own.into_iter().enumerate() {
            sums.push(self.with_state(importer, node, gate, sum, hidden)?);
        }
        let [f, g, h] = [self.functions[0], self.functions[1], self.functions[2]];
        let input = self.peep(importer, node, 0, sums[0].clone(), before)?;
        let input = f.of(importer, node, input)?;
        let forget = self.peep(importer, node, 2, sums[2].clone(), before)?;
        let forget = f.of(importer, node, forget)?;
        let new = g.of(importer, node, sums[3].clone())?;
        let new = importer.arithmetic(node, Arithmetic::Mul, input, new)?;
        let cell = if is_zero(before) {
            new
        } else {
            let kept = importer.arithmetic(node, Arithmetic::Mul, forget, before.clone())?;
            importer.arithmetic(node, Arithmetic::Add, kept, new)?
        };
        let output = self.peep(importer, node, 1, sums[1].clone(), &cell)?;
        let output = f.of(importer, node, output)?;
        let shown = h.of(importer, node, cell.clone())?;
        let hidden = importer.arithmetic(node, Arithmetic::Mul, output, shown)?;
        Ok(vec![hidden, cell])
    }

    fn gru(
        &self,
        importer: &mut Importer,
        node: &NodeProto,
        own: Vec<Operand>,
        before: &Operand,
        linear_before_reset: bool,
    ) -> Result<Vec<Operand>> {
        let [f, g] = [self.functions[0], self.functions[1]];
        let update = self.with_state(importer, node, 0, own[0].clone(), before)?;
        let update = f.of(importer, node, update)?;
        let reset = self.with_state(importer, node, 1, own[1].clone(), before)?;
        let reset = f.of(importer, node, reset)?;
        let new = if linear_before_reset {
            let bias = self.bias.as_ref().map(|b| b[5].clone());
            let product = self.linear(importer, node, &self.recurrent[2], bias, before)?;
            let product = importer.arithmetic(node, Arithmetic::Mul, reset, product)?;
            importer.arithmetic(node, Arithmetic::Add, own[2].clone(), product)?
        } else {
            let read = importer.arithmetic(node, Arithmetic::Mul, reset, before.clone())?;
            self.with_state(importer, node, 2, own[2].clone(), &read)?
        };
        let new = g.of(importer, node, new)?;
        // new + update * (before - new)
        let step = importer.arithmetic(node, Arithmetic::Sub, before.clone(), new.clone())?;
        let step = importer.arithmetic(node, Arithmetic::Mul, update, step)?;
        Ok(vec![importer.arithmetic(
            node,
            Arithmetic::Add,
            new,
            step,
        )?])
    }
}

/// Whether a state is the one before the first step.
fn is_zero(state: &Operand) -> bool {
    matches!(state, C(c) if c.data.iter().all(|v| *v == 0.0))
}
