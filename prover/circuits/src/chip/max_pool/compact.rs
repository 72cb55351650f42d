//! A maximum in three rows of one comparison each, from the last row to the first.
//!
//! A row has the operand a in c', the difference p - n in rem and v, and the larger operand in y. The last row compares the first
//! two taps, each row above continues with the result below it. Row i of the maximum is flagged by its position; with y↓ of the
//! row below,
//!
//! ```text
//! p n = 0                        degree 4, as the flag has degree 2
//! y = a + n                      degree 3
//! a = y↓ in rows 0 and 1         degree 4
//! D = D' + r^(3-i) (a - p + n), and + a in row 2; row 0 steps as a linear layer's row does        degree 4
//! ```
//!
//! Every slot of the block is a maximum, also where there is no element: its taps are 0 there.

use super::{POOL, TAPS, maxima, relation};
use crate::chip::linear::D_STEP;
use crate::chip::operator::{LayerChip, MakeGates, Operator, RowSums, SumInputs, Witness, is_one};
use crate::chip::rlc::program::Program;
use crate::columns::{Col, Fix, Query};
use crate::error::CircuitError;
use crate::field::{powers, signed};
use crate::gate::{Cells, Expr, Gates, power};
use crate::layout::place::ChunkLayout;
use crate::selectors::{among, decode as selector};
use crate::shape::CircuitShape;
use crate::trace::FixedCells;
use chainfer_model::quantized::{QLayer, QMaxPool, TensorId};
use chainfer_model::window::Window;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

/// Rows of one maximum: a comparison each, of up to four taps.
pub(crate) const POOL_ROWS: usize = TAPS - 1;

const POOL_ROW: &str = "max: row of the maximum";
/// Selector of a maximum's rows.
const ROWS: Fix = Fix::new("selector: maximum");

/// Row of a maximum, from the first.
const fn pool_row(i: usize) -> Fix {
    Fix::nth(POOL_ROW, i)
}

/// Encodings of the rows: none, then from the first.
const CODES: std::ops::Range<i64> = 0..POOL_ROWS as i64 + 1;

/// Max pooling in the compact arrangement.
#[derive(Debug)]
pub(crate) struct MaxPool;

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

    fn own_rows(&self, _lane: usize) -> Option<Fix> {
        Some(POOL)
    }

    fn flags(&self, _shape: &CircuitShape) -> Vec<Fix> {
        let mut flags = vec![POOL];
        flags.extend((0..POOL_ROWS).map(pool_row));
        flags
    }

    fn selectors(&self) -> Vec<Fix> {
        vec![ROWS]
    }

    fn decode(&self, role: Fix, query: &mut Query<'_>) -> Option<Expr> {
        let Fix { name: POOL_ROW, at } = role else {
            return None;
        };
        Some(selector(query, ROWS, &among(CODES, &[at[0] as i64 + 1])))
    }

    fn encode(&self, row: usize, fixed: &mut FixedCells) -> Result<(), CircuitError> {
        for i in 0..POOL_ROWS {
            if fixed.is_set(pool_row(i), row)? {
                fixed.set(ROWS, row, signed(i as i64 + 1));
            }
        }
        Ok(())
    }

    /// The last row of a maximum, in the selector of steps alone: its row is no maximum, so it has no gate but that of D.
    fn idle(&self, column: Fix) -> Option<Vec<(Fix, i64)>> {
        let last = POOL_ROWS - 1;
        (column == ROWS).then(|| vec![(pool_row(last), 1), (ROWS, last as i64 + 1)])
    }

    fn sum_step(&self, c: &mut Cells<'_, '_>) -> Option<Expr> {
        Some(c.fix(pool_row(1)) + c.fix(pool_row(2)))
    }

    /// The last row compares the first two taps, every row above the result with one more.
    fn sum_term(&self, c: &mut Cells<'_, '_>) -> Option<Expr> {
        let r = c.r();
        let second = c.cur(Col::C(0)) - c.cur(Col::Rem(0)) + c.cur(Col::V(0));
        let first = c.cur(Col::C(0));
        let term = c.fix(pool_row(0)) * second.clone() * power(&r, 3)
            + c.fix(pool_row(1)) * second.clone() * power(&r, 2)
            + c.fix(pool_row(2)) * (first + second * r);
        Some(term)
    }

    fn sums<'a>(&self, inputs: &SumInputs<'a>) -> Result<Option<RowSums<'a>>, CircuitError> {
        let (first, fixed) = (inputs.first, inputs.fixed);
        let rows = [0, 1, 2].map(|i| fixed.column(pool_row(i)));
        let rows = rows.into_iter().collect::<Result<Vec<_>, _>>()?;
        let (a, p, n) = (
            first.column(Col::C(0))?,
            first.column(Col::Rem(0))?,
            first.column(Col::V(0))?,
        );
        let r = powers(inputs.challenges.r, TAPS);
        Ok(Some(Box::new(move |row| {
            let Some(i) = rows.iter().position(|flags| is_one(*flags, row)) else {
                return (Fr::ZERO, Fr::ZERO);
            };
            let held = Fr::from(u64::from(i > 0));
            let mut term = (a[row] - p[row] + n[row]) * r[POOL_ROWS - i];
            if i + 1 == POOL_ROWS {
                term += a[row];
            }
            (held, term)
        })))
    }

    fn gates(&self) -> Option<MakeGates> {
        Some(gates)
    }
}

