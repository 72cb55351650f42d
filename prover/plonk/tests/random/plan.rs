//! What a seed decides: a constraint system, and which cell makes which constraint true.

use super::assign::Copied;
use super::expression::{Sources, pick};
use halo2_proofs::circuit::Cell;
use halo2_proofs::plonk::{
    Advice, Any, Challenge, Column, ConstraintSystem, Expression, FirstPhase, Fixed, Instance,
    SecondPhase, Selector, TableColumn, ThirdPhase,
};
use halo2_proofs::poly::Rotation;
use halo2curves::bn256::Fr;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

/// What decides a constraint system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Params {
    pub(crate) seed: u64,
    pub(crate) k: u32,
    /// The most phases. halo2-axiom 0.5.3 stops at the end of the third, in its prover alone.
    pub(crate) phases: u8,
}

impl Default for Params {
    fn default() -> Self {
        Params {
            seed: 0,
            k: 5,
            phases: 2,
        }
    }
}

/// Where the value of a cell comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    Free,
    /// A copy of this column's row.
    Instance(usize, usize),
    Fixed(usize, usize),
    Advice(usize, usize),
    /// One of [`Plan::constant_cells`].
    Constant(usize),
    /// One of [`Plan::definitions`], at this row.
    Gate(usize, usize),
    /// The input of a lookup, at this row.
    Lookup(usize, usize, usize),
}

/// What a wrong witness breaks, by one cell that is one too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoil {
    Gate,
    Copy,
}

