//! Small quantised graphs with pseudo-random weights.

use chainfer_model::partitioned::{ChunkSpec, Leaf, LeafClass, PartitionedModel, Visibility};
use chainfer_model::quantized::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Builds a graph layer by layer.
pub(crate) struct Builder {
    pub(crate) graph: QuantizedGraph,
    rng: StdRng,
}

impl Builder {
    pub(crate) fn new(range: u32, seed: u64) -> Self {
        let graph = QuantizedGraph {
            tables: Vec::new(),
            range,
            tensors: vec![],
            layers: vec![],
            inputs: vec![],
            outputs: vec![],
        };
        Builder {
            graph,
            rng: StdRng::seed_from_u64(seed),
        }
    }

    fn tensor(&mut self, dims: Dims) -> TensorId {
        let id = TensorId(self.graph.tensors.len());
        self.graph.tensors.push(QTensor {
            name: format!("t{}", id.0),
            dims,
            external_shape: vec![1, dims.c, dims.h, dims.w],
            element_order: None,
            quant: QuantParams {
                scale: 1.0,
                zero_point: 0,
            },
            factors: None,
            before: None,
        });
        id
    }

    pub(crate) fn input(&mut self, c: usize, h: usize, w: usize) -> TensorId {
        let id = self.tensor(Dims { c, h, w });
        self.graph.inputs.push(id);
        id
    }

    fn weights(&mut self, count: usize, fan_in: usize) -> Vec<i64> {
        let r = i64::from(self.graph.range);
        let most = (2 * r / (fan_in as i64)).max(2);
        (0..count)
            .map(|_| self.rng.gen_range(-most..=most))
            .collect()
    }

    fn bias(&mut self, count: usize) -> Vec<i64> {
        let r = i64::from(self.graph.range);
        (0..count)
            .map(|_| self.rng.gen_range(-r * r / 4..=r * r / 2))
            .collect()
    }

    pub(crate) fn conv_map(&mut self, input: TensorId, out_c: usize, w: Conv) -> ConvMap {
        let in_c = self.graph.tensor(input).dims.c;
        let per_group = in_c / w.groups;
        let fan_in = per_group * w.kernel[0] * w.kernel[1] * w.pre_pool[0] * w.pre_pool[1];
        let weights = self.weights(out_c * per_group * w.kernel[0] * w.kernel[1], fan_in);
        ConvMap {
            pre_pool: w.pre_pool,
            kernel: w.kernel,
            stride: w.stride,
            pad: w.pad,
            groups: w.groups,
            weights,
        }
    }

    /// One convolution a term; the output's rows and columns are given.
    pub(crate) fn conv(
        &mut self,
        terms: &[(TensorId, Conv)],
        out: (usize, usize, usize),
    ) -> TensorId {
        let output = self.tensor(Dims {
            c: out.0,
            h: out.1,
            w: out.2,
        });
        let terms = terms
            .iter()
            .map(|(input, w)| QTerm {
                input: *input,
                map: TermMap::Conv(self.conv_map(*input, out.0, *w)),
            })
            .collect();
        let element_bias = self.bias(out.0 * out.1 * out.2);
        let name = format!("conv{}", output.0);
        self.graph.layers.push(QLayer::Linear(QLinear {
            name,
            output,
            terms,
            element_bias,
        }));
        output
    }

    pub(crate) fn dense(&mut self, inputs: &[TensorId], out: usize) -> TensorId {
        let output = self.tensor(Dims { c: 1, h: 1, w: out });
        let terms = inputs
            .iter()
            .map(|input| {
                let width = self.graph.tensor(*input).dims.len();
                QTerm {
                    input: *input,
                    map: TermMap::Dense {
                        weights: self.weights(out * width, width),
                    },
                }
            })
            .collect();
        let element_bias = self.bias(out);
        let name = format!("dense{}", output.0);
        self.graph.layers.push(QLayer::Linear(QLinear {
            name,
            output,
            terms,
            element_bias,
        }));
        output
    }