/// p n = 0 and y = a + n in each row of a maximum, a = next y but in its last.
fn gates(c: &mut Cells<'_, '_>) -> Gates {
    let on = c.fix(POOL);
    let (y, a) = (c.cur(Col::Y(0)), c.cur(Col::C(0)));
    let (p, n) = (c.cur(Col::Rem(0)), c.cur(Col::V(0)));
    let continues = c.fix(pool_row(0)) + c.fix(pool_row(1));
    let next = c.at(Col::Y(0), 1);
    vec![
        ("max: p n = 0".into(), on.clone() * p * n.clone()),
        ("max: y = a + n".into(), on * (y - a.clone() - n)),
        ("max: a = next y".into(), continues * (a - next)),
    ]
}

struct Layer<'a>(&'a QMaxPool);

impl LayerChip for Layer<'_> {
    fn windows(&self) -> Vec<(TensorId, Window)> {
        vec![(self.0.input, self.0.window())]
    }

    fn slots(&self, _lanes: usize) -> usize {
        POOL_ROWS
    }

    fn relation(&self, program: &mut Program<'_>) -> Result<(), CircuitError> {
        relation(self.0, program)
    }

    fn fixed(&self, layout: &ChunkLayout, fixed: &mut FixedCells) -> Result<(), CircuitError> {
        let tensor = layout.tensor(self.0.output, &self.0.name)?;
        for row in tensor.block() {
            let at = (row - tensor.base) % POOL_ROWS;
            if at == 0 && !tensor.begins_channel(row) {
                fixed.flag(D_STEP, row);
            }
            fixed.flag(POOL, row);
            fixed.flag(pool_row(at), row);
        }
        Ok(())
    }

    fn witness(&self, witness: &mut Witness<'_>) -> Result<(), CircuitError> {
        let tensor = witness.layout.tensor(self.0.output, &self.0.name)?;
        // Slots without an element are maxima of zeros.
        for row in tensor.block() {
            witness.trace.set_small(Col::C(0), row, 0);
        }
        for (row, taps) in maxima(self.0, witness)? {
            let mut greatest = taps[0];
            for (i, tap) in taps.into_iter().skip(1).enumerate() {
                let at = row + POOL_ROWS - 1 - i;
                witness.trace.set_small(Col::C(0), at, greatest);
                let (p, n) = (greatest.saturating_sub(tap), tap.saturating_sub(greatest));
                witness.look_up(0, at, [p, n, 0]);
                greatest = greatest.max(tap);
                witness.trace.set_small(Col::Y(0), at, greatest);
            }
        }
        Ok(())
    }
}
