//! Random networks: fusing is exact (the quantiser checks it), and quantisation stays near the float network.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use chainfer_model::executor::{execute, execute_strict, naive};
use chainfer_model::float::{
    BatchNorm, Bounds, Constant, Conv, Dense, FloatGraph, FloatId, FloatOp, GraphBuilder, Padding,
    Pool,
};
use chainfer_model::partition::{BoundaryVisibility, ChunkCount, CostModel, partition};
use chainfer_model::quantise::{QuantOptions, Sample, SaturationPolicy, quantise};
use proptest::prelude::*;
use support::distance;

/// Networks tried.
const CASES: u32 = 400;

/// Pseudo-random reals in `[-1, 1)`.
struct Reals(u64);

impl Reals {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn list(&mut self, len: usize) -> Vec<f64> {
        (0..len).map(|_| self.next()).collect()
    }
}

struct Net {
    builder: GraphBuilder,
    reals: Reals,
    at: FloatId,
    saved: Vec<FloatId>,
    count: usize,
}

impl Net {
    fn push(&mut self, op: FloatOp, inputs: &[FloatId]) -> bool {
        self.count += 1;
        match self
            .builder
            .node(&format!("n{}_{}", self.count, op.name()), op, inputs)
        {
            Ok(id) => {
                self.at = id;
                true
            }
            Err(_) => false,
        }
    }

    fn conv(
        &mut self,
        channels: usize,
        k: usize,
        stride: usize,
        pad: usize,
        groups: usize,
    ) -> bool {
        let c = self.builder.shape(self.at)[1];
        let fan_in = (c / groups * k * k) as f64;
        let mut weights = self.reals.list(channels * c / groups * k * k);
        weights.iter_mut().for_each(|w| *w *= 2.0 / fan_in.sqrt());
        let bias = Some(self.reals.list(channels));
        let padding = Padding {
            top: pad,
            left: pad,
            bottom: pad,
            right: pad,
        };
        let op = Conv {
            channels,
            kernel: [k, k],
            stride: [stride, stride],
            padding,
            groups,
            weights,
            bias,
        };
        self.push(FloatOp::Conv(op), &[self.at])
    }

    fn step(&mut self, choice: u8) {
        let shape = self.builder.shape(self.at).to_vec();
        let c = shape[1];
        let pool = |k: usize, s: usize, p: usize| Pool {
            kernel: [k, k],
            stride: [s, s],
            padding: Padding {
                top: p,
                left: p,
                bottom: p,
                right: p,
            },
        };
        let at = self.at;
        match choice % 20 {
            0 => self.conv(4, 3, 1, 1, 1),
            1 => self.conv(6, 3, 2, 0, 1),
            2 => self.conv(c, 1, 1, 0, 1),
            3 => self.conv(c, 3, 1, 1, c),
            4 => self.conv(c, 3, 1, 1, 2),
            5 | 6 => self.push(FloatOp::Clamp(Bounds::RELU), &[at]),
            7 => self.push(FloatOp::Clamp(Bounds::RELU6), &[at]),
            8 => self.push(
                FloatOp::Clamp(Bounds {
                    low: Some(-0.5),
                    high: Some(1.5),
                }),
                &[at],
            ),
            9 => self.push(FloatOp::AveragePool(pool(2, 2, 0)), &[at]),
            10 => self.push(FloatOp::AveragePool(pool(3, 1, 1)), &[at]),
            11 => self.push(FloatOp::MaxPool(pool(2, 2, 0)), &[at]),
            12 => self.push(FloatOp::MaxPool(pool(3, 2, 1)), &[at]),
            13 => self.push(FloatOp::MaxPool(pool(5, 1, 2)), &[at]),
            14 => {
                let norm = BatchNorm {
                    gamma: self.reals.list(c),
                    beta: self.reals.list(c),
                    mean: self.reals.list(c),
                    variance: self.reals.list(c).iter().map(|v| v * v + 0.5).collect(),
                    epsilon: 1e-5,
                };
                self.push(FloatOp::BatchNorm(norm), &[at])
            }
            15 => {
                let data = self.reals.list(c);
                self.push(
                    FloatOp::MulConstant(Constant {
                        shape: vec![c, 1, 1],
                        data,
                    }),
                    &[at],
                )
            }
            16 => {
                let data = self.reals.list(c * shape[2] * shape[3]);
                self.push(
                    FloatOp::AddConstant(Constant {
                        shape: shape[1..].to_vec(),
                        data,
                    }),
                    &[at],
                )
            }
            17 => {
                self.saved.push(at);
                true
            }
            18 | 19 => {
                let partner = self
                    .saved
                    .iter()
                    .rev()
                    .find(|s| self.builder.shape(**s) == shape)
                    .copied();
                let op = if choice % 20 == 18 {
                    FloatOp::Add
                } else {
                    FloatOp::Sub
                };
                partner.is_some_and(|p| self.push(op, &[at, p]))
            }
            _ => unreachable!(),
        };
    }

