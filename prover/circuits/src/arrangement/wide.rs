//! The wide arrangement: activations, RLC checks and hashing, each in columns of their own.
//!
//! Short and wide: proves fast. Flags of rows of activations have columns of their own (several lanes leave no degree for encoded
//! ones); those of the RLC checks and of hashing are encoded. The map of rows and columns is in docs/layout.md.

use super::interface::{Arrangement, Sizes};
use crate::chip::openings::grid::Wiring;
use crate::chip::openings::wide::EveryWord;
use crate::chip::operator::Operator;
use crate::chip::packing::wide::TwoARow;
use crate::chip::packing::{self, Packing};
use crate::chip::registry;
use crate::chip::{function, linear, logup, poseidon, requantise, rlc, words};
use crate::columns::{self, ACTIVE, Col, Columns, Fix, Placement, Query, UNIT, VALUE};
use crate::error::CircuitError;
use crate::gate::{Cells, Expr, Gates, add, int};
use crate::selectors::SCALE;
use crate::shape::CircuitShape;
use crate::trace::FixedCells;
use halo2_proofs::plonk::ConstraintSystem;
use halo2curves::bn256::Fr;
use std::ops::Range;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Wide;

/// First-phase columns of a lane: digits, and their high limbs where there are limbs.
fn lane_columns(shape: &CircuitShape) -> usize {
    let limbs = if shape.limbs > 1 { logup::DIGITS } else { 0 };
    requantise::LANE_COLUMNS + limbs
}

/// Second-phase columns before the running sums: D, alpha, gamma, operand, and one per beta accumulator.
fn accumulator_columns(shape: &CircuitShape) -> usize {
    4 + shape.taps
}

/// Flags of rows of activations.
fn value_flags(shape: &CircuitShape) -> Vec<Fix> {
    let mut flags = linear::flags(shape);
    for operator in Wide.operators_in(shape) {
        flags.extend(operator.flags(shape));
        flags.extend(operator.columns(shape));
    }
    flags
}

impl Placement for Wide {
    fn first_phase_columns(&self, shape: &CircuitShape) -> usize {
        let (lanes, hash_lanes) = (shape.lanes, shape.hash_lanes);
        let of_lanes = lane_columns(shape) * lanes + poseidon::LANE_COLUMNS * hash_lanes;
        of_lanes + 1 + function::advice_columns(shape)
    }

    fn second_phase_columns(&self, shape: &CircuitShape) -> usize {
        accumulator_columns(shape) + logup::sum_columns(shape)
    }

    fn position(&self, col: Col, shape: &CircuitShape) -> Option<usize> {
        let width = lane_columns(shape);
        let in_lane = |lane: usize, at: usize| (lane < shape.lanes).then_some(width * lane + at);
        let lanes = width * shape.lanes;
        match col {
            Col::Y(l) => in_lane(l, 0),
            Col::Rem(l) => in_lane(l, 1),
            Col::V(l) => in_lane(l, 2),
            Col::C(l) => in_lane(l, 3),
            Col::E(l) => in_lane(l, 4),
            Col::High(l, j) if shape.limbs > 1 && j < logup::DIGITS => in_lane(l, 5 + j),
            Col::High(..) => None,
            Col::Hash(h, j) if h < shape.hash_lanes && j < poseidon::LANE_COLUMNS => {
                Some(lanes + poseidon::LANE_COLUMNS * h + j)
            }
            Col::Hash(..) => None,
            Col::Mult => Some(lanes + poseidon::LANE_COLUMNS * shape.hash_lanes),
            Col::TableMult => (function::advice_columns(shape) > 0)
                .then_some(lanes + poseidon::LANE_COLUMNS * shape.hash_lanes + 1),
            Col::D => Some(0),
            Col::Alpha => Some(1),
            Col::Gamma => Some(2),
            Col::U => Some(3),
            Col::Beta(j) => (j < shape.taps).then_some(4 + j),
            Col::Phi(p) => {
                (p < logup::sum_columns(shape)).then_some(accumulator_columns(shape) + p)
            }
        }
    }

    fn copied(&self, shape: &CircuitShape) -> Vec<Col> {
        let mut copied: Vec<Col> = (0..shape.lanes).map(Col::Y).collect();
        for h in 0..shape.hash_lanes {
            copied.extend((0..3).map(|j| Col::Hash(h, j)));
        }
        copied.extend([Col::D, Col::Alpha, Col::U]);
        copied.extend((0..shape.taps).map(Col::Beta));
        copied
    }

