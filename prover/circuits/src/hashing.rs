//! Placement of packing and Poseidon in the hash lanes, and their wiring.
//!
//! All lanes run the same fixed pattern: first packing rows, eight an element, then permutation slots of 82 rows
//! (81 S-boxes and the output), then rows that pin constants. What is hashed is wired by copy constraints alone.
//!
//! Where areas are stacked, only the first word has copy constraints. Rows that pin the instances come first, then those of
//! the constants; an element takes a row a value, one behind the first value, which moves on there, and one to which the
//! result moves; and two rows before a permutation take its second and third word in, which move on to their places.

use crate::columns::{CellRef, Col};
use crate::commitment::{InferenceCommitment, VALUES_PER_ELEMENT, leaf_tag};
use crate::poseidon::{FULL_ROUNDS, PARTIAL_ROUNDS, mds, round_constants};
use crate::shape::CircuitShape;
use chainfer_model::partitioned::{ChunkSpec, PartitionedModel, Visibility};
use chainfer_model::quantized::TensorId;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use std::collections::BTreeMap;

/// Rows that pack one element, two values a row.
pub(crate) const PACK_ROWS: usize = 8;
/// Rows that pack one element where areas are stacked: a value a row, the row behind the first, and the result's.
pub(crate) const STACKED_PACK_ROWS: usize = VALUES_PER_ELEMENT + 2;
/// Rows before a permutation that take in its second and third word where areas are stacked.
const LOAD_ROWS: usize = 2;
/// Instances before the public values: root and context.
const INSTANCES_BEFORE: usize = 2;
/// Rows of one permutation: an S-box each, then the output.
pub(crate) const PERMUTATION_ROWS: usize = 3 * FULL_ROUNDS + PARTIAL_ROUNDS + 1;

/// What follows a row's S-box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoundStep {
    /// Rotate the state.
    Rotate,
    /// Third S-box of a full round: matrix.
    Full,
    /// Partial round: matrix.
    Partial,
}

/// Constant and step of each S-box row. Constants of words without an S-box are carried to their next S-box.
pub(crate) fn schedule() -> Vec<(Fr, RoundStep)> {
    let mut rows = Vec::with_capacity(PERMUTATION_ROWS - 1);
    let mut carried = [Fr::ZERO; 3];
    for (round, constants) in round_constants().iter().enumerate() {
        let partial = FULL_ROUNDS / 2..FULL_ROUNDS / 2 + PARTIAL_ROUNDS;
        let full = !partial.contains(&round);
        let added = [0, 1, 2].map(|j| carried[j] + constants[j]);
        if full {
            rows.push((added[0], RoundStep::Rotate));
            rows.push((added[1], RoundStep::Rotate));
            rows.push((added[2], RoundStep::Full));
            carried = [Fr::ZERO; 3];
        } else {
            rows.push((added[0], RoundStep::Partial));
            carried = [0, 1, 2].map(|j| mds()[j][1] * added[1] + mds()[j][2] * added[2]);
        }
    }
    rows
}

/// Where a word of the hash area comes from.
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

/// Hashing of one chunk.
#[derive(Clone, Debug, Default)]
pub(crate) struct HashPlan {
    pub(crate) elements: Vec<Element>,
    /// State words of each permutation, in an order in which every source precedes its use.
    pub(crate) permutations: Vec<[Source; 3]>,
    pub(crate) constants: Vec<Fr>,
    pub(crate) root: Option<Source>,
    /// Sources of the public values.
    pub(crate) exposed: Vec<Source>,
}

/// Index of the constant 0.
pub(crate) const ZERO: Source = Source::Constant(0);

