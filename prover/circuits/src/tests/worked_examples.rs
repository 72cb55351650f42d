//! The worked examples of docs/chips, number by number.

use super::builder::{Builder, Conv, partition, square};
use super::way::Way;
use super::{Setup, failing};
use crate::PlanOptions;
use crate::chip::function;
use crate::chip::linear::windows::taps;
use crate::chip::registry;
use crate::chip::rlc::program::{Carry, Load, Program, Row, Step};
use crate::columns::{CellRef, Col};
use crate::layout::place::{ChunkLayout, Geometry, LayerGeometry};
use crate::layout::windows::ColumnMap;
use crate::trace::{Challenges, Trace};
use chainfer_model::partitioned::Visibility;
use chainfer_model::quantized::{QLayer, TensorId, TermMap};
use chainfer_model::window::Window;
use halo2curves::bn256::Fr;

/// The challenge of the pages: accumulators read as the digits that they take in.
const Z: u64 = 10;

struct Example {
    layer: QLayer,
    window: Window,
    tensors: (TensorId, TensorId),
    layout: ChunkLayout,
}

/// A convolution of one channel in one lane, with these weights.
fn example(input: (usize, usize), conv: Conv, weights: &[i64], output: (usize, usize)) -> Example {
    let mut b = Builder::new(240, 0);
    let x = b.input(1, input.0, input.1);
    let y = b.conv(&[(x, conv)], (1, output.0, output.1));
    let mut layer = b.graph.layers.pop().unwrap();
    let QLayer::Linear(linear) = &mut layer else {
        panic!("a convolution is a linear layer");
    };
    let TermMap::Conv(map) = &mut linear.terms[0].map else {
        panic!("its term is a convolution");
    };
    map.weights = weights.to_vec();
    let window = map.window();
    let geometry = LayerGeometry {
        output: y,
        windows: vec![(x, window)],
        slots: 1,
        has_pairs: false,
        table: None,
    };
    let layout = Geometry {
        graph: &b.graph,
        inputs: &[x],
        layers: &[geometry],
        lanes: 1,
    }
    .lay_out(0)
    .unwrap();
    Example {
        layer,
        window,
        tensors: (x, y),
        layout,
    }
}

fn stride_1() -> Example {
    let conv = Conv {
        kernel: [2, 2],
        ..square(1, 1, 0)
    };
    example((3, 4), conv, &[1, 2, 3, 1], (2, 3))
}

fn stride_2() -> Example {
    example((5, 5), square(3, 2, 1), &[1; 9], (3, 3))
}

impl Example {
    fn column(&self, kx: usize) -> ColumnMap {
        let (x, y) = self.tensors;
        let tensor = |id| self.layout.tensor(id, "example").unwrap();
        ColumnMap::new(&self.window, tensor(x), tensor(y), kx).unwrap()
    }

    /// What an accumulator is after each image row, in the order of the layout.
    fn beta(&self, accumulator: usize, values: &[&[u64]]) -> Vec<u64> {
        let x = self.layout.tensor(self.tensors.0, "example").unwrap();
        let map = &self.layout.columns(self.tensors.0)[accumulator];
        let mut beta = 0;
        let mut after = Vec::new();
        for (position, row) in x.order.iter().enumerate() {
            // A row has as many values as the image is wide; the mask is clear on the slots that follow.
            let row = values[*row].iter().chain(std::iter::repeat(&0));
            for (slot, value) in row.take(x.pitch).enumerate() {
                if slot == 0 && x.restarts(position) {
                    beta = 0;
                } else if map.step[slot] {
                    beta *= Z;
                }
                if map.mask[slot] {
                    beta += value;
                }
            }
            after.push(beta);
        }
        after
    }

