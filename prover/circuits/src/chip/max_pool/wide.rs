//! A maximum in the first two lanes of a row, which then hold no requantised activation.
//!
//! The cells are the differences p_i - n_i of the comparisons (first, second), (third, fourth) and (left, right), and the two
//! free taps a and c:
//!
//! ```text
//! cell   rem_0  v_0  e_0  rem_1  v_1  e_1  c'_0  c'_1  y_0  y_1
//! role   p_0    n_0  p_1  n_1    p_2  n_2  a     c     y    0
//!
//! p_i n_i = 0                        left = a + n_0, right = c + n_1                   degree 3
//! left - right = p_2 - n_2           y = left + n_2            y_1 = 0                 degree 2
//! D = z D' + a + r (a - p_0 + n_0) + r^2 c + r^3 (c - p_1 + n_1)                       degree 2
//! ```

use super::{POOL, TAPS, maxima, relation};
use crate::chip::operator::{LayerChip, MakeGates, Operator, RowSums, SumInputs, Witness, is_one};
use crate::chip::rlc::program::Program;
use crate::columns::{Col, Fix};
use crate::error::CircuitError;
use crate::field::powers;
use crate::gate::{Cells, Expr, Gates, power, sum};
use crate::layout::place::ChunkLayout;
use crate::shape::CircuitShape;
use crate::trace::FixedCells;
use chainfer_model::quantized::{QLayer, QMaxPool, TensorId};
use chainfer_model::window::Window;
use halo2curves::bn256::Fr;

/// D steps by z: one maximum per row.
const D_UNIT: Fix = Fix::new("max: D steps");

/// Max pooling in the wide arrangement.
#[derive(Debug)]
pub(crate) struct MaxPool;

/// Lanes that a maximum takes.
const LANES: usize = 2;

impl Operator for MaxPool {
    fn layer<'a>(&self, layer: &'a QLayer) -> Option<Box<dyn LayerChip + 'a>> {
        match layer {
            QLayer::MaxPool(pool) => Some(Box::new(Layer(pool))),
            _ => None,
        }
    }

    fn is_in(&self, shape: &CircuitShape) -> bool {
        shape.pooling
    }

    fn require(&self, shape: &mut CircuitShape) {
        shape.pooling = true;
    }

    fn lanes(&self) -> usize {
        LANES
    }

    fn own_rows(&self, lane: usize) -> Option<Fix> {
        (lane < LANES).then_some(POOL)
    }

    fn flags(&self, _shape: &CircuitShape) -> Vec<Fix> {
        vec![POOL, D_UNIT]
    }

    /// D steps, from 0.
    fn idle(&self, column: Fix) -> Option<Vec<(Fix, i64)>> {
        (column == D_UNIT).then(|| vec![(D_UNIT, 1)])
    }

    fn sum_step(&self, c: &mut Cells<'_, '_>) -> Option<Expr> {
        let z = c.z();
        Some(c.fix(D_UNIT) * z)
    }

    fn sum_term(&self, c: &mut Cells<'_, '_>) -> Option<Expr> {
        let r = c.r();
        let taps = taps(c).into_iter().enumerate();
        Some(c.fix(POOL) * sum(taps.map(|(j, a)| a * power(&r, j))))
    }

    fn sums<'a>(&self, inputs: &SumInputs<'a>) -> Result<Option<RowSums<'a>>, CircuitError> {
        let (first, fixed) = (inputs.first, inputs.fixed);
        let (unit, pool) = (fixed.column(D_UNIT)?, fixed.column(POOL)?);
        let (a, c) = (first.column(Col::C(0))?, first.column(Col::C(1))?);
        let (p0, n0) = (first.column(Col::Rem(0))?, first.column(Col::V(0))?);
        let (p1, n1) = (first.column(Col::E(0))?, first.column(Col::Rem(1))?);
        let r = powers(inputs.challenges.r, TAPS);
        let z = inputs.challenges.z;
        Ok(Some(Box::new(move |row| {
            let mut term = Fr::zero();
            if is_one(pool, row) {
                let (b, e) = (a[row] - p0[row] + n0[row], c[row] - p1[row] + n1[row]);
                term = [a[row], b, c[row], e]
                    .iter()
                    .zip(&r)
                    .map(|(t, r)| t * r)
                    .sum();
            }
            (unit[row] * z, term)
        })))
    }

    fn gates(&self) -> Option<MakeGates> {
        Some(gates)
    }
}

