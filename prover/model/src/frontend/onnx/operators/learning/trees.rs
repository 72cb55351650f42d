//! Ensembles of decision trees.
//!
//! Every comparison of a node is a function of a difference. A leaf is reached if all comparisons on the way to it hold as they should:
//! their number, less that of the way but one, is 1 then, and at most 0 else. So leaves are a linear layer that saturates, with a group for
//! each tree, and scores are a linear layer of leaves.

use super::classifier::{Second, no_transform};
use super::nodes::{MAX_NODES, Tree, Weights, trees, weights};
use super::{classes, features, numbers};
use crate::error::Result;
use crate::float::{Bounds, Conv, Dense, FloatId, FloatOp, Function, Padding};
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::importer::Importer;
use crate::frontend::onnx::node::{label, refuse};
use std::collections::{BTreeMap, BTreeSet};
use tract_onnx::pb::NodeProto;

/// Weights of the layer of leaves.
const MAX_WEIGHTS: usize = 1 << 24;

/// The sums of what the leaves add that are reached.
fn sums(
    importer: &mut Importer,
    node: &NodeProto,
    weights: &Weights,
    outputs: usize,
    (base, factor): (&[f64], f64),
) -> Result<FloatId> {
    let (input, features) = features(importer, node)?;
    let trees = trees(node, features)?;
    let known = |(tree, leaf): &(i64, i64)| {
        (trees.get(tree)).is_some_and(|t| t.leaves.iter().any(|l| l.node == *leaf))
    };
    if let Some((tree, leaf)) = weights.keys().find(|key| !known(key)) {
        return Err(refuse(
            node,
            format!("a weight of node {leaf} of tree {tree}, which is no leaf"),
        ));
    }
    let most = |of: fn(&Tree) -> usize| trees.values().map(of).max().unwrap_or(0);
    let comparisons = most(|t| t.comparisons.len()).max(1);
    let leaves = most(|t| t.leaves.len());
    let groups = trees.len();
    let wide = groups.checked_mul(comparisons * features.max(leaves));
    if wide.is_none_or(|n| n > MAX_WEIGHTS) || groups * leaves * outputs > MAX_WEIGHTS {
        return Err(refuse(
            node,
            format!(
                "{groups} trees of up to {leaves} leaves; supported: {MAX_WEIGHTS} weights; train fewer or smaller trees"
            ),
        ));
    }
    // Differences from thresholds, in units of how far those of a feature lie apart, so that one scale is good for all of them.
    let unit = units(&trees, features);
    let mut rows = vec![0.0; groups * comparisons * features];
    let mut shifts = vec![-1.0; groups * comparisons];
    let mut ways = vec![0.0; groups * leaves * comparisons];
    let mut biases = vec![-1.0; groups * leaves];
    let mut adds = vec![0.0; outputs * groups * leaves];
    for (t, (id, tree)) in trees.iter().enumerate() {
        for (n, comparison) in tree.comparisons.iter().enumerate() {
            let row = t * comparisons + n;
            let sign = if comparison.greater { 1.0 } else { -1.0 };
            let slope = sign / unit[comparison.feature];
            rows[row * features + comparison.feature] = slope;
            shifts[row] = -slope * comparison.threshold;
        }
        for (n, leaf) in tree.leaves.iter().enumerate() {
            let place = t * leaves + n;
            biases[place] = leaf.bias;
            for (number, weight) in &leaf.weights {
                ways[place * comparisons + number] = *weight;
            }
            for (output, weight) in weights.get(&(*id, leaf.node)).into_iter().flatten() {
                adds[output * groups * leaves + place] += factor * weight;
            }
        }
    }
    let differences = FloatOp::Dense(Dense {
        outputs: groups * comparisons,
        weights: rows,
        bias: Some(shifts),
    });
    let differences = importer.op(node, differences, &[input])?;
    name(importer, node, differences, "differences");
    let holds = importer.function(node, differences, Function::Positive)?;
    name(importer, node, holds, "comparisons");
    let holds = importer.reshape(node, holds, &[1, groups * comparisons, 1, 1])?;
    let reached = FloatOp::Conv(Conv {
        channels: groups * leaves,
        kernel: [1, 1],
        stride: [1, 1],
        padding: Padding::NONE,
        groups,
        weights: ways,
        bias: Some(biases),
    });
    let reached = importer.op(node, reached, &[holds])?;
    let reached = importer.op(node, FloatOp::Clamp(Bounds::RELU), &[reached])?;
    name(importer, node, reached, "leaves");
    let reached = importer.reshape(node, reached, &[1, groups * leaves])?;
    let bias = match base.len() {
        0 => None,
        n if n == outputs => Some(base.to_vec()),
        n => {
            return Err(refuse(
                node,
                format!("{n} base values of {outputs} outputs"),
            ));
        }
    };
    let sum = FloatOp::Dense(Dense {
        outputs,
        weights: adds,
        bias,
    });
    importer.op(node, sum, &[reached])
}

