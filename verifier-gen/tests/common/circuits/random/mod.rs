//! A circuit over a constraint system drawn by chance.

mod formula;
mod system;

use halo2_proofs::{
    circuit::{Cell, Layouter, Region, SimpleFloorPlanner, Value},
    plonk::{
        Advice, Challenge, Circuit, Column, ConstraintSystem, Error, Expression, FirstPhase, Fixed,
        Instance, SecondPhase, VirtualCells,
    },
    poly::Rotation,
};
use halo2curves::{bn256::Fr, ff::Field};

use self::{
    formula::{Formula, Leaf},
    system::{
        ACTIVE, Assignment, COPIED, COPIED_FIXED, COPIES, COPY_OF_FIXED, Gate, Lookup, PUBLIC,
    },
};
use super::Example;

pub(crate) use system::System;

/// Any mix of what verifying keys may hold: phases, challenges, rotations, public inputs in gates, constants of every size,
/// lookups, copies, columns that are empty, idle or zero.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) System);

#[derive(Clone)]
pub(crate) struct RandomConfig {
    advice: Vec<Column<Advice>>,
    /// Of each gate, a column a formula.
    outputs: Vec<Vec<Column<Advice>>>,
    selectors: Vec<Column<Fixed>>,
    fixed: Vec<Column<Fixed>>,
    instances: Vec<Column<Instance>>,
    challenges: Vec<Challenge>,
    lookup_selector: Column<Fixed>,
    lookups: Vec<LookupColumns>,
}

#[derive(Clone)]
struct LookupColumns {
    inputs: Vec<Column<Advice>>,
    table: Vec<Column<Fixed>>,
}

impl Circuit<Fr> for Random {
    type Config = RandomConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = System;

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn params(&self) -> System {
        self.0.clone()
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, system: System) -> RandomConfig {
        meta.set_minimum_degree(system.degree);
        let config = RandomConfig::columns(meta, &system);
        if system.copies_first {
            config.enable_copies(meta, &system);
        }
        for (gate, outputs) in system.gates.iter().zip(&config.outputs) {
            config.gate(meta, gate, outputs);
        }
        for (i, lookup) in system.lookups.iter().enumerate() {
            config.lookup(meta, i, lookup);
        }
        if !system.copies_first {
            config.enable_copies(meta, &system);
        }
        config
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> RandomConfig {
        Self::configure_with_params(meta, System::default())
    }

    fn synthesize(
        &self,
        config: RandomConfig,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        let system = &self.0;
        let assignment = system.assignment();
        let cells = layouter.assign_region(
            || "all phases",
            |mut region| {
                let cells = config.assign(&mut region, system, &assignment);
                if system.two_phases {
                    region.next_phase();
                }
                config.assign_outputs(&mut region, system, &assignment);
                Ok(cells)
            },
        )?;
        for i in &system.copied_instances {
            if let Some(row) = system.lengths[*i].checked_sub(1) {
                let cell = cells[system.copied[0]][PUBLIC + i];
                layouter.constrain_instance(cell, config.instances[*i], row);
            }
        }
        Ok(())
    }
}

impl RandomConfig {
    fn columns(meta: &mut ConstraintSystem<Fr>, system: &System) -> Self {
        let columns = &system.columns;
        let advice = (0..columns.advice).map(|_| meta.advice_column()).collect();
        if system.idle {
            meta.advice_column();
        }
        let challenges = (0..columns.challenges)
            .map(|_| meta.challenge_usable_after(FirstPhase))
            .collect();
        let mut output = |_: &Formula| match system.two_phases {
            true => meta.advice_column_in(SecondPhase),
            false => meta.advice_column(),
        };
        let outputs = system.gates.iter();
        let outputs = outputs
            .map(|gate| gate.formulas.iter().map(&mut output).collect())
            .collect();
        if system.idle && system.two_phases {
            meta.advice_column_in(SecondPhase);
        }
        Self {
            advice,
            outputs,
            selectors: (0..system.selectors).map(|_| meta.fixed_column()).collect(),
            fixed: (0..columns.fixed).map(|_| meta.fixed_column()).collect(),
            instances: (0..columns.instance)
                .map(|_| meta.instance_column())
                .collect(),
            challenges,
            lookup_selector: meta.fixed_column(),
            lookups: system
                .lookups
                .iter()
                .map(|Lookup { width, .. }| {
                    let inputs = (0..*width).map(|_| meta.advice_column()).collect();
                    let table = (0..*width).map(|_| meta.fixed_column()).collect();
                    LookupColumns { inputs, table }
                })
                .collect(),
        }
    }

    fn enable_copies(&self, meta: &mut ConstraintSystem<Fr>, system: &System) {
        for i in &system.copied {
            meta.enable_equality(self.advice[*i]);
        }
        if system.copied_fixed {
            meta.enable_equality(self.fixed[0]);
        }
        for i in &system.copied_instances {
            meta.enable_equality(self.instances[*i]);
        }
    }

    fn gate(&self, meta: &mut ConstraintSystem<Fr>, gate: &Gate, outputs: &[Column<Advice>]) {
        meta.create_gate("selector * (formula - output) = 0", |meta| {
            let selector = meta.query_fixed(self.selectors[gate.selector], Rotation::cur());
            let formulas = gate.formulas.iter().zip(outputs).enumerate();
            let polynomials = formulas.map(|(i, (formula, output))| {
                let output = meta.query_advice(*output, Rotation::cur());
                let formula = formula.fold(&mut |leaf| self.query(meta, leaf));
                match i % 2 {
                    0 => selector.clone() * (formula - output),
                    _ => (output - formula) * selector.clone(),
                }
            });
            polynomials.collect::<Vec<_>>()
        });
    }