    /// What a tap reads: the exponents and factors of its terms, and their sum.
    fn tap(&self, tap: (usize, usize), values: &[&[u64]]) -> (Vec<(usize, i64)>, u64) {
        let x = self.layout.tensor(self.tensors.0, "example").unwrap();
        let terms = taps(&self.layout, "example", &self.window, self.tensors, 0, tap).unwrap();
        let mut sum = 0i64;
        for term in &terms {
            let Col::Beta(accumulator) = term.cell.col else {
                panic!("{:?} is no accumulator", term.cell);
            };
            let after = self.beta(accumulator, values);
            let ends = (0..after.len()).map(|position| x.read_row(0, position));
            let position = ends
                .into_iter()
                .position(|row| row == term.cell.row)
                .unwrap();
            let power = Z.pow(u32::try_from(term.exponent).unwrap());
            sum += term.factor * i64::try_from(power * after[position]).unwrap();
        }
        let exponents = terms.iter().map(|t| (t.exponent, t.factor)).collect();
        (exponents, u64::try_from(sum).unwrap())
    }
}

fn digits(flags: &[bool]) -> String {
    flags.iter().map(|f| if *f { '1' } else { '0' }).collect()
}

#[test]
fn worked_example_stride_1_is_that_of_the_page() {
    let example = stride_1();
    let x: [&[u64]; 3] = [&[1, 2, 3, 4], &[5, 6, 7, 8], &[9, 0, 1, 2]];
    for (kx, flags) in ["1110", "0111"].into_iter().enumerate() {
        let map = example.column(kx);
        assert_eq!(
            (digits(&map.step), digits(&map.mask)),
            (flags.into(), flags.into())
        );
        assert_eq!(map.offset, 1);
    }
    assert_eq!(example.beta(0, &x), [123, 123_567, 123_567_901]);
    assert_eq!(example.beta(1, &x), [234, 234_678, 234_678_012]);
    let whole = vec![(0, 1)];
    let difference = vec![(0, 1), (6, -1)];
    assert_eq!(example.tap((0, 0), &x), (whole.clone(), 123_567));
    assert_eq!(example.tap((0, 1), &x), (whole, 234_678));
    assert_eq!(example.tap((1, 0), &x), (difference.clone(), 567_901));
    assert_eq!(example.tap((1, 1), &x), (difference, 678_012));
    let acc = [26, 33, 40, 44, 21, 28];
    assert_eq!(acc.into_iter().fold(0, |d, a| d * Z + a), 2_974_638);
}

#[test]
fn worked_example_stride_2_is_that_of_the_page() {
    let example = stride_2();
    let x: [&[u64]; 5] = [
        &[1, 2, 3, 4, 5],
        &[6, 7, 8, 9, 1],
        &[2, 3, 4, 5, 6],
        &[7, 8, 9, 1, 2],
        &[3, 4, 5, 6, 7],
    ];
    let columns = [
        ("11010", "01010", 1),
        ("10101", "10101", 1),
        ("11010", "01010", 2),
    ];
    for (kx, (step, mask, offset)) in columns.into_iter().enumerate() {
        let map = example.column(kx);
        assert_eq!(
            (digits(&map.step), digits(&map.mask)),
            (step.into(), mask.into())
        );
        assert_eq!(map.offset, offset);
    }
    let (input, output) = example.tensors;
    assert_eq!(example.layout.columns(input).len(), 2);
    assert_eq!(
        example.layout.tensor(input, "").unwrap().order,
        [0, 2, 4, 1, 3]
    );
    assert_eq!(example.layout.tensor(output, "").unwrap().pitch_units(), 3);
    assert_eq!(example.beta(0, &x), [24, 24_035, 24_035_046, 79, 79_081]);
    assert_eq!(
        example.beta(1, &x),
        [135, 135_246, 135_246_357, 681, 681_792]
    );
    let expected = [
        [(0, 79_081), (0, 681_792), (1, 790_810)],
        [(0, 24_035_046), (0, 135_246_357), (1, 240_350_460)],
        [(3, 79_081_000), (3, 681_792_000), (4, 790_810_000)],
    ];
    for (ky, row) in expected.into_iter().enumerate() {
        for (kx, (exponent, sum)) in row.into_iter().enumerate() {
            assert_eq!(example.tap((ky, kx), &x), (vec![(exponent, 1)], sum));
        }
    }
}

