//! Products of elements: acc = w0 a b + w1 a + w2 b + bias.
//!
//! The output is requantised as a linear layer's ([`requantise`](crate::chip::requantise)). Its operands stand behind it in rows of their
//! own ([`pairs`](crate::layout::pairs)), a above b, each y with a copy constraint to the activation that it repeats. D runs over them, too:
//! with D' of the row above and y↓ of the row below, where the units of the output and of the operands are the same,
//!
//! ```text
//! D = z D' + pair y y↓       in the row of a; D' is dropped where a channel begins       degree 4 with the encoded flag
//! D = D'                     in the row of b
//! ```
//!
//! so at a channel's end D = P_o = sum_q z^(U-1-q) a_q b_q. Beta accumulator 0 takes in a, beta accumulator 1 takes in b, over the same
//! steps: A_o and B_o. The layer's equation is, in the notation of [`rlc`](crate::chip::rlc),
//!
//! ```text
//! - sum_o r^(O-1-o) D_o  +  w0 sum_o r^(O-1-o) P_o  +  w1 sum_o r^(O-1-o) A_o  +  w2 sum_o r^(O-1-o) B_o  =  0
//! ```
//!
//! Units without an element step, and nothing is taken in. Its degree in z and r together is channels + U at most.
//!
//! Security: docs/security.md#rule-3-one-equation-per-layer.

use crate::chip::gather::activation;
use crate::chip::linear::{D_STEP, outputs, windows};
use crate::chip::operator::{LayerChip, Operator, RowSums, SumInputs, Witness, is_one};
use crate::chip::requantise::Digits;
use crate::chip::rlc::program::{Load, Program, Step};
use crate::columns::{CellRef, Col, Fix, Query};
use crate::error::CircuitError;
use crate::field::signed;
use crate::gate::{Cells, Expr};
use crate::layout::pairs::Pairs;
use crate::layout::place::ChunkLayout;
use crate::selectors::{among, decode as selector};
use crate::shape::CircuitShape;
use crate::trace::FixedCells;
use chainfer_model::quantized::{QLayer, QProduct, TensorId};
use chainfer_model::window::Window;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

/// D takes in the product of the row's activation and the next row's.
pub(crate) const PAIR: Fix = Fix::new("product: pair");
/// D is carried over unchanged.
pub(crate) const HELD: Fix = Fix::new("product: D held");
/// Selector of a pair's rows.
pub(crate) const PAIRS: Fix = Fix::new("selector: pairs");

/// Encodings: none, the first operand's row of an element, the second operand's row.
const CODES: std::ops::Range<i64> = 0..3;
const FLAGS: [(Fix, i64); 2] = [(PAIR, 1), (HELD, 2)];

/// The operator of products.
#[derive(Debug)]
pub(crate) struct Product;

impl Operator for Product {
    fn layer<'a>(&self, layer: &'a QLayer) -> Option<Box<dyn LayerChip + 'a>> {
        match layer {
            QLayer::Product(product) => Some(Box::new(Layer { layer, product })),
            _ => None,
        }
    }

    fn is_in(&self, shape: &CircuitShape) -> bool {
        shape.products
    }

    fn require(&self, shape: &mut CircuitShape) {
        shape.products = true;
    }

    /// The rows of a pair follow each other in a lane.
    fn most_lanes(&self) -> usize {
        1
    }

    fn flags(&self, _shape: &CircuitShape) -> Vec<Fix> {
        FLAGS.map(|(flag, _)| flag).to_vec()
    }

    fn selectors(&self) -> Vec<Fix> {
        vec![PAIRS]
    }

    fn decode(&self, role: Fix, query: &mut Query<'_>) -> Option<Expr> {
        let (_, code) = FLAGS.into_iter().find(|(flag, _)| *flag == role)?;
        Some(selector(query, PAIRS, &among(CODES, &[code])))
    }

    fn encode(&self, row: usize, fixed: &mut FixedCells) -> Result<(), CircuitError> {
        for (flag, code) in FLAGS {
            if fixed.is_set(flag, row)? {
                fixed.set(PAIRS, row, signed(code));
            }
        }
        Ok(())
    }

    /// D is held, and is 0 in the row above.
    fn idle(&self, column: Fix) -> Option<Vec<(Fix, i64)>> {
        (column == PAIRS).then(|| vec![(HELD, 1), (PAIRS, 2)])
    }

    fn sum_step(&self, c: &mut Cells<'_, '_>) -> Option<Expr> {
        Some(c.fix(HELD))
    }

    fn sum_term(&self, c: &mut Cells<'_, '_>) -> Option<Expr> {
        Some(c.fix(PAIR) * c.cur(Col::Y(0)) * c.at(Col::Y(0), 1))
    }

    fn sums<'a>(&self, inputs: &SumInputs<'a>) -> Result<Option<RowSums<'a>>, CircuitError> {
        let (pair, held) = (inputs.fixed.column(PAIR)?, inputs.fixed.column(HELD)?);
        let y = inputs.first.column(Col::Y(0))?;
        Ok(Some(Box::new(move |row| {
            let term = if is_one(pair, row) {
                y[row] * y[row + 1]
            } else {
                Fr::ZERO
            };
            (held[row], term)
        })))
    }
}