impl HashPlan {
    pub(crate) fn new(model: &PartitionedModel, chunk: &ChunkSpec) -> Self {
        let mut plan = HashPlan {
            constants: vec![Fr::ZERO],
            ..HashPlan::default()
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

    /// The places of this plan's cells in a shape.
    pub(crate) fn grid(&self, shape: &CircuitShape) -> HashGrid {
        let (elements, permutations) = (self.elements.len(), self.permutations.len());
        let lanes = shape.hash_lanes;
        let mut next = 0;
        let mut take = |rows: usize| {
            let first = next;
            next += rows;
            first
        };
        if shape.stacked {
            let _instances = take(INSTANCES_BEFORE + self.exposed.len());
            HashGrid {
                lanes,
                stacked: true,
                first_constant: take(self.constants.len()),
                first_element: take(STACKED_PACK_ROWS * elements),
                first_slot: take((LOAD_ROWS + PERMUTATION_ROWS) * permutations),
                slots: permutations,
                rows: next,
            }
        } else {
            let slots = permutations.div_ceil(lanes);
            HashGrid {
                lanes,
                stacked: false,
                first_element: take(PACK_ROWS * elements.div_ceil(lanes)),
                first_slot: take(PERMUTATION_ROWS * slots),
                first_constant: take(self.constants.len()),
                slots,
                rows: next,
            }
        }
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

/// Where the cells of a [`HashPlan`] are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HashGrid {
    pub(crate) lanes: usize,
    pub(crate) stacked: bool,
    first_constant: usize,
    first_element: usize,
    first_slot: usize,
    /// Permutation slots in each lane.
    pub(crate) slots: usize,
    /// All rows taken.
    pub(crate) rows: usize,
}

impl HashGrid {
    /// Rows that packing takes, where it comes first.
    pub(crate) fn pack_rows(&self) -> usize {
        self.first_slot - self.first_element
    }

    /// Lane and first row of an element.
    pub(crate) fn element_at(&self, element: usize) -> (usize, usize) {
        let rows = if self.stacked {
            STACKED_PACK_ROWS
        } else {
            PACK_ROWS
        };
        (
            element % self.lanes,
            self.first_element + rows * (element / self.lanes),
        )
    }

    /// Row of an element's slot for a value, and the word that holds it; values are taken in from the highest.
    pub(crate) fn value_at(&self, first: usize, value: usize) -> (usize, usize) {
        if self.stacked {
            let after = VALUES_PER_ELEMENT - 1 - value;
            (first + after + usize::from(after > 0), 0)
        } else {
            (first + PACK_ROWS - 1 - value / 2, 1 + value % 2)
        }
    }

    /// Values of an element that have a slot, those past its length included.
    pub(crate) fn values(&self) -> usize {
        if self.stacked {
            VALUES_PER_ELEMENT
        } else {
            2 * PACK_ROWS
        }
    }

    /// Row of a slot's first S-box.
    pub(crate) fn slot(&self, slot: usize) -> usize {
        if self.stacked {
            self.first_slot + (LOAD_ROWS + PERMUTATION_ROWS) * slot + LOAD_ROWS
        } else {
            self.first_slot + PERMUTATION_ROWS * slot
        }
    }

    /// Lane and row of a permutation's first S-box.
    pub(crate) fn permutation_at(&self, permutation: usize) -> (usize, usize) {
        (
            permutation % self.lanes,
            self.slot(permutation / self.lanes),
        )
    }

    /// The cell that takes in word `j` of a permutation.
    pub(crate) fn word_at(&self, permutation: usize, j: usize) -> CellRef {
        let (lane, row) = self.permutation_at(permutation);
        if self.stacked {
            CellRef {
                col: Col::Hash(lane, 0),
                row: row - j,
            }
        } else {
            CellRef {
                col: Col::Hash(lane, j),
                row,
            }
        }
    }

    /// Row of a pinned constant (word 0 of lane 0).
    pub(crate) fn constant_at(&self, constant: usize) -> usize {
        self.first_constant + constant
    }

    /// The cell that holds a computed source; free ones have none but their uses.
    pub(crate) fn cell(&self, source: Source) -> Option<CellRef> {
        let cell = |lane, row| {
            Some(CellRef {
                col: Col::Hash(lane, 0),
                row,
            })
        };
        match source {
            Source::Constant(i) => cell(0, self.constant_at(i)),
            Source::Element(i) => {
                let (lane, row) = self.element_at(i);
                let rows = if self.stacked {
                    STACKED_PACK_ROWS
                } else {
                    PACK_ROWS
                };
                cell(lane, row + rows - 1)
            }
            Source::Output(i) => {
                let (lane, row) = self.permutation_at(i);
                cell(lane, row + PERMUTATION_ROWS - 1)
            }
            Source::Salt(_) | Source::Node(..) => None,
        }
    }
}
