//! logUp: every digit is in [0, R).
//!
//! The table t has R / limbs entries; a looked-up cell a is split in a high limb h, which a gate confines to [0, limbs), and
//! a - (R / limbs) h, which is looked up. For the challenge x, with phi' of the next row and three fractions per column,
//!
//! ```text
//! phi' - phi = sum over the row's digits 1 / (x + a - (R / limbs) h)  -  mult / (x + t)      degree 5 after multiplying out
//! the sum of all phi is 0 in the first and in the last usable row
//! h (h - 1) … (h - limbs + 1) = 0                                                            degree limbs + 1
//! ```
//!
//! so as rational functions of x the sums over all digits and over the table with its multiplicities agree, and every digit is
//! an entry. The error is (number of lookups + number of rows) over the field's order. The gate acts on every row but the last
//! usable one; idle cells hold 0, an entry, and are counted. Multiplicities and digits are committed before x.
//!
//! With functions ([`function`]) pairs are looked up in the same sums, a digit a being the pair (a, 0).
//!
//! Security: docs/security.md#rule-5-logup; docs/security.md#rule-2-first-phase.

use crate::chip::function;
use crate::chip::operator::SumInputs;
use crate::columns::{ACTIVE, Col, Fix};
use crate::error::CircuitError;
use crate::gate::{Cells, Expr, Gates, int, sum};
use crate::shape::CircuitShape;
use crate::trace::{FixedCells, FixedValues, Trace};
use halo2curves::bn256::Fr;
use halo2curves::ff::{BatchInvert, Field};
use std::ops::Range;

/// The table: 0 to R / limbs - 1, then zeros.
pub(crate) const TABLE: Fix = Fix::new("lookup table");
/// The first and the last usable row: the running sums add up to 0 there.
pub(crate) const ENDS: Fix = Fix::new("ends of the lookup sums");
pub(crate) const COUNTED: &str = "digit looked up";

/// Rows where digit `j` of a lane is looked up.
pub(crate) const fn counted(j: usize) -> Fix {
    Fix::nth(COUNTED, j)
}

/// Digits of a lane: rem, v, e; each has a high limb where there are limbs.
pub(crate) const DIGITS: usize = 3;

/// The looked-up columns of a lane; column j has the high limb `High(lane, j)`.
pub(crate) fn looked_up(lane: usize) -> [Col; DIGITS] {
    [Col::Rem(lane), Col::V(lane), Col::E(lane)]
}

/// Fractions of a running sum's step.
const FRACTIONS: usize = 3;

/// Number of running sums of a shape: the digits' fractions, and the table's.
pub(crate) fn sum_columns(shape: &CircuitShape) -> usize {
    (DIGITS * shape.lanes + 1 + function::fraction_count(shape)).div_ceil(FRACTIONS)
}

/// Lookups of a row.
pub(crate) fn lookups(shape: &CircuitShape) -> usize {
    DIGITS * shape.lanes + function::lookups(shape)
}

/// Challenges at which the argument may fail: for x as many as there are fractions, and where pairs are looked up, for r as many as
/// there are other pairs that one could be mistaken for.
pub(crate) fn error(shape: &CircuitShape, lookups: usize, usable: usize) -> usize {
    match function::lookups(shape) {
        0 => lookups + usable,
        _ => 2 * (lookups + 2 * usable),
    }
}

/// Range of the high limbs, the steps of the sums, and their ends.
pub(crate) fn gates(c: &mut Cells<'_, '_>) -> Gates {
    let mut gates = Gates::new();
    let x = c.x();
    let mut fractions: Vec<(Expr, Expr)> = Vec::new();
    let (table, limbs) = (Fr::from(u64::from(c.shape().table())), c.shape().limbs);
    for l in 0..c.shape().lanes {
        for (j, col) in looked_up(l).into_iter().enumerate() {
            let mut low = c.cur(col);
            if limbs > 1 {
                let high = c.cur(Col::High(l, j));
                let each = (1..u64::from(limbs)).map(|i| high.clone() - int(i));
                let product = each.fold(high.clone(), |acc, factor| acc * factor);
                let equation = format!("range {l}.{j}: high limb below {limbs}");
                gates.push((equation, c.fix(ACTIVE) * product));
                low = low - high * table;
            }
            fractions.push((c.fix(counted(j)), x.clone() + low));
        }
    }
    fractions.push((-c.cur(Col::Mult), x + c.fix(TABLE)));
    fractions.extend(function::fractions(c));
    for (i, group) in fractions.chunks(FRACTIONS).enumerate() {
        let product = |skip: Option<usize>| {
            let kept = group
                .iter()
                .enumerate()
                .filter(|(j, _)| Some(*j) != skip)
                .map(|(_, f)| f.1.clone());
            kept.reduce(|a, b| a * b).unwrap_or_else(|| int(1))
        };
        let difference = c.at(Col::Phi(i), 1) - c.cur(Col::Phi(i));
        let numerator = sum(group
            .iter()
            .enumerate()
            .map(|(j, f)| f.0.clone() * product(Some(j))));
        let equation = format!("logUp {i}: phi' - phi = sum of the row's fractions");
        gates.push((
            equation,
            c.fix(ACTIVE) * (difference * product(None) - numerator),
        ));
    }
    let all: Vec<Expr> = (0..sum_columns(c.shape()))
        .map(|i| c.cur(Col::Phi(i)))
        .collect();
    gates.push((
        "logUp: total = 0 at both ends".into(),
        c.fix(ENDS) * sum(all),
    ));
    gates
}

