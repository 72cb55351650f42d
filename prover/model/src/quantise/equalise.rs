//! Equalisation. The channels of a tensor share one scale in the integer program, so a channel of small values gets few
//! of its steps. Dividing the channel by a factor where it is made, and multiplying the weights that read it, is exact
//! over the reals and gives it more (Nagel et al. 2019, "Data-free quantization through weight equalization and bias
//! correction", section 4.1; here with samples, and within the limits of the integer program).
//!
//! Factors are powers of two of at most 1. So the fused graph stays the same to the bit, and the largest channel, which
//! decides the tensor's scale, is left alone.

use super::QuantOptions;
use super::calibrate::TensorQuant;
use crate::dims::Dims;
use crate::executor::accumulator_limit;
use crate::float::Bounds;
use crate::fuse::{FusedGraph, FusedLayer, FusedLinear, FusedMap, FusedTensor, FusedTerm, divide};

/// Part of the tensor's range that a channel with a factor may fill on the samples: the rest is for other inputs.
const FILLED: f64 = 0.5;
/// Channels with factors may take the shorter side of zero to this part of the longer.
const SHORT: f64 = 0.25;
/// Part of the limit of accumulators that a rescaled row may reach: zero points and rounding come on top.
const LIMIT: f64 = 0.25;
/// Samples that inputs need for factors: one shows nothing of how large a feature can be.
const INPUT_SAMPLES: usize = 8;
/// Factors are at least 2 to the minus this.
const MAX_HALVINGS: i32 = 40;

/// Gives the channels of hidden tensors and of inputs factors, and rescales weights, biases and `traces` accordingly.
pub(super) fn equalise(
    fused: &mut FusedGraph,
    traces: &mut [Vec<Vec<f64>>],
    quants: &[TensorQuant],
    options: &QuantOptions,
) {
    let measured = |fused: &FusedGraph, traces: &[Vec<Vec<f64>>], layer: usize| {
        let FusedLayer::Linear(producer) = &fused.layers[layer] else {
            return None;
        };
        let tied = tied(&fused.layers, producer.output)?;
        if !tied.iter().all(|t| is_free(&fused.tensors[t.tensor])) {
            return None;
        }
        let measure = Measure::new(fused, traces, quants, options);
        Some((measure.rows(producer), tied))
    };
    // Readers first: their rows are final when the weights of their columns are looked at.
    for layer in (0..fused.layers.len()).rev() {
        if let Some((rows, tied)) = measured(fused, traces, layer) {
            let measure = Measure::new(fused, traces, quants, options);
            let factors = measure.factors(&rows, &tied);
            rescale(fused, traces, &tied, &factors);
        }
    }
    if options.input_factors && traces.len() >= INPUT_SAMPLES {
        for input in fused.inputs.clone() {
            let tied = tied(&fused.layers, input);
            if let Some(tied) = tied.filter(|tied| tied.len() == 1) {
                let measure = Measure::new(fused, traces, quants, options);
                let rows = vec![Row::default(); fused.tensors[input].dims.c];
                let factors = measure.factors(&rows, &tied);
                rescale(fused, traces, &tied, &factors);
            }
        }
    }
    // Then producers first: their columns are final, so what accumulators can reach is known.
    let limit = accumulator_limit(options.range) as f64 * LIMIT;
    for layer in 0..fused.layers.len() {
        if let Some((rows, tied)) = measured(fused, traces, layer)
            && let Some(own) = &fused.tensors[tied[0].tensor].factors
        {
            let back: Vec<f64> = own
                .iter()
                .zip(rows)
                .map(|(own, row)| power_of_two(own * row.bound / limit).max(*own) / own)
                .collect();
            rescale(fused, traces, &tied, &back);
        }
    }
}

/// A tensor whose channels follow those of another: where those are divided by a factor, its are by the factor to a power.
#[derive(Clone, Copy, Debug)]
struct Tied {
    tensor: usize,
    power: i32,
}

