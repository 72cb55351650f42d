//! Samples, and the ranges of tensors over them.

use super::{products, ranges};
use crate::error::{ModelError, Result};
use crate::executor::FloatClamp;
use crate::float::{FloatGraph, FloatTensor};
use crate::fuse::{FusedGraph, FusedLayer};
use crate::quantized::QuantParams;
use crate::signature::Sample;
use serde::{Deserialize, Serialize};

/// Least margin for pseudo-random samples: real inputs drive a network further than noise does.
const SYNTHETIC_MARGIN: f64 = 2.0;
/// Pseudo-random samples of each kind, where none are given and the network is not too large.
const SYNTHETIC: usize = 8;
/// Part of `[0, 1]` or `[-1, 1]` that inputs fill at least if that interval is theirs: three bits of precision at most are
/// given up for values that the samples do not show.
const UNIT_FILLED: f64 = 0.125;
/// Values of all tensors over all samples: about 3 GiB of memory.
const MAX_VALUES: usize = 1 << 28;

/// Where the calibration samples came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CalibrationSource {
    /// The caller gave them.
    Given,
    /// None were given: they are seeded pseudo-random numbers.
    Synthetic,
}

/// The given samples, checked, as many as there is memory for, or synthetic ones: uniform in `[0, 1)`, standard normal, and runs of 0 and 1.
pub(super) fn samples(
    graph: &FloatGraph,
    given: &[Sample],
) -> Result<(Vec<Sample>, CalibrationSource)> {
    for (n, sample) in given.iter().enumerate() {
        graph.check_inputs(&format!("calibration sample {n}"), &sample.0)?;
    }
    let values: usize = graph.tensors().iter().map(FloatTensor::len).sum();
    let room = MAX_VALUES / values.max(1);
    if room == 0 {
        return Err(ModelError::InvalidGraph(format!(
            "the network has {values} values, which is too many to calibrate"
        )));
    }
    if !given.is_empty() {
        return Ok((spread(given, room), CalibrationSource::Given));
    }
    let mut rng = SplitMix(0x6368_6169_6e66_6572);
    let kinds: [fn(&mut SplitMix, usize) -> Vec<f64>; 3] = [
        |rng, len| (0..len).map(|_| rng.uniform()).collect(),
        |rng, len| (0..len).map(|_| rng.normal()).collect(),
        SplitMix::runs,
    ];
    let each = SYNTHETIC.min(room / kinds.len()).max(1);
    let mut samples = Vec::with_capacity(kinds.len() * each);
    for kind in kinds {
        for _ in 0..each {
            let lists = graph
                .inputs()
                .iter()
                .map(|i| kind(&mut rng, graph.tensor(*i).len()));
            samples.push(Sample(lists.collect()));
        }
    }
    samples.truncate(room);
    Ok((samples, CalibrationSource::Synthetic))
}

/// At most `most` of the samples, evenly from all of them.
fn spread(given: &[Sample], most: usize) -> Vec<Sample> {
    let count = given.len().min(most);
    let every = (0..count).map(|n| n * given.len() / count);
    every.map(|n| given[n].clone()).collect()
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In `[0, 1)`.
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Box and Muller's transform.
    fn normal(&mut self) -> f64 {
        let (a, b) = (1.0 - self.uniform(), self.uniform());
        libm::sqrt(-2.0 * libm::log(a)) * libm::cos(2.0 * std::f64::consts::PI * b)
    }

    /// Zeros with runs of ones, one to eight long: like strokes.
    fn runs(&mut self, len: usize) -> Vec<f64> {
        let mut list = Vec::with_capacity(len + 32);
        while list.len() < len {
            let (gap, run) = (self.next() % 24, 1 + self.next() % 8);
            list.extend((0..gap).map(|_| 0.0));
            list.extend((0..run).map(|_| 1.0));
        }
        list.truncate(len);
        list
    }
}

/// Margins in force.
#[derive(Clone, Copy, Debug)]
pub(super) struct Margins {
    inputs: f64,
    others: f64,
}

impl Margins {
    /// Few samples show little of what a network does: one sample widens four times as much as many.
    pub(super) fn new(margin: f64, source: CalibrationSource, samples: usize) -> Self {
        match source {
            CalibrationSource::Given => Self {
                inputs: margin,
                others: 1.0 + (margin - 1.0) * (1.0 + 3.0 / samples as f64),
            },
            CalibrationSource::Synthetic => Self {
                inputs: 1.0,
                others: margin.max(SYNTHETIC_MARGIN),
            },
        }
    }
}