impl Spoil {
    pub(super) fn concerns(self, origin: Origin) -> bool {
        match origin {
            Origin::Gate(..) => self == Spoil::Gate,
            Origin::Instance(..) | Origin::Fixed(..) | Origin::Advice(..) | Origin::Constant(_) => {
                self == Spoil::Copy
            }
            Origin::Free | Origin::Lookup(..) => false,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct AdviceColumn {
    pub(super) column: Column<Advice>,
    pub(super) phase: u8,
    pub(super) origins: Vec<Origin>,
}

/// A table that `lookup` takes.
#[derive(Clone, Debug)]
pub(super) struct FixedTable {
    pub(super) columns: Vec<TableColumn>,
    pub(super) rows: Vec<Vec<Fr>>,
}

#[derive(Clone, Debug)]
pub(super) enum Table {
    Columns(FixedTable),
    /// For `lookup_any`, with the rows whose values are known.
    Expressions {
        expressions: Vec<Expression<Fr>>,
        rows: Vec<usize>,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Input {
    pub(super) column: usize,
    /// The input is the first times the cell plus the second.
    pub(super) affine: (Fr, Fr),
}

#[derive(Clone, Debug)]
pub(super) struct Lookup {
    pub(super) table: Table,
    pub(super) inputs: Vec<Input>,
    /// Multiplies all inputs, which are read at this rotation.
    pub(super) selected: Option<(usize, Rotation)>,
}

/// How a gate is switched on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Switch {
    Selector(usize),
    /// A fixed column, zero where the gate is off.
    Fixed(usize),
    /// f·(2 - f) for a fixed column with f in 0, 1, 2.
    Choice(usize),
}

/// A gate says that each of its outputs, a cell at a rotation, is the value of one of the definitions.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    pub(super) switch: Switch,
    /// Column, rotation and definition.
    pub(super) outputs: Vec<(usize, Rotation, usize)>,
}

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Role {
    General,
    Input(usize, usize),
    Unused,
}

/// A constraint system with what is needed to satisfy it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(super) k: u32,
    /// Rows that may be assigned.
    pub(super) usable: usize,
    pub(super) phases: u8,
    /// Whether one synthesis goes through all phases; otherwise there is one a phase.
    pub(super) one_pass: bool,
    pub(super) advice: Vec<AdviceColumn>,
    pub(super) fixed: Vec<(Column<Fixed>, Vec<Fr>)>,
    /// With the number of values.
    pub(super) instance: Vec<(Column<Instance>, usize)>,
    pub(super) challenges: Vec<Challenge>,
    /// With the rows that are on.
    pub(super) selectors: Vec<(Selector, Vec<bool>)>,
    pub(super) definitions: Vec<Expression<Fr>>,
    pub(super) lookups: Vec<Lookup>,
    pub(super) equal: Vec<(Cell, Cell)>,
    pub(super) public: Vec<(Cell, Column<Instance>, usize)>,
    pub(super) constant_cells: Vec<(Cell, Fr)>,
    pub(super) gates: Vec<Gate>,
    /// Fixed columns that are there for expressions, and switch nothing.
    pub(super) plain_fixed: usize,
    /// Indices of advice columns in the order in which they are filled.
    pub(super) order: Vec<usize>,
    pub(super) roles: Vec<Role>,
}

impl Plan {
    pub(super) fn new(meta: &mut ConstraintSystem<Fr>, params: Params) -> Self {
        let rng = &mut ChaCha20Rng::seed_from_u64(params.seed);
        let degree = pick(rng, &[3, 4, 5, 5, 5, 6]);
        if degree == 6 || rng.gen_range(0..2) == 0 {
            meta.set_minimum_degree(degree);
        }
        let lookups = if degree > 3 { rng.gen_range(0..3) } else { 0 };
        let mut plan = Plan::columns(meta, params, lookups, rng);
        // A gate of the full degree: without one, the quotient's last piece would be zero.
        plan.gate(meta, rng, degree, true);
        for _ in 0..rng.gen_range(0..5) {
            plan.gate(meta, rng, degree, false);
        }
        for lookup in 0..lookups {
            plan.lookup(meta, rng, degree, lookup);
        }
        let copied = plan.copied_columns(meta, rng);

        let n = 1 << params.k;
        plan.usable = n - (meta.blinding_factors() + 1);
        plan.assign(rng, &copied);
        plan
    }

    /// Tables that are fixed columns.
    pub(super) fn tables(&self) -> impl Iterator<Item = &FixedTable> {
        self.lookups
            .iter()
            .filter_map(|lookup| match &lookup.table {
                Table::Columns(table) => Some(table),
                Table::Expressions { .. } => None,
            })
    }

    /// Advice columns in the order in which they are filled.
    pub(super) fn order(&self) -> impl Iterator<Item = &AdviceColumn> {
        self.order.iter().map(|&index| &self.advice[index])
    }

    /// Whether there is a cell that can be spoiled so.
    pub(crate) fn allows(&self, spoil: Spoil) -> bool {
        let mut origins = self.advice.iter().flat_map(|column| &column.origins);
        origins.any(|origin| spoil.concerns(*origin))
    }

    /// Columns and challenges.
    fn columns(
        meta: &mut ConstraintSystem<Fr>,
        params: Params,
        lookups: usize,
        rng: &mut ChaCha20Rng,
    ) -> Self {
        let phases = pick(rng, &[1, 1, 2, 2, 3, 3]).min(params.phases);
        let mut roles = vec![Role::General; rng.gen_range(3..8)];
        for lookup in 0..lookups {
            let inputs = pick(rng, &[1, 1, 2, 3]);
            roles.extend((0..inputs).map(|input| Role::Input(lookup, input)));
        }
        if rng.gen_range(0..5) == 0 {
            roles.push(Role::Unused);
        }
        roles.shuffle(rng);
        let fixed: Vec<_> = (0..rng.gen_range(1..4))
            .map(|_| (meta.fixed_column(), Vec::new()))
            .collect();
        let advice: Vec<AdviceColumn> = (0..roles.len())
            .map(|index| {
                // Every phase has a column before there is one of the next.
                let phase = if index < phases as usize {
                    index as u8
                } else {
                    rng.gen_range(0..phases)
                };
                AdviceColumn {
                    column: match phase {
                        0 => meta.advice_column_in(FirstPhase),
                        1 => meta.advice_column_in(SecondPhase),
                        _ => meta.advice_column_in(ThirdPhase),
                    },
                    phase,
                    origins: Vec::new(),
                }
            })
            .collect();
        let challenges = (0..rng.gen_range(0..4))
            .map(|_| match rng.gen_range(0..phases) {
                0 => meta.challenge_usable_after(FirstPhase),
                1 => meta.challenge_usable_after(SecondPhase),
                _ => meta.challenge_usable_after(ThirdPhase),
            })
            .collect();
        let mut order: Vec<usize> = (0..advice.len()).collect();
        order.shuffle(rng);
        order.sort_by_key(|&index| advice[index].phase);
        Plan {
            k: params.k,
            usable: 0,
            phases,
            one_pass: rng.gen_range(0..2) == 0,
            advice,
            instance: (0..rng.gen_range(0..4))
                .map(|_| (meta.instance_column(), rng.gen_range(0..7)))
                .collect(),
            challenges,
            selectors: Vec::new(),
            definitions: Vec::new(),
            lookups: Vec::new(),
            equal: Vec::new(),
            public: Vec::new(),
            constant_cells: Vec::new(),
            gates: Vec::new(),
            plain_fixed: fixed.len(),
            fixed,
            order,
            roles,
        }
    }

    /// What defines cells of this column may read.
    pub(super) fn sources(&self, column: usize) -> Sources {
        let phase = self.advice[column].phase;
        let before = self.order.iter().take_while(|&&index| index != column);
        Sources {
            advice: before
                .filter(|&&index| self.roles[index] != Role::Unused)
                .map(|&index| self.advice[index].column)
                .collect(),
            fixed: self.fixed.iter().map(|(column, _)| *column).collect(),
            instance: self.instance.iter().map(|(column, _)| *column).collect(),
            selectors: self
                .selectors
                .iter()
                .map(|(selector, _)| *selector)
                .filter(|selector| !selector.is_simple())
                .collect(),
            challenges: self
                .challenges
                .iter()
                .copied()
                .filter(|challenge| challenge.phase() < phase)
                .collect(),
        }
    }

    /// Columns that copies may join: advice, fixed, instance; and whether constants are there.
    fn copied_columns(&self, meta: &mut ConstraintSystem<Fr>, rng: &mut ChaCha20Rng) -> Copied {
        let mut copied = Copied::default();
        if rng.gen_range(0..5) == 0 {
            return copied;
        }
        let mut some = |length: usize, of: u32| -> Vec<usize> {
            (0..length).filter(|_| rng.gen_range(0..4) < of).collect()
        };
        copied.advice = some(self.advice.len(), 3);
        copied.fixed = some(self.fixed.len(), 2);
        copied.instance = some(self.instance.len(), 3);
        copied.constants = rng.gen_range(0..3) == 0;
        let mut columns: Vec<Column<Any>> = Vec::new();
        columns.extend(
            copied
                .advice
                .iter()
                .map(|&index| Column::from(self.advice[index].column)),
        );
        columns.extend(
            copied
                .fixed
                .iter()
                .map(|&index| Column::from(self.fixed[index].0)),
        );
        columns.extend(
            copied
                .instance
                .iter()
                .map(|&index| Column::from(self.instance[index].0)),
        );
        columns.shuffle(rng);
        for column in columns {
            meta.enable_equality(column);
        }
        if copied.constants {
            let column = meta.fixed_column();
            meta.enable_constant(column);
        }
        copied
    }
}