    pub(crate) fn max_pool(
        &mut self,
        input: TensorId,
        kernel: [usize; 2],
        stride: [usize; 2],
        pad: [usize; 2],
        out: (usize, usize),
    ) -> TensorId {
        let c = self.graph.tensor(input).dims.c;
        let output = self.tensor(Dims {
            c,
            h: out.0,
            w: out.1,
        });
        let name = format!("pool{}", output.0);
        self.graph.layers.push(QLayer::MaxPool(QMaxPool {
            name,
            input,
            output,
            kernel,
            stride,
            pad,
        }));
        output
    }

    /// A linear layer without inputs.
    pub(crate) fn constants(&mut self, c: usize, h: usize, w: usize) -> TensorId {
        self.conv(&[], (c, h, w))
    }

    pub(crate) fn len(&self, tensor: TensorId) -> usize {
        self.graph.tensor(tensor).dims.len()
    }

    /// Elements of some tensors, in any order and as often as they come.
    pub(crate) fn gather(
        &mut self,
        sources: &[TensorId],
        (c, h, w): (usize, usize, usize),
    ) -> TensorId {
        let output = self.tensor(Dims { c, h, w });
        let all: usize = sources.iter().map(|source| self.len(*source)).sum();
        let elements = (0..c * h * w).map(|_| self.rng.gen_range(0..all)).collect();
        self.graph.layers.push(QLayer::Gather(QGather {
            name: format!("gather{}", output.0),
            sources: sources.to_vec(),
            output,
            elements,
        }));
        output
    }

    /// A table of random values.
    pub(crate) fn table(&mut self) -> usize {
        let range = self.graph.range;
        let table = (0..range).map(|_| self.rng.gen_range(0..range)).collect();
        self.graph.tables.push(table);
        self.graph.tables.len() - 1
    }

    pub(crate) fn function(&mut self, input: TensorId, table: usize) -> TensorId {
        let output = self.tensor(self.graph.tensor(input).dims);
        self.graph.layers.push(QLayer::Function(QFunction {
            name: format!("function{}", output.0),
            input,
            output,
            table,
        }));
        output
    }

    /// Random elements of a tensor, or the tensor as it stands if it has as many and `plain` asks for it.
    fn operand(&mut self, tensor: TensorId, places: usize, plain: bool) -> Operand {
        let len = self.len(tensor);
        let elements = (!plain || len != places)
            .then(|| (0..places).map(|_| self.rng.gen_range(0..len)).collect());
        Operand { tensor, elements }
    }

    /// None of the three is 0.
    fn product_weights(&mut self) -> [i64; 3] {
        let half = i64::from(self.graph.range / 2);
        let sign = if self.rng.gen_bool(0.5) { 1 } else { -1 };
        let mut add = || self.rng.gen_range(1..=half);
        let (first, second) = (add(), -add());
        [sign * self.rng.gen_range(1..=3), first, second]
    }

    pub(crate) fn product(
        &mut self,
        left: TensorId,
        right: TensorId,
        (c, h, w): (usize, usize, usize),
    ) -> TensorId {
        let output = self.tensor(Dims { c, h, w });
        let places = c * h * w;
        let (left, right) = (
            self.operand(left, places, true),
            self.operand(right, places, false),
        );
        let weights = self.product_weights();
        let element_bias = self.bias(places);
        self.graph.layers.push(QLayer::Product(QProduct {
            name: format!("product{}", output.0),
            left,
            right,
            output,
            weights,
            element_bias,
        }));
        output
    }

    /// Products of so many matrices with so many rows; the right tensor's channels are the inner dimension of each.
    pub(crate) fn mat_mul(
        &mut self,
        left: TensorId,
        right: TensorId,
        matrices: usize,
        rows: usize,
    ) -> TensorId {
        let Dims { c, h, w } = self.graph.tensor(right).dims;
        let inner = c / matrices;
        let dims = Dims {
            c: matrices * rows,
            h,
            w,
        };
        let output = self.tensor(dims);
        let left = self.operand(left, matrices * rows * inner, true);
        let weights = self.product_weights();
        let element_bias = self.bias(dims.len());
        self.graph.layers.push(QLayer::MatMul(QMatMul {
            name: format!("matmul{}", output.0),
            left,
            right,
            output,
            matrices,
            inner,
            weights,
            element_bias,
        }));
        output
    }

