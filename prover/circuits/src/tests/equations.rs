//! The RLC checks have the layers' equations as coefficients, each at a monomial of its own.
//!
//! For random challenges, gamma at the end of a layer's check is linear in every remainder, tap and activation. What a change of a
//! cell by 1 does to it is a polynomial in r and z: that of a remainder must be -r^i z^j with another (i, j) for every output, that of
//! an activation the sum of its weights times those monomials.

use super::Setup;
use super::builder::{Builder, Conv, partition, square};
use super::way::Way;
use crate::PlanOptions;
use crate::columns::{CellRef, Col};
use crate::trace::Challenges;
use chainfer_model::executor::{accumulators, execute, linear_accumulators};
use chainfer_model::partitioned::{PartitionedModel, Visibility};
use chainfer_model::quantized::{QFunction, QLayer, QLinear, QMaxPool, QProduct, TensorId};
use halo2curves::bn256::Fr;
use halo2curves::ff::{Field, PrimeField};
use std::collections::{BTreeMap, BTreeSet};

struct Check<'a> {
    model: &'a PartitionedModel,
    setup: &'a Setup,
    challenges: Challenges,
    /// Row at which gamma must be 0.
    end: usize,
    /// (i, j) of r^i z^j, by value.
    monomials: BTreeMap<[u8; 32], (u64, u64)>,
    honest: Fr,
}

impl<'a> Check<'a> {
    fn new(model: &'a PartitionedModel, setup: &'a Setup, end: usize) -> Self {
        let challenges = Challenges {
            z: Fr::from(0xfeed_5eed_0101).pow([11]),
            r: Fr::from(0x0dd_ba11_0202).pow([13]),
            x: Fr::from(77).pow([17]),
        };
        let mut monomials = BTreeMap::new();
        for i in 0..40u64 {
            for j in 0..120u64 {
                let value = challenges.r.pow([i]) * challenges.z.pow([j]);
                monomials.insert(value.to_repr(), (i, j));
            }
        }
        let mut check = Check {
            model,
            setup,
            challenges,
            end,
            monomials,
            honest: Fr::ZERO,
        };
        check.honest = check.gamma(&[]);
        assert_eq!(check.honest, Fr::ZERO);
        check
    }

    fn gamma(&self, cells: &[(CellRef, Fr)]) -> Fr {
        let changed = self.setup.circuit.tampered(cells);
        let second = changed.second_phase(&self.challenges);
        second.get(Col::Gamma.at(self.end)).unwrap()
    }

    /// What 1 more in a cell does to gamma.
    fn change(&self, cell: CellRef) -> Fr {
        self.gamma(&[(cell, self.setup.circuit.get(cell) + Fr::ONE)])
    }

    fn cell(&self, tensor: TensorId, element: usize) -> (usize, usize) {
        self.setup.plan.layout.tensors[&tensor].cell(element)
    }

    fn distinct(&self, values: impl Iterator<Item = Fr>) {
        let mut seen = BTreeSet::new();
        for value in values {
            let exponents = self.monomials.get(&value.to_repr());
            let exponents = exponents.expect("no monomial with coefficient 1");
            assert!(seen.insert(*exponents), "{exponents:?} twice");
        }
    }

    /// Activations change gamma by `expected`.
    fn inputs(&self, tensor: TensorId, expected: impl Fn(usize) -> Fr) {
        for element in 0..self.model.graph.tensor(tensor).dims.len() {
            let (row, lane) = self.cell(tensor, element);
            let change = self.change(Col::Y(lane).at(row));
            assert_eq!(change, expected(element), "{tensor:?} {element}");
        }
    }

    /// The monomials of a layer's outputs, by what a remainder changes.
    fn outputs(&self, output: TensorId) -> Vec<Fr> {
        let outputs: Vec<Fr> = (0..self.model.graph.tensor(output).dims.len())
            .map(|element| {
                let (row, lane) = self.cell(output, element);
                -self.change(Col::Rem(lane).at(row))
            })
            .collect();
        self.distinct(outputs.iter().copied());
        outputs
    }

