//! The constraints of a circuit as programs over its columns.

use crate::lookup;
use crate::permutation::{self, Shared, set_len};
use chainfer_compute::quotient::{Builder, Program, Value};
use halo2_proofs::plonk::{Any, Column, ConstraintSystem, Expression};
use halo2curves::bn256::Fr;
use halo2curves::ff::{Field, PrimeField};
use std::sync::OnceLock;

/// Numbers of the polynomials of a proof, which are those of a program's columns, too: fixed columns are first, then advice and so on in
/// the order of the fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    pub(crate) advice: usize,
    pub(crate) instance: usize,
    /// Running products of the permutation.
    pub(crate) product: usize,
    pub(crate) sigma: usize,
    /// Three a lookup: running product, permuted input, permuted table.
    pub(crate) lookup: usize,
    /// 1 in the first row, in the last usable one, in all before it; and X.
    pub(crate) rows: usize,
    /// No column of a program: the random polynomial, and the quotient, combined at a point.
    pub(crate) random: usize,
    pub(crate) quotient: usize,
}

/// Number of polynomials from [`Places::rows`] on.
pub(crate) const ROWS: usize = 4;

impl Places {
    pub(crate) fn new(cs: &ConstraintSystem<Fr>) -> Self {
        let copied = cs.permutation().get_columns().len();
        let advice = cs.num_fixed_columns();
        let instance = advice + cs.num_advice_columns();
        let product = instance + cs.num_instance_columns();
        let sigma = product + copied.div_ceil(set_len(cs.degree()));
        let lookup = sigma + copied;
        let rows = lookup + 3 * cs.lookups().len();
        Places {
            advice,
            instance,
            product,
            sigma,
            lookup,
            rows,
            random: rows + ROWS,
            quotient: rows + ROWS + 1,
        }
    }

    /// The number of a column of the circuit.
    pub(crate) fn of(&self, column: &Column<Any>) -> usize {
        column.index()
            + match column.column_type() {
                Any::Fixed => 0,
                Any::Advice(_) => self.advice,
                Any::Instance => self.instance,
            }
    }
}

const BETA: usize = 0;
const GAMMA: usize = 1;
const THETA: usize = 2;
const Y: usize = 3;
const CHALLENGES: usize = 4;

/// A column at a rotation.
pub(crate) type Query = (usize, i32);

/// The numerator of the quotient for a part of a coset, on which a rotated column is another column: its columns are queries, in this order.
#[derive(Debug)]
pub(crate) struct Parted {
    pub(crate) program: Program,
    pub(crate) queries: Vec<Query>,
}

/// The programs of a circuit, each compiled when it is first asked for. Their parameters are beta, gamma, theta, y and the circuit's
/// challenges.
#[derive(Debug, Default)]
pub(crate) struct Quotient {
    numerator: OnceLock<Program>,
    parted: OnceLock<Parted>,
    compressed: OnceLock<Program>,
}

impl Quotient {
    /// All constraints, combined by powers of y.
    pub(crate) fn numerator(&self, cs: &ConstraintSystem<Fr>) -> &Program {
        self.numerator.get_or_init(|| {
            let mut constraints = Constraints::new(cs, false);
            let numerator = constraints.numerator();
            constraints.builder.compile(&[numerator])
        })
    }

    /// The same, on parts of a coset.
    pub(crate) fn parted(&self, cs: &ConstraintSystem<Fr>) -> &Parted {
        self.parted.get_or_init(|| {
            let mut constraints = Constraints::new(cs, true);
            let numerator = constraints.numerator();
            Parted {
                program: constraints.builder.compile(&[numerator]),
                queries: constraints.queries.unwrap_or_default(),
            }
        })
    }

    /// Input and table of every lookup, compressed by powers of theta, over the columns of fixed, advice and instance values.
    pub(crate) fn compressed_lookups(&self, cs: &ConstraintSystem<Fr>) -> &Program {
        self.compressed.get_or_init(|| {
            let mut constraints = Constraints::new(cs, false);
            let compressed = constraints.compressed_lookups();
            constraints.builder.compile(&compressed)
        })
    }
}

/// Writes the constraints of a circuit.
struct Constraints<'a> {
    cs: &'a ConstraintSystem<Fr>,
    at: Places,
    builder: Builder,
    /// Where a column at a rotation is a column by itself: those that are.
    queries: Option<Vec<Query>>,
}

impl<'a> Constraints<'a> {
    fn new(cs: &'a ConstraintSystem<Fr>, parted: bool) -> Self {
        Constraints {
            cs,
            at: Places::new(cs),
            builder: Builder::new(),
            queries: parted.then(Vec::new),
        }
    }

    fn column(&mut self, column: usize, rotation: i32) -> Value {
        let Some(queries) = &mut self.queries else {
            return self.builder.column(column, rotation);
        };
        let found = queries
            .iter()
            .position(|query| *query == (column, rotation));
        let place = found.unwrap_or_else(|| {
            queries.push((column, rotation));
            queries.len() - 1
        });
        self.builder.column(place, 0)
    }

    fn expression(&mut self, expression: &Expression<Fr>) -> Value {
        match expression {
            Expression::Constant(c) => self.builder.constant(*c),
            // Keys hold selectors as fixed columns.
            Expression::Selector(_) => self.builder.constant(Fr::ZERO),
            Expression::Fixed(q) => self.column(q.column_index(), q.rotation().0),
            Expression::Advice(q) => self.column(self.at.advice + q.column_index(), q.rotation().0),
            Expression::Instance(q) => {
                self.column(self.at.instance + q.column_index(), q.rotation().0)
            }
            Expression::Challenge(c) => self.builder.parameter(CHALLENGES + c.index()),
            Expression::Negated(x) => {
                let x = self.expression(x);
                self.builder.negate(x)
            }
            Expression::Sum(x, y) => {
                let (x, y) = (self.expression(x), self.expression(y));
                self.builder.add(x, y)
            }
            Expression::Product(x, y) => {
                let (x, y) = (self.expression(x), self.expression(y));
                self.builder.multiply(x, y)
            }
            Expression::Scaled(x, c) => {
                let (x, c) = (self.expression(x), self.builder.constant(*c));
                self.builder.multiply(x, c)
            }
        }
    }

