//! Programs against plain evaluation, row by row, and their bounds against what each operation asks for.

use super::run::Block;
use super::*;
use crate::lanes::{Arithmetic, Kernel as _, checked::Checked};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

/// Elements whose Montgomery form is at an end, small ones, and random ones.
fn element(rng: &mut ChaCha20Rng) -> Fr {
    let inverse_radix = Fr::from(2).pow_vartime([256]).invert().unwrap();
    match rng.gen_range(0..8) {
        0 => Fr::ZERO,
        1 => Fr::ONE,
        2 => -Fr::ONE,
        3 => -inverse_radix,
        4 => inverse_radix,
        5 => -Fr::from(rng.gen_range(2..9)),
        _ => Fr::random(rng),
    }
}

/// A builder whose every value is also evaluated, in every row.
struct Reference {
    builder: Builder,
    columns: Vec<Vec<Fr>>,
    parameters: Vec<Fr>,
    rows: usize,
    values: Vec<(Value, Vec<Fr>)>,
}

impl Reference {
    fn new(rng: &mut ChaCha20Rng, rows: usize, columns: usize, parameters: usize) -> Self {
        let mut columns: Vec<Vec<Fr>> = (0..columns)
            .map(|_| (0..rows).map(|_| element(rng)).collect())
            .collect();
        // The largest load there is, in every row.
        let inverse_radix = Fr::from(2).pow_vartime([256]).invert().unwrap();
        columns[0] = vec![-inverse_radix; rows];
        Reference {
            builder: Builder::new(),
            columns,
            parameters: (0..parameters).map(|_| element(rng)).collect(),
            rows,
            values: Vec::new(),
        }
    }

    fn leaf(&mut self, rng: &mut ChaCha20Rng) -> (Value, Vec<Fr>) {
        match rng.gen_range(0..10) {
            0 => {
                let constant = element(rng);
                (self.builder.constant(constant), vec![constant; self.rows])
            }
            1 | 2 => {
                let index = rng.gen_range(0..self.parameters.len());
                let value = self.builder.parameter(index);
                (value, vec![self.parameters[index]; self.rows])
            }
            _ => {
                let column = rng.gen_range(0..self.columns.len());
                let rotation = rng.gen_range(-3..4) * rng.gen_range(0..4);
                let value = self.builder.column(column, rotation);
                let rows = (0..self.rows as i64)
                    .map(|row| (row + i64::from(rotation)).rem_euclid(self.rows as i64))
                    .map(|row| self.columns[column][row as usize])
                    .collect();
                (value, rows)
            }
        }
    }

    fn pick(&mut self, rng: &mut ChaCha20Rng) -> (Value, Vec<Fr>) {
        // Mostly recent values, so that expressions become deep.
        let recent = self.values.len().min(12);
        match rng.gen_range(0..4) {
            0 => self.leaf(rng),
            1 if recent > 0 => self.values[rng.gen_range(0..self.values.len())].clone(),
            _ if recent > 0 => {
                self.values[self.values.len() - 1 - rng.gen_range(0..recent)].clone()
            }
            _ => self.leaf(rng),
        }
    }

    fn grow(&mut self, rng: &mut ChaCha20Rng) {
        let zip = |a: &[Fr], b: &[Fr], f: fn(Fr, Fr) -> Fr| -> Vec<Fr> {
            a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
        };
        let (a, x) = self.pick(rng);
        let (b, y) = self.pick(rng);
        let grown = match rng.gen_range(0..12) {
            0..=3 => (self.builder.add(a, b), zip(&x, &y, |x, y| x + y)),
            4..=6 => (self.builder.subtract(a, b), zip(&x, &y, |x, y| x - y)),
            7..=8 => (self.builder.multiply(a, b), zip(&x, &y, |x, y| x * y)),
            9 => (self.builder.negate(a), x.iter().map(|x| -x).collect()),
            10 => (self.builder.square(a), x.iter().map(Fr::square).collect()),
            _ => {
                let factor = match rng.gen_range(0..2) {
                    0 => (
                        self.builder.parameter(0),
                        vec![self.parameters[0]; self.rows],
                    ),
                    _ => (b, y),
                };
                let mut terms = Vec::new();
                let mut sum = vec![Fr::ZERO; self.rows];
                let shared = self.pick(rng);
                for _ in 0..rng.gen_range(0..20) {
                    let (mut term, mut rows) = self.pick(rng);
                    if rng.gen_range(0..2) == 0 {
                        term = self.builder.multiply(term, shared.0);
                        rows = zip(&rows, &shared.1, |x, y| x * y);
                    }
                    terms.push(term);
                    sum = zip(&zip(&sum, &factor.1, |x, y| x * y), &rows, |x, y| x + y);
                }
                (self.builder.horner(&terms, factor.0), sum)
            }
        };
        self.values.push(grown);
    }