    fn head(mut self, kind: u8) -> FloatGraph {
        let shape = self.builder.shape(self.at).to_vec();
        let at = self.at;
        match kind % 6 {
            0 => {}
            1 => {
                self.push(FloatOp::GlobalAveragePool, &[at]);
            }
            // Channels last, flattened, then a dense layer.
            2 => {
                self.push(FloatOp::Transpose(vec![0, 2, 3, 1]), &[at]);
            }
            3 => {
                self.push(
                    FloatOp::AveragePool(Pool {
                        kernel: [2, 2],
                        stride: [2, 2],
                        padding: Padding::NONE,
                    }),
                    &[at],
                );
            }
            // A product over every position, channels last.
            4 => {
                let (c, positions) = (shape[1], shape[2] * shape[3]);
                self.push(FloatOp::Transpose(vec![0, 2, 3, 1]), &[at]);
                self.push(FloatOp::Reshape(vec![1, positions, c]), &[self.at]);
                let (weights, bias) = (self.reals.list(3 * c), Some(self.reals.list(3)));
                self.push(
                    FloatOp::Dense(Dense {
                        outputs: 3,
                        weights,
                        bias,
                    }),
                    &[self.at],
                );
                self.push(FloatOp::Clamp(Bounds::RELU), &[self.at]);
            }
            _ => {
                self.push(FloatOp::Clamp(Bounds::RELU), &[at]);
            }
        }
        if !kind.is_multiple_of(6) {
            let len = self.builder.shape(self.at).iter().product();
            self.push(FloatOp::Reshape(vec![1, len]), &[self.at]);
            let mut weights = self.reals.list(5 * len);
            weights
                .iter_mut()
                .for_each(|w| *w *= 2.0 / (len as f64).sqrt());
            let bias = Some(self.reals.list(5));
            self.push(
                FloatOp::Dense(Dense {
                    outputs: 5,
                    weights,
                    bias,
                }),
                &[self.at],
            );
            if kind > 127 {
                let hidden = self.at;
                self.push(FloatOp::Clamp(Bounds::RELU), &[hidden]);
                let weights = self.reals.list(25);
                self.push(
                    FloatOp::Dense(Dense {
                        outputs: 5,
                        weights,
                        bias: None,
                    }),
                    &[self.at],
                );
                self.push(FloatOp::Add, &[self.at, hidden]);
            }
        }
        self.builder.finish(&[self.at]).unwrap()
    }
}

fn network(choices: &[u8], head: u8, seed: u64) -> (FloatGraph, Vec<Sample>) {
    let mut builder = GraphBuilder::new();
    let at = builder.input("x", &[1, 2, 9, 8]).unwrap();
    let mut net = Net {
        builder,
        reals: Reals(seed),
        at,
        saved: vec![],
        count: 0,
    };
    for choice in choices {
        net.step(*choice);
    }
    let mut inputs = Reals(seed ^ 0xabcd);
    let samples = (0..4).map(|_| Sample(vec![inputs.list(144)])).collect();
    (net.head(head), samples)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

    #[test]
    fn random_networks_quantise_near_the_float_network(
        choices in prop::collection::vec(any::<u8>(), 0..9), head in any::<u8>(), seed in any::<u64>(),
    ) {
        let (graph, samples) = network(&choices, head, seed);
        prop_assume!(!graph.nodes().is_empty());
        let q = quantise(&graph, &samples, &QuantOptions { range: 65536, ..QuantOptions::default() }).unwrap();
        for sample in &samples {
            let float = graph.execute(&sample.0).unwrap();
            let ints = q.graph.quantise_inputs(&sample.0, SaturationPolicy::Refuse).unwrap();
            let trace = execute(&q.graph, &ints).unwrap();
            prop_assert_eq!(&trace, &naive::execute(&q.graph, &ints).unwrap());
            prop_assert_eq!(&trace, &execute_strict(&q.graph, &q.clamps, &ints).unwrap());
            for (got, expected) in q.graph.real_outputs(&trace).iter().zip(graph.outputs_of(&float)) {
                let size = q.report.outputs[0].max_abs_value.max(1e-3);
                let error = distance(got, expected) / size;
                prop_assert!(error < 0.01, "{error}: {:?}", q.report);
            }
        }
        for n in 1..=q.graph.layers.len() {
            let cut = partition(q.graph.clone(), ChunkCount::Exactly(n), BoundaryVisibility::default(), &CostModel::default());
            let cut = cut.unwrap();
            prop_assert_eq!(cut.chunks.len(), n);
            // Every read was written by an earlier chunk, or is a model input.
            let mut known: Vec<usize> = (0..cut.graph.inputs.len()).collect();
            for chunk in &cut.chunks {
                prop_assert!(chunk.reads.iter().all(|r| known.contains(r)));
                known.extend(&chunk.writes);
            }
            prop_assert_eq!(known.len(), cut.leaves.len());
            let exposed: usize = cut.chunks.iter().map(|c| c.exposes.len()).sum();
            prop_assert_eq!(exposed, cut.graph.inputs.len() + cut.graph.outputs.len());
        }
    }
}

/// FNV-1a over the JSON of the integer program: golden, because the manifest id depends on it.
fn fingerprint(graph: &FloatGraph, samples: &[Sample]) -> u64 {
    // A range of its own: the default may be tuned.
    let options = QuantOptions {
        range: 4064,
        ..QuantOptions::default()
    };
    let q = quantise(graph, samples, &options).unwrap();
    let text = serde_json::to_vec(&q.graph).unwrap();
    text.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[test]
fn quantisation_is_the_same_on_every_machine() {
    let (graph, samples) = network(&[0, 14, 5, 17, 3, 18, 9, 12, 15, 10], 1, 42);
    let got = [fingerprint(&graph, &samples), fingerprint(&graph, &[])];
    assert_eq!(
        got,
        [17_346_035_473_919_743_317, 6_911_027_713_067_137_276],
        "if the quantiser changed on purpose, put these here"
    );
}

#[test]
fn quantised_graph_survives_serialisation() {
    let (graph, samples) = network(&[0, 14, 5, 17, 3, 18, 9, 12, 15, 10], 2, 42);
    let q = quantise(&graph, &samples, &QuantOptions::default()).unwrap();
    let text = serde_json::to_string(&q.graph).unwrap();
    let back: chainfer_model::quantized::QuantizedGraph = serde_json::from_str(&text).unwrap();
    assert_eq!(back, q.graph);
}