    pub(crate) fn values(&mut self) -> Vec<Vec<u32>> {
        let range = self.graph.range;
        let lens: Vec<usize> = self
            .graph
            .inputs
            .iter()
            .map(|i| self.graph.tensor(*i).dims.len())
            .collect();
        lens.into_iter()
            .map(|n| (0..n).map(|_| self.rng.gen_range(0..range)).collect())
            .collect()
    }
}

/// Geometry of a convolution.
#[derive(Clone, Copy)]
pub(crate) struct Conv {
    pub(crate) pre_pool: [usize; 2],
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) pad: [usize; 2],
    pub(crate) groups: usize,
}

pub(crate) fn square(kernel: usize, stride: usize, pad: usize) -> Conv {
    Conv {
        pre_pool: [1, 1],
        kernel: [kernel; 2],
        stride: [stride; 2],
        pad: [pad; 2],
        groups: 1,
    }
}

/// Cuts a graph into chunks of the given numbers of layers.
pub(crate) fn partition(
    graph: &QuantizedGraph,
    sizes: &[usize],
    input: Visibility,
    output: Visibility,
) -> PartitionedModel {
    let ends: Vec<usize> = sizes
        .iter()
        .scan(0, |at, n| {
            *at += n;
            Some(*at)
        })
        .collect();
    assert_eq!(ends.last(), Some(&graph.layers.len()));
    let chunk_of = |layer: usize| ends.iter().position(|e| layer < *e).unwrap();
    let producer = |t: TensorId| graph.layers.iter().position(|l| l.output() == t);
    let readers = |t: TensorId| -> Vec<usize> {
        (0..graph.layers.len())
            .filter(|l| graph.layers[*l].inputs().contains(&t))
            .map(chunk_of)
            .collect()
    };
    let mut leaves: Vec<Leaf> = graph
        .inputs
        .iter()
        .map(|t| Leaf {
            tensor: *t,
            class: LeafClass::Input,
            visibility: input,
        })
        .collect();
    for chunk in 0..sizes.len() {
        for layer in (0..graph.layers.len()).filter(|l| chunk_of(*l) == chunk) {
            let t = graph.layers[layer].output();
            if readers(t).iter().any(|c| *c != chunk) && !graph.outputs.contains(&t) {
                leaves.push(Leaf {
                    tensor: t,
                    class: LeafClass::Cut,
                    visibility: Visibility::Committed,
                });
            }
        }
    }
    for t in &graph.outputs {
        leaves.push(Leaf {
            tensor: *t,
            class: LeafClass::Output,
            visibility: output,
        });
    }
    let chunks = (0..sizes.len())
        .map(|chunk| {
            let first_layer = ends[chunk] - sizes[chunk];
            let reads: Vec<usize> = (0..leaves.len())
                .filter(|i| {
                    let t = leaves[*i].tensor;
                    readers(t).contains(&chunk) && producer(t).map(chunk_of) != Some(chunk)
                })
                .collect();
            let writes: Vec<usize> = (0..leaves.len())
                .filter(|i| producer(leaves[*i].tensor).map(chunk_of) == Some(chunk))
                .collect();
            let mut exposes: Vec<usize> = reads
                .iter()
                .copied()
                .filter(|i| {
                    leaves[*i].class == LeafClass::Input
                        && readers(leaves[*i].tensor).iter().min() == Some(&chunk)
                })
                .collect();
            exposes.extend(
                writes
                    .iter()
                    .copied()
                    .filter(|i| graph.outputs.contains(&leaves[*i].tensor)),
            );
            ChunkSpec {
                first_layer,
                end_layer: ends[chunk],
                reads,
                writes,
                exposes,
            }
        })
        .collect();
    PartitionedModel {
        graph: graph.clone(),
        leaves,
        chunks,
    }
}
