//! The second half of a plan, once the number of usable rows is known: fixed values, rows that are on, and the origin of every cell.

use super::cell;
use super::expression::{advice_rotations, pick, stays_usable, value};
use super::plan::{Origin, Plan, Switch, Table};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field as _;
use rand::Rng as _;
use rand_chacha::ChaCha20Rng;

/// Columns that copies may join.
#[derive(Debug, Default)]
pub(super) struct Copied {
    pub(super) advice: Vec<usize>,
    pub(super) fixed: Vec<usize>,
    pub(super) instance: Vec<usize>,
    pub(super) constants: bool,
}

impl Plan {
    pub(super) fn assign(&mut self, rng: &mut ChaCha20Rng, copied: &Copied) {
        for column in &mut self.advice {
            column.origins = vec![Origin::Free; self.usable];
        }
        for (_, rows) in &mut self.selectors {
            *rows = vec![false; self.usable];
        }
        self.assign_fixed(rng);
        self.assign_lookups(rng);
        self.assign_gates(rng);
        self.assign_copies(rng, copied);
    }

    /// All columns end with zeros.
    fn assign_fixed(&mut self, rng: &mut ChaCha20Rng) {
        for (index, (_, values)) in self.fixed.iter_mut().enumerate() {
            *values = vec![Fr::ZERO; self.usable];
            if index < self.plain_fixed {
                for value_of_row in &mut values[..self.usable - 2] {
                    *value_of_row = value(rng);
                }
            }
        }
    }

    fn assign_lookups(&mut self, rng: &mut ChaCha20Rng) {
        for (index, lookup) in self.lookups.iter_mut().enumerate() {
            if let Table::Expressions { expressions, rows } = &mut lookup.table {
                let rotations: Vec<i32> = expressions.iter().flat_map(advice_rotations).collect();
                *rows = (0..self.usable)
                    .filter(|&row| stays_usable(row, &rotations, self.usable))
                    .collect();
            }
            for row in 0..self.usable {
                let mut at = row;
                if let Some((selector, rotation)) = lookup.selected {
                    if !stays_usable(row, &[rotation.0], self.usable) || rng.gen_range(0..3) == 0 {
                        continue;
                    }
                    self.selectors[selector].1[row] = true;
                    at = row.wrapping_add_signed(rotation.0 as isize);
                }
                for (input, of) in lookup.inputs.iter().enumerate() {
                    self.advice[of.column].origins[at] = Origin::Lookup(index, input, row);
                }
            }
        }
    }

    fn assign_gates(&mut self, rng: &mut ChaCha20Rng) {
        for (number, gate) in self.gates.iter().enumerate() {
            let mut rotations: Vec<i32> = gate.outputs.iter().map(|(_, at, _)| at.0).collect();
            for &(_, _, definition) in &gate.outputs {
                rotations.extend(advice_rotations(&self.definitions[definition]));
            }
            let mut on_before = false;
            for row in 0..self.usable {
                let mut outputs: Vec<(usize, usize)> = (gate.outputs.iter())
                    .map(|(column, at, _)| (*column, row.wrapping_add_signed(at.0 as isize)))
                    .collect();
                let free = |&(column, row): &(usize, usize)| {
                    matches!(self.advice[column].origins.get(row), Some(Origin::Free))
                };
                let possible =
                    stays_usable(row, &rotations, self.usable) && outputs.iter().all(free);
                // The first gate is on somewhere.
                let wanted = rng.gen_range(0..2) == 0 || (number == 0 && !on_before);
                let distinct = {
                    let all = outputs.len();
                    outputs.sort_unstable();
                    outputs.dedup();
                    outputs.len() == all
                };
                let on = possible && wanted && distinct;
                match gate.switch {
                    Switch::Selector(index) => self.selectors[index].1[row] |= on,
                    Switch::Fixed(index) if on => {
                        self.fixed[index].1[row] = pick(rng, &[Fr::ONE, -Fr::ONE, Fr::from(5)]);
                    }
                    Switch::Choice(index) => {
                        let off = pick(rng, &[Fr::ZERO, Fr::from(2)]);
                        self.fixed[index].1[row] = if on { Fr::ONE } else { off };
                    }
                    Switch::Fixed(_) => {}
                }
                if on {
                    on_before = true;
                    for (column, at, definition) in &gate.outputs {
                        let output = row.wrapping_add_signed(at.0 as isize);
                        self.advice[*column].origins[output] = Origin::Gate(*definition, row);
                    }
                }
            }
        }
    }

    fn assign_copies(&mut self, rng: &mut ChaCha20Rng, copied: &Copied) {
        if copied.advice.is_empty() {
            return;
        }
        for _ in 0..rng.gen_range(0..16) {
            let column = pick(rng, &copied.advice);
            let row = rng.gen_range(0..self.usable);
            let target = cell(self.advice[column].column, row);
            if rng.gen_range(0..8) == 0 {
                self.equal.push((target, target));
            }
            if !matches!(self.advice[column].origins[row], Origin::Free) {
                continue;
            }
            let from = rng.gen_range(0..self.usable);
            let filled_before: Vec<usize> = (self.order.iter().copied())
                .take_while(|&index| index != column)
                .filter(|index| copied.advice.contains(index))
                .collect();
            let origin = match rng.gen_range(0..6) {
                0 if copied.constants && self.constant_cells.len() < self.usable => {
                    self.constant_cells.push((target, value(rng)));
                    Origin::Constant(self.constant_cells.len() - 1)
                }
                1 if !copied.fixed.is_empty() => {
                    let of = pick(rng, &copied.fixed);
                    self.equal.push((cell(self.fixed[of].0, from), target));
                    Origin::Fixed(of, from)
                }
                2 if !copied.instance.is_empty() => {
                    let of = pick(rng, &copied.instance);
                    self.public.push((target, self.instance[of].0, from));
                    Origin::Instance(of, from)
                }
                _ if !filled_before.is_empty() => {
                    let of = pick(rng, &filled_before);
                    let source = cell(self.advice[of].column, from);
                    self.equal.push((target, source));
                    if rng.gen_range(0..4) == 0 {
                        self.equal.push((source, target));
                    }
                    Origin::Advice(of, from)
                }
                _ => continue,
            };
            self.advice[column].origins[row] = origin;
        }
    }
}
