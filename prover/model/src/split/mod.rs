//! Cuts layers inside: a layer whose output or weights are too large for one chunk becomes several, each of which writes some of
//! the output's channels. The program computes the same integers.
//!
//! A part of a tensor is a tensor of its own, with the channels `first..end` of it. Linear layers read parts as terms, which
//! costs nothing; where a layer needs elements of several parts together they are copied.

mod operands;
mod parts;

use crate::error::Result;
use crate::executor::{ClampTable, FloatClamp, validate};
use crate::quantized::{
    ConvMap, QFunction, QGather, QLayer, QLinear, QMatMul, QMaxPool, QProduct, QTensor, QTerm,
    QuantizedGraph, TensorId, TermMap,
};
use parts::{Part, Parts};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How large the parts of a layer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitLimits {
    /// Most elements of a part, as far as channels allow.
    pub values: usize,
    /// Most weights of a part, as far as channels allow.
    pub weights: usize,
}

/// Cuts the layers that are larger than the limits. A program without such layers stays as it is.
///
/// # Errors
/// The program breaks its rules ([`validate`]).
pub fn split(
    graph: QuantizedGraph,
    clamps: ClampTable,
    limits: &SplitLimits,
) -> Result<(QuantizedGraph, ClampTable)> {
    validate(&graph)?;
    let large = |layer: &QLayer| {
        let out = graph.tensor(layer.output()).dims;
        out.c > 1 && (out.len() > limits.values || layer.weights() > limits.weights)
    };
    if !graph.layers.iter().any(large) {
        return Ok((graph, clamps));
    }
    let mut splitter = Splitter::new(&graph, *limits);
    for (layer, clamp) in graph.layers.iter().zip(&clamps.0) {
        splitter.layer(layer, *clamp);
    }
    Ok(splitter.finish())
}

/// Whether a tensor of this name is a part of another, or a copy that parts needed.
pub(crate) fn is_part(name: &str) -> bool {
    [".part", ".operand"].iter().any(|part| name.contains(part))
}

struct Splitter<'g> {
    graph: &'g QuantizedGraph,
    limits: SplitLimits,
    tensors: Vec<QTensor>,
    layers: Vec<(QLayer, FloatClamp)>,
    /// What became of each tensor of the graph; empty before it is written.
    parts: Vec<Parts>,
}

impl<'g> Splitter<'g> {
    fn new(graph: &'g QuantizedGraph, limits: SplitLimits) -> Self {
        let mut splitter = Self {
            graph,
            limits,
            tensors: Vec::new(),
            layers: Vec::new(),
            parts: vec![Parts::default(); graph.tensors.len()],
        };
        for id in &graph.inputs {
            splitter.whole(*id);
        }
        splitter
    }

    /// A tensor that stays whole.
    fn whole(&mut self, id: TensorId) -> TensorId {
        let tensor = self.graph.tensor(id).clone();
        let channels = 0..tensor.dims.c;
        let to = self.add(tensor);
        self.parts[id.0] = Parts::new(vec![Part {
            tensor: to,
            channels,
        }]);
        to
    }

    fn add(&mut self, tensor: QTensor) -> TensorId {
        self.tensors.push(tensor);
        TensorId(self.tensors.len() - 1)
    }

    /// The tensors that hold these channels of a tensor's output, one each.
    fn outputs(&mut self, id: TensorId, ranges: &[Range<usize>]) -> Vec<TensorId> {
        if let [_] = ranges {
            return vec![self.whole(id)];
        }
        let of = self.graph.tensor(id);
        let mut parts = Vec::with_capacity(ranges.len());
        for (n, channels) in ranges.iter().enumerate() {
            let mut part = of.clone();
            part.dims.c = channels.len();
            part.name = format!("{}.part{n}", of.name);
            part.external_shape = vec![1, part.dims.c, part.dims.h, part.dims.w];
            part.element_order = None;
            part.factors = of.factors.as_ref().map(|f| f[channels.clone()].to_vec());
            let tensor = self.add(part);
            parts.push(Part {
                tensor,
                channels: channels.clone(),
            });
        }
        let ids = parts.iter().map(|p| p.tensor).collect();
        self.parts[id.0] = Parts::new(parts);
        ids
    }