/// The tensor, and what follows it: maxima, squares, and products with other tensors. `None` if a layer reads one of them in
/// another way than channel by channel.
fn tied(layers: &[FusedLayer], tensor: usize) -> Option<Vec<Tied>> {
    let mut tied = vec![Tied { tensor, power: 1 }];
    let power_of =
        |tied: &[Tied], t: usize| tied.iter().find(|own| own.tensor == t).map(|own| own.power);
    for layer in layers {
        match layer {
            FusedLayer::Linear(_) => {}
            FusedLayer::MaxPool(pool) => {
                let power = power_of(&tied, pool.input);
                tied.extend(power.map(|power| Tied {
                    tensor: pool.output,
                    power,
                }));
            }
            FusedLayer::Function(f) => {
                if let Some(power) = power_of(&tied, f.input) {
                    let degree = f.degree()?;
                    tied.push(Tied {
                        tensor: f.output,
                        power: power * degree,
                    });
                }
            }
            FusedLayer::Product(l) => {
                let (left, right) = (
                    power_of(&tied, l.left.tensor),
                    power_of(&tied, l.right.tensor),
                );
                let (operand, power) = match (left, right) {
                    (None, None) => continue,
                    (Some(power), None) => (&l.left, power),
                    (None, Some(power)) => (&l.right, power),
                    (Some(_), Some(_)) => return None,
                };
                if operand.elements.is_some() || operand.line.shift != 0.0 {
                    return None;
                }
                tied.push(Tied {
                    tensor: l.output,
                    power,
                });
            }
            FusedLayer::Gather(_) | FusedLayer::MatMul(_) => {
                let read = layer.inputs().into_iter();
                if read.into_iter().any(|t| power_of(&tied, t).is_some()) {
                    return None;
                }
            }
        }
    }
    Some(tied)
}

/// Whether channels can be rescaled: nobody outside sees the tensor, and its clamp is the same at every scale.
fn is_free(tensor: &FusedTensor) -> bool {
    let Bounds { low, high } = tensor.bounds;
    tensor.external.is_none() && high.is_none() && low.is_none_or(|low| low == 0.0)
}

/// The weights of a map in order, each with its row, its output channel and its input channel. The row is an output
/// element of a dense map, and an output channel of a convolution.
fn places(map: &FusedMap, src: Dims, out: Dims) -> impl Iterator<Item = [usize; 3]> + use<> {
    let (count, taps, each, groups) = match map {
        FusedMap::Dense(weights) => (weights.len(), src.plane(), out.plane(), 1),
        FusedMap::Conv { geometry, weights } => {
            (weights.len(), geometry.window.taps(), 1, geometry.groups)
        }
    };
    let (group_in, group_out) = (src.c / groups, out.c / groups);
    (0..count).map(move |n| {
        let row = n / taps / group_in;
        let channel = row / each;
        [
            row,
            channel,
            channel / group_out * group_in + n / taps % group_in,
        ]
    })
}

fn weights(map: &FusedMap) -> &[f64] {
    let (FusedMap::Dense(weights) | FusedMap::Conv { weights, .. }) = map;
    weights
}

/// Elements that are summed before a weight multiplies them.
fn area(map: &FusedMap) -> f64 {
    match map {
        FusedMap::Dense(_) => 1.0,
        FusedMap::Conv { geometry, .. } => {
            let [rows, columns] = geometry.window.pre_pool();
            (rows * columns) as f64
        }
    }
}

/// What the samples show of a channel.
#[derive(Clone, Copy, Default)]
struct Seen {
    low: f64,
    high: f64,
    /// Sum of the values, then their mean.
    mean: f64,
    /// Mean of the squares.
    power: f64,
}

/// What a layer's weights say of one of its output channels.
#[derive(Clone, Copy, Default)]
struct Row {
    /// Size of the values if the inputs vary independently: a channel that happens to be small on the samples has a large one.
    spread: f64,
    /// Bound on the magnitude of the accumulator.
    bound: f64,
}

