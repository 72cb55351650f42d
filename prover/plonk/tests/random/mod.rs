//! Random circuits that can be satisfied, for tests of provers.
//!
//! A seed decides a constraint system ([`plan`]): columns of every kind in one to three phases, challenges, gates of a degree up to 6 under
//! selectors of all kinds, lookups in tables and in expressions, copies, columns that nothing reads. A second seed decides the values
//! ([`witness`]): free cells are random, and a gate is satisfied by the cell that it defines, column after column.

mod assign;
mod constraints;
mod expression;
mod plan;
mod witness;

pub(crate) use plan::{Params, Plan, Spoil};

use halo2_proofs::circuit::{Cell, Layouter, SimpleFloorPlanner, Value};
use halo2_proofs::plonk::{Any, Circuit, Column, ConstraintSystem, Error};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use witness::Witness;

/// A random circuit with a witness.
#[derive(Clone, Debug, Default)]
pub(crate) struct RandomCircuit {
    pub(crate) params: Params,
    /// Decides the values of free cells and instances.
    pub(crate) values: u64,
    /// What the witness breaks, if anything.
    pub(crate) spoil: Option<Spoil>,
}

impl RandomCircuit {
    /// The circuit of this seed with 2^k rows and at most so many phases, and values of the same seed.
    pub(crate) fn new(seed: u64, k: u32, phases: u8) -> Self {
        RandomCircuit {
            params: Params { seed, k, phases },
            values: seed,
            spoil: None,
        }
    }

    /// The same circuit with wrong witnesses, as far as it has the constraints.
    pub(crate) fn spoiled(&self) -> Vec<Self> {
        let (_, plan) = self.plan();
        let spoils = [Spoil::Gate, Spoil::Copy].into_iter();
        spoils
            .filter(|spoil| plan.allows(*spoil))
            .map(|spoil| RandomCircuit {
                spoil: Some(spoil),
                ..self.clone()
            })
            .collect()
    }

    /// Its constraints, selectors not yet replaced.
    pub(crate) fn plan(&self) -> (ConstraintSystem<Fr>, Plan) {
        let mut cs = ConstraintSystem::default();
        let plan = Self::configure_with_params(&mut cs, self.params);
        (cs, plan)
    }

    /// Values of the instance columns.
    pub(crate) fn instances(&self) -> Vec<Vec<Fr>> {
        self.instances_of(&self.plan().1)
    }

    fn instances_of(&self, plan: &Plan) -> Vec<Vec<Fr>> {
        let mut rng = ChaCha20Rng::seed_from_u64(self.values ^ 0x1257);
        let length = |&(_, length): &(_, usize)| length;
        let lengths = plan.instance.iter().map(length);
        lengths
            .map(|length| (0..length).map(|_| expression::value(&mut rng)).collect())
            .collect()
    }
}

impl Circuit<Fr> for RandomCircuit {
    type Config = Plan;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Params;

    fn params(&self) -> Params {
        self.params
    }

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Plan {
        Self::configure_with_params(meta, Params::default())
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, params: Params) -> Plan {
        Plan::new(meta, params)
    }

    fn synthesize(&self, plan: Plan, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        for table in plan.tables() {
            layouter.assign_table(
                || "table",
                |mut assigned| {
                    for (row, tuple) in table.rows.iter().enumerate() {
                        for (column, value) in table.columns.iter().zip(tuple) {
                            assigned.assign_cell(|| "", *column, row, || Value::known(*value))?;
                        }
                    }
                    Ok(())
                },
            )?;
        }
        layouter.assign_region(
            || "all",
            |mut region| {
                for (selector, rows) in &plan.selectors {
                    for (row, _) in rows.iter().enumerate().filter(|(_, on)| **on) {
                        selector.enable(&mut region, row)?;
                    }
                }
                for (column, values) in &plan.fixed {
                    for (row, value) in values.iter().enumerate().filter(|(_, v)| **v != Fr::ZERO) {
                        region.assign_fixed(*column, row, *value);
                    }
                }
                for &(left, right) in &plan.equal {
                    region.constrain_equal(left, right);
                }
                for &(cell, value) in &plan.constant_cells {
                    region.constrain_constant(cell, value)?;
                }
                let mut witness = Witness::new(&plan, self.instances_of(&plan), self);
                for phase in 0..plan.phases {
                    if !witness.ready(phase) {
                        break;
                    }
                    witness.fill(phase);
                    for column in plan.advice.iter().filter(|column| column.phase == phase) {
                        for (row, value) in witness.column(column).iter().enumerate() {
                            region.assign_advice(column.column, row, Value::known(*value));
                        }
                    }
                    if plan.one_pass && phase + 1 < plan.phases {
                        region.next_phase();
                    }
                    for (index, challenge) in plan.challenges.iter().enumerate() {
                        region
                            .get_challenge(*challenge)
                            .map(|value| witness.learn(index, value));
                    }
                }
                Ok(())
            },
        )?;
        for &(cell, column, row) in &plan.public {
            layouter.constrain_instance(cell, column, row);
        }
        Ok(())
    }
}

/// A cell of any column.
fn cell(column: impl Into<Column<Any>>, row: usize) -> Cell {
    Cell {
        row_offset: row,
        column: column.into(),
    }
}