#[test]
fn worked_example_of_the_rlc_check_is_that_of_the_page() {
    let example = stride_1();
    let mut program = Program::new(&example.layout, 1);
    let wide: Vec<_> = registry::OPERATORS.iter().map(|entry| entry.wide).collect();
    let chip = registry::layer(&wide, &example.layer).unwrap();
    chip.relation(&mut program).unwrap();
    let (rows, degree) = program.finish();
    // Row, alpha's carry, what it loads, weight; operand and its coefficient.
    type Line = (Carry, Load, Option<i64>, Option<(CellRef, i64)>);
    let alpha = |row| (Col::Alpha.at(row), 0);
    let beta = |j, row, sign| (Col::Beta(j).at(row), sign);
    let (drop, hold, scale) = (Carry::Drop, Carry::Hold, Carry::Scale);
    let expected: [Line; 15] = [
        (drop, Load::Z, None, None),
        (drop, Load::Z, None, None),
        (scale, Load::Nothing, None, Some(alpha(1))),
        (scale, Load::Nothing, None, Some(alpha(0))),
        (scale, Load::Nothing, None, Some(alpha(3))),
        (drop, Load::One, None, None),
        (drop, Load::FoldR, Some(1), Some((Col::D.at(17), -1))),
        (drop, Load::FoldR, Some(2), Some(beta(0, 7, 1))),
        (drop, Load::FoldR, Some(3), Some(beta(1, 7, 1))),
        (hold, Load::Nothing, None, Some(beta(0, 11, 1))),
        (scale, Load::Nothing, None, Some(alpha(4))),
        (drop, Load::FoldR, Some(1), Some(beta(0, 3, -1))),
        (hold, Load::Nothing, None, Some(beta(1, 11, 1))),
        (scale, Load::Nothing, None, Some(alpha(4))),
        (drop, Load::Nothing, None, Some(beta(1, 3, -1))),
    ];
    let line = |row: &Row| -> Line {
        let weight = row.weights.first().copied();
        (
            row.carry,
            row.load,
            weight,
            row.operand.map(|cell| (cell, row.product)),
        )
    };
    assert_eq!(rows.iter().map(line).collect::<Vec<_>>(), expected);
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(row.zero, at == 14);
        assert_eq!(row.gamma == Step::Drop, at == 6, "row {at}");
    }
    assert_eq!(degree, 1 + 6);
}

/// The challenge r of the pages on layers of activations.
const R_CHALLENGE: u64 = 1000;

/// A chunk in the compact arrangement, and its second phase under the challenges of the pages.
fn computed(b: &Builder, inputs: &[Vec<u32>]) -> (Setup, Trace) {
    let layers = b.graph.layers.len();
    let (input, output) = (Visibility::Committed, Visibility::Public);
    let model = partition(&b.graph, &[layers], input, output);
    let setup = Way::Compact.setup(&model, inputs, 0, &PlanOptions::default());
    let challenges = Challenges {
        z: Fr::from(Z),
        r: Fr::from(R_CHALLENGE),
        x: Fr::from(0x5eed),
    };
    let second = setup.circuit.second_phase(&challenges);
    assert_eq!(failing(&setup, &setup.circuit).len(), 0);
    (setup, second)
}

fn number(second: &Trace, cell: CellRef) -> Fr {
    second.get(cell).unwrap()
}

/// What the checks keep, in order.
fn kept((setup, second): &(Setup, Trace)) -> Vec<Fr> {
    let rows = setup.plan.check.iter().enumerate();
    let rows = rows.filter(|(_, row)| row.keeps);
    rows.map(|(at, _)| number(second, Col::U.at(at))).collect()
}

/// D at the end of a tensor's channels.
fn sums_of((setup, second): &(Setup, Trace), tensor: TensorId) -> Vec<Fr> {
    let layout = &setup.plan.layout.tensors[&tensor];
    let ends = (0..layout.dims.c).map(|c| Col::D.at(layout.channel_end(c)));
    ends.map(|end| number(second, end)).collect()
}

fn numbers(list: &[u64]) -> Vec<Fr> {
    list.iter().copied().map(Fr::from).collect()
}

