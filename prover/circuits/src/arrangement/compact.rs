//! The compact arrangement: activations, RLC checks and hashing share columns, on rows of their own.
//!
//! Tall and narrow: verifies cheaply, because every column is a commitment that a verifier scales. Hashing stands in the columns
//! of y, rem, v and c', RLC checks in those of D and of the beta accumulators, both from row 0; activations follow. All flags are
//! encoded. There is one lane, one weight per row, and biases share the column of weights, which holds nothing else. Gates compare
//! pinned words with the instance column, which is in no permutation. The map of rows and columns is in docs/layout.md.

use super::interface::{Arrangement, Sizes};
use crate::chip::openings::compact::FirstWord;
use crate::chip::openings::grid::Wiring;
use crate::chip::operator::Operator;
use crate::chip::packing::compact::OneARow;
use crate::chip::packing::{self, Packing};
use crate::chip::registry;
use crate::chip::{function, linear, logup, poseidon, requantise, rlc, words};
use crate::columns::{self, ACTIVE, Col, Columns, Fix, Placement, Query, UNIT, VALUE, requantised};
use crate::error::CircuitError;
use crate::field::signed;
use crate::gate::{Cells, Expr, Gates, add, int};
use crate::selectors::{SCALE, interpolate};
use crate::shape::CircuitShape;
use crate::trace::FixedCells;
use halo2_proofs::plonk::ConstraintSystem;
use halo2curves::bn256::Fr;
use std::ops::Range;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Compact;

/// Selector of what stands in the columns of activations: 0 for hashing and the RLC checks, then the operators of the registry;
/// requantised activations have the first's encoding.
const ROWS: Fix = Fix::new("selector: rows");
const REQUANTISED_CODE: i64 = 1;

/// Second-phase columns before the running sums: D and one per beta accumulator, and alpha, gamma and the operand, which are the
/// same columns.
fn accumulator_columns(shape: &CircuitShape) -> usize {
    (1 + shape.taps).max(3)
}

/// The operators with rows of their own in a shape, with their encodings.
fn with_own_rows(shape: &CircuitShape) -> impl Iterator<Item = (i64, &'static dyn Operator, Fix)> {
    let operators = Compact.operators().into_iter().zip(REQUANTISED_CODE..);
    operators
        .filter(|(operator, _)| operator.is_in(shape))
        .filter_map(|(operator, code)| Some((code, operator, operator.own_rows(0)?)))
}

/// The rows with one of some encodings, times `scale`.
fn rows_with(shape: &CircuitShape, query: &mut Query<'_>, codes: &[i64], scale: u64) -> Expr {
    let own = with_own_rows(shape).map(|(code, ..)| code);
    let all = [0, REQUANTISED_CODE].into_iter().chain(own);
    let points: Vec<(i64, bool)> = all.map(|code| (code, codes.contains(&code))).collect();
    interpolate(&query(ROWS), &points, scale)
}

impl Placement for Compact {
    fn first_phase_columns(&self, shape: &CircuitShape) -> usize {
        requantise::LANE_COLUMNS + 1 + function::advice_columns(shape)
    }

    fn second_phase_columns(&self, shape: &CircuitShape) -> usize {
        accumulator_columns(shape) + logup::sum_columns(shape)
    }

    fn position(&self, col: Col, shape: &CircuitShape) -> Option<usize> {
        match col {
            Col::Y(0) | Col::Hash(0, 0) | Col::D | Col::Alpha => Some(0),
            Col::Rem(0) | Col::Hash(0, 1) | Col::Gamma => Some(1),
            Col::V(0) | Col::Hash(0, 2) | Col::U => Some(2),
            Col::C(0) | Col::Hash(0, 3) => Some(3),
            Col::E(0) => Some(4),
            Col::Mult => Some(5),
            Col::TableMult => (function::advice_columns(shape) > 0).then_some(6),
            Col::Beta(j) => (j < shape.taps).then_some(1 + j),
            Col::Phi(p) => {
                (p < logup::sum_columns(shape)).then_some(accumulator_columns(shape) + p)
            }
            Col::Y(_)
            | Col::Rem(_)
            | Col::V(_)
            | Col::C(_)
            | Col::E(_)
            | Col::High(..)
            | Col::Hash(..) => None,
        }
    }

