//! Constraint systems drawn by chance, and assignments that satisfy them.

use std::ops::Range;

use halo2curves::{bn256::Fr, ff::Field};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::formula::{Columns, Formula, constant};

/// Rows of the tables below, which are fewer than those left usable by any blinding that comes out.
pub(super) const ROWS: usize = 50;
/// Rows on which gates and lookups hold: every rotation of one of them is a row of the tables.
pub(super) const ACTIVE: Range<usize> = 8..40;

/// `selector * (formula - output) = 0` for each formula.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    pub(super) selector: usize,
    pub(super) formulas: Vec<Formula>,
}

/// Selected rows of some columns, doubled and scaled, are rows of as many fixed columns, doubled and scaled.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    pub(super) width: usize,
    pub(super) scale: Fr,
    pub(super) at: i32,
}

/// A constraint system and the seed from which it and its assignment follow.
#[derive(Clone, Debug, Default)]
pub(crate) struct System {
    seed: u64,
    /// What halo2 is told as minimum degree; no gate exceeds it.
    pub(super) degree: usize,
    pub(super) columns: Columns,
    /// Columns that are committed and never queried.
    pub(super) idle: bool,
    /// Whether outputs of the gates are second-phase columns.
    pub(super) two_phases: bool,
    pub(super) selectors: usize,
    /// Public inputs of each instance column.
    pub(super) lengths: Vec<usize>,
    pub(super) gates: Vec<Gate>,
    pub(super) lookups: Vec<Lookup>,
    /// Advice columns under the permutation argument.
    pub(super) copied: Vec<usize>,
    /// Whether the first fixed column is, too.
    pub(super) copied_fixed: bool,
    /// Instance columns that are, too.
    pub(super) copied_instances: Vec<usize>,
    /// Whether columns enter the permutation argument before gates query them: that decides the order of the queries.
    pub(super) copies_first: bool,
}

/// Values of all columns but the gates' outputs, `ROWS` each.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
    pub(super) advice: Vec<Vec<Fr>>,
    pub(super) fixed: Vec<Vec<Fr>>,
    /// Zero from the column's length on.
    pub(super) instances: Vec<Vec<Fr>>,
    /// Of each lookup, the fixed columns.
    pub(super) tables: Vec<Vec<Vec<Fr>>>,
    /// Of each lookup, the row of the table that an active row holds.
    pub(super) picks: Vec<Vec<usize>>,
}

