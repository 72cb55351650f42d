//! What is known of ranges besides what samples show.

use crate::fuse::{FusedGraph, FusedLayer, FusedMap, FusedOperand};

/// Arguments at which a function is looked at.
const STEPS: u32 = 4096;
/// Part of a step of the output that a function may change by where it counts as flat.
const FLAT: f64 = 0.25;
/// Where functions that become flat have done so.
const FAR: f64 = 64.0;

/// The ranges of what functions write: what the samples show, as far as the function reaches over its argument's range.
pub(super) fn of_functions(
    fused: &FusedGraph,
    seen: &[(f64, f64)],
    widen: impl Fn((f64, f64)) -> (f64, f64),
) -> Vec<Option<(f64, f64)>> {
    let mut ranges = vec![None; fused.tensors.len()];
    for layer in &fused.layers {
        let FusedLayer::Function(f) = layer else {
            continue;
        };
        let domain = widen(seen[f.input]);
        let image = arguments(domain)
            .map(|x| f.at(x))
            .filter(|y| y.is_finite())
            .fold((0.0f64, 0.0f64), |(low, high), y| (low.min(y), high.max(y)));
        let wanted = match seen[f.output] {
            (0.0, 0.0) => image,
            seen => widen(seen),
        };
        ranges[f.output] = Some(match (wanted.0.max(image.0), wanted.1.min(image.1)) {
            (0.0, 0.0) => (-1.0, 1.0),
            range => range,
        });
    }
    ranges
}

fn arguments((low, high): (f64, f64)) -> impl DoubleEndedIterator<Item = f64> {
    (0..=STEPS).map(move |i| low + (high - low) * f64::from(i) / f64::from(STEPS))
}

/// The tensors that hold nothing below 0, because functions and products that they are made of do not.
pub(super) fn at_least_0(fused: &FusedGraph, functions: &[Option<(f64, f64)>]) -> Vec<bool> {
    let mut found = vec![false; fused.tensors.len()];
    for layer in &fused.layers {
        let positive = |o: &FusedOperand, found: &[bool]| {
            found[o.tensor] && o.line.scale > 0.0 && o.line.shift >= 0.0
        };
        let holds = match layer {
            FusedLayer::Function(f) => functions[f.output].is_some_and(|(low, _)| low == 0.0),
            FusedLayer::Product(l) => positive(&l.left, &found) && positive(&l.right, &found),
            FusedLayer::MatMul(l) => positive(&l.left, &found) && positive(&l.right, &found),
            FusedLayer::MaxPool(_) | FusedLayer::Gather(_) => {
                layer.inputs().iter().all(|t| found[*t])
            }
            FusedLayer::Linear(l) => {
                let weights = l.terms.iter().flat_map(|term| match &term.map {
                    FusedMap::Dense(weights) | FusedMap::Conv { weights, .. } => weights,
                });
                !l.terms.is_empty()
                    && l.terms.iter().all(|t| found[t.input])
                    && l.bias.iter().chain(weights).all(|w| *w >= 0.0)
            }
        };
        found[layer.output()] = holds;
    }
    found
}

/// For tensors that only functions read: the interval outside of which those do not change, as far as their steps show.
pub(super) fn flat_ends(
    fused: &FusedGraph,
    functions: &[Option<(f64, f64)>],
    range: u32,
) -> Vec<Option<(f64, f64)>> {
    let mut ends: Vec<Option<(f64, f64)>> = vec![None; fused.tensors.len()];
    let mut others = vec![false; fused.tensors.len()];
    for t in &fused.outputs {
        others[*t] = true;
    }
    for layer in &fused.layers {
        let FusedLayer::Function(f) = layer else {
            layer.inputs().into_iter().for_each(|t| others[t] = true);
            continue;
        };
        let Some((low, high)) = functions[f.output] else {
            continue;
        };
        let tolerance = FLAT * (high - low) / f64::from(range);
        // Far enough for every function that is flat anywhere.
        let reach = |sign: f64| {
            let far = f.at(sign * FAR);
            let goes_on = |by: f64| exceeds((f.at(sign * FAR * by) - far).abs(), tolerance);
            if [1.5, 4.0, 1e3, 1e6].into_iter().any(goes_on) {
                return f64::INFINITY;
            }
            let flat = |x: &f64| exceeds((f.at(sign * x) - far).abs(), tolerance);
            let last = arguments((0.0, FAR)).rev().find(flat).unwrap_or(0.0);
            // One argument further, where the function is flat.
            last + FAR / f64::from(STEPS)
        };
        let own = (-reach(-1.0), reach(1.0));
        let slot = ends[f.input].get_or_insert(own);
        *slot = (slot.0.min(own.0), slot.1.max(own.1));
    }
    for (slot, read) in ends.iter_mut().zip(others) {
        if read {
            *slot = None;
        }
    }
    ends
}