    /// Compiles the last values and a leaf, and compares.
    fn check(mut self, rng: &mut ChaCha20Rng) {
        let leaf = self.leaf(rng);
        let mut expected: Vec<_> = self.values.iter().rev().take(2).cloned().collect();
        expected.push(leaf);
        let outputs: Vec<Value> = expected.iter().map(|(value, _)| *value).collect();
        let program = self.builder.compile(&outputs);
        let columns: Vec<&[Fr]> = self.columns.iter().map(Vec::as_slice).collect();
        for arithmetic in Arithmetic::available() {
            let mut computed = vec![vec![Fr::from(77); self.rows]; outputs.len()];
            let mut slices: Vec<&mut [Fr]> = computed.iter_mut().map(Vec::as_mut_slice).collect();
            program.evaluate_all(arithmetic, &columns, &self.parameters, &mut slices);
            for (output, (computed, (_, expected))) in computed.iter().zip(&expected).enumerate() {
                assert_eq!(computed, expected, "output {output}, {}", arithmetic.name());
            }
        }
        check_bounds(&program, &columns, &self.parameters, self.rows);
    }
}

#[test]
fn random_programs_are_plain_evaluation() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    for case in 0..600 {
        let rows = [8, 1, 2, 4, 16, 32, 64, 128, 31, 100][case % 10];
        let columns = rng.gen_range(1..30);
        let mut reference = Reference::new(&mut rng, rows, columns, 3);
        for _ in 0..rng.gen_range(1..120) {
            reference.grow(&mut rng);
        }
        reference.check(&mut rng);
    }
}

#[test]
fn tasks_join_where_rows_are_many() {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let mut reference = Reference::new(&mut rng, 4096, 9, 3);
    for _ in 0..60 {
        reference.grow(&mut rng);
    }
    reference.check(&mut rng);
}

#[test]
fn deep_expressions_need_no_stack() {
    let mut builder = Builder::new();
    let (x, y) = (builder.column(0, 0), builder.column(1, 1));
    let mut value = x;
    for _ in 0..200_000 {
        let product = builder.multiply(value, y);
        value = builder.add(product, x);
    }
    let program = builder.compile(&[value]);
    assert!(program.cost().registers < 8, "{:?}", program.cost());
    let (x, y) = ([Fr::from(3)], [Fr::ZERO]);
    let mut output = [Fr::ZERO];
    program.evaluate(Arithmetic::Portable, &[&x, &y], &[], &mut output);
    assert_eq!(output, [Fr::from(3)]);
}