impl System {
    pub(crate) fn draw(seed: u64) -> Self {
        let rng = &mut StdRng::seed_from_u64(seed);
        let two_phases = rng.gen_bool(0.6);
        let lengths: Vec<usize> = (0..rng.gen_range(0..4))
            .map(|_| *[0, 1, 2, 3, 6, 7, 9, 40].choose(rng).unwrap())
            .collect();
        let columns = Columns {
            advice: rng.gen_range(1..5),
            fixed: rng.gen_range(1..4),
            instance: lengths.len(),
            challenges: if two_phases { rng.gen_range(0..4) } else { 0 },
        };
        let permutation = rng.gen_bool(0.8);
        let copied: Vec<usize> = (0..columns.advice)
            .filter(|_| permutation && rng.gen_bool(0.6))
            .collect();
        let mut system = Self {
            seed,
            degree: rng.gen_range(4..8),
            columns,
            idle: rng.gen_ratio(1, 3),
            two_phases,
            selectors: rng.gen_range(1..3),
            gates: Vec::new(),
            lookups: Vec::new(),
            copied_fixed: !copied.is_empty() && rng.gen_bool(0.3),
            copied_instances: (0..lengths.len())
                .filter(|_| !copied.is_empty() && rng.r#gen())
                .collect(),
            copies_first: rng.r#gen(),
            copied,
            lengths,
        };
        let lookups = *[0, 0, 1, 1, 2].choose(rng).unwrap();
        system.lookups = (0..lookups).map(|_| Lookup::draw(rng)).collect();
        system.gates = (0..rng.gen_range(1..4)).map(|_| system.gate(rng)).collect();
        system
    }

    fn gate(&self, rng: &mut StdRng) -> Gate {
        let formulas = (0..rng.gen_range(1..4)).map(|_| {
            let depth = rng.gen_range(1..6);
            Formula::draw(&self.columns, rng, depth, self.degree - 1)
        });
        Gate {
            formulas: formulas.collect(),
            selector: rng.gen_range(0..self.selectors),
        }
    }

    /// The assignment; it is the same at each call.
    pub(super) fn assignment(&self) -> Assignment {
        let rng = &mut StdRng::seed_from_u64(!self.seed);
        let Columns { advice, fixed, .. } = self.columns;
        let column = |rng: &mut StdRng, len| {
            let mut column: Vec<Fr> = (0..len).map(|_| value(rng)).collect();
            column.resize(ROWS, Fr::ZERO);
            column
        };
        let mut advice: Vec<_> = (0..advice).map(|_| column(rng, ROWS)).collect();
        // Some fixed columns are zero: their commitment is the identity.
        let fixed: Vec<_> = (0..fixed)
            .map(|_| {
                let len = if rng.gen_ratio(1, 5) { 0 } else { ROWS };
                column(rng, len)
            })
            .collect();
        let mut instances: Vec<_> = self.lengths.iter().map(|len| column(rng, *len)).collect();
        if let (Some(first), Some(last)) = (self.copied.first(), self.copied.last()) {
            for row in COPIES {
                advice[*last][row] = advice[*first][COPIED];
            }
            if self.copied_fixed {
                advice[*first][COPY_OF_FIXED] = fixed[0][COPIED_FIXED];
            }
            for i in &self.copied_instances {
                if let Some(row) = self.lengths[*i].checked_sub(1) {
                    instances[*i][row] = advice[*first][PUBLIC + i];
                }
            }
        }
        let tables = self.lookups.iter().map(|lookup| {
            let mut table: Vec<_> = (0..lookup.width).map(|_| column(rng, ROWS)).collect();
            // Rows that are not active look up zero.
            table.iter_mut().for_each(|column| column[0] = Fr::ZERO);
            table
        });
        let tables = tables.collect();
        let picks = self.lookups.iter();
        let picks = picks.map(|_| ACTIVE.map(|_| rng.gen_range(0..ROWS)).collect());
        Assignment {
            picks: picks.collect(),
            advice,
            fixed,
            instances,
            tables,
        }
    }

    /// What came out, in a line.
    pub(crate) fn summary(&self) -> String {
        format!(
            "degree {}, {} phases, {} gates of {} polynomials, {} lookups, {} columns copied, instances {:?}",
            self.degree,
            1 + usize::from(self.two_phases),
            self.gates.len(),
            self.gates
                .iter()
                .map(|gate| gate.formulas.len())
                .sum::<usize>(),
            self.lookups.len(),
            self.copied.len() + usize::from(self.copied_fixed) + self.copied_instances.len(),
            self.lengths,
        )
    }
}

/// Of the first copied column, the row that is copied into these of the last.
pub(super) const COPIED: usize = 30;
pub(super) const COPIES: [usize; 2] = [12, 20];
/// Of the first fixed column, the row that is copied into this of the first copied column.
pub(super) const COPIED_FIXED: usize = 9;
pub(super) const COPY_OF_FIXED: usize = 5;
/// Of the first copied column, where the rows start that are the last public inputs of the instance columns.
pub(super) const PUBLIC: usize = 41;

impl Lookup {
    fn draw(rng: &mut StdRng) -> Self {
        Self {
            width: rng.gen_range(1..4),
            scale: constant(rng),
            at: rng.gen_range(-1..2),
        }
    }
}

fn value(rng: &mut StdRng) -> Fr {
    match rng.gen_range(0..4) {
        0 => Fr::from(rng.gen_range(0..3)),
        1 => -Fr::from(rng.gen_range(1..9)),
        _ => Fr::random(rng),
    }
}