/// The table, and the ends of the sums.
pub(crate) fn fixed(shape: &CircuitShape, usable: usize, fixed: &mut FixedCells) {
    for value in 0..shape.table() {
        fixed.set(TABLE, value as usize, Fr::from(u64::from(value)));
    }
    fixed.flag(ENDS, 0);
    fixed.flag(ENDS, usable - 1);
}

/// How often each entry of the table is looked up.
#[derive(Debug)]
pub(crate) struct Lookups {
    counts: Vec<u32>,
}

impl Lookups {
    /// All cells are idle and hold 0: `idle` lookups of it.
    pub(crate) fn idle(shape: &CircuitShape, idle: usize) -> Self {
        let mut counts = vec![0; shape.table() as usize];
        counts[0] = idle as u32;
        Lookups { counts }
    }

    /// Writes the digits of a lane that was idle, with their high limbs.
    pub(crate) fn write(
        &mut self,
        trace: &mut Trace,
        (lane, row): (usize, usize),
        values: [u32; DIGITS],
    ) {
        let table = self.counts.len() as u32;
        for (j, (col, value)) in looked_up(lane).into_iter().zip(values).enumerate() {
            if value == 0 {
                continue;
            }
            trace.set_small(col, row, value);
            if value >= table {
                trace.set_small(Col::High(lane, j), row, value / table);
            }
            self.counts[0] -= 1;
            self.counts[(value % table) as usize] += 1;
        }
    }

    /// Writes the multiplicities.
    pub(crate) fn finish(self, trace: &mut Trace) {
        for (row, count) in self.counts.into_iter().enumerate() {
            trace.set_small(Col::Mult, row, count);
        }
    }
}

/// Rows whose digit in this column is looked up, out of all active rows and those of activations.
pub(crate) fn looked_up_rows(col: Col, active: usize, values: Range<usize>) -> Range<usize> {
    // e is looked up everywhere: nothing else ever stands in its column.
    if matches!(col, Col::E(_)) {
        0..active
    } else {
        values
    }
}

/// The numerators of a column of fractions.
#[derive(Debug)]
pub(crate) enum Numerators<'a> {
    /// 1 in these rows, 0 in the others.
    One(Range<usize>),
    /// What these cells hold, row by row.
    Cells(FixedValues<'a>),
    /// The same, subtracted.
    Minus(&'a [Fr]),
}

/// Columns of fractions: the numerators of each, and the denominators of all, one column after the other.
#[derive(Debug, Default)]
pub(crate) struct Fractions<'a> {
    pub(crate) numerators: Vec<Numerators<'a>>,
    pub(crate) denominators: Vec<Fr>,
}

impl<'a> Fractions<'a> {
    /// Adds a column.
    pub(crate) fn push(
        &mut self,
        numerators: Numerators<'a>,
        denominators: impl Iterator<Item = Fr>,
    ) {
        self.numerators.push(numerators);
        self.denominators.extend(denominators);
    }
}

/// The running sums.
pub(crate) fn second_phase(
    active: usize,
    values: Range<usize>,
    inputs: &SumInputs<'_>,
    second: &mut Trace,
) -> Result<(), CircuitError> {
    let (shape, first, x) = (inputs.shape, inputs.first, inputs.challenges.x);
    let table = Fr::from(u64::from(shape.table()));
    let mut fractions = Fractions::default();
    for lane in 0..shape.lanes {
        for (j, col) in looked_up(lane).into_iter().enumerate() {
            let digits = first.column(col)?[..active].iter();
            let counted = Numerators::One(looked_up_rows(col, active, values.clone()));
            if shape.limbs > 1 {
                let high = first.column(Col::High(lane, j))?;
                fractions.push(counted, digits.zip(high).map(|(v, h)| *v - *h * table + x));
            } else {
                fractions.push(counted, digits.map(|v| *v + x));
            }
        }
    }
    let entry = |row: usize| {
        if row < shape.table() as usize {
            Fr::from(row as u64)
        } else {
            Fr::ZERO
        }
    };
    let multiplicities = Numerators::Minus(first.column(Col::Mult)?);
    fractions.push(multiplicities, (0..active).map(|row| entry(row) + x));
    function::second_phase(active, inputs, &mut fractions)?;
    let Fractions {
        numerators,
        mut denominators,
    } = fractions;
    denominators.iter_mut().batch_invert();
    for (i, group) in numerators.chunks(FRACTIONS).enumerate() {
        let out = second.column_mut(Col::Phi(i))?;
        let mut total = Fr::ZERO;
        for row in 0..active {
            out[row] = total;
            for (j, numerators) in group.iter().enumerate() {
                let inverse = denominators[(FRACTIONS * i + j) * active + row];
                total += match numerators {
                    Numerators::One(rows) if rows.contains(&row) => inverse,
                    Numerators::One(_) => Fr::ZERO,
                    Numerators::Cells(cells) => cells[row] * inverse,
                    Numerators::Minus(cells) => -cells[row] * inverse,
                };
            }
        }
        out[active] = total;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
