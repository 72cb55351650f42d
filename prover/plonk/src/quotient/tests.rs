//! The numerator against halo2's own evaluation of expressions, row by row, on random columns of random circuits.

#[path = "../../tests/random/mod.rs"]
#[expect(dead_code, reason = "integration tests use the rest")]
mod random;

use super::*;
use chainfer_compute::lanes::Arithmetic;
use halo2_proofs::poly::Rotation;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use random::RandomCircuit;

/// All that a numerator is made of, with random values.
struct Reference {
    cs: ConstraintSystem<Fr>,
    columns: Vec<Vec<Fr>>,
    parameters: Vec<Fr>,
    rows: usize,
}

impl Reference {
    fn cell(&self, column: usize, row: usize, rotation: Rotation) -> Fr {
        let row = (row as i64 + i64::from(rotation.0)).rem_euclid(self.rows as i64);
        self.columns[column][row as usize]
    }

    fn expression(&self, expression: &Expression<Fr>, row: usize) -> Fr {
        let at = Places::new(&self.cs);
        expression.evaluate(
            &|constant| constant,
            &|_| panic!("selectors are replaced"),
            &|query| self.cell(query.column_index(), row, query.rotation()),
            &|query| self.cell(at.advice + query.column_index(), row, query.rotation()),
            &|query| self.cell(at.instance + query.column_index(), row, query.rotation()),
            &|challenge| self.parameters[CHALLENGES + challenge.index()],
            &|a| -a,
            &|a, b| a + b,
            &|a, b| a * b,
            &|a, factor| a * factor,
        )
    }

    /// The terms in halo2's order, written as in the halo2 book.
    fn terms(&self, row: usize) -> Vec<Fr> {
        let (cs, at) = (&self.cs, Places::new(&self.cs));
        let [beta, gamma, theta] = [BETA, GAMMA, THETA].map(|index| self.parameters[index]);
        let (here, next, before) = (Rotation::cur(), Rotation::next(), Rotation::prev());
        let [first, last, active, x] = [0, 1, 2, 3].map(|i| self.cell(at.rows + i, row, here));
        let mut terms: Vec<Fr> = cs
            .gates()
            .iter()
            .flat_map(|gate| gate.polynomials())
            .map(|polynomial| self.expression(polynomial, row))
            .collect();
        let copied = cs.permutation().get_columns();
        let chunks: Vec<_> = copied.chunks(cs.degree() - 2).collect();
        let z = |set: usize, rotation| self.cell(at.product + set, row, rotation);
        if !chunks.is_empty() {
            let end = z(chunks.len() - 1, here);
            terms.push(first * (Fr::ONE - z(0, here)));
            terms.push(last * (end * end - end));
        }
        for set in 1..chunks.len() {
            let end = Rotation(-(cs.blinding_factors() as i32 + 1));
            terms.push(first * (z(set, here) - z(set - 1, end)));
        }
        let mut number = 0;
        for (set, chunk) in chunks.iter().enumerate() {
            let (mut left, mut right) = (z(set, next), z(set, here));
            for column in *chunk {
                let start = match column.column_type() {
                    Any::Fixed => 0,
                    Any::Advice(_) => at.advice,
                    Any::Instance => at.instance,
                };
                let value = self.cell(start + column.index(), row, here);
                let sigma = self.cell(at.sigma + number, row, here);
                left *= value + beta * sigma + gamma;
                right *= value + Fr::DELTA.pow_vartime([number as u64]) * beta * x + gamma;
                number += 1;
            }
            terms.push(active * (left - right));
        }
        for (number, lookup) in cs.lookups().iter().enumerate() {
            let place = at.lookup + 3 * number;
            let compress = |expressions: &[Expression<Fr>]| {
                let values = expressions.iter().map(|e| self.expression(e, row));
                values.fold(Fr::ZERO, |sum, value| sum * theta + value)
            };
            let input = compress(lookup.input_expressions());
            let table = compress(lookup.table_expressions());
            let (z, z_next) = (self.cell(place, row, here), self.cell(place, row, next));
            let (a, a_before) = (
                self.cell(place + 1, row, here),
                self.cell(place + 1, row, before),
            );
            let s = self.cell(place + 2, row, here);
            terms.push(first * (Fr::ONE - z));
            terms.push(last * (z * z - z));
            terms.push(
                active * (z_next * (a + beta) * (s + gamma) - z * (input + beta) * (table + gamma)),
            );
            terms.push(first * (a - s));
            terms.push(active * (a - s) * (a - a_before));
        }
        terms
    }
}

#[test]
fn numerator_is_what_halo2_says_on_any_columns() {
    let mut rng = ChaCha20Rng::seed_from_u64(8);
    for seed in 0..150 {
        let (cs, _) = RandomCircuit::new(seed, 6, 3).plan();
        let none_on = vec![vec![false; 8]; cs.num_selectors()];
        let (cs, _) = match seed % 2 {
            0 => cs.directly_convert_selectors_to_fixed(none_on),
            _ => cs.compress_selectors(none_on),
        };
        let rows = [32, 64, 128, 256][rng.gen_range(0..4)];
        let mut random =
            |length: usize| -> Vec<Fr> { (0..length).map(|_| Fr::random(&mut rng)).collect() };
        let reference = Reference {
            columns: (0..Places::new(&cs).rows + 4)
                .map(|_| random(rows))
                .collect(),
            parameters: random(CHALLENGES + cs.num_challenges()),
            rows,
            cs,
        };
        let y = reference.parameters[Y];
        let expected: Vec<Fr> = (0..rows)
            .map(|row| {
                let terms = reference.terms(row);
                terms.into_iter().fold(Fr::ZERO, |sum, term| sum * y + term)
            })
            .collect();
        let quotient = Quotient::default();
        let slices: Vec<&[Fr]> = reference.columns.iter().map(Vec::as_slice).collect();
        // A rotated column is a column by itself.
        let rotated: Vec<Vec<Fr>> = quotient
            .parted(&reference.cs)
            .queries
            .iter()
            .map(|(column, rotation)| {
                let cell = |row| reference.cell(*column, row, Rotation(*rotation));
                (0..rows).map(cell).collect()
            })
            .collect();
        let rotated: Vec<&[Fr]> = rotated.iter().map(Vec::as_slice).collect();
        for arithmetic in Arithmetic::available() {
            let mut computed = vec![Fr::ZERO; rows];
            let program = quotient.numerator(&reference.cs);
            program.evaluate(arithmetic, &slices, &reference.parameters, &mut computed);
            assert_eq!(computed, expected, "seed {seed}");
            let program = &quotient.parted(&reference.cs).program;
            program.evaluate(arithmetic, &rotated, &reference.parameters, &mut computed);
            assert_eq!(computed, expected, "seed {seed}");
        }
    }
}
