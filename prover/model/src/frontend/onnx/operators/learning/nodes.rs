//! The nodes of decision trees: from lists to the comparisons on the way to each leaf.

use super::numbers;
use crate::error::Result;
use crate::frontend::onnx::attributes::Attributes;
use crate::frontend::onnx::node::refuse;
use std::collections::{BTreeMap, BTreeSet};
use tract_onnx::pb::NodeProto;

/// Comparisons on the way to a leaf.
const MAX_DEPTH: usize = 128;
/// Different comparisons of a tree.
const MAX_COMPARISONS: usize = 1 << 12;
/// Nodes of all trees.
pub(super) const MAX_NODES: usize = 1 << 16;

/// A comparison: whether `x` is greater than a threshold, or less.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Comparison {
    pub(super) feature: usize,
    pub(super) threshold: f64,
    pub(super) greater: bool,
}

/// What holds at a node: `1 - ` the sum of comparisons, or the sum.
#[derive(Clone, Debug, PartialEq)]
struct Test {
    comparisons: Vec<Comparison>,
    inverse: bool,
}

impl Test {
    fn of(mode: &str, feature: usize, threshold: f64) -> Option<Self> {
        let compare = |greater| Comparison {
            feature,
            threshold,
            greater,
        };
        let (comparisons, inverse) = match mode {
            "BRANCH_GT" => (vec![compare(true)], false),
            "BRANCH_LEQ" => (vec![compare(true)], true),
            "BRANCH_LT" => (vec![compare(false)], false),
            "BRANCH_GTE" => (vec![compare(false)], true),
            "BRANCH_EQ" => (vec![compare(true), compare(false)], true),
            "BRANCH_NEQ" => (vec![compare(true), compare(false)], false),
            _ => return None,
        };
        Some(Self {
            comparisons,
            inverse,
        })
    }
}

/// A node of a tree.
#[derive(Clone, Debug)]
enum Kind {
    Leaf,
    Branch {
        test: Test,
        /// Node ids where it holds, and where it does not.
        next: [i64; 2],
    },
}

/// A tree as its comparisons and its leaves.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) comparisons: Vec<Comparison>,
    pub(super) leaves: Vec<Leaf>,
}

/// A leaf: it is reached where the weighted sum of comparisons plus `bias` is 1, which is 0 or less elsewhere.
#[derive(Debug, Default)]
pub(super) struct Leaf {
    pub(super) node: i64,
    pub(super) weights: BTreeMap<usize, f64>,
    pub(super) bias: f64,
}

impl Tree {
    /// The number of a comparison.
    fn number(&mut self, comparison: Comparison) -> usize {
        let known = self.comparisons.iter().position(|c| *c == comparison);
        known.unwrap_or_else(|| {
            self.comparisons.push(comparison);
            self.comparisons.len() - 1
        })
    }
}

/// What leaves add to outputs: by tree and node.
pub(super) type Weights = BTreeMap<(i64, i64), Vec<(usize, f64)>>;

/// Lists of integers of one length.
fn integers<'a>(node: &'a NodeProto, name: &str, count: usize) -> Result<&'a [i64]> {
    let list = node.ints(name).unwrap_or_default();
    if list.len() != count {
        return Err(refuse(
            node,
            format!(
                "{} of {name}; supported: {count}, one for each node",
                list.len()
            ),
        ));
    }
    Ok(list)
}