    fn copied(&self, shape: &CircuitShape) -> Vec<Col> {
        let roles = [Col::Y(0), Col::D, Col::Alpha, Col::U];
        let roles = roles.into_iter().chain((0..shape.taps).map(Col::Beta));
        let mut seen = std::collections::BTreeSet::new();
        roles
            .filter(|col| seen.insert((col.is_first_phase(), self.position(*col, shape))))
            .collect()
    }

    fn copies_instances(&self) -> bool {
        false
    }

    fn fixed_columns(&self, shape: &CircuitShape) -> Vec<Fix> {
        let mut v = vec![logup::TABLE, ACTIVE, poseidon::CONSTANT, rlc::PRODUCT];
        v.extend((0..shape.weights_per_row).map(rlc::weight));
        v.extend([ROWS, linear::SUM]);
        for operator in self.operators_in(shape) {
            v.extend(operator.selectors());
            v.extend(operator.columns(shape));
        }
        v.extend((0..shape.taps).map(linear::windows::tap));
        v.extend([rlc::CARRY, rlc::LOAD, rlc::GAMMA, words::WORDS]);
        v.extend((0..2).map(poseidon::round_bit));
        v
    }

    fn encoded_flags(&self, shape: &CircuitShape) -> Vec<Fix> {
        let mut v = rlc::FLAGS.to_vec();
        v.push(logup::ENDS);
        v.extend(poseidon::FLAGS);
        v.extend([words::PACK, words::SHIFT, words::PIN, words::PIN_INSTANCE]);
        v.extend(linear::flags(shape));
        v.extend([linear::bias(0), VALUE, requantised(0)]);
        for operator in self.operators_in(shape) {
            v.extend(operator.flags(shape));
        }
        v
    }

    fn decode(&self, role: Fix, shape: &CircuitShape, query: &mut Query<'_>) -> Option<Expr> {
        let own: Vec<_> = with_own_rows(shape).collect();
        let values: Vec<i64> = own
            .iter()
            .map(|(code, ..)| *code)
            .chain([REQUANTISED_CODE])
            .collect();
        match role {
            UNIT => Some(int(SCALE)),
            // With no other rows of activations, the encoding is the flag.
            VALUE if own.is_empty() => Some(query(ROWS)),
            VALUE => Some(rows_with(shape, query, &values, 1)),
            Fix {
                name: columns::REQUANTISED,
                ..
            } => {
                if own.is_empty() {
                    Some(query(ROWS))
                } else {
                    Some(rows_with(shape, query, &[REQUANTISED_CODE], 1))
                }
            }
            Fix {
                name: logup::COUNTED,
                at: [digit, _],
            } => match logup::looked_up(0).get(digit) {
                // Hashing has the columns of these two on its rows.
                Some(Col::Rem(_) | Col::V(_)) => self.decode(VALUE, shape, query),
                _ => Some(int(1)),
            },
            Fix {
                name: linear::BIAS, ..
            } => Some(query(rlc::weight(0))),
            _ => {
                if let Some((code, ..)) = own.iter().find(|(.., rows)| *rows == role) {
                    return Some(rows_with(shape, query, &[*code], SCALE));
                }
                for operator in self.operators_in(shape) {
                    if let Some(flag) = operator.decode(role, query) {
                        return Some(flag);
                    }
                }
                linear::decode(role, query)
                    .or_else(|| rlc::decode(role, query))
                    .or_else(|| words::decode(role, query))
                    .or_else(|| poseidon::decode(role, query))
            }
        }
    }
}