/// How one tensor is quantised.
#[derive(Clone, Copy, Debug)]
pub(super) struct TensorQuant {
    pub(super) params: QuantParams,
    /// Which ends of the range are bounds of the float function.
    pub(super) clamp: FloatClamp,
}

/// Quantisation of every tensor. Maxima and copies share that of what they read; that of a product follows from its
/// operands'.
pub(super) fn tensor_quants(
    fused: &FusedGraph,
    traces: &[Vec<Vec<f64>>],
    margins: Margins,
    (range, last): (u32, bool),
) -> Vec<TensorQuant> {
    let groups = Groups::new(fused);
    let seen: Vec<(f64, f64)> = (0..fused.tensors.len())
        .map(|t| {
            let values = || traces.iter().flat_map(|trace| &trace[t]).copied();
            (values().fold(0.0, f64::min), values().fold(0.0, f64::max))
        })
        .collect();
    let mut is_constant = vec![false; fused.tensors.len()];
    for layer in &fused.layers {
        is_constant[layer.output()] = layer.inputs().is_empty();
    }
    let functions = ranges::of_functions(fused, &seen, |seen| widen(seen, margins.others));
    let at_least_0 = ranges::at_least_0(fused, &functions);
    let flat = ranges::flat_ends(fused, &functions, range);
    let mut ranges: Vec<Option<(f64, f64)>> = vec![None; fused.tensors.len()];
    let mut own = Vec::with_capacity(fused.tensors.len());
    for (t, function) in functions.iter().enumerate() {
        let bounds = fused.tensors[t].bounds;
        let (low, high) = if fused.inputs.contains(&t) {
            input_range(seen[t], margins.inputs)
        } else if let Some(range) = function {
            *range
        } else if is_constant[t] {
            seen[t]
        } else {
            let wanted = match seen[t] {
                // Always 0 so far: anything will do.
                (0.0, 0.0) => (-1.0, 1.0),
                seen => widen(seen, margins.others),
            };
            let low = bounds.low.map_or(wanted.0, |b| -bounded(-wanted.0, -b));
            let high = bounds.high.map_or(wanted.1, |b| bounded(wanted.1, b));
            let low = if at_least_0[t] { 0.0 } else { low };
            match flat[t] {
                Some((from, to)) => (low.max(from), high.min(to)),
                None => (low, high),
            }
        };
        own.push((low, high));
        // What maxima and copies write is among what they read.
        if !groups.is_copy[t] {
            let slot = ranges[groups.of[t]].get_or_insert((low, high));
            *slot = (slot.0.min(low), slot.1.max(high));
        }
    }
    ranges::share(fused, &groups.of, &mut ranges);
    let mut quants: Vec<TensorQuant> = (0..fused.tensors.len())
        .map(|t| {
            let (low, high) = ranges[groups.of[t]].unwrap_or(own[t]);
            let bounds = fused.tensors[t].bounds;
            let is_input = fused.inputs.contains(&t);
            TensorQuant {
                params: params(low, high, range),
                clamp: FloatClamp {
                    low: !is_input
                        && (bounds.low == Some(low) || flat[t].is_some_and(|f| f.0 >= low)),
                    high: !is_input
                        && (bounds.high == Some(high) || flat[t].is_some_and(|f| f.1 <= high)),
                },
            }
        })
        .collect();
    products::scales(fused, &groups, &mut quants, (range, last));
    quants
}

/// Tensors that share their quantisation.
pub(super) struct Groups {
    /// The first tensor of each tensor's group.
    pub(super) of: Vec<usize>,
    /// Whether a tensor holds values of others.
    is_copy: Vec<bool>,
}

impl Groups {
    fn new(fused: &FusedGraph) -> Self {
        let mut of: Vec<usize> = (0..fused.tensors.len()).collect();
        let mut is_copy = vec![false; fused.tensors.len()];
        for layer in &fused.layers {
            if let FusedLayer::MaxPool(_) | FusedLayer::Gather(_) = layer {
                let output = layer.output();
                is_copy[output] = true;
                for input in layer.inputs() {
                    let (a, b) = (of[input].min(of[output]), of[input].max(of[output]));
                    of.iter_mut().filter(|g| **g == b).for_each(|g| *g = a);
                }
            }
        }
        Self { of, is_copy }
    }
}