pub(super) fn trees(node: &NodeProto, features: usize) -> Result<BTreeMap<i64, Tree>> {
    let ids = node.ints("nodes_treeids").unwrap_or_default();
    let count = ids.len();
    if !(1..=MAX_NODES).contains(&count) {
        return Err(refuse(
            node,
            format!("{count} nodes of trees; supported: 1 to {MAX_NODES}"),
        ));
    }
    let values = numbers(node, "nodes_values")?;
    let modes = node.find("nodes_modes").map(|a| a.strings.as_slice());
    let modes = modes.unwrap_or_default();
    if values.len() != count || modes.len() != count {
        return Err(refuse(
            node,
            format!(
                "{} values and {} modes of {count} nodes",
                values.len(),
                modes.len()
            ),
        ));
    }
    let own = integers(node, "nodes_nodeids", count)?;
    let used = integers(node, "nodes_featureids", count)?;
    let holds = integers(node, "nodes_truenodeids", count)?;
    let fails = integers(node, "nodes_falsenodeids", count)?;
    let mut nodes: BTreeMap<(i64, i64), Kind> = BTreeMap::new();
    let mut roots: BTreeMap<i64, i64> = BTreeMap::new();
    for n in 0..count {
        let mode = String::from_utf8_lossy(&modes[n]);
        let kind = if mode == "LEAF" {
            Kind::Leaf
        } else {
            let feature = usize::try_from(used[n]).ok().filter(|f| *f < features);
            let feature = feature
                .ok_or_else(|| refuse(node, format!("feature {} of {features}", used[n])))?;
            if !values[n].is_finite() {
                return Err(refuse(node, "a threshold that is not a finite number"));
            }
            let test = Test::of(&mode, feature, values[n]);
            let test = test.ok_or_else(|| refuse(node, format!("a node of mode {mode}")))?;
            Kind::Branch {
                test,
                next: [holds[n], fails[n]],
            }
        };
        roots.entry(ids[n]).or_insert(own[n]);
        if nodes.insert((ids[n], own[n]), kind).is_some() {
            return Err(refuse(
                node,
                format!("node {} of tree {} twice", own[n], ids[n]),
            ));
        }
    }
    let mut trees = BTreeMap::new();
    for (id, root) in roots {
        trees.insert(id, tree(node, &nodes, id, root)?);
    }
    Ok(trees)
}

/// The leaves that are reached from a root.
fn tree(node: &NodeProto, nodes: &BTreeMap<(i64, i64), Kind>, id: i64, root: i64) -> Result<Tree> {
    let mut tree = Tree::default();
    let mut seen = BTreeSet::new();
    // Where the way goes on, and what holds on it.
    let mut open: Vec<(i64, Leaf)> = vec![(
        root,
        Leaf {
            bias: 1.0,
            ..Leaf::default()
        },
    )];
    while let Some((at, mut way)) = open.pop() {
        if !seen.insert(at) {
            return Err(refuse(
                node,
                format!("tree {id}, whose node {at} is reached twice"),
            ));
        }
        match nodes.get(&(id, at)) {
            None => {
                return Err(refuse(
                    node,
                    format!("tree {id}, whose node {at} is missing"),
                ));
            }
            Some(Kind::Leaf) => {
                way.node = at;
                tree.leaves.push(way);
            }
            Some(Kind::Branch { test, next }) => {
                let numbers: Vec<usize> =
                    test.comparisons.iter().map(|c| tree.number(*c)).collect();
                if way.weights.len() > MAX_DEPTH || tree.comparisons.len() > MAX_COMPARISONS {
                    return Err(refuse(
                        node,
                        format!(
                            "tree {id}; supported: {MAX_DEPTH} comparisons on the way to a leaf, and {MAX_COMPARISONS} in all; train smaller trees"
                        ),
                    ));
                }
                for (holds, next) in [true, false].into_iter().zip(next) {
                    let mut way = Leaf {
                        node: 0,
                        weights: way.weights.clone(),
                        bias: way.bias,
                    };
                    // The sum where it should be 1, and its negative where it should be 0.
                    let sign = if holds == test.inverse {
                        -1.0
                    } else {
                        way.bias -= 1.0;
                        1.0
                    };
                    for number in &numbers {
                        *way.weights.entry(*number).or_insert(0.0) += sign;
                    }
                    open.push((*next, way));
                }
            }
        }
    }
    Ok(tree)
}

/// What leaves add to outputs, from lists that begin with `prefix`.
pub(super) fn weights(node: &NodeProto, prefix: &str, outputs: usize) -> Result<Weights> {
    let name = |rest: &str| format!("{prefix}_{rest}");
    let list = numbers(node, &name("weights"))?;
    let trees = integers(node, &name("treeids"), list.len())?;
    let nodes = integers(node, &name("nodeids"), list.len())?;
    let ids = integers(node, &name("ids"), list.len())?;
    let mut weights = Weights::new();
    for (n, weight) in list.iter().enumerate() {
        let output = usize::try_from(ids[n]).ok().filter(|id| *id < outputs);
        let output =
            output.ok_or_else(|| refuse(node, format!("output {} of {outputs}", ids[n])))?;
        if !weight.is_finite() {
            return Err(refuse(node, "a weight that is not a finite number"));
        }
        let of = weights.entry((trees[n], nodes[n])).or_default();
        of.push((output, *weight));
    }
    Ok(weights)
}