impl Arrangement for Compact {
    fn placement(&self) -> &'static dyn Placement {
        &Compact
    }

    fn operators(&self) -> Vec<&'static dyn Operator> {
        registry::OPERATORS
            .iter()
            .map(|entry| entry.compact)
            .collect()
    }

    fn packing(&self) -> &'static dyn Packing {
        &OneARow
    }

    fn wiring(&self) -> &'static dyn Wiring {
        &FirstWord
    }

    fn base(&self) -> CircuitShape {
        CircuitShape {
            stacked: true,
            ..CircuitShape::default()
        }
    }

    fn sizes(&self) -> Sizes {
        Sizes {
            lanes: 1..=1,
            weights_per_row: &[1],
            hash_lanes: 1..=1,
            limbs: &[1],
        }
    }

    fn first_value_row(&self, check: usize, hashing: usize) -> usize {
        check.max(hashing)
    }

    fn end_of(&self, _role: Fix, _check: usize, values: usize) -> usize {
        values
    }

    fn configure(
        &self,
        meta: &mut ConstraintSystem<Fr>,
        columns: &Columns,
    ) -> Result<(), CircuitError> {
        add(meta, columns, "requantise", requantise::gates)?;
        add(meta, columns, "sums", |c| self.accumulators(c))?;
        add(meta, columns, "logup", logup::gates)?;
        add(meta, columns, "hash", hashing)?;
        for operator in self.operators_in(&columns.shape) {
            if let Some(gates) = operator.gates() {
                add(meta, columns, "operator", gates)?;
            }
        }
        Ok(())
    }

    fn encode(
        &self,
        shape: &CircuitShape,
        values: Range<usize>,
        fixed: &mut FixedCells,
    ) -> Result<(), CircuitError> {
        let own: Vec<_> = with_own_rows(shape).collect();
        for row in values {
            let bias = fixed.column(linear::bias(0))?[row];
            fixed.set(rlc::weight(0), row, bias);
            let mut code = None;
            for (own_code, _, rows) in &own {
                if fixed.is_set(*rows, row)? {
                    code = Some(*own_code);
                }
            }
            fixed.set(ROWS, row, signed(code.unwrap_or(REQUANTISED_CODE)));
            fixed.flag(VALUE, row);
            if code.is_none() {
                fixed.flag(requantised(0), row);
            }
            linear::encode(shape, row, fixed)?;
            for operator in self.operators_in(shape) {
                operator.encode(row, fixed)?;
            }
        }
        Ok(())
    }
}

impl Compact {
    /// The accumulators over activations and the check in the same columns, on other rows: every flag of either is 0 on the rows of
    /// the other.
    fn accumulators(&self, c: &mut Cells<'_, '_>) -> Gates {
        let operators = self.operators_in(c.shape());
        let taps = c.shape().taps;
        let scale = Fr::from(SCALE);
        let mut gates = Gates::new();
        let (active, values) = (c.fix(ACTIVE) * scale, c.fix(VALUE) * scale);
        let gate = active.clone() * c.cur(Col::D) - linear::sums(c, &operators) - rlc::folds(c);
        gates.push((format!("{}; {}", linear::SUMS, rlc::FOLDS), gate));
        let first = if taps > 0 {
            linear::windows::sums(c, 0)
        } else {
            int(0)
        };
        let gate = active.clone() * c.cur(Col::Gamma) - first - rlc::products(c);
        let name = format!("{}; {}", rlc::PRODUCTS, linear::windows::equation(0));
        gates.push((name, gate));
        gates.push((rlc::RELATION.into(), rlc::relation(c)));
        for j in 1..taps {
            // The second accumulator stands in the operand's column, which copy constraints bind in the check.
            let on = if j == 1 {
                values.clone()
            } else {
                active.clone()
            };
            let gate = on * c.cur(Col::Beta(j)) - linear::windows::sums(c, j);
            gates.push((linear::windows::equation(j), gate));
        }
        gates
    }
}

/// Permutation, packing and pins on the rows without activations.
fn hashing(c: &mut Cells<'_, '_>) -> Gates {
    let on = c.fix(ACTIVE) - c.fix(VALUE);
    let mut gates = poseidon::gates(c, 0, on);
    gates.push(packing::compact::gate(c));
    gates.extend(words::shift_gates(c));
    gates.push(words::pin_gate(c));
    gates.push(words::pin_instance_gate(c));
    gates
}