#[test]
fn worked_example_of_the_function_is_that_of_the_page() {
    let mut b = Builder::new(240, 0);
    let x = b.input(1, 1, 3);
    let (f, g) = (b.table(), b.table());
    b.graph.tables[g][..4].copy_from_slice(&[9, 8, 7, 6]);
    let first = b.function(x, f);
    let y = b.function(x, g);
    b.graph.outputs.extend([first, y]);
    let example = computed(&b, &[vec![3, 1, 2]]);
    assert_eq!(sums_of(&example, y), numbers(&[624]));
    let (setup, second) = &example;
    let input = &setup.plan.layout.tensors[&x];
    let end = Col::Beta(0).at(input.channel_end(0));
    assert_eq!(number(second, end), Fr::from(312));
    let row = 240 + 3;
    let column = |role| setup.circuit.fixed.column(role).unwrap()[row];
    assert_eq!(column(function::KEY), Fr::from(262_147));
    assert_eq!(column(function::VALUE), Fr::from(7));
    let times = setup.circuit.get(Col::TableMult.at(row));
    assert_eq!(times, Fr::from(2));
}

#[test]
fn worked_example_of_the_product_is_that_of_the_page() {
    let mut b = Builder::new(240, 0);
    let (x, w) = (b.input(1, 1, 3), b.input(1, 1, 3));
    let y = b.product(x, w, (1, 1, 3));
    let QLayer::Product(layer) = &mut b.graph.layers[0] else {
        panic!("it is a product");
    };
    (layer.left.elements, layer.right.elements) = (None, None);
    layer.weights = [1, 2, -1];
    layer.element_bias.fill(0);
    b.graph.outputs.push(y);
    let example = computed(&b, &[vec![1, 2, 3], vec![4, 5, 6]]);
    assert_eq!(sums_of(&example, y), numbers(&[308]));
    assert_eq!(kept(&example), numbers(&[518, 123, 456]));
    let (setup, second) = &example;
    let base = setup.plan.layout.tensors[&y].block().end;
    let d = (base..base + 6).map(|row| number(second, Col::D.at(row)));
    assert_eq!(d.collect::<Vec<_>>(), numbers(&[4, 4, 50, 50, 518, 518]));
}

#[test]
fn worked_example_of_the_matrix_product_is_that_of_the_page() {
    let mut b = Builder::new(240, 0);
    let (x, w) = (b.input(2, 1, 3), b.input(1, 2, 2));
    let y = b.mat_mul(w, x, 1, 2);
    let QLayer::MatMul(layer) = &mut b.graph.layers[0] else {
        panic!("it is a matrix product");
    };
    layer.weights = [1, 2, -1];
    layer.element_bias.fill(0);
    b.graph.outputs.push(y);
    let example = computed(&b, &[vec![1, 2, 3, 4, 5, 6], vec![1, 2, 3, 4]]);
    assert_eq!(sums_of(&example, y), numbers(&[1122, 3168]));
    let sums = [1001, 1003, 2004, 1_037_193, 3007, 579];
    let geometric = [11, 111];
    assert_eq!(kept(&example), numbers(&[&geometric[..], &sums].concat()));
}

/// Rows of the check for one product of so many matrices, rows and inner columns.
fn rows_of_matrix_products(matrices: usize, rows: usize, inner: usize) -> usize {
    let mut b = Builder::new(240, 0);
    let (x, w) = (b.input(matrices * inner, 2, 3), b.input(1, 1, 7));
    let y = b.mat_mul(w, x, matrices, rows);
    b.graph.outputs.push(y);
    let model = partition(&b.graph, &[1], Visibility::Public, Visibility::Public);
    let plan = Way::Compact.plan(&model, 0, &PlanOptions::default());
    plan.check.len()
}

#[test]
fn matrix_products_take_the_rows_of_the_page() {
    let rows = rows_of_matrix_products;
    for (m, i, k) in [(1, 2, 2), (2, 3, 4), (3, 5, 2)] {
        assert_eq!(rows(m, i, k + 1) - rows(m, i, k), m * (i + 5));
        assert_eq!(rows(m + 1, i, k) - rows(m, i, k), k * (i + 5) + i + 8);
    }
}