/// The end of a range that the float function bounds: the bound itself if that costs at most one bit of precision, for
/// then nothing ever saturates that should not.
fn bounded(wanted: f64, bound: f64) -> f64 {
    if 2.0 * wanted >= bound { bound } else { wanted }
}

/// Inputs are bounded by their source rather than by the network: calibrated values within `[0, 1]` or `[-1, 1]` stand
/// for that interval, and bytes for `[0, 255]`. Values that fill little of it are of another kind.
fn input_range((low, high): (f64, f64), margin: f64) -> (f64, f64) {
    let fills = high.max(-low) >= UNIT_FILLED;
    if fills && low >= 0.0 && high <= 1.0 {
        (0.0, 1.0)
    } else if fills && low >= -1.0 && high <= 1.0 {
        (-1.0, 1.0)
    } else if low >= 0.0 && high > 128.0 && high <= 255.0 {
        (0.0, 255.0)
    } else {
        widen((low, high), margin)
    }
}

/// Moves both ends out by `margin - 1` times the larger magnitude (an end at 0 as well: rounding alone may pass it).
fn widen((low, high): (f64, f64), margin: f64) -> (f64, f64) {
    let slack = (margin - 1.0) * high.max(-low);
    (low - slack, high + slack)
}

/// Scale and zero point of the least range that holds `[low, high]`, which encloses 0; real 0 is representable exactly.
fn params(low: f64, high: f64, range: u32) -> QuantParams {
    let top = f64::from(range - 1);
    let width = high - low;
    if !(width / top).is_normal() {
        return QuantParams {
            scale: 1.0 / top,
            zero_point: 0,
        };
    }
    let least = if low < 0.0 { 1.0 } else { 0.0 };
    let most = if high > 0.0 { top - 1.0 } else { top };
    let zero = libm::round(-low / width * top).clamp(least, most);
    let below = if zero > 0.0 { -low / zero } else { 0.0 };
    let above = if zero < top { high / (top - zero) } else { 0.0 };
    QuantParams {
        scale: below.max(above),
        zero_point: zero as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn params_represent_zero_and_both_ends() {
        for (low, high) in [
            (0.0, 6.0),
            (-1.0, 1.0),
            (-3.0, 5.0),
            (-1.0, 0.0),
            (-1e-9, 1e9),
        ] {
            let p = params(low, high, 4080);
            let real = |u: f64| p.scale * (u - f64::from(p.zero_point));
            let step = p.scale + 1e-9 * (high - low);
            assert!(p.zero_point < 4080 && p.scale > 0.0);
            for outside in [low - real(0.0), real(4079.0) - high] {
                assert!(
                    outside > -1e-9 * (high - low) && outside <= step,
                    "{low} to {high}: {outside}"
                );
            }
        }
        assert!(params(0.0, 0.0, 4080).scale > 0.0);
    }

    #[test]
    fn split_mix_gives_the_published_sequence() {
        let mut rng = SplitMix(1_234_567);
        assert_eq!(rng.next(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn input_range_snaps_to_the_usual_intervals() {
        assert_eq!(input_range((0.0, 0.8), 1.1), (0.0, 1.0));
        assert_eq!(input_range((-0.2, 0.8), 1.1), (-1.0, 1.0));
        assert_eq!(input_range((0.0, 0.2), 1.1), (0.0, 1.0));
        assert_eq!(input_range((0.0, 250.0), 1.1), (0.0, 255.0));
        assert_eq!(input_range((-2.0, 4.0), 1.5), (-4.0, 6.0));
        assert_eq!(input_range((0.0, 0.0625), 1.5), (-0.03125, 0.09375));
    }

    #[test]
    fn samples_beyond_the_memory_are_left_out_evenly() {
        let given: Vec<Sample> = (0..10).map(|n| Sample(vec![vec![f64::from(n)]])).collect();
        let chosen = |most| -> Vec<f64> {
            let samples = spread(&given, most).into_iter();
            samples.map(|sample| sample.0[0][0]).collect()
        };
        assert_eq!(chosen(4), [0.0, 2.0, 5.0, 7.0]);
        assert_eq!(chosen(1), [0.0]);
        assert_eq!(chosen(10).len(), 10);
        assert_eq!(chosen(100).len(), 10);
    }
}