    fn copies_instances(&self) -> bool {
        true
    }

    fn fixed_columns(&self, shape: &CircuitShape) -> Vec<Fix> {
        let mut v = vec![logup::TABLE, ACTIVE, poseidon::CONSTANT, rlc::PRODUCT];
        v.extend((0..shape.weights_per_row).map(rlc::weight));
        v.extend((0..shape.lanes).map(linear::bias));
        v.extend(value_flags(shape));
        v.extend([rlc::CARRY, rlc::LOAD, rlc::GAMMA, words::WORDS]);
        v.extend((0..2).map(poseidon::round_bit));
        v
    }

    fn encoded_flags(&self, _shape: &CircuitShape) -> Vec<Fix> {
        let mut v = rlc::FLAGS.to_vec();
        v.push(logup::ENDS);
        v.extend(poseidon::FLAGS);
        v.extend([words::PACK_FIRST, words::PACK, words::PIN]);
        v
    }

    fn decode(&self, role: Fix, shape: &CircuitShape, query: &mut Query<'_>) -> Option<Expr> {
        match role {
            UNIT => Some(int(1)),
            VALUE => Some(query(ACTIVE)),
            Fix {
                name: columns::REQUANTISED,
                at: [lane, _],
            } => {
                let mut on = query(ACTIVE);
                for operator in self.operators_in(shape) {
                    if let Some(own) = operator.own_rows(lane) {
                        on = on - query(own);
                    }
                }
                Some(on)
            }
            Fix {
                name: logup::COUNTED,
                ..
            } => Some(int(1)),
            _ => rlc::decode(role, query)
                .or_else(|| words::decode(role, query))
                .or_else(|| poseidon::decode(role, query)),
        }
    }
}

impl Arrangement for Wide {
    fn placement(&self) -> &'static dyn Placement {
        &Wide
    }

    fn operators(&self) -> Vec<&'static dyn Operator> {
        registry::OPERATORS.iter().map(|entry| entry.wide).collect()
    }

    fn packing(&self) -> &'static dyn Packing {
        &TwoARow
    }

    fn wiring(&self) -> &'static dyn Wiring {
        &EveryWord
    }

    fn base(&self) -> CircuitShape {
        CircuitShape::default()
    }

    fn sizes(&self) -> Sizes {
        Sizes {
            lanes: 1..=4,
            weights_per_row: &[1, 2, 4, 8, 16],
            hash_lanes: 1..=8,
            limbs: &[1, 2, 4],
        }
    }

    fn first_value_row(&self, _check: usize, _hashing: usize) -> usize {
        0
    }

    fn end_of(&self, role: Fix, check: usize, values: usize) -> usize {
        match role.name {
            linear::BIAS => values,
            _ => check,
        }
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
        _shape: &CircuitShape,
        _values: Range<usize>,
        _fixed: &mut FixedCells,
    ) -> Result<(), CircuitError> {
        Ok(())
    }
}

impl Wide {
    /// The gates of D, alpha, gamma and the beta accumulators, each in a column of its own.
    fn accumulators(&self, c: &mut Cells<'_, '_>) -> Gates {
        let operators = self.operators_in(c.shape());
        let mut gates = Gates::new();
        let gate = c.fix(ACTIVE) * c.cur(Col::D) - linear::sums(c, &operators);
        gates.push((linear::SUMS.into(), gate));
        let scaled = c.fix(ACTIVE) * Fr::from(SCALE);
        let gate = scaled.clone() * c.cur(Col::Alpha) - rlc::folds(c);
        gates.push((rlc::FOLDS.into(), gate));
        let gate = scaled * c.cur(Col::Gamma) - rlc::products(c);
        gates.push((rlc::PRODUCTS.into(), gate));
        gates.push((rlc::RELATION.into(), rlc::relation(c)));
        for j in 0..c.shape().taps {
            gates.push(linear::windows::gate(c, j));
        }
        gates
    }
}

/// Permutation and packing in every lane, pinned constants in the first.
fn hashing(c: &mut Cells<'_, '_>) -> Gates {
    let active = c.fix(ACTIVE);
    let mut gates = Gates::new();
    for h in 0..c.shape().hash_lanes {
        gates.extend(poseidon::gates(c, h, active.clone()));
        gates.push(packing::wide::gate(c, h));
        if h == 0 {
            gates.push(words::pin_gate(c));
        }
    }
    gates
}