/// What the weights that read a channel lose when values are rounded, and when they are rounded themselves.
#[derive(Clone, Copy, Default)]
struct Read {
    weights: f64,
    values: f64,
}

struct Measure<'a> {
    fused: &'a FusedGraph,
    traces: &'a [Vec<Vec<f64>>],
    quants: &'a [TensorQuant],
    range: u32,
}

impl<'a> Measure<'a> {
    fn new(
        fused: &'a FusedGraph,
        traces: &'a [Vec<Vec<f64>>],
        quants: &'a [TensorQuant],
        options: &QuantOptions,
    ) -> Self {
        Self {
            fused,
            traces,
            quants,
            range: options.range,
        }
    }

    /// The factor of each channel of tied tensors, of which the first is made by `rows`.
    fn factors(&self, rows: &[Row], tied: &[Tied]) -> Vec<f64> {
        let seen = self.seen(tied[0].tensor);
        let low = seen.iter().fold(0.0, |m, s| f64::min(m, s.low));
        let high = seen.iter().fold(0.0, |m, s| f64::max(m, s.high));
        let size = high.max(-low);
        // The shorter end may grow a little: else a small channel that alone reaches it would get nothing.
        let (low, high) = (low.min(-size * SHORT), high.max(size * SHORT));
        let reads = self.reads(tied, &seen);
        seen.iter()
            .zip(rows.iter().zip(&reads))
            .map(|(seen, (row, read))| {
                if seen.power == 0.0 || read.weights == 0.0 {
                    return 1.0;
                }
                let filled = (seen.low / low)
                    .max(seen.high / high)
                    .max(row.spread / size);
                // Where both roundings cost the same.
                let even = libm::sqrt(libm::sqrt(read.values / read.weights));
                power_of_two((filled / FILLED).max(even))
            })
            .collect()
    }

    fn seen(&self, tensor: usize) -> Vec<Seen> {
        let dims = self.fused.tensors[tensor].dims;
        let mut seen = vec![Seen::default(); dims.c];
        for trace in self.traces {
            for (slot, plane) in seen
                .iter_mut()
                .zip(trace[tensor].chunks_exact(dims.plane()))
            {
                for v in plane {
                    slot.low = slot.low.min(*v);
                    slot.high = slot.high.max(*v);
                    slot.mean += v;
                    slot.power += v * v;
                }
            }
        }
        let count = (self.traces.len() * dims.plane()) as f64;
        for slot in &mut seen {
            slot.mean /= count;
            slot.power /= count;
        }
        seen
    }

    fn rows(&self, producer: &FusedLinear) -> Vec<Row> {
        let out = self.fused.tensors[producer.output].dims;
        let range = f64::from(self.range);
        let per_step = range / self.quants[producer.output].params.scale;
        // By row: rows of one channel are not added.
        let mut sums: Vec<(usize, Row)> = Vec::new();
        for term in &producer.terms {
            let src = self.fused.tensors[term.input].dims;
            let seen = self.seen(term.input);
            let (area, scale) = (area(&term.map), self.quants[term.input].params.scale);
            for (w, [row, channel, from]) in
                weights(&term.map).iter().zip(places(&term.map, src, out))
            {
                if row >= sums.len() {
                    sums.resize(row + 1, (channel, Row::default()));
                }
                let slot = &mut sums[row];
                slot.0 = channel;
                slot.1.spread += (w * area) * (w * area) * seen[from].power;
                slot.1.bound += w.abs() * area * scale * range * per_step;
            }
        }
        let mut rows = vec![Row::default(); out.c];
        for (channel, row) in sums {
            let slot = &mut rows[channel];
            slot.spread = slot.spread.max(libm::sqrt(row.spread));
            slot.bound = slot.bound.max(row.bound);
        }
        for (slot, bias) in rows.iter_mut().zip(producer.bias.chunks_exact(out.plane())) {
            slot.bound += bias.iter().fold(0.0, |m: f64, b| m.max(b.abs())) * per_step;
        }
        rows
    }

