//! Values that satisfy a plan.

use super::RandomCircuit;
use super::expression::value;
use super::plan::{AdviceColumn, Origin, Plan, Spoil, Table};
use halo2_proofs::plonk::Expression;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

/// The columns of a circuit while they are filled.
pub(super) struct Witness<'a> {
    plan: &'a Plan,
    circuit: &'a RandomCircuit,
    instances: Vec<Vec<Fr>>,
    /// By index; only usable rows.
    advice: Vec<Vec<Fr>>,
    challenges: Vec<Option<Fr>>,
    /// The rows of its table that a lookup looks up, once its first input column is filled.
    looked_up: Vec<Option<Vec<Vec<Fr>>>>,
    /// What is still to be spoiled.
    spoil: Option<Spoil>,
}

impl<'a> Witness<'a> {
    pub(super) fn new(plan: &'a Plan, instances: Vec<Vec<Fr>>, circuit: &'a RandomCircuit) -> Self {
        Witness {
            plan,
            circuit,
            instances,
            advice: vec![vec![Fr::ZERO; plan.usable]; plan.advice.len()],
            challenges: vec![None; plan.challenges.len()],
            looked_up: vec![None; plan.lookups.len()],
            spoil: circuit.spoil,
        }
    }

    pub(super) fn learn(&mut self, challenge: usize, value: Fr) {
        self.challenges[challenge] = Some(value);
    }

    /// Whether the challenges of all phases before this one are known.
    pub(super) fn ready(&self, phase: u8) -> bool {
        let challenges = self.plan.challenges.iter().zip(&self.challenges);
        challenges
            .filter(|(challenge, _)| challenge.phase() < phase)
            .all(|(_, value)| value.is_some())
    }

    pub(super) fn column(&self, column: &AdviceColumn) -> &[Fr] {
        &self.advice[column.column.index()]
    }

    /// Fills the columns of a phase. Those before it are full.
    pub(super) fn fill(&mut self, phase: u8) {
        let plan = self.plan;
        for column in plan.order().filter(|column| column.phase == phase) {
            let index = column.column.index();
            let seed = self.circuit.values ^ ((index as u64 + 1) << 40);
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            for row in 0..plan.usable {
                let origin = column.origins[row];
                let mut value = match origin {
                    Origin::Free => value(&mut rng),
                    Origin::Instance(column, row) => {
                        self.instances[column].get(row).copied().unwrap_or(Fr::ZERO)
                    }
                    Origin::Fixed(column, row) => plan.fixed[column].1[row],
                    Origin::Advice(column, row) => self.advice[column][row],
                    Origin::Constant(constant) => plan.constant_cells[constant].1,
                    Origin::Gate(gate, row) => self.evaluate(&plan.definitions[gate], row),
                    Origin::Lookup(lookup, input, row) => self.look_up(lookup, input, row),
                };
                if self.spoil.is_some_and(|spoil| spoil.concerns(origin)) {
                    self.spoil = None;
                    value += Fr::ONE;
                }
                self.advice[index][row] = value;
            }
        }
    }

    /// The value of an input column such that the input of this row is in the table.
    fn look_up(&mut self, lookup: usize, input: usize, row: usize) -> Fr {
        if self.looked_up[lookup].is_none() {
            let seed = self.circuit.values ^ 0x100c ^ ((lookup as u64 + 1) << 50);
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            let tuples = self.tuples(&self.plan.lookups[lookup].table);
            let picked = (0..self.plan.usable)
                .map(|_| tuples[rng.gen_range(0..tuples.len())].clone())
                .collect();
            self.looked_up[lookup] = Some(picked);
        }
        let value = self.looked_up[lookup].as_ref().unwrap()[row][input];
        let (factor, offset) = self.plan.lookups[lookup].inputs[input].affine;
        (value - offset) * factor.invert().unwrap()
    }

    /// Rows of a table whose values are known.
    fn tuples(&self, table: &Table) -> Vec<Vec<Fr>> {
        match table {
            Table::Columns(table) => table.rows.clone(),
            Table::Expressions { expressions, rows } => rows
                .iter()
                .map(|&row| expressions.iter().map(|e| self.evaluate(e, row)).collect())
                .collect(),
        }
    }

    fn evaluate(&self, expression: &Expression<Fr>, row: usize) -> Fr {
        let plan = self.plan;
        let n = 1i64 << plan.k;
        let at = |rotation: halo2_proofs::poly::Rotation| {
            (row as i64 + i64::from(rotation.0)).rem_euclid(n) as usize
        };
        let cell = |column: &[Fr], row: usize| column.get(row).copied().unwrap_or(Fr::ZERO);
        expression.evaluate(
            &|constant| constant,
            &|selector| {
                let rows = &plan.selectors[selector.index()].1;
                Fr::from(rows.get(row).copied().unwrap_or(false))
            },
            &|query| cell(&plan.fixed[query.column_index()].1, at(query.rotation())),
            &|query| self.advice[query.column_index()][at(query.rotation())],
            &|query| cell(&self.instances[query.column_index()], at(query.rotation())),
            &|challenge| self.challenges[challenge.index()].unwrap(),
            &|a| -a,
            &|a, b| a + b,
            &|a, b| a * b,
            &|a, factor| a * factor,
        )
    }
}