struct Layer<'a> {
    layer: &'a QLayer,
    product: &'a QProduct,
}

impl Layer<'_> {
    /// The rows of a's elements.
    fn rows<'l>(
        &self,
        layout: &'l ChunkLayout,
    ) -> Result<impl Iterator<Item = usize> + 'l, CircuitError> {
        let output = layout.tensor(self.product.output, &self.product.name)?;
        let pairs = layout.pairs(self.product.output, &self.product.name)?;
        Ok((0..output.dims.len()).map(move |element| pairs.row(output.slot_of(element))))
    }
}

impl LayerChip for Layer<'_> {
    fn windows(&self) -> Vec<(TensorId, Window)> {
        vec![]
    }

    fn has_pairs(&self) -> bool {
        true
    }

    fn copies(&self, layout: &ChunkLayout) -> Result<Vec<(CellRef, CellRef)>, CircuitError> {
        let (left, right) = (&self.product.left, &self.product.right);
        let a = layout.tensor(left.tensor, &self.product.name)?;
        let b = layout.tensor(right.tensor, &self.product.name)?;
        let copies = self.rows(layout)?.enumerate().flat_map(|(place, row)| {
            let (a, b) = (
                activation(a, left.element(place)),
                activation(b, right.element(place)),
            );
            [(Col::Y(0).at(row), a), (Col::Y(0).at(row + 1), b)]
        });
        Ok(copies.collect())
    }

    fn relation(&self, program: &mut Program<'_>) -> Result<(), CircuitError> {
        let QProduct {
            name,
            output,
            weights,
            ..
        } = self.product;
        let out = program.tensor(*output, name)?;
        let pairs = program.layout().pairs(*output, name)?;
        let channels = 0..out.dims.c;
        let ends = |col: Col| channels.clone().map(move |c| col.at(pairs.channel_end(c)));
        program.unit();
        let sums = [Col::D, Col::Beta(0), Col::Beta(1)].map(|col| {
            program.horner(ends(col));
            program.keep()
        });
        let mut step = Step::Drop;
        for c in channels.clone() {
            program.product(Col::D.at(out.channel_end(c)), -1, step);
            step = Step::R;
        }
        for (weight, sum) in weights.iter().zip(sums) {
            program.fold(1, Load::FoldR, || vec![*weight]);
            program.product(sum, 1, Step::Hold);
        }
        program.check();
        program.relation_has_degree(out.dims.c + out.chan_units());
        Ok(())
    }

    fn fixed(&self, layout: &ChunkLayout, fixed: &mut FixedCells) -> Result<(), CircuitError> {
        let product = self.product;
        let tensor = layout.tensor(product.output, &product.name)?;
        outputs::fixed_steps(tensor, |row| tensor.begins_channel(row), fixed);
        outputs::fixed_biases(tensor, &product.element_bias, fixed);
        for (row, begins) in layout.pairs(product.output, &product.name)?.rows() {
            if !begins {
                fixed.flag(D_STEP, row);
            }
            fixed.flag(HELD, row + 1);
            for j in 0..Pairs::TAPS {
                fixed.set(windows::held(j), row, Fr::ZERO);
                if !begins {
                    fixed.flag(windows::steps(j), row);
                }
            }
        }
        for row in self.rows(layout)? {
            fixed.flag(PAIR, row);
            for j in 0..Pairs::TAPS {
                fixed.flag(windows::mask(j, 0), row + j);
            }
        }
        Ok(())
    }

    fn witness(&self, witness: &mut Witness<'_>) -> Result<(), CircuitError> {
        let (left, right) = (&self.product.left, &self.product.right);
        let values = witness.values;
        for (place, row) in self.rows(witness.layout)?.enumerate() {
            let a = values[left.tensor.0][left.element(place)];
            let b = values[right.tensor.0][right.element(place)];
            witness.digits(0, row, Digits::of_input(a));
            witness.digits(0, row + 1, Digits::of_input(b));
        }
        outputs::witness(self.layer, witness)
    }
}

#[cfg(test)]
mod tests;