#[test]
fn constants_and_signs_vanish_where_they_can() {
    let mut builder = Builder::new();
    let b = &mut builder;
    let (x, y, p) = (b.column(0, 0), b.column(1, 0), b.parameter(0));
    let (zero, one, two) = (
        b.constant(Fr::ZERO),
        b.constant(Fr::ONE),
        b.constant(Fr::from(2)),
    );
    let minus_one = b.constant(-Fr::ONE);
    assert_eq!(b.subtract(x, zero), x);
    assert_eq!(b.add(zero, x), x);
    assert_eq!(b.multiply(x, one), x);
    assert_eq!(b.multiply(zero, x), zero);
    assert_eq!(b.subtract(x, x), zero);
    let negative = b.negate(x);
    assert_eq!(b.negate(negative), x);
    assert_eq!(b.multiply(x, minus_one), negative);
    assert_eq!(b.subtract(zero, x), negative);
    assert_eq!(b.add(x, y), b.add(y, x));
    assert_eq!(b.multiply(x, y), b.multiply(y, x));
    assert_eq!(b.add(negative, y), b.subtract(y, x));
    let three = b.add(two, one);
    assert_eq!(three, b.constant(Fr::from(3)));
    // Factors that are the same in all rows meet.
    let (px, twice) = (b.multiply(p, x), b.multiply(y, two));
    let (xy, p2) = (b.multiply(x, y), b.multiply(two, p));
    assert_eq!(b.multiply(px, twice), b.multiply(xy, p2));
    let (shifted, moved) = (b.add(x, p), b.add(one, x));
    assert_eq!(b.add(shifted, one), b.add(p, moved));
}

#[test]
fn shared_factors_are_multiplied_once() {
    let mut builder = Builder::new();
    let (selector, y) = (builder.column(0, 0), builder.parameter(0));
    let terms: Vec<Value> = (1..=16)
        .map(|column| {
            let (a, b) = (builder.column(column, 0), builder.column(column, 1));
            let difference = builder.subtract(a, b);
            builder.multiply(selector, difference)
        })
        .collect();
    let sum = builder.horner(&terms, y);
    let cost = builder.compile(&[sum]).cost();
    assert_eq!(cost.products, 1, "{cost:?}");
    // The last term is not multiplied by a power.
    assert_eq!((cost.sums_of_products, cost.summed_products), (2, 15));
}

#[test]
#[should_panic(expected = "too few columns")]
fn too_few_columns_are_refused() {
    let mut builder = Builder::new();
    let value = builder.column(1, 0);
    let program = builder.compile(&[value]);
    program.evaluate(Arithmetic::Portable, &[&[Fr::ONE]], &[], &mut [Fr::ZERO]);
}

fn check_bounds(program: &Program, columns: &[&[Fr]], parameters: &[Fr], rows: usize) {
    let constants = program.invariants.evaluate(parameters);
    let mut outputs = vec![vec![Fr::ZERO; rows]; program.outputs];
    let mut slices: Vec<&mut [Fr]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    let block = Block {
        program,
        columns,
        constants: &constants,
        rows,
        start: 0,
        outputs: &mut slices,
    };
    block.run::<Checked<Fr>>();
}

#[test]
fn long_sums_of_extreme_values_are_reduced_in_time() {
    let inverse_radix = Fr::from(2).pow_vartime([256]).invert().unwrap();
    let columns = vec![vec![-inverse_radix; 16]; 40];
    let mut builder = Builder::new();
    let values: Vec<Value> = (0..40).map(|column| builder.column(column, 0)).collect();
    let sum = values
        .iter()
        .copied()
        .reduce(|sum, value| builder.add(sum, value))
        .unwrap();
    let negative = values.iter().fold(sum, |difference, &value| {
        let product = builder.multiply(sum, value);
        builder.subtract(difference, product)
    });
    let square = builder.square(negative);
    let program = builder.compile(&[sum, negative, square]);
    assert!(program.cost().reductions > 0);
    let columns: Vec<&[Fr]> = columns.iter().map(Vec::as_slice).collect();
    let total = -inverse_radix * Fr::from(40);
    let negative = total - total * total;
    for arithmetic in Arithmetic::available() {
        let mut computed = [[Fr::ZERO; 16]; 3];
        let mut slices: Vec<&mut [Fr]> =
            computed.iter_mut().map(<[Fr; 16]>::as_mut_slice).collect();
        program.evaluate_all(arithmetic, &columns, &[], &mut slices);
        assert_eq!(
            computed,
            [total, negative, negative.square()].map(|value| [value; 16])
        );
    }
    check_bounds(&program, &columns, &[], 16);
}
