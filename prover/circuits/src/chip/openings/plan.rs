//! What a chunk hashes: leaves, the tree, and what is exposed of them.

use crate::commitment::{InferenceCommitment, VALUES_PER_ELEMENT, leaf_tag};
use chainfer_model::partitioned::{ChunkSpec, PartitionedModel, Visibility};
use chainfer_model::quantized::TensorId;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use std::collections::BTreeMap;

/// Instances before the public values: root and context.
pub(crate) const INSTANCES_BEFORE: usize = 2;

/// Where a hashed word comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Source {
    /// A pinned constant.
    Constant(usize),
    /// A packed element.
    Element(usize),
    /// The output of a permutation.
    Output(usize),
    /// The salt of a leaf: free.
    Salt(usize),
    /// A node of the tree that this chunk does not compute: free.
    Node(usize, usize),
}

/// A packed element: up to 15 consecutive values of a tensor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element {
    pub(crate) tensor: TensorId,
    pub(crate) first: usize,
    pub(crate) count: usize,
}

/// What one chunk hashes.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpeningPlan {
    pub(crate) elements: Vec<Element>,
    /// State words of each permutation, in an order in which every source precedes its use.
    pub(crate) permutations: Vec<[Source; 3]>,
    pub(crate) constants: Vec<Fr>,
    pub(crate) root: Option<Source>,
    /// Sources of the public values.
    pub(crate) exposed: Vec<Source>,
}

/// How much a chunk hashes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OpeningCounts {
    pub(crate) elements: usize,
    pub(crate) permutations: usize,
    pub(crate) constants: usize,
    pub(crate) exposed: usize,
}

impl OpeningCounts {
    /// What a tensor of so many values inside of the model takes, in a tree with paths so long.
    pub(crate) fn inner(len: usize, height: usize) -> Self {
        let elements = len.div_ceil(VALUES_PER_ELEMENT);
        OpeningCounts {
            elements,
            permutations: (1 + elements).div_ceil(2) + height,
            constants: 1,
            exposed: 0,
        }
    }

    /// What an input or output of the model takes, public or not.
    pub(crate) fn leaf(len: usize, height: usize, public: bool) -> Self {
        let inner = Self::inner(len, height);
        OpeningCounts {
            exposed: if public { inner.elements } else { 1 },
            ..inner
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.elements += other.elements;
        self.permutations += other.permutations;
        self.constants += other.constants;
        self.exposed += other.exposed;
    }

    pub(crate) fn remove(&mut self, other: Self) {
        self.elements -= other.elements;
        self.permutations -= other.permutations;
        self.constants -= other.constants;
        self.exposed -= other.exposed;
    }
}

/// Index of the constant 0.
pub(crate) const ZERO: Source = Source::Constant(0);

impl OpeningPlan {
    /// The openings of every tensor that a chunk reads or writes, and of the tree over all leaves.
    pub(crate) fn new(model: &PartitionedModel, chunk: &ChunkSpec) -> Self {
        let mut plan = OpeningPlan {
            constants: vec![Fr::ZERO],
            ..OpeningPlan::default()
        };
        let mut leaves: Vec<usize> = chunk.reads.iter().chain(&chunk.writes).copied().collect();
        leaves.sort_unstable();
        let mut known = BTreeMap::new();
        let mut packed = BTreeMap::new();
        for leaf in leaves {
            let first = plan.elements.len();
            let digest = plan.leaf(model, leaf);
            packed.insert(leaf, first..plan.elements.len());
            known.insert(leaf, digest);
        }
        for leaf in &chunk.exposes {
            match model.leaves[*leaf].visibility {
                Visibility::Public => {
                    let range = packed.get(leaf).cloned().unwrap_or_default();
                    plan.exposed.extend(range.map(Source::Element));
                }
                Visibility::Committed => plan.exposed.extend(known.get(leaf)),
            }
        }
        plan.tree(
            known,
            model.leaves.len().next_power_of_two().trailing_zeros() as usize,
        );
        plan
    }

    /// How much that is.
    pub(crate) fn counts(&self) -> OpeningCounts {
        OpeningCounts {
            elements: self.elements.len(),
            permutations: self.permutations.len(),
            constants: self.constants.len(),
            exposed: self.exposed.len(),
        }
    }

    fn permute(&mut self, state: [Source; 3]) -> Source {
        self.permutations.push(state);
        Source::Output(self.permutations.len() - 1)
    }

    fn leaf(&mut self, model: &PartitionedModel, leaf: usize) -> Source {
        let info = &model.leaves[leaf];
        let len = model.graph.tensor(info.tensor).dims.len();
        self.constants.push(leaf_tag(len));
        let mut state = Source::Constant(self.constants.len() - 1);
        let mut message = vec![match info.visibility {
            Visibility::Public => ZERO,
            Visibility::Committed => Source::Salt(leaf),
        }];
        for first in (0..len).step_by(VALUES_PER_ELEMENT) {
            let count = VALUES_PER_ELEMENT.min(len - first);
            self.elements.push(Element {
                tensor: info.tensor,
                first,
                count,
            });
            message.push(Source::Element(self.elements.len() - 1));
        }
        for pair in message.chunks(2) {
            state = self.permute([state, pair[0], pair.get(1).copied().unwrap_or(ZERO)]);
        }
        state
    }

    fn tree(&mut self, leaves: BTreeMap<usize, Source>, height: usize) {
        let mut nodes = leaves;
        for level in 0..height {
            let mut parents = BTreeMap::new();
            for parent in nodes.keys().map(|i| i / 2).collect::<Vec<_>>() {
                if parents.contains_key(&parent) {
                    continue;
                }
                let child = |i| nodes.get(&i).copied().unwrap_or(Source::Node(level, i));
                let state = [ZERO, child(2 * parent), child(2 * parent + 1)];
                parents.insert(parent, self.permute(state));
            }
            nodes = parents;
        }
        self.root = nodes.get(&0).copied();
    }

    /// Cells that must equal an instance: the source and the row of the instance column.
    pub(crate) fn instances(&self) -> impl Iterator<Item = (Source, usize)> + '_ {
        let exposed = self.exposed.iter().enumerate();
        let public = exposed.map(|(i, source)| (*source, INSTANCES_BEFORE + i));
        self.root.map(|root| (root, 0)).into_iter().chain(public)
    }

    /// The value of a free source.
    pub(crate) fn free_value(source: Source, commitment: &InferenceCommitment) -> Option<Fr> {
        match source {
            Source::Salt(leaf) => commitment.salts.get(leaf).copied(),
            Source::Node(level, index) => commitment.tree.levels.get(level)?.get(index).copied(),
            _ => None,
        }
    }
}
