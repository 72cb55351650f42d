//! Gates and lookups of a plan.

use super::expression::{pick, rotation, value};
use super::plan::{FixedTable, Gate, Input, Lookup, Plan, Role, Switch, Table};
use halo2_proofs::plonk::{ConstraintSystem, Expression, Selector, TableColumn};
use halo2_proofs::poly::Rotation;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field as _;
use rand::Rng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha20Rng;

impl Plan {
    fn selector(&mut self, selector: Selector) -> usize {
        self.selectors.push((selector, Vec::new()));
        self.selectors.len() - 1
    }

    fn fixed_column(&mut self, meta: &mut ConstraintSystem<Fr>) -> usize {
        // Tables come last, so that the index of a column is its place here.
        self.fixed.push((meta.fixed_column(), Vec::new()));
        self.fixed.len() - 1
    }

    /// Adds a gate: where it is on, `output - definition` is zero.
    pub(super) fn gate(
        &mut self,
        meta: &mut ConstraintSystem<Fr>,
        rng: &mut ChaCha20Rng,
        degree: usize,
        full: bool,
    ) {
        let switch = match rng.gen_range(0..if full { 2 } else { 4 }) {
            0 => Switch::Selector(self.selector(meta.selector())),
            1 => Switch::Selector(self.selector(meta.complex_selector())),
            2 => Switch::Fixed(self.fixed_column(meta)),
            _ => Switch::Choice(self.fixed_column(meta)),
        };
        let (on, left) = match switch {
            Switch::Selector(index) => (self.selectors[index].0.expr(), degree - 1),
            Switch::Fixed(index) => (self.fixed[index].0.cur(), degree - 1),
            Switch::Choice(index) => {
                let choice: Expression<Fr> = self.fixed[index].0.cur();
                let other = Expression::Constant(Fr::from(2)) - choice.clone();
                (choice * other, degree - 2)
            }
        };
        let simple =
            matches!(switch, Switch::Selector(index) if self.selectors[index].0.is_simple());
        let general: Vec<usize> = (self.order.iter().copied().skip(1))
            .filter(|&index| self.roles[index] == Role::General)
            .collect();
        let mut outputs = Vec::new();
        let mut polynomials: Vec<Expression<Fr>> = Vec::new();
        for _ in 0..if full { 1 } else { rng.gen_range(1..4) } {
            let column = pick(rng, &general);
            let sources = self.sources(column);
            let definition = if full {
                let cells = (0..left).map(|_| match sources.advice.is_empty() {
                    true => self.advice[self.order[0]].column.query_cell(rotation(rng)),
                    false => pick(rng, &sources.advice).query_cell(rotation(rng)),
                });
                cells.reduce(|product, cell| product * cell).unwrap()
            } else {
                sources.expression(rng, left)
            };
            let at = Rotation(pick(rng, &[0, 0, 0, 1, -1]));
            let output = self.advice[column].column.query_cell(at);
            let (on, e) = (on.clone(), definition.clone());
            let polynomial = match rng.gen_range(0..5) {
                0 => on * (output - e),
                1 => (e - output) * on,
                2 if !simple => on.clone() * e - on * output,
                3 if !self.challenges.is_empty() => {
                    pick(rng, &self.challenges).expr::<Fr>() * (on * (e - output))
                }
                _ => on * (e - output) * Fr::from(7),
            };
            polynomials.push(polynomial);
            outputs.push((column, at, self.definitions.len()));
            self.definitions.push(definition);
        }
        // Polynomials that are zero whatever the columns hold.
        let a: Expression<Fr> = self.advice[self.order[0]].column.cur();
        match rng.gen_range(0..10) {
            0 => polynomials.push(Expression::Constant(Fr::ZERO)),
            1 => polynomials.push(on * Fr::ZERO),
            2 => polynomials.push(a.clone() - a),
            _ => {}
        }
        polynomials.shuffle(rng);
        meta.create_gate("gate", |_| polynomials);
        self.gates.push(Gate { switch, outputs });
    }

    pub(super) fn lookup(
        &mut self,
        meta: &mut ConstraintSystem<Fr>,
        rng: &mut ChaCha20Rng,
        degree: usize,
        lookup: usize,
    ) {
        // By the order in which they are filled.
        let mut columns: Vec<(usize, usize)> = (self.order.iter())
            .filter_map(|&index| match self.roles[index] {
                Role::Input(of, input) if of == lookup => Some((input, index)),
                _ => None,
            })
            .collect();
        let first = columns[0].1;
        columns.sort_unstable();
        // A selector makes an input's degree 2, and the table's is 1 at least: 5 together with the two of the argument.
        let selected = (degree >= 5 && rng.gen_range(0..2) == 0).then(|| {
            let selector = self.selector(meta.complex_selector());
            (selector, rotation(rng))
        });
        let inputs: Vec<Input> = columns
            .iter()
            .map(|&(_, column)| Input {
                column,
                affine: match rng.gen_range(0..2) {
                    0 if selected.is_none() => (Fr::random(&mut *rng), value(rng)),
                    _ => (Fr::ONE, Fr::ZERO),
                },
            })
            .collect();
        let expressions: Vec<Expression<Fr>> = inputs
            .iter()
            .map(|input| {
                let column = self.advice[input.column].column;
                match selected {
                    Some((selector, at)) => {
                        self.selectors[selector].0.expr::<Fr>() * column.query_cell(at)
                    }
                    None => {
                        let (factor, offset) = input.affine;
                        column.cur::<Fr>() * factor + Expression::Constant(offset)
                    }
                }
            })
            .collect();
        let table = if rng.gen_range(0..2) == 0 {
            let columns: Vec<TableColumn> =
                inputs.iter().map(|_| meta.lookup_table_column()).collect();
            let mut rows = vec![vec![Fr::ZERO; inputs.len()]];
            for _ in 0..rng.gen_range(0..8) {
                rows.push(inputs.iter().map(|_| value(rng)).collect());
            }
            let pairs = expressions
                .into_iter()
                .zip(columns.iter().copied())
                .collect();
            meta.lookup("table", |_| pairs);
            Table::Columns(FixedTable { columns, rows })
        } else {
            let table: Vec<Expression<Fr>> = match selected {
                // Fixed columns end with zeros, which is what inputs are where the selector is off.
                Some(_) => inputs
                    .iter()
                    .map(|_| self.fixed[rng.gen_range(0..self.plain_fixed)].0.cur())
                    .collect(),
                None => {
                    let sources = self.sources(first);
                    inputs
                        .iter()
                        .map(|_| sources.expression(rng, degree - 3))
                        .collect()
                }
            };
            let pairs = expressions.into_iter().zip(table.clone()).collect();
            meta.lookup_any("expressions", |_| pairs);
            Table::Expressions {
                expressions: table,
                rows: Vec::new(),
            }
        };
        self.lookups.push(Lookup {
            table,
            inputs,
            selected,
        });
    }
}
