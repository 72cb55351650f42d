//! Random networks of rearranged elements, functions, products and matrix products: fusing is exact (the quantiser checks
//! it), both executors agree, and quantisation stays near the float network.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use chainfer_model::executor::{execute, naive};
use chainfer_model::float::{
    Bounds, Constant, Conv, Dense, Element, FloatGraph, FloatId, FloatOp, Function, GraphBuilder,
    Padding, Pool, Rearrange,
};
use chainfer_model::quantise::{QuantOptions, Sample, SaturationPolicy, quantise};
use support::distance;

/// Networks tried; `PROPTEST_CASES` has more.
fn cases() -> u64 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(400)
}

/// A pseudo-random sequence.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    /// In `[-1, 1)`.
    fn real(&mut self) -> f64 {
        self.below(1 << 20) as f64 / f64::from(1 << 19) - 1.0
    }

    fn list(&mut self, len: usize) -> Vec<f64> {
        (0..len).map(|_| self.real()).collect()
    }
}

struct Net {
    b: GraphBuilder,
    random: Random,
    made: Vec<FloatId>,
    count: usize,
}

impl Net {
    fn add(&mut self, op: FloatOp, inputs: &[FloatId]) -> Option<FloatId> {
        self.count += 1;
        let id = self.b.node(&format!("n{}", self.count), op, inputs).ok()?;
        self.made.push(id);
        Some(id)
    }

    fn any(&mut self) -> FloatId {
        let recent = self.made.len().min(4);
        self.made[self.made.len() - 1 - self.random.below(recent)]
    }

    fn len(&self, id: FloatId) -> usize {
        self.b.shape(id).iter().product()
    }

    /// A shape of so many elements.
    fn shape(&mut self, len: usize) -> Vec<usize> {
        let divisors = |n: usize| (1..=n).filter(|d| n.is_multiple_of(*d)).collect::<Vec<_>>();
        let first = divisors(len);
        let c = first[self.random.below(first.len())];
        let second = divisors(len / c);
        let h = second[self.random.below(second.len())];
        match self.random.below(3) {
            0 => vec![1, c, h, len / c / h],
            1 => vec![1, c, len / c],
            _ => vec![1, len],
        }
    }

    /// Elements of some tensors at random or in runs.
    fn rearrange(&mut self) -> Option<FloatId> {
        let operands: Vec<FloatId> = (0..1 + self.random.below(2)).map(|_| self.any()).collect();
        let lens: Vec<usize> = operands.iter().map(|o| self.len(*o)).collect();
        let mut elements = Vec::new();
        match self.random.below(4) {
            // One after the other: a concatenation.
            0 => {
                for (operand, len) in lens.iter().enumerate() {
                    elements.extend((0..*len).map(|index| of(operand, index)));
                }
            }
            // A slice, with a constant around it.
            1 => {
                let start = self.random.below(lens[0]);
                let end = start + 1 + self.random.below(lens[0] - start);
                elements.push(Element::Constant(self.random.real()));
                elements.extend((start..end).map(|index| of(0, index)));
                elements.push(Element::Constant(0.0));
            }
            // Every element several times.
            2 if lens[0] <= 16 => {
                let times = 1 + self.random.below(3);
                let each = self.random.below(2) == 0;
                for n in 0..lens[0] * times {
                    elements.push(of(0, if each { n / times } else { n % lens[0] }));
                }
            }
            // A permutation of one tensor.
            _ => {
                let mut order: Vec<usize> = (0..lens[0]).collect();
                for i in (1..order.len()).rev() {
                    order.swap(i, self.random.below(i + 1));
                }
                elements.extend(order.into_iter().map(|index| of(0, index)));
            }
        }
        if elements.len() > 64 {
            return None;
        }
        let shape = self.shape(elements.len());
        let op = Rearrange {
            operands: operands.len(),
            shape,
            elements,
        };
        self.add(FloatOp::Rearrange(op), &operands)
    }

    /// An operand of this shape, for products and sums.
    fn like(&mut self, id: FloatId) -> Option<FloatId> {
        let (shape, len) = (self.b.shape(id).to_vec(), self.len(id));
        let other = self.any();
        if self.b.shape(other) == shape {
            return Some(other);
        }
        let own = self.len(other);
        let elements = (0..len).map(|n| of(0, n % own)).collect();
        let op = Rearrange {
            operands: 1,
            shape,
            elements,
        };
        self.add(FloatOp::Rearrange(op), &[other])
    }