/// p n = 0 in three comparisons; left - right = p - n; y = left + n; y of the second lane = 0.
fn gates(c: &mut Cells<'_, '_>) -> Gates {
    let mut gates = Gates::new();
    let on = c.fix(POOL);
    let PoolCells { p, n, first, third } = pool_cells(c);
    let left = first + n[0].clone();
    let right = third + n[1].clone();
    for i in 0..3 {
        gates.push((
            format!("max {i}: p n = 0"),
            on.clone() * p[i].clone() * n[i].clone(),
        ));
    }
    let difference = p[2].clone() - n[2].clone();
    gates.push((
        "max: left - right = p - n".into(),
        on.clone() * (left.clone() - right - difference),
    ));
    gates.push((
        "max: y = left + n".into(),
        on.clone() * (c.cur(Col::Y(0)) - left - n[2].clone()),
    ));
    gates.push((
        "max: y of the second lane = 0".into(),
        on * c.cur(Col::Y(1)),
    ));
    gates
}

/// Cells of a row: differences p - n of (first, second), (third, fourth) and of the two winners, and the two free taps.
struct PoolCells {
    p: [Expr; 3],
    n: [Expr; 3],
    first: Expr,
    third: Expr,
}

fn pool_cells(c: &mut Cells<'_, '_>) -> PoolCells {
    PoolCells {
        p: [c.cur(Col::Rem(0)), c.cur(Col::E(0)), c.cur(Col::V(1))],
        n: [c.cur(Col::V(0)), c.cur(Col::Rem(1)), c.cur(Col::E(1))],
        first: c.cur(Col::C(0)),
        third: c.cur(Col::C(1)),
    }
}

fn taps(c: &mut Cells<'_, '_>) -> [Expr; TAPS] {
    let PoolCells {
        p: [p0, p1, _],
        n: [n0, n1, _],
        first,
        third,
    } = pool_cells(c);
    [
        first.clone(),
        first - p0 + n0,
        third.clone(),
        third - p1 + n1,
    ]
}

struct Layer<'a>(&'a QMaxPool);

impl LayerChip for Layer<'_> {
    fn windows(&self) -> Vec<(TensorId, Window)> {
        vec![(self.0.input, self.0.window())]
    }

    fn slots(&self, lanes: usize) -> usize {
        lanes
    }

    fn relation(&self, program: &mut Program<'_>) -> Result<(), CircuitError> {
        relation(self.0, program)
    }

    fn fixed(&self, layout: &ChunkLayout, fixed: &mut FixedCells) -> Result<(), CircuitError> {
        let tensor = layout.tensor(self.0.output, &self.0.name)?;
        for row in tensor.block().filter(|row| !tensor.begins_channel(*row)) {
            fixed.flag(D_UNIT, row);
        }
        for element in 0..tensor.dims.len() {
            fixed.flag(POOL, tensor.cell(element).0);
        }
        Ok(())
    }

    fn witness(&self, witness: &mut Witness<'_>) -> Result<(), CircuitError> {
        for (row, [a, b, c, d]) in maxima(self.0, witness)? {
            let (left, right) = (a.max(b), c.max(d));
            let pairs = [(a, b), (c, d), (left, right)];
            let p = pairs.map(|(first, second)| first.saturating_sub(second));
            let n = pairs.map(|(first, second)| second.saturating_sub(first));
            witness.trace.set_small(Col::Y(0), row, left.max(right));
            witness.trace.set_small(Col::C(0), row, a);
            witness.trace.set_small(Col::C(1), row, c);
            witness.look_up(0, row, [p[0], n[0], p[1]]);
            witness.look_up(1, row, [n[1], p[2], n[2]]);
        }
        Ok(())
    }
}
