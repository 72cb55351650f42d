//! Matrix products of activations: acc_mij = sum_k (w0 a_mik b_mkj + w1 a_mik + w2 b_mkj) + bias.
//!
//! The output is requantised as a linear layer's: its channel (m, i) has the sum D_mi over its positions j. Channel (m, k) of the right
//! tensor has the sum B_mk = sum_j z^(U-1-j) b_mkj over the same exponents, by a beta accumulator of points ([`windows`]). The left operand
//! is folded by r in rows of the check, where the operand u copies each activation:
//!
//! ```text
//! A_mk = sum_i r^(I-1-i) a_mik
//! ```
//!
//! and with G the sum of z^(U-1-j) over the output's positions, S = 1 + r + … + r^(I-1), the layer's equation is
//!
//! ```text
//! sum_m r^(I (M-1-m)) ( - sum_i r^(I-1-i) D_mi + w0 sum_k A_mk B_mk + w1 G sum_k A_mk + w2 S sum_k B_mk ) = 0
//! ```
//!
//! whose coefficient at r^(I M - 1 - (m, i)) z^(U-1-j) is the equation of output (m, i, j). Its degree in z and r together is I M + U at
//! most. The check's rows: I + 5 for each (m, k), I + 8 for each matrix, and a few for each layer.
//!
//! Security: docs/security.md#rule-3-one-equation-per-layer.

use crate::chip::gather::activation;
use crate::chip::linear::{outputs, windows};
use crate::chip::operator::{LayerChip, Operator, Witness};
use crate::chip::rlc::program::{Load, Program, Step, Term};
use crate::columns::{CellRef, Col};
use crate::error::CircuitError;
use crate::layout::place::ChunkLayout;
use crate::layout::tensor::TensorLayout;
use crate::trace::FixedCells;
use chainfer_model::quantized::{QLayer, QMatMul, TensorId};
use chainfer_model::window::Window;

/// The operator of matrix products.
#[derive(Debug)]
pub(crate) struct MatMul;

impl Operator for MatMul {
    fn layer<'a>(&self, layer: &'a QLayer) -> Option<Box<dyn LayerChip + 'a>> {
        match layer {
            QLayer::MatMul(product) => Some(Box::new(Layer { layer, product })),
            _ => None,
        }
    }
}

struct Layer<'a> {
    layer: &'a QLayer,
    product: &'a QMatMul,
}

/// What a matrix gives the equation: cells of sum_k A B, sum_k A and sum_k B.
struct Sums {
    both: CellRef,
    left: CellRef,
    right: CellRef,
}

impl LayerChip for Layer<'_> {
    fn windows(&self) -> Vec<(TensorId, Window)> {
        vec![(self.product.right, Window::POINT)]
    }

    fn relation(&self, program: &mut Program<'_>) -> Result<(), CircuitError> {
        let QMatMul {
            name,
            right,
            output,
            matrices,
            weights,
            ..
        } = self.product;
        let out = program.tensor(*output, name)?;
        windows::prepare(program, name, &Window::POINT, (*right, *output))?;
        let rows = out.dims.c / matrices;
        let positions = positions(program, out);
        let of_rows = program.geometric_r(rows);
        let sums: Vec<Sums> = (0..*matrices)
            .map(|matrix| self.sums(program, matrix, rows))
            .collect::<Result<_, _>>()?;
        let mut step = Step::Drop;
        for (matrix, sums) in sums.into_iter().enumerate() {
            program.unit();
            for i in 0..rows {
                let end = out.channel_end(matrix * rows + i);
                program.product(Col::D.at(end), -1, step);
                step = Step::R;
            }
            let terms = [
                (sums.both, None),
                (sums.left, Some(positions)),
                (sums.right, Some(of_rows)),
            ];
            for (weight, (sum, times)) in weights.iter().zip(terms) {
                program.fold(1, Load::FoldR, || vec![*weight]);
                if let Some(times) = times {
                    program.scale(times);
                }
                program.product(sum, 1, Step::Hold);
            }
        }
        program.check();
        program.relation_has_degree(out.dims.c + out.chan_units());
        Ok(())
    }

    fn fixed(&self, layout: &ChunkLayout, fixed: &mut FixedCells) -> Result<(), CircuitError> {
        let tensor = layout.tensor(self.product.output, &self.product.name)?;
        outputs::fixed_steps(tensor, |row| tensor.begins_channel(row), fixed);
        outputs::fixed_biases(tensor, &self.product.element_bias, fixed);
        Ok(())
    }

    fn witness(&self, witness: &mut Witness<'_>) -> Result<(), CircuitError> {
        outputs::witness(self.layer, witness)
    }
}

impl Layer<'_> {
    /// Folds the left operand of one matrix, and sums up over k.
    fn sums(
        &self,
        program: &mut Program<'_>,
        matrix: usize,
        rows: usize,
    ) -> Result<Sums, CircuitError> {
        let QMatMul {
            name, left, inner, ..
        } = self.product;
        let a = program.tensor(left.tensor, name)?;
        program.unit();
        let mut folded = Vec::with_capacity(*inner);
        for k in 0..*inner {
            let channels = matrix * rows..(matrix + 1) * rows;
            program.horner(channels.map(|i| activation(a, left.element(i * inner + k))));
            folded.push(program.keep());
        }
        let mut step = Step::Drop;
        for (k, cell) in folded.iter().enumerate() {
            program.unit();
            program.scale(*cell);
            program.products(&self.right(program, matrix, k)?, step);
            step = Step::Hold;
        }
        let both = program.keep();
        step = Step::Drop;
        for cell in folded {
            program.product(cell, 1, step);
            step = Step::Hold;
        }
        let left = program.keep();
        step = Step::Drop;
        for k in 0..*inner {
            program.unit();
            program.products(&self.right(program, matrix, k)?, step);
            step = Step::Hold;
        }
        let right = program.keep();
        Ok(Sums { both, left, right })
    }

    /// The accumulator values that make up B_mk.
    fn right(
        &self,
        program: &Program<'_>,
        matrix: usize,
        k: usize,
    ) -> Result<Vec<Term>, CircuitError> {
        let QMatMul {
            name,
            right,
            output,
            inner,
            ..
        } = self.product;
        let (layout, channel) = (program.layout(), matrix * inner + k);
        let tensors = (*right, *output);
        windows::taps(layout, name, &Window::POINT, tensors, channel, (0, 0))
    }
}

/// The cell of the sum of z^(U-1-j) over a channel's positions: a geometric sum over columns times one over image rows.
fn positions(program: &mut Program<'_>, out: &TensorLayout) -> CellRef {
    let pitch = out.pitch_units();
    let columns = program.geometric(1, out.dims.w);
    let rows = program.geometric(pitch, out.dims.h);
    let behind = out.chan_units() - (out.dims.h - 1) * pitch - out.dims.w;
    let mut factors = vec![columns, rows];
    if behind > 0 {
        factors.push(program.power(behind));
    }
    program.product_of(&factors)
}

#[cfg(test)]
mod tests;