    /// An argument changes gamma by its tag times its monomial, one way where it is taken, the other way where it is read.
    fn function(&self, layer: &QFunction) {
        let tag = self.setup.plan.layout.tag(layer.table, "").unwrap() as u64;
        let scale = -Fr::from(tag).invert().unwrap();
        let arguments: Vec<Fr> = (0..self.model.graph.tensor(layer.output).dims.len())
            .map(|element| {
                let (row, lane) = self.cell(layer.output, element);
                self.change(Col::E(lane).at(row)) * scale
            })
            .collect();
        self.distinct(arguments.iter().copied());
        self.inputs(layer.input, |element| arguments[element] * Fr::from(tag));
    }

    /// Each operand of a pair changes gamma by what it is multiplied with, times the monomial of the pair's output.
    fn product(&self, layer: &QProduct, values: &[Vec<u32>]) {
        let outputs = self.outputs(layer.output);
        let layout = &self.setup.plan.layout;
        let pairs = layout.pairs(layer.output, "").unwrap();
        let [both, first, second] = layer.weights;
        for (element, monomial) in outputs.into_iter().enumerate() {
            let row = pairs.row(layout.tensors[&layer.output].slot_of(element));
            let a = values[layer.left.tensor.0][layer.left.element(element)];
            let b = values[layer.right.tensor.0][layer.right.element(element)];
            for (row, other, alone) in [(row, b, first), (row + 1, a, second)] {
                let by = crate::field::signed(both * i64::from(other) + alone);
                assert_eq!(self.change(Col::Y(0).at(row)), by * monomial);
            }
        }
    }

    /// An input changes gamma by what it changes of each accumulator, times the output's monomial.
    fn mat_mul(&self, layer: &QLayer, values: &[Vec<u32>]) {
        let outputs = self.outputs(layer.output());
        let graph = &self.model.graph;
        let before = accumulators(graph, layer, values).unwrap();
        for input in layer.inputs() {
            self.inputs(input, |element| {
                let mut values = values.to_vec();
                values[input.0][element] += 1;
                let after = accumulators(graph, layer, &values).unwrap();
                let changes = after.iter().zip(&before).zip(&outputs);
                changes
                    .map(|((after, before), at)| crate::field::signed(after - before) * at)
                    .sum()
            });
        }
    }

    fn linear(&self, layer: &QLinear) {
        let outputs = self.outputs(layer.output);
        let zeros = |tensor: &chainfer_model::quantized::QTensor| vec![0; tensor.dims.len()];
        let zeros: Vec<Vec<u32>> = self.model.graph.tensors.iter().map(zeros).collect();
        let graph = &self.model.graph;
        let bias = linear_accumulators(graph, layer, &zeros);
        for term in &layer.terms {
            self.inputs(term.input, |element| {
                let mut values = zeros.clone();
                values[term.input.0][element] = 1;
                let weights = linear_accumulators(graph, layer, &values);
                let with_bias = weights.iter().zip(&bias).zip(&outputs);
                let weighted = with_bias.map(|((w, b), at)| crate::field::signed(w - b) * at);
                weighted.sum()
            });
        }
    }

    /// The changes by the four taps of a maximum, from those of the cells that they are expressions of.
    fn taps(&self, (row, _): (usize, usize)) -> [Fr; 4] {
        let at = |col: Col, row| self.change(col.at(row));
        if self.setup.is_compact() {
            let subtracted = |i| -at(Col::Rem(0), row + i);
            let first = at(Col::C(0), row + 2) - subtracted(2);
            [first, subtracted(2), subtracted(1), subtracted(0)]
        } else {
            let (second, fourth) = (-at(Col::Rem(0), row), -at(Col::E(0), row));
            let (first, third) = (at(Col::C(0), row) - second, at(Col::C(1), row) - fourth);
            [first, second, third, fourth]
        }
    }

    fn max_pool(&self, layer: &QMaxPool) {
        let graph = &self.model.graph;
        let (input, output) = (graph.tensor(layer.input), graph.tensor(layer.output));
        let elements = output.dims.len();
        let taps: Vec<[Fr; 4]> = (0..elements)
            .map(|element| self.taps(self.cell(layer.output, element)).map(|tap| -tap))
            .collect();
        self.distinct(taps.iter().flatten().copied());
        self.inputs(layer.input, |element| {
            let plane = input.dims.plane();
            let (channel, y, x) = (
                element / plane,
                element % plane / input.dims.w,
                element % input.dims.w,
            );
            let mut expected = Fr::ZERO;
            for (i, of_element) in taps.iter().enumerate() {
                let (c, rest) = (i / output.dims.plane(), i % output.dims.plane());
                let (oy, ox) = (rest / output.dims.w, rest % output.dims.w);
                for ky in 0..layer.kernel[0] {
                    for kx in 0..layer.kernel[1] {
                        let reads = c == channel
                            && oy * layer.stride[0] + ky == y + layer.pad[0]
                            && ox * layer.stride[1] + kx == x + layer.pad[1];
                        if reads {
                            expected += of_element[ky * layer.kernel[1] + kx];
                        }
                    }
                }
            }
            expected
        });
    }
}