    /// Ranges of the output's channels, at multiples of `unit`, within the limits as far as that goes.
    fn ranges(&self, layer: &QLayer, unit: usize) -> Vec<Range<usize>> {
        let dims = self.graph.tensor(layer.output()).dims;
        let by_values = dims.len().div_ceil(self.limits.values.max(1));
        let by_weights = layer.weights().div_ceil(self.limits.weights.max(1));
        let units = dims.c / unit;
        let parts = by_values.max(by_weights).clamp(1, units.max(1));
        (0..parts)
            .map(|n| units * n / parts * unit..units * (n + 1) / parts * unit)
            .collect()
    }

    fn layer(&mut self, layer: &QLayer, clamp: FloatClamp) {
        match layer {
            QLayer::Linear(l) => self.linear(layer, l, clamp),
            QLayer::MaxPool(l) => {
                self.follow(l.input, l.output, clamp, |n, parts, input, output| {
                    QLayer::MaxPool(QMaxPool {
                        name: numbered(&l.name, n, parts),
                        input,
                        output,
                        ..l.clone()
                    })
                })
            }
            QLayer::Function(l) => {
                self.follow(l.input, l.output, clamp, |n, parts, input, output| {
                    QLayer::Function(QFunction {
                        name: numbered(&l.name, n, parts),
                        input,
                        output,
                        table: l.table,
                    })
                })
            }
            QLayer::Gather(l) => self.gather(layer, l, clamp),
            QLayer::Product(l) => self.product(layer, l, clamp),
            QLayer::MatMul(l) => self.mat_mul(layer, l, clamp),
        }
    }

    /// A layer that works channel by channel has the parts that it reads: `make` is given a part's number, how many there are, and
    /// its tensors.
    fn follow(
        &mut self,
        input: TensorId,
        output: TensorId,
        clamp: FloatClamp,
        make: impl Fn(usize, usize, TensorId, TensorId) -> QLayer,
    ) {
        let ranges = self.parts[input.0].ranges();
        let inputs = self.parts[input.0].tensors();
        let outputs = self.outputs(output, &ranges);
        for (n, (input, output)) in inputs.into_iter().zip(outputs).enumerate() {
            self.layers
                .push((make(n, ranges.len(), input, output), clamp));
        }
    }

    fn linear(&mut self, layer: &QLayer, l: &QLinear, clamp: FloatClamp) {
        let out = self.graph.tensor(l.output).dims;
        let groups = |term: &QTerm| match &term.map {
            TermMap::Conv(map) => map.groups,
            TermMap::Dense { .. } => 1,
        };
        let grouped = l.terms.iter().find(|t| groups(t) > 1);
        let ranges = match grouped {
            // The output follows the parts of what it reads group by group.
            Some(term) if self.parts[term.input.0].len() > 1 => {
                let src = self.graph.tensor(term.input).dims.c;
                let groups = groups(term);
                let (own, from) = (out.c / groups, src / groups);
                let parts = self.parts[term.input.0].ranges();
                let aligned = parts.iter().all(|r| r.start.is_multiple_of(from));
                if aligned {
                    let of = |r: &Range<usize>| r.start / from * own..r.end / from * own;
                    parts.iter().map(of).collect()
                } else {
                    self.ranges(layer, own)
                }
            }
            Some(term) => self.ranges(layer, out.c / groups(term)),
            None => self.ranges(layer, 1),
        };
        let outputs = self.outputs(l.output, &ranges);
        for (n, (channels, output)) in ranges.iter().zip(outputs).enumerate() {
            let elements = channels.start * out.plane()..channels.end * out.plane();
            let mut terms = Vec::new();
            for term in &l.terms {
                let src = self.graph.tensor(term.input).dims;
                for part in self.parts[term.input.0].iter() {
                    let read = part.channels.clone();
                    let map = match &term.map {
                        TermMap::Dense { weights } => Some(TermMap::Dense {
                            weights: dense_block(
                                weights,
                                src.len(),
                                &elements,
                                &(read.start * src.plane()..read.end * src.plane()),
                            ),
                        }),
                        TermMap::Conv(map) => {
                            conv_block(map, (src.c, out.c), channels, &read).map(TermMap::Conv)
                        }
                    };
                    terms.extend(map.map(|map| QTerm {
                        input: part.tensor,
                        map,
                    }));
                }
            }
            let part = QLinear {
                name: numbered(&l.name, n, ranges.len()),
                output,
                terms,
                element_bias: l.element_bias[elements].to_vec(),
            };
            self.layers.push((QLayer::Linear(part), clamp));
        }
    }