    fn reads(&self, tied: &[Tied], seen: &[Seen]) -> Vec<Read> {
        let mut reads = vec![Read::default(); seen.len()];
        for layer in &self.fused.layers {
            let FusedLayer::Linear(reader) = layer else {
                continue;
            };
            let out = self.fused.tensors[reader.output].dims;
            let per_step = f64::from(self.range) / self.quants[reader.output].params.scale;
            let reads_tied = |t: &&FusedTerm| tied.iter().any(|own| own.tensor == t.input);
            for term in reader.terms.iter().filter(reads_tied) {
                let src = self.fused.tensors[term.input].dims;
                let scale = self.quants[term.input].params.scale;
                let area = area(&term.map);
                // The bias takes back what rounding does to the mean.
                let variance = |s: &Seen| (s.power - s.mean * s.mean).max(0.0);
                for (w, [_, _, from]) in weights(&term.map).iter().zip(places(&term.map, src, out))
                {
                    // A weight of 0 is exact.
                    if *w != 0.0 {
                        let weight = w * scale * per_step;
                        reads[from].weights += weight * weight * area;
                        reads[from].values += variance(&seen[from]) / (scale * scale) * area * area;
                    }
                }
            }
        }
        reads
    }
}

/// The least power of two that is not less than `wanted`, and at most 1.
fn power_of_two(wanted: f64) -> f64 {
    let mut factor = 1.0;
    for _ in 0..MAX_HALVINGS {
        // A comparison with a number that is none is false.
        if factor / 2.0 >= wanted {
            factor /= 2.0;
        }
    }
    factor
}

/// Divides the channels of tied tensors by factors, where they are made and in the traces, and multiplies what reads them.
fn rescale(fused: &mut FusedGraph, traces: &mut [Vec<Vec<f64>>], tied: &[Tied], factors: &[f64]) {
    if factors.iter().all(|f| *f == 1.0) {
        return;
    }
    // Powers of two stay exact.
    let powers: Vec<(usize, Vec<f64>)> = (tied.iter())
        .map(|t| (t.tensor, factors.iter().map(|f| f.powi(t.power)).collect()))
        .collect();
    let tensors = &mut fused.tensors;
    for layer in &mut fused.layers {
        let FusedLayer::Linear(linear) = layer else {
            continue;
        };
        let out = tensors[linear.output].dims;
        for term in &mut linear.terms {
            let places = places(&term.map, tensors[term.input].dims, out);
            let read = powers.iter().find(|(t, _)| *t == term.input);
            let (FusedMap::Dense(weights) | FusedMap::Conv { weights, .. }) = &mut term.map;
            if linear.output == tied[0].tensor {
                divide(weights, factors);
            }
            if let Some((_, powers)) = read {
                for (w, [_, _, from]) in weights.iter_mut().zip(places) {
                    *w *= powers[from];
                }
            }
        }
        if linear.output == tied[0].tensor {
            divide(&mut linear.bias, factors);
        }
    }
    for (t, powers) in &powers {
        for trace in traces.iter_mut() {
            divide(&mut trace[*t], powers);
        }
        match &mut tensors[*t].factors {
            Some(own) => own.iter_mut().zip(powers).for_each(|(o, f)| *o *= f),
            none => *none = Some(powers.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_of_two_is_the_least_that_suffices() {
        for (wanted, factor) in [
            (3.0, 1.0),
            (1.0, 1.0),
            (0.6, 1.0),
            (0.5, 0.5),
            (0.3, 0.5),
            (0.01, 1.0 / 64.0),
        ] {
            assert_eq!(power_of_two(wanted), factor, "{wanted}");
        }
        assert_eq!(power_of_two(f64::NAN), 1.0);
        assert!(power_of_two(0.0) > 0.0);
    }
}