    fn query(&self, meta: &mut VirtualCells<'_, Fr>, leaf: Leaf) -> Expression<Fr> {
        match leaf {
            Leaf::Advice(cell) => meta.query_advice(self.advice[cell.column], Rotation(cell.at)),
            Leaf::Fixed(cell) => meta.query_fixed(self.fixed[cell.column], Rotation(cell.at)),
            Leaf::Instance(cell) => {
                meta.query_instance(self.instances[cell.column], Rotation(cell.at))
            }
            Leaf::Challenge(i) => meta.query_challenge(self.challenges[i]),
            Leaf::Constant(value) => Expression::Constant(value),
        }
    }

    fn lookup(&self, meta: &mut ConstraintSystem<Fr>, i: usize, lookup: &Lookup) {
        meta.lookup_any("inputs are a row of the table", |meta| {
            let selector = meta.query_fixed(self.lookup_selector, Rotation::cur());
            let LookupColumns { inputs, table } = &self.lookups[i];
            let pairs = inputs.iter().zip(table).map(|(input, table)| {
                let input = meta.query_advice(*input, Rotation(lookup.at));
                let table = meta.query_fixed(*table, Rotation::cur());
                (
                    selector.clone() * (input.clone() + input) * lookup.scale,
                    (table.clone() + table) * lookup.scale,
                )
            });
            pairs.collect()
        });
    }

    /// Assigns all but the gates' outputs; returns the advice cells.
    fn assign(
        &self,
        region: &mut Region<'_, Fr>,
        system: &System,
        assignment: &Assignment,
    ) -> Vec<Vec<Cell>> {
        let mut cells = Vec::new();
        for (column, values) in self.advice.iter().zip(&assignment.advice) {
            let assigned = values.iter().enumerate().map(|(row, value)| {
                let value = Value::known(*value);
                region.assign_advice(*column, row, value).cell()
            });
            cells.push(assigned.collect::<Vec<_>>());
        }
        let mut fixed = Vec::new();
        for (column, values) in self.fixed.iter().zip(&assignment.fixed) {
            let cells = values
                .iter()
                .enumerate()
                .map(|(row, value)| region.assign_fixed(*column, row, *value));
            fixed.push(cells.collect::<Vec<_>>());
        }
        for row in ACTIVE {
            for selector in self.selectors.iter().chain([&self.lookup_selector]) {
                region.assign_fixed(*selector, row, Fr::ONE);
            }
        }
        for (i, LookupColumns { inputs, table }) in self.lookups.iter().enumerate() {
            for ((input, column), values) in inputs.iter().zip(table).zip(&assignment.tables[i]) {
                for (row, value) in values.iter().enumerate() {
                    region.assign_fixed(*column, row, *value);
                }
                for (row, pick) in ACTIVE.zip(&assignment.picks[i]) {
                    let row = row.strict_add_signed(system.lookups[i].at as isize);
                    region.assign_advice(*input, row, Value::known(values[*pick]));
                }
            }
        }
        if let (Some(first), Some(last)) = (system.copied.first(), system.copied.last()) {
            for row in COPIES {
                region.constrain_equal(cells[*first][COPIED], cells[*last][row]);
            }
            if system.copied_fixed {
                region.constrain_equal(fixed[0][COPIED_FIXED], cells[*first][COPY_OF_FIXED]);
            }
        }
        cells
    }

    /// Assigns what the formulas come to.
    fn assign_outputs(
        &self,
        region: &mut Region<'_, Fr>,
        system: &System,
        assignment: &Assignment,
    ) {
        let challenges = self.challenges.iter();
        let challenges = challenges.map(|challenge| region.get_challenge(*challenge));
        let challenges: Value<Vec<Fr>> = challenges.collect();
        for (gate, outputs) in system.gates.iter().zip(&self.outputs) {
            for (formula, output) in gate.formulas.iter().zip(outputs) {
                for row in ACTIVE {
                    let value = challenges.as_ref().map(|challenges| {
                        formula.fold(&mut |leaf| assignment.read(leaf, row, challenges))
                    });
                    region.assign_advice(*output, row, value);
                }
            }
        }
    }
}

impl Assignment {
    fn read(&self, leaf: Leaf, row: usize, challenges: &[Fr]) -> Fr {
        let (columns, cell) = match leaf {
            Leaf::Advice(cell) => (&self.advice, cell),
            Leaf::Fixed(cell) => (&self.fixed, cell),
            Leaf::Instance(cell) => (&self.instances, cell),
            Leaf::Challenge(i) => return challenges[i],
            Leaf::Constant(value) => return value,
        };
        columns[cell.column][row.strict_add_signed(cell.at as isize)]
    }
}

impl Example for Random {
    const NAME: &'static str = "Random";

    fn example() -> Self {
        Self(System::draw(1))
    }

    fn instances(&self) -> Vec<Vec<Fr>> {
        let columns = self.0.assignment().instances.into_iter();
        let columns = columns.zip(&self.0.lengths);
        columns
            .map(|(mut column, len)| {
                column.truncate(*len);
                column
            })
            .collect()
    }
}