    fn gather(&mut self, layer: &QLayer, l: &QGather, clamp: FloatClamp) {
        let ranges = self.ranges(layer, 1);
        let plane = self.graph.tensor(l.output).dims.plane();
        // Which tensor each number of an element means.
        let mut found = Vec::with_capacity(l.elements.len());
        for number in &l.elements {
            let mut rest = *number;
            let mut source = 0;
            while rest >= self.graph.tensor(l.sources[source]).dims.len() {
                rest -= self.graph.tensor(l.sources[source]).dims.len();
                source += 1;
            }
            found.push(self.element(l.sources[source], rest));
        }
        let outputs = self.outputs(l.output, &ranges);
        for (n, (channels, output)) in ranges.iter().zip(outputs).enumerate() {
            let picked = &found[channels.start * plane..channels.end * plane];
            let name = numbered(&l.name, n, ranges.len());
            let gather = self.gather_of(picked, output, name);
            self.layers.push((gather, clamp));
        }
    }

    fn product(&mut self, layer: &QLayer, l: &QProduct, clamp: FloatClamp) {
        let ranges = self.ranges(layer, 1);
        let plane = self.graph.tensor(l.output).dims.plane();
        let operands = [&l.left, &l.right];
        let found = operands.map(|o| {
            let places = 0..l.element_bias.len();
            let element = |place| self.element(o.tensor, o.element(place));
            places.map(element).collect::<Vec<_>>()
        });
        let outputs = self.outputs(l.output, &ranges);
        for (n, (channels, output)) in ranges.iter().zip(outputs).enumerate() {
            let elements = channels.start * plane..channels.end * plane;
            let name = numbered(&l.name, n, ranges.len());
            let left = self.operand(&found[0][elements.clone()], &name);
            let right = self.operand(&found[1][elements.clone()], &name);
            let part = QProduct {
                left,
                right,
                output,
                weights: l.weights,
                element_bias: l.element_bias[elements].to_vec(),
                name,
            };
            self.layers.push((QLayer::Product(part), clamp));
        }
    }

    /// Cut between matrices, or rows of the one that there is.
    fn mat_mul(&mut self, layer: &QLayer, l: &QMatMul, clamp: FloatClamp) {
        let out = self.graph.tensor(l.output).dims;
        let rows = out.c / l.matrices;
        let unit = if l.matrices == 1 { 1 } else { rows };
        let ranges = self.ranges(layer, unit);
        let plane = out.plane();
        let left: Vec<_> = (0..out.c * l.inner)
            .map(|place| self.element(l.left.tensor, l.left.element(place)))
            .collect();
        let outputs = self.outputs(l.output, &ranges);
        for (n, (channels, output)) in ranges.iter().zip(outputs).enumerate() {
            let name = numbered(&l.name, n, ranges.len());
            let matrices = channels.start / rows..channels.end.div_ceil(rows);
            let read = matrices.start * l.inner..matrices.end * l.inner;
            let right = self.channels(l.right, &read, &name);
            let left = &left[channels.start * l.inner..channels.end * l.inner];
            let left = self.operand(left, &name);
            let elements = channels.start * plane..channels.end * plane;
            let part = QMatMul {
                left,
                right,
                output,
                matrices: matrices.len(),
                inner: l.inner,
                weights: l.weights,
                element_bias: l.element_bias[elements].to_vec(),
                name,
            };
            self.layers.push((QLayer::MatMul(part), clamp));
        }
    }

