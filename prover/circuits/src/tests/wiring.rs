//! The copy constraints that a circuit asks for, against the wiring of docs/formats.md.
//!
//! The wiring is written down here once more, from the model alone: which activation stands in which packing slot, and what every
//! permutation of leaves and tree takes in. Only the places come from the plan. The constraints must put exactly these cells together:
//! a missing one leaves a word to the prover, and no honest trace shows it.

use super::Setup;
use super::builder::{Builder, partition, square};
use super::recorder::Recorder;
use super::way::Way;
use crate::chip::poseidon::{CONSTANT, PERMUTATION_ROWS};
use crate::chip::rlc::{PRODUCT, SCALE_BY, ZERO};
use crate::chip::words::{PIN, PIN_INSTANCE};
use crate::columns::{CellRef, Col, Columns};
use crate::{InferenceCommitment, PlanOptions, arrangement};
use chainfer_model::executor::execute;
use chainfer_model::partitioned::{PartitionedModel, Visibility};
use chainfer_model::quantized::{QLayer, TensorId};
use halo2_proofs::plonk::{Any, Column, ConstraintSystem};
use halo2curves::bn256::Fr;
use std::collections::{BTreeMap, BTreeSet};

type Cell = (Column<Any>, usize);

/// Cells that are equal, each class once.
fn classes(pairs: impl Iterator<Item = [Cell; 2]>) -> BTreeMap<Cell, usize> {
    let mut of: BTreeMap<Cell, usize> = BTreeMap::new();
    let mut members: Vec<Vec<Cell>> = Vec::new();
    for [left, right] in pairs {
        let [mut into, mut from] = [left, right].map(|cell| {
            *of.entry(cell).or_insert_with(|| {
                members.push(vec![cell]);
                members.len() - 1
            })
        });
        if into == from {
            continue;
        }
        if members[into].len() < members[from].len() {
            std::mem::swap(&mut into, &mut from);
        }
        let moved = std::mem::take(&mut members[from]);
        for cell in &moved {
            of.insert(*cell, into);
        }
        members[into].extend(moved);
    }
    of
}

fn partition_of(classes: &BTreeMap<Cell, usize>) -> BTreeSet<BTreeSet<Cell>> {
    let mut members: BTreeMap<usize, BTreeSet<Cell>> = BTreeMap::new();
    for (cell, class) in classes {
        members.entry(*class).or_default().insert(*cell);
    }
    members.into_values().collect()
}

/// The wiring of one chunk as it should be.
struct Wiring<'a> {
    setup: &'a Setup,
    columns: Columns,
    pairs: Vec<(String, [Cell; 2])>,
    elements: usize,
    permutations: usize,
}

impl<'a> Wiring<'a> {
    fn new(setup: &'a Setup) -> Self {
        let columns =
            arrangement::configure(&mut ConstraintSystem::default(), setup.plan.shape()).unwrap();
        Wiring {
            setup,
            columns,
            pairs: vec![],
            elements: 0,
            permutations: 0,
        }
    }

    fn cell(&self, cell: CellRef) -> Cell {
        (self.columns.advice(cell.col).unwrap().into(), cell.row)
    }

    fn equal(&mut self, what: String, left: CellRef, right: CellRef) {
        let pair = [self.cell(left), self.cell(right)];
        self.pairs.push((what, pair));
    }

    /// A pinned constant: it must stand in the fixed cells, and the gate that compares it must be on.
    fn constant(&self, index: usize, value: Fr) -> CellRef {
        let row = self.setup.plan.grid.constant_at(index);
        let fixed = &self.setup.circuit.fixed;
        assert_eq!(fixed.column(CONSTANT).unwrap()[row], value);
        assert!(fixed.is_set(PIN, row).unwrap(), "constant {index}");
        Col::Hash(0, 0).at(row)
    }

    /// Packs up to 15 activations from `first` on; the cell that holds the element.
    fn element(&mut self, activations: &[CellRef], zero: CellRef) -> CellRef {
        let index = self.elements;
        self.elements += 1;
        let (lane, first) = self.setup.plan.grid.element_at(index);
        let compact = self.setup.is_compact();
        for j in 0..if compact { 15 } else { 16 } {
            let slot = match (compact, j) {
                (true, 14) => Col::Hash(lane, 0).at(first),
                (true, _) => Col::Hash(lane, 0).at(first + 15 - j),
                (false, _) => Col::Hash(lane, 1 + j % 2).at(first + 7 - j / 2),
            };
            let source = activations.get(j).copied().unwrap_or(zero);
            self.equal(format!("element {index}, slot {j}"), slot, source);
        }
        let rows = if compact { 17 } else { 8 };
        Col::Hash(lane, 0).at(first + rows - 1)
    }