/// Gives a tensor within the operator a name that says what it is, for reports and warnings.
fn name(importer: &mut Importer, node: &NodeProto, id: FloatId, what: &str) {
    importer
        .builder
        .rename(id, &format!("{} {what}", label(node)));
}

/// How far the thresholds of each feature lie apart; of one threshold its size.
fn units(trees: &BTreeMap<i64, Tree>, features: usize) -> Vec<f64> {
    let mut ends = vec![(f64::INFINITY, f64::NEG_INFINITY); features];
    for comparison in trees.values().flat_map(|t| &t.comparisons) {
        let (low, high) = &mut ends[comparison.feature];
        *low = low.min(comparison.threshold);
        *high = high.max(comparison.threshold);
    }
    let unit = |(low, high): (f64, f64)| match high - low {
        apart if apart > 0.0 => apart,
        _ if high.is_finite() && high != 0.0 => high.abs(),
        _ => 1.0,
    };
    ends.into_iter().map(unit).collect()
}

pub(super) fn regressor(importer: &mut Importer, node: &NodeProto) -> Result<FloatId> {
    no_transform(node)?;
    let targets = usize::try_from(node.int("n_targets", 1)).unwrap_or(0);
    if !(1..=MAX_NODES).contains(&targets) {
        return Err(refuse(node, format!("{targets} targets")));
    }
    let weights = weights(node, "target", targets)?;
    let factor = match node.text("aggregate_function").as_deref() {
        None | Some("" | "SUM") => 1.0,
        Some("AVERAGE") => {
            let ids = node.ints("nodes_treeids").unwrap_or_default();
            let trees: BTreeSet<&i64> = ids.iter().collect();
            1.0 / trees.len().max(1) as f64
        }
        Some(other) => {
            return Err(refuse(
                node,
                format!("aggregate_function {other}; supported: SUM and AVERAGE"),
            ));
        }
    };
    let base = numbers(node, "base_values")?;
    sums(importer, node, &weights, targets, (&base, factor))
}

/// The scores of the classes. Of two classes, whose leaves name one, there is one.
pub(super) fn classifier(importer: &mut Importer, node: &NodeProto) -> Result<(FloatId, Second)> {
    let classes = classes(node);
    if !(1..=MAX_NODES).contains(&classes) {
        return Err(refuse(node, "no labels of classes"));
    }
    let mut weights = weights(node, "class", classes)?;
    let base = numbers(node, "base_values")?;
    let named: BTreeSet<usize> = weights
        .values()
        .flatten()
        .map(|(class, _)| *class)
        .collect();
    if classes != 2 || named.len() != 1 {
        let sums = sums(importer, node, &weights, classes, (&base, 1.0))?;
        return Ok((sums, Second::Both));
    }
    let positive = weights.values().flatten().all(|(_, weight)| *weight >= 0.0);
    for (class, _) in weights.values_mut().flatten() {
        *class = 0;
    }
    // The last is that of the second class.
    let base = base.last().map_or(&[][..], std::slice::from_ref);
    let sums = sums(importer, node, &weights, 1, (base, 1.0))?;
    let second = if positive {
        Second::Complement
    } else {
        Second::Opposite
    };
    Ok((sums, second))
}
