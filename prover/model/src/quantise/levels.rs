//! Functions that are steep near 0 and flat far from it, such as reciprocals of roots: where the samples spread so far that one
//! scale has too few steps for the small arguments, the argument is stored at several scales.
//!
//! With thresholds `T_0 < T_1 < ...`, `f(x) = f(min(x, T_0)) + sum over j of ( f(clamp(x, T_j-1, T_j)) - f(T_j-1) )`: at each level
//! the argument saturates at its threshold, and the pieces fit together whatever each level rounds.

use crate::convolution::Geometry;
use crate::float::Bounds;
use crate::fuse::{
    FunctionStep, FusedFunction, FusedGraph, FusedLayer, FusedLinear, FusedMap, FusedTensor,
    FusedTerm, Line,
};
use crate::window::Window;

/// Part of the range of the output that rounding the argument may cost.
const TOLERANCE: f64 = 0.002;
/// Ratio of neighbouring thresholds.
const RATIO: f64 = 64.0;
/// Most levels.
const MAX_LEVELS: usize = 3;

/// The name of a tensor at one of several scales.
fn level_name(name: &str, level: usize) -> String {
    format!("{name}.level{level}")
}

/// Whether a tensor has such a name: the float network has no tensor of its own for it.
pub(super) fn is_level(name: &str) -> bool {
    let level = name.rsplit_once(".level").map(|(_, level)| level);
    level.is_some_and(|n| n.parse::<usize>().is_ok_and(|n| n < MAX_LEVELS))
}

/// Gives steep functions arguments at several scales; whether there were any.
pub(super) fn refine(fused: &mut FusedGraph, traces: &[Vec<Vec<f64>>], range: u32) -> bool {
    let mut changed = false;
    let mut index = 0;
    while index < fused.layers.len() {
        if let Some(made) = levels(fused, traces, index, range) {
            let count = made.len();
            fused.layers.splice(index..=index, made);
            index += count;
            changed = true;
        } else {
            index += 1;
        }
    }
    changed
}

/// The layers that take the place of a function and of its argument's, if it needs levels.
fn levels(
    fused: &mut FusedGraph,
    traces: &[Vec<Vec<f64>>],
    index: usize,
    range: u32,
) -> Option<Vec<FusedLayer>> {
    let FusedLayer::Function(f) = &fused.layers[index] else {
        return None;
    };
    let f = f.clone();
    let argument = fused.tensors[f.input].clone();
    let producer = fused.layers.iter().find_map(|l| match l {
        FusedLayer::Linear(l) if l.output == f.input => Some(l.clone()),
        _ => None,
    })?;
    if argument.external.is_some() || argument.bounds != Bounds::default() {
        return None;
    }
    let values = || traces.iter().flat_map(|trace| &trace[f.input]).copied();
    let most = values().fold(0.0, f64::max);
    if values().any(|v| v < 0.0) || !most.is_normal() {
        return None;
    }
    let count = needed(&f, values, most, range);
    if count < 2 {
        return None;
    }
    let thresholds: Vec<f64> = thresholds(most, count).collect();
    let mut made = Vec::new();
    let mut terms = Vec::new();
    for (j, high) in thresholds.iter().enumerate() {
        let is_last = j + 1 == count;
        // The last level is the argument itself.
        let input = if is_last {
            f.input
        } else {
            let bounds = Bounds {
                low: None,
                high: Some(*high),
            };
            let tensor = add(fused, &argument, &level_name(&argument.name, j), bounds);
            made.push(FusedLayer::Linear(FusedLinear {
                output: tensor,
                name: format!("{}.level{j}", producer.name),
                ..producer.clone()
            }));
            tensor
        };
        let output = add(
            fused,
            &argument,
            &level_name(&fused.tensors[f.output].name, j),
            Bounds::default(),
        );
        let mut steps = f.steps.clone();
        if j > 0 {
            let low = thresholds[j - 1];
            let from = Bounds {
                low: Some(low),
                high: None,
            };
            steps.insert(0, FunctionStep::Clamp(from));
            steps.push(FunctionStep::Line(Line {
                scale: 1.0,
                shift: -f.at(low),
            }));
        }
        made.push(FusedLayer::Function(FusedFunction {
            name: format!("{}.level{j}", f.name),
            input,
            output,
            steps,
        }));
        terms.push(FusedTerm {
            input: output,
            map: FusedMap::Conv {
                geometry: Geometry {
                    window: Window::POINT,
                    groups: argument.dims.c,
                },
                weights: vec![1.0; argument.dims.c],
            },
        });
    }
    made.push(FusedLayer::Linear(FusedLinear {
        name: f.name.clone(),
        output: f.output,
        terms,
        bias: vec![0.0; argument.dims.len()],
    }));
    Some(made)
}

/// Where each of so many levels ends; the last at the largest argument.
fn thresholds(most: f64, levels: usize) -> impl Iterator<Item = f64> {
    (0..levels).map(move |j| most * RATIO.powi(j as i32 + 1 - levels as i32))
}

fn add(fused: &mut FusedGraph, like: &FusedTensor, name: &str, bounds: Bounds) -> usize {
    fused.tensors.push(FusedTensor {
        name: name.to_owned(),
        bounds,
        ..like.clone()
    });
    fused.tensors.len() - 1
}

/// How many levels make rounding of the argument cheap enough.
fn needed<I: Iterator<Item = f64>>(
    f: &FusedFunction,
    values: impl Fn() -> I,
    most: f64,
    range: u32,
) -> usize {
    let images = values().map(|v| f.at(v));
    let (low, high) = images.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), y| {
        (l.min(y), h.max(y))
    });
    let tolerance = TOLERANCE * (high - low.min(0.0));
    let loss = |levels: usize| {
        values()
            .map(|v| {
                let level = thresholds(most, levels).find(|threshold| v <= *threshold);
                let half = level.unwrap_or(most) / f64::from(range);
                (f.at(v + half) - f.at(v))
                    .abs()
                    .max((f.at((v - half).max(0.0)) - f.at(v)).abs())
            })
            .fold(0.0, f64::max)
    };
    (1..=MAX_LEVELS).find(|n| loss(*n) <= tolerance).unwrap_or(
        // Levels that do not help are not made.
        if loss(MAX_LEVELS) < 0.5 * loss(1) {
            MAX_LEVELS
        } else {
            1
        },
    )
}
