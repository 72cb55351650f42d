//! Evaluates gates and copy constraints around a changed cell: the verdict of the mock prover on one change, without a run for each.
//!
//! Stricter than the mock prover in one point: blinded rows hold random values, and gates must vanish there too.

use super::recorder::{Recorder, challenge};
use super::{Setup, Witnessed};
use crate::columns::{CellRef, Col, Columns};
use halo2_proofs::plonk::{Any, Column, Expression};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::BTreeSet;

struct Gate {
    name: String,
    polynomial: Expression<Fr>,
    /// Advice columns that it reads.
    reads: BTreeSet<usize>,
}

pub(crate) struct Evaluator {
    columns: Columns,
    gates: Vec<Gate>,
    fixed: Vec<Vec<Fr>>,
    advice: Vec<Vec<Fr>>,
    instances: Vec<Fr>,
    /// Advice cells that equal another one or an instance.
    copied: BTreeSet<(usize, usize)>,
    failing_copies: BTreeSet<(Column<Any>, Column<Any>)>,
    rows: usize,
}

impl Evaluator {
    pub(crate) fn new(setup: &Setup, circuit: &Witnessed) -> Self {
        let shape = setup.plan.shape();
        let rows = 1 << shape.k;
        let recorder = Recorder::run(&circuit.circuit());
        let mut blinds = StdRng::seed_from_u64(61);
        let mut advice = recorder.advice;
        for column in &mut advice {
            assert_eq!(column.len(), setup.plan.usable);
            column.resize_with(rows, || Fr::random(&mut blinds));
        }
        let mut fixed = recorder.fixed;
        fixed
            .iter_mut()
            .for_each(|column| column.resize(rows, Fr::ZERO));
        let mut instances = setup.instances.clone();
        instances.resize(rows, Fr::ZERO);
        let mut gates = Vec::new();
        for gate in recorder.system.gates() {
            for (i, polynomial) in gate.polynomials().iter().enumerate() {
                gates.push(Gate {
                    name: gate.constraint_name(i).to_string(),
                    polynomial: polynomial.clone(),
                    reads: reads(polynomial),
                });
            }
        }
        let mut evaluator = Evaluator {
            columns: crate::arrangement::configure(&mut Default::default(), shape).unwrap(),
            gates,
            fixed,
            advice,
            instances,
            copied: BTreeSet::new(),
            failing_copies: BTreeSet::new(),
            rows,
        };
        let mut failing = BTreeSet::new();
        for [left, right] in recorder.copies {
            assert_ne!(left, right);
            let value = |(column, row): (Column<Any>, usize)| match column.column_type() {
                Any::Advice(_) => evaluator.advice[column.index()][row],
                Any::Fixed => evaluator.fixed[column.index()][row],
                Any::Instance => evaluator.instances[row],
            };
            if value(left) != value(right) {
                failing.insert((left.0, right.0));
            }
            for (column, row) in [left, right] {
                if let Any::Advice(_) = column.column_type() {
                    evaluator.copied.insert((column.index(), row));
                }
            }
        }
        evaluator.failing_copies = failing;
        evaluator
    }

    /// Columns with cells whose copies differ.
    pub(crate) fn failing_copies(&self) -> &BTreeSet<(Column<Any>, Column<Any>)> {
        &self.failing_copies
    }

    fn evaluate(&self, polynomial: &Expression<Fr>, row: usize) -> Fr {
        let at = |rotation: halo2_proofs::poly::Rotation| {
            (row as i64 + i64::from(rotation.0)).rem_euclid(self.rows as i64) as usize
        };
        polynomial.evaluate(
            &|constant| constant,
            &|_| Fr::ZERO,
            &|query| self.fixed[query.column_index()][at(query.rotation())],
            &|query| self.advice[query.column_index()][at(query.rotation())],
            &|query| self.instances[at(query.rotation())],
            &|of| challenge(of.index()),
            &|a| -a,
            &|a, b| a + b,
            &|a, b| a * b,
            &|a, by| a * by,
        )
    }

    /// Gates that do not vanish, with a row each.
    pub(crate) fn failures(&self) -> Vec<(String, usize)> {
        let failing = |gate: &Gate| {
            let mut rows = 0..self.rows;
            let row = rows.find(|row| self.evaluate(&gate.polynomial, *row) != Fr::ZERO)?;
            Some((gate.name.clone(), row))
        };
        self.gates.iter().filter_map(failing).collect()
    }

    /// Position of a column.
    pub(crate) fn column(&self, col: Col) -> usize {
        self.columns.advice(col).unwrap().index()
    }

    /// Whether the circuit is still satisfied when this much is added to a cell.
    pub(crate) fn accepts(&mut self, cell: CellRef, by: Fr) -> bool {
        let column = self.column(cell.col);
        if self.copied.contains(&(column, cell.row)) {
            return false;
        }
        let around = self.around(cell);
        self.advice[column][cell.row] += by;
        let accepted = around
            .iter()
            .all(|(gate, row)| self.evaluate(&self.gates[*gate].polynomial, *row) == Fr::ZERO);
        self.advice[column][cell.row] -= by;
        accepted
    }

    /// Whether no gate notices when this much is added to a cell.
    pub(crate) fn changes_nothing(&mut self, cell: CellRef, by: Fr) -> bool {
        let column = self.column(cell.col);
        let around = self.around(cell);
        let all = |this: &Self| -> Vec<Fr> {
            let value =
                |(gate, row): &(usize, usize)| this.evaluate(&this.gates[*gate].polynomial, *row);
            around.iter().map(value).collect()
        };
        let before = all(self);
        self.advice[column][cell.row] += by;
        let after = all(self);
        self.advice[column][cell.row] -= by;
        before == after
    }

    /// The gates that read a cell, with the rows where they do.
    fn around(&self, cell: CellRef) -> Vec<(usize, usize)> {
        let column = self.column(cell.col);
        let rows = [
            (cell.row + self.rows - 1) % self.rows,
            cell.row,
            (cell.row + 1) % self.rows,
        ];
        let gates = self.gates.iter().enumerate();
        let reading = gates.filter(|(_, gate)| gate.reads.contains(&column));
        reading
            .flat_map(|(gate, _)| rows.map(|row| (gate, row)))
            .collect()
    }
}

fn reads(polynomial: &Expression<Fr>) -> BTreeSet<usize> {
    let one = |column: usize, rotation: i32| {
        assert!((-1..=1).contains(&rotation));
        BTreeSet::from([column])
    };
    let both = |mut a: BTreeSet<usize>, b: BTreeSet<usize>| {
        a.extend(b);
        a
    };
    polynomial.evaluate(
        &|_| BTreeSet::new(),
        &|_| BTreeSet::new(),
        &|_| BTreeSet::new(),
        &|query| one(query.column_index(), query.rotation().0),
        &|_| BTreeSet::new(),
        &|_| BTreeSet::new(),
        &|a| a,
        &both,
        &both,
        &|a, _| a,
    )
}