    /// A permutation of three words, free where there is no cell; the cell of its first output.
    fn permutation(&mut self, what: &str, words: [Option<CellRef>; 3]) -> CellRef {
        let (lane, row) = self.setup.plan.grid.permutation_at(self.permutations);
        self.permutations += 1;
        for (j, word) in words.into_iter().enumerate() {
            let taken_in = if self.setup.is_compact() {
                Col::Hash(lane, 0).at(row - j)
            } else {
                Col::Hash(lane, j).at(row)
            };
            if let Some(word) = word {
                self.equal(format!("{what}, word {j}"), taken_in, word);
            }
        }
        Col::Hash(lane, 0).at(row + PERMUTATION_ROWS - 1)
    }

    fn instance(&mut self, index: usize, cell: CellRef) {
        let what = format!("instance {index}");
        if self.setup.is_compact() {
            let fixed = &self.setup.circuit.fixed;
            assert!(fixed.is_set(PIN_INSTANCE, index).unwrap(), "{what}");
            self.equal(what, Col::Hash(0, 0).at(index), cell);
        } else {
            let instance = (self.columns.instance.into(), index);
            self.pairs.push((what, [self.cell(cell), instance]));
        }
    }

    fn assert_holds(&self, cell: CellRef, value: Fr, what: &str) {
        assert_eq!(self.setup.circuit.get(cell), value, "{what}");
    }

    fn openings(
        &mut self,
        model: &PartitionedModel,
        chunk: usize,
        commitment: &InferenceCommitment,
    ) {
        let spec = &model.chunks[chunk];
        let zero = self.constant(0, Fr::zero());
        let leaves: BTreeSet<usize> = spec.reads.iter().chain(&spec.writes).copied().collect();
        let (mut packed, mut nodes) = (BTreeMap::new(), BTreeMap::new());
        for (i, leaf) in leaves.into_iter().enumerate() {
            let info = &model.leaves[leaf];
            let layout = &self.setup.plan.layout.tensors[&info.tensor];
            let count = model.graph.tensor(info.tensor).dims.len();
            let activations: Vec<CellRef> = (0..count)
                .map(|element| {
                    let (row, lane) = layout.cell(element);
                    Col::Y(lane).at(row)
                })
                .collect();
            let elements: Vec<CellRef> = activations
                .chunks(15)
                .map(|activations| self.element(activations, zero))
                .collect();
            let tag = Fr::from_raw([count as u64, 1, 0, 0]);
            let mut state = self.constant(1 + i, tag);
            let salt = (info.visibility == Visibility::Public).then_some(zero);
            let mut message = vec![salt];
            message.extend(elements.iter().copied().map(Some));
            for (step, pair) in message.chunks(2).enumerate() {
                let second = pair.get(1).copied().unwrap_or(Some(zero));
                let words = [Some(state), pair[0], second];
                state = self.permutation(&format!("leaf {leaf}, step {step}"), words);
            }
            self.assert_holds(state, commitment.leaves[leaf], "leaf");
            packed.insert(leaf, elements);
            nodes.insert(leaf, state);
        }
        let exposed: Vec<CellRef> = (spec.exposes.iter())
            .flat_map(|leaf| match model.leaves[*leaf].visibility {
                Visibility::Public => packed[leaf].clone(),
                Visibility::Committed => vec![nodes[leaf]],
            })
            .collect();
        for level in 1..commitment.tree.levels.len() {
            let parents: BTreeSet<usize> = nodes.keys().map(|child| child / 2).collect();
            let parent = |at: usize| {
                let children = [2 * at, 2 * at + 1].map(|child| nodes.get(&child).copied());
                let words = [Some(zero), children[0], children[1]];
                let cell = self.permutation(&format!("node {at} of level {level}"), words);
                self.assert_holds(cell, commitment.tree.levels[level][at], "node");
                (at, cell)
            };
            nodes = parents.into_iter().map(parent).collect();
        }
        self.instance(0, nodes[&0]);
        // Instance 1 is the context, which is compared with nothing.
        for (i, cell) in exposed.into_iter().enumerate() {
            self.instance(2 + i, cell);
        }
    }

    /// Whatever a product or a scaling takes in is a copy.
    fn operands(&mut self) {
        let plan = self.setup.plan.clone();
        let fixed = self.setup.circuit.fixed.clone();
        for row in 0..plan.usable {
            let read = [PRODUCT, SCALE_BY].map(|flag| fixed.is_set(flag, row).unwrap());
            let line = plan.check.get(row);
            // A row that keeps gamma has no other operand.
            if line.is_some_and(|line| line.keeps) {
                assert_eq!(line.and_then(|line| line.operand), None);
                assert!(read[0] && !read[1] && fixed.is_set(ZERO, row).unwrap());
                continue;
            }
            let operand = line.and_then(|line| line.operand);
            assert_eq!(operand.is_some(), read.contains(&true), "row {row}");
            if let Some(cell) = operand {
                self.equal(format!("operand of row {row}"), Col::U.at(row), cell);
            }
        }
    }
}