fn assert_equations(mut b: Builder) {
    let inputs = b.values();
    let layers = b.graph.layers.len();
    let model = partition(
        &b.graph,
        &[layers],
        Visibility::Committed,
        Visibility::Public,
    );
    let values = execute(&model.graph, &inputs).unwrap().tensors;
    for way in Way::ALL {
        let setup = way.setup(&model, &inputs, 0, &PlanOptions::default());
        let rows = setup.plan.check.iter().enumerate();
        let ends = rows.filter(|(_, row)| row.zero && !row.keeps);
        let ends: Vec<usize> = ends.map(|(i, _)| i).collect();
        let layers = model.graph.layers.iter();
        let checked: Vec<_> = layers
            .filter(|layer| !matches!(layer, QLayer::Gather(_)))
            .collect();
        assert_eq!(ends.len(), checked.len());
        for (layer, end) in checked.into_iter().zip(ends) {
            let check = Check::new(&model, &setup, end);
            match layer {
                QLayer::Linear(linear) => check.linear(linear),
                QLayer::MaxPool(pool) => check.max_pool(pool),
                QLayer::Gather(_) => panic!("a gather has no equation"),
                QLayer::Function(function) => check.function(function),
                QLayer::Product(product) => check.product(product, &values),
                QLayer::MatMul(_) => check.mat_mul(layer, &values),
            }
        }
    }
}

#[test]
fn equations_of_linear_layers_have_distinct_monomials() {
    let mut b = Builder::new(64, 71);
    let x = b.input(2, 4, 3);
    let w = b.input(2, 4, 3);
    let depthwise = Conv {
        groups: 2,
        ..square(1, 1, 0)
    };
    let a = b.conv(&[(x, square(3, 1, 1)), (w, depthwise)], (2, 4, 3));
    let pooled = Conv {
        pre_pool: [2, 1],
        ..square(2, 1, 1)
    };
    let h = b.conv(&[(a, pooled)], (3, 3, 4));
    let y = b.dense(&[h, x], 3);
    b.graph.outputs.push(y);
    assert_equations(b);
}

#[test]
fn equations_of_max_pooling_have_distinct_monomials() {
    let mut b = Builder::new(64, 72);
    let x = b.input(2, 3, 4);
    let h = b.max_pool(x, [2, 2], [1, 2], [1, 1], (3, 3));
    let y = b.max_pool(h, [1, 3], [2, 1], [0, 1], (2, 3));
    b.graph.outputs.push(y);
    assert_equations(b);
}

#[test]
fn equations_of_functions_have_distinct_monomials() {
    let mut b = Builder::new(64, 73);
    let x = b.input(2, 3, 2);
    let (f, g) = (b.table(), b.table());
    let h = b.function(x, f);
    let h = b.conv(&[(h, square(3, 2, 1))], (2, 2, 1));
    let y = b.function(h, g);
    b.graph.outputs.push(y);
    assert_equations(b);
}

#[test]
fn equations_of_products_have_distinct_monomials() {
    let mut b = Builder::new(64, 74);
    let (x, w) = (b.input(2, 3, 2), b.input(1, 1, 4));
    let h = b.product(x, w, (2, 3, 2));
    let h = b.conv(&[(h, square(2, 2, 1))], (2, 2, 1));
    let y = b.product(h, h, (1, 2, 3));
    b.graph.outputs.push(y);
    assert_equations(b);
}

#[test]
fn equations_of_matrix_products_have_distinct_monomials() {
    let mut b = Builder::new(64, 75);
    let (x, w) = (b.input(4, 3, 2), b.input(1, 1, 12));
    let h = b.mat_mul(w, x, 2, 3);
    let h = b.gather(&[x, h], (3, 2, 2));
    let y = b.mat_mul(h, h, 1, 2);
    b.graph.outputs.extend([h, y]);
    assert_equations(b);
}