/// Gives functions that are the same, and whose arguments and values have about the same ranges, the same ranges: they share a table
/// then.
pub(super) fn share(fused: &FusedGraph, groups: &[usize], ranges: &mut [Option<(f64, f64)>]) {
    let mut members = vec![0; fused.tensors.len()];
    groups.iter().for_each(|g| members[*g] += 1);
    let alone = |t: usize| members[groups[t]] == 1 && !fused.inputs.contains(&t);
    let mut of_products = vec![false; fused.tensors.len()];
    for layer in &fused.layers {
        if let FusedLayer::Product(_) | FusedLayer::MatMul(_) = layer {
            of_products[layer.output()] = true;
        }
    }
    // Name of the function, its ranges, and the tensors that have them.
    let mut kinds: Vec<Kind> = Vec::new();
    for layer in &fused.layers {
        let FusedLayer::Function(f) = layer else {
            continue;
        };
        let tensors = [f.input, f.output];
        // What saturates where the next level begins has a range of its own.
        let is_level = fused.tensors[f.input].bounds.high.is_some();
        if is_level || of_products[f.input] || !tensors.iter().all(|t| alone(*t)) {
            continue;
        }
        let [Some(argument), Some(value)] = tensors.map(|t| ranges[groups[t]]) else {
            continue;
        };
        let steps = format!("{:?}", f.steps);
        let near = |kind: &Kind| {
            kind.steps == steps
                && is_near(kind.ranges[0], argument, kind.least[0])
                && is_near(kind.ranges[1], value, kind.least[1])
                && !kind.tensors.iter().any(|own| own[0] == f.input)
        };
        match kinds.iter_mut().find(|kind| near(kind)) {
            Some(kind) => {
                kind.ranges = [
                    union(kind.ranges[0], argument),
                    union(kind.ranges[1], value),
                ];
                let widths = [width(argument), width(value)];
                kind.least = [kind.least[0].min(widths[0]), kind.least[1].min(widths[1])];
                kind.tensors.push(tensors);
            }
            None => kinds.push(Kind {
                steps,
                ranges: [argument, value],
                least: [width(argument), width(value)],
                tensors: vec![tensors],
            }),
        }
    }
    for kind in kinds {
        for tensors in kind.tensors {
            for (t, range) in tensors.into_iter().zip(kind.ranges) {
                ranges[groups[t]] = Some(range);
            }
        }
    }
}

/// Functions that share a table.
struct Kind {
    steps: String,
    /// Of arguments and of values.
    ranges: [(f64, f64); 2],
    /// The least width of a range that was united.
    least: [f64; 2],
    tensors: Vec<[usize; 2]>,
}

fn union(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    (a.0.min(b.0), a.1.max(b.1))
}

fn width((low, high): (f64, f64)) -> f64 {
    high - low
}

/// Whether one range more, beside others of which the narrowest has the width `least`, costs none of them more than one bit of
/// precision.
fn is_near(united: (f64, f64), range: (f64, f64), least: f64) -> bool {
    width(union(united, range)) <= 2.0 * least.min(width(range))
}

/// Whether a difference is larger than a tolerance, or no number.
fn exceeds(difference: f64, tolerance: f64) -> bool {
    difference.is_nan() || difference > tolerance
}