impl Wiring<'_> {
    fn activation(&self, tensor: TensorId, element: usize) -> CellRef {
        let (row, lane) = self.setup.plan.layout.tensors[&tensor].cell(element);
        Col::Y(lane).at(row)
    }

    /// Elements that layers repeat: those of a gather, and the operands of products.
    fn repeated(&mut self, model: &PartitionedModel, chunk: usize) {
        let spec = &model.chunks[chunk];
        let plan = self.setup.plan.clone();
        for layer in &model.graph.layers[spec.first_layer..spec.end_layer] {
            match layer {
                QLayer::Gather(gather) => {
                    let elements = gather.sources.iter().flat_map(|source| {
                        let len = model.graph.tensor(*source).dims.len();
                        (0..len).map(|element| (*source, element))
                    });
                    let elements: Vec<_> = elements.collect();
                    for (place, from) in gather.elements.iter().enumerate() {
                        let (source, element) = elements[*from];
                        let pair = (
                            self.activation(gather.output, place),
                            self.activation(source, element),
                        );
                        self.equal(format!("{} {place}", gather.name), pair.0, pair.1);
                    }
                }
                QLayer::Product(product) => {
                    let output = &plan.layout.tensors[&product.output];
                    for place in 0..product.element_bias.len() {
                        // Two rows a slot behind the block of the output.
                        let row = output.block().end + 2 * output.slot_of(place);
                        let operands = [&product.left, &product.right];
                        for (row, operand) in [row, row + 1].into_iter().zip(operands) {
                            let from = self.activation(operand.tensor, operand.element(place));
                            let what = format!("{} {place}", product.name);
                            self.equal(what, Col::Y(0).at(row), from);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

fn assert_wired(model: &PartitionedModel, inputs: &[Vec<u32>], chunk: usize, setup: &Setup) {
    let values = execute(&model.graph, inputs).unwrap().tensors;
    let commitment = InferenceCommitment::new(model, &values, &[7; 32]);
    let mut wiring = Wiring::new(setup);
    wiring.openings(model, chunk, &commitment);
    wiring.operands();
    wiring.repeated(model, chunk);
    let asked = classes(Recorder::run(&setup.circuit.circuit()).copies.into_iter());
    let apart: Vec<&String> = (wiring.pairs.iter())
        .filter(|(_, [left, right])| {
            let class = asked.get(left);
            class.is_none() || class != asked.get(right)
        })
        .map(|(what, _)| what)
        .collect();
    assert!(apart.is_empty(), "no copy constraint: {apart:?}");
    // And nothing else is put together.
    let expected = classes(wiring.pairs.iter().map(|(_, pair)| *pair));
    assert!(partition_of(&asked) == partition_of(&expected));
}

/// The middle chunk reads inputs and a cut tensor, and writes a cut tensor and an output; of 8 leaves 6 are used.
fn assert_all_chunks_are_wired(way: Way) {
    let mut b = Builder::new(64, 81);
    let x = b.input(1, 8, 8);
    let w = b.input(1, 1, 20);
    let a = b.conv(&[(x, square(3, 1, 1))], (2, 8, 8));
    let h = b.conv(&[(a, square(3, 1, 1)), (x, square(1, 1, 0))], (2, 8, 8));
    let y = b.dense(&[h, w], 7);
    let p = b.max_pool(h, [2, 2], [2, 2], [0, 0], (4, 4));
    let z = b.dense(&[p], 3);
    b.graph.outputs.extend([y, z]);
    let inputs = b.values();
    for (input, output) in [
        (Visibility::Committed, Visibility::Public),
        (Visibility::Public, Visibility::Committed),
    ] {
        let model = partition(&b.graph, &[1, 2, 2], input, output);
        assert_eq!(model.leaves.len(), 6);
        for chunk in 0..3 {
            let setup = way.setup(&model, &inputs, chunk, &PlanOptions::default());
            assert_wired(&model, &inputs, chunk, &setup);
        }
    }
}

#[test]
fn copies_of_the_wide_arrangement_are_the_wiring() {
    assert_all_chunks_are_wired(Way::Wide);
}

#[test]
fn copies_of_the_compact_arrangement_are_the_wiring() {
    assert_all_chunks_are_wired(Way::Compact);
}

#[test]
fn copies_of_a_canonical_shape_are_the_wiring() {
    assert_all_chunks_are_wired(Way::Canonical);
}

#[test]
fn copies_of_gathers_and_products_are_the_wiring() {
    let mut b = Builder::new(64, 82);
    let (x, w) = (b.input(2, 3, 3), b.input(1, 1, 5));
    let g = b.gather(&[w, x], (2, 3, 3));
    let p = b.product(g, w, (2, 3, 3));
    let q = b.mat_mul(p, g, 1, 2);
    let h = b.conv(&[(q, square(3, 2, 1))], (1, 2, 2));
    let y = b.product(h, h, (2, 2, 2));
    b.graph.outputs.extend([p, y]);
    let inputs = b.values();
    let model = partition(&b.graph, &[2, 3], Visibility::Committed, Visibility::Public);
    for way in Way::ALL {
        for chunk in 0..2 {
            let setup = way.setup(&model, &inputs, chunk, &PlanOptions::default());
            assert_wired(&model, &inputs, chunk, &setup);
        }
    }
}