    fn step(&mut self) -> Option<FloatId> {
        let x = self.any();
        let shape = self.b.shape(x).to_vec();
        let len = self.len(x);
        match self.random.below(14) {
            0..=2 => self.rearrange(),
            3 => {
                let functions = [
                    Function::Sigmoid,
                    Function::Tanh,
                    Function::Gelu,
                    Function::Abs,
                    Function::Exp,
                    Function::LeakyRelu { slope: 0.1 },
                    Function::HardSwish,
                ];
                let function = functions[self.random.below(functions.len())];
                // Exponentials of exponentials leave no precision to compare.
                let x = self.add(FloatOp::Function(Function::Tanh), &[x])?;
                self.add(FloatOp::Function(function), &[x])
            }
            4 => {
                let y = self.like(x)?;
                self.add(FloatOp::Mul, &[x, y])
            }
            5 => {
                let y = self.like(x)?;
                let op = if self.random.below(2) == 0 {
                    FloatOp::Add
                } else {
                    FloatOp::Sub
                };
                self.add(op, &[x, y])
            }
            6 => {
                let (rows, columns) = (1 + self.random.below(3), 1 + self.random.below(3));
                let pairs = self.shape(len);
                let inner = *pairs.last()?;
                if inner > 512 {
                    return None;
                }
                let left = self.add(FloatOp::Reshape(vec![len / inner, inner]), &[x])?;
                let y = self.any();
                let own = self.len(y);
                let take = |n: usize| of(0, n % own);
                let turned = self.random.below(2) == 0;
                let shape = if turned {
                    vec![columns * rows, inner]
                } else {
                    vec![inner, columns * rows]
                };
                let op = Rearrange {
                    operands: 1,
                    elements: (0..inner * columns * rows).map(take).collect(),
                    shape,
                };
                let mut right = self.add(FloatOp::Rearrange(op), &[y])?;
                if turned {
                    right = self.add(FloatOp::Transpose(vec![1, 0]), &[right])?;
                }
                self.add(FloatOp::MatMul, &[left, right])
            }
            7 => {
                let [_, c, h, w] = shape[..] else { return None };
                let k = 1 + self.random.below(h.min(w).min(3));
                let op = Conv {
                    channels: 2,
                    kernel: [k, k],
                    stride: [1, 1],
                    padding: Padding::NONE,
                    groups: 1,
                    weights: self.random.list(2 * c * k * k),
                    bias: Some(self.random.list(2)),
                };
                self.add(FloatOp::Conv(op), &[x])
            }
            8 => {
                let inputs = *shape.last()?;
                let outputs = 1 + self.random.below(4);
                let op = Dense {
                    outputs,
                    weights: self.random.list(outputs * inputs),
                    bias: None,
                };
                self.add(FloatOp::Dense(op), &[x])
            }
            9 => self.add(FloatOp::Clamp(Bounds::RELU), &[x]),
            10 => {
                let constant = Constant {
                    shape: shape.clone(),
                    data: self.random.list(len),
                };
                let op = if self.random.below(2) == 0 {
                    FloatOp::MulConstant(constant)
                } else {
                    FloatOp::AddConstant(constant)
                };
                self.add(op, &[x])
            }
            11 => {
                let [_, _, h, w] = shape[..] else { return None };
                let pool = Pool {
                    kernel: [h.min(2), w.min(2)],
                    stride: [1, 1],
                    padding: Padding::NONE,
                };
                let op = if self.random.below(2) == 0 {
                    FloatOp::MaxPool(pool)
                } else {
                    FloatOp::AveragePool(pool)
                };
                self.add(op, &[x])
            }
            12 => {
                let mut perm: Vec<usize> = (0..shape.len()).collect();
                for i in (1..perm.len()).rev() {
                    perm.swap(i, self.random.below(i + 1));
                }
                self.add(FloatOp::Transpose(perm), &[x])
            }
            _ => {
                let shape = self.shape(len);
                self.add(FloatOp::Reshape(shape), &[x])
            }
        }
    }
}

fn of(operand: usize, index: usize) -> Element {
    Element::Of {
        operand: operand as u32,
        index: index as u32,
    }
}

fn network(seed: u64) -> FloatGraph {
    let mut net = Net {
        b: GraphBuilder::new(),
        random: Random(seed),
        made: Vec::new(),
        count: 0,
    };
    let len = 4 + net.random.below(20);
    let shape = net.shape(len);
    let x = net.b.input("x", &shape).unwrap();
    net.made.push(x);
    for _ in 0..3 + net.random.below(8) {
        net.step();
        // What grows without bound has no scale.
        let last = net.made[net.made.len() - 1];
        if net.random.below(3) == 0 {
            net.add(FloatOp::Function(Function::Tanh), &[last]);
        }
    }
    let last = net.made[net.made.len() - 1];
    let outputs = if net.random.below(4) == 0 && last != x {
        let other = net.any();
        vec![last, other]
    } else {
        vec![last]
    };
    net.b.finish(&outputs).unwrap()
}

#[test]
fn random_networks_of_activations_are_exact_when_fused() {
    let (mut near, count) = (0, cases());
    for seed in 0..count {
        let graph = network(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut random = Random(seed ^ 1);
        let len = graph.tensor(graph.inputs()[0]).len();
        let samples: Vec<Sample> = (0..12).map(|_| Sample(vec![random.list(len)])).collect();
        let quantised = quantise(&graph, &samples, &QuantOptions::default())
            .unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let errors = quantised.report.outputs.iter();
        let worst = errors.map(|o| o.relative_error).fold(0.0, f64::max);
        near += u64::from(worst <= 0.02);
        let program = &quantised.graph;
        for sample in &samples {
            let policy = SaturationPolicy::Saturate;
            let inputs = program.quantise_inputs(&sample.0, policy).unwrap();
            let trace = execute(program, &inputs).unwrap();
            let other = naive::execute(program, &inputs).unwrap();
            assert_eq!(trace, other, "seed {seed}");
            let float = graph.execute(&sample.0).unwrap();
            let outputs = program.real_outputs(&trace);
            for ((out, expected), report) in outputs
                .iter()
                .zip(graph.outputs_of(&float))
                .zip(&quantised.report.outputs)
            {
                assert!(
                    distance(out, expected) <= report.max_abs_error + 1e-9,
                    "seed {seed}"
                );
            }
        }
    }
    // Differences of nearly equal values lose precision, whatever the scales.
    assert!(near * 100 >= count * 99, "{near} of {count}");
}