    fn compress(&mut self, expressions: &[Expression<Fr>]) -> Value {
        let theta = self.builder.parameter(THETA);
        let values: Vec<Value> = expressions.iter().map(|e| self.expression(e)).collect();
        self.builder.horner(&values, theta)
    }

    fn compressed_lookups(&mut self) -> Vec<Value> {
        let mut outputs = Vec::new();
        for lookup in self.cs.lookups() {
            outputs.push(self.compress(lookup.input_expressions()));
            outputs.push(self.compress(lookup.table_expressions()));
        }
        outputs
    }

    fn numerator(&mut self) -> Value {
        let mut terms = Vec::new();
        for gate in self.cs.gates() {
            for polynomial in gate.polynomials() {
                terms.push(self.expression(polynomial));
            }
        }
        self.permutation(&mut terms);
        self.lookups(&mut terms);
        let y = self.builder.parameter(Y);
        self.builder.horner(&terms, y)
    }

    fn first_row(&mut self) -> Value {
        self.column(self.at.rows, 0)
    }

    fn last_row(&mut self) -> Value {
        self.column(self.at.rows + 1, 0)
    }

    fn active_rows(&mut self) -> Value {
        self.column(self.at.rows + 2, 0)
    }

    /// A running product starts at 1: first · (1 - z).
    fn starts_at_one(&mut self, z: Value) -> Value {
        let one = self.builder.constant(Fr::ONE);
        let difference = self.builder.subtract(one, z);
        let first = self.first_row();
        self.builder.multiply(difference, first)
    }

    /// A running product ends at 0 or 1: last · (z^2 - z).
    fn ends_at_one(&mut self, z: Value) -> Value {
        let square = self.builder.square(z);
        let difference = self.builder.subtract(square, z);
        let last = self.last_row();
        self.builder.multiply(difference, last)
    }

    /// In all rows before the last usable one: active · (left - right).
    fn equal_in_active_rows(&mut self, left: Value, right: Value) -> Value {
        let difference = self.builder.subtract(left, right);
        let active = self.active_rows();
        self.builder.multiply(difference, active)
    }

    fn permutation(&mut self, terms: &mut Vec<Value>) {
        let (product, sets) = (self.at.product, self.at.sigma - self.at.product);
        if sets == 0 {
            return;
        }
        let z = self.column(product, 0);
        terms.push(self.starts_at_one(z));
        let z = self.column(product + sets - 1, 0);
        terms.push(self.ends_at_one(z));
        let end = -(self.cs.blinding_factors() as i32 + 1);
        for set in 1..sets {
            let z = self.column(product + set, 0);
            let before = self.column(product + set - 1, end);
            let difference = self.builder.subtract(z, before);
            let first = self.first_row();
            terms.push(self.builder.multiply(difference, first));
        }
        let (beta, gamma) = (self.builder.parameter(BETA), self.builder.parameter(GAMMA));
        let x = self.column(self.at.rows + 3, 0);
        let beta_x = self.builder.multiply(beta, x);
        let shared = Shared {
            beta,
            gamma,
            beta_x,
        };
        let mut delta = Fr::ONE;
        let mut sigma = self.at.sigma;
        let columns = self.cs.permutation().get_columns();
        for (set, columns) in columns.chunks(set_len(self.cs.degree())).enumerate() {
            let mut left = self.column(product + set, 1);
            let mut right = self.column(product + set, 0);
            for column in columns {
                let value = self.column(self.at.of(column), 0);
                let values = (value, self.column(sigma, 0), delta);
                let into = (&mut right, &mut left);
                permutation::multiply(&mut self.builder, shared, into, values);
                delta *= Fr::DELTA;
                sigma += 1;
            }
            terms.push(self.equal_in_active_rows(left, right));
        }
    }

    fn lookups(&mut self, terms: &mut Vec<Value>) {
        let (beta, gamma) = (self.builder.parameter(BETA), self.builder.parameter(GAMMA));
        for (number, argument) in self.cs.lookups().iter().enumerate() {
            let place = self.at.lookup + 3 * number;
            let (z, z_next) = (self.column(place, 0), self.column(place, 1));
            let (a, a_before) = (self.column(place + 1, 0), self.column(place + 1, -1));
            let s = self.column(place + 2, 0);
            let input = self.compress(argument.input_expressions());
            let table = self.compress(argument.table_expressions());
            terms.push(self.starts_at_one(z));
            terms.push(self.ends_at_one(z));
            let mut times = |z: Value, columns: (Value, Value)| {
                let factor = lookup::factor(&mut self.builder, (beta, gamma), columns);
                self.builder.multiply(z, factor)
            };
            let (left, right) = (times(z_next, (a, s)), times(z, (input, table)));
            terms.push(self.equal_in_active_rows(left, right));
            // A' equals S' in the first row, and S' or the A' before it in the others.
            let to_table = self.builder.subtract(a, s);
            let first = self.first_row();
            terms.push(self.builder.multiply(to_table, first));
            let to_before = self.builder.subtract(a, a_before);
            let both = self.builder.multiply(to_table, to_before);
            let active = self.active_rows();
            terms.push(self.builder.multiply(both, active));
        }
    }
}

#[cfg(test)]
mod tests;