    /// The program: outputs whole again, layers in the order in which the outputs need them.
    fn finish(mut self) -> (QuantizedGraph, ClampTable) {
        let outputs: Vec<TensorId> = self
            .graph
            .outputs
            .iter()
            .map(|id| self.output(*id))
            .collect();
        let order = self.order(&outputs);
        let mut slots: Vec<Option<(QLayer, FloatClamp)>> =
            self.layers.into_iter().map(Some).collect();
        let ordered = order.into_iter().filter_map(|n| slots[n].take());
        let (layers, clamps) = ordered.unzip();
        let first = |id: &TensorId| self.parts[id.0].tensors()[0];
        let graph = QuantizedGraph {
            range: self.graph.range,
            inputs: self.graph.inputs.iter().map(first).collect(),
            outputs,
            layers,
            tensors: self.tensors,
            tables: self.graph.tables.clone(),
        };
        (graph, ClampTable(clamps))
    }

    /// Depth first from the outputs, so that the parts of a layer are read soon after they are written.
    fn order(&self, outputs: &[TensorId]) -> Vec<usize> {
        let mut producer = vec![None; self.tensors.len()];
        for (n, (layer, _)) in self.layers.iter().enumerate() {
            producer[layer.output().0] = Some(n);
        }
        let mut seen = vec![false; self.layers.len()];
        let mut order = Vec::with_capacity(self.layers.len());
        // A layer, and whether what it reads is already in order.
        let mut stack: Vec<(usize, bool)> = Vec::new();
        // Layers that no output needs come last, in their own order.
        let ends = outputs.iter().filter_map(|id| producer[id.0]);
        for end in ends.chain(0..self.layers.len()).collect::<Vec<_>>() {
            stack.push((end, false));
            while let Some((n, ready)) = stack.pop() {
                if ready {
                    order.push(n);
                    continue;
                }
                if std::mem::replace(&mut seen[n], true) {
                    continue;
                }
                stack.push((n, true));
                let inputs = self.layers[n].0.inputs();
                let needed = inputs.iter().rev().filter_map(|id| producer[id.0]);
                stack.extend(needed.filter(|p| !seen[*p]).map(|p| (p, false)));
            }
        }
        order
    }
}

fn numbered(name: &str, part: usize, parts: usize) -> String {
    if parts == 1 {
        return name.to_owned();
    }
    format!("{name}.part{part}")
}

/// Rows `outputs` and columns `inputs` of a dense map.
fn dense_block(
    weights: &[i64],
    width: usize,
    outputs: &Range<usize>,
    inputs: &Range<usize>,
) -> Vec<i64> {
    let rows = outputs.clone().map(|row| &weights[row * width..][..width]);
    rows.flat_map(|row| row[inputs.clone()].iter().copied())
        .collect()
}

/// The convolution from the input channels `read` to the output channels `channels`, without groups where those do not begin and
/// end with them; `None` if no output reads any of the inputs.
fn conv_block(
    map: &ConvMap,
    (src, out): (usize, usize),
    channels: &Range<usize>,
    read: &Range<usize>,
) -> Option<ConvMap> {
    let taps = map.kernel[0] * map.kernel[1];
    let (from, to) = (src / map.groups, out / map.groups);
    let weight = |o: usize, i: usize| {
        let inside = i / from == o / to;
        inside.then(|| &map.weights[(o * from + i % from) * taps..][..taps])
    };
    let groups_out = channels.start / to..channels.end.div_ceil(to);
    let groups_in = read.start / from..read.end.div_ceil(from);
    if groups_out.end <= groups_in.start || groups_in.end <= groups_out.start {
        return None;
    }
    let whole = channels.start.is_multiple_of(to)
        && channels.end.is_multiple_of(to)
        && read.start.is_multiple_of(from)
        && read.end.is_multiple_of(from)
        && groups_out == groups_in;
    let groups = if whole { groups_out.len() } else { 1 };
    let zeros = vec![0; taps];
    let mut weights = Vec::new();
    for o in channels.clone() {
        for i in read.clone() {
            match weight(o, i) {
                Some(taps) => weights.extend_from_slice(taps),
                None if groups == 1 => weights.extend_from_slice(&zeros),
                None => {}
            }
        }
    }
    Some(ConvMap {
        groups,
        weights,
        ..map.clone()
    })
}

#[cfg(test)]
mod tests;
