//! Evaluates the gates around a changed cell and those that copy constraints change with it: the verdict of the mock prover on one
//! change, without a run for each.
//!
//! Stricter than the mock prover in one point: blinded rows hold random values, and gates must vanish there too.

use super::recorder::{Recorder, challenge};
use super::{Setup, Witnessed};
use crate::columns::{CellRef, Col, Columns};
use halo2_proofs::plonk::{Any, Column, Expression};
use halo2curves::bn256::Fr;
use halo2curves::ff::{Field, PrimeField};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::{BTreeMap, BTreeSet};

struct Gate {
    name: String,
    polynomial: Expression<Fr>,
    /// Advice columns that it reads.
    reads: BTreeSet<usize>,
}

/// Advice cells that copy constraints make equal.
#[derive(Default)]
struct CopyClass {
    cells: Vec<(usize, usize)>,
    /// Also equal to an instance or a fixed cell, which no prover chooses.
    given: bool,
}

pub(crate) struct Evaluator {
    columns: Columns,
    gates: Vec<Gate>,
    fixed: Vec<Vec<Fr>>,
    advice: Vec<Vec<Fr>>,
    instances: Vec<Fr>,
    /// Advice cells that equal others, with the class that they are in.
    copied: BTreeMap<(usize, usize), usize>,
    classes: Vec<CopyClass>,
    /// Whether a class may change together: (class, change).
    judged: BTreeMap<(usize, [u8; 32]), bool>,
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
            copied: BTreeMap::new(),
            classes: Vec::new(),
            judged: BTreeMap::new(),
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
            evaluator.join([left, right]);
        }
        evaluator.failing_copies = failing;
        evaluator
    }

    /// Puts the classes of two equal cells together.
    fn join(&mut self, cells: [(Column<Any>, usize); 2]) {
        let mut joined = CopyClass::default();
        for (column, row) in cells {
            if !matches!(column.column_type(), Any::Advice(_)) {
                joined.given = true;
                continue;
            }
            let cell = (column.index(), row);
            match self.copied.get(&cell) {
                // Already taken in if both cells are of one class.
                Some(class) => {
                    let class = std::mem::take(&mut self.classes[*class]);
                    joined.given |= class.given;
                    joined.cells.extend(class.cells);
                }
                None => joined.cells.push(cell),
            }
        }
        for cell in &joined.cells {
            self.copied.insert(*cell, self.classes.len());
        }
        self.classes.push(joined);
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

    /// Whether the circuit is still satisfied when this much is added to a cell and to all cells that equal it.
    pub(crate) fn accepts(&mut self, cell: CellRef, by: Fr) -> bool {
        let cell = (self.column(cell.col), cell.row);
        let Some(class) = self.copied.get(&cell).copied() else {
            return self.accept_together(&[cell], by);
        };
        if self.classes[class].given {
            return false;
        }
        let question = (class, by.to_repr());
        if let Some(verdict) = self.judged.get(&question) {
            return *verdict;
        }
        let cells = self.classes[class].cells.clone();
        let verdict = self.accept_together(&cells, by);
        self.judged.insert(question, verdict);
        verdict
    }

    fn accept_together(&mut self, cells: &[(usize, usize)], by: Fr) -> bool {
        for (column, row) in cells {
            self.advice[*column][*row] += by;
        }
        let vanishes = |(gate, row): (usize, usize)| {
            self.evaluate(&self.gates[gate].polynomial, row) == Fr::ZERO
        };
        let accepted = (cells.iter()).all(|cell| self.around(*cell).into_iter().all(vanishes));
        for (column, row) in cells {
            self.advice[*column][*row] -= by;
        }
        accepted
    }

    /// Whether no gate notices when this much is added to a cell.
    pub(crate) fn changes_nothing(&mut self, cell: CellRef, by: Fr) -> bool {
        self.rows_that_notice(cell, by).is_empty()
    }

    /// Rows where a gate notices when this much is added to a cell.
    pub(crate) fn rows_that_notice(&mut self, cell: CellRef, by: Fr) -> BTreeSet<usize> {
        let column = self.column(cell.col);
        let around = self.around((column, cell.row));
        let all = |this: &Self| -> Vec<Fr> {
            let value =
                |(gate, row): &(usize, usize)| this.evaluate(&this.gates[*gate].polynomial, *row);
            around.iter().map(value).collect()
        };
        let before = all(self);
        self.advice[column][cell.row] += by;
        let after = all(self);
        self.advice[column][cell.row] -= by;
        let changed = around.iter().zip(before.iter().zip(&after));
        changed
            .filter(|(_, (before, after))| before != after)
            .map(|((_, row), _)| *row)
            .collect()
    }

    /// The gates that read a cell, with the rows where they do.
    fn around(&self, (column, row): (usize, usize)) -> Vec<(usize, usize)> {
        let rows = [
            (row + self.rows - 1) % self.rows,
            row,
            (row + 1) % self.rows,
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
